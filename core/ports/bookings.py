"""Where bookings are kept: the saga's journal, quotes, and what regulated data travellers gave.

A step is one transaction: snapshot, intents, results, postings, what people are told, timers. It checks
the shard's fence (of the booking's id) and the revision; whoever holds an old one changes nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from core.ports.durable_timers import TimerChange
from core.ports.fraud import ScreeningRow
from protocol.booking import BookingUpdated, ParticipantState
from protocol.frames import Money
from protocol.ledger import Posting
from protocol.travel import Query, SupplierOffer, Traveller


class BadStep(ValueError):
    """The step contradicts itself or what is stored: an intent's number, a posting's name or a version that
    is taken, a posting that is not balanced. Nothing was stored; who made the step is in error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IntentRow:
    """`op` is the call's word, `body` its MessagePack, `key` its idempotency key or reference."""

    seq: int
    op: str
    key: str
    body: bytes
    committed_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultRow:
    """How an intent ended: one word, and what operators may read (no card, no name)."""

    seq: int
    outcome: str
    detail: str
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRow:
    """Somebody tried a method to pay with, or (`is_refused`) it turned out to be refused. `method`: a digest, 16
    bytes, by which it is told from others. At the step's time; kept for 31 days."""

    user_id: str
    method: bytes
    is_refused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ParticipantRow:
    user_id: str
    amount: Money
    state: ParticipantState


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingEventRow:
    """What people are told: `body` is the actor's own. `version` is the booking's; dense from 1."""

    version: int
    at: int
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedTraveller:
    """What `by` gave of a traveller, as it is stored; `digest`: SHA-256, hex, keyed."""

    traveller_id: str
    by: str
    digest: str
    sealed: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalStep:
    """`revision`: the new one; the stored one is that minus one. `at`: wall clock. `event` is also told
    by the outbox (topic `booking.told`, key the booking's id, `first` = `last` = version).
    `is_called_off`: its people ended it themselves. `travellers`: in place of what was stored of them."""

    tenant_id: int
    booking_id: str
    fence: int
    revision: int
    version: int
    state: str
    status: str
    step: str
    snapshot: bytes
    at: int
    is_terminal: bool
    needs_operator: bool
    deadline: int | None = None
    participants: Sequence[ParticipantRow] = ()
    intents: Sequence[IntentRow] = ()
    results: Sequence[ResultRow] = ()
    postings: Sequence[Posting] = ()
    event: BookingEventRow | None = None
    timers: Sequence[TimerChange] = ()
    screening: ScreeningRow | None = None
    attempts: Sequence[AttemptRow] = ()
    is_called_off: bool = False
    travellers: Sequence[SealedTraveller] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NewBooking:
    """The booking's row. (creator, client id) is unique; so is the quote among live bookings. `is_replacement`: it
    stands for one of the same people, some of whom may be forgotten by now."""

    quote_id: str
    creator_id: str
    client_id: str
    room_id: str | None
    total: Money
    created_at: int
    is_replacement: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredBooking:
    """`unfinished`: seqs of intents without a result."""

    booking_id: str
    tenant_id: int
    creator_id: str
    room_id: str | None
    revision: int
    snapshot: bytes
    unfinished: Sequence[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingSummary:
    """A row of somebody's list, or of an operator's. `screening`: the newest, in an operator's."""

    booking_id: str
    room_id: str | None
    creator_id: str
    status: str
    state: str
    step: str
    version: int
    total: Money
    created_at: int
    changed_at: int
    needs_operator: bool
    participants: Sequence[ParticipantRow] = ()
    screening: ScreeningRow | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IntentRecord:
    """An intent with its result, for operators; `outcome` None: not known (yet)."""

    seq: int
    op: str
    key: str
    committed_at: int
    outcome: str | None = None
    detail: str = ""
    ended_at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotedItem:
    """`part_id` as in the saga. `previous`: the total that was shown before, when it is another."""

    part_id: str
    offer_id: str
    query: Query
    offer: SupplierOffer
    previous: Money | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """What a trip costs now, for whom it was asked."""

    id: str
    tenant_id: int
    user_id: str
    room_id: str | None
    items: Sequence[QuotedItem]
    total: Money
    created_at: int
    expires_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """Of one account in one currency; memo rows do not count."""

    account: str
    currency: str
    amount: int


class TripQuotes(Protocol):
    """Kept for 30 days."""

    async def add(self, quote: Quote) -> None: ...

    async def get(self, tenant_id: int, quote_id: str) -> Quote | None: ...

    async def forget_unbooked(self, tenant_id: int, supplier: str, query: Query) -> int:
        """Expire quotes of that supplier and route that no booking was made from; how many. A supplier
        that times out has prices nobody should trust."""


class Bookings(Protocol):
    """Everything raises `Unavailable` when the store is away; then it may or may not have happened:
    load again."""

    async def open(self, booking: NewBooking, step: JournalStep) -> str | None:
        """The first step (revision 1). None: stored. An id: the creator's client id has opened that one
        already, and nothing was stored. Raises `Rejected("conflict")` when the quote has a live booking,
        `Rejected("not_found")` when somebody in it asked to be forgotten, and as `commit`."""

    async def load(self, tenant_id: int, booking_id: str) -> StoredBooking | None: ...

    async def commit(self, step: JournalStep) -> None:
        """All of it or nothing; participants that the step does not name stay as they are. Raises
        `StaleFence`, also for the result of an intent that has one or is unknown; `BadStep`; `Rejected`
        when the actor would have too many timers; `Rejected("not_found")` when the account of who gave a
        traveller's data is gone."""

    async def by_client_id(self, tenant_id: int, creator_id: str, client_id: str) -> str | None: ...

    async def events(
        self, tenant_id: int, booking_id: str, *, after: int, limit: int
    ) -> Sequence[BookingEventRow]:
        """Ascending by version."""

    async def of_user(
        self, tenant_id: int, user_id: str, *, before: str | None, limit: int
    ) -> Sequence[BookingSummary]:
        """Those one takes part in or organises, newest id first."""

    async def stuck(self, *, now: int, limit: int) -> Sequence[BookingSummary]:
        """Not terminal, and an operator is needed, or nothing has changed though a deadline is an hour
        past. Oldest change first; those of them that an operator is needed for with their `screening`."""

    async def intents(self, tenant_id: int, booking_id: str) -> Sequence[IntentRecord]:
        """Ascending."""

    async def screenings(self, tenant_id: int, booking_id: str) -> Sequence[ScreeningRow]:
        """All verdicts on it and operators' words about them, in their order."""

    async def balances(self, tenant_id: int, booking_id: str) -> Sequence[Balance]:
        """Of all accounts that the booking's postings touched, from them alone; zero ones too."""


class Tellings(Protocol):
    """What people were told of a booking, in the words of one of them."""

    async def update(
        self, tenant_id: int, user_id: str, booking_id: str, version: int
    ) -> BookingUpdated | None:
        """Its `inbox` is 0. None: there is no such event, or it does not concern them. Raises
        `Unavailable`."""

    async def worded(
        self, tenant_id: int, user_id: str, rows: Sequence[BookingEventRow]
    ) -> Sequence[BookingUpdated | None]:
        """The same of each of a booking's events. Raises `Unavailable`."""

    async def inspect(self, tenant_id: int, booking_id: str) -> Mapping[str, Any] | None:
        """A booking's state for operators: plain data, without cards, methods, secrets and names. None:
        there is none. Raises `Unavailable`."""


class Travellers(Protocol):
    """Regulated data: encrypted at rest, erased with the user that gave them and 30 days after the
    booking ended (ids stay). They are stored with the step by which the booking has their digest: neither
    is ever there without the other."""

    def seal(
        self,
        tenant_id: int,
        booking_id: str,
        traveller: Traveller,
        *,
        by: str,
        document: Mapping[str, object] | None,
    ) -> SealedTraveller:
        """To be stored with a step of that booking, and opened there alone. Stores nothing."""

    async def get(self, tenant_id: int, booking_id: str) -> Mapping[str, tuple[Traveller, str]]:
        """Traveller id → data and digest."""

    async def givers(self, tenant_id: int, booking_id: str) -> Mapping[str, str]:
        """Traveller id → with whose account the data go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """The whole ledger. `open_trips`: bookings at a terminal state whose `trip` or `suspense` is not
    zero."""

    balances: Sequence[Balance] = ()
    unbalanced: Sequence[str] = ()
    open_trips: Sequence[str] = field(default_factory=tuple)


class LedgerAudit(Protocol):
    """Read only."""

    async def audit(self) -> Audit:
        """`unbalanced`: names of postings whose entries do not add up to zero (there can be none)."""
