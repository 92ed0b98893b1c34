"""A booking's whole state, as it is stored: frozen, plain data, MessagePack (pure)."""

from typing import Literal

from msgspec import field

from actors.booking.calls import Call
from protocol.booking import ParticipantState, TravellerType
from protocol.frames import Money, Value
from protocol.ids import Millis
from protocol.payments import PaymentState
from protocol.travel import OfferKind, OrderState, Query, SupplierOffer

SagaState = Literal[
    "COLLECTING",
    "RESPLIT",
    "REPRICING",
    "RECONSENT",
    "ORDERING",
    "ORDER_UNKNOWN",
    "HELD",
    "CAPTURING",
    "CAPTURE_REPAIR",
    "HOTEL",
    "HOTEL_UNKNOWN",
    "TICKETING",
    "COMPLETED",
    "UNWINDING",
    "CANCELLED",
    "MANUAL",
]
TERMINAL: frozenset[SagaState] = frozenset({"COMPLETED", "CANCELLED"})
"""`MANUAL` ends by an operator's word."""


class Payment(Value, frozen=True, kw_only=True):
    """One payment of a share. `version` counts within the share; `attempt` counts methods tried. `seen`:
    as it was last seen; None: it was asked for and nobody knows whether it exists. `opened_at`: when
    the intent was committed."""

    version: int
    amount: Money
    split_version: int
    opened_at: Millis
    payment_id: str | None = None
    attempt: int = 0
    seen: PaymentState | None = None
    refunded: int = 0


class Share(Value, frozen=True, kw_only=True):
    """One person's share. `payments`: newest last; only the last may ever be captured. `consented`: the
    `split_version` that they agreed to. `client_ids`: attempts that were taken, newest last."""

    id: str
    user_id: str
    amount: Money
    state: ParticipantState = "invited"
    payments: tuple[Payment, ...] = ()
    consented: int = 0
    client_ids: tuple[str, ...] = ()


class Part(Value, frozen=True, kw_only=True):
    """A flight (`f`) or a hotel stay (`h1`, `h2`, …). `holds`, `cancels`, `issues`: the supplier's
    capabilities at create. `total` is what was agreed to. `attempt` counts orders that were begun;
    the next begins only when the one before is proven never to have been made."""

    id: str
    kind: OfferKind
    query: Query
    offer: SupplierOffer
    total: Money
    holds: bool
    cancels: Literal["none", "pre_ticket", "policy"]
    issues: Literal["by_supplier", "explicit"]
    finds: bool
    offer_id: str
    attempt: int = 0
    order: OrderState | None = None


class Seat(Value, frozen=True, kw_only=True):
    """A traveller. `digest`: of the data that were stored for it."""

    id: str
    payer_id: str
    type: TravellerType
    digest: str | None = None


class Pending(Value, frozen=True, kw_only=True):
    """A committed intent without a result. `at`: when it was committed."""

    seq: int
    call: Call
    at: Millis


class Option(Value, frozen=True, kw_only=True):
    """`text` and `params` as in `steps.Sentence`. `shares`: user id → minor units."""

    id: str
    text: str
    params: dict[str, object] = field(default_factory=dict)
    shares: dict[str, int] | None = None


class Asked(Value, frozen=True, kw_only=True):
    """An open question. `answers`: user id → option id."""

    id: str
    kind: Literal["resplit", "reconsent", "refund"]
    options: tuple[Option, ...]
    to: tuple[str, ...]
    expires_at: Millis
    answers: dict[str, str] = field(default_factory=dict)


class Provider(Value, frozen=True, kw_only=True):
    """The payment provider at create. `unit`, `least`: minor units of the booking's currency. Times in
    milliseconds: how long an authorisation lasts at least, and a repeated key is answered alike."""

    name: str
    unit: int
    least: int
    holds_for: int
    replays_for: int


class Saga(Value, frozen=True, kw_only=True):
    """`revision` counts steps, `version` those that people see. All times are business time, in
    milliseconds. `deadlines`: name → when. `next_look_at`: subject → when a look or
    a repeat that failed is due again."""

    booking_id: str
    tenant_id: int
    room_id: str | None
    organiser_id: str
    created_at: Millis
    revision: int
    version: int
    state: SagaState
    step: str
    split_version: int
    shares: tuple[Share, ...]
    parts: tuple[Part, ...]
    seats: tuple[Seat, ...]
    total: Money
    provider: Provider
    deadlines: dict[str, Millis] = field(default_factory=dict)
    next_look_at: dict[str, Millis] = field(default_factory=dict)
    question: Asked | None = None
    closed_questions: tuple[str, ...] = ()
    pending: tuple[Pending, ...] = ()
    next_seq: int = 1
    reason: str = ""
    manual_reason: str = ""
