"""What travels between actors: a message and what must not be forgotten about it."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Generic, TypeVar

import trio

from core.errors import Rejected
from core.identity import Principal
from core.ports.fanout import Client
from protocol.frames import Answer

M = TypeVar("M")

Reply = Callable[[Answer | Rejected], None]
"""Called at most once, in the trio thread, never blocking."""


class Lane(IntEnum):
    """The parts of a mailbox, in the order they are taken (docs/architecture.md §3)."""

    CONTROL = 0
    NORMAL = 1
    PERSONA = 2
    EPHEMERAL = 3


@dataclass(slots=True)
class Envelope(Generic[M]):
    """One message on its way to an actor.

    `principal`: on whose behalf (None: the system). `client`: the connection it came by, for
    whoever may subscribe it. `reply`: where the answer goes (None: nobody asked). `deadline`: absolute
    trio time after which nobody waits.
    `key`: in the ephemeral lane the newest message per key wins.
    """

    message: M
    principal: Principal | None = None
    client: Client | None = None
    reply: Reply | None = None
    deadline: float = float("inf")
    lane: Lane = Lane.NORMAL
    key: Hashable | None = None
    read_at: float = field(init=False, repr=False, compare=False)
    """When its frame was read (trio time). Unset but for what is to be answered soon after that."""
    _is_settled: bool = field(init=False, repr=False, compare=False)
    """Unset until somebody was answered: most envelopes are tells, and pay nothing for it."""

    @property
    def was_asked(self) -> bool:
        """Whether somebody waited for an answer, be it given or not."""
        return self.reply is not None or hasattr(self, "_is_settled")

    def answer(self, answer: Answer | Rejected) -> None:
        """Answer once; later answers, and answers nobody asked for, go nowhere."""
        reply = self.reply
        if reply is not None:
            self.settle()
            reply(answer)

    def settle(self) -> None:
        """Somebody else owes the answer from here on."""
        self.reply = None
        self._is_settled = True

    def was_read_at(self) -> float:
        """When its frame was read, or now, if that is not known."""
        return self.read_at if hasattr(self, "read_at") else trio.current_time()

    def of(self) -> Principal:
        """The principal of a command that cannot come from the system itself."""
        if self.principal is None:
            raise TypeError(f"{type(self.message).__name__} needs a principal")
        return self.principal


AnyEnvelope = Envelope[Any]
