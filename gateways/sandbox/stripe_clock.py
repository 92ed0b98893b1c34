"""What Stripe does by itself as business time goes on, and how that time can be read: as a test clock."""

from typing import Final, NoReturn

from gateways.sandbox import agenda
from gateways.sandbox.exchange import Json, Setting
from gateways.sandbox.stripe_balance import ripen
from gateways.sandbox.stripe_events import emit
from gateways.sandbox.stripe_idempotency import forget
from gateways.sandbox.stripe_intents import run_out
from gateways.sandbox.stripe_objects import DUE, Call
from gateways.sandbox.stripe_refunds import fail_later, pay_waiting

CLOCK_ID: Final = "clock_sandbox"
_SEEN: Final = "stripe.clock"


def settle(setting: Setting) -> None:
    """Do what is due, in order; tell of a clock that was moved."""
    call = Call(setting=setting)
    for key, entry in agenda.due(setting, DUE):
        setting.records.delete(DUE, key)
        match entry["what"]:
            case "expire":
                run_out(call, entry["id"])
            case "available":
                ripen(call, entry["id"])
                pay_waiting(call)
            case "fail_refund":
                fail_later(call, entry["id"])
            case "forget_key":
                forget(call, entry["id"])
            case "forget_event":
                event = call.find(entry["id"], "evt")
                if event is not None:
                    call.remove(event)
            case other:
                _unknown(other)
    offset = setting.now.business - setting.now.wall
    seen = setting.records.get(_SEEN, "offset")
    if offset != (0 if seen is None else seen["ms"]):
        setting.records.put(_SEEN, "offset", {"ms": offset})
        emit(call, "test_helpers.test_clock.ready", test_clock(call))


def test_clock(call: Call) -> Json:
    """Business time, in seconds, as Stripe shows a clock of its own."""
    return {
        "id": CLOCK_ID,
        "object": "test_helpers.test_clock",
        "created": 0,
        "deletes_after": 253_402_300_799,
        "frozen_time": call.now,
        "livemode": False,
        "name": "The sandbox's business time",
        "status": "ready",
        "status_details": {},
    }


def _unknown(what: object) -> NoReturn:
    raise AssertionError(f"Nothing is known to do for {what!r}.")
