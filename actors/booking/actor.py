"""A booking: decide, make it durable, answer, then ask the world."""

from collections import deque
from collections.abc import Sequence
from typing import Any, Final

import trio

from actors.booking.calls import Call, Look
from actors.booking.commands import input_of, is_named, left_word, operation_of, woken_by
from actors.booking.journal import WAKE, journal_step, unpacked, wake_timer
from actors.booking.machine import decide, looks_wanted, wake_at
from actors.booking.performer import LEAVES_WITHIN, look, perform
from actors.booking.ports import BookingPorts
from actors.booking.sites import AFTER_COMMIT, BEFORE_COMMIT, RESULT_COMMITTED, op_of
from actors.booking.state import Saga
from actors.booking.steps import (
    CallEnded,
    Input,
    Intent,
    Looked,
    Replaced,
    Step,
    TravellerNamed,
    Wake,
)
from actors.booking.telling import shown_to
from actors.booking.travellers import traveller_of
from core.actor import Actor, ActorSpec, tell_oneself
from core.envelope import Envelope, Lane
from core.errors import Rejected, Unavailable
from core.identity import Permission, Principal, authorize
from core.ports.bookings import SealedTraveller
from core.ports.durable_timers import TimerDue
from core.ports.leases import StaleFence
from protocol.booking import (
    BOOKING,
    ApproveBooking,
    BookingAnswered,
    CancelBooking,
    DecideBooking,
    DeclineBooking,
    GetBooking,
    NameTraveller,
    OperateBooking,
    ReplaceBooking,
    WakeBooking,
)
from protocol.frames import Done, Value
from protocol.suppliers import NotSent, Unknown

MAX_LOOKS: Final = 16
"""Of one booking at once."""

LOOK_AGAIN_AFTER: Final = 1.0
"""Seconds, at least, between two looks of which the first changed nothing."""

SOON_MS: Final = 10_000
"""A booking with something under way is woken this soon should its process have died."""

PAUSE_MS: Final = 5_000
"""Before a wake that changed nothing comes again."""

TRY_AGAIN_AFTER: Final = 1.0
TRIES: Final = 2


class Progress(Value, frozen=True, kw_only=True):
    """A booking tells itself: a call or a look has ended."""


PROGRESS: Final = Progress()


def spec(ports: BookingPorts) -> ActorSpec:
    """Bookings: transient in memory, permanent in their journal."""
    return ActorSpec(
        kind=BOOKING,
        make=lambda booking_id: BookingActor(booking_id, ports),
        lanes={Progress: Lane.CONTROL},
        idle_after=60.0,
        mailbox_limit=256,
    )


class BookingActor(Actor[Any]):
    """The one writer of a booking.

    Owns: its saga as it was last stored, its calls and looks under way. Borrows: the ports. Lets
    crash: a step that contradicts the journal. Its successor counts every call without a result as
    unknown; so does it itself, once the shard's fence is another than that under which it loaded.
    """

    def __init__(self, booking_id: str, ports: BookingPorts) -> None:
        self._booking_id = booking_id
        self._ports = ports
        self._saga: Saga | None = None
        self._fence: int | None = None
        self._life = 0
        """Counts fences: what was begun under an older one is heard no more."""
        self._wake_set: int | None = None
        self._is_wake_known = False
        self._calls: set[int] = set()
        self._looks: set[Look] = set()
        self._outdated: set[Look] = set()
        """Of the looks under way: begun before somebody said that what they look at has changed."""
        self._idle_looks: dict[Look, float] = {}
        self._ended: deque[CallEnded | Looked] = deque()
        self._is_woken = self._is_resting = False

    async def started(self) -> None:
        """Become the booking we were. Raises `Rejected("not_found")` where there is none."""
        try:
            await self._current()
        except StaleFence as stale:
            raise Unavailable from stale

    async def handle(self, envelope: Envelope[Any]) -> None:
        message = envelope.message
        match message:
            case Progress():
                self._is_woken = self._is_resting = False
            case TimerDue():
                await self._due(message)
                envelope.answer(Done())
            case WakeBooking():
                await self._step(Wake(payment_id=message.payment_id, order_id=message.order_id))
                envelope.answer(Done())
            case ReplaceBooking():
                await self._step(Replaced(by=message.by, is_booked=message.is_booked))
                envelope.answer(Done())
            case OperateBooking():
                if envelope.principal is not None:
                    authorize(envelope.principal, Permission.CONFIGURE_SYSTEM)
                    await self._in_tenant(envelope.principal)
                await self._step(operation_of(message))
                envelope.answer(Done())
            case GetBooking():
                saga = await self._of(envelope.of())
                await self._answer(envelope, saga)
            case NameTraveller():
                await self._answer(envelope, await self._name(envelope.of(), message))
            case ApproveBooking() | DeclineBooking() | DecideBooking() | CancelBooking():
                principal = envelope.of()
                saga = await self._of(principal)
                names = (saga.provider.name, *(other.name for other in saga.others))
                providers = [self._ports.providers.provider(name) for name in names]
                saga = await self._step(input_of(message, principal.user_id, providers))
                await self._answer(envelope, saga)
            case unexpected:
                raise TypeError(f"a booking understands no {type(unexpected).__name__}")
        await self._hear()
        if self._saga is not None:
            self._go_on(self._saga)

    def has_work(self) -> bool:
        return bool(self._ended)

    def redacted_state(self) -> object:
        saga = self._saga
        if saga is None:
            return None
        return {
            "state": saga.state,
            "revision": saga.revision,
            "pending": [op_of(pending.call) for pending in saga.pending],
            "calls": len(self._calls),
            "looks": len(self._looks),
        }

    # Who may, and what they get.

    async def _of(self, principal: Principal) -> Saga:
        """The booking, for those it concerns: to all others there is none."""
        saga = await self._in_tenant(principal)
        if principal.user_id not in {saga.organiser_id, *(one.user_id for one in saga.shares)}:
            raise unknown()
        return saga

    async def _in_tenant(self, principal: Principal) -> Saga:
        saga = await self._current()
        if principal.tenant_id != saga.tenant_id:
            raise unknown()
        return saga

    async def _answer(self, envelope: Envelope[Any], saga: Saga) -> None:
        shown = await shown_to(envelope.of(), saga, self._ports.users)
        envelope.answer(BookingAnswered(booking=shown))

    async def _name(self, principal: Principal, command: NameTraveller) -> Saga:
        """Their data are stored with the booking's word that it has them, or neither is: an order is never
        made, nor undone, for names that were not taken."""
        saga = await self._of(principal)
        by = principal.user_id
        given = self._ports.travellers.seal(
            saga.tenant_id,
            saga.booking_id,
            traveller_of(saga, by, command, self._ports.business.business_ms()),
            by=by,
            document=command.document,
        )
        named = TravellerNamed(user_id=by, traveller_id=given.traveller_id, digest=given.digest)
        return await self._step(named, (given,))

    # Becoming who we are.

    async def _current(self) -> Saga:
        """The saga as it is stored, under the fence that is valid now. Raises `Unavailable`."""
        fence = self._ports.leases.fence(self._booking_id)
        if fence != self._fence:
            self._begin_life()
        if self._saga is None:
            await self._load(fence)
        if self._saga is None:
            raise Unavailable
        return self._saga

    def _begin_life(self) -> None:
        """Somebody may have owned us meanwhile: what we were waiting for is nobody's any more."""
        self._life += 1
        self._saga, self._fence = None, None
        self._calls, self._looks, self._outdated = set(), set(), set()
        self._ended.clear()

    async def _load(self, fence: int) -> None:
        stored = await self._ports.bookings.load(self._ports.tenant_id, self._booking_id)
        if stored is None:
            raise unknown()
        # Committed by ourselves, though we were not told so: it has not left. Committed by another, or
        # before a crash: nobody knows.
        lost = Unknown(detail="restart") if self._fence is None else NotSent(detail="not begun")
        saga = unpacked(stored.snapshot)
        for pending in saga.pending:
            if pending.seq not in self._calls:
                now = self._ports.business.business_ms()
                step = decide(saga, CallEnded(seq=pending.seq, outcome=lost), now)
                if not await self._commit(step, fence):
                    raise Unavailable
                saga = step.saga
        self._saga, self._fence = saga, fence
        self._go_on(saga)

    # From an input to what follows from it.

    async def _step(self, what: Input, travellers: Sequence[SealedTraveller] = ()) -> Saga:
        """Decide, store, and begin what follows; the saga as it then is. `travellers`: whom it names. Raises
        `Rejected`: nothing was stored; but for `Unavailable`, after which it may have been."""
        if isinstance(what, Wake):
            self._outdated |= {one for one in self._looks if is_named(what, one)}
        for _ in range(TRIES):
            saga = await self._current()
            step = decide(saga, what, self._ports.business.business_ms())
            if step.saga.revision == saga.revision:
                self._go_on(saga)
                return saga
            if self._fence is not None and await self._commit(step, self._fence, travellers):
                return step.saga
        raise Unavailable

    async def _commit(
        self, step: Step, fence: int, travellers: Sequence[SealedTraveller] = ()
    ) -> bool:
        """Whether it is stored. If it is not, or nobody knows, we have forgotten who we are."""
        ports, saga = self._ports, step.saga
        begun_at = trio.current_time()
        due = self._wanted_wake(saga)
        is_set = self._is_wake_known and due == self._wake_set
        row = journal_step(
            step,
            fence=fence,
            at=ports.clock.now_ms(),
            told_at=ports.business.business_ms(),
            timers=() if is_set else (wake_timer(saga, due),),
            travellers=travellers,
        )
        ports.sites.reach(BEFORE_COMMIT)
        self._saga, self._is_wake_known = None, False
        try:
            await ports.bookings.commit(row)
        except (StaleFence, Unavailable):
            return False
        ports.sites.reach(AFTER_COMMIT)
        if step.ended:
            ports.sites.reach(RESULT_COMMITTED)
        self._saga = saga
        self._wake_set, self._is_wake_known = due, True
        self._idle_looks.clear()
        for intent in step.intents:
            self._calls.add(intent.seq)
            self.context.start_soon(self._make, intent, saga, begun_at + LEAVES_WITHIN, self._life)
        self._go_on(saga)
        return True

    def _go_on(self, saga: Saga) -> None:
        """Begin the looks that are wanted and not under way."""
        now = trio.current_time()
        for wanted in looks_wanted(saga, self._ports.business.business_ms()):
            if wanted in self._looks:
                continue
            if len(self._looks) >= MAX_LOOKS:
                return
            if now < self._idle_looks.get(wanted, 0.0) + LOOK_AGAIN_AFTER:
                self._rest()
                continue
            self._looks.add(wanted)
            self.context.start_soon(self._look_at, wanted, saga, self._life)

    def _wanted_wake(self, saga: Saga) -> int | None:
        """Business time at which somebody must look, also if this process is no more."""
        now = self._ports.business.business_ms()
        due = wake_at(saga)
        if saga.pending or looks_wanted(saga, now):
            return now + SOON_MS if due is None else min(due, now + SOON_MS)
        return due

    async def _due(self, due: TimerDue) -> None:
        """A timer of ours: the wake; `webhook…`: what it names has changed; `operate…`: an operator's
        word that was left for us."""
        if due.name.startswith("webhook"):
            await self._step(woken_by(due.payload))
            return
        if due.name.startswith("operate"):
            await self._step(operation_of(left_word(due.payload)))
            return
        if due.name != WAKE:
            return
        # The row goes once this is answered; a wake that is set meanwhile stays.
        self._wake_set, self._is_wake_known = None, True
        saga = await self._step(Wake())
        again = self._wanted_wake(saga)
        if self._wake_set is None and again is not None:
            at = max(again, self._ports.business.business_ms() + PAUSE_MS)
            await self._ports.timers.apply(wake_timer(saga, at))
            self._wake_set = at

    # What has ended.

    async def _hear(self) -> None:
        """Take in how calls and looks ended. What cannot be stored now is kept, and tried again."""
        while self._ended:
            ended = self._ended[0]
            try:
                before = await self._current()
                saga = await self._step(ended) if self._is_news(before, ended) else before
            except Rejected as refusal:
                if not refusal.temporary:
                    raise TypeError("the machine refuses what has happened") from refusal
                self._rest()
                return
            # Under another fence it was thrown away as we loaded, and counts as unknown.
            if self._ended and self._ended[0] is ended:
                self._ended.popleft()
            match ended:
                case CallEnded(seq=seq):
                    self._calls.discard(seq)
                case Looked(look=looked):
                    self._looks.discard(looked)
                    self._outdated.discard(looked)
                    if before.revision == saga.revision:
                        self._idle_looks[looked] = trio.current_time()
            self._go_on(saga)

    def _is_news(self, saga: Saga, ended: CallEnded | Looked) -> bool:
        """Not so: a result that was stored, though we were not told so; and what was seen too early."""
        if isinstance(ended, Looked):
            return ended.look not in self._outdated
        return any(pending.seq == ended.seq for pending in saga.pending)

    async def _make(self, intent: Intent, saga: Saga, leaves_by: float, life: int) -> None:
        """A child task."""
        call: Call = intent.call
        outcome = await perform(self._ports, saga, call, leaves_by=leaves_by)
        if life == self._life:
            self._ended.append(CallEnded(seq=intent.seq, outcome=outcome))
            self._wake()

    async def _look_at(self, wanted: Look, saga: Saga, life: int) -> None:
        """A child task."""
        outcome = await look(self._ports, saga, wanted)
        if life == self._life:
            self._ended.append(Looked(look=wanted, outcome=outcome))
            self._wake()

    def _wake(self) -> None:
        """Bring ourselves a turn; one is enough for all that happened."""
        if self._is_woken:
            return
        self._is_woken = True
        tell_oneself(self.context, PROGRESS)

    def _rest(self) -> None:
        """Bring ourselves a turn a little later."""
        if not self._is_resting:
            self._is_resting = True
            self.context.after(TRY_AGAIN_AFTER, PROGRESS)


def unknown() -> Rejected:
    """A booking that is not there, or not for whoever asks."""
    return Rejected("not_found", "There is no such booking.")
