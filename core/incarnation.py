"""One instance of an actor, from `started` to its last word: the loop, its child tasks, its timers."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import structlog
import trio

from core.actor import Actor, ActorSpec
from core.dead_letters import Cause
from core.envelope import AnyEnvelope, Envelope, Lane
from core.errors import Overloaded, Rejected, Unavailable
from core.mailbox import Mailbox
from core.monitors import Monitor
from core.ports.crash_records import MAX_ENVELOPES
from core.reference import Ref, Turn, current_turn
from core.timers import Alarm
from core.waits import Asker
from protocol.addresses import Address

if TYPE_CHECKING:
    from core.runtime import Runtime

log: Final = structlog.get_logger("core.incarnation")

_NEVER: Final = float("inf")
_RING_AGAIN_AFTER: Final = 0.05


class Incarnation:
    """An actor's `Context` and the one task that runs it.

    Owns: its child tasks, its timers, the envelopes it took and has not answered. Borrows: the
    mailbox, which outlives it. Lets crash: whatever its actor or a child task raises.
    """

    def __init__(
        self, address: Address, spec: ActorSpec, mailbox: Mailbox, runtime: "Runtime"
    ) -> None:
        self.address = address
        self.spec = spec
        self._mailbox = mailbox
        self._runtime = runtime
        self._actor: Actor[Any] | None = None
        self._turn = Turn(address)
        self._owed: list[AnyEnvelope] = []
        self._prune_at = 64
        self._recent: list[AnyEnvelope] = []
        self._armed: dict[SelfTimer, None] = {}
        self._children = 0
        self._nursery: trio.Nursery | None = None
        self._scope = trio.CancelScope()
        self._has_started = False
        self._has_ended = False
        self.is_leaving = False
        self._wants_rest = False
        self._is_retiring = False
        self._is_asked_to_go = False
        self._is_over = False

    async def run(self) -> Rejected | None:
        """Live. Returns why `started` refused, or None after a good end; raises what crashed us."""
        refusal: Rejected | None = None
        try:
            async with trio.open_nursery() as self._nursery:
                current_turn.set(self._turn)
                actor = self._actor = self.spec.make(self.address.key)
                actor.context = self
                with self._scope:
                    refusal = await self._start(actor)
                    if refusal is None:
                        await self._take_turns(actor)
                # Cut short before it had started, an actor has no last word to say.
                if self._has_started:
                    await self._stop(actor)
                self._nursery.cancel_scope.cancel()
        except BaseExceptionGroup as group:
            raise _crash_in(group) from None
        finally:
            self._has_ended = True
            for timer in list(self._armed):
                timer.cancel()
            self._mailbox.withdraw(lambda envelope: type(envelope) is _Ringing)
            self._runtime.monitors.forget(self)
        # The actor knows us: without this the pair, and the task with it, would wait for the collector.
        self._actor = None
        return refusal

    # The context of the actor.

    @property
    def ref(self) -> Ref[Any]:
        return self._runtime.ref_to(self.address)

    def ref_to(self, address: Address) -> Ref[Any]:
        return self._runtime.ref_to(address)

    def after(self, seconds: float, message: object) -> "SelfTimer":
        timer = SelfTimer(self, message)
        # A callback may outlive its instance: what it sets then would ring for a stranger.
        if not self._has_ended:
            self._runtime.timers.require()
            timer.arm(seconds)
        return timer

    def monitor(self, address: Address) -> Monitor:
        self._runtime.registry.spec(address.kind)
        if self._has_ended:
            return Monitor(self._runtime.monitors, self, address, 0)
        return self._runtime.monitors.watch(self, address)

    def start_soon(self, job: Callable[..., Awaitable[None]], *args: Any) -> None:
        if self._nursery is None:
            raise RuntimeError("an actor has child tasks from `started` on")
        turn = current_turn.get()
        if turn is None or turn.address != self.address:
            turn = self._turn
        # What a child task starts is for whom it works itself, whatever its actor deals with by now.
        self._nursery.start_soon(self._run_child, job, args, turn.envelope)
        self._children += 1

    def passivate_soon(self) -> None:
        self._wants_rest = True
        self._mailbox.wake()

    # What the runtime asks of it.

    @property
    def mailbox(self) -> Mailbox:
        return self._mailbox

    def ask_to_go(self) -> None:
        """Idle for long, or evicted: passivate now, unless something came up."""
        self._is_asked_to_go = True
        self._mailbox.wake()

    def retire(self) -> None:
        """The system drains: go once the mailbox is empty and no work in flight, whatever is armed."""
        self._is_retiring = True
        self._mailbox.wake()

    def cut(self) -> None:
        """The system's patience is over: the turn in hand is cancelled, then `stopping`."""
        self._is_over = True
        self._scope.cancel()

    def may_rest(self) -> bool:
        """Whether nothing is queued, running, armed or in flight."""
        if self._actor is None or not self._mailbox.is_empty:
            return False
        is_held = not self._is_retiring and (self._children > 0 or bool(self._armed))
        if is_held or self._runtime.monitors.owes(self):
            return False
        return not self._actor.has_work()

    def settle(self, answer: Rejected) -> int:
        """Answer whoever still waits for this incarnation; how many those were."""
        in_hand = self._turn.envelope
        owed = [*self._owed, in_hand] if in_hand is not None else self._owed
        waiting = [envelope for envelope in owed if envelope.reply is not None]
        for envelope in waiting:
            envelope.answer(answer)
        self._owed, self._turn.envelope = [], None
        return len(waiting)

    def recent(self) -> list[AnyEnvelope]:
        """The last envelopes, the one in hand last."""
        return list(self._recent)

    def redacted_state(self) -> object:
        return None if self._actor is None else self._actor.redacted_state()

    # Its life.

    async def _start(self, actor: Actor[Any]) -> Rejected | None:
        try:
            await actor.started()
        except Rejected as refusal:
            return refusal
        self._has_started = True
        return None

    async def _take_turns(self, actor: Actor[Any]) -> None:
        mailbox, idleness = self._mailbox, self._runtime.idleness
        while not self._should_go():
            control_only = actor.is_saturated()
            if mailbox.is_empty:
                idleness.add(self)
                try:
                    envelope = await mailbox.get(control_only=control_only)
                finally:
                    idleness.discard(self)
                if self._is_asked_to_go and envelope is not None:
                    self._stay()
            else:
                envelope = await mailbox.get(control_only=control_only)
            if self._is_over:
                # Taken between a child task's crash, or a cut, and our own end: it is not for us.
                if envelope is not None:
                    mailbox.give_back(envelope)
                await trio.sleep_forever()
            if envelope is None or not self._take(envelope):
                continue
            try:
                await actor.handle(envelope)
            except Rejected as refusal:
                envelope.answer(refusal)
            if envelope.reply is not None:
                self._owe(envelope)
            # Not in a `finally`: after a crash or a cut, the envelope in hand is among those to settle.
            self._turn.envelope = None

    def _should_go(self) -> bool:
        if not (self._wants_rest or self._is_retiring or self._is_asked_to_go):
            return False
        if self.may_rest():
            return True
        if self._is_asked_to_go:
            self._stay()
        return False

    def _stay(self) -> None:
        """Something came up. Who waits for our place need not wait for the end of that."""
        self._is_asked_to_go = False
        self._runtime.places.stays(self.address)

    def _take(self, envelope: AnyEnvelope) -> bool:
        """Have it in hand, unless nobody waits for it any more."""
        # Most have no deadline: the clock is read for the others.
        if envelope.deadline != _NEVER and envelope.deadline <= trio.current_time():
            self._runtime.dead_letters.bury(self.address, [envelope], Cause.EXPIRED, Unavailable())
            return False
        self._recent.append(envelope)
        if len(self._recent) > MAX_ENVELOPES:
            del self._recent[0]
        self._turn.envelope = envelope
        return True

    def _owe(self, envelope: AnyEnvelope) -> None:
        """Remember whom the actor will answer later, so that a crash leaves nobody waiting.
        At most twice `mailbox_limit`; then the oldest are told to try again."""
        if isinstance(envelope.reply, Asker):
            envelope.reply.is_deferred = True
        self._owed.append(envelope)
        if len(self._owed) >= self._prune_at:
            now = trio.current_time()
            self._owed = [e for e in self._owed if e.reply is not None and e.deadline > now]
            most = self.spec.mailbox_limit
            for forgotten in self._owed[:-most]:
                forgotten.answer(Unavailable())
            self._owed = self._owed[-most:]
            self._prune_at = max(64, 2 * len(self._owed))

    async def _stop(self, actor: Actor[Any]) -> None:
        self.is_leaving = True
        with trio.move_on_after(self.spec.shutdown_after) as scope:
            await actor.stopping()
        if scope.cancelled_caught:
            log.warning("last word cut short", kind=self.address.kind, key=self.address.key)

    async def _run_child(
        self,
        job: Callable[..., Awaitable[None]],
        args: tuple[Any, ...],
        envelope: AnyEnvelope | None,
    ) -> None:
        current_turn.set(Turn(self.address, envelope, is_child=True))
        try:
            await job(*args)
        except BaseException:
            self._is_over = True
            raise
        self._children -= 1
        self._let_go()

    def _let_go(self) -> None:
        if self._wants_rest:
            self._mailbox.wake()

    # For its timers.

    def set_alarm(self, timer: "SelfTimer", seconds: float) -> Alarm:
        alarm = self._runtime.timers.call_at(
            trio.current_time() + seconds, partial(self._ring, timer)
        )
        self._armed[timer] = None
        return alarm

    def disarm(self, timer: "SelfTimer") -> None:
        self._armed.pop(timer, None)
        self._let_go()

    def _ring(self, timer: "SelfTimer") -> None:
        try:
            self._mailbox.put_nowait(_Ringing(timer.message, lane=Lane.CONTROL))
        except Overloaded:
            # A timer's message is never lost: it waits for its place.
            timer.arm(_RING_AGAIN_AFTER)
        else:
            self._armed.pop(timer, None)


class _Ringing(Envelope[Any]):
    """A timer's message: for the instance that set it and no successor, which has timers of its own."""

    __slots__ = ()


class SelfTimer:
    """The `Timer` that `Context.after` gives. It dies with its incarnation."""

    __slots__ = ("_alarm", "_incarnation", "message")

    def __init__(self, incarnation: Incarnation, message: object) -> None:
        self._incarnation = incarnation
        self._alarm: Alarm | None = None
        self.message = message

    def arm(self, seconds: float) -> None:
        self._alarm = self._incarnation.set_alarm(self, seconds)

    def cancel(self) -> None:
        if self._alarm is not None and self._alarm.is_armed:
            self._alarm.cancel()
            self._incarnation.disarm(self)


def _crash_in(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """What is a crash: the one exception that the nursery wrapped, or a group when there are several.
    The group itself when it holds what is no crash of an actor's."""
    others = group.split(trio.Cancelled)[1]
    # Cancelled besides, it is cancelled again at its next wait; the crash would go by unrecorded.
    if not isinstance(others, ExceptionGroup):
        return group
    error: Exception = others
    while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error
