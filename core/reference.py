"""How one actor speaks to another, and how a gateway speaks to any."""

from contextvars import ContextVar
from typing import Any, Final, Generic, Protocol, TypeVar

import trio

from core.envelope import AnyEnvelope, Envelope, Lane
from core.errors import Unavailable
from core.identity import Principal
from core.ports.fanout import Client
from core.waits import Asker, Waits
from protocol.addresses import Address
from protocol.frames import Answer

M_contra = TypeVar("M_contra", contravariant=True)


class Ref(Protocol, Generic[M_contra]):
    """An actor's name and mailbox, valid whether it is active, restarting or asleep."""

    @property
    def address(self) -> Address: ...

    def deliver_nowait(self, envelope: Envelope[Any]) -> None:
        """Queue an envelope, activating the actor if it sleeps. Raises `Overloaded` when its lane is
        full (nothing was queued), `Unavailable` when the system is shutting down, `Resting` when
        the actor rests after too many crashes."""

    def tell_nowait(self, message: M_contra, *, principal: Principal | None = None) -> None:
        """`deliver_nowait` with nobody waiting for an answer."""

    async def ask(
        self,
        message: M_contra,
        *,
        principal: Principal | None = None,
        client: Client | None = None,
        timeout: float = 10.0,
        lane: Lane = Lane.NORMAL,
    ) -> Answer:
        """Wait for the answer, at most `timeout` seconds and the caller's own deadline (which
        travels). Raises `Rejected` as answered, `Unavailable` when time is up (a late answer is
        dropped), `CallCycleError` when the callee is waiting for the caller, directly or through others:
        for its answer to what it deals with, or to what is queued behind that."""


class Turn:
    """What an actor's code is dealing with. `envelope`: the one in hand. `is_child`: in a child task,
    which keeps its actor from nothing."""

    __slots__ = ("address", "envelope", "is_child")

    def __init__(
        self, address: Address, envelope: AnyEnvelope | None = None, *, is_child: bool = False
    ) -> None:
        self.address = address
        self.envelope = envelope
        self.is_child = is_child

    def behind(self) -> Asker | None:
        """In a child task: the ask whose answer waits for what it does. An envelope already answered, or
        that nobody waits for, holds nobody up."""
        if not self.is_child or self._asked is None:
            return None
        asker = self._asked.reply
        return asker if isinstance(asker, Asker) and asker.is_waiting else None

    def deadline(self) -> float:
        """Until when anybody waits for what is done now."""
        return float("inf") if self._asked is None else self._asked.deadline

    @property
    def _asked(self) -> AnyEnvelope | None:
        envelope = self.envelope
        return envelope if envelope is not None and envelope.reply is not None else None


current_turn: Final[ContextVar[Turn | None]] = ContextVar("current_turn", default=None)


class Post(Protocol):
    """Where references bring their envelopes."""

    def deliver_nowait(self, address: Address, envelope: AnyEnvelope) -> None:
        """As `Ref.deliver_nowait`."""

    @property
    def waits(self) -> Waits: ...

    def count_late_answer(self) -> None: ...


class ActorRef(Generic[M_contra]):
    """The reference of a virtual actor: a name and the system that finds it."""

    __slots__ = ("_address", "_post")

    def __init__(self, address: Address, post: Post) -> None:
        self._address = address
        self._post = post

    def __repr__(self) -> str:
        return f"<ref {self._address}>"

    @property
    def address(self) -> Address:
        return self._address

    def deliver_nowait(self, envelope: AnyEnvelope) -> None:
        self._post.deliver_nowait(self._address, envelope)

    def tell_nowait(self, message: M_contra, *, principal: Principal | None = None) -> None:
        self._post.deliver_nowait(self._address, Envelope(message, principal))

    async def ask(
        self,
        message: M_contra,
        *,
        principal: Principal | None = None,
        client: Client | None = None,
        timeout: float = 10.0,
        lane: Lane = Lane.NORMAL,
    ) -> Answer:
        now = trio.current_time()
        deadline = min(now + timeout, trio.current_effective_deadline())
        waiter, behind = None, None
        turn = current_turn.get()
        if turn is not None:
            deadline = min(deadline, turn.deadline())
            behind = turn.behind()
            if behind is not None:
                waiter = behind.waiter
            elif not turn.is_child:
                waiter = turn.address
        asker = Asker(
            self._post.waits,
            waiter,
            self._address,
            behind=behind,
            on_late=self._post.count_late_answer,
        )
        asker.require_answerable(self._address)
        if deadline <= now:
            await trio.lowlevel.checkpoint()
            raise Unavailable
        self.deliver_nowait(
            Envelope(message, principal, client, asker, deadline=deadline, lane=lane)
        )
        self._post.waits.add(asker)
        try:
            return await asker.wait(deadline)
        finally:
            self._post.waits.remove(asker)
