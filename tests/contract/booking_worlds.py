"""Bookings, quotes, travellers and the ledger in memory and over PostgreSQL, with what a test steers."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from msgspec import Raw
from persona_worlds import ManualClock, execute
from postgres_for_tests import give_away

from core.chance import SystemChance
from core.identity import Role
from core.ids import ProcessIds
from core.ports.bookings import (
    AttemptRow,
    BookingEventRow,
    IntentRow,
    JournalStep,
    NewBooking,
    ParticipantRow,
    Quote,
    QuotedItem,
    ResultRow,
)
from core.ports.durable_timers import SetTimer
from core.ports.fraud import ScreeningRow
from core.ports.repositories import User
from protocol.addresses import Kind
from protocol.frames import Money
from protocol.ledger import Entry, Posting
from protocol.travel import FlightDetails, FlightQuery, Party, Query, SupplierOffer, Traveller
from storage.asyncio_bridge import AsyncioBridge
from storage.memory.bookings import MemoryBookings, MemoryLedger
from storage.memory.durable_timers import MemoryDurableTimers, TimerTable
from storage.memory.leases import MemoryShards
from storage.memory.outbox import MemoryOutbox
from storage.memory.screenings import MemoryHistories, MemoryScreenings
from storage.memory.stored_bookings import StoredBookings
from storage.memory.stored_log import StoredLog
from storage.memory.travellers import MemoryTravellers
from storage.memory.trip_quotes import MemoryTripQuotes
from storage.memory.users import MemoryUsers
from storage.postgres.bookings import PostgresBookings
from storage.postgres.durable_timers import PostgresDurableTimers
from storage.postgres.housekeeping import housekeeping
from storage.postgres.ledger import PostgresLedger
from storage.postgres.outbox import PostgresOutbox
from storage.postgres.pool import Connection, Database
from storage.postgres.screenings import PostgresHistories, PostgresScreenings
from storage.postgres.travellers import PostgresTravellers
from storage.postgres.trip_quotes import PostgresTripQuotes
from storage.sharding import SHARDS, shard_of

TENANT = 1
KEY = b"k" * 32
HOUR = 3_600_000
DAY = 24 * HOUR
BOOKING = Kind("booking")
FLIGHTS = FlightQuery(
    origin="PAR", destination="NCE", depart_on="2027-05-14", party=Party(adults=2)
)


def eur(amount: int) -> Money:
    return Money(amount=amount, currency="EUR")


def share(user_id: str, amount: int = 5_000, state: Any = "invited") -> ParticipantRow:
    return ParticipantRow(user_id=user_id, amount=eur(amount), state=state)


def intent(seq: int, op: str = "capture") -> IntentRow:
    return IntentRow(seq=seq, op=op, key=f"key-{seq}", body=b"\x80", committed_at=seq)


def result(seq: int, outcome: str = "payment") -> ResultRow:
    return ResultRow(seq=seq, outcome=outcome, detail="", at=seq + 1)


def posting(name: str, *entries: tuple[str, int], currency: str = "EUR", **more: Any) -> Posting:
    rows = tuple(Entry(account=account, amount=amount) for account, amount in entries)
    return Posting(name=name, intent=1, currency=currency, entries=rows, **more)


def quoted(query: Query = FLIGHTS, supplier: str = "duffel", part_id: str = "f") -> QuotedItem:
    offer = SupplierOffer(
        supplier=supplier,
        token=Raw(b'{"a" :  1.10}'),
        total=eur(10_000),
        fetched_at=1,
        expires_at=2,
        can_hold=True,
        details=FlightDetails(itineraries=()),
    )
    return QuotedItem(part_id=part_id, offer_id="offer", query=query, offer=offer)


@dataclass
class World:
    """One world. `take_over(booking_id)`: another node owns its shard now. `erase(user_id)`: the account
    goes. `sweep`: housekeeping, which keeps bookings for 84 months."""

    bookings: Any
    quotes: Any
    travellers: Any
    histories: Any
    screenings: Any
    ledger: Any
    timers: Any
    outbox: Any
    clock: ManualClock
    ids: ProcessIds
    fences: dict[int, int]
    take_over: Callable[[str], Awaitable[None]]
    join: Callable[[str], Awaitable[None]]
    erase: Callable[[str], Awaitable[None]]
    sweep: Callable[[], Awaitable[None]]
    database: Database | None = None
    stored: StoredBookings | None = None
    news: list[str] = field(default_factory=list)
    nudges: list[int] = field(default_factory=list)

    def step(self, booking_id: str, revision: int, **changes: Any) -> JournalStep:
        fields: dict[str, Any] = {
            "tenant_id": TENANT,
            "booking_id": booking_id,
            "fence": self.fences[shard_of(booking_id)],
            "revision": revision,
            "version": revision,
            "state": "COLLECTING",
            "status": "collecting",
            "step": "shares",
            "snapshot": b"snapshot %d" % revision,
            "at": self.clock.now_ms(),
            "is_terminal": False,
            "needs_operator": False,
        }
        return JournalStep(**fields | changes)

    def ended(self, booking_id: str, revision: int, **changes: Any) -> JournalStep:
        over = {"state": "COMPLETED", "status": "booked", "step": "done", "is_terminal": True}
        return self.step(booking_id, revision, **over | changes)

    def new(self, creator_id: str, **changes: Any) -> NewBooking:
        fields: dict[str, Any] = {
            "quote_id": self.ids.uuid7(),
            "creator_id": creator_id,
            "client_id": self.ids.uuid7(),
            "room_id": None,
            "total": eur(10_000),
            "created_at": self.clock.now_ms(),
        }
        return NewBooking(**fields | changes)

    async def opened(
        self, creator_id: str = "", *, quote_id: str | None = None, **changes: Any
    ) -> str:
        """The id of a new booking with one event, two shares and two intents."""
        booking_id, creator_id = self.ids.uuid7(), creator_id or self.ids.uuid7()
        first: dict[str, Any] = {
            "participants": (share(creator_id), share(self.ids.uuid7())),
            "intents": (intent(1), intent(2)),
            "event": event(1),
        }
        new = self.new(creator_id, **({"quote_id": quote_id} if quote_id else {}))
        step = self.step(booking_id, 1, **first | changes)
        assert await self.bookings.open(new, step) is None
        return booking_id

    def quote(self, *items: QuotedItem, **changes: Any) -> Quote:
        fields: dict[str, Any] = {
            "id": self.ids.uuid7(),
            "tenant_id": TENANT,
            "user_id": self.ids.uuid7(),
            "room_id": None,
            "items": items or (quoted(),),
            "total": eur(10_000),
            "created_at": self.clock.now_ms(),
            "expires_at": self.clock.now_ms() + HOUR,
        }
        return Quote(**fields | changes)

    def timer(self, booking_id: str, *, at: int, name: str = "wake") -> SetTimer:
        return SetTimer(
            tenant_id=TENANT, address=BOOKING.at(booking_id), name=name, due_at=at, payload=None
        )

    async def told(self) -> list[tuple[str, str, int, int]]:
        """The outbox, whole."""
        batch = await self.outbox.next_batch("test")
        return [(event.topic, event.key, event.first, event.last) for event in batch.events]

    async def waking(self, now: int) -> list[tuple[str, str]]:
        """Who is due, and by which timer."""
        claimed, _ = await self.timers.claim(self.fences, now=now, until=now + 15_000, most=99)
        return sorted((each.timer.address.key, each.timer.name) for each in claimed)


def attempt(user_id: str, method: str, *, is_refused: bool = False) -> AttemptRow:
    return AttemptRow(user_id=user_id, method=method.encode(), is_refused=is_refused)


def verdict(word: Any = "allow", **changes: Any) -> ScreeningRow:
    fields: dict[str, Any] = {
        "at": 1,
        "verdict": word,
        "reasons": ("many_declines",),
        "score": 0.5,
        "model": "v1",
        "features": (0.25, 3.0),
    }
    return ScreeningRow(**fields | changes)


def event(version: int) -> BookingEventRow:
    return BookingEventRow(version=version, at=version, body=b"told %d" % version)


def ada(traveller_id: str = "t1", **changes: Any) -> Traveller:
    fields: dict[str, Any] = {
        "id": traveller_id,
        "kind": "adult",
        "given_name": "Ada",
        "family_name": "Lovelace",
        "born_on": "1990-12-10",
        "gender": "female",
        "email": "ada@example.test",
    }
    return Traveller(**fields | changes)


_EMPTY: Final = """
UPDATE shard_owner SET fence = 1 WHERE fence <> 1;
INSERT INTO tenant (id, name) VALUES (2, 'other') ON CONFLICT DO NOTHING;
""" + "".join(
    f"DELETE FROM {table};\n"
    for table in (
        "booking",
        "booking_participant",
        "booking_intent",
        "booking_event",
        "booking_screening",
        "payment_attempt",
        "booking_key",
        "trip_quote",
        "traveller",
        "account",
        "outbox",
        "outbox_position",
        "durable_timer",
    )
)


@asynccontextmanager
async def world_on(dsn: str | None) -> AsyncIterator[World]:
    """`dsn` None: in memory. All tests share a database, in which the ledger's rows stay."""
    clock = ManualClock()
    ids = ProcessIds(clock, SystemChance())
    if dsn is None:
        yield _memory(clock, ids)
        return
    async with AsyncioBridge() as bridge, Database(dsn, bridge, size=4) as database:
        await database.call(execute, _EMPTY)
        yield _postgres(database, clock, ids)


def _memory(clock: ManualClock, ids: ProcessIds) -> World:
    shards = MemoryShards()
    table = TimerTable(shards=shards)
    shards.take_all("node")
    log = StoredLog(shards)
    stored = StoredBookings(shards, timers=table, outbox=log.outbox)
    news: list[str] = []
    nudges: list[int] = []
    travellers = MemoryTravellers(stored, KEY, clock)
    quotes = MemoryTripQuotes(stored, clock)

    async def take_over(booking_id: str) -> None:
        shards.take(shard_of(booking_id), "other")

    users = MemoryUsers()

    async def join(user_id: str) -> None:
        profile = {"handle": user_id, "name": "", "email": user_id, "locale": "en"}
        rest = {"time_zone": "UTC", "currency": "EUR", "preferences": {}, "created_at": 1}
        users.add(User(id=user_id, tenant_id=1, role=Role.USER, **profile, **rest))

    async def erase(user_id: str) -> None:
        travellers.erase_user(user_id)

    async def sweep() -> None:
        travellers.sweep()
        quotes.sweep()

    return World(
        bookings=MemoryBookings(
            stored, on_stored=lambda: news.append("news"), on_timer_set=nudges.append
        ),
        quotes=quotes,
        travellers=travellers,
        histories=MemoryHistories(stored, users),
        screenings=MemoryScreenings(stored),
        ledger=MemoryLedger(stored),
        timers=MemoryDurableTimers(table),
        outbox=MemoryOutbox(log),
        clock=clock,
        ids=ids,
        fences=dict.fromkeys(range(SHARDS), 1),
        take_over=take_over,
        join=join,
        erase=erase,
        sweep=sweep,
        stored=stored,
        news=news,
        nudges=nudges,
    )


def _postgres(database: Database, clock: ManualClock, ids: ProcessIds) -> World:
    news: list[str] = []
    nudges: list[int] = []

    async def take_over(booking_id: str) -> None:
        await database.call(give_away, shard_of(booking_id))

    async def join(user_id: str) -> None:
        await database.call(
            execute,
            """INSERT INTO account (id, tenant_id, handle, name, email, role, locale, created_at)
               VALUES ($1, 1, $2, '', $2, 'user', 'en', 1)""",
            user_id,
            user_id,
        )

    async def erase(user_id: str) -> None:
        await database.call(execute, "DELETE FROM account WHERE id = $1", user_id)

    async def sweep() -> None:
        await housekeeping(database, clock)

    return World(
        bookings=PostgresBookings(
            database, on_stored=lambda: news.append("news"), on_timer_set=nudges.append
        ),
        quotes=PostgresTripQuotes(database, clock),
        travellers=PostgresTravellers(database, KEY),
        histories=PostgresHistories(database),
        screenings=PostgresScreenings(database),
        ledger=PostgresLedger(database),
        timers=PostgresDurableTimers(database),
        outbox=PostgresOutbox(database),
        clock=clock,
        ids=ids,
        fences=dict.fromkeys(range(SHARDS), 1),
        take_over=take_over,
        join=join,
        erase=erase,
        sweep=sweep,
        database=database,
        news=news,
        nudges=nudges,
    )


async def fetch(connection: Connection, sql: str, *values: Any) -> list[Any]:
    return [tuple(row) for row in await connection.fetch(sql, *values)]
