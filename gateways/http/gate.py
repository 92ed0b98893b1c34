"""All that lies between a socket and a route's handler, in one order for every route:
identity, limits, permission, body, idempotency, deadline, and what a failure looks like."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Final

import structlog
import trio
from quart import Request

from core.callers import FORWARDED_FOR, UNKNOWN, Proxies, caller_of, is_among
from core.card_refusal import demand_no_card, may_hold_card
from core.errors import Overloaded, Rejected, Unavailable
from core.identity import Principal
from core.pacing import Pace
from core.texts import first_spoken
from gateways.http.bodies import (
    BODY_WITHIN,
    MAX_BODY_BYTES,
    LargeBody,
    SlowBody,
    check_media_type,
    decode_body,
    decode_query,
    read_raw,
)
from gateways.http.idempotency import answer_once, fingerprint, key_of
from gateways.http.large_bodies import LargeBodies
from gateways.http.limits import Limits, RateLimited, is_loopback, names_loopback
from gateways.http.ports import HttpPorts, Statistics
from gateways.http.problems import incident, problem
from gateways.http.routes import Call, Nothing, Reply, Route
from gateways.http.security import admit, principal_of

ANSWER_WITHIN: Final = 30.0
MAX_IN_FLIGHT: Final = 512
MAX_ID_LENGTH: Final = 64

PART: Final = Pace(fastest=0.002, slowest=0.05, all_within=1.0)
"""Between two answers to bodies that did not come: a crowd of them is due at the same moment."""

_FOR_ANOTHER: Final = re.compile(r"forwarded|via|x-forwarded-.+|x-real-ip", re.IGNORECASE)
"""Headers of who asks for somebody else: a proxy sets one of them at least."""

log = structlog.get_logger("caravan.http")


class Gate:
    """Owns: the number of calls in flight and the counts of answers. Borrows: the ports."""

    def __init__(
        self, ports: HttpPorts, large: LargeBodies, body_within: float = BODY_WITHIN
    ) -> None:
        self.ports = replace(ports, statistics=self._all_statistics)
        self.large = large
        self._others = ports.statistics
        self.limits = Limits(ports.rate_limits)
        self._body_within = body_within
        self._partings = trio.Lock()
        self._in_flight = 0
        self._has_complained = False
        self._answers: Counter[int] = Counter()

    async def answer(self, route: Route, request: Request, path: Mapping[str, str]) -> Reply:
        """The answer to one request; never raises but for cancellation."""
        started_at = trio.current_time()
        visit = _Visit(request, self.ports.proxies)
        if not self._has_complained:
            self._has_complained = _complain(request, self.ports.proxies)
        self._in_flight += 1
        try:
            reply = await self._guarded(route, request, path, visit)
        finally:
            self._in_flight -= 1
        self._answers[reply.status // 100] += 1
        log.info(
            "request",
            method=request.method,
            route=route.path,
            status=reply.status,
            ms=round((trio.current_time() - started_at) * 1_000, 1),
            user=visit.principal.user_id if visit.principal else None,
        )
        headers = {**visit.headers, **reply.headers}
        return Reply(
            status=reply.status, body=reply.body, headers=headers, media_type=reply.media_type
        )

    def statistics(self) -> Mapping[str, int | float]:
        """Calls in flight, and how many were answered, by hundreds of the status."""
        answered = {f"answered_{kind}xx": self._answers[kind] for kind in (2, 4, 5)}
        return {
            "in_flight": self._in_flight,
            "in_flight_limit": MAX_IN_FLIGHT,
            **self.large.statistics(),
            **answered,
        }

    def _all_statistics(self) -> Statistics:
        return {**self._others(), "http": self.statistics()}

    async def _guarded(
        self, route: Route, request: Request, path: Mapping[str, str], visit: "_Visit"
    ) -> Reply:
        try:
            with trio.fail_after(route.answer_within or ANSWER_WITHIN):
                return await self._judged(route, request, path, visit)
        except SlowBody as error:
            visit.headers["Connection"] = "close"
            async with self._partings:
                await trio.sleep(PART.every(1 + self._partings.statistics().tasks_waiting))
            return problem(error, visit.locale)
        except LargeBody as error:
            visit.headers["Connection"] = "close"
            return problem(error, visit.locale)
        except RateLimited as error:
            visit.headers.update(error.headers)
            return problem(error, visit.locale)
        except Rejected as error:
            if error.code != "internal":
                return problem(error, visit.locale)
            return self._crashed(error, route)
        except trio.TooSlowError:
            return problem(Unavailable(), visit.locale)
        except Exception as error:
            return self._crashed(error, route)

    async def _judged(
        self, route: Route, request: Request, path: Mapping[str, str], visit: "_Visit"
    ) -> Reply:
        if self._in_flight > MAX_IN_FLIGHT and route.is_limited:
            raise Overloaded()
        await self._identify(route, request, visit)
        admit(route.access, visit.principal, is_local=visit.is_local)
        _check_ids(path)
        with self.large.admitted(route, request, visit.principal):
            return await self._read_and_answered(route, request, path, visit)

    async def _read_and_answered(
        self, route: Route, request: Request, path: Mapping[str, str], visit: "_Visit"
    ) -> Reply:
        limit = route.max_body or MAX_BODY_BYTES
        raw = await read_raw(request, within=self._body_within, limit=limit)
        if route.takes:
            check_media_type(request.mimetype, route.takes)
        call = Call(
            ports=self.ports,
            limits=self.limits,
            principal=visit.principal,
            address=visit.address,
            locale=visit.locale,
            host=request.headers.get("Host", ""),
            scheme=request.scheme,
            key=key_of(request.headers.get("Idempotency-Key")) if route.method != "GET" else None,
            path=path,
            query=decode_query(request.args.to_dict(), route.query),
            body=Nothing() if route.takes else decode_body(raw, request.mimetype, route.body),
            raw=raw if route.takes else b"",
            media_type=request.mimetype.lower(),
            headers=_headers_of(request) if route.takes else {},
        )
        if not route.takes and may_hold_card(raw):
            demand_no_card(call.body)
        if call.key is None or not route.keeps_answer:
            return await route.handle(call)
        who = call.of()
        scope = f"{who.tenant_id}/{who.user_id}/{route.method} {route.path}"
        call_hash = await _fingerprint(*path.values(), request.query_string, raw)
        produce = partial(route.handle, replace(call, digest=call_hash))
        return await answer_once(self.ports.idempotency, scope, call.key, call_hash, produce)

    async def _identify(self, route: Route, request: Request, visit: "_Visit") -> None:
        """A wrong token counts against its address, so that guessing has an end; that we cannot
        look (no database) counts against nobody."""
        try:
            if route.access != "public":
                header = request.headers.get("Authorization")
                visit.principal = await principal_of(header, self.ports.credentials)
        except Rejected as error:
            if error.code == "unauthenticated":
                self._count(route, visit)
            raise
        if visit.principal is not None:
            visit.locale = visit.principal.locale
        self._count(route, visit)

    def _count(self, route: Route, visit: "_Visit") -> None:
        if route.is_limited:
            visit.headers.update(self.limits.take(visit.principal, visit.address))

    def _crashed(self, error: Exception, route: Route) -> Reply:
        reference = self.ports.ids.uuid7()
        log.error("http crash", reference=reference, route=route.path, exc_info=error)
        return incident(reference)


async def _fingerprint(*parts: str | bytes) -> bytes:
    """In a thread where there is much to hash: the loop would stand still for ten milliseconds."""
    if sum(map(len, parts)) <= MAX_BODY_BYTES:
        return fingerprint(*parts)
    return await trio.to_thread.run_sync(fingerprint, *parts)


def _headers_of(request: Request) -> dict[str, str]:
    return {name.lower(): value for name, value in request.headers.items()}


class _Visit:
    """What is known of a caller so far, also when the call fails halfway."""

    def __init__(self, request: Request, proxies: Proxies) -> None:
        self.principal: Principal | None = None
        self.locale = first_spoken(request.accept_languages.values())
        self.headers: dict[str, str] = {}
        peer = request.remote_addr or UNKNOWN
        self.address = caller_of(peer, request.headers.getlist(FORWARDED_FOR), proxies)
        self.is_local = is_loopback(peer) and _speaks_for_itself(request)


def _speaks_for_itself(request: Request) -> bool:
    """Not a proxy for another, and not a page in somebody's browser, whose own name may have been made to
    lead to this machine (DNS rebinding), or which sends what it may not read the answer of (CSRF)."""
    if _proxys_header(request) is not None or "Origin" in request.headers:
        return False
    sent_by = request.headers.get("Sec-Fetch-Site", "none")
    return sent_by in ("none", "same-origin") and names_loopback(request.headers.get("Host", ""))


def _proxys_header(request: Request) -> str | None:
    return next((name for name, _ in request.headers.items() if _FOR_ANOTHER.fullmatch(name)), None)


def _complain(request: Request, proxies: Proxies) -> bool:
    """Whether a proxy of ours says for whom it speaks in words that are not read, or not at all."""
    peer = request.remote_addr or UNKNOWN
    if FORWARDED_FOR in request.headers or not is_among(peer, proxies):
        return False
    header = _proxys_header(request)
    if header is not None:
        hint = f"It has to set {FORWARDED_FOR}: all who come through it count as one, on loopback without bounds."
        log.warning("proxy not understood", proxy=peer, header=header, hint=hint)
    return header is not None


def _check_ids(path: Mapping[str, str]) -> None:
    """A thing with such an id cannot exist (§9: an unknown id is 404, whatever its form)."""
    for value in path.values():
        if len(value) > MAX_ID_LENGTH or not value.isprintable():
            raise Rejected("not_found", "This does not exist.")
