"""What is true of a booked trip that its airline has changed: the new times are accepted once, or another booking takes
its place and it is paid back (docs/booking.md, I7). From the outside, as `booking_audit`."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import asyncpg
import msgspec
import trio
from booking_audit import Evidence, database_of, findings, gather
from booking_stand import Stand

from actors.booking.flights import ways_of


@dataclass(frozen=True, kw_only=True)
class Afterwards:
    """`before`: once it was booked; `others`: what was opened in its place; `accepted`: changes of its order whose
    acceptance Duffel's journal has; `departs`: of its flights, as Duffel has them."""

    before: Evidence
    now: Evidence
    others: Sequence[Evidence]
    accepted: Sequence[str]
    departs: Sequence[str]


def found_afterwards(votes: str, seen: Afterwards) -> list[str]:
    """What must not be, in words. `votes`: the option that everybody chose."""
    found = _changed(seen) if votes == "accept" else _replaced(seen)
    return [f"{seen.now.saga.booking_id}: {one}" for one in found]


def _changed(seen: Afterwards) -> list[str]:
    saga, found = seen.now.saga, []
    if saga.state != "COMPLETED" or saga.question is not None:
        found.append(f"it is not simply booked: {saga.state}")
    if any(part.change is not None for part in saga.parts):
        found.append("the change is still open")
    if len(seen.accepted) != 1:
        found.append(f"accepted {len(seen.accepted)} times")
    known = _departs(seen.now)
    if known != list(seen.departs) or known == _departs(seen.before):
        found.append(f"they know {known}, it leaves {list(seen.departs)}")
    if seen.now.balances != seen.before.balances:
        found.append("the ledger moved")
    if len(seen.now.effects) != len(seen.before.effects):
        found.append("money moved")
    if seen.others:
        found.append("another booking was opened")
    return found


def _replaced(seen: Afterwards) -> list[str]:
    saga, found = seen.now.saga, []
    if saga.state != "CANCELLED":
        found.append(f"the first one is {saga.state}")
    if seen.accepted:
        found.append("accepted, and given up")
    if len(seen.others) != 1:
        return [*found, f"{len(seen.others)} bookings in its place"]
    other = seen.others[0]
    found += findings(other)
    if other.saga.state != "COMPLETED":
        found.append(f"the other one is {other.saga.state}")
    if not other.saga.has_told:
        found.append("the first one has not heard of the other")
    cash = sum(
        amount
        for one in (seen.now, other)
        for name, amount in one.balances.items()
        if name.startswith("psp:")
    )
    if cash != other.saga.total.amount:
        found.append(f"both together have taken {cash}")
    given_up = _first(seen.now, "cancel_order")
    booked = max(_first(other, "confirm"), _first(other, "release"))
    if given_up < booked or not booked:
        found.append("given up before the other was booked")
    return found


def _first(seen: Evidence, op: str) -> int:
    return min((int(row["committed_at"]) for row in seen.intents if row["op"] == op), default=0)


def _departs(seen: Evidence) -> list[str]:
    return [
        segment.departs[:16]
        for part in seen.saga.parts
        for way in ways_of(part)
        for segment in way.segments
    ]


# The auditor is audited.


def unseen_afterwards(votes: str, seen: Afterwards) -> list[str]:
    """What it does not see. `seen`: of a change that went well."""
    wrong = _wrongly_changed(seen) if votes == "accept" else _wrongly_replaced(seen)
    return [
        what
        for what, one in wrong
        if not any(what in text for text in found_afterwards(votes, one))
    ]


def _wrongly_changed(seen: Afterwards) -> Iterator[tuple[str, Afterwards]]:
    yield "not simply booked", replace(seen, now=_in_state(seen.now, "CANCELLED"))
    yield "accepted 0", replace(seen, accepted=[])
    yield "accepted 2", replace(seen, accepted=[*seen.accepted, *seen.accepted])
    stale = msgspec.structs.replace(seen.now.saga, parts=seen.before.saga.parts)
    yield "they know", replace(seen, now=replace(seen.now, saga=stale))
    yield "they know", replace(seen, before=seen.now)
    moved = replace(seen.now, balances={**seen.now.balances, "supplier:duffel": 1})
    yield "the ledger moved", replace(seen, now=moved)
    paid = replace(seen.now, effects=[*seen.now.effects, seen.now.effects[0]])
    yield "money moved", replace(seen, now=paid)
    yield "another booking", replace(seen, others=[seen.now])


def _wrongly_replaced(seen: Afterwards) -> Iterator[tuple[str, Afterwards]]:
    (other,) = seen.others
    yield "the first one is COMPLETED", replace(seen, now=_in_state(seen.now, "COMPLETED"))
    yield "accepted, and", replace(seen, accepted=["aic_1"])
    yield "2 bookings", replace(seen, others=[other, other])
    yield "0 bookings", replace(seen, others=[])
    yield "the other one is CANCELLED", replace(seen, others=[_in_state(other, "CANCELLED")])
    silent = msgspec.structs.replace(other.saga, has_told=False)
    yield "has not heard", replace(seen, others=[replace(other, saga=silent)])
    yield "both together", replace(seen, now=replace(seen.now, balances={"psp:stripe": 1}))
    early = [{**row, "committed_at": 1} for row in seen.now.intents]
    yield "given up before", replace(seen, now=replace(seen.now, intents=early))


def _in_state(seen: Evidence, state: str) -> Evidence:
    return replace(seen, saga=msgspec.structs.replace(seen.saga, state=state))


# Gathering.


async def gather_afterwards(stand: Stand, before: Evidence, now: Evidence) -> Afterwards:
    """What became of `before`, which is `now`."""
    others = [
        await gather(stand, booking_id)
        for booking_id in await replacements_of(stand, now.saga.booking_id)
    ]
    order_id = before.orders[0].id
    orders = (await stand.steer("GET", "/_sandbox/duffel/orders"))["data"]
    (order,) = (one for one in orders if one["id"] == order_id)
    return Afterwards(
        before=before,
        now=now,
        others=others,
        accepted=[
            one["change"]
            for one in await stand.effects_at("duffel")
            if (one["effect"], one["order"]) == ("accepted", order_id)
        ],
        departs=[
            segment["departing_at"][:16] for way in order["slices"] for segment in way["segments"]
        ],
    )


async def replacements_of(stand: Stand, booking_id: str) -> list[str]:
    """Bookings that were opened in its place. Raises `OSError` and asyncpg's errors while no database is there."""
    dsn = database_of(stand)
    return await trio.to_thread.run_sync(lambda: asyncio.run(_replacements(dsn, booking_id)))


async def _replacements(dsn: str, booking_id: str) -> list[str]:
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch(
            "SELECT booking_id FROM booking"
            " WHERE convert_from(snapshot, 'UTF8')::json->>'replaces' = $1 ORDER BY 1",
            booking_id,
        )
        return [str(row["booking_id"]) for row in rows]
    finally:
        await connection.close()
