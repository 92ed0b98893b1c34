"""What a failure looks like over HTTP (docs/protocol-v1.md §9, docs/http.md)."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from core.errors import PriceChanged, Rejected
from core.texts import translate
from gateways.http.routes import Reply, View, json_reply
from protocol.booking import QuoteView
from protocol.errors import ErrorCode

STATUS: Final[Mapping[ErrorCode, int]] = {
    "bad_request": 400,
    "too_large": 400,
    "unauthenticated": 401,
    "forbidden": 403,
    "not_found": 404,
    "conflict": 409,
    "price_changed": 409,
    "persona_limit": 409,
    "payment_declined": 409,
    "model_failed": 422,
    "rate_limited": 429,
    "overloaded": 429,
    "internal": 500,
    "unavailable": 504,
    "gds_timeout": 504,
}


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One wrong field: its path, an English sentence and what fills it."""

    field: str
    text: str
    params: Mapping[str, object] | None = None


class InvalidFields(Rejected):
    """The request is not what the route takes; `problems` says what, in the order sent."""

    def __init__(self, problems: Sequence[FieldProblem]) -> None:
        super().__init__(
            "bad_request",
            "Some fields are wrong.",
            fields=[(problem.field, problem.text) for problem in problems],
        )
        self.problems = tuple(problems)


class WrongField(View, frozen=True):
    """One wrong field. `field` is empty when it is the request as a whole."""

    field: str
    message: str


class WrongFields(View, frozen=True):
    """The answer 400."""

    errors: list[WrongField]


class Problem(View, frozen=True):
    """Every other answer of 401 to 504: a sentence in the caller's language, a stable word."""

    error: str
    code: str


class ChangedPrice(View, frozen=True):
    """The answer 409 to a quote that costs another amount than was shown: with the new one."""

    error: str
    code: str
    quote: QuoteView


class Incident(View, frozen=True):
    """The answer 500: a reference to what the log says, and nothing else."""

    error: str


def problem(error: Rejected, locale: str) -> Reply:
    """The answer to a refused call, in the language of `locale`."""
    status = STATUS[error.code]
    if status == 400:
        return json_reply(WrongFields(errors=_wrong_fields(error, locale)), 400)
    text = translate(error.text, locale, error.params)
    if isinstance(error, PriceChanged):
        return json_reply(ChangedPrice(error=text, code=error.code, quote=error.quote), status)
    return json_reply(Problem(error=text, code=error.code), status, _headers(error, status))


def incident(reference: str) -> Reply:
    """The answer to a crash."""
    return json_reply(Incident(error=reference), 500)


def _wrong_fields(error: Rejected, locale: str) -> list[WrongField]:
    if isinstance(error, InvalidFields):
        return [
            WrongField(field=wrong.field, message=translate(wrong.text, locale, wrong.params))
            for wrong in error.problems
        ]
    said = {str(error).removeprefix(f"{error.code}: "): error.text}  # filled before it came here
    return [
        WrongField(field=name, message=translate(said.get(text, text), locale, error.params))
        for name, text in error.fields or (("", error.text),)
    ]


def _headers(error: Rejected, status: int) -> dict[str, str]:
    if status == 401:
        return {"WWW-Authenticate": 'Bearer realm="caravan"'}
    if status == 429 or (status == 504 and error.temporary):
        return {"Retry-After": str(max(1, math.ceil((error.retry_after_ms or 1_000) / 1_000)))}
    return {}
