"""JSON and queries in: bounded in size and time, strict, every wrong field named."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar

import msgspec
import trio
from quart import Request
from werkzeug.exceptions import RequestEntityTooLarge

from core.errors import Rejected
from core.texts import sentence
from gateways.http.nesting import nests_deeper
from gateways.http.problems import FieldProblem, InvalidFields
from gateways.http.routes import Body
from protocol.limits import MAX_NESTING
from protocol.wrong_values import WRONG_TYPE, reading

MAX_BODY_BYTES: Final = 65_536
BODY_WITHIN: Final = 10.0
MAX_PROBLEMS: Final = 20

B = TypeVar("B", bound=Body)

_MISSING: Final = sentence("This field is required.")
_ONE_OF: Final = sentence("Give one of these: {names}.")
_UNKNOWN: Final = sentence("This field is not known here.")
_TOO_DEEP: Final = sentence("This is nested too deeply: at most {limit} levels.")
_PLACE: Final = " - at `$"
_NAMED: Final = re.compile(r"Object (?:missing required|contains unknown) field `([^`]*)`")


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
    deep = next((name for name, value in sent.items() if nests_deeper(value, MAX_NESTING)), None)
    if deep is not None:
        raise InvalidFields([FieldProblem(deep[:64], _TOO_DEEP, {"limit": MAX_NESTING})])
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
    lacking = list(_lacking(sent, shape))
    try:
        body = msgspec.convert(sent, shape, strict=strict)
    except msgspec.ValidationError as error:
        problems = list(_problems(sent, shape, strict=strict)) or [_problem("", str(error))]
        raise InvalidFields([*problems, *lacking][:MAX_PROBLEMS]) from None
    if lacking:
        raise InvalidFields(lacking)
    return body


def _lacking(sent: Mapping[str, Any], shape: type[Body]) -> Iterator[FieldProblem]:
    """Whether none is given of those fields of which one has to be."""
    if shape.one_of and all(sent.get(name) is None for name in shape.one_of):
        yield FieldProblem(shape.one_of[0], _ONE_OF, {"names": ", ".join(shape.one_of)})


def _problems(sent: dict[str, Any], shape: type[Body], *, strict: bool) -> Iterator[FieldProblem]:
    """msgspec stops at the first wrong field; people want to see all of them at once."""
    fields = {field.encode_name: field for field in msgspec.structs.fields(shape)}
    for name in sent:
        if name not in fields:
            yield FieldProblem(name[:64].strip("."), _UNKNOWN)
    for name, field in fields.items():
        if name not in sent:
            if field.required:
                yield FieldProblem(name, _MISSING)
            continue
        try:
            msgspec.convert(sent[name], field.type, strict=strict)
        except msgspec.ValidationError as error:
            yield _problem(name, str(error), field.type)


def _problem(name: str, words: str, kind: Any = None) -> FieldProblem:
    """Say one of msgspec's errors in a sentence of the catalogue."""
    # The last one is msgspec's own: the words before it may be a client's.
    what, found, path = words.rpartition(_PLACE)
    what, path = (what, path[:-1]) if found and path.endswith("`") else (words, "")
    inner = _NAMED.match(what)
    if inner is not None:
        text = _MISSING if "missing required" in what else _UNKNOWN
        return FieldProblem(f"{name}{path}.{inner[1]}".strip("."), text)
    text, params = reading(words, kind) or (WRONG_TYPE, {})
    return FieldProblem((name + path).strip("."), text, params)


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
