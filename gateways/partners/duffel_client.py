"""Duffel over HTTP: one pool of connections, bounded answers, and no key in any log."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

import httpx
import trio

from core.ports.clock import Clock
from gateways.partners.duffel_errors import Proof, Refusal, judged, refusal
from gateways.partners.resilience import CallFailed
from protocol.suppliers import NotSent, Unknown

ANSWER_WITHIN: Final = 130.0
"""Seconds. Duffel's own requests may take 120, and it asks clients to wait longer than that."""

CONNECT_WITHIN: Final = 10.0
TURN_WITHIN: Final = 1.5
REACHED_WITHIN: Final = 3.0
"""Seconds that a change may wait for its turn and its connection: later, nobody wants it any more."""

MOST_CHANGES: Final = 64
MAX_ANSWER_BYTES: Final = 16_777_216
MAX_ERROR_BYTES: Final = 65_536
_SANDBOX_KEY: Final = "duffel_test_sandbox"


@dataclass(frozen=True, slots=True, kw_only=True)
class DuffelSettings:
    """Which Duffel. Sandbox: `url` is the sandbox's, and the key one that opens nothing else. Live:
    both must be said; a test key of Duffel's with its real host is live too.

    `most_offers`: the cheapest so many of a search are fetched and kept. `airlines_within`: seconds
    that Duffel gives the airlines, of which the slowest holds up the rest. `order_within`: how long an
    answer to what changes something may take. `webhook_secrets`: of the webhook that was made in Duffel's
    dashboard, two while it is replaced; in sandbox mode they come by registering.
    """

    mode: Literal["sandbox", "live"] = "sandbox"
    url: str | None = None
    key: str | None = field(default=None, repr=False)
    most_offers: int = 100
    airlines_within: float = 8.0
    order_within: float = ANSWER_WITHIN
    webhook_secrets: tuple[str, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        """Raises `ValueError`, which names the setting and what to do."""
        if self.mode == "live":
            if not self.url:
                raise ValueError(
                    "Duffel in live mode needs its host: set CARAVAN_DUFFEL_URL, "
                    "for example to https://api.duffel.com."
                )
            if not self.key:
                raise ValueError(
                    "Duffel in live mode needs a key: set CARAVAN_DUFFEL_KEY to an access token "
                    "from Duffel's dashboard."
                )
            if not self.url.startswith("https://"):
                raise ValueError("CARAVAN_DUFFEL_URL must begin with https://: the key is sent.")
        elif not self.url:
            raise ValueError("Duffel in sandbox mode needs the sandbox's address.")
        elif self.key:
            raise ValueError(
                "CARAVAN_DUFFEL_KEY is set, but Duffel is in sandbox mode, where no key is sent: "
                "unset it, or choose live mode."
            )
        elif self.webhook_secrets:
            raise ValueError(
                "CARAVAN_DUFFEL_WEBHOOK_SECRET is set, but Duffel is in sandbox mode, where the server asks for "
                "one by itself: unset it, or choose live mode."
            )
        if not 1 <= self.most_offers <= 200:
            raise ValueError("most_offers must be 1 to 200, which is Duffel's largest page.")


@dataclass(frozen=True, slots=True)
class Done:
    """A success, with its body; `is_accepted`: Duffel is still at it (202)."""

    body: bytes
    is_accepted: bool = False


Changed = Done | Proof | NotSent | Unknown


class DuffelClient:
    """Owns: connections, until `aclose`. Borrows: the clock.

    No proxy, no certificate and no key is taken from the environment, and no redirect is followed:
    the key goes to the configured host alone.
    """

    def __init__(self, settings: DuffelSettings, clock: Clock, *, connections: int) -> None:
        self._clock, self._settings = clock, settings
        timeout = httpx.Timeout(ANSWER_WITHIN, connect=CONNECT_WITHIN)
        self._http = _http(settings, timeout, connections, kept=connections)
        # A connection that was kept may be closed at the other end: what is sent into it may be lost, or
        # not. What changes something has a new one each time.
        changes = httpx.Timeout(settings.order_within, connect=REACHED_WITHIN, pool=TURN_WITHIN)
        self._changing = _http(settings, changes, MOST_CHANGES, kept=0)

    async def aclose(self) -> None:
        await self._http.aclose()
        await self._changing.aclose()

    async def change(self, path: str, body: bytes = b"", *, method: str = "POST") -> Changed:
        """Sent at most once: connections that were not made prove that it was not. `body` is JSON.
        Cancelled: whether Duffel did it is not known."""
        if self._changing.is_closed:
            return NotSent(detail="closed")
        headers = {"Content-Type": "application/json"} if body else {}
        request = self._changing.build_request(method, path, content=body, headers=headers)
        with trio.move_on_after(self._settings.order_within):
            try:
                response = await self._changing.send(request, stream=True)
                try:
                    is_success = response.status_code in (200, 201, 202, 204)
                    limit = MAX_ANSWER_BYTES if is_success else MAX_ERROR_BYTES
                    read = await _read(response, limit)
                finally:
                    await response.aclose()
            except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
                return NotSent(detail=type(error).__name__)
            except (httpx.HTTPError, CallFailed) as error:
                return Unknown(detail=f"{type(error).__name__}: {str(error)[:200]}")
            if is_success:
                return Done(read, is_accepted=response.status_code == 202)
            return judged(response.status_code, read)
        return Unknown(detail=f"no answer within {self._settings.order_within:g} s")

    async def get(self, path: str, params: Mapping[str, str]) -> bytes | Refusal:
        """As `_call`."""
        return await self._call(self._http.build_request("GET", path, params=params))

    async def post(self, path: str, params: Mapping[str, str], body: bytes) -> bytes | Refusal:
        """As `_call`. `body` is JSON."""
        headers = {"Content-Type": "application/json"}
        return await self._call(
            self._http.build_request("POST", path, params=params, content=body, headers=headers)
        )

    async def _call(self, request: httpx.Request) -> bytes | Refusal:
        """The body of a success, or why Duffel will not. Raises `CallFailed`. Cancelled: the
        connection is closed, and whether Duffel did it is not known."""
        if self._http.is_closed:
            raise CallFailed("closed")
        try:
            response = await self._http.send(request, stream=True)
            try:
                is_success = response.status_code in (200, 201)
                limit = MAX_ANSWER_BYTES if is_success else MAX_ERROR_BYTES
                body = await _read(response, limit)
            finally:
                await response.aclose()
        except httpx.HTTPError as error:
            raise CallFailed(f"{type(error).__name__}", may_retry=True) from error
        if is_success:
            return body
        now = self._clock.now_ms() / 1_000
        return refusal(response.status_code, response.headers, body, now)


def _http(
    settings: DuffelSettings, timeout: httpx.Timeout, connections: int, *, kept: int
) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        base_url=settings.url or "",
        headers={
            "Authorization": f"Bearer {settings.key or _SANDBOX_KEY}",
            "Duffel-Version": "v2",
            "Accept": "application/json",
            "Accept-Encoding": "gzip",
            "User-Agent": "caravan",
        },
        timeout=timeout,
        limits=httpx.Limits(max_connections=connections, max_keepalive_connections=kept),
        verify=settings.mode == "live",
        follow_redirects=False,
        trust_env=False,
    )


async def _read(response: httpx.Response, limit: int) -> bytes:
    """The whole body. Raises `CallFailed`."""
    body = _Body(response.headers.get("content-encoding", "identity").lower(), limit)
    failure: CallFailed | None = None
    # Cancelled rather than left: the generators below us end only by running out or by an error that
    # comes from the socket, and the collector would find those that we abandon.
    with trio.CancelScope() as enough:
        async for chunk in response.aiter_raw():
            try:
                if failure is None:
                    body.feed(chunk)
            except CallFailed as error:
                failure = error
                enough.cancel()
    if failure is not None:
        raise failure
    return body.whole()


class _Body:
    """A bounded body, inflated by ourselves: a small one may be a large text."""

    def __init__(self, encoding: str, limit: int) -> None:
        self._encoding, self._limit = encoding, limit
        is_gzip = encoding == "gzip"
        self._inflater = zlib.decompressobj(16 + zlib.MAX_WBITS) if is_gzip else None
        self._bytes = bytearray()

    def feed(self, chunk: bytes) -> None:
        """Raises `CallFailed`."""
        if self._inflater is not None:
            try:
                chunk = self._inflater.decompress(chunk, self._limit + 1)
            except zlib.error as error:
                raise CallFailed("an answer that is not gzip", may_retry=True) from error
        elif self._encoding != "identity":
            raise CallFailed(f"an answer in {self._encoding[:40]!r}")
        self._bytes += chunk
        if len(self._bytes) > self._limit:
            raise CallFailed(f"an answer of more than {self._limit} bytes")

    def whole(self) -> bytes:
        """Raises `CallFailed`."""
        if self._inflater is not None and not self._inflater.eof:
            raise CallFailed("an answer that breaks off", may_retry=True)
        return bytes(self._bytes)
