"""What every `Consultations` promises."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
import trio
from persona_worlds import ManualClock, plan_of
from postgres_for_tests import fresh_database
from sellers_world import OTHER_TENANT, TENANT, People

from core.chance import SystemChance
from core.errors import Rejected
from core.identity import Role
from core.ids import ProcessIds
from core.ports.consultations import (
    MAX_AHEAD,
    MAX_BOOKED,
    REMIND_BEFORE,
    TOPIC,
    Cancelling,
    Consultation,
    Consultations,
    WantedTimes,
)
from core.ports.outbox import OutboxEvent
from protocol.user import TellConsultation, read_aside
from storage.memory.consultations import MemoryConsultations
from storage.memory.durable_timers import MemoryDurableTimers
from storage.memory.users import MemoryUsers
from storage.outbox import OutboxSource
from storage.postgres.consultations import _FIND, PostgresConsultations
from storage.postgres.durable_timers import PostgresDurableTimers
from storage.postgres.outbox import PostgresOutbox
from storage.postgres.pool import Connection, Database
from storage.postgres.users import PostgresUsers
from storage.sharding import SHARDS

HOUR = 3_600_000
NOW = 1_790_000_000_000
ALL = WantedTimes(start=0)


@dataclass(kw_only=True)
class Office(People):
    """A professional with a diary, and two travellers."""

    consultations: Consultations
    timers: Any
    outbox: OutboxSource | None
    adviser: str = ""
    ada: str = ""
    bob: str = ""

    async def opened(self, hour: int, **changes: Any) -> Consultation:
        """An hour of the professional's, so many hours from now."""
        new = Consultation(
            id=self.ids.uuid7(),
            professional_id=self.adviser,
            starts_at=NOW + hour * HOUR,
            ends_at=NOW + (hour + 1) * HOUR,
            tags=("portugal", "de"),
        )
        return await self.consultations.open(TENANT, replace(new, **changes), now=NOW)

    async def book(self, time: Consultation, who: str, *, now: int = NOW) -> Consultation:
        return await self.consultations.book(TENANT, time.id, who, about="Visa?", now=now)

    async def cancel(self, time: Consultation, who: str, *, now: int = NOW) -> Consultation:
        by = Cancelling(user_id=who, note="Ill.", again=self.ids.uuid7())
        return await self.consultations.cancel(TENANT, time.id, by, now=now)

    async def found(self, wanted: WantedTimes = ALL) -> Sequence[Consultation]:
        return await self.consultations.find(TENANT, wanted, after=None, limit=50)

    async def own(self, who: str) -> Sequence[Consultation]:
        return await self.consultations.of_user(TENANT, who, start=0, after=None, limit=50)

    async def reminded(self) -> dict[str, tuple[int, TellConsultation]]:
        far = NOW + 999 * HOUR
        claimed, _ = await self.timers.claim(
            dict.fromkeys(range(SHARDS), 0), now=far, until=far, most=99
        )
        return {
            one.timer.address.key: (one.timer.due_at, read_aside(one.timer.payload))
            for one in claimed
        }

    async def told(self) -> list[tuple[str, int]]:
        events: Sequence[OutboxEvent]
        if isinstance(self.consultations, MemoryConsultations):
            return [(row.room_id, row.first) for row in self.consultations.outbox]
        assert self.outbox is not None
        events = (await self.outbox.next_batch("nobody")).events
        return [(event.key, event.first) for event in events if event.topic == TOPIC]


@pytest.fixture
async def office(server: Any) -> AsyncIterator[Office]:
    ids = ProcessIds(ManualClock(), SystemChance())
    if server is None:
        users, timers = MemoryUsers(), MemoryDurableTimers()
        made = Office(
            users=users,
            ids=ids,
            consultations=MemoryConsultations(users, timers),
            timers=timers,
            outbox=None,
        )
        yield await _peopled(made)
        return
    async with fresh_database(server) as database:
        made = Office(
            users=PostgresUsers(database),
            ids=ids,
            database=database,
            consultations=PostgresConsultations(database),
            timers=PostgresDurableTimers(database),
            outbox=PostgresOutbox(database),
        )
        yield await _peopled(made)


async def _peopled(office: Office) -> Office:
    office.adviser = await office.person("agent", Role.PROFESSIONAL)
    office.ada, office.bob = await office.person("ada"), await office.person("bob")
    return office


async def refused(what: Any) -> str:
    with pytest.raises(Rejected) as refusal:
        await what
    return str(refusal.value.code)


async def test_a_time_is_opened_once_and_found_until_it_is_booked(office: Office) -> None:
    time = await office.opened(2)
    assert await office.opened(2, id=time.id) == time
    assert list(await office.found()) == [time]
    assert list(await office.own(office.adviser)) == []
    booked = await office.book(time, office.ada)
    assert booked == replace(time, state="booked", traveller_id=office.ada, about="Visa?")
    assert list(await office.found()) == []
    for who in (office.adviser, office.ada):
        assert list(await office.own(who)) == [booked]
    assert list(await office.own(office.bob)) == []
    assert await office.consultations.get(TENANT, time.id) == booked
    assert await office.consultations.get(OTHER_TENANT, time.id) is None


async def test_a_professional_has_one_time_at_a_time_and_not_too_many(office: Office) -> None:
    await office.opened(2)
    half = HOUR // 2
    for changes in (
        {},
        {"starts_at": NOW + 2 * HOUR + half, "ends_at": NOW + 4 * HOUR},
        {"starts_at": NOW + HOUR, "ends_at": NOW + 2 * HOUR + 1},
        {"starts_at": NOW + HOUR, "ends_at": NOW + 4 * HOUR},
    ):
        assert await refused(office.opened(2, **changes)) == "conflict"
    await office.opened(1)
    await office.opened(3)
    for hour in range(4, MAX_AHEAD + 1):
        await office.opened(hour)
    assert await refused(office.opened(MAX_AHEAD + 1)) == "conflict"


async def test_all_that_is_wanted_holds_and_pages_meet(office: Office) -> None:
    late, early = await office.opened(5), await office.opened(2, tags=("porto",))
    for wanted, expected in (
        (ALL, [early, late]),
        (WantedTimes(start=early.starts_at + 1), [late]),
        (WantedTimes(start=0, end=late.starts_at), [early]),
        (WantedTimes(start=0, tags=("de", "portugal")), [late]),
        (WantedTimes(start=0, professional_id=office.adviser), [early, late]),
        (WantedTimes(start=0, professional_id=office.ada), []),
        (WantedTimes(start=0, professional_id="none"), []),
    ):
        assert list(await office.found(wanted)) == expected, wanted
    page = await office.consultations.find(TENANT, ALL, after=None, limit=1)
    after = page[-1].starts_at, page[-1].id
    rest = await office.consultations.find(TENANT, ALL, after=after, limit=9)
    assert [*page, *rest] == [early, late]
    assert list(await office.consultations.find(OTHER_TENANT, ALL, after=None, limit=9)) == []


async def test_of_all_who_book_a_time_at_once_one_has_it(office: Office) -> None:
    time = await office.opened(2)
    people = [await office.person(f"taker{number}") for number in range(5)]
    outcomes: list[str] = []

    async def book(who: str) -> None:
        try:
            outcomes.append((await office.book(time, who)).traveller_id or "")
        except Rejected as refusal:
            outcomes.append(refusal.code)

    async with trio.open_nursery() as nursery:
        for who in people * 2:
            nursery.start_soon(book, who)
    [winner] = set(outcomes) - {"conflict"}
    assert outcomes.count(winner) == 2  # a repeat finds it booked
    [booked] = await office.own(office.adviser)
    assert booked.traveller_id == winner
    assert await office.told() == [(time.id, 1)]


async def test_nobody_is_in_two_places(office: Office) -> None:
    other = await office.person("other", Role.PROFESSIONAL)
    first = await office.opened(2)
    beside = await office.opened(2, professional_id=other)
    also = await office.opened(2, professional_id=await office.person("third", Role.PROFESSIONAL))
    await office.book(first, office.ada)
    assert await refused(office.book(beside, office.ada)) == "conflict"
    # Who gives advice at that time takes none, and who takes some gives none.
    assert await refused(office.book(beside, office.adviser)) == "conflict"
    await office.book(also, other)
    assert await refused(office.book(beside, office.bob)) == "conflict"


async def test_two_who_would_book_each_other_at_one_time_do_not_both(office: Office) -> None:
    other = await office.person("other", Role.PROFESSIONAL)
    mine, theirs = await office.opened(2), await office.opened(2, professional_id=other)
    outcomes: list[str] = []

    async def book(time: Consultation, who: str) -> None:
        try:
            outcomes.append((await office.book(time, who)).state)
        except Rejected as refusal:
            outcomes.append(refusal.code)

    async with trio.open_nursery() as nursery:
        if office.database is not None:
            # Both have looked by then, so that only what they wait for keeps them apart.
            accounts = [other, office.adviser]
            await nursery.start(_held, office.database, accounts)
        nursery.start_soon(book, mine, other)
        nursery.start_soon(book, theirs, office.adviser)
    assert sorted(outcomes) == ["booked", "conflict"]


async def _held(
    database: Database,
    accounts: Sequence[str],
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Two accounts are locked until two wait for them."""
    token = trio.lowlevel.current_trio_token()

    async def hold(connection: Connection) -> int:
        await connection.execute(
            "SELECT FROM account WHERE id = ANY($1::uuid[]) ORDER BY id FOR NO KEY UPDATE", accounts
        )
        token.run_sync_soon(task_status.started)
        for _ in range(500):
            if await connection.fetchval(_WAITING) == 2:
                return 2
            # A transaction sees of others' activity what it saw first, until it forgets that.
            await connection.execute("SELECT pg_sleep(0.01), pg_stat_clear_snapshot()")
        return 0

    assert await database.transaction(hold) == 2, "nobody waits for the accounts"


_WAITING = """
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"""


async def test_what_is_ones_own_begun_not_there_or_of_who_may_not_advise_is_not_booked(
    office: Office,
) -> None:
    time = await office.opened(2)
    assert await refused(office.book(time, office.adviser)) == "forbidden"
    assert await refused(office.book(time, office.ada, now=time.starts_at)) == "conflict"
    for id in ("none", office.ada):
        assert await refused(office.book(replace(time, id=id), office.ada)) == "not_found"
    await office.users.set_role(TENANT, "agent", Role.USER)
    assert list(await office.found()) == []
    assert await refused(office.book(time, office.ada)) == "not_found"
    assert await office.told() == []
    await office.users.set_role(TENANT, "agent", Role.PROFESSIONAL)
    await office.book(time, office.ada, now=time.starts_at - 1)


async def test_a_traveller_does_not_book_without_end(office: Office) -> None:
    for hour in range(1, MAX_BOOKED + 1):
        await office.book(await office.opened(hour), office.ada)
    last = await office.opened(MAX_BOOKED + 1)
    assert await refused(office.book(last, office.ada)) == "conflict"
    await office.book(last, office.ada, now=NOW + HOUR)
    assert len(await office.own(office.ada)) == MAX_BOOKED + 1


async def test_a_traveller_cancels_until_it_begins_and_the_time_is_open_again(
    office: Office,
) -> None:
    time = await office.opened(2)
    assert await refused(office.cancel(time, office.adviser)) == "not_found"
    booked = await office.book(time, office.ada)
    assert await refused(office.cancel(time, office.bob)) == "not_found"
    assert await refused(office.cancel(time, office.ada, now=time.starts_at)) == "conflict"
    cancelled = await office.cancel(time, office.ada, now=time.starts_at - 1)
    assert cancelled == replace(booked, state="cancelled", cancelled_by=office.ada, note="Ill.")
    assert await office.cancel(time, office.ada) == cancelled
    assert list(await office.own(office.ada)) == [cancelled]
    [again] = await office.found()
    assert again == replace(time, id=again.id)
    assert again.id != time.id
    await office.book(again, office.bob)
    assert await office.told() == [(time.id, 1), (time.id, 2), (again.id, 1)]


async def test_a_professional_cancels_until_it_ends_and_is_not_to_be_had_then(
    office: Office,
) -> None:
    time = await office.opened(2)
    await office.book(time, office.ada)
    assert await refused(office.cancel(time, office.adviser, now=time.ends_at)) == "conflict"
    cancelled = await office.cancel(time, office.adviser, now=time.ends_at - 1)
    assert (cancelled.state, cancelled.cancelled_by) == ("cancelled", office.adviser)
    assert list(await office.found()) == []
    await office.opened(2)


async def test_on_holiday_what_is_open_goes_and_what_is_booked_stays(office: Office) -> None:
    first, second, third = [await office.opened(hour) for hour in (2, 3, 4)]
    other = await office.person("other", Role.PROFESSIONAL)
    beside = await office.opened(2, professional_id=other)
    booked = await office.book(first, office.ada)
    span = {"start": first.starts_at, "end": third.starts_at}
    for closed in (1, 0):
        assert await office.consultations.close(TENANT, office.adviser, **span) == closed
    assert list(await office.found()) == [beside, third]
    assert [one.id for one in await office.own(office.ada)] == [booked.id]
    assert await refused(office.book(second, office.ada)) == "not_found"
    await office.cancel(first, office.ada)
    assert list(await office.found()) == [beside, third]  # nobody else has it on that holiday


async def test_both_are_reminded_unless_it_is_cancelled(office: Office) -> None:
    soon, later = await office.opened(0, starts_at=NOW + REMIND_BEFORE), await office.opened(3)
    gone = await office.opened(5)
    for time in (soon, later, gone):
        await office.book(time, office.ada)
    await office.cancel(gone, office.ada)
    news = TellConsultation(consultation_id=later.id, state="soon")
    due = later.starts_at - REMIND_BEFORE, news
    assert await office.reminded() == {office.adviser: due, office.ada: due}


async def test_ones_own_come_in_pages_and_without_what_is_over(office: Office) -> None:
    booked = [await office.book(await office.opened(hour), office.ada) for hour in (3, 1, 2)]
    ordered = sorted(booked, key=lambda one: one.starts_at)
    ports, start = office.consultations, ordered[0].ends_at
    page = await ports.of_user(TENANT, office.ada, start=0, after=None, limit=2)
    after = page[-1].starts_at, page[-1].id
    rest = await ports.of_user(TENANT, office.ada, start=0, after=after, limit=2)
    assert [*page, *rest] == ordered
    later = await ports.of_user(TENANT, office.ada, start=start, after=None, limit=9)
    assert list(later) == ordered[1:]


async def test_open_times_are_read_in_the_order_of_their_index(office: Office) -> None:
    if office.database is None:
        pytest.skip("the memory has no plans")
    values = TENANT, 0, None, None, [], None, None, 50
    plan = await office.database.transaction(_plan, _FIND, *values)
    assert "consultation_open" in plan
    assert "Sort" not in plan


async def _plan(connection: Connection, sql: str, *values: Any) -> str:
    """However few rows there are, for which sorting would be as cheap."""
    await connection.execute("SET LOCAL enable_sort = off; SET LOCAL enable_seqscan = off")
    return await plan_of(connection, sql, *values)
