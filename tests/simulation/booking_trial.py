"""A booking's whole world in one thread: people, suppliers, a payment provider, a journal, and time.

Plays one scenario. What the actor would do is done here without an event loop: a step is stored whole
(encoded, so that a crash loses what was only remembered), then its intents are performed and the wanted
looks made, on a clock that leaps to whatever comes next.
"""

import heapq
import itertools
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, cast

import msgspec
from booking_faults import SILENCES, Scenario
from booking_stories import DAY, HOUR, MINUTE, Person
from fake_consolidator import ConsolidatorCore
from fake_orders import Flavour, OrdersCore
from fake_payments import HOLDS_FOR_MS, REPLAYS_FOR_MS, PaymentsCore, least, unit

from actors.booking import machine, views
from actors.booking.calls import (
    Authorise,
    Call,
    CancelOrder,
    CancelPayment,
    Capture,
    Confirm,
    FindOrders,
    FindPayments,
    Hold,
    Look,
    OpenPayment,
    ReadOrder,
    ReadPayment,
    Refund,
    Release,
    Reprice,
)
from actors.booking.state import Part, Provider, Saga, Seat
from actors.booking.steps import (
    Answer,
    Approve,
    CallEnded,
    CallOff,
    CallOutcome,
    Decline,
    Input,
    Intent,
    Looked,
    LookOutcome,
    Notice,
    NotSeen,
    NotThere,
    Opening,
    Operate,
    OrdersFound,
    PaymentsFound,
    PricedToday,
    Step,
    TravellerNamed,
    Wake,
)
from core.errors import Rejected
from core.ports.inventory import Priced
from protocol.booking import BookingView
from protocol.frames import Money
from protocol.ledger import Posting
from protocol.payments import Busy, PaymentRefused
from protocol.suppliers import Created, NotSent, Refused, Unknown, Unsupported
from protocol.travel import (
    FlightDetails,
    FlightQuery,
    HotelDetails,
    HotelQuery,
    OrderState,
    Party,
    Query,
    SupplierOffer,
)

START: Final = 1_795_400_000_000
MAX_STEPS: Final = 1_500
MAX_STEPS_OF_DAYS: Final = 30_000
SILENCE: Final = 26 * HOUR
LATE: Final = {"late": 90_000, "later": 3 * HOUR, "latest": 26 * HOUR}
LATE_ORDER: Final = {"late": 90_000, "later": 50 * MINUTE, "latest": 3 * HOUR}
"""No supplier holds a request for longer than an hour (`actors.booking.timing.PROVEN_AFTER`), but in a control."""
PEOPLE_STATUSES: Final = ("collecting", "action_needed")


class Crash(Exception):
    """The process is gone."""


class TooLong(Exception):
    """It never comes to rest."""


class StaleFence(Exception):
    """Somebody else owns the booking."""


@dataclass(slots=True)
class Journal:
    """What is stored. `checks`: fence and revision are looked at (never anything else but in a control)."""

    snapshot: bytes = b""
    revision: int = 0
    fence: int = 1
    checks: bool = True
    postings: list[Posting] = field(default_factory=list)
    intents: dict[int, Call] = field(default_factory=dict)
    committed_at: dict[int, int] = field(default_factory=dict)
    ended: dict[int, str] = field(default_factory=dict)
    notices: list[tuple[int, Saga, Notice]] = field(default_factory=list)

    def commit(self, step: Step, fence: int, now: int) -> None:
        if self.checks and (fence != self.fence or step.saga.revision != self.revision + 1):
            raise StaleFence
        self.snapshot = msgspec.json.encode(step.saga)
        self.revision = step.saga.revision
        self.postings += step.postings
        for intent in step.intents:
            self.intents[intent.seq] = intent.call
            self.committed_at[intent.seq] = now
        self.ended |= {seq: word for seq, word, _ in step.ended}
        if step.notice is not None:
            self.notices.append((now, step.saga, step.notice))

    def load(self) -> Saga:
        return msgspec.json.decode(self.snapshot, type=Saga)


@dataclass(slots=True)
class Actor:
    """A person while the story runs."""

    user_id: str
    person: Person
    tries: int = 0
    confirmed: int = 0
    ready_at: int | None = None
    has_declined: bool = False
    has_called_off: bool = False
    rejected: int = 0
    named: set[str] = field(default_factory=set)


class World:
    """One play of a scenario. `problems`: what the judge's checks during the play found."""

    def __init__(
        self, scenario: Scenario, watch: "Watch | None" = None, *, keeps_log: bool = False
    ) -> None:
        self.keeps_log = keeps_log
        self.chance = None if scenario.seed is None else random.Random(scenario.seed)
        self.scenario = scenario
        self.story = scenario.story
        self.faults = scenario.at
        self.watch = watch
        self.now = START
        self.reached: dict[str, str] = {}
        self.fired: set[str] = set()
        self.log: list[str] = []
        self.journal = Journal()
        self.steps = 0
        self.life = 0
        self.stored: Saga | None = None
        self.queue: list[Intent] = []
        self.in_flight: set[int] = set()
        self.looking: list[Look] = []
        self.idle: dict[Look, int] = {}
        self._counts: Counter[str] = Counter()
        self._due: list[tuple[int, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self.payments = PaymentsCore(lambda: self.now, self._payment_changed)
        self.suppliers: dict[str, OrdersCore] = {}
        self.desks: dict[str, ConsolidatorCore] = {}
        for _, flavour, _ in self.story.parts:
            self._supplier(flavour)
        self.people = {user: Actor(user, person) for user, person in self.story.people.items()}
        self.desk_at: int | None = None
        self.clerk_words = 0
        self.settled = False
        self.silent: dict[str, tuple[str, int]] = {}
        self.references: dict[str, set[str]] = {}
        try:
            self.saga = self._open()
        except Crash:
            self.saga = self._open()

    # ── the play ──

    def play(self) -> None:
        """To the end, and then for days more until nothing is due any more."""
        try:
            self.settle()
            for leap in (4 * DAY, 10 * DAY):
                self.note(f"leap of {leap // DAY} days")
                self.now += leap
                self.survive(lambda: self.feed(Wake()))
                self.settle()
        except TooLong:
            self.problem("it never comes to rest")

    def settle(self) -> None:
        """Until nothing is due."""
        while self.survive(self.turn):
            pass

    def turn(self) -> bool:
        """One thing. False: there is nothing to do any more."""
        looks = [look for look in self.wanted() if self.idle.get(look, 0) <= self.now]
        if self.chance is not None:
            return self._any_of(looks)
        if self.queue:
            self.perform(self.queue.pop(0))
        elif looks:
            self.look(looks[0])
        else:
            return self.act() or self.operate() or self.advance()
        return True

    def _any_of(self, looks: list[Look]) -> bool:
        """One thing that may be next. Time leaps only while no call waits to leave: each does within
        seconds of its intent."""
        assert self.chance is not None
        things = ["call"] * bool(self.queue) + ["look"] * bool(looks) + ["act"]
        thing = self.chance.choice(things)
        if thing == "act" and self.act():
            return True
        if self.queue and thing != "look":
            self.perform(self.queue.pop(self.chance.randrange(len(self.queue))))
        elif looks and (self.queue or self.chance.random() < 0.7):
            self.look(self.chance.choice(looks))
        elif self.queue:
            self.perform(self.queue.pop(0))
        else:
            return self.operate() or self.advance() or bool(looks)
        return True

    def wanted(self) -> list[Look]:
        """Looks that are not under way."""
        looks = machine.looks_wanted(self.saga, self.now)
        return [look for look in looks if look not in self.looking]

    def survive(self, work: Callable[[], bool | None]) -> bool:
        """Do it; when the process crashes, start anew."""
        try:
            return work() is not False
        except Crash:
            self.note("CRASH")
        while True:
            try:
                self.restart()
            except Crash:
                self.note("CRASH")
            else:
                return True

    def restart(self) -> None:
        """Somebody owns the booking anew, and remembers what is stored. Intents without a result ended
        `Unknown`."""
        self.life += 1
        self.journal.fence += 1
        self.queue.clear()
        self.in_flight.clear()
        self.looking.clear()
        self.idle.clear()
        self.now += 5_000
        self.saga = self.journal.load()
        unfinished = sorted(self.journal.intents.keys() - self.journal.ended.keys())
        if unfinished != sorted(pending.seq for pending in self.saga.pending):
            self.problem("the snapshot and the rows of intents do not agree on what is open")
        for seq in unfinished:
            self.feed(CallEnded(seq=seq, outcome=Unknown(detail="restart")))
        self.feed(Wake())

    def advance(self) -> bool:
        """To whatever comes next."""
        due = [actor.ready_at for actor in self.people.values() if actor.ready_at is not None]
        wake_at = machine.wake_at(self.saga)
        if self._due:
            due.append(self._due[0][0])
        if wake_at is not None:
            due.append(wake_at)
        if self.desk_at is not None:
            due.append(self.desk_at)
        due += [self.idle[look] for look in self.wanted() if self.idle.get(look, 0) > self.now]
        if not due:
            return False
        self.now = max(self.now, min(due))
        if self._due and self._due[0][0] <= self.now:
            heapq.heappop(self._due)[2]()
        elif wake_at is not None and wake_at <= self.now:
            if self.reach("wake", "timer") == "crash_before":
                raise Crash
            self.feed(Wake())
        return True

    def later(self, after: int, work: Callable[[], None]) -> None:
        heapq.heappush(self._due, (self.now + after, next(self._order), work))

    # ── the machine, and what is stored of it ──

    def feed(self, message: Input) -> None:
        """Decide and commit, if anything changes."""
        step = self.decide(self.saga, message)
        if step.saga.revision != self.saga.revision:
            self.commit(step)
        elif step.intents or step.ended or step.postings or step.notice or step.saga != self.saga:
            self.problem("a step that has no revision of its own changes something")

    def decide(self, saga: Saga, message: Input) -> Step:
        self.steps += 1
        if self.steps > (MAX_STEPS_OF_DAYS if self.silent else MAX_STEPS):
            raise TooLong
        step = machine.decide(saga, message, self.now)
        calls = [intent.call for intent in step.intents]
        about = message, step.saga.state, step.saga.version, calls, step.notice
        self.note("{} -> {} v{} {} {}", *about)
        return step

    def commit(self, step: Step, fence: int | None = None) -> None:
        for intent in step.intents:
            if self.reach("journal", "/".join(subject(intent.call))) == "crash_before":
                raise Crash
        before = self.stored
        self.journal.commit(step, self.journal.fence if fence is None else fence, self.now)
        self.saga = self.stored = self.journal.load()
        self.queue += step.intents
        self.idle.clear()
        if self.watch is not None:
            self.watch.stepped(self, before, step)

    def _open(self) -> Saga:
        story = self.story
        opening = Opening(
            booking_id="b1",
            tenant_id=1,
            room_id="r1",
            organiser_id=story.organiser,
            participants=tuple(story.people),
            parts=tuple(self._part(*part) for part in story.parts),
            seats=tuple(
                Seat(id=f"t{number}", payer_id=user, type="adult")
                for number, user in enumerate(story.people, 1)
            ),
            split=story.split,
            provider=Provider(
                name="fake",
                unit=unit(story.currency) or 1,
                least=least(story.currency),
                holds_for=HOLDS_FOR_MS,
                replays_for=REPLAYS_FOR_MS,
            ),
            last_ticketing_at=None
            if story.last_ticketing_days is None
            else int(self.now + story.last_ticketing_days * DAY),
        )
        step = machine.open_saga(opening, self.now)
        self.saga = step.saga
        self.commit(step)
        return self.saga

    # ── calls ──

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
                if isinstance(call, Hold | Confirm | Release | CancelOrder):
                    return Refused(kind="quota", detail="38194")
                return Busy()
            case "refused":
                if isinstance(call, Hold | Confirm | Release | CancelOrder):
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
                return core.hold(part.offer, len(self.saga.seats), call.reference, asked_at)
            case Confirm():
                return self._core(call.part_id).confirm(call.order_id)
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
                return self._core(call.part_id).cancel(call.order_id)

    # ── looks ──

    def look(self, look: Look) -> None:
        fault = self.reach(*subject(look))
        if fault in ("expired", "lapsed", "dearer", "cheaper", "sold_out"):
            self._happen(look, fault)
        is_silent = self._silence(look, None) is not None
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
                priced = self.suppliers[part.offer.supplier].reprice(part.offer)
                return PricedToday(offer=priced.offer) if isinstance(priced, Priced) else priced
            case ReadOrder():
                return self._core(look.part_id).get(look.order_id) or NotThere()
            case FindOrders():
                core = self._core(look.part_id)
                if core.name in self.desks:
                    orders, until = self.desks[core.name].find(look.reference)
                    return OrdersFound(orders=tuple(orders), complete_until=until)
                found = core.find(look.reference)
                if isinstance(found, Unsupported):
                    return found
                return OrdersFound(orders=tuple(found), complete_until=self.now)

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
        core, token = self.suppliers[part.offer.supplier], bytes(part.offer.token)
        if fault == "sold_out":
            core.sold_out.add(token)
            return
        change = {"dearer": 1_501, "cheaper": -1_000}[fault]
        was = core.prices.get(token, part.offer.total)
        core.prices[token] = Money(amount=was.amount + change, currency=was.currency)

    # ── people ──

    def act(self) -> bool:
        """Somebody does something that they have waited long enough to do."""
        for actor in self.people.values():
            command = self._wish(actor)
            if command is None:
                actor.ready_at = None
            elif actor.ready_at is None:
                actor.ready_at = self.now + actor.person.waits
            elif actor.ready_at <= self.now:
                actor.ready_at = None
                self._say(actor, command)
                return True
        return False

    def _wish(self, actor: Actor) -> Callable[[], Input] | None:
        """What they would say, made when it is said."""
        saga, person = self.saga, actor.person
        if actor.rejected > 4:
            return None
        if (
            actor.user_id == saga.organiser_id
            and saga.state in person.calls_off
            and not actor.has_called_off
        ):
            return lambda: CallOff(user_id=actor.user_id)
        seen = self.view(actor.user_id)
        question = seen.question
        if (
            question is not None
            and actor.user_id in question.to
            and saga.question is not None
            and actor.user_id not in saga.question.answers
        ):
            return lambda: Answer(
                user_id=actor.user_id,
                question_id=question.id,
                option_id=person.choice(question),
            )
        if seen.status not in PEOPLE_STATUSES:
            return None
        if question is not None and question.kind == "reconsent" and actor.user_id in question.to:
            return None
        if person.mood == "silent":
            return None
        for seat in saga.seats:
            if seat.payer_id == actor.user_id and seat.id not in actor.named:
                return lambda: TravellerNamed(
                    user_id=actor.user_id, traveller_id=seat.id, digest="d" * 64
                )
        share = next((one for one in seen.participants if one.user_id == actor.user_id), None)
        if share is None or share.amount.amount == 0:
            return None
        if person.mood == "declines" or (person.mood == "hesitates" and not actor.has_declined):
            return None if actor.has_declined else lambda: Decline(user_id=actor.user_id)
        if seen.action is not None:
            return Wake
        if share.state in ("invited", "declined", "expired") and actor.tries < 8:
            return lambda: self._approval(actor)
        return None

    def _approval(self, actor: Actor) -> Approve:
        methods = actor.person.methods
        method = methods[actor.tries] if actor.tries < len(methods) else "pm_card_visa"
        actor.tries += 1
        return Approve(
            user_id=actor.user_id, method=method, client_id=f"{actor.user_id}-{actor.tries}"
        )

    def _say(self, actor: Actor, make: Callable[[], Input]) -> None:
        command = make()
        if isinstance(command, Wake):
            self._confirm(actor)
            return
        fault = self.reach("person", f"{type(command).__name__}/{actor.user_id}")
        if fault == "crash_before":
            self.later(30_000, lambda: self._command(actor, command))
            raise Crash
        self._command(actor, command)
        if fault == "doubled":
            self._command(actor, command)
        if fault == "crash_after":
            self.later(30_000, lambda: self._command(actor, command))
            raise Crash

    def _command(self, actor: Actor, command: Input) -> None:
        try:
            self.feed(command)
        except Rejected as refusal:
            self.note("  {} is told: {}", actor.user_id, refusal)
            actor.rejected += 1
            return
        match command:
            case Decline():
                actor.has_declined = True
            case CallOff():
                actor.has_called_off = True
            case TravellerNamed():
                actor.named.add(command.traveller_id)
            case _:
                pass

    def _confirm(self, actor: Actor) -> None:
        """At the provider's page."""
        says = actor.person.confirms
        ok = says[actor.confirmed] if actor.confirmed < len(says) else True
        actor.confirmed += 1
        for payment in list(self.payments.payments.values()):
            if payment.status == "action_required" and self.payer(payment.reference.share_id) == (
                actor.user_id
            ):
                self.note("  {} confirms {}: {}", actor.user_id, payment.id, ok)
                self.payments.finish_action(payment.id, ok=ok)

    def operate(self) -> bool:
        """The desk and its clerk, when they have waited for two hours."""
        word = self._word()
        if word is None:
            self.desk_at = None
            return False
        if self.desk_at is None:
            self.desk_at = self.now + 2 * HOUR
        if self.now < self.desk_at:
            return False
        self.desk_at = None
        if word.operator == "clerk":
            self.clerk_words += 1
        if word.action == "compensate":
            self._call_hotels_off()
        try:
            self.feed(word)
            self.settled = self.settled or (word.operator, word.action) == ("clerk", "settle")
        except Rejected as refusal:
            self.note("  the desk is told: {}", refusal)
        return True

    def _word(self) -> Operate | None:
        """What an operator would say now. The desk asks a hotel that did not answer by telephone, after the
        hour in which the call may still take effect; the clerk tries again, undoes, and settles by hand."""
        if self.story.has_clerk and self.state == "MANUAL":
            words = ("retry", "compensate", "settle")
            self.clerk_words = min(self.clerk_words, len(words) - 1)
            return Operate(operator="clerk", action=words[self.clerk_words], note="by hand")
        unknown = [
            p for p in self.saga.parts if p.is_doubtful and p.kind == "hotel" and not p.finds
        ]
        if not self.story.has_desk or not unknown or self.state != "HOTEL_UNKNOWN":
            return None
        mine = {ref for p in unknown for ref in self.references.get(p.id, ())}
        is_there = any(
            order.is_live and order.reference in mine
            for p in unknown
            for order in self._core(p.id).orders.values()
        )
        return Operate(operator="desk", action="settle" if is_there else "retry", note="asked")

    def _call_hotels_off(self) -> None:
        """By telephone, before everything is undone."""
        for core in self.suppliers.values():
            for order in core.orders.values():
                if core.kind == "hotel":
                    order.status = "cancelled"

    def payer(self, share_id: str) -> str | None:
        return next((share.user_id for share in self.saga.shares if share.id == share_id), None)

    def view(self, user_id: str | None) -> BookingView:
        return views.view(self.saga, user_id)

    # ── sites, notices, the rest ──

    def reach(self, op: str, about: str) -> str | None:
        """The fault that waits at this site, if one does."""
        self._counts[f"{op}:{about}"] += 1
        site = f"{op}:{about}:{self._counts[f'{op}:{about}']}"
        self.reached.setdefault(site, self.state)
        fault = self.faults.get(site)
        if fault is not None:
            self.fired.add(site)
            self.note("  FAULT {}={}", site, fault)
        return fault

    def _payment_changed(self, kind: str, payment_id: str) -> None:
        share_id = self.payments.payments[payment_id].reference.share_id
        self._webhook(f"{kind}/{share_id}", Wake(payment_id=payment_id))

    def _order_changed(self, kind: str, order_id: str) -> None:
        self._webhook(f"{kind}/{order_id.partition('_')[0]}", Wake(order_id=order_id))

    def _webhook(self, about: str, wake: Wake) -> None:
        fault = self.reach("webhook", about)
        if fault == "dropped" and about.startswith("refund.failed"):
            # Nothing else tells: it is found in the provider's list of what was not delivered.
            fault = "delayed"
        if fault == "dropped":
            return
        for after in (1_000, 2_000) if fault == "doubled" else (1_000,):
            self.later(3 * HOUR if fault == "delayed" else after, lambda: self.feed(wake))

    def part(self, part_id: str) -> Part:
        return next(part for part in self.saga.parts if part.id == part_id)

    def _core(self, part_id: str) -> OrdersCore:
        return self.suppliers[self.part(part_id).offer.supplier]

    def _supplier(self, flavour: Flavour) -> None:
        if flavour in self.suppliers:
            return
        pushes = flavour in ("duffel", "instant")
        self.suppliers[flavour] = core = OrdersCore(
            flavour, lambda: self.now, self._order_changed if pushes else None
        )
        if core.capabilities.issue == "explicit":
            self.desks[core.name] = ConsolidatorCore(
                core, lambda: self.now, lag=self.story.lag, issues_after=self.story.issues_after
            )
        core.accepts_for = self.story.accepts_for

    def _part(self, part_id: str, flavour: Flavour, amount: int) -> Part:
        core = self.suppliers[flavour]
        caps = core.capabilities
        query, details = _asked_and_found(core.kind == "hotel", len(self.story.people))
        return Part(
            id=part_id,
            kind=core.kind,
            query=query,
            offer=SupplierOffer(
                supplier=core.name,
                token=msgspec.Raw(f'{{"part":"{part_id}"}}'.encode()),
                total=Money(amount=amount, currency=self.story.currency),
                fetched_at=self.now,
                expires_at=self.now + 20 * MINUTE,
                can_hold=caps.hold != "none",
                details=details,
            ),
            total=Money(amount=amount, currency=self.story.currency),
            holds=caps.hold != "none",
            cancels=caps.cancel,
            issues=caps.issue,
            finds=caps.finds_by_reference or core.name in self.desks,
            offer_id=f"o-{part_id}",
        )

    def note(self, line: str, *about: object) -> None:
        """`about` is shown where the line has `{}`."""
        if not self.keeps_log:
            return
        line = line.format(*map(_short, about))
        self.log.append(f"{(self.now - START) / 1000:10.1f} {line}")

    def problem(self, what: str) -> None:
        if self.watch is not None:
            self.watch.problems.append(what)

    @property
    def state(self) -> str:
        """Where the saga is, as it is stored."""
        return "" if self.stored is None else self.stored.state


class Watch:
    """Who looks at a world while it plays."""

    problems: list[str]

    def stepped(self, world: World, before: Saga | None, step: Step) -> None:
        raise NotImplementedError

    def executing(self, world: World, call: Call) -> None:
        raise NotImplementedError

    def executed(self, world: World) -> None:
        raise NotImplementedError

    def leaving(self, world: World, call: Call) -> None:
        raise NotImplementedError


def subject(of: Call | Look) -> tuple[str, str]:
    """Its word, and whom or what it is about."""
    config = type(of).__struct_config__
    about = getattr(of, "share_id", None) or getattr(of, "part_id", None) or "all"
    return str(config.tag), about


def _asked_and_found(is_hotel: bool, people: int) -> tuple[Query, HotelDetails | FlightDetails]:
    party = Party(adults=people)
    if is_hotel:
        return (
            HotelQuery(city="LIS", check_in="2026-12-20", check_out="2026-12-27", party=party),
            HotelDetails(hotel_id="H", name="Inn", check_in="2026-12-20", check_out="2026-12-27"),
        )
    return (
        FlightQuery(origin="BER", destination="LIS", depart_on="2026-12-20", party=party),
        FlightDetails(itineraries=()),
    )


def _short(what: object) -> str:
    """For the log of a replay."""
    text = what if isinstance(what, str) else repr(what)
    return text if len(text) < 260 else text[:257] + "..."
