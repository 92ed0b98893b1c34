"""Whether money and orders are where they belong: the suppliers' own journals beside the server's ledger (pure).

Nothing here asks the server what it believes of suppliers: what was taken, given back, held, ordered and
issued comes from whoever did it, what is owed to whom from the ledger.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

MAX_PROBLEMS: Final = 50
SETTLED: Final = ("booked", "cancelled")
"""Statuses in which nothing is owed to anybody; `manual` waits for a person, who makes it so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Booked:
    """A booking as the server has it. `shares`: share id → minor units; `order_ids`: of the parts that
    it was not booked without; `balances`: (account, currency) → minor units, debits positive. `screened`: the
    newest verdict on whether it is fraud; empty: it was never looked at."""

    booking_id: str
    status: str
    currency: str
    is_terminal: bool = True
    shares: Mapping[str, int] = field(default_factory=dict)
    order_ids: frozenset[str] = frozenset()
    balances: Mapping[tuple[str, str], int] = field(default_factory=dict)
    screened: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An order as the supplier has it. `reference` is what we wrote on it, `booking_id` of it. `is_live`: it
    is held or bought; `is_issued`: tickets were issued. `total` in minor units. `issued_at`: business
    time in milliseconds, None where the supplier does not say."""

    supplier: str
    order_id: str
    reference: str
    booking_id: str
    is_live: bool
    is_issued: bool
    total: int
    currency: str
    issued_at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What moved money at the provider, in its order. `kind` as in the sandbox's journal; `amount` in minor
    units; `at`: business time in milliseconds."""

    kind: str
    payment: str
    booking_id: str
    share_id: str
    amount: int
    currency: str
    at: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """`ledger_minor`: by how much journal and ledger differ, absolute, summed over bookings and accounts, in
    each currency's minor units. `orphan_holds`: what is held on cards, and orders that live, that no
    completed booking owns; and orders that were sent again under one reference. `double_charges`: shares
    that were charged twice. `early_tickets`: orders issued before all shares were taken. `problems`:
    sentences, at most fifty."""

    ledger_minor: int
    orphan_holds: int
    double_charges: int
    early_tickets: int
    problems: Sequence[str]


def judge(
    bookings: Iterable[Booked], effects: Sequence[Effect], orders: Sequence[Order]
) -> Verdict:
    """All of it. Effects and orders of bookings that the server does not have count in full."""
    known = {one.booking_id: one for one in bookings}
    problems: list[str] = []
    ledger = _ledger(known, effects, orders, problems)
    orphans = _held_cards(effects, problems) + _orders(known, orders, problems)
    return Verdict(
        ledger_minor=ledger,
        orphan_holds=orphans,
        double_charges=_double_charges(effects, problems),
        early_tickets=_early_tickets(known, effects, orders, problems),
        problems=problems[:MAX_PROBLEMS],
    )


def booked_of(row: Mapping[str, Any]) -> Booked:
    """One of `bookings` of `main.py saga audit`."""
    return Booked(
        booking_id=row["bookingId"],
        status=row["status"],
        currency=row["currency"],
        is_terminal=row["isTerminal"],
        shares={share["id"]: share["amount"] for share in row["shares"]},
        order_ids=frozenset(
            part["orderId"] for part in row["parts"] if part["orderId"] and not part["isDropped"]
        ),
        balances={(one["account"], one["currency"]): one["amount"] for one in row["balances"]},
        screened=row.get("screened", ""),
    )


def effect_of(row: Mapping[str, Any]) -> Effect:
    """One of the sandbox's `/_sandbox/stripe/effects`. Its minor units are ours, in currencies with two
    decimals."""
    metadata = row["metadata"]
    return Effect(
        kind=row["effect"],
        payment=row.get("paymentIntent") or "",
        booking_id=metadata.get("saga_id", ""),
        share_id=metadata.get("share_id", ""),
        amount=row["amount"],
        currency=row["currency"].upper(),
        at=row.get("businessAt", 0),
    )


def paypal_effect_of(row: Mapping[str, Any]) -> Effect:
    """One of the sandbox's `/_sandbox/paypal/effects`: a payment is an order, and its reference says whose
    it is."""
    booking_id, _, rest = str(row["reference"]).partition("|")
    return Effect(
        kind=row["effect"],
        payment=row["order"],
        booking_id=booking_id,
        share_id=rest.partition("|")[0],
        amount=row["amount"],
        currency=row["currency"],
        at=row["businessAt"],
    )


_SIGNS: Final = {"captured": 1, "refunded": -1, "refund_failed": 1}


def _net(effects: Iterable[Effect]) -> Counter[tuple[str, str, str]]:
    """(booking, share, currency) → what was taken and not given back."""
    net: Counter[tuple[str, str, str]] = Counter()
    for one in effects:
        if one.kind in _SIGNS:
            net[one.booking_id, one.share_id, one.currency] += _SIGNS[one.kind] * one.amount
    return net


def _ledger(
    known: Mapping[str, Booked],
    effects: Sequence[Effect],
    orders: Sequence[Order],
    problems: list[str],
) -> int:
    taken = _net(effects)
    spent: Counter[tuple[str, str, str]] = Counter()
    for order in orders:
        if order.is_live and order.is_issued:
            spent[order.booking_id, order.supplier, order.currency] += order.total
    total = 0
    for booking_id in sorted({*known, *(key[0] for key in taken), *(key[0] for key in spent)}):
        booked = known.get(booking_id) or Booked(booking_id=booking_id, status="", currency="")
        for what, difference in _differences(booked, taken, spent):
            total += abs(difference)
            problems.append(f"{booking_id} ({booked.status}): {what} differs by {difference}")
    return total


def _differences(
    booked: Booked,
    taken: Mapping[tuple[str, str, str], int],
    spent: Mapping[tuple[str, str, str], int],
) -> Iterable[tuple[str, int]]:
    """What differs, and by how much; nothing of what agrees."""
    expected: Counter[tuple[str, str]] = Counter()
    for (booking_id, _, currency), amount in taken.items():
        if booking_id == booked.booking_id:
            expected["psp", currency] += amount
    settled = booked.status in SETTLED
    if settled or not booked.status:
        for (booking_id, supplier, currency), amount in spent.items():
            if booking_id == booked.booking_id:
                expected[f"supplier:{supplier}", currency] -= amount
    found: Counter[tuple[str, str]] = Counter()
    for (account, currency), amount in booked.balances.items():
        if account.startswith("psp:"):
            found["psp", currency] += amount
        elif settled:
            found[account, currency] += amount
    for key in sorted({*expected, *found}):
        if expected[key] != found[key]:
            yield f"{key[0]} in {key[1]}", found[key] - expected[key]
    if booked.status == "booked":
        for share_id, amount in booked.shares.items():
            paid = taken.get((booked.booking_id, share_id, booked.currency), 0)
            if paid != amount:
                yield f"what share {share_id} has paid", paid - amount


def _held_cards(effects: Sequence[Effect], problems: list[str]) -> int:
    live: dict[str, Effect] = {}
    for one in effects:
        if one.kind == "authorized":
            live[one.payment] = one
        elif one.kind in ("captured", "cancelled", "expired"):
            live.pop(one.payment, None)
    problems += [f"{one.booking_id}: {one.payment} is still held" for one in live.values()]
    return len(live)


def _orders(known: Mapping[str, Booked], orders: Sequence[Order], problems: list[str]) -> int:
    """A booking that is booked owns its parts' orders. Each reference is sent once, ever."""
    count = 0
    seen: set[tuple[str, str]] = set()
    for order in orders:
        booked = known.get(order.booking_id)
        is_owned = (
            booked is not None and booked.status == "booked" and order.order_id in booked.order_ids
        )
        is_again = (order.supplier, order.reference) in seen
        seen.add((order.supplier, order.reference))
        if is_again or (order.is_live and not is_owned):
            count += 1
            why = "was made under a reference that had one" if is_again else "lives on"
            problems.append(f"{order.booking_id}: {order.supplier}'s {order.order_id} {why}")
    return count


def _double_charges(effects: Sequence[Effect], problems: list[str]) -> int:
    """Shares of which two payments were taken and not given back at the same time, or one twice."""
    net: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    captured: Counter[str] = Counter()
    twice: dict[tuple[str, str], None] = {}
    for one in effects:
        if one.kind not in _SIGNS:
            continue
        share = (one.booking_id, one.share_id)
        net[share][one.payment] += _SIGNS[one.kind] * one.amount
        captured[one.payment] += one.kind == "captured"
        if sum(amount > 0 for amount in net[share].values()) > 1 or captured[one.payment] > 1:
            twice[share] = None
    problems += [
        f"{booking_id}: share {share_id} was charged twice" for booking_id, share_id in twice
    ]
    return len(twice)


def _early_tickets(
    known: Mapping[str, Booked],
    effects: Sequence[Effect],
    orders: Sequence[Order],
    problems: list[str],
) -> int:
    """Issued, and not every share had been taken by then; where nobody says when: ever."""
    taken: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for one in effects:
        if one.kind == "captured":
            taken[one.booking_id].setdefault(one.share_id, one.at)
    count = 0
    for order in orders:
        booked = known.get(order.booking_id)
        if not order.is_issued or booked is None:
            continue
        times = [
            taken[order.booking_id].get(share_id) for share_id, n in booked.shares.items() if n
        ]
        if None in times or (
            order.issued_at is not None and any((at or 0) > order.issued_at for at in times)
        ):
            count += 1
            problems.append(f"{order.booking_id}: {order.order_id} was issued before all had paid")
    return count
