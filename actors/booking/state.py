"""A booking's whole state, as it is stored: frozen, plain data, JSON (an offer holds the supplier's own) (pure)."""

from typing import Final, Literal

from msgspec import field

from actors.booking.calls import Call, Card
from protocol.booking import ParticipantState, TravellerType
from protocol.frames import Money, Value
from protocol.fraud import Screened
from protocol.ids import Millis
from protocol.payments import Declined, PaymentState
from protocol.travel import Itinerary, OfferKind, OrderState, Query, SupplierOffer

SagaState = Literal[
    "COLLECTING",
    "RESPLIT",
    "READY",
    "REPRICING",
    "RECONSENT",
    "ORDERING",
    "ORDER_UNKNOWN",
    "HELD",
    "CAPTURING",
    "CAPTURE_REPAIR",
    "LETTING_GO",
    "HOTEL",
    "HOTEL_UNKNOWN",
    "TICKETING",
    "COMPLETED",
    "ADJUSTING",
    "UNWINDING",
    "CANCELLED",
    "MANUAL",
]
TERMINAL: frozenset[SagaState] = frozenset({"COMPLETED", "CANCELLED"})
"""`MANUAL` ends by an operator's word."""


NO_LIMIT: Final = 2**63 - 1
"""Minor units; no amount is greater."""


class Payment(Value, frozen=True, kw_only=True):
    """One payment of a share. `provider`: with whom it is made; empty: the booking's own. `version` counts
    within the share; `attempt` counts methods tried. `seen`: as it was last seen; None: it was asked for and nobody knows whether it exists. `opened_at`: when
    the intent was committed.

    `method`: of the newest attempt; `is_asked`: how that attempt ended is not known (yet), since
    `asked_at`. `declined`: why it was refused. `is_void`: proven never to have been made.
    `is_doubtful`: a call to make it was not answered. `must_find`: only a list can say whether it
    exists; of one that `is_void`: somebody speaks of a payment that nobody knows. `is_lost`: it can never be captured. `is_fresh`: nothing has happened since it was seen. `was_held`, `was_let_go`: memo rows
    that were posted; `captured`, `refunded`: minor units that were posted; `taking`: what its first capture
    asked for. `intent`: the newest call
    that concerned its money. `refunds`: refunds that were begun and are certain. `is_settled`: what a
    refund that failed had left was paid by hand; `by_hand`: how much that was."""

    version: int
    amount: Money
    split_version: int
    opened_at: Millis
    payment_id: str | None = None
    attempt: int = 0
    seen: PaymentState | None = None
    method: str | None = None
    is_asked: bool = False
    asked_at: Millis = 0
    declined: Declined | None = None
    is_void: bool = False
    is_doubtful: bool = False
    must_find: bool = False
    is_lost: bool = False
    is_fresh: bool = True
    was_held: bool = False
    was_let_go: bool = False
    has_refund_failed: bool = False
    is_settled: bool = False
    by_hand: int = 0
    captured: int = 0
    refunded: int = 0
    refund_aim: int = 0
    refunds: int = 0
    intent: int = 0
    provider: str = ""
    taking: int = 0


class Share(Value, frozen=True, kw_only=True):
    """One person's share. `payments`: newest last; only the last may ever be captured. `consented`: the
    `split_version` that they agreed to. `client_ids`: attempts that were taken, newest last.
    `method`: approved, and not sent yet; `provider`: whose it is, as a payment has it. `is_out`: pays nothing any more, and had said no or was left
    out. `barred`: methods that must never be tried again. `spent`: minor units of what was captured
    that went to suppliers. `attempts`, `declines`: how often a method was tried and was refused; `methods`:
    different ones that were tried, newest last."""

    id: str
    user_id: str
    amount: Money
    state: ParticipantState = "invited"
    payments: tuple[Payment, ...] = ()
    consented: int = 0
    client_ids: tuple[str, ...] = ()
    method: str | None = None
    is_out: bool = False
    barred: tuple[str, ...] = ()
    spent: int = 0
    provider: str = ""
    attempts: int = 0
    declines: int = 0
    methods: tuple[str, ...] = ()


class Alternative(Value, frozen=True, kw_only=True):
    """Another flight in a part's place, as it was offered when it was looked for."""

    offer_id: str
    query: Query
    offer: SupplierOffer


class Change(Value, frozen=True, kw_only=True):
    """What a supplier has changed of a booked part by itself. `number` counts in the booking.
    `itineraries`: the flights as they are flown now; `change_id`: what may be accepted at the supplier.

    `is_sought`: whether another flight was looked for; `alternative`: what was found. `is_accepted`: its
    supplier was told that it is accepted. `decision`: what those
    concerned have decided; `replacement`: the booking that was opened in place of the part, `is_replaced`: it
    is booked. `no_rebook`: that was tried already."""

    number: int
    kind: Literal["times", "cancelled"]
    seen_at: Millis
    itineraries: tuple[Itinerary, ...] = ()
    change_id: str | None = None
    is_sought: bool = False
    alternative: Alternative | None = None
    is_accepted: bool = False
    decision: Literal["", "accept", "rebook", "refund"] = ""
    replacement: str | None = None
    is_replaced: bool = False
    no_rebook: bool = False


class Part(Value, frozen=True, kw_only=True):
    """A flight (`f`; one for more than its supplier books at once is several orders: `f`, `f2`, …) or a
    hotel stay (`h1`, `h2`, …). `holds`, `cancels`, `issues`: the supplier's
    capabilities at create. `total` is what was agreed to. `attempt` counts orders that were begun;
    the next begins only when the one before is proven never to have been made. `seats`: ids of the
    travellers it is for; empty: all. `must_search`: its party has become smaller since `offer` was made.

    `is_priced`: today's price is known and `offer` holds it. `held_at`: when the newest order was sent;
    `is_doubtful`: nobody knows whether it was made. `is_fresh`: nothing has happened since `order` was
    seen. `is_released`: it may be issued, or paid for, from now on. `is_gone`: nothing is left of it.
    `is_paid`: its money was posted to the supplier. `is_dropped`: the booking goes on without it.
    `refusal`: why the supplier would not. `intent`: the newest call that concerned its money.
    `returned`: what the supplier gives back, minor units.

    `is_quoted`: the supplier was asked what it would give back; `quoted`: what it said, minor units, None: it
    does not say. `promised`: what people were told of that when they agreed. `change`: what its supplier has
    changed after it was booked, until those concerned have dealt with it; `answered`: the id of the last such
    change. `is_given_back`: given up after it
    was booked, alone: `total` is what the supplier keeps."""

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
    is_priced: bool = False
    held_at: Millis = 0
    is_doubtful: bool = False
    is_fresh: bool = True
    is_released: bool = False
    is_gone: bool = False
    is_paid: bool = False
    is_dropped: bool = False
    refusal: str = ""
    intent: int = 0
    returned: int | None = None
    seats: tuple[str, ...] = ()
    is_quoted: bool = False
    quoted: int | None = None
    promised: int | None = None
    change: Change | None = None
    answered: str = ""
    is_given_back: bool = False
    must_search: bool = False


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
    """`text` and `params` as in `steps.Sentence`. `shares`: user id → minor units; `promised`: part id → minor
    units that its supplier is to give back at least."""

    id: str
    text: str
    params: dict[str, object] = field(default_factory=dict)
    shares: dict[str, int] | None = None
    promised: dict[str, int] | None = None


class Asked(Value, frozen=True, kw_only=True):
    """An open question. `answers`: user id → option id. `part_id`: whose change it is about."""

    id: str
    kind: Literal["resplit", "reconsent", "supplier_change", "refund"]
    options: tuple[Option, ...]
    to: tuple[str, ...]
    expires_at: Millis
    answers: dict[str, str] = field(default_factory=dict)
    part_id: str = ""


class Screening(Value, frozen=True, kw_only=True):
    """What was said of the booking with these cards, the last time. `by`: the operator whose word the verdict
    is; empty: the screener's."""

    cards: tuple[Card, ...]
    found: Screened
    by: str = ""


class Provider(Value, frozen=True, kw_only=True):
    """A payment provider at create. `unit`, `least`, `most`: minor units of the booking's currency; a booking
    of which nobody asked for the most has no such limit. Times in milliseconds: how long an authorisation
    lasts at least, and a repeated key is answered alike."""

    name: str
    unit: int
    least: int
    holds_for: int
    replays_for: int
    most: int = NO_LIMIT


class Saga(Value, frozen=True, kw_only=True):
    """`revision` counts steps, `version` those that people see. All times are business time, in
    milliseconds. `deadlines`: name → when. `next_look_at`: subject → when a look or
    a repeat that failed is due again; `tries`: how often it failed in a row. `collect_by`: no money is
    collected after, whatever was agreed. `entered_at`: when this state began, `touched_at` the newest
    step. `provider`: in whose units everything is split; `others`: with whom shares may be paid too, none
    of them stricter. `rounds`: prices that were asked for anew. `no_resplit`: somebody would not pay more.
    `manual_from`: where a person was needed. `is_stuck`: it takes longer than it should.
    `by_policy`: called off when suppliers keep a part; `by_operator`: undone at the word of one, who has
    called off what was booked. `wants_refund`: the organiser wants to call off what is booked, and is asked once
    suppliers said what they return. `changes`: how many changes of suppliers were seen. `replaces`: the booking
    of which this one takes a part's place; `has_told`: that one knows how it ended. `screening`: the newest
    verdict; `is_called_off`: people themselves ended it. `closed_answers`: of `closed_questions`, by their ids: what
    was answered by whom. `left`: who paid for the travellers that the trip went
    on without."""

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
    closed_answers: dict[str, dict[str, str]] = field(default_factory=dict)
    pending: tuple[Pending, ...] = ()
    next_seq: int = 1
    reason: str = ""
    manual_reason: str = ""
    tries: dict[str, int] = field(default_factory=dict)
    collect_by: Millis = 0
    entered_at: Millis = 0
    touched_at: Millis = 0
    rounds: int = 0
    questions: int = 0
    no_resplit: bool = False
    manual_from: SagaState | None = None
    is_stuck: bool = False
    by_policy: bool = False
    others: tuple[Provider, ...] = ()
    by_operator: bool = False
    wants_refund: bool = False
    changes: int = 0
    replaces: str | None = None
    has_told: bool = False
    screening: Screening | None = None
    is_called_off: bool = False
    left: tuple[str, ...] = ()
