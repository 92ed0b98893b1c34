"""MessagePack in and out: one decode into a typed struct; only a refused frame is looked at again."""

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cache
from itertools import islice
from typing import Any, Final, NamedTuple, NoReturn, get_args

import msgspec
from msgspec import Raw
from msgspec.msgpack import Decoder, Encoder

from protocol.booking import NameTraveller
from protocol.chat import PostMessage
from protocol.consultation import SignalConsultation
from protocol.dissection import Layer, count_said, has_odd_keys, layers, nests_deeper, pairs
from protocol.errors import ErrorCode
from protocol.free_form import NOT_PLAIN, fault_in_values
from protocol.ids import Id, Ref
from protocol.limits import MAX_FIELDS, MAX_FREE_BYTES, MAX_NESTING
from protocol.plan import ApplyPlan
from protocol.text_rules import TOO_LONG, Fault, fault_in, normalised
from protocol.wire import ClientFrame, DurableRoomEvent, InRoomOrder
from protocol.wrong_values import AT_MOST, reading

UNKNOWN_TYPE: Final = "There is no command of this type."
MISSING: Final = "A required field is missing."
WRONG: Final = "A field has a wrong value."
TOO_MANY: Final = "A frame may have at most {limit} fields."
WRONG_REF: Final = "A ref must be a whole number from 0 to 4294967295."

MAX_FAULTS_NAMED: Final = 8
MAX_LOOKED_AT: Final = 4_096
"""Items of the values of a frame that is refused anyway, which could only be closed with 4300 instead; and all that
a field in free form may hold."""
MAX_ODD_KEYS: Final = 64
"""That are no text, in a map of free form which is built to say where one is."""


class _Head(msgspec.Struct):
    """What a refusal needs of a frame that is not taken apart."""

    type: str
    ref: Raw | msgspec.UnsetType = msgspec.UNSET
    room_id: Raw | msgspec.UnsetType = msgspec.field(default=msgspec.UNSET, name="roomId")


_HEADS: Final = Decoder(_Head)
_FRAMES: Final[Decoder[ClientFrame]] = Decoder(ClientFrame)
_EVENTS: Final[Decoder[DurableRoomEvent]] = Decoder(DurableRoomEvent)
_STRING: Final = Decoder(str)
_REF: Final[Decoder[int]] = Decoder(Ref)
_ID: Final[Decoder[str]] = Decoder(Id)
_PLACE: Final = re.compile(r" - at (?:`key` in )?`\$([^`]*)`\Z")
_MISSING: Final = re.compile(r"Object missing required field `([^`]*)`")
_ENCODER: Final = Encoder()
_TYPES: Final = {kind.__struct_config__.tag: kind for kind in get_args(ClientFrame)}
_FREE_FORM: Final[dict[type, bytes]] = {
    ApplyPlan: b"ops",
    SignalConsultation: b"data",
    NameTraveller: b"document",
}
"""Commands with a field whose inside the structs do not bound, and that field."""
_FREE_FORM_TYPES: Final = tuple(
    str(tag).encode() for tag, kind in _TYPES.items() if kind in _FREE_FORM
)


class Malformed(Exception):
    """The frame is no frame at all (§1 rule ②): close with 4300."""


class Refused(Exception):
    """The frame is a command that cannot be carried out (§1 rule ③); the connection lives on.

    `faults` are the wrong fields: each with an English sentence, which is a catalogue key, and what
    fills its `{placeholders}`. The first is the refusal's own. `fields` are (camelCase path, sentence)
    pairs: `attachments[0].url`.
    `room_id`: the room that the command names, so that it is answered in that room's order (§2).
    `client_id`: a message's, whose repeat is answered as the first was, whatever its content (§4).
    """

    def __init__(
        self,
        faults: Sequence[Fault],
        *,
        ref: int | None,
        room_id: str | None = None,
        client_id: str | None = None,
    ) -> None:
        first = faults[0]
        super().__init__(first.code, first.text)
        self.faults = tuple(faults)
        self.code: ErrorCode = first.code
        self.text = first.text
        self.params = dict(first.params or {})
        self.fields = tuple((fault.field, fault.text) for fault in faults)
        self.ref = ref
        self.room_id = room_id
        self.client_id = client_id


class _Split(NamedTuple):
    """A frame in pieces: its type, if we know it, and its pairs, encoded."""

    kind: type[ClientFrame] | None
    pairs: list[tuple[bytes, Raw]]


def decode(data: bytes) -> ClientFrame:
    """A client's frame (at most 64 KiB). Raises `Malformed` or `Refused`."""
    split = None
    if len(data) > 2 * MAX_FIELDS and count_said(data) > MAX_FIELDS:
        _refuse_crowd(data)
    if any(kind in data for kind in _FREE_FORM_TYPES):
        # Before it is built: keys of maps can be chosen so that hashing them takes quadratic time.
        split = _split(data)
        _check_free_form(split)
    try:
        frame = _FRAMES.decode(data)
        is_free_form = type(frame) in _FREE_FORM
        ref = getattr(frame, "ref", None)
        if data.count(b"type") > 1 or (ref is None and b"ref" in data):
            # The typed decode lets a second `type` through, and a `ref` of nil.
            _ref_of(split or _split(data))
        # A zero byte is mostly part of a number; only where there is one can a text hold U+0000.
        fault = fault_in_values(frame) if is_free_form or b"\0" in data else None
    except RecursionError:
        raise Malformed("nested too deep") from None
    except ValueError:
        _explain(split or _split(data))
    if fault := fault or fault_in(frame):
        room_id = frame.room_id if isinstance(frame, InRoomOrder) else None
        raise Refused([fault], ref=ref, room_id=room_id, client_id=message_key(frame))
    return normalised(frame)


def message_key(frame: ClientFrame) -> str | None:
    """The client's id of a message, by which a repeat is known."""
    return frame.client_id.lower() if isinstance(frame, PostMessage) else None


def encode(frame: Any) -> bytes:
    """Any server frame as one MessagePack map."""
    return _ENCODER.encode(frame)


def decode_event(body: bytes) -> DurableRoomEvent:
    """A stored durable event. Raises `ValueError` when it is none."""
    try:
        return _EVENTS.decode(body)
    except RecursionError:
        raise ValueError("nested too deep") from None


def _split(data: bytes) -> _Split:
    """Raises `Malformed` unless the frame is one map with one `type` that is a string."""
    try:
        found = pairs(data)
        types = [value for key, value in found if key == b"type"]
        if len(types) != 1:
            raise ValueError("not exactly one type")
        return _Split(_TYPES.get(_STRING.decode(types[0])), found)
    except (ValueError, RecursionError) as problem:
        raise Malformed(str(problem)) from None


def _refuse_crowd(data: bytes) -> NoReturn:
    """A frame of so many fields is read over once, and not taken apart: where its one `type` stands again
    in a value, it passes for a second."""
    if data.count(b"type") > 1:
        raise Malformed("not exactly one type")
    try:
        head = _HEADS.decode(data)
    except (ValueError, RecursionError) as problem:
        raise Malformed(str(problem)) from None
    named = ((b"ref", head.ref), (b"roomId", head.room_id))
    found = [(key, value) for key, value in named if isinstance(value, Raw)]
    split = _Split(_TYPES.get(head.type), found)
    fault = Fault("", TOO_MANY, params={"limit": MAX_FIELDS})
    _refuse([fault], _ref_of(split), _room_of(split))


def _check_free_form(split: _Split) -> None:
    """Raises `Malformed` for a field in free form that nests too deep, `Refused` for its size, or for a map
    of many keys that are no text."""
    name = _FREE_FORM.get(split.kind, b"") if split.kind else b""
    if not name:
        return
    values = [value for key, value in split.pairs if key == name]
    is_long = sum(len(bytes(value)) for value in values) > MAX_FREE_BYTES
    found, has_more = _looked_into(values)
    if is_long:
        fault = Fault(name.decode(), TOO_LONG, "too_large", {"limit": MAX_FREE_BYTES})
        _refuse([fault], _ref_of(split), _room_of(split))
    if has_more:
        fault = Fault(name.decode(), AT_MOST, params={"number": MAX_LOOKED_AT})
        _refuse([fault], _ref_of(split), _room_of(split))
    if has_odd_keys(found, MAX_ODD_KEYS):
        _refuse([Fault(name.decode(), NOT_PLAIN)], _ref_of(split), _room_of(split))


def _explain(split: _Split) -> NoReturn:
    """Say what is wrong with a frame that the typed decode refused."""
    if split.kind is None:
        _refuse([Fault("type", UNKNOWN_TYPE)], _ref_of(split))
    known = _decoders(split.kind)
    given = [(key, value) for key, value in split.pairs if key in known]
    _looked_into([value for _, value in given])
    ref = _ref_of(split)
    faults = list(islice(_wrong_fields(split.kind, given), MAX_FAULTS_NAMED))
    _refuse(faults, ref, _room_of(split))


def _looked_into(values: list[Raw]) -> tuple[list[Layer], bool]:
    found, has_more = layers(values, MAX_NESTING, most_items=MAX_LOOKED_AT)
    if nests_deeper(found, MAX_NESTING):
        raise Malformed("nested too deep")
    return found, has_more


def _ref_of(split: _Split) -> int | None:
    """The ref to answer with. Raises `Refused`, without one, when it is not a uint32."""
    refs = [value for key, value in split.pairs if key == b"ref"]
    if not refs or (split.kind and b"ref" not in _decoders(split.kind)):
        return None
    try:
        return _REF.decode(refs[-1])
    except ValueError:
        _refuse([Fault("ref", WRONG_REF)], None, _room_of(split))


def _room_of(split: _Split) -> str | None:
    """The room that a refused command names, if it is one that names a room."""
    if split.kind is None or not issubclass(split.kind, InRoomOrder):
        return None
    with suppress(ValueError, RecursionError):
        return next((_ID.decode(value) for key, value in split.pairs if key == b"roomId"), None)
    return None


def _wrong_fields(kind: type, given: list[tuple[bytes, Raw]]) -> Iterator[Fault]:
    names = {key for key, _ in given}
    for name in _required(kind):
        if name.encode() not in names:
            yield Fault(name, MISSING)
    known = _decoders(kind)
    for key, value in given:
        try:
            known[key].decode(value)
        except ValueError as problem:
            yield _fault_at(key.decode(), str(problem), known[key].type)


def _fault_at(field: str, problem: str, kind: Any) -> Fault:
    """Read msgspec's "… - at `$[0].url`" or "Object missing required field `url` - at `$[0]`"."""
    where = _PLACE.search(problem)
    path = field + (where[1] if where else "")
    missing = _MISSING.match(problem)
    if missing:
        return Fault(f"{path}.{missing[1]}", MISSING)
    text, params = reading(problem, kind) or (WRONG, {})
    return Fault(path, text, params=params)


@cache
def _required(kind: type) -> tuple[str, ...]:
    """The names of the fields that a frame must have. To find them costs as much as a refusal."""
    fields = msgspec.structs.fields(kind)
    return tuple(field.encode_name for field in fields if field.required)


@cache
def _decoders(kind: type) -> dict[bytes, Decoder[Any]]:
    """One decoder for each field of a frame, by its name on the wire."""
    fields = msgspec.structs.fields(kind)
    return {field.encode_name.encode(): Decoder(field.type) for field in fields}


def _refuse(faults: Sequence[Fault], ref: int | None, room_id: str | None = None) -> NoReturn:
    raise Refused(faults, ref=ref, room_id=room_id)
