"""JSON and queries in: bounded in size and time, strict, every wrong field named."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Literal, TypeVar, get_args, get_origin

import msgspec
import trio
from quart import Request
from werkzeug.exceptions import RequestEntityTooLarge

from core.errors import Rejected
from core.texts import sentence
from gateways.http.problems import FieldProblem, InvalidFields
from gateways.http.routes import Body

MAX_BODY_BYTES: Final = 65_536
BODY_WITHIN: Final = 10.0
MAX_PROBLEMS: Final = 20

B = TypeVar("B", bound=Body)

_SENTENCES: Final = tuple(
    (re.compile(pattern), text)
    for pattern, text in (
        (r"missing required field", sentence("This field is required.")),
        (r"unknown field", sentence("This field is not known here.")),
        (r"`str` of length >= (\d+)", sentence("Write at least {number} characters.")),
        (r"`str` of length <= (\d+)", sentence("Write at most {number} characters.")),
        (r"`array` of length >= (\d+)", sentence("Give at least {number} entries.")),
        (r"`array` of length <= (\d+)", sentence("Give at most {number} entries.")),
        (r"`int` >= (-?\d+)", sentence("The number must be at least {number}.")),
        (r"`int` <= (-?\d+)", sentence("The number must be at most {number}.")),
        (r"matching regex", sentence("This does not have the right form.")),
        (r"[Ii]nvalid enum value", sentence("This is not one of the possible values.")),
    )
)
_WRONG_TYPE: Final = sentence("This has the wrong type.")
_PLACE: Final = re.compile(r"^(.*?)(?: - at `\$(.*)`)?$", re.DOTALL)
_NAMED: Final = re.compile(r"field `([^`]*)`")


async def read_raw(request: Request, *, within: float, limit: int = MAX_BODY_BYTES) -> bytes:
    """The body's bytes: at most `limit` (which `large_bodies` told Quart), all of it `within` so many
    seconds (the HTTP server below us has a deadline for silence only: a body of one byte a second
    would stay for ever)."""
    try:
        with trio.fail_after(within):
            return await request.get_data(cache=True, as_text=False, parse_form_data=False)
    except RequestEntityTooLarge:
        raise LargeBody(limit) from None
    except trio.TooSlowError:
        raise SlowBody from None


class LargeBody(Rejected):
    """The rest of the request is not read: its connection ends with the answer."""

    def __init__(self, limit: int) -> None:
        super().__init__(
            "too_large",
            "The request is too large: at most {limit} bytes.",
            params={"limit": limit},
        )


class SlowBody(Rejected):
    """The rest of the request is not waited for: its connection ends with the answer."""

    def __init__(self) -> None:
        super().__init__("bad_request", "The request's body did not arrive in time.")


def decode_body(raw: bytes, media_type: str, shape: type[B]) -> B:
    """Raises `InvalidFields`."""
    if not raw and shape.may_be_empty:
        return shape()
    if media_type.lower() != "application/json":
        raise _invalid("Content-Type", sentence("Send JSON: Content-Type: application/json."))
    try:
        sent = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _invalid("", sentence("The request's body is not JSON.")) from None
    if not isinstance(sent, dict):
        raise _invalid("", sentence("Send a JSON object."))
    return _convert(sent, shape, strict=True)


def check_media_type(media_type: str, taken: Sequence[str]) -> None:
    """Raises `InvalidFields` for a body that is none of them."""
    if media_type.lower() not in taken:
        text = sentence("Send one of these: {types}.")
        params = {"types": ", ".join(taken)}
        raise InvalidFields([FieldProblem("Content-Type", text, params)])


def decode_query(sent: Mapping[str, str], shape: type[B]) -> B:
    """An empty value counts as absent. Raises `InvalidFields`."""
    return _convert({name: value for name, value in sent.items() if value}, shape, strict=False)


def _convert(sent: dict[str, Any], shape: type[B], *, strict: bool) -> B:
    nul = _holder_of_nul(sent)
    if nul is not None:
        raise _invalid(nul, sentence("A text must not contain the character U+0000."))
    try:
        return msgspec.convert(sent, shape, strict=strict)
    except msgspec.ValidationError as error:
        problems = list(_problems(sent, shape, strict=strict)) or [_problem("", str(error))]
        raise InvalidFields(problems[:MAX_PROBLEMS]) from None


def _problems(sent: dict[str, Any], shape: type[Body], *, strict: bool) -> Iterator[FieldProblem]:
    """msgspec stops at the first wrong field; people want to see all of them at once."""
    fields = {field.encode_name: field for field in msgspec.structs.fields(shape)}
    for name in sent:
        if name not in fields:
            yield _problem(name[:64], "unknown field")
    for name, field in fields.items():
        if name not in sent:
            if field.required:
                yield _problem(name, "missing required field")
            continue
        try:
            msgspec.convert(sent[name], field.type, strict=strict)
        except msgspec.ValidationError as error:
            yield _choice(name, field.type, str(error)) or _problem(name, str(error))


def _choice(name: str, kind: Any, words: str) -> FieldProblem | None:
    """A field of a few possible values names them."""
    kinds = [kind, *get_args(kind)]
    choices = [value for each in kinds if get_origin(each) is Literal for value in get_args(each)]
    if not choices or "nvalid enum value" not in words or " - at `$" in words:
        return None
    params = {"choices": ", ".join(map(str, choices))}
    return FieldProblem(name, sentence("Choose one of these: {choices}."), params)


def _problem(name: str, words: str) -> FieldProblem:
    """Say one of msgspec's errors in a sentence of the catalogue."""
    place = _PLACE.match(words)
    what, path = (place[1], place[2] or "") if place else (words, "")
    inner = _NAMED.search(what)
    if inner is not None:
        path = f"{path}.{inner[1]}"
    for pattern, text in _SENTENCES:
        found = pattern.search(what)
        if found is not None:
            params = {"number": int(found[1])} if found.groups() else {}
            return FieldProblem((name + path).strip("."), text, params)
    return FieldProblem((name + path).strip("."), _WRONG_TYPE)


def _holder_of_nul(sent: Mapping[str, Any]) -> str | None:
    """The field with a U+0000 somewhere inside: PostgreSQL has no such character."""
    return next(
        (name[:64] for name, value in sent.items() if _has_nul(name) or _has_nul(value)), None
    )


def _has_nul(value: object) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, list):
        return any(_has_nul(item) for item in value)
    if isinstance(value, dict):
        return any("\0" in name or _has_nul(item) for name, item in value.items())
    return False


def _invalid(field: str, text: str) -> InvalidFields:
    return InvalidFields([FieldProblem(field, text)])
