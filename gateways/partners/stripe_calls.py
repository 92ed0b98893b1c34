"""Calls to Stripe by the official SDK: those that change something once, reads through the guard."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import httpx
import stripe
import trio

from core.errors import Unavailable
from core.ports.clock import Chance
from gateways.partners.payment_outcomes import KINDS, count
from gateways.partners.resilience import CallFailed, Guard, GuardPolicy
from gateways.partners.stripe_errors import Ended, ended, failed, is_missing
from gateways.partners.stripe_settings import StripeSettings
from gateways.partners.stripe_transport import StripeTransport, silence_sdk
from protocol.suppliers import NotSent, Unknown

T = TypeVar("T")

NAME: Final = "stripe"
POLICY: Final = GuardPolicy(most_running=16, most_waiting=512, call_within=20.0)
PAGE: Final = 100
MAX_PAGES: Final = 50

Sdk = stripe.StripeClient


@dataclass(frozen=True, slots=True)
class Pages:
    """What was walked through. `is_whole`: to its end."""

    pages: list[Any]
    is_whole: bool


class StripeCalls:
    """Owns: connections, until `aclose`; the guard of reads; counts.

    What changes something is sent once, within `settings.call_within` seconds, and is not counted by the
    breaker: whether it may be made is the saga's to decide. `wanted` is set by whoever calls before the
    sandbox is there.
    """

    def __init__(
        self,
        settings: StripeSettings,
        *,
        chance: Chance,
        policy: GuardPolicy = POLICY,
        over: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        silence_sdk()
        self._settings = settings
        self._transport = StripeTransport(
            is_live=settings.mode == "live", within=settings.call_within, over=over
        )
        self._guard = Guard(NAME, chance, policy)
        self._counts = dict.fromkeys(KINDS, 0)
        self._client: Sdk | None = None
        self.wanted = trio.Event()
        self.reach(settings.url)

    async def aclose(self) -> None:
        """Calls under way fail."""
        await self._transport.close_async()

    def reach(self, url: str | None) -> None:
        """The address from now on. None: in live mode Stripe's own, in sandbox mode nowhere."""
        if self._settings.mode == "sandbox" and not url:
            self._client = None
            return
        self._client = stripe.StripeClient(
            self._settings.api_key,
            base_addresses={"api": url} if url else None,
            http_client=self._transport,
            max_network_retries=0,
        )

    def statistics(self) -> Mapping[str, int | float]:
        """The guard's of reads; of calls that change something since the start: `sent`, and how many of
        them were `declined`, `refused`, or ended `unknown`; `not_sent`."""
        return {**self._guard.statistics(), **self._counts}

    async def change(
        self, call: Callable[[Sdk], Awaitable[Any]], decode: Callable[[bytes], T]
    ) -> T | Ended:
        """Send once; how it ended. Whatever breaks once it may have left is `Unknown`. Cancelled: the
        same, but nobody is told."""
        client = self._client
        if client is None:
            self.wanted.set()
            self._counts["not_sent"] += 1
            return NotSent(detail="the sandbox is not there yet")
        self._counts["sent"] += 1
        result: T | Ended = Unknown(detail=f"no answer within {self._settings.call_within:g} s")
        with trio.move_on_after(self._settings.call_within):
            try:
                result = decode(_body(await call(client)))
            except stripe.StripeError as error:
                result = ended(error)
            except Exception as error:
                result = Unknown(detail=f"an answer that makes no sense: {type(error).__name__}")
        count(self._counts, NAME, result)
        return result

    async def read(
        self, call: Callable[[Sdk], Awaitable[Any]], decode: Callable[[bytes], T]
    ) -> T | None:
        """None when there is no such thing. Raises `Unavailable`."""
        client = self._client
        if client is None:
            self.wanted.set()
            raise Unavailable

        async def attempt() -> T | None:
            try:
                return decode(_body(await call(client)))
            except stripe.StripeError as error:
                if is_missing(error):
                    return None
                raise failed(error) from error
            except Exception as error:
                said = f"an answer that makes no sense: {type(error).__name__}"
                raise CallFailed(said, may_retry=True) from error

        return await self._guard.read(attempt)

    async def walk(
        self,
        call: Callable[[Sdk, Any], Awaitable[Any]],
        decode: Callable[[bytes], Any],
        filters: Mapping[str, Any],
    ) -> Pages:
        """A list page by page, at most fifty of a hundred. Raises `Unavailable`."""
        params: dict[str, Any] = {**filters, "limit": PAGE}
        pages: list[Any] = []
        while len(pages) < MAX_PAGES:
            page = await self._page(call, dict(params), decode)
            if page is None or not page.data:
                return Pages(pages, is_whole=True)
            pages.append(page)
            if not page.has_more:
                return Pages(pages, is_whole=True)
            params["starting_after"] = page.data[-1].id
        return Pages(pages, is_whole=False)

    async def _page(
        self,
        call: Callable[[Sdk, Any], Awaitable[Any]],
        params: Mapping[str, Any],
        decode: Callable[[bytes], Any],
    ) -> Any:
        return await self.read(lambda of: call(of, params), decode)


def _body(answer: Any) -> bytes:
    """The answer's own bytes: the SDK's objects are looser than what is read here."""
    return str(answer.last_response.body).encode()
