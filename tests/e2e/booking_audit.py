"""What is true of a booking, from the outside: the suppliers' and the provider's word against the server's
journal and ledger, and against what people saw (docs/booking.md, I1 to I6)."""

import asyncio
import itertools
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg
import trio
from booking_people import Watched
from booking_stand import Stand

from actors.booking.journal import Told, told_of, unpacked
from actors.booking.state import Part, Saga

Row = Mapping[str, Any]
NETS = {"captured": 1, "refunded": -1, "refund_failed": 1}
HOLDS = {"authorized": 1, "captured": -1, "cancelled": -1, "expired": -1}


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """All of one booking. `orders`: of both suppliers, as `Order`."""

    saga: Saga
    told: Sequence[Told]
    intents: Sequence[Row]
    balances: Mapping[str, int]
    payments: Sequence[Row]
    effects: Sequence[Row]
    orders: Sequence["Order"]
    watched: Mapping[str, Watched]


@dataclass(frozen=True, kw_only=True)
class Order:
    """`made_at`: business time, ms."""

    id: str
    reference: str
    status: str
    made_at: int


def findings(seen: Evidence) -> list[str]:
    """What must not be, in words; nothing when all holds."""
    found: list[str] = []
    saga = seen.saga
    if saga.state not in ("COMPLETED", "CANCELLED") and not _may_be_manual(seen):
        found.append(f"it ended {saga.state}: {saga.manual_reason}")
    if saga.pending:
        found.append(f"calls without an end: {len(saga.pending)}")
    found += [f"intent {row['seq']} has no result" for row in seen.intents if not row["outcome"]]
    if sum(share.amount.amount for share in saga.shares) != saga.total.amount:
        found.append("I5: the shares are not the total")
    found += _orders(seen)
    found += _money(seen)
    found += _sequence(seen)
    found += _told(seen)
    return [f"{saga.booking_id}: {one}" for one in found]


def _orders(seen: Evidence) -> list[str]:
    saga, found = seen.saga, []
    references = Counter(order.reference for order in seen.orders)
    found += [f"I4: ordered twice: {name}" for name, n in references.items() if n > 1]
    for part in saga.parts:
        live = [o for o in seen.orders if _is_of(o, part) and o.status != "cancelled"]
        if len(live) > 1:
            found.append(f"I4: {part.id} has {len(live)} live orders")
        if saga.state == "COMPLETED" and not part.is_dropped:
            wanted = "ticketed" if part.kind == "flight" else "live"
            if [order.status for order in live] != [wanted]:
                found.append(f"I1: {part.id} is booked with {[order.status for order in live]}")
            elif part.order is None or part.order.order_id != live[0].id:
                found.append(f"I1: {part.id} names another order")
        elif live and saga.state != "MANUAL":
            found.append(f"I2: orphan hold: {part.id} is still ordered in {saga.state}")
    return found


def _is_of(order: Order, part: Part) -> bool:
    return f" {part.id} ATT " in order.reference


def _money(seen: Evidence) -> list[str]:
    saga, found = seen.saga, []
    net: Counter[str] = Counter()
    for effect in seen.effects:
        share_id = effect["share"]
        net[share_id] += NETS.get(effect["effect"], 0) * effect["amount"]
    held: Counter[str] = Counter()
    for effect in seen.effects:
        if effect["provider"] == "paypal":
            held[effect["payment"]] += HOLDS.get(effect["effect"], 0)
    found += [
        f"I2: orphan hold: order {id_} holds at PayPal"
        for id_, times in held.items()
        if times and saga.state != "MANUAL"
    ]
    found += [
        f"I2: orphan hold: {payment['id']} holds {payment['amount']}"
        for payment in seen.payments
        if payment["status"] == "requires_capture" and saga.state != "MANUAL"
    ]
    for share in saga.shares:
        if net[share.id] > share.amount.amount:
            found.append(f"double charge: {share.id} paid {net[share.id]}")
        if saga.state == "COMPLETED" and net[share.id] != share.amount.amount:
            found.append(f"I1: {share.id} paid {net[share.id]} of {share.amount.amount}")
    if saga.state == "CANCELLED" and any(net.values()):
        found.append(f"I2: {dict(net)} was kept")
    psp = sum(amount for name, amount in seen.balances.items() if name.startswith("psp:"))
    if psp != sum(net.values()):
        found.append(f"ledger: psp is {psp}, the provider has {sum(net.values())}")
    for name, amount in seen.balances.items():
        zero = ("trip", "suspense", "participant") if saga.state != "MANUAL" else ("suspense",)
        if amount and name.split(":")[0] in zero:
            found.append(f"ledger: {name} is {amount} in {saga.state}")
    return found


def _sequence(seen: Evidence) -> list[str]:
    """I3 and I6: nobody pays for seats that nobody holds, nothing is issued that is not paid."""
    found = []
    captures = [effect for effect in seen.effects if effect["effect"] == "captured"]
    issued = [row["committed_at"] for row in seen.intents if row["op"] in ("release", "confirm")]
    if issued and min(issued) < max((effect["at"] for effect in captures), default=0):
        found.append("I3: issuing was asked for before the last capture")
    flights = {part.id for part in seen.saga.parts if part.kind == "flight"}
    held = [o.made_at for o in seen.orders if any(f" {id} ATT " in o.reference for id in flights)]
    if (
        captures
        and flights
        and (not held or min(held) > min(effect["businessAt"] for effect in captures))
    ):
        found.append("I6: money was taken without seats")
    return found


def _told(seen: Evidence) -> list[str]:
    """Each version once and in order to each, the room one card for each change, nothing lost."""
    found, versions = [], list(range(1, seen.saga.version + 1))
    if [told.view.version for told in seen.told] != versions:
        found.append("versions have gaps")
    shown = [told for told in seen.told if told.has_card]
    cards = {told.view.version: told.view.status for told in shown}
    statuses = [told.view.status for told in seen.told]
    changes = 1 + sum(a != b for a, b in itertools.pairwise(statuses))
    # What an airline changes: that, the question, and what was decided.
    changes += 3 * seen.saga.changes
    if len(cards) > changes:
        found.append(f"{len(cards)} cards for {changes} changes of status")
    for name, watched in seen.watched.items():
        if watched.updates != versions:
            found.append(f"{name} was told {watched.updates} of {versions[-1:]}")
        if watched.cards != cards or watched.card_repeats:
            found.append(f"{name} saw cards {watched.cards} of {cards}")
    return found


def _may_be_manual(seen: Evidence) -> bool:
    """A stay was ordered where nobody can look, and not answered."""
    return seen.saga.state == "MANUAL" and any(
        part.kind == "hotel" and part.is_doubtful for part in seen.saga.parts
    )


# Gathering.


async def gather(stand: Stand, booking_id: str) -> Evidence:
    """From the server's database and the sandbox, whoever of the two has died how often."""
    dsn = database_of(stand)
    rows = await trio.to_thread.run_sync(lambda: asyncio.run(_stored(dsn, booking_id)))
    return Evidence(
        saga=unpacked(rows["snapshot"]),
        told=[told_of(body) for body in rows["events"]],
        intents=rows["intents"],
        balances=rows["balances"],
        payments=await stand.payments_of(booking_id),
        effects=await stand.effects_of(booking_id),
        orders=await _ordered(stand, booking_id),
        watched={name: one.of(booking_id) for name, one in stand.people.items()},
    )


def database_of(stand: Stand) -> str:
    """Where the server's present life has it."""
    return str(json.loads((stand.server.data_dir / "server.json").read_text())["database"])


async def _stored(dsn: str, booking_id: str) -> dict[str, Any]:
    connection = await asyncpg.connect(dsn)
    try:
        return {
            "snapshot": await connection.fetchval(
                "SELECT snapshot FROM booking WHERE booking_id = $1", booking_id
            ),
            "events": [
                row["body"]
                for row in await connection.fetch(
                    "SELECT body FROM booking_event WHERE booking_id = $1 ORDER BY version",
                    booking_id,
                )
            ],
            "intents": [
                dict(row)
                for row in await connection.fetch(
                    "SELECT seq, op, outcome, committed_at FROM booking_intent"
                    " WHERE booking_id = $1 ORDER BY seq",
                    booking_id,
                )
            ],
            "balances": {
                row["account"]: int(row["amount"])
                for row in await connection.fetch(
                    "SELECT account, sum(e.amount) AS amount FROM ledger_entry e"
                    " JOIN ledger_posting p ON p.booking_id = e.booking_id AND p.name = e.posting"
                    " WHERE NOT p.is_memo AND e.booking_id = $1 GROUP BY 1",
                    booking_id,
                )
            },
        }
    finally:
        await connection.close()


async def _ordered(stand: Stand, booking_id: str) -> list[Order]:
    found = []
    for one in (await stand.steer("GET", f"/_sandbox/pnrs?remark={booking_id}"))["data"]:
        reference = next(text for text in one["remarks"] if booking_id in text)
        found.append(
            Order(id=one["id"], reference=reference, status=one["status"], made_at=one["createdAt"])
        )
    for one in (await stand.steer("GET", f"/_sandbox/rooms?request={booking_id}"))["data"]:
        found += [
            Order(id=f"hotel:{one['id']}", reference=text, status="live", made_at=0)
            for text in one["requests"]
        ]
    for one in (await stand.steer("GET", "/_sandbox/duffel/orders"))["data"]:
        references = [value for value in one["metadata"].values() if booking_id in value]
        found += [_of_duffel(one, reference) for reference in references]
    return found


def _of_duffel(one: Row, reference: str) -> Order:
    status = "cancelled" if one["cancelled_at"] else "ticketed" if one["documents"] else "live"
    made = datetime.fromisoformat(one["created_at"])
    return Order(
        id=one["id"], reference=reference, status=status, made_at=int(made.timestamp() * 1_000)
    )
