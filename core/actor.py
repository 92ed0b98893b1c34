"""What an actor is: one task, one mailbox, one message at a time."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from core.envelope import Envelope, Lane
from core.errors import Rejected
from core.restart_policy import RestartPolicy

if TYPE_CHECKING:
    from core.monitors import Monitor
    from core.reference import Ref

M = TypeVar("M")


class Timer(Protocol):
    """A message to oneself, later. Cancelling after it fired does nothing."""

    def cancel(self) -> None: ...


class Context(Protocol):
    """What the runtime gives an actor of itself. Valid from `started` until the actor is gone."""

    @property
    def ref(self) -> "Ref[Any]":
        """One's own reference: the same before and after a restart."""

    def ref_to(self, address: Any) -> "Ref[Any]":
        """The reference of any other actor, active or not."""

    def after(self, seconds: float, message: object) -> Timer:
        """Tell oneself `message` on the control lane after `seconds` (monotonic). While armed, the
        actor does not passivate. Raises `Overloaded` when too many are armed."""

    def monitor(self, address: Any) -> "Monitor":
        """Be told `Down` on the control lane when the instance that now has this name is gone; at
        once (`noproc`), waking nobody, when there is none. Between a crash and the restart it is
        the successor that is watched. A monitor neither holds passivation back nor survives its
        own instance. Raises `LookupError` for an unknown kind, `Overloaded` when there are too
        many."""

    def start_soon(self, job: Callable[..., Awaitable[None]], *args: Any) -> None:
        """Run a child task. Its crash is the actor's crash; while it runs, no passivation. It is
        cancelled when the actor stops or restarts."""

    def passivate_soon(self) -> None:
        """Go as soon as nothing is queued, running or armed, without waiting for the idle time."""


def tell_oneself(context: Context, message: object) -> None:
    """Bring oneself a turn on the control lane, whatever is queued and whether the system drains."""
    try:
        context.ref.deliver_nowait(Envelope(message, lane=Lane.CONTROL))
    except Rejected:
        # A full mailbox, or a system that drains: a timer's message always finds its place.
        context.after(0.0, message)


class Actor(ABC, Generic[M]):
    """One thing that lives. Subclasses state in their docstring what they own, borrow, let crash.

    The runtime calls `started`, then `handle` once per envelope, then `stopping`; never two at a
    time. `Rejected` raised by `handle` becomes the envelope's answer; any other exception is a
    crash: the envelope's asker gets `internal`, the message does not come back, and a fresh
    instance takes over reference and mailbox.
    """

    context: Context

    async def started(self) -> None:
        """Become what one was before: load state. A refusal for now (`Unavailable`, `Overloaded`) fails
        the waiting asks and tries again with backoff; any other `Rejected` fails them and ends the
        activation."""

    @abstractmethod
    async def handle(self, envelope: Envelope[M]) -> None:
        """Deal with one message."""

    async def stopping(self) -> None:
        """Last words at passivation and ordered shutdown (not after a crash), within the spec's
        `shutdown_after`."""

    def is_saturated(self) -> bool:
        """Whether only the control lane should be taken from the mailbox for now. Read before
        each message; an actor that becomes unsaturated does so while handling one."""
        return False

    def has_work(self) -> bool:
        """Whether something is in flight that forbids passivation (beside timers and tasks)."""
        return False

    def redacted_state(self) -> object:
        """State for a crash record: no message text, no secret."""
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActorSpec:
    """A kind of virtual actor: how one is made, and its bounds. Lives beside the actor.

    `lanes` says where a message type queues (default: as its envelope says). Durations in seconds.
    """

    kind: str
    make: Callable[[str], Actor[Any]]
    lanes: dict[type, Lane] = field(default_factory=dict)
    restart: RestartPolicy = field(default_factory=RestartPolicy)
    idle_after: float = 300.0
    shutdown_after: float = 5.0
    mailbox_limit: int = 1_024
    control_reserve: int = 64
    persona_limit: int = 128
    ephemeral_limit: int = 64
