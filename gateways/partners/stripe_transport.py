"""How the SDK's requests leave: one pool of connections on trio, bounded answers, no proxy, no repeats."""

import logging
from collections.abc import Mapping
from typing import Any, Final, NoReturn

import httpx
import stripe

from gateways.partners.bounded import read_bounded

MAX_ANSWER_BYTES: Final = 8_388_608
"""A hundred payments with their charges are less than one."""

TURN_WITHIN: Final = 1.5
REACHED_WITHIN: Final = 3.0
CONNECTIONS: Final = 64

NEVER_LEFT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
"""Nothing of the request was written."""


class TooLargeError(httpx.HTTPError):
    """An answer that nobody asked for."""


class StripeTransport(stripe.HTTPXClient):
    """Owns: connections, until `close_async`; a later call opens new ones. `is_live`: certificates are checked. `over`: what carries
    the requests, in tests without a socket.

    The SDK's own client would take proxies from the environment and answers of any size.
    """

    def __init__(
        self, *, is_live: bool, within: float, over: httpx.AsyncBaseTransport | None = None
    ) -> None:
        # The client that this makes is never used: ours checks certificates.
        super().__init__(timeout=within, verify_ssl_certs=False)
        self._is_live, self._within, self._over = is_live, within, over
        self._pool = self._opened()

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        """Body, status, headers. Raises `stripe.APIConnectionError` with httpx's error as its cause."""
        try:
            request = self._pool.build_request(method, url, headers=headers, content=post_data)
            response = await self._pool.send(request, stream=True)
            try:
                body = await read_bounded(response, MAX_ANSWER_BYTES)
            finally:
                await response.aclose()
            if body is None:
                raise TooLargeError(f"an answer of more than {MAX_ANSWER_BYTES} bytes")
        except httpx.HTTPError as error:
            _failed(error)
        return body, response.status_code, response.headers

    async def close_async(self) -> None:
        await super().close_async()  # type: ignore[no-untyped-call]
        closed, self._pool = self._pool, self._opened()
        await closed.aclose()

    def _opened(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            headers={"Accept-Encoding": "identity"},
            timeout=httpx.Timeout(self._within, connect=REACHED_WITHIN, pool=TURN_WITHIN),
            limits=httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS),
            verify=self._is_live,
            follow_redirects=False,
            trust_env=False,
            transport=self._over,
        )


def silence_sdk() -> None:
    """No telemetry (a file in the home directory, and headers), and no words of payments in our log:
    the SDK writes every error's message to the logger `stripe`."""
    stripe.enable_telemetry = False
    logging.getLogger("stripe").setLevel(logging.CRITICAL)


def has_left(error: BaseException) -> bool:
    """Whether the request of a `stripe.APIConnectionError` may have reached anybody."""
    return not isinstance(error.__cause__, NEVER_LEFT)


def _failed(error: httpx.HTTPError) -> NoReturn:
    failure = stripe.APIConnectionError(  # type: ignore[no-untyped-call]
        type(error).__name__, should_retry=False
    )
    raise failure from error
