"""The actor system: virtual actors that live while somebody talks to them."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from contextvars import Context, copy_context
from typing import Any, Final

import structlog
import trio

from core.activation import Activation
from core.actor import ActorSpec
from core.dead_letters import Cause, DeadLetters
from core.envelope import AnyEnvelope, Lane
from core.errors import Resting, Unavailable
from core.idleness import Idleness
from core.monitors import Monitors
from core.places import Places
from core.ports.clock import Chance, Ids
from core.ports.crash_records import CrashRecords
from core.reference import ActorRef, Ref, current_turn
from core.registry import Registry
from core.runtime import Counts, Runtime
from core.timers import Timers
from core.waits import Waits
from protocol.addresses import Address

log: Final = structlog.get_logger("core.system")

_LOOK_EVERY: Final = 0.02
_STOPS_LATE_AFTER: Final = 1.0
_MOST_NAMED: Final = 8


class ActorSystem:
    """Finds, makes, restarts and passivates actors; one task for each that is active.

    Owns: the activations, the timers. Borrows: chance (for jitter), ids (for crash
    references) and where crashes are recorded (None: in the log alone).
    Register every kind, then `run`. Before `run` and from `drain` on, deliveries are `Unavailable`.
    """

    def __init__(
        self,
        *,
        chance: Chance,
        ids: Ids,
        crash_records: CrashRecords | None = None,
        max_active: int = 50_000,
        max_waiting: int = 1_024,
    ) -> None:
        self._timers = Timers()
        self._dead_letters = DeadLetters()
        self._registry = Registry(max_resting=max_active)
        self._counts = Counts()
        self.waits = Waits()
        self._monitors = Monitors(is_active=self.is_active)
        self._idleness = Idleness(self._timers, on_idle=self._make_room)
        self._places = Places(
            most=max_active,
            most_waiting=max_waiting,
            launch=self._launch,
            take_oldest=self._idleness.take_oldest,
        )
        self._runtime = Runtime(
            chance=chance,
            ids=ids,
            timers=self._timers,
            idleness=self._idleness,
            places=self._places,
            registry=self._registry,
            dead_letters=self._dead_letters,
            monitors=self._monitors,
            counts=self._counts,
            crash_records=crash_records,
            ref_to=self.ref,
        )
        self._nursery: trio.Nursery | None = None
        self._context: Context = copy_context()
        self._is_draining = False
        self._is_closed = False
        self._closing = trio.Event()
        self._gone = trio.Event()

    def register(self, spec: ActorSpec) -> None:
        """Make a kind known. Raises `ValueError` for a second one of the same name."""
        self._registry.register(spec)

    def ref(self, address: Address) -> Ref[Any]:
        """The actor's reference, whether it is active or not. Raises `LookupError` for an unknown
        kind."""
        self._registry.spec(address.kind)
        return ActorRef(address, self)

    def is_active(self, address: Address) -> bool:
        """Whether it lives now: for news that nobody must be woken for."""
        return self._registry.find(address) is not None

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Until `drain` is through. Cancelled, it answers what is queued and says no last word. A
        system runs once."""
        # Actors inherit no one else's context: not the caller's log fields, not another's turn.
        self._context = copy_context()
        try:
            async with trio.open_nursery() as clockwork:
                clockwork.start_soon(self._timers.run)
                clockwork.start_soon(self._monitors.run)
                async with trio.open_nursery() as self._nursery:
                    task_status.started()
                    try:
                        await self._closing.wait()
                    finally:
                        # Who is let in now would keep a cancelled system from its end.
                        self._is_closed = True
                clockwork.cancel_scope.cancel()
        finally:
            for activation in self._places.take_waiting():
                activation.close()
            self._gone.set()

    @asynccontextmanager
    async def running(self, *, drain_within: float = 10.0) -> AsyncIterator["ActorSystem"]:
        """`run` around a block, `drain` at its end."""
        async with trio.open_nursery() as nursery:
            await nursery.start(self.run)
            yield self
            await self.drain(drain_within)

    async def drain(self, within: float = 10.0) -> None:
        """Stop accepting, let mailboxes empty for `within` seconds, let each actor say its last
        word (at most its `shutdown_after`), end `run`. Safe to call twice. Who does not let itself be
        cancelled is waited for, and named in the log.

        While draining, actors still reach each other, and the control lane of an active actor is
        open to all, so that what has begun can end.
        """
        if self._nursery is None:
            return
        self._is_draining = True
        with trio.move_on_after(within):
            while len(self._registry):
                for activation in self._registry:
                    activation.retire()
                await trio.sleep(_LOOK_EVERY)
        self._is_closed = True
        for activation in self._places.take_waiting():
            activation.close()
        for activation in self._registry:
            activation.cut()
        self._closing.set()
        patience = max(
            (activation.spec.shutdown_after for activation in self._registry), default=0.0
        )
        with trio.move_on_after(patience + _STOPS_LATE_AFTER):
            await self._gone.wait()
        if not self._gone.is_set():
            stubborn = [str(activation.address) for activation in self._registry]
            log.error("actors do not stop", count=len(stubborn), actors=stubborn[:_MOST_NAMED])
            await self._gone.wait()

    def deliver_nowait(self, address: Address, envelope: AnyEnvelope) -> None:
        """As `Ref.deliver_nowait`."""
        activation = self._registry.find(address)
        spec = self._registry.spec(address.kind) if activation is None else activation.spec
        envelope.lane = spec.lanes.get(type(envelope.message), envelope.lane)
        if self._is_draining or activation is None:
            self._require_open(activation, envelope)
        if activation is None:
            activation = self._activate(address)
        activation.mailbox.put_nowait(envelope)

    def count_late_answer(self) -> None:
        self._dead_letters.count(Cause.LATE_ANSWER)

    def statistics(self) -> Mapping[str, int | float]:
        """Counts since the start, and how many are active, idle, queued, armed now."""
        depths = [len(activation.mailbox) for activation in self._registry]
        return {
            **self._places.statistics(),
            **self._idleness.statistics(),
            **self._registry.statistics(),
            "activations": self._counts.activations,
            "passivations": self._counts.passivations,
            "crashes": self._counts.crashes,
            "restarts": self._counts.restarts,
            "failed_starts": self._counts.failed_starts,
            "queued": sum(depths),
            "asking": len(self.waits),
            "deepest_mailbox": max(depths, default=0),
            **{f"timers_{name}": n for name, n in self._timers.statistics().items()},
            **{f"monitors_{name}": n for name, n in self._monitors.statistics().items()},
            **{f"dead_{name}": n for name, n in self._dead_letters.statistics().items()},
        }

    def _require_open(self, activation: Activation | None, envelope: AnyEnvelope) -> None:
        if self._nursery is None or self._is_closed:
            raise Unavailable
        is_inside = current_turn.get() is not None
        if self._is_draining and not is_inside:
            if activation is not None and envelope.lane is Lane.CONTROL:
                return
            raise Unavailable

    def _activate(self, address: Address) -> Activation:
        rest = self._registry.rests_for(address)
        if rest > 0:
            self._dead_letters.count(Cause.GAVE_UP)
            raise Resting(retry_after_ms=int(rest * 1_000) + 1)
        self._places.require()
        activation = Activation(address, self._registry.spec(address.kind), self._runtime)
        self._registry.add(activation)
        self._counts.activations += 1
        self._places.admit(activation)
        return activation

    def _launch(self, activation: Activation) -> None:
        nursery = self._nursery
        if nursery is None:
            raise RuntimeError("the actor system does not run")
        self._context.run(nursery.start_soon, self._run, activation)

    async def _run(self, activation: Activation) -> None:
        try:
            await activation.run()
        finally:
            self._places.leave(activation.address)

    def _make_room(self) -> None:
        self._places.make_room()
