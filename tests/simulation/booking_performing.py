"""Calls and looks of a booking as they end: by themselves, or by the fault that waits at their site."""

from typing import Final, cast

import msgspec
from booking_faults import SILENCES
from booking_journal import Crash, StaleFence
from booking_stage import Stage, subject
from booking_stories import HOUR, MINUTE, VERDICTS

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
from actors.booking.orders import seats_of
from actors.booking.state import Alternative, Saga
from actors.booking.steps import (
    AlternativeFound,
    CallEnded,
    CallOutcome,
    Intent,
    Looked,
    LookOutcome,
    NotSeen,
    NotThere,
    OrdersFound,
    PaymentsFound,
    PricedToday,
    Replaced,
    ReplacedTold,
    ReplacementOpened,
)
from core.errors import Rejected
from core.ports.inventory import Priced
from protocol.frames import Money
from protocol.fraud import Screened, Verdict
from protocol.payments import Busy, PaymentRefused
from protocol.suppliers import Created, NotSent, Refused, Unknown, Unsupported
from protocol.travel import (
    FlightDetails,
    OrderState,
)

ODD_CARD: Final = "odd_card"
"""Why something is looked at: a word for operators."""

SILENCE: Final = 26 * HOUR
LATE: Final = {"late": 90_000, "later": 3 * HOUR, "latest": 26 * HOUR}
LATE_ORDER: Final = {"late": 90_000, "later": 50 * MINUTE, "latest": 3 * HOUR}
"""No supplier holds a request for longer than an hour (`actors.booking.timing.PROVEN_AFTER`), but in a control."""


_ORDERS: Final = Hold | Confirm | Release | CancelOrder | AcceptChange | OpenReplacement


class Performing(Stage):
    """What the actor's performer does, without an event loop."""

    def perform(self, intent: Intent) -> None:
        """As the actor's performer does."""
        call = intent.call
        fault = self.reach(*subject(call))
        if fault == "crash_sent":
            raise Crash
        fault = self._silence(call, fault) or fault
        if self.watch is not None:
            self.watch.leaving(self, call)
        outcome = self.outcome(call, fault)
        self.note("  {} -> {} {}", call, outcome, fault)
        self.now += 200
        if fault == "crash_done":
            raise Crash
        ended = CallEnded(seq=intent.seq, outcome=outcome)
        if fault == "slow" or (fault is None and self._is_slow()):
            self._reply_later(ended)
        elif fault == "usurped":
            self._usurp(ended)
        else:
            self.feed(ended)
        if fault == "crash_recorded":
            raise Crash

    def _silence(self, of: Call | Look, fault: str | None) -> str | None:
        """How a call to a side ends that does not answer for a day."""
        side = "payment" if hasattr(of, "share_id") or isinstance(of, FindPayments) else "supplier"
        if fault in SILENCES:
            self.silent[side] = fault, self.now + SILENCE
        mode, until = self.silent.get(side, ("", 0))
        if self.now >= until:
            return None
        return "blank" if mode == "outage" else "lost"

    def _reply_later(self, ended: CallEnded) -> None:
        life = self.life
        self.in_flight.add(ended.seq)

        def reply() -> None:
            if life == self.life:
                self.in_flight.discard(ended.seq)
                self.feed(ended)

        self.later(self._slowness(), reply)

    def _is_slow(self) -> bool:
        return self.chance is not None and self.chance.random() < 0.3

    def _slowness(self) -> int:
        return 20_000 if self.chance is None else self.chance.choice((500, 3_000, 20_000, 55_000))

    def _usurp(self, ended: CallEnded) -> None:
        """Another owner takes over before the result is stored. The old one does not know, and stores it
        when the new one has worked for a while: it must be refused."""
        mine, fence = self.saga, self.journal.fence
        self.restart()

        def too_late() -> None:
            try:
                self.commit(self.decide(mine, ended), fence)
            except StaleFence:
                return
            self.restart()

        self.later(2_000, too_late)

    def outcome(self, call: Call, fault: str | None) -> CallOutcome:
        """What the caller hears."""
        match fault:
            case None | "slow" | "usurped" | "crash_done" | "crash_recorded":
                return self.execute(call)
            case "not_sent":
                return NotSent(detail="connect")
            case "blank":
                return Unknown(detail="read timeout")
            case "lost":
                self.execute(call)
                return Unknown(detail="read timeout")
            case "late" | "later" | "latest":
                self._take_effect_later(call, fault)
                return Unknown(detail="read timeout")
            case "busy":
                if isinstance(call, Hold | Confirm | Release | CancelOrder | AcceptChange):
                    return Refused(kind="quota", detail="38194")
                return Busy()
            case "refused":
                if isinstance(call, _ORDERS):
                    return Refused(kind="invalid", detail="refused")
                return PaymentRefused(kind="config", detail="refused")
            case "denied":
                return PaymentRefused(kind="amount" if isinstance(call, OpenPayment) else "method")
            case "declined":
                return self._declined(cast(Authorise, call))
            case "fails_later":
                answer, payment_id = self.execute(call), cast(Refund, call).payment_id
                self.later(HOUR, lambda: self.payments.fail_refunds(payment_id))
                return answer
            case "comes_to_nothing":
                return self._accepted_in_vain(cast(Hold, call))
            case "expired":
                self.payments.expire(cast(Capture, call).payment_id)
                return self.execute(call)
            case "sold_out" | "dearer":
                self._move_offer(cast(Hold, call).part_id, fault)
                return self.execute(call)
        raise AssertionError(fault)

    def _take_effect_later(self, call: Call, fault: str) -> None:
        """As it was asked for: with the offer of then."""
        saga, asked_at, after = self.saga, self.now, LATE[fault]
        if isinstance(call, Hold):
            after = LATE_ORDER[fault]

        def late() -> None:
            self.note("  late effect: {}", call)
            self.execute(call, saga, asked_at)

        self.later(after, late)

    def _accepted_in_vain(self, call: Hold) -> CallOutcome:
        """The supplier takes the order in (Duffel's 202), and a minute later cannot make it."""
        answer = self.execute(call)
        if isinstance(answer, Created):
            core = self._core(call.part_id)
            order = core.orders[answer.order.order_id]
            order.status, order.pending = "pending", ("cancelled", self.now + MINUTE)
            state = core.get(order.id)
            assert state is not None
            return Created(order=state)
        return answer

    def _declined(self, call: Authorise) -> CallOutcome:
        declined = msgspec.structs.replace(
            call, method="pm_card_visa_chargeDeclinedInsufficientFunds"
        )
        return self.execute(declined)

    def execute(
        self, call: Call, asked: Saga | None = None, asked_at: int | None = None
    ) -> CallOutcome:
        """What it does, and what is answered. `asked`: the saga when it was asked for, if that was earlier."""
        if self.watch is not None:
            self.watch.executing(self, call)
        outcome = self._execute(call, asked or self.saga, asked_at)
        if self.watch is not None:
            self.watch.executed(self)
        return outcome

    def _execute(self, call: Call, asked: Saga, asked_at: int | None) -> CallOutcome:
        match call:
            case OpenPayment():
                return self.payments.open(call.amount, call.reference, key=call.key)
            case Authorise():
                return self.payments.authorise(call.payment_id, call.method, key=call.key)
            case Capture():
                return self.payments.capture(call.payment_id, call.amount, key=call.key)
            case CancelPayment():
                return self.payments.cancel(call.payment_id, key=call.key)
            case Refund():
                return self.payments.refund(
                    call.payment_id, call.amount, reference=call.reference, key=call.key
                )
            case Hold():
                part = next(part for part in asked.parts if part.id == call.part_id)
                self.references.setdefault(part.id, set()).add(call.reference)
                core = self.suppliers[part.offer.supplier]
                return core.hold(part.offer, len(seats_of(asked, part)), call.reference, asked_at)
            case Confirm():
                return self._core(call.part_id).confirm(call.order_id, call.at_most)
            case Release():
                released = self.desks[self._core(call.part_id).name].release(call.order_id)
                if isinstance(released, Refused | NotSent | Unknown):
                    return released
                order = self._core(call.part_id).orders[call.order_id]
                return OrderState(
                    supplier=self._core(call.part_id).name,
                    order_id=order.id,
                    status="held",
                    reference=order.reference,
                )
            case CancelOrder():
                return self._core(call.part_id).cancel(call.order_id, call.at_least)
            case AcceptChange():
                return self._core(call.part_id).accept_change(call.order_id, call.change_id)
            case OpenReplacement():
                return self._opened(call)
            case TellReplaced():
                self.told.append((call.booking_id, call.is_booked))
                return ReplacedTold()

    def _opened(self, call: OpenReplacement) -> CallOutcome:
        """Another booking, which is booked after ten minutes and says so until it is heard, and once more."""
        if call.key not in self.opened:
            self.opened[call.key] = f"n{len(self.opened) + 1}"

            def booked(told: int = 0) -> None:
                self.is_replaced = True
                try:
                    self.feed(Replaced(by=self.opened[call.key], is_booked=True))
                except Rejected:
                    self.later(MINUTE, lambda: booked(told))
                    return
                if not told:
                    self.later(MINUTE, lambda: booked(1))

            self.later(10 * MINUTE, booked)
        return ReplacementOpened(booking_id=self.opened[call.key])

    # ── looks ──

    def look(self, look: Look) -> None:
        fault = self.reach(*subject(look))
        if fault in ("expired", "lapsed", "dearer", "cheaper", "sold_out"):
            self._happen(look, fault)
        # Whoever screens sits beside the journal: it is no provider's silence.
        is_silent = not isinstance(look, Screen) and self._silence(look, None) is not None
        outcome = NotSeen() if fault == "not_seen" or is_silent else self.see(look)
        self.note("  {} -> {} {}", look, outcome, fault)
        self.now += 50
        if fault == "crash_seen":
            raise Crash
        looked = Looked(look=look, outcome=outcome)
        if fault != "slow" and not (fault is None and self._is_slow()):
            before = self.saga.revision
            self.feed(looked)
            if self.saga.revision == before:
                self.idle[look] = self.now + 1_000
            return
        life = self.life
        self.looking.append(look)

        def reply() -> None:
            if life == self.life:
                self.looking.remove(look)
                self.feed(looked)

        self.later(self._slowness(), reply)

    def see(self, look: Look) -> LookOutcome:
        """As it is now."""
        match look:
            case ReadPayment():
                return self.payments.read(look.payment_id) or NotThere()
            case FindPayments():
                return PaymentsFound(
                    payments=tuple(self.payments.find(self.saga.booking_id, since=look.since))
                )
            case Reprice():
                part = self.part(look.part_id)
                priced = self.suppliers[part.offer.supplier].reprice(self.offer_of(part))
                return PricedToday(offer=priced.offer) if isinstance(priced, Priced) else priced
            case Screen():
                return self._screen(look)
            case ReadOrder():
                return self._core(look.part_id).get(look.order_id) or NotThere()
            case QuoteRefund():
                return self._core(look.part_id).quote_refund(look.order_id)
            case FindAlternative():
                return AlternativeFound(alternative=self._other(look.part_id))
            case FindOrders():
                core = self._core(look.part_id)
                if core.name in self.desks:
                    orders, until = self.desks[core.name].find(look.reference)
                    return OrdersFound(orders=tuple(orders), complete_until=until)
                found = core.find(look.reference)
                if isinstance(found, Unsupported):
                    return found
                return OrdersFound(orders=tuple(found), complete_until=self.now)

    def _other(self, part_id: str) -> Alternative | None:
        if not self.story.has_other:
            return None
        part = self.part(part_id)
        details = FlightDetails(itineraries=self.ways(2 * HOUR))
        offer = msgspec.structs.replace(part.offer, details=details)
        return Alternative(offer_id="o-other", query=part.query, offer=offer)

    def _screen(self, look: Screen) -> Screened:
        """By the worst of its cards. What may go on is remembered for the judge."""
        cards = frozenset((card.share_id, card.method) for card in look.cards)
        said = {VERDICTS.get(method, "allow") for _, method in cards}
        verdict = next(one for one in ("deny", "review", "allow") if one in said)
        if verdict == "allow":
            self.allowed.add(cards)
        elif verdict == "review":
            self.in_doubt = cards
        return Screened(verdict=cast(Verdict, verdict), reasons=(ODD_CARD,), score=0.25)

    def _happen(self, look: Look, fault: str) -> None:
        match look:
            case ReadPayment():
                self.payments.expire(look.payment_id)
            case Reprice():
                self._move_offer(look.part_id, fault)
            case ReadOrder():
                self._core(look.part_id).lapse(look.order_id)
            case _:
                raise AssertionError(fault)

    def _move_offer(self, part_id: str, fault: str) -> None:
        part = self.part(part_id)
        core, offer = self.suppliers[part.offer.supplier], self.offer_of(part)
        token = bytes(offer.token)
        if fault == "sold_out":
            core.sold_out.add(token)
            return
        change = {"dearer": 1_501, "cheaper": -1_000}[fault]
        was = core.prices.get(token, offer.total)
        core.prices[token] = Money(amount=was.amount + change, currency=was.currency)
