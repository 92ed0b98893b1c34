"""The consolidator's HTTP API as a `Consolidator`. Source: docs/sandbox.md, APIS §4.4."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import httpx
import msgspec
import structlog
import trio

from core.ports.clock import Chance
from core.ports.consolidator import FeedPage, Released, ReleaseResult
from gateways.partners import consolidator_wire as wire
from gateways.partners.bounded import read_bounded
from gateways.partners.resilience import CallFailed, Guard, GuardPolicy
from protocol.ids import Millis
from protocol.money import money
from protocol.suppliers import NotSent, Refused, RejectedKind, Unknown
from protocol.travel import OrderState, Ticket

T = TypeVar("T")
NAME: Final = "consolidator"
ORDERS_OF: Final = "amadeus"
PAGE: Final = 100
MAX_ANSWER_BYTES: Final = 4_194_304
TURN_WITHIN: Final = 1.5
REACHED_WITHIN: Final = 3.0
"""Seconds that a release may wait for its turn and its connection: later, nobody wants it any more."""

MOST_CONNECTIONS: Final = 16
POLICY: Final = GuardPolicy(call_within=20.0)
_SANDBOX_KEY: Final = "desk_test_sandbox"
_KINDS: Final[dict[int, RejectedKind]] = {401: "auth", 403: "auth", 429: "quota"}
_STATES: Final[dict[str, Any]] = {"live": "held", "ticketed": "ticketed", "cancelled": "cancelled"}
_VALID: Final = frozenset({"ISSUED", "ORIGINAL"})

_log = structlog.get_logger("caravan.partners")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsolidatorSettings:
    """Where it is. `key` None: the sandbox's, which opens nothing else. `release_within`: seconds that an
    answer to a release may take."""

    url: str
    key: str | None = field(default=None, repr=False)
    release_within: float = 54.0


class HttpConsolidator:
    """Implements `core.ports.consolidator.Consolidator`. Owns: its connections, until `aclose`.

    No proxy, no certificate and no key is taken from the environment, and no redirect is followed.
    """

    def __init__(
        self, settings: ConsolidatorSettings, *, chance: Chance, policy: GuardPolicy = POLICY
    ) -> None:
        self._settings = settings
        self._guard = Guard(NAME, chance, policy)
        self._http = httpx.AsyncClient(
            base_url=settings.url,
            headers={
                "Authorization": f"Bearer {settings.key or _SANDBOX_KEY}",
                "Accept": "application/json",
                "User-Agent": "caravan",
            },
            timeout=httpx.Timeout(
                settings.release_within, connect=REACHED_WITHIN, pool=TURN_WITHIN
            ),
            # A connection that was kept may be closed at the other end: what is sent into it may be lost.
            limits=httpx.Limits(max_connections=MOST_CONNECTIONS, max_keepalive_connections=0),
            verify=settings.url.startswith("https://"),
            follow_redirects=False,
            trust_env=False,
        )

    async def aclose(self) -> None:
        """Calls under way fail."""
        await self._http.aclose()

    def statistics(self) -> Mapping[str, int | float]:
        """The reads' guard's."""
        return self._guard.statistics()

    async def release(self, order_id: str, reference: str) -> ReleaseResult:
        """Sent once; a repeat is the caller's to decide, and harmless."""
        body = msgspec.json.encode({"orderId": order_id, "reference": reference})
        headers = {"Content-Type": "application/json"}
        request = self._http.build_request("POST", "/v1/releases", content=body, headers=headers)
        with trio.move_on_after(self._settings.release_within):
            try:
                status, answer = await self._exchange(request)
            except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
                return NotSent(detail=type(error).__name__)
            except (httpx.HTTPError, CallFailed) as error:
                return Unknown(detail=f"{type(error).__name__}: {str(error)[:200]}")
            return _released(order_id, status, answer)
        return Unknown(detail=f"no answer within {self._settings.release_within:g} s")

    async def feed(self, since: str | None) -> FeedPage:
        params = {"limit": str(PAGE)} | ({} if since is None else {"since": since})
        return await self._read(params, _page)

    async def find(self, remark: str) -> tuple[Sequence[OrderState], Millis]:
        page = await self._read({"remark": remark}, _page)
        return page.orders, page.complete_until

    async def _read(self, params: dict[str, str], understand: Callable[[bytes], T]) -> T:
        """At most three tries. Raises `Unavailable`."""

        async def attempt() -> T:
            request = self._http.build_request("GET", "/v1/records", params=params)
            try:
                status, body = await self._exchange(request)
            except httpx.HTTPError as error:
                raise CallFailed(type(error).__name__, may_retry=True) from error
            if status != 200:
                is_busy, is_theirs = status == 429, status >= 500
                raise CallFailed(f"{status}", may_retry=is_busy or is_theirs, is_fault=not is_busy)
            try:
                return understand(body)
            except (msgspec.MsgspecError, ValueError) as error:
                nonsense = f"an answer that makes no sense: {error}"
                raise CallFailed(nonsense[:200], may_retry=True) from error

        call: Callable[[], Awaitable[T]] = attempt
        return await self._guard.read(call)

    async def _exchange(self, request: httpx.Request) -> tuple[int, bytes]:
        """Status and body. Raises `httpx.HTTPError`, or `CallFailed` for an answer that is too large."""
        response = await self._http.send(request, stream=True)
        try:
            body = await read_bounded(response, MAX_ANSWER_BYTES)
        finally:
            await response.aclose()
        if body is None:
            raise CallFailed("an answer that is too large")
        return response.status_code, body


def _released(order_id: str, status: int, answer: bytes) -> ReleaseResult:
    if status in (200, 201, 202):
        try:
            found = _release(answer).data.order_id
        except (msgspec.MsgspecError, ValueError):
            return Unknown(detail="a success that cannot be read")
        is_it = found == order_id
        return (
            Released(order_id=order_id) if is_it else Unknown(detail="it speaks of another order")
        )
    if status in _KINDS:
        _log.error("supplier needs somebody", supplier=NAME, error=f"{status}")
        return Refused(kind=_KINDS[status], detail=str(status))
    try:
        error = _refusal(answer).error
    except (msgspec.MsgspecError, ValueError):
        return Unknown(detail=f"{status}")
    detail = f"{status} {error.code}"[:100]
    if not 400 <= status < 500:
        return Unknown(detail=detail)
    kind: RejectedKind = "expired" if error.code in ("cancelled", "not_found") else "invalid"
    return Refused(kind=kind, detail=detail)


def _page(answer: bytes) -> FeedPage:
    found = _records(answer)
    return FeedPage(
        orders=[_state(one) for one in found.data],
        complete_until=round(found.meta.complete_until.timestamp() * 1_000),
        next_since=found.meta.next,
    )


def _state(record: wire.Record) -> OrderState:
    due = record.cancels_at
    return OrderState(
        supplier=ORDERS_OF,
        order_id=record.order_id,
        status=_STATES.get(record.status, "pending"),
        locator=record.locator,
        reference=next(iter(record.remarks), None),
        total=None if record.price is None else money(record.price.total, record.price.currency),
        hold_until=None if due is None else round(due.timestamp() * 1_000),
        tickets=tuple(
            Ticket(number=one.number, traveller_id=one.traveler_id, is_valid=one.status in _VALID)
            for one in record.tickets
        ),
    )


_release: Final = msgspec.json.Decoder(wire.ReleaseAnswer).decode
_refusal: Final = msgspec.json.Decoder(wire.RefusalAnswer).decode
_records: Final = msgspec.json.Decoder(wire.RecordsAnswer).decode
