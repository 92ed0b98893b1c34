"""Bookings' tables: months as leaves, a ledger that only grows, plans that read no more than they must,
and steps that are whole whatever dies."""

from typing import Any

import asyncpg
import pytest
import trio

from core.ports.bookings import (
    AttemptRow,
    BookingEventRow,
    IntentRow,
    JournalStep,
    NewBooking,
)
from core.ports.durable_timers import SetTimer
from core.ports.fraud import ScreeningRow
from core.ports.leases import StaleFence
from protocol.addresses import Kind
from protocol.frames import Money
from protocol.ledger import Entry, Posting
from storage.bookings import STATUSES
from storage.months import Month
from storage.postgres import booking_leaves, booking_writer, bookings, screenings, trip_quotes
from storage.postgres.bookings import PostgresBookings
from storage.postgres.housekeeping import housekeeping
from storage.postgres.migrate import read_migrations
from storage.postgres.pool import Connection, Database
from storage.sharding import shard_of

BEGIN = Month(2026, 9)
ADA = "01999999-0000-7000-8000-00000000000a"
TIMER = Kind("booking").at("one")


class ManualClock:
    def __init__(self, at_ms: int) -> None:
        self.at_ms = at_ms

    def now_ms(self) -> int:
        return self.at_ms

    def monotonic(self) -> float:
        return self.at_ms / 1_000


def uuid7(at: int, number: int = 1) -> str:
    text = f"{at:012x}7000{0x8000_0000_0000_0000 + number:016x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def step_of(booking_id: str, revision: int, **changes: Any) -> JournalStep:
    fields: dict[str, Any] = {
        "tenant_id": 1,
        "booking_id": booking_id,
        "fence": 0,
        "revision": revision,
        "version": revision,
        "state": "COLLECTING",
        "status": "collecting",
        "step": "shares",
        "snapshot": b"",
        "at": 1,
        "is_terminal": False,
        "needs_operator": False,
    }
    return JournalStep(**fields | changes)


def new_booking(booking_id: str) -> NewBooking:
    return NewBooking(
        quote_id=booking_id,
        creator_id=ADA,
        client_id=booking_id,
        room_id=None,
        total=Money(amount=1, currency="EUR"),
        created_at=1,
    )


def full(booking_id: str, revision: int = 1, **changes: Any) -> JournalStep:
    """With a row for every table."""
    paid = (Entry(account="psp:stripe", amount=5), Entry(account="participant:ada", amount=-5))
    rows: dict[str, Any] = {
        "intents": (IntentRow(seq=revision, op="capture", key="k", body=b"", committed_at=1),),
        "postings": (Posting(name=f"{revision}", intent=1, currency="EUR", entries=paid),),
        "event": BookingEventRow(version=revision, at=1, body=b"told"),
        "screening": ScreeningRow(
            at=1, verdict="allow", reasons=("x",), score=0.5, model="1", features=(0.25,)
        ),
        "attempts": (AttemptRow(user_id=ADA, method=b"m"), AttemptRow(user_id=ADA, method=b"m")),
    }
    return step_of(booking_id, revision, **rows | changes)


async def rows_of(database: Database, *tables: str) -> list[int]:
    return [(await fetch(database, f"SELECT count(*) FROM {table}"))[0][0] for table in tables]


async def fetch(database: Database, sql: str, *values: Any) -> list[Any]:
    return [tuple(row) for row in await database.call(_fetch, sql, *values)]


async def _fetch(connection: Connection, sql: str, *values: Any) -> list[asyncpg.Record]:
    return await connection.fetch(sql, *values)


async def execute(database: Database, sql: str) -> None:
    await database.call(_execute, sql)


async def _execute(connection: Connection, sql: str) -> None:
    await connection.execute(sql)


# ── months ──


async def test_a_month_begins_with_its_first_booking_whoever_makes_it(database: Database) -> None:
    store = PostgresBookings(database)
    ids = [uuid7(BEGIN.start, number) for number in range(4)]
    ids += [uuid7(BEGIN.plus(1).start - 1), uuid7(BEGIN.plus(1).start)]
    async with trio.open_nursery() as nursery:
        for booking_id in ids:
            nursery.start_soon(store.open, new_booking(booking_id), full(booking_id))
    for table in booking_leaves.TABLES:
        lying = (
            f"SELECT tableoid::regclass::text, count(DISTINCT booking_id) FROM {table} GROUP BY 1"
        )
        assert sorted(await fetch(database, lying)) == [
            (f"{table}_y2026m09", 5),
            (f"{table}_y2026m10", 1),
        ]


async def test_months_go_after_seven_years_unless_a_booking_of_theirs_has_not_ended(
    database: Database,
) -> None:
    store, clock = PostgresBookings(database), ManualClock(BEGIN.plus(85).start)
    ended, live, young = (uuid7(BEGIN.plus(months).start) for months in (-1, 0, 1))
    for booking_id in (ended, live, young):
        await store.open(new_booking(booking_id), full(booking_id))
    await store.commit(full(ended, 2, is_terminal=True))

    async def removed() -> tuple[int, int]:
        done = await housekeeping(database, clock)
        return done["booking_months"], done["booking_keys"]

    assert await removed() == (1, 1)
    tables = (*booking_leaves.TABLES, "booking_key")
    assert await rows_of(database, *tables) == [4, 2, 2, 2, 2, 2, 2, 2]
    assert await store.load(1, ended) is None
    assert await removed() == (0, 0)
    await store.commit(step_of(live, 2, is_terminal=True))
    assert await removed() == (1, 1)
    assert await removed() == (0, 0)
    assert await store.load(1, young) is not None


async def test_months_from_before_there_were_screenings_get_their_leaf(database: Database) -> None:
    for number in range(2):
        await database.call(booking_leaves.ensure_leaves, BEGIN.plus(4 * number))
    await execute(database, "DROP TABLE booking_screening_y2026m09, booking_screening_y2027m01")
    migration = next(one for one in read_migrations() if one.number == 15)
    await execute(database, migration.sql.partition("-- Months that are there already.")[2])
    booking_id = uuid7(BEGIN.plus(4).start)
    await PostgresBookings(database).open(new_booking(booking_id), full(booking_id))
    assert await rows_of(database, "booking_screening_y2026m09", "booking_screening_y2027m01") == [
        0,
        1,
    ]


async def test_what_was_tried_to_pay_with_is_kept_for_a_month_and_a_day(database: Database) -> None:
    booking_id = uuid7(BEGIN.start)
    await PostgresBookings(database).open(new_booking(booking_id), full(booking_id))
    for days, left in ((30, 2), (31, 0)):
        await housekeeping(database, ManualClock(1 + days * 86_400_000))
        assert await rows_of(database, "payment_attempt") == [left]


async def test_a_month_in_use_waits_for_the_next_time(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(booking_leaves, "LOCK_WITHIN", "50ms")
    booking_id = uuid7(BEGIN.start)
    store = PostgresBookings(database)
    await store.open(new_booking(booking_id), full(booking_id, is_terminal=True))
    async with database.own_connection() as reader:
        await reader.call(_execute, "BEGIN")
        await reader.call(_execute, "SELECT * FROM ledger_entry")
        assert await booking_leaves.drop_old_bookings(database, before=BEGIN.plus(1)) == 0
        assert await rows_of(database, *booking_leaves.TABLES) == [2, 1, 1, 1, 1, 1, 1]
    await until_dropped(database)


async def until_dropped(database: Database) -> None:
    """The reader's connection ends when the server notices."""
    with trio.fail_after(5):
        while await booking_leaves.drop_old_bookings(database, before=BEGIN.plus(1)) == 0:
            await trio.sleep(0.01)


# ── the ledger ──


@pytest.mark.parametrize("leaf", ["", "_y2026m09"])
async def test_nothing_in_the_ledger_can_be_changed_or_taken_out(
    database: Database, leaf: str
) -> None:
    booking_id = uuid7(BEGIN.start)
    await PostgresBookings(database).open(new_booking(booking_id), full(booking_id))
    for sql in (
        "UPDATE ledger_entry{} SET amount = 0",
        "DELETE FROM ledger_entry{}",
        "TRUNCATE ledger_entry{}",
        "UPDATE ledger_posting{} SET is_memo = true",
        "DELETE FROM ledger_posting{}",
        "TRUNCATE ledger_posting{}",
    ):
        with pytest.raises(asyncpg.RestrictViolationError, match="append-only"):
            await execute(database, sql.format(leaf))
    assert await rows_of(database, "ledger_entry", "ledger_posting") == [2, 1]


async def test_the_database_itself_takes_no_posting_that_is_not_balanced(
    database: Database,
) -> None:
    booking_id = uuid7(BEGIN.start)
    await PostgresBookings(database).open(new_booking(booking_id), full(booking_id))
    rows = "INSERT INTO ledger_entry VALUES ('{0}', 7, 1, 'x', 'a'), ('{0}', {1}, 2, 'x', 'b')"
    with pytest.raises(asyncpg.CheckViolationError, match="not balanced"):
        await execute(database, rows.format(booking_id, -6))
    await execute(database, rows.format(booking_id, -7))


# ── whole or not at all ──


async def test_a_writer_that_dies_in_the_middle_of_a_step_leaves_nothing_of_it(
    database: Database,
) -> None:
    """Somebody holds the timer that the step sets last; then the writer's connection is gone."""
    store, booking_id = PostgresBookings(database), uuid7(BEGIN.start)
    await store.open(new_booking(booking_id), full(booking_id))
    async with HeldStep(database, store, booking_id) as writer:
        await execute(database, f"SELECT pg_terminate_backend({writer})")
    counted = await rows_of(database, *booking_leaves.TABLES, "outbox", "durable_timer")
    assert counted == [2, 1, 1, 1, 1, 1, 1, 1, 1]
    assert await rows_of(database, "payment_attempt") == [2]
    stored = await store.load(1, booking_id)
    assert stored is not None
    assert stored.revision == 1


async def test_a_step_that_names_nobody_asks_nothing_of_where_names_are(database: Database) -> None:
    """Most steps set a timer and name nobody: each statement that says nothing is a round trip for it."""
    store, booking_id = PostgresBookings(database), uuid7(BEGIN.start)
    await store.open(new_booking(booking_id), full(booking_id))
    timer = SetTimer(tenant_id=1, address=TIMER, name="wake", due_at=5)
    asked: list[str] = []

    async def commit(connection: Any) -> None:
        with connection.query_logger(lambda record: asked.append(record.query)):
            await booking_writer.commit(connection, full(booking_id, 2, timers=(timer,)))
            await connection.fetchval("SELECT 'done'")

    await database.call(commit)
    assert [sql for sql in asked if "INSERT INTO traveller" in sql] == []
    assert any("durable_timer" in sql for sql in asked)


async def test_whoever_takes_the_shard_waits_for_a_step_that_is_being_written(
    database: Database,
) -> None:
    store, booking_id = PostgresBookings(database), uuid7(BEGIN.start)
    await store.open(new_booking(booking_id), full(booking_id))
    take = f"UPDATE shard_owner SET fence = fence + 1 WHERE shard_id = {shard_of(booking_id)}"
    async with HeldStep(database, store, booking_id):
        with pytest.raises(asyncpg.LockNotAvailableError):
            await execute(database, f"SET LOCAL lock_timeout = '20ms'; {take}")
    await execute(database, take)
    with pytest.raises(StaleFence):
        await store.commit(full(booking_id, 3))


class HeldStep:
    """A step whose statement is done and whose timer waits for a lock: entering gives its writer's
    backend; leaving lets it go on, and ends it."""

    def __init__(self, database: Database, store: PostgresBookings, booking_id: str) -> None:
        self._database, self._store, self._booking_id = database, store, booking_id

    async def __aenter__(self) -> int:
        await execute(
            self._database,
            """INSERT INTO durable_timer (due_at, wake_at, tenant_id, shard, kind, key, name)
               VALUES (1, 1, 1, 0, 'booking', 'one', 'wake')""",
        )
        self._holder = self._database.own_connection()
        holder = await self._holder.__aenter__()
        await holder.call(_execute, "BEGIN; SELECT FROM durable_timer FOR UPDATE")
        self._nursery = trio.open_nursery()
        nursery = await self._nursery.__aenter__()
        nursery.start_soon(self._write)
        waiting = """SELECT pid FROM pg_stat_activity
            WHERE wait_event_type = 'Lock' AND datname = current_database()"""
        with trio.fail_after(5):
            while not (found := await fetch(self._database, waiting)):
                await trio.sleep(0.005)
        return int(found[0][0])

    async def __aexit__(self, *_: object) -> None:
        await self._holder.__aexit__(None, None, None)
        await self._nursery.__aexit__(None, None, None)

    async def _write(self) -> None:
        timer = SetTimer(tenant_id=1, address=TIMER, name="wake", due_at=5)
        try:
            await self._store.commit(full(self._booking_id, 2, timers=(timer,)))
        except Exception:
            return


# ── plans ──


async def test_lists_are_found_by_their_indexes_and_one_booking_in_its_month_alone(
    database: Database,
) -> None:
    await fill(database)
    before = uuid7(BEGIN.plus(2).start - 1)
    plan = await plan_of(database, bookings.OF_USER, 1, ADA, before, 20, STATUSES)
    assert "Seq Scan" not in plan
    for month in ("09", "10"):
        assert f"booking_participant_y2026m{month}_tenant_id_user_id_status_book" in plan
    assert "y2026m11" not in plan

    plan = await plan_of(database, bookings.STUCK, BEGIN.start, 20)
    assert "Seq Scan" not in plan
    assert plan.count("_stuck_from_idx") == 3

    booking_id = uuid7(BEGIN.plus(1).start, 77)
    for sql, values in (
        (bookings.LOAD, (1, booking_id)),
        (bookings.EVENTS, (1, booking_id, 0, 20)),
        (bookings.INTENTS, (1, booking_id)),
        (bookings.SUMMARIES, ([booking_id],)),
        (bookings.PARTICIPANTS, ([booking_id],)),
        (bookings.SCREENINGS, (1, booking_id)),
        (bookings.NEWEST_SCREENINGS, ([booking_id],)),
        (bookings.BALANCES_OF_BOOKING, (1, booking_id)),
        (booking_writer.COMMIT, booking_writer.arguments(full(booking_id, 2))),
    ):
        plan = await plan_of(database, sql, *values)
        assert "y2026m10" in plan
        assert "y2026m09" not in plan
        assert "y2026m11" not in plan
        assert "Seq Scan on booking" not in plan
        assert "Seq Scan on ledger" not in plan


async def test_what_a_screener_asks_is_found_by_indexes_in_young_months_and_bounded(
    database: Database,
) -> None:
    await fill(database)
    now = BEGIN.plus(2).start + 5 * 86_400_000
    await execute(
        database,
        f"""INSERT INTO account (id, tenant_id, handle, name, email, role, locale, created_at)
            VALUES ('{ADA}', 1, 'ada', '', 'ada', 'user', 'en', 1);
            INSERT INTO payment_attempt
            SELECT gen_random_uuid(), gen_random_uuid(), {now} - n * 600000, 1, 1, true, ''
              FROM generate_series(1, 3000) AS n;
            ANALYZE payment_attempt""",
    )
    values = screenings.history_arguments(1, [ADA], uuid7(now), now)
    plan = await plan_of(database, screenings.HISTORIES, *values)
    assert "Seq Scan on booking" not in plan
    assert "Seq Scan on payment_attempt" not in plan
    assert "payment_attempt_pkey" in plan
    assert "booking_participant_y2026m10_tenant_id_user_id_status_book" in plan
    assert plan.count("Limit") == 3

    plan = await plan_of(database, screenings.RECENT, 1, 50)
    assert "Seq Scan" not in plan
    assert "Sort" not in plan
    plan = await plan_of(database, screenings.SCREENED, 1, 500)
    assert "Limit" in plan


async def test_quotes_of_a_route_are_found_by_the_index(database: Database) -> None:
    await execute(
        database,
        """INSERT INTO trip_quote SELECT gen_random_uuid(), gen_random_uuid(), NULL, 1, 1, 2, 1, 1, false,
                  'EUR', ARRAY['duffel flight PAR X' || n % 500], '' FROM generate_series(1, 5000) AS n;
           ANALYZE trip_quote""",
    )
    plan = await plan_of(database, trip_quotes.FORGET, 1, "duffel flight PAR X7")
    assert "trip_quote_routes" in plan
    assert "Seq Scan" not in plan


async def fill(database: Database) -> None:
    """Three months of 700 bookings each, with two participants, four intents and two postings."""
    for months in range(3):
        month = BEGIN.plus(months)
        await database.call(booking_leaves.ensure_leaves, month)
        await execute(database, _FILL.format(stamp=f"{month.start:012x}7000"))
    await execute(database, "ANALYZE " + ", ".join(booking_leaves.TABLES))


_FILL = """
CREATE TEMP TABLE made AS
    SELECT ('{stamp}' || to_hex(-9223372036854775808 + n))::uuid AS id, gen_random_uuid() AS by
      FROM generate_series(1, 700) AS n;
INSERT INTO booking (booking_id, creator_id, quote_id, created_at, changed_at, deadline, revision,
                     version, amount, tenant_id, is_terminal, needs_operator, currency, state,
                     status, step, snapshot)
    SELECT id, by, id, 1, 1, 9 * 10^12, 1, 1, 1, 1, random() < 0.9, false, 'EUR', 'COMPLETED', 'booked',
           '', repeat('x', 400)::bytea FROM made;
INSERT INTO booking_participant
    SELECT id, gen_random_uuid(), 1, n, 1, 'EUR', 'invited', 'booked'
      FROM made, generate_series(1, 2) AS n;
INSERT INTO booking_intent
    SELECT id, n, 1, 1, 'capture', 'k', 'payment', '', '' FROM made, generate_series(1, 4) AS n;
INSERT INTO booking_screening
    SELECT id, 1, n, 1, 0.5, 'allow', '1', '', '{{}}', ARRAY[1, 2, 3] FROM made, generate_series(1, 2) AS n;
INSERT INTO booking_event SELECT id, n, 1, '' FROM made, generate_series(1, 4) AS n;
INSERT INTO ledger_posting
    SELECT id, 1, 1, false, 'EUR', n::text FROM made, generate_series(1, 2) AS n;
INSERT INTO ledger_entry
    SELECT id, 3 - 2 * m, m, n::text, 'a' FROM made, generate_series(1, 2) AS n,
           generate_series(1, 2) AS m;
DROP TABLE made"""


async def plan_of(database: Database, sql: str, *values: Any) -> str:
    """How the statement would be done."""
    return "\n".join(row[0] for row in await fetch(database, f"EXPLAIN {sql}", *values))
