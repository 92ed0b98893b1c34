"""Calls to PayPal by HTTP: those that change something once, reads through the guard, both with a token."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, Final, TypeVar

import httpx
import msgspec
import trio

from core.ports.clock import Chance
from gateways.partners.bounded import read_bounded
from gateways.partners.payment_outcomes import KINDS, count
from gateways.partners.paypal_errors import Ended, ended, said
from gateways.partners.paypal_settings import LIVE_URL, PayPalSettings
from gateways.partners.resilience import CallFailed, Guard, GuardPolicy
from protocol.payments import PaymentRefused
from protocol.suppliers import NotSent, Unknown

T = TypeVar("T")

NAME: Final = "paypal"
POLICY: Final = GuardPolicy(most_running=16, most_waiting=512, call_within=20.0)
MOST_ASKED: Final = 4
MOST_TO_ASK: Final = 64
"""Questions under way, and waiting. Anybody may deliver what PayPal has to be asked about: that takes no
place of a payment's, and what goes wrong with it is not held against them."""

MAX_ANSWER_BYTES: Final = 1_048_576
TURN_WITHIN: Final = 1.5
REACHED_WITHIN: Final = 3.0
CONNECTIONS: Final = 64
TOKEN_SLACK: Final = 60.0
"""Seconds before its end after which a token is not used any more."""

MAX_TOKEN_FOR: Final = 32_400.0
_NEVER_LEFT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_DONE: Final = (200, 201, 204)


class _Token(msgspec.Struct):
    access_token: str
    expires_in: float


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: bytes


_token: Final = msgspec.json.Decoder(_Token).decode


class PayPalCalls:
    """Owns: connections, until `aclose`; the token; the guards of reads and of questions; counts.

    What changes something is sent once, within `settings.call_within` seconds; once more only where the
    first was refused for its token, which proves that nothing was done. `wanted` is set by whoever
    calls before the sandbox is there.
    """

    def __init__(
        self,
        settings: PayPalSettings,
        *,
        chance: Chance,
        policy: GuardPolicy = POLICY,
        over: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._settings = settings
        self._http = httpx.AsyncClient(
            headers={"Accept": "application/json", "Accept-Encoding": "identity"},
            timeout=httpx.Timeout(settings.call_within, connect=REACHED_WITHIN, pool=TURN_WITHIN),
            limits=httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS),
            verify=settings.mode == "live",
            follow_redirects=False,
            trust_env=False,
            transport=over,
        )
        self._guard = Guard(NAME, chance, policy)
        few = replace(policy, most_running=MOST_ASKED, most_waiting=MOST_TO_ASK)
        self._questions = Guard(NAME, chance, few)
        self._counts = dict.fromkeys(KINDS, 0)
        self._url: str | None = None
        self._bearer, self._bearer_until = "", 0.0
        self._one_asks = trio.Lock()
        self.wanted = trio.Event()
        self.reach(settings.url)

    async def aclose(self) -> None:
        """Calls under way fail."""
        await self._http.aclose()

    def reach(self, url: str | None) -> None:
        """The address from now on. None: in live mode PayPal's own, in sandbox mode nowhere."""
        self._url = url or (LIVE_URL if self._settings.mode == "live" else None)
        self._bearer = ""

    def statistics(self) -> Mapping[str, int | float]:
        """The guard's of reads, and of questions (`asked_…`); of calls that change something since the
        start: `sent`, and how many of them were `declined`, `refused`, or ended `unknown`; `not_sent`."""
        asked = {f"asked_{name}": value for name, value in self._questions.statistics().items()}
        return {**self._guard.statistics(), **asked, **self._counts}

    async def change(
        self,
        path: str,
        given: Any,
        decode: Callable[[bytes], T],
        *,
        key: str = "",
        method: str = "POST",
    ) -> T | Ended:
        """Send once; how it ended. Whatever breaks once it may have left is `Unknown`. Cancelled: the
        same, but nobody is told. `key`: none is sent where PayPal takes none."""
        self._counts["sent"] += 1
        result: T | Ended = Unknown(detail=f"no answer within {self._settings.call_within:g} s")
        with trio.move_on_after(self._settings.call_within):
            result = await self._changed(method, path, given, decode, key)
        count(self._counts, NAME, result)
        return result

    async def read(self, path: str, decode: Callable[[bytes], T]) -> T | None:
        """None when there is no such thing. Raises `Unavailable`."""
        return await self._guard.read(lambda: self._looked("GET", path, None, decode))

    async def ask(self, path: str, body: bytes, decode: Callable[[bytes], T]) -> T | None:
        """A POST that changes nothing, and that strangers cause. Raises `Unavailable`."""
        return await self._questions.read(lambda: self._looked("POST", path, body, decode))

    async def _changed(
        self, method: str, path: str, given: Any, decode: Callable[[bytes], T], key: str
    ) -> T | Ended:
        headers = {"Prefer": "return=representation"}
        if key:
            headers["PayPal-Request-Id"] = request_id(method, path, key)
        body = msgspec.json.encode(given)
        answer = _Answer(401, b"")
        for _ in range(2):
            try:
                bearer = await self._token()
            except CallFailed as failure:
                return NotSent(detail=failure.detail)
            try:
                answer = await self._sent(method, path, body, headers, bearer)
            except _NEVER_LEFT as error:
                return NotSent(detail=type(error).__name__)
            except (httpx.HTTPError, CallFailed) as error:
                return Unknown(detail=type(error).__name__)
            if answer.status != 401:
                break
            self._forget(bearer)
        if answer.status == 401:
            return PaymentRefused(kind="config", detail="401")
        if answer.status not in _DONE:
            return ended(answer.status, answer.body)
        try:
            return decode(answer.body)
        except (ValueError, msgspec.MsgspecError) as error:
            return Unknown(detail=f"an answer that makes no sense: {type(error).__name__}")

    async def _looked(
        self, method: str, path: str, body: bytes | None, decode: Callable[[bytes], T]
    ) -> T | None:
        bearer = await self._token()
        try:
            answer = await self._sent(method, path, body, {}, bearer)
        except httpx.HTTPError as error:
            raise CallFailed(type(error).__name__, may_retry=True) from error
        if answer.status == 404:
            return None
        if answer.status not in _DONE:
            is_token, is_busy = answer.status == 401, answer.status in (409, 429)
            if is_token:
                self._forget(bearer)
            _, detail = said(answer.status, answer.body)
            may_retry = is_token or is_busy or answer.status >= 500
            raise CallFailed(
                detail or str(answer.status), may_retry=may_retry, is_fault=answer.status >= 500
            )
        try:
            return decode(answer.body)
        except (ValueError, msgspec.MsgspecError) as error:
            said_ = f"an answer that makes no sense: {type(error).__name__}"
            raise CallFailed(said_, may_retry=True) from error

    async def _token(self) -> str:
        """Raises `CallFailed`: nothing was asked of anybody but a token."""
        async with self._one_asks:
            if self._bearer and trio.current_time() < self._bearer_until:
                return self._bearer
            if self._url is None:
                self.wanted.set()
                raise CallFailed("the sandbox is not there yet", is_fault=False)
            request = self._http.build_request(
                "POST",
                f"{self._url}/v1/oauth2/token",
                data={"grant_type": "client_credentials"},
            )
            try:
                answer = await self._read(request, httpx.BasicAuth(*self._settings.credentials))
                if answer.status != 200:
                    raise CallFailed(f"no token: {answer.status}", may_retry=answer.status >= 500)
                made = _token(answer.body)
            except (httpx.HTTPError, msgspec.MsgspecError) as error:
                raise CallFailed(f"no token: {type(error).__name__}", may_retry=True) from error
            lasts = min(made.expires_in, MAX_TOKEN_FOR) - TOKEN_SLACK
            self._bearer, self._bearer_until = made.access_token, trio.current_time() + lasts
            return self._bearer

    def _forget(self, bearer: str) -> None:
        if bearer == self._bearer:
            self._bearer = ""

    async def _sent(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str], bearer: str
    ) -> _Answer:
        if self._url is None:
            raise httpx.ConnectError("the sandbox has gone")
        sent = {**headers, "Authorization": f"Bearer {bearer}"}
        if body is not None:
            sent["Content-Type"] = "application/json"
        request = self._http.build_request(method, f"{self._url}{path}", content=body, headers=sent)
        return await self._read(request, None)

    async def _read(self, request: httpx.Request, auth: httpx.Auth | None) -> _Answer:
        response = await self._http.send(request, stream=True, auth=auth)
        try:
            body = await read_bounded(response, MAX_ANSWER_BYTES)
        finally:
            await response.aclose()
        if body is None:
            raise CallFailed("an answer that is too large")
        return _Answer(response.status_code, body)


def request_id(method: str, path: str, key: str) -> str:
    """Ours has up to 255 characters and may serve two calls in a row; PayPal's APIs take 36 each."""
    return sha256(f"{method} {path} {key}".encode()).hexdigest()[:36]
