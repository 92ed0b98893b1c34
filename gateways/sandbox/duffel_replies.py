"""How Duffel says things (API v2): envelopes, ids, moments, and errors with their documented words."""

import gzip
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Final

import msgspec

from gateways.sandbox.draw import letters
from gateways.sandbox.exchange import Json, Response, Setting
from gateways.sandbox.faults import next_number

ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_COUNTED: Final = 9
_DRAWN: Final = 13
_URL: Final = "https://duffel.com/docs/api/overview/errors"

_AUTH: Final = "authentication_error"
_REQUEST: Final = "invalid_request_error"
_STATE: Final = "invalid_state_error"
_VALIDATION: Final = "validation_error"
_AIRLINE: Final = "airline_error"
_API: Final = "api_error"

_FAULTS: Final[dict[str, tuple[int, str, str]]] = {
    "missing_authorization_header": (401, _AUTH, "The 'Authorization' header needs to be set."),
    "invalid_authorization_header": (401, _AUTH, "It must read: Bearer, a space, the token."),
    "access_token_not_found": (401, _AUTH, "The access token is not recognised."),
    "expired_access_token": (401, _AUTH, "The access token has expired."),
    "insufficient_permissions": (403, _AUTH, "The token may not do this."),
    "missing_version_header": (400, _REQUEST, "The 'Duffel-Version' header is required."),
    "invalid_version_header": (400, _REQUEST, "This is no version of the API."),
    "unsupported_version": (400, _REQUEST, "This version is not supported any more: use v2."),
    "missing_content_type_header": (400, _REQUEST, "Set it to application/json."),
    "invalid_content_type_header": (400, _REQUEST, "Set it to application/json."),
    "missing_data_param": (400, _REQUEST, "The body should be nested under the data key."),
    "invalid_data_param": (400, _REQUEST, "The data should be a JSON object."),
    "malformed_data_param": (400, _REQUEST, "The body is not valid JSON."),
    "bad_request": (400, _REQUEST, "The request was unacceptable."),
    "not_found": (404, _REQUEST, "The resource you are trying to access does not exist."),
    "unsupported_format": (406, _REQUEST, "Only application/json can be answered."),
    "validation_required": (422, _VALIDATION, "can't be blank"),
    "validation_format": (422, _VALIDATION, "has an invalid format"),
    "validation_inclusion": (422, _VALIDATION, "is not one of the allowed values"),
    "validation_length": (422, _VALIDATION, "has a length out of bounds"),
    "validation_type": (422, _VALIDATION, "has an invalid type"),
    "price_changed": (422, _VALIDATION, "The price has changed: get it again."),
    "payment_amount_does_not_match_order_amount": (422, _VALIDATION, "The amount is another."),
    "payment_currency_does_not_match_order_currency": (422, _VALIDATION, "So is the currency."),
    "order_type_not_eligible_for_payment": (422, _VALIDATION, "It is not a hold order."),
    "offer_no_longer_available": (422, _AIRLINE, "Select another offer, or search again."),
    "order_not_created": (422, _AIRLINE, "The airline refused the order."),
    "offer_expired": (422, _STATE, "The selected offer has already expired."),
    "offer_request_already_booked": (422, _STATE, "Another offer of this search was booked."),
    "order_creation_already_attempted": (422, _STATE, "This offer was tried before."),
    "already_paid": (422, _STATE, "The order has been paid for."),
    "already_cancelled": (422, _STATE, "The order has been cancelled."),
    "past_payment_required_by_date": (422, _STATE, "The space has been released."),
    "order_not_cancellable": (422, _STATE, "This order cannot be cancelled by the API."),
    "order_cancellation_expired": (422, _STATE, "The quote is too old: make another."),
    "stale_airline_initiated_change_accept": (422, _STATE, "It is not the latest change."),
    "unsafe_unique": (422, _VALIDATION, "There is such a webhook already."),
    "rate_limit_exceeded": (429, "rate_limit_error", "Retry after 'ratelimit-reset'."),
    "internal_server_error": (500, _API, "Something went wrong on our end."),
    "airline_unknown": (502, _AIRLINE, "The airline responded with an unexpected error."),
    "service_unavailable": (503, _API, "There is a temporary issue with the server."),
    "gateway_timeout_error": (504, _API, "The request took too long."),
}
_USUAL: Final = {
    400: "bad_request",
    401: "access_token_not_found",
    403: "insufficient_permissions",
    404: "not_found",
    406: "unsupported_format",
    422: "offer_no_longer_available",
    429: "rate_limit_exceeded",
    502: "airline_unknown",
    503: "service_unavailable",
    504: "gateway_timeout_error",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One error by its code. `pointer`: where in `data`, as `/slices/0/origin`."""

    code: str
    pointer: str = ""

    def as_json(self) -> Json:
        _, kind, message = _FAULTS[self.code]
        found: Json = {
            "type": kind,
            "title": self.code.replace("_", " ").capitalize(),
            "message": message,
            "documentation_url": _URL,
            "code": self.code,
        }
        if self.pointer:
            field = self.pointer.rpartition("/")[2]
            found["message"] = f"Field '{field}' {message}"
            found["source"] = {"field": field, "pointer": self.pointer}
        return found


class Refusal(Exception):
    """What was asked is refused, for these reasons; the first has the status."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__(*faults)
        self.faults = faults


def refused(code: str, pointer: str = "") -> Refusal:
    return Refusal(Fault(code, pointer))


def of_faults(faults: tuple[Fault, ...], request_id: str) -> Response:
    """The error body."""
    status = _FAULTS[faults[0].code][0]
    return _of_errors(status, [each.as_json() for each in faults], request_id)


def usual(status: int, errors: list[Json] | None) -> Response:
    """What Duffel says with this status, or these errors with it."""
    fault = Fault(_USUAL.get(status, "internal_server_error"))
    request_id = letters(20, ALPHABET, "refusal", status)
    return _of_errors(status, [fault.as_json()] if errors is None else errors, request_id)


def _of_errors(status: int, errors: list[Json], request_id: str) -> Response:
    meta = {"status": status, "request_id": request_id}
    return Response.of_json(status, {"meta": meta, "errors": errors})


def of_data(data: object, status: int = 200, meta: Json | None = None) -> Response:
    """The envelope of a success."""
    return Response.of_json(
        status, {"data": data} if meta is None else {"meta": meta, "data": data}
    )


def zipped(response: Response) -> Response:
    """As a client that accepts gzip gets it."""
    if not response.body:
        return response
    return Response(
        status=response.status,
        content_type=response.content_type,
        body=gzip.compress(response.body, 1, mtime=0),
        headers=(*response.headers, ("content-encoding", "gzip")),
    )


def new_id(prefix: str, setting: Setting) -> str:
    """Later ones sort after earlier ones, by the ASCII order of what follows the prefix."""
    number = next_number(setting.records, f"duffel.{prefix}")
    drawn = letters(_DRAWN, ALPHABET, setting.world.seed, prefix, number)
    return f"{prefix}_{_counted(number)}{drawn}"


def request_id(setting: Setting) -> str:
    number = next_number(setting.volatile, "duffel.requests")
    return letters(20, ALPHABET, setting.world.seed, "request", setting.now.wall, number)


def moment(millis: int) -> str:
    """`2027-05-11T01:46:40.120Z`."""
    at = datetime.fromtimestamp(millis / 1_000, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def http_date(millis: int) -> str:
    """To the second."""
    return format_datetime(datetime.fromtimestamp(millis // 1_000, UTC), usegmt=True)


def number(text: str) -> int | None:
    """Up to nine decimal digits; None for all else."""
    return int(text) if re.fullmatch(r"[0-9]{1,9}", text) else None


def number_between(low: int, high: int, text: str, pointer: str) -> int:
    """Raises `Refusal`."""
    found = number(text)
    if found is None or not low <= found <= high:
        raise refused("validation_inclusion", pointer)
    return found


def posted(body: bytes) -> Json:
    """`data` of a posted body. Raises `Refusal`."""
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, ValueError):
        raise refused("malformed_data_param") from None
    if not isinstance(found, dict) or "data" not in found:
        raise refused("missing_data_param")
    if not isinstance(found["data"], dict):
        raise refused("invalid_data_param")
    data: Json = found["data"]
    return data


def _counted(number: int) -> str:
    word = ""
    for _ in range(_COUNTED):
        number, index = divmod(number, len(ALPHABET))
        word = ALPHABET[index] + word
    return word
