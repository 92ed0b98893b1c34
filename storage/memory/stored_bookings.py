"""What the database would hold of bookings, with its constraints: all of a step or nothing."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from core.ports.bookings import (
    AttemptRow,
    BadStep,
    BookingEventRow,
    IntentRecord,
    IntentRow,
    JournalStep,
    NewBooking,
    ParticipantRow,
    Quote,
    ResultRow,
    SealedTraveller,
)
from core.ports.fraud import ScreeningRow
from core.ports.leases import StaleFence
from protocol.ledger import Posting
from storage.bookings import BOOKING_TOLD, STUCK_AFTER_MS, check_step, quote_is_taken
from storage.memory.durable_timers import MemoryDurableTimers, TimerTable
from storage.memory.leases import MemoryShards
from storage.memory.stored_log import Appended
from storage.sharding import shard_of


@dataclass(slots=True)
class StoredIntent:
    """An intent and, once it is known, how it ended."""

    row: IntentRow
    result: ResultRow | None = None

    @property
    def record(self) -> IntentRecord:
        result = self.result
        return IntentRecord(
            seq=self.row.seq,
            op=self.row.op,
            key=self.row.key,
            committed_at=self.row.committed_at,
            outcome=None if result is None else result.outcome,
            detail="" if result is None else result.detail,
            ended_at=None if result is None else result.at,
        )


@dataclass(slots=True)
class StoredRow:
    """One booking; `attempts` with their times. `step` is its newest, `participants` in the order in which they were first named."""

    new: NewBooking
    step: JournalStep
    ended_at: int | None = None
    participants: dict[str, ParticipantRow] = field(default_factory=dict)
    intents: dict[int, StoredIntent] = field(default_factory=dict)
    events: list[BookingEventRow] = field(default_factory=list)
    postings: dict[str, Posting] = field(default_factory=dict)
    screenings: list[ScreeningRow] = field(default_factory=list)
    attempts: list[tuple[int, AttemptRow]] = field(default_factory=list)
    travellers: dict[str, SealedTraveller] = field(default_factory=dict)

    @property
    def unfinished(self) -> Sequence[int]:
        return [seq for seq, intent in sorted(self.intents.items()) if intent.result is None]

    @property
    def stuck_from(self) -> int | None:
        """As the column of that name."""
        if self.step.is_terminal:
            return None
        if self.step.needs_operator:
            return 0
        if self.step.deadline is None:
            return None
        return max(self.step.deadline, self.step.at) + STUCK_AFTER_MS


@dataclass(slots=True)
class StoredQuote:
    quote: Quote
    stored_at: int
    is_booked: bool = False


class StoredBookings:
    """Tables in memory. Shared by all nodes of a simulation; survives each of them. `outbox` is that of
    the log, `timers` the one table of durable timers."""

    def __init__(
        self,
        shards: MemoryShards,
        *,
        timers: TimerTable | None = None,
        outbox: list[Appended] | None = None,
    ) -> None:
        self._shards = shards
        self._timers = MemoryDurableTimers(timers)
        self.outbox = [] if outbox is None else outbox
        self.rows: dict[str, StoredRow] = {}
        self.quotes: dict[str, StoredQuote] = {}
        self._keys: dict[tuple[int, str, str], str] = {}

    def open(self, new: NewBooking, step: JournalStep) -> str | None:
        """As the port says."""
        check_step(step)
        opened = self.by_client_id(step.tenant_id, new.creator_id, new.client_id)
        if opened is not None:
            return opened
        if self._is_fenced(step) or step.booking_id in self.rows:
            raise StaleFence
        if self._has_live_booking(step.tenant_id, new.quote_id):
            raise quote_is_taken()
        row = StoredRow(new, step)
        self._apply(row, step)
        self._keys[step.tenant_id, new.creator_id, new.client_id] = step.booking_id
        quote = self.quotes.get(new.quote_id)
        if quote is not None and quote.quote.tenant_id == step.tenant_id:
            quote.is_booked = True
        return None

    def commit(self, step: JournalStep) -> None:
        """As the port says."""
        check_step(step)
        row = self.row(step.tenant_id, step.booking_id)
        if row is None or self._is_fenced(step) or row.step.revision != step.revision - 1:
            raise StaleFence
        self._apply(row, step)

    def row(self, tenant_id: int, booking_id: str) -> StoredRow | None:
        row = self.rows.get(booking_id)
        return row if row is not None and row.step.tenant_id == tenant_id else None

    def by_client_id(self, tenant_id: int, creator_id: str, client_id: str) -> str | None:
        return self._keys.get((tenant_id, creator_id, client_id))

    def _is_fenced(self, step: JournalStep) -> bool:
        return self._shards.fence(shard_of(step.booking_id)) != step.fence

    def _has_live_booking(self, tenant_id: int, quote_id: str) -> bool:
        return any(
            row.new.quote_id == quote_id and row.step.tenant_id == tenant_id
            for row in self.rows.values()
            if row.ended_at is None
        )

    def _apply(self, row: StoredRow, step: JournalStep) -> None:
        """Judge everything before anything changes."""
        intents = _with_results(row, step)
        postings = _with_postings(row, step)
        if step.event is not None and any(e.version == step.event.version for e in row.events):
            raise BadStep("this version has been told already")
        self._timers.apply_now(step.timers)
        row.intents, row.postings, row.step = intents, postings, step
        row.participants |= {each.user_id: each for each in step.participants}
        if step.is_terminal and row.ended_at is None:
            row.ended_at = step.at
        if step.screening is not None:
            row.screenings.append(step.screening)
        row.attempts += [(step.at, attempt) for attempt in step.attempts]
        row.travellers |= {each.traveller_id: each for each in step.travellers}
        if step.event is not None:
            version = step.event.version
            row.events.append(step.event)
            self.outbox.append(
                Appended(step.tenant_id, step.booking_id, version, version, topic=BOOKING_TOLD)
            )
        self.rows[step.booking_id] = row


def _with_results(row: StoredRow, step: JournalStep) -> dict[int, StoredIntent]:
    intents = dict(row.intents)
    for intent in step.intents:
        if intent.seq in intents:
            raise BadStep("an intent of this number is stored already")
        intents[intent.seq] = StoredIntent(intent)
    for result in step.results:
        ended = intents.get(result.seq)
        if ended is None or ended.result is not None:
            raise StaleFence
        intents[result.seq] = replace(ended, result=result)
    return intents


def _with_postings(row: StoredRow, step: JournalStep) -> dict[str, Posting]:
    postings = dict(row.postings)
    for posting in step.postings:
        if posting.name in postings:
            raise BadStep("a posting of this name is stored already")
        postings[posting.name] = posting
    return postings
