"""What a booking looks like, as a fixed list of numbers (pure).

Counts, times and amounts stand on logarithmic scales. What speaks for somebody is capped (an account is no
better for being ten years old, a trip no safer for being a year away), so that to be unusually trustworthy
is not unusual. Nothing is missing in the list: what is not known stands at what is usual.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from core.ports.fraud import BookingFacts, PayerFacts, PayerHistory
from inference.fraud.amounts import euros
from protocol.ids import Millis

SCHEMA: Final = 1
"""Another one whenever a place of the list means something else: what was stored before is not fitted to."""

FEATURES: Final = (
    "per_traveller",
    "lead_time",
    "haste",
    "travellers_per_payer",
    "one_way",
    "declines",
    "methods",
    "youngest_account",
    "payer_account",
    "bookings_day",
    "bookings_month",
    "declines_month",
    "completed",
    "unfinished",
    "new_money",
    "money_in_a_hurry",
)
"""Each is a way of being a risk; what is only a taste (stays, rounds of prices, how a total is shared) would make
trips strange that are rare and nothing else, and is not among them. `per_traveller`: ln(1 + euros).
`lead_time`: ln(1 + hours) to the departure; `haste`: ln(1 + hours) since the opening. `travellers_per_payer`: ln.
`declines`, `methods` (beyond the first): ln(1 + n), of the payer with most, of this booking and the last day
together. `youngest_account` of all payers, `payer_account` of who pays most: ln(1 + hours).
`bookings_…` (others than this one), `declines_month`: ln(1 + n), of the payer with most. `completed` (who pays most)
and `unfinished` (of the month, beyond those that ended well; the payer with most): ln(1 + n). `new_money`:
ln(1 + euros) of the total less `payer_account`; `money_in_a_hurry`: `per_traveller` less `lead_time`; 0 at least."""

AT: Final[Mapping[str, int]] = {name: place for place, name in enumerate(FEATURES)}

HOUR_MS: Final = 3_600_000
LONGEST_LEAD: Final = 21 * 24.0
LONGEST_OPEN: Final = 24.0
OLDEST_ACCOUNT: Final = 60 * 24.0
MOST_COMPLETED: Final = 3
"""From here on nothing speaks more for a booking: hours, hours, hours, bookings."""

MOST: Final = 1e6
"""Of euros and of any count: what is beyond is not more unusual."""

USUAL_EACH: Final = 300.0
"""Euros for a traveller, where a currency has no rate here."""

USUAL_LEAD: Final = LONGEST_LEAD
"""Hours, where no departure is known: a stay without a date is none that begins tomorrow."""

USUAL_ACCOUNT: Final = OLDEST_ACCOUNT
"""Hours, of whom nothing is known: a store that lost somebody is no reason to suspect them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Payer:
    """One person who pays, with what is known of them. Counts of this booking together with the last day, and
    with the month; `hours`: the account's age; None: there is no history."""

    amount: int
    declines: int
    methods: int
    bookings_day: int
    bookings_month: int
    declines_month: int
    completed: int
    hours: float | None


def payers_of(
    facts: BookingFacts, histories: Mapping[str, PayerHistory], *, wall: Millis
) -> list[Payer]:
    """Whoever pays several shares is one payer. `wall`: now, on the clock that accounts were registered by
    (in a sandbox business time runs ahead of it). The booking itself counts among those opened."""
    shares: dict[str, list[PayerFacts]] = {}
    for one in facts.payers:
        shares.setdefault(one.user_id, []).append(one)
    return [_payer(mine, histories.get(user_id), wall) for user_id, mine in shares.items()]


def _payer(shares: Sequence[PayerFacts], history: PayerHistory | None, wall: Millis) -> Payer:
    known = history or PayerHistory(registered_at=wall)
    declines = sum(one.declines for one in shares)
    return Payer(
        amount=sum(one.amount for one in shares),
        declines=declines + known.declines_day,
        # At least so many different ones: the same card may have paid before.
        methods=max(*(one.methods for one in shares), known.methods_day),
        bookings_day=known.bookings_day + 1,
        bookings_month=max(known.bookings_month, known.bookings_day) + 1,
        declines_month=max(known.declines_month, known.declines_day) + declines,
        completed=known.completed,
        hours=None if history is None else max(0.0, (wall - known.registered_at) / HOUR_MS),
    )


def features_of(
    facts: BookingFacts, histories: Mapping[str, PayerHistory], *, wall: Millis
) -> tuple[float, ...]:
    """In the order of `FEATURES`, all finite. `wall`: as `payers_of`."""
    payers = payers_of(facts, histories, wall=wall)
    main = max(payers, key=lambda one: one.amount, default=_NOBODY)
    travellers = max(1, facts.travellers)
    total = euros(facts.total, facts.currency)
    spent = USUAL_EACH * travellers if total is None else total
    hours = [one.hours for one in payers if one.hours is not None]
    row = {
        "per_traveller": _log(spent / travellers),
        "lead_time": _log(_lead(facts), LONGEST_LEAD),
        "haste": _log((facts.now - facts.created_at) / HOUR_MS, LONGEST_OPEN),
        "travellers_per_payer": math.log(min(max(1.0, travellers / max(1, len(payers))), MOST)),
        "one_way": float(facts.is_one_way),
        "declines": _most(one.declines for one in payers),
        "methods": _most(one.methods - 1 for one in payers),
        "youngest_account": _log(min(hours, default=USUAL_ACCOUNT), OLDEST_ACCOUNT),
        "payer_account": _age(main),
        "bookings_day": _most(one.bookings_day - 1 for one in payers),
        "bookings_month": _most(one.bookings_month - 1 for one in payers),
        "declines_month": _most(one.declines_month for one in payers),
        "completed": _log(main.completed, MOST_COMPLETED),
        "unfinished": _most(one.bookings_month - 1 - one.completed for one in payers),
    }
    row["new_money"] = max(0.0, _log(spent) - row["payer_account"])
    row["money_in_a_hurry"] = max(0.0, row["per_traveller"] - row["lead_time"])
    return tuple(row[name] for name in FEATURES)


def stored(features: Sequence[float]) -> tuple[float, ...]:
    """As they are kept with a verdict: behind the number of their list."""
    return (float(SCHEMA), *features)


STORED: Final = ("schema", *FEATURES)
"""What the numbers that `stored` gives are called."""


def read(kept: Sequence[float]) -> tuple[float, ...] | None:
    """What `stored` kept; None: another list, or none."""
    if len(kept) != len(FEATURES) + 1 or kept[0] != SCHEMA:
        return None
    return tuple(kept[1:]) if all(map(math.isfinite, kept)) else None


_NOBODY: Final = Payer(
    amount=0,
    declines=0,
    methods=0,
    bookings_day=1,
    bookings_month=1,
    declines_month=0,
    completed=0,
    hours=None,
)


def _lead(facts: BookingFacts) -> float:
    """Hours; a departure that is past is now."""
    if facts.departs_at is None:
        return USUAL_LEAD
    return (facts.departs_at - facts.now) / HOUR_MS


def _age(payer: Payer) -> float:
    return _log(USUAL_ACCOUNT if payer.hours is None else payer.hours, OLDEST_ACCOUNT)


def _log(value: float, most: float = MOST) -> float:
    return math.log1p(min(max(value, 0.0), most))


def _most(counts: Iterable[int]) -> float:
    return _log(max(counts, default=0))
