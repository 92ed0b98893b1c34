"""The words of `main.py sandbox`: its examples, and spans of time."""

import re
from typing import Final

EXAMPLES: Final = """\
It speaks the wire formats of Amadeus, Duffel, Stripe and PayPal on loopback, sells a made-up world that
follows from a seed, and keeps all in one file that survives a kill. When it is ready it prints one line of
JSON: where the control port and each supplier are.

  main.py sandbox                      run it, until Ctrl-C
  main.py sandbox advance 7d           a week later: offers expire, unpaid orders are cancelled
  main.py sandbox rule '{"match": {"method": "POST", "pathRegex": "/flight-orders$"},
                         "action": {"type": "hang_after_effect"}}'
                                       the next order is made, and its answer lost
  main.py sandbox 3ds pi_3… ok         the card's owner confirms the payment
  main.py sandbox payer 5O19… agree    the payer agrees at PayPal
  main.py sandbox fault '{"match": {"api": "stripe.webhooks"}, "action": {"type": "drop"}}'
                                       the next webhook is lost (the same as rule)
  main.py sandbox effects              what moved money at Stripe (--of paypal, --of duffel)
  main.py sandbox journal              what the rules did
  main.py sandbox issue QPPTSH         issue an order's tickets
  main.py sandbox change QPPTSH        the airline moves its flights by 45 minutes
  main.py sandbox airline-cancel QPPTSH   the airline cancels it
  main.py sandbox pnrs 'SAGA 01J9'     find an order whose answer was lost

docs/sandbox.md has all actions of rules and all paths of the control port.
"""

_UNITS: Final = {"w": 604_800_000, "d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000}
_SPAN: Final = re.compile(r"(?:\d{1,6}[wdhms])+")


def milliseconds(text: str) -> int:
    """`7d`, `36h`, `1d12h`. Raises `ValueError` with a sentence."""
    if _SPAN.fullmatch(text) is None:
        raise ValueError(f"{text!r} is no span of time: write it as 7d, 36h, 90m, 30s or 1d12h.")
    return sum(int(number) * _UNITS[unit] for number, unit in re.findall(r"(\d+)([wdhms])", text))
