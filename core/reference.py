"""How one actor speaks to another, and how a gateway speaks to any."""

from typing import Any, Generic, Protocol, TypeVar

from core.envelope import Envelope
from core.identity import Principal
from core.ports.fanout import Client
from protocol.addresses import Address
from protocol.frames import Answer

M = TypeVar("M")


class Ref(Protocol, Generic[M]):
    """An actor's name and mailbox, valid whether it is active, restarting or asleep."""

    @property
    def address(self) -> Address: ...

    def deliver_nowait(self, envelope: Envelope[Any]) -> None:
        """Queue an envelope, activating the actor if it sleeps. Raises `Overloaded` when its lane is
        full (nothing was queued), `Unavailable` when the system is shutting down."""

    def tell_nowait(self, message: M, *, principal: Principal | None = None) -> None:
        """`deliver_nowait` with nobody waiting for an answer."""

    async def ask(
        self,
        message: M,
        *,
        principal: Principal | None = None,
        client: Client | None = None,
        timeout: float = 10.0,
    ) -> Answer:
        """Wait for the answer, at most `timeout` seconds and the caller's own deadline (which
        travels). Raises `Rejected` as answered, `Unavailable` when time is up (a late answer is
        dropped), `CallCycleError` when the callee is waiting for the caller."""
