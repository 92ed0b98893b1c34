"""How Duffel is read: behind the guard, and an answer that cannot be read is a failure like any other."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec
import trio

from gateways.partners.duffel_client import DuffelClient
from gateways.partners.duffel_errors import Refusal
from gateways.partners.resilience import CallFailed, Guard

T = TypeVar("T")


class DuffelReads:
    """Of `gateways.partners.duffel.Duffel`, which owns the client and the guard."""

    _client: DuffelClient
    _guard: Guard

    async def _read(
        self, call: Callable[[], Awaitable[bytes | Refusal]], decode: Callable[[bytes], T]
    ) -> T | Refusal:
        """What was read, or why Duffel will not. Raises `Unavailable`. `call` may be made several times."""

        async def attempt() -> T | Refusal:
            answer = await call()
            if isinstance(answer, Refusal):
                return answer
            await trio.lowlevel.checkpoint()  # to receive the end of it took its time already
            try:
                return decode(answer)
            except (msgspec.DecodeError, ValueError) as error:
                raise CallFailed(
                    f"an answer that makes no sense: {error}", may_retry=True
                ) from error

        return await self._guard.read(attempt)
