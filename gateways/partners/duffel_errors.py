"""What Duffel's answers other than success mean to us: pure. Source: duffel.com/docs/api/overview/errors."""

from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Final

import msgspec

from gateways.partners import duffel_wire as wire
from gateways.partners.resilience import CallFailed
from protocol.suppliers import Refused, RejectedKind, Unknown

MAX_WAIT: Final = 120.0
"""Seconds: Duffel's windows are a minute long."""

_KINDS: Final[dict[str, RejectedKind]] = {
    "offer_no_longer_available": "sold_out",
    "offer_request_already_booked": "expired",
    "offer_expired": "expired",
    "not_found": "expired",
    "already_cancelled": "expired",
    "price_changed": "price_changed",
}
_faults: Final = msgspec.json.Decoder(wire.FaultAnswer)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Duffel understood, and will not. `message` is for people; `code` one of its documented words."""

    status: int
    code: str
    message: str
    request_id: str

    @property
    def kind(self) -> RejectedKind:
        """An offer that it does not know is one that it has forgotten."""
        return _KINDS.get(self.code, "invalid")


_TYPES: Final = frozenset({"invalid_request_error", "invalid_state_error", "validation_error"})
"""Of errors that prove that nothing was done. An airline's own prove it only by a known code."""

_CHANGES: Final[dict[str, RejectedKind]] = {
    **_KINDS,
    "order_not_created": "sold_out",
    "order_creation_already_attempted": "expired",
    "already_paid": "invalid",
    "stale_airline_initiated_change_accept": "expired",
    "past_payment_required_by_date": "expired",
    "order_cancellation_expired": "expired",
    "payment_amount_does_not_match_order_amount": "price_changed",
    "insufficient_balance": "quota",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """Duffel says no to what was to change something, in a way that leaves no doubt: nothing was done."""

    code: str
    refused: Refused


def judged(status: int, body: bytes) -> Proof | Unknown:
    """An answer other than a success to what was to change something. 401, 403 and 429 turn us away at the
    door; of the other 4xx those are proof that come in Duffel's own words."""
    try:
        answer = _faults.decode(body)
    except (msgspec.DecodeError, ValueError):
        answer = None
    first = wire.Fault() if answer is None else answer.errors[0]
    code = str(first.code)[:80]
    request_id = "" if answer is None else answer.meta.request_id[:64]
    detail = f"{status} {code} (request {request_id})" if request_id else f"{status} {code}".strip()
    if status == 429:
        return Proof(code=code, refused=Refused(kind="quota", detail=detail))
    if status in (401, 403):
        return Proof(code=code, refused=Refused(kind="auth", detail=detail))
    is_known = first.type in _TYPES or (first.type == "airline_error" and code in _CHANGES)
    if not 400 <= status < 500 or not is_known:
        return Unknown(detail=detail)
    kind = "invalid" if status == 400 else _CHANGES.get(code, "invalid")
    return Proof(code=code, refused=Refused(kind=kind, detail=detail))


def refusal(status: int, headers: Mapping[str, str], body: bytes, now: float) -> Refusal:
    """A 4xx that is about what was asked. Raises `CallFailed` for every other one, and for what is not
    Duffel's own error body: a proxy speaks, or we asked the wrong host. `now`: seconds since 1970."""
    try:
        answer = _faults.decode(body)
    except (msgspec.DecodeError, ValueError):
        answer = None
    code = "" if answer is None else str(answer.errors[0].code)
    detail = f"{status} {code}".strip()
    if answer is not None and answer.meta.request_id:
        detail = f"{detail} (request {answer.meta.request_id[:64]})"
    if status == 429:
        wait = _retry_after(headers, now)
        raise CallFailed(detail, may_retry=True, retry_after=wait, is_fault=False)
    if status in (401, 403):
        raise CallFailed(f"{detail}: the key is not accepted, check CARAVAN_DUFFEL_KEY")
    if not 400 <= status < 500 or answer is None:
        # Of 500 and 502 Duffel says "you should not retry this request", of 504 "later".
        raise CallFailed(detail, may_retry=status == 503)
    first = answer.errors[0]
    return Refusal(
        status=status,
        code=code,
        message=first.message or first.title,
        request_id=answer.meta.request_id,
    )


def _retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """`ratelimit-reset` is a date of HTTP; against the answer's own `date`, so that no clock but
    Duffel's counts."""
    try:
        reset = parsedate_to_datetime(headers["ratelimit-reset"]).timestamp()
        if "date" in headers:
            now = parsedate_to_datetime(headers["date"]).timestamp()
    except (KeyError, ValueError):
        return None
    return min(MAX_WAIT, max(0.0, reset - now))
