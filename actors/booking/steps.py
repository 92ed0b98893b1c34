"""What goes into the saga's machine and what comes out of it (pure).

In: a command of a person, how a call ended, what a look saw, time. Out: a `Step`, which is committed
whole before anything of it leaves; then its intents are performed, and what `looks_wanted` says.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from msgspec import field as defaulted

from actors.booking.calls import Call, Look
from actors.booking.state import Alternative, Part, Provider, Saga, Screening, Seat
from protocol.booking import OperatorAction
from protocol.frames import Money, Value
from protocol.fraud import Screened
from protocol.ids import Millis
from protocol.ledger import Posting
from protocol.payments import (
    Busy,
    Declined,
    PaymentRefused,
    PaymentState,
    RefundMade,
)
from protocol.suppliers import (
    Cancelled,
    Created,
    NotSent,
    RefundQuoted,
    Refused,
    Unknown,
    Unsupported,
)
from protocol.travel import OrderState, SupplierOffer

# ── in: people ──


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """A booking that may be opened: quote and membership were looked at. `participants` in listed order;
    `split`: "equal", or user id → minor units. `collect_until`: None, or the organiser's choice. `replaces`:
    the booking of which it takes a part's place."""

    booking_id: str
    tenant_id: int
    room_id: str | None
    organiser_id: str
    participants: tuple[str, ...]
    parts: tuple[Part, ...]
    seats: tuple[Seat, ...]
    split: Literal["equal"] | Mapping[str, int]
    provider: Provider
    others: tuple[Provider, ...] = ()
    last_ticketing_at: int | None = None
    collect_until: int | None = None
    replaces: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Approve:
    """`client_id`: one attempt; a repeat of it changes nothing. `method` is the id that `provider` (empty:
    the booking's own) has of it."""

    user_id: str
    method: str
    client_id: str
    provider: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decline:
    user_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """To an open question."""

    user_id: str
    question_id: str
    option_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOff:
    user_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TravellerNamed:
    """Their data are stored elsewhere, encrypted; `digest` is the hash of what was stored."""

    user_id: str
    traveller_id: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Operate:
    """An operator's word for a saga that is stuck or `manual`. "retry": look again and go on; "compensate":
    undo what can be undone; "settle": the rest was done by hand, `note` says what; "allow": what waits
    for a review may go on; "returned": the supplier of a part that was given up returns `amount` for it."""

    operator: str
    action: OperatorAction
    note: str = ""
    part_id: str = ""
    amount: Money | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Replaced:
    """The booking `by`, which was opened to replace a part of this one, is booked, or never will be."""

    by: str
    is_booked: bool


# ── in: the world ──


class ReplacementOpened(Value, frozen=True, kw_only=True):
    """By this call or an earlier one under the same key."""

    booking_id: str


class ReplacedTold(Value, frozen=True, kw_only=True):
    """The booking that is replaced knows, for good."""


CallOutcome = (
    PaymentState
    | Declined
    | PaymentRefused
    | Busy
    | RefundMade
    | Created
    | OrderState
    | Cancelled
    | Refused
    | NotSent
    | Unknown
    | Unsupported
    | ReplacementOpened
    | ReplacedTold
)
"""`OrderState`: of `Confirm`, of `AcceptChange` and, without anything new in it, of `Release`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEnded:
    """`seq`: the intent's number. After a restart every intent without a result ended `Unknown`."""

    seq: int
    outcome: CallOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class OrdersFound:
    """What carries our reference. `complete_until` (business clock): an order made before would be here."""

    orders: tuple[OrderState, ...]
    complete_until: Millis


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentsFound:
    payments: tuple[PaymentState, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PricedToday:
    """The offer as it may be held now; `Refused` where it is sold out or too old."""

    offer: SupplierOffer


@dataclass(frozen=True, slots=True, kw_only=True)
class AlternativeFound:
    """None: there is no other flight that could take the part's place."""

    alternative: Alternative | None


@dataclass(frozen=True, slots=True)
class NotThere:
    """The payment or order that was read does not exist."""


@dataclass(frozen=True, slots=True)
class NotSeen:
    """The look failed: nobody could be reached. Again later."""


LookOutcome = (
    PaymentState
    | PaymentsFound
    | OrderState
    | OrdersFound
    | PricedToday
    | RefundQuoted
    | AlternativeFound
    | Screened
    | Refused
    | NotThere
    | NotSeen
    | Unsupported
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    look: Look
    outcome: LookOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Wake:
    """Time has passed, a webhook came, or the server starts: look at everything. `payment_id`, `order_id`:
    what changed, if somebody said so; `is_unnamed`: something did, and they did not say what."""

    payment_id: str | None = None
    order_id: str | None = None
    is_unnamed: bool = False


Input = (
    Approve
    | Decline
    | Answer
    | CallOff
    | TravellerNamed
    | Operate
    | Replaced
    | CallEnded
    | Looked
    | Wake
)

# ── out ──


class Sentence(Value, frozen=True, kw_only=True):
    """An English sentence, key of the message catalogue; `params` fill its `{placeholders}`: names of
    people are user ids under keys that end in `_user`, amounts (`Money`) under keys that end in
    `_money`, times (milliseconds) under keys that end in `_at`, times of a place (`LocalTime`) under keys
    that end in `_local`, translated when it is told. `more`: what is said after it."""

    text: str
    params: dict[str, object] = defaulted(default_factory=dict)
    more: "Sentence | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """A call that is committed with the step and performed after it. `seq` counts in the booking."""

    seq: int
    call: Call


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What people are told of a step. `note` is for all; `notes` say more to one person (why a card was
    declined), in place of it. `has_card`: the room gets a message with a booking card."""

    note: Sentence
    notes: Mapping[str, Sentence] = field(default_factory=dict)
    has_card: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A method was tried, or (`is_refused`) turned out to be refused. `provider` by its name."""

    user_id: str
    provider: str
    method: str
    is_refused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One change. `ended`: intents whose outcome this step records: (seq, word, detail for operators).
    `screening`: a verdict, or an operator's word about one."""

    saga: Saga
    intents: tuple[Intent, ...] = ()
    ended: tuple[tuple[int, str, str], ...] = ()
    postings: tuple[Posting, ...] = ()
    notice: Notice | None = None
    screening: Screening | None = None
    attempts: tuple[Attempt, ...] = ()
