"""What Duffel's answers other than success mean to us: pure. Source: duffel.com/docs/api/overview/errors."""

from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Final

import msgspec

from gateways.partners import duffel_wire as wire
from gateways.partners.resilience import CallFailed
from protocol.suppliers import RejectedKind

MAX_WAIT: Final = 120.0
"""Seconds: Duffel's windows are a minute long."""

_KINDS: Final[dict[str, RejectedKind]] = {
    "offer_no_longer_available": "sold_out",
    "offer_request_already_booked": "expired",
    "offer_expired": "expired",
    "not_found": "expired",
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
