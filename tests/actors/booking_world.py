"""A provider and suppliers for the booking's machine, all in one object and without an await.

As strict as the real ones: a key is answered as the first time, a payment is captured once, an order's
reference is not looked at. `fault` decides what happens to each call: "reply" (done and answered), "lost"
(done, answer lost), "late" (answer lost, done `LATE` later), "unsent", "broken" (not done, answer lost).
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
from msgspec.structs import replace

from actors.booking.calls import (
    AcceptChange,
    Authorise,
    Call,
    CancelOrder,
    CancelPayment,
    Capture,
    Confirm,
    FindAlternative,
    FindOrders,
    FindPayments,
    Hold,
    Look,
    OpenPayment,
    OpenReplacement,
    QuoteRefund,
    ReadOrder,
    ReadPayment,
    Refund,
    Release,
    Reprice,
    Screen,
    TellReplaced,
)
from actors.booking.checks import check
from actors.booking.machine import decide, looks_wanted, open_saga, wake_at
from actors.booking.orders import flights_of, reference, seats_of
from actors.booking.state import TERMINAL, Alternative, Part, Provider, Saga, Seat
from actors.booking.steps import (
    AlternativeFound,
    CallEnded,
    Input,
    Looked,
    NotSeen,
    NotThere,
    Opening,
    OrdersFound,
    PaymentsFound,
    PricedToday,
    ReplacedTold,
    ReplacementOpened,
    Step,
    Wake,
)
from protocol.booking import PaymentAction
from protocol.frames import Money
from protocol.fraud import Screened
from protocol.payments import (
    Busy,
    Declined,
    PaymentReference,
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
)
from protocol.travel import (
    FlightDetails,
    FlightQuery,
    HotelDetails,
    HotelQuery,
    OrderState,
    Party,
    SupplierOffer,
    Ticket,
)

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
T0 = 1_800_000_000_000
LATE = 90_000
STRIPE = Provider(name="stripe", unit=1, least=50, holds_for=7 * DAY, replays_for=24 * HOUR)
CARD = "pm_card_visa"


def eur(amount: int) -> Money:
    return Money(amount=amount, currency="EUR")


def flight(total: int = 30_000, *, currency: str = "EUR", **changes: Any) -> Part:
    offer = SupplierOffer(
        supplier="amadeus",
        token=msgspec.Raw(b"{}"),
        total=Money(amount=total, currency=currency),
        fetched_at=T0,
        expires_at=T0 + 20 * MINUTE,
        can_hold=True,
        details=FlightDetails(itineraries=()),
    )
    part = Part(
        id="f",
        kind="flight",
        query=FlightQuery(
            origin="BER", destination="LIS", depart_on="2027-03-01", party=Party(adults=3)
        ),
        offer=offer,
        total=offer.total,
        holds=True,
        cancels="pre_ticket",
        issues="explicit",
        finds=True,
        offer_id="o1",
    )
    return replace(part, **changes)


def stay(number: int = 1, total: int = 9_000, **changes: Any) -> Part:
    offer = SupplierOffer(
        supplier="duffel",
        token=msgspec.Raw(b"{}"),
        total=eur(total),
        fetched_at=T0,
        expires_at=T0 + 20 * MINUTE,
        can_hold=False,
        details=HotelDetails(
            hotel_id="H", name="Casa", check_in="2027-03-01", check_out="2027-03-04"
        ),
    )
    part = Part(
        id=f"h{number}",
        kind="hotel",
        query=HotelQuery(
            city="LIS", check_in="2027-03-01", check_out="2027-03-04", party=Party(adults=3)
        ),
        offer=offer,
        total=offer.total,
        holds=False,
        cancels="none",
        issues="by_supplier",
        finds=False,
        offer_id=f"o{number + 1}",
    )
    return replace(part, **changes)


def opening(*parts: Part, **changes: Any) -> Opening:
    people = changes.pop("participants", ("ada", "bob", "cy"))
    fields: dict[str, Any] = {
        "booking_id": "b1",
        "tenant_id": 1,
        "room_id": "r1",
        "organiser_id": "ada",
        "participants": people,
        "parts": parts or (flight(),),
        "seats": tuple(
            Seat(id=f"t{n}", payer_id=user_id, type="adult") for n, user_id in enumerate(people)
        ),
        "split": "equal",
        "provider": STRIPE,
    }
    return Opening(**{**fields, **changes})


@dataclass
class Kept:
    """A payment at the provider."""

    id: str
    amount: int
    reference: PaymentReference
    status: str = "open"
    captured: int = 0
    refunded: int = 0
    capture_before: int | None = None
    decline: Declined | None = None
    refund_failed: bool = False


@dataclass
class World:
    """Owns: what the provider and the suppliers know, and the saga. `fault(call)` → a word."""

    saga: Saga
    now: int = T0
    fault: Callable[[Call], str] = field(default=lambda call: "reply")
    sees: Callable[[Look], bool] = field(default=lambda look: True)
    payments: dict[str, Kept] = field(default_factory=dict)
    orders: dict[str, OrderState] = field(default_factory=dict)
    answers: dict[str, Any] = field(default_factory=dict)
    prices: dict[str, Any] = field(default_factory=dict)
    late: list[tuple[int, Call]] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    ledger: dict[tuple[str, str], int] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    hold_for: int = 3 * DAY
    hold_refusals: list[Any] = field(default_factory=list)
    issue: str = "ok"
    policy_refund: str = "some"
    lasts: int = 7 * DAY
    keeps: int = 3
    quote: Any = "some"
    alternative: Alternative | None = None
    accepts: list[Any] = field(default_factory=list)
    opens: list[Any] = field(default_factory=list)
    tells: list[Any] = field(default_factory=list)
    returned: int = 0
    is_audited: bool = True
    verdict: Callable[[Screen], Any] = field(default=lambda look: "allow")
    per_head: dict[str, int] = field(init=False)
    _numbers: Any = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        """What a flight costs is so much for each who flies."""
        self.per_head = {
            part.id: part.total.amount // len(seats_of(self.saga, part)) for part in self.saga.parts
        }

    # ── the world's side ──

    def execute(self, call: Call) -> Any:
        """Do it, and what would be answered."""
        key = getattr(call, "key", None)
        if key is not None and key in self.answers:
            return self.answers[key]
        answer = self._execute(call)
        if key is not None and not isinstance(answer, Busy | Unknown):
            self.answers[key] = answer
        return answer

    def _execute(self, call: Call) -> Any:
        self._expire()
        match call:
            case OpenPayment():
                kept = Kept(f"pi{next(self._numbers)}", call.amount.amount, call.reference)
                self.payments[kept.id] = kept
                return self.state_of(kept)
            case Authorise():
                return self._authorise(self.payments[call.payment_id], call.method)
            case Capture():
                kept = self.payments[call.payment_id]
                if kept.status != "authorized":
                    return PaymentRefused(kind="lost" if kept.status == "cancelled" else "state")
                self._check_capture(call)
                kept.status, kept.captured = "captured", call.amount.amount
                return self.state_of(kept)
            case CancelPayment():
                kept = self.payments[call.payment_id]
                if kept.status == "captured":
                    return PaymentRefused(kind="state")
                kept.status = "cancelled"
                return self.state_of(kept)
            case Refund():
                kept = self.payments[call.payment_id]
                if kept.status != "captured":
                    return PaymentRefused(kind="state")
                if call.amount.amount > kept.captured - kept.refunded:
                    return PaymentRefused(kind="amount")
                kept.refunded += call.amount.amount
                return RefundMade(refund_id=call.key, amount=call.amount.amount)
            case Hold():
                return self._hold(call)
            case Confirm() | Release():
                return self._issue(call)
            case CancelOrder():
                order = self.orders[call.order_id]
                part = next(p for p in self.saga.parts if p.id == call.part_id)
                refund = self.policy_refund
                if order.status in ("ticketed", "confirmed"):
                    if part.cancels != "policy" or refund == "refused":
                        return Refused(kind="invalid", detail="booked")
                    back = None if refund == "silent" else self._back(part)
                    least = call.at_least
                    if least is not None and (back is None or back.amount < least.amount):
                        return Refused(kind="price_changed", detail="less", price=back)
                    self.orders[call.order_id] = replace(order, status="cancelled")
                    self.returned += back.amount if back else 0
                    return Cancelled(refund=back)
                self.orders[call.order_id] = replace(order, status="cancelled")
                return Cancelled(was_gone=order.status == "cancelled")
            case AcceptChange():
                if self.accepts:
                    return self.accepts.pop(0)
                order = self.orders[call.order_id]
                if order.change_id not in (None, call.change_id):
                    return Refused(kind="invalid", detail="another change")
                self.orders[call.order_id] = replace(order, change_id=None)
                return self.orders[call.order_id]
            case OpenReplacement():
                return self.opens.pop(0) if self.opens else ReplacementOpened(booking_id="b2")
            case TellReplaced():
                return self.tells.pop(0) if self.tells else ReplacedTold()

    def _back(self, part: Part) -> Money:
        """What the supplier returns of it: tenths that it does not keep."""
        return eur(part.total.amount * (10 - self.keeps) // 10)

    def _check_capture(self, call: Capture) -> None:
        live = {o.reference for o in self.orders.values() if o.status in ("held", "confirmed")}
        for part in flights_of(self.saga):
            if part.holds:
                assert reference(self.saga, part) in live, "I6: captured without a live order"

    def _authorise(self, kept: Kept, method: str) -> Any:
        if kept.status not in ("open", "action_required"):
            return PaymentRefused(kind="state")
        if "Declined" in method:
            kept.status = "open"
            kept.decline = Declined(code="card_declined", is_final="Lost" in method)
            return kept.decline
        if "3ds" in method:
            kept.status = "action_required"
            return self.state_of(kept)
        kept.status = "authorized"
        kept.capture_before = self.now + self.lasts
        return self.state_of(kept)

    def _hold(self, call: Hold) -> Any:
        if self.hold_refusals and self.hold_refusals[0] is not None:
            return self.hold_refusals.pop(0)
        if self.hold_refusals:
            self.hold_refusals.pop(0)
        part = next(p for p in self.saga.parts if p.id == call.part_id)
        order = OrderState(
            supplier=part.offer.supplier,
            order_id=f"ord{next(self._numbers)}",
            status="held" if part.holds else "confirmed",
            locator="ABC123",
            reference=call.reference,
            total=part.offer.total,
            hold_until=self.now + self.hold_for if part.holds else None,
        )
        self.orders[order.order_id] = order
        return Created(order=order)

    def _issue(self, call: Confirm | Release) -> Any:
        order = self.orders[call.order_id]
        if self.issue == "refused" or order.status == "cancelled":
            return Refused(kind="invalid", detail="no")
        if isinstance(call, Confirm) and order.total is not None:
            at_most = call.at_most
            if at_most is None or order.total.amount > at_most.amount:
                return Refused(kind="price_changed", detail="dearer", price=order.total)
        captured = sum(kept.captured - kept.refunded for kept in self.payments.values())
        assert captured >= self.saga.total.amount, "I3: tickets before everything is captured"
        if order.status == "held":
            self.orders[call.order_id] = self._ticketed(order, self._part(call.part_id))
        return self.orders[call.order_id] if isinstance(call, Confirm) else order

    def _part(self, part_id: str) -> Part:
        return next(part for part in self.saga.parts if part.id == part_id)

    def _ticketed(self, order: OrderState, part: Part) -> OrderState:
        seats = enumerate(seats_of(self.saga, part))
        tickets = tuple(Ticket(number=f"{n}", traveller_id=seat.id) for n, seat in seats)
        return replace(order, status="ticketed", tickets=tickets)

    def _expire(self) -> None:
        for kept in self.payments.values():
            if (
                kept.status == "authorized"
                and kept.capture_before is not None
                and kept.capture_before <= self.now
            ):
                kept.status = "cancelled"
        for order_id, order in self.orders.items():
            if (
                order.status == "held"
                and order.hold_until is not None
                and order.hold_until <= self.now
            ):
                self.orders[order_id] = replace(order, status="cancelled")

    def state_of(self, kept: Kept) -> PaymentState:
        is_asking = kept.status == "action_required"
        return PaymentState(
            payment_id=kept.id,
            status=kept.status,  # type: ignore[arg-type]
            amount=eur(kept.amount),
            captured=kept.captured,
            refunded=kept.refunded,
            capture_before=kept.capture_before,
            decline=kept.decline,
            reference=kept.reference,
            refund_failed=kept.refund_failed,
            has_expired=kept.status == "cancelled"
            and (kept.capture_before or self.now + 1) <= self.now,
            action=PaymentAction(kind="card", client_secret="s", expires_at=self.now + HOUR)
            if is_asking
            else None,
        )

    def see(self, look: Look) -> Any:
        self._expire()
        if not self.sees(look):
            return NotSeen()
        match look:
            case ReadPayment():
                kept = self.payments.get(look.payment_id)
                return self.state_of(kept) if kept else NotThere()
            case FindPayments():
                return PaymentsFound(payments=tuple(map(self.state_of, self.payments.values())))
            case Reprice():
                part = next(p for p in self.saga.parts if p.id == look.part_id)
                price = self.prices.get(look.part_id)
                if isinstance(price, Refused):
                    return price
                total = eur(price) if price is not None else part.offer.total
                if part.must_search and price is None and part.kind == "flight":
                    total = eur(self.per_head[part.id] * len(seats_of(self.saga, part)))
                return PricedToday(offer=replace(part.offer, total=total))
            case ReadOrder():
                order = self.orders.get(look.order_id)
                part = next(p for p in self.saga.parts if p.id == look.part_id)
                if order and order.status == "confirmed" and part.kind == "flight":
                    self.orders[look.order_id] = self._ticketed(order, part)
                return self.orders.get(look.order_id) or NotThere()
            case QuoteRefund():
                if self.quote != "some":
                    return self.quote
                part = next(p for p in self.saga.parts if p.id == look.part_id)
                return RefundQuoted(refund=self._back(part))
            case FindAlternative():
                return AlternativeFound(alternative=self.alternative)
            case Screen():
                return Screened(
                    verdict=self.verdict(look), reasons=("odd",), score=0.5, features=(1.0,)
                )
            case FindOrders():
                return OrdersFound(
                    orders=tuple(o for o in self.orders.values() if o.reference == look.reference),
                    complete_until=self.now,
                )

    # ── the saga's side ──

    def put(self, input_: Input) -> Step:
        before = self.saga
        step = decide(before, input_, self.now)
        if step.saga is before:
            assert (step.intents, step.postings, step.notice) == ((), (), None)
            return step
        self.keep(before, step)
        return step

    def keep(self, before: Saga, step: Step) -> None:
        saga = step.saga
        assert saga.revision == before.revision + 1
        assert saga.version == before.version + (step.notice is not None)
        assert msgspec.json.decode(msgspec.json.encode(saga), type=Saga) == saga
        assert check(saga) == []
        at = wake_at(saga)
        assert at is None or at > self.now, (saga.state, at - self.now)
        assert at is not None or saga.state in (*TERMINAL, "MANUAL")
        for posting in step.postings:
            assert posting.name not in self.names, posting.name
            assert 0 < posting.intent < saga.next_seq
            self.names.add(posting.name)
            assert sum(entry.amount for entry in posting.entries) == 0
            for entry in posting.entries:
                account = ("memo:" if posting.is_memo else "") + entry.account
                self.ledger[account, posting.currency] = (
                    self.ledger.get((account, posting.currency), 0) + entry.amount
                )
        self.saga = saga
        self.steps.append(step)
        if saga.state in TERMINAL and self.is_audited:
            self.check_end()

    def balance(self, account: str) -> int:
        return sum(v for (name, _), v in self.ledger.items() if name == account)

    def check_end(self) -> None:
        """I1 and I2 against the world, and the ledger."""
        self._expire()
        held = [kept for kept in self.payments.values() if kept.status == "authorized"]
        assert not held, "a card is still held"
        net = sum(kept.captured - kept.refunded for kept in self.payments.values())
        live = [o for o in self.orders.values() if o.status in ("held", "confirmed", "ticketed")]
        assert self.balance(f"trip:{self.saga.booking_id}") == 0
        assert self.balance("psp:stripe") == net
        memo = [v for (name, _), v in self.ledger.items() if name.startswith("memo:")]
        assert not any(memo), self.ledger
        if self.saga.state == "CANCELLED":
            kept = sum(share.spent for share in self.saga.shares)
            assert net == kept, "somebody has paid"
            assert kept == 0 or self.saga.by_policy
            assert not live, "an order is left"
        else:
            assert net == self.saga.total.amount
            assert len(live) == sum(
                not (part.is_dropped or part.is_given_back or part.is_gone)
                for part in self.saga.parts
            )
            for share in self.saga.shares:
                paid = sum(
                    kept.captured - kept.refunded
                    for kept in self.payments.values()
                    if kept.reference.share_id == share.id
                )
                assert paid == share.amount.amount
                assert self.balance(f"participant:{share.user_id}") == 0

    def settle(self, rounds: int = 200) -> None:
        """Perform what is open and wanted until there is nothing, without time passing."""
        for _ in range(rounds):
            if self.saga.pending:
                self.perform(self.saga.pending[0].seq)
            elif looks := looks_wanted(self.saga, self.now):
                self.put(Looked(look=looks[0], outcome=self.see(looks[0])))
            else:
                return
        raise AssertionError("it does not come to rest")

    def perform(self, seq: int) -> None:
        call = next(p.call for p in self.saga.pending if p.seq == seq)
        self.calls.append(call)
        word = self.fault(call)
        outcome: Any = Unknown(detail=word)
        if word in ("reply", "lost"):
            answer = self.execute(call)
            outcome = answer if word == "reply" else outcome
        elif word == "late":
            self.late.append((self.now + LATE, call))
        elif word == "unsent":
            outcome = NotSent()
        self.put(CallEnded(seq=seq, outcome=outcome))

    def pass_time(self, until: int, leaps: bool = False) -> None:
        """Let business time pass, waking the saga when it asks for it."""
        while self.now < until:
            at = wake_at(self.saga)
            due = [when for when, _ in self.late]
            if at is not None and not leaps:
                due.append(at)
            self.now = min([until, *(when for when in due if when > self.now)])
            for when, call in list(self.late):
                if when <= self.now:
                    self.late.remove((when, call))
                    self.execute(call)
            self.put(Wake())
            self.settle()


def world(*parts: Part, named: bool = True, **changes: Any) -> World:
    """A booking that has just been opened."""
    step = open_saga(opening(*parts, **changes), T0)
    made = World(saga=step.saga)
    made.steps.append(step)
    if named:
        from actors.booking.steps import TravellerNamed

        for seat in step.saga.seats:
            made.put(TravellerNamed(user_id=seat.payer_id, traveller_id=seat.id, digest="d"))
    return made
