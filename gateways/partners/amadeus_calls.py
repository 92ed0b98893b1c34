"""Calls of the official SDK from trio: threads, tokens, a steady pace, and what their failures mean."""

import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Literal, TypeVar

import amadeus
import msgspec
import structlog
import trio
from amadeus.client.access_token import AccessToken

from core.ports.clock import Chance
from gateways.partners.amadeus_errors import WireError, wire_error, wire_errors
from gateways.partners.amadeus_settings import AmadeusSettings
from gateways.partners.amadeus_transport import Answer, NotSent, Transport
from gateways.partners.resilience import CallFailed, Guard, GuardPolicy
from protocol import suppliers

T = TypeVar("T")
Class = Literal["search", "price"]
Changed = bytes | WireError | suppliers.Unknown | suppliers.NotSent
"""How a change ended: the body of a success; what Amadeus said instead; what nobody knows; not sent."""

NAME: Final = "amadeus"
MOST_THREADS: Final = 16
"""The guard lets eight calls run; as many that were given up may still be at it."""

MOST_CHANGES: Final = 64
REACHED_WITHIN: Final = 2.0
LEAVES_WITHIN: Final = 3.0
"""Seconds that a change may wait for a token, a thread and its turn, and then for its connection:
later, nobody wants it any more."""

_TOKEN_MARGIN: Final = 30.0
"""Seconds: the SDK itself fetches a token ten before the end, and does it in the middle of a call."""

_STUMBLES: Final = (AttributeError, KeyError, TypeError, ValueError)
"""What the SDK raises over an answer of a shape that it does not expect, or that is not UTF-8."""

_log = structlog.get_logger("caravan.partners")


class TurnedAway(CallFailed):
    """HTTP 401 that no new token is said to help against: the token is no good all the same."""


class Pace:
    """A token bucket that holds one: turns come in order, `1 / per_second` seconds apart, because
    Amadeus limits how close two calls may be as well as how many there are."""

    def __init__(self, per_second: float) -> None:
        self._gap, self._next = 1 / per_second, 0.0
        self._queue = trio.Lock()
        self._door = trio.Lock()

    async def turn(self) -> None:
        """Whoever comes first is first. Cancelled: the turn is another's."""
        async with self._queue:
            await self.early_turn()

    async def early_turn(self) -> None:
        """Right behind the first of the queue: for what cannot wait until all the reads had theirs.
        At the door too whoever comes first is first, so early turns never keep the queue out."""
        async with self._door:
            await trio.sleep_until(self._next)
            self._next = trio.current_time() + self._gap


class AmadeusCalls:
    """One client of the SDK per class of call, each with its own time, and one token for all.

    Owns: the guard, the pace and the threads. A search that is given up leaves its thread behind, which
    ends within the time of its exchange; a price that is given up is waited for.
    """

    def __init__(self, settings: AmadeusSettings, chance: Chance, policy: GuardPolicy) -> None:
        self._guard = Guard(NAME, chance, policy)
        self._pace = Pace(settings.per_second)
        self._threads = trio.CapacityLimiter(MOST_THREADS)
        self._clients: Mapping[Class, Any] = {
            "search": _client(settings, settings.search_within),
            "price": _client(settings, settings.price_within),
        }
        self._changing = trio.CapacityLimiter(MOST_CHANGES)
        self._orders = _client(settings, settings.order_within, REACHED_WITHIN)
        self._fetching = trio.Lock()
        self._forget_token()

    def statistics(self) -> Mapping[str, int | float]:
        """The guard's, and how many `threads` are at work."""
        return {**self._guard.statistics(), "threads": self._threads.borrowed_tokens}

    async def read(
        self, of: Class, ask: Callable[[Any], Any], understand: Callable[[bytes], Awaitable[T]]
    ) -> T | WireError:
        """`ask` makes one call of the client that it gets, in a thread; `understand` reads the body of a
        success and raises `ValueError` for nonsense. A `WireError` is about what was asked.
        Raises `Unavailable`."""

        def work() -> bytes | WireError:
            return _answer(ask, self._clients[of])

        async def attempt() -> T | WireError:
            answer: bytes | WireError = WireError(status=401)
            for _ in range(2):
                used = await self._token()
                try:
                    answer = await self._in_thread(work, abandon=of == "search")
                except TurnedAway:
                    self._doubt_token(used)
                    raise
                if isinstance(answer, bytes):
                    return await _understood(answer, understand)
                if answer.verdict != "token":
                    return answer
                self._doubt_token(used)
            raise CallFailed(f"{answer!r}: a new token is not accepted")

        return await self._guard.read(attempt)

    async def change(self, ask: Callable[[Any], Any]) -> Changed:
        """`ask` makes one call of the client that it gets, which is sent at most once, whatever the breaker
        of reads says. Nothing but its own time ends it once it has begun: a caller that is cancelled
        meanwhile gets the outcome all the same."""
        try:
            with trio.move_on_after(LEAVES_WITHIN):
                await self._changing.acquire()
                try:
                    used = await self._token()
                    await self._pace.early_turn()
                except BaseException:
                    self._changing.release()
                    raise
                with trio.CancelScope(shield=True):
                    return await self._changed(ask, used)
        except CallFailed as failure:
            return suppliers.NotSent(detail=failure.detail)
        return suppliers.NotSent(detail=f"its turn did not come within {LEAVES_WITHIN:g} s")

    async def _changed(self, ask: Callable[[Any], Any], used: str) -> Changed:
        """Shielded. Gives the place back."""
        limiter = trio.CapacityLimiter(1)
        try:
            changed = await trio.to_thread.run_sync(
                _change, ask, self._orders, abandon_on_cancel=False, limiter=limiter
            )
        finally:
            self._changing.release()
        if isinstance(changed, WireError):
            if changed.status == 401:
                self._doubt_token(used)
            if changed.verdict in ("config", "bug", "quota"):
                _log.error("supplier needs somebody", supplier=NAME, error=str(changed))
        return changed

    async def _token(self) -> str:
        """Valid for a while. One caller fetches it, the others wait."""
        async with self._fetching:
            if self._access.expires_at - _TOKEN_MARGIN < time.time():
                access = self._access
                failed = await self._in_thread(lambda: _fetch(access), abandon=True)
                if failed is not None:
                    raise CallFailed(f"no token: {failed}")
            token: str = self._access.access_token
        return token

    def _doubt_token(self, used: str) -> None:
        """It was refused: unless somebody has fetched another meanwhile, the next caller does."""
        if self._access.access_token == used:
            self._forget_token()

    def _forget_token(self) -> None:
        self._access = AccessToken(self._clients["price"])
        for client in (*self._clients.values(), self._orders):
            client.access_token = self._access

    async def _in_thread(self, work: Callable[[], T], *, abandon: bool) -> T:
        await self._pace.turn()
        return await trio.to_thread.run_sync(work, abandon_on_cancel=abandon, limiter=self._threads)


def _client(settings: AmadeusSettings, within: float, connect_within: float | None = None) -> Any:
    """Every option is said: what is not, the SDK takes from the environment, where it would find
    another host, or a log level at which it prints the secret."""
    address, (client_id, client_secret) = settings.address, settings.keys
    is_tls = address.scheme == "https"
    theirs = logging.getLogger("amadeus")
    handlers = list(theirs.handlers)
    client = amadeus.Client(
        client_id=client_id,
        client_secret=client_secret,
        hostname="test",
        host=address.hostname,
        port=address.port or (443 if is_tls else 80),
        ssl=is_tls,
        http=Transport(within=within, connect_within=connect_within),
        logger=logging.getLogger("caravan.amadeus"),
        log_level="silent",
        custom_app_id="caravan",
        custom_app_version="1",
    )
    theirs.handlers = handlers  # it adds one that writes to stdout, logger or not
    return client


def _answer(ask: Callable[[Any], Any], client: Any) -> bytes | WireError:
    """In a thread. The body as it came: what the SDK parsed could not be written back byte for byte.
    Raises `CallFailed`."""
    response = _judged(lambda: ask(client))
    if isinstance(response, WireError):
        return response
    if not 200 <= response.status_code < 300:
        raise CallFailed(str(WireError(status=response.status_code)))
    answer = response.http_response
    return answer.body if isinstance(answer, Answer) else b""


def _change(ask: Callable[[Any], Any], client: Any) -> Changed:
    """In a thread. Never raises what `ask` does with the client's answer."""
    try:
        response, is_success = ask(client), True
    except amadeus.ResponseError as error:
        response, is_success = error.response, False
    except _STUMBLES as error:
        return suppliers.Unknown(detail=f"an answer that makes no sense: {type(error).__name__}")
    status = response.status_code
    if status is None:
        failure = response.http_response
        reason = f"{type(failure.reason).__name__}: {failure.reason}"
        return (
            suppliers.NotSent(detail=reason)
            if isinstance(failure, NotSent)
            else suppliers.Unknown(detail=reason)
        )
    if is_success and 200 <= status < 300:
        answer = response.http_response
        return answer.body if isinstance(answer, Answer) else b""
    if status in (401, 403, 429) and not response.parsed:
        return WireError(status=status)
    if not response.parsed or not 400 <= status < 500:
        return suppliers.Unknown(
            detail=str(wire_error(status, response.result if response.parsed else None))
        )
    errors = wire_errors(status, response.result)
    unsure = next((each for each in errors if each.verdict == "trouble"), None)
    return suppliers.Unknown(detail=str(unsure)) if unsure is not None else errors[0]


async def _understood(body: bytes, understand: Callable[[bytes], Awaitable[T]]) -> T:
    """Raises `CallFailed`."""
    try:
        body.decode()  # parts of it are sent back later, as text
        return await understand(body)
    except (msgspec.MsgspecError, ValueError) as error:
        raise CallFailed(f"an answer that makes no sense: {error}", may_retry=True) from None


def _fetch(access: Any) -> WireError | None:
    """In a thread. Raises `CallFailed`."""
    failed = _judged(access._bearer_token)
    if isinstance(failed, WireError):
        return failed
    if not isinstance(access.access_token, str):
        raise CallFailed("an answer without a token")
    return None


def _judged(call: Callable[[], Any]) -> Any:
    """What the SDK returns, or the `WireError` that is for the caller. Raises `CallFailed` for all that
    says nothing about what was asked."""
    try:
        return call()
    except amadeus.ResponseError as error:
        response = error.response
    except _STUMBLES as error:
        nonsense = f"an answer that makes no sense: {type(error).__name__}"
        raise CallFailed(nonsense, may_retry=True) from None
    if response.status_code is None:
        failure = response.http_response
        sent = "not sent" if isinstance(failure, NotSent) else "perhaps sent"
        raise CallFailed(f"{sent}: {failure.reason}", may_retry=True)
    if not response.parsed and response.status_code < 500:
        detail = f"{response.status_code} without JSON"
        if response.status_code == 401:
            raise TurnedAway(detail)
        raise CallFailed(detail, may_retry=response.status_code < 300)
    failed = wire_error(response.status_code, response.result)
    match failed.verdict:
        case "trouble":
            raise CallFailed(str(failed), may_retry=True)
        case "too_fast":
            raise CallFailed(str(failed), may_retry=True, is_fault=False)
        case "config" | "bug" | "quota":
            _log.error("supplier needs somebody", supplier=NAME, error=str(failed))
            raise (TurnedAway if failed.status == 401 else CallFailed)(str(failed))
        case _:
            return failed
