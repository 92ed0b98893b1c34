"""What a well-typed command must still obey (§4 "Text"), and the sentences that say so.

Sentences are keys of the message catalogue; `{limit}` is filled after translation.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from protocol.chat import EditMessage, PostMessage, ReactToMessage, ReadHistory, SearchMessages
from protocol.errors import ErrorCode
from protocol.limits import (
    MAX_CONTENT_BYTES,
    MAX_EMOJI_BYTES,
    MAX_QUERY_BYTES,
    MAX_TITLE_BYTES,
)
from protocol.names import ONE_LINE, is_one_line
from protocol.room import CreateRoom, UpdateRoom

EMPTY: Final = "A text must not be empty."
TOO_LONG: Final = "A field may have at most {limit} bytes."
ONE_DIRECTION: Final = "Give at most one of before, after and around."
ONE_MEMBER: Final = "A direct room needs exactly one other member."


FrameT = TypeVar("FrameT", bound=Struct)


class Fault(NamedTuple):
    """One broken rule: the camelCase path of the field, a sentence, and what fills it."""

    field: str
    text: str
    code: ErrorCode = "bad_request"
    params: Mapping[str, object] | None = None


def fault_in(frame: Struct) -> Fault | None:
    """The first rule that a decoded frame breaks."""
    rule = _RULES.get(type(frame))
    return None if rule is None else rule(frame)


def normalised(frame: FrameT) -> FrameT:
    """The frame with its client id in lower case: one id, however it was written."""
    client_id = getattr(frame, "client_id", None)
    if client_id is None or client_id == client_id.lower():
        return frame
    return replace(frame, client_id=client_id.lower())


def _message(frame: PostMessage) -> Fault | None:
    for place, one in enumerate(frame.attachments or ()):
        for name, text in (("name", one.name), ("url", one.url), ("mediaType", one.media_type)):
            if fault := _turned(f"attachments[{place}].{name}", text or ""):
                return fault
    return _content(frame)


def _content(frame: PostMessage | EditMessage) -> Fault | None:
    return _blank("content", frame.content) or _long("content", frame.content, MAX_CONTENT_BYTES)


def _emoji(frame: ReactToMessage) -> Fault | None:
    emoji = frame.emoji
    return (
        _blank("emoji", emoji) or _long("emoji", emoji, MAX_EMOJI_BYTES) or _turned("emoji", emoji)
    )


def _query(frame: SearchMessages) -> Fault | None:
    return _blank("query", frame.query) or _long("query", frame.query, MAX_QUERY_BYTES)


def _title(frame: CreateRoom | UpdateRoom) -> Fault | None:
    title = frame.title or ""
    return _long("title", title, MAX_TITLE_BYTES) or _turned("title", title)


def _new_room(frame: CreateRoom) -> Fault | None:
    if frame.kind == "direct" and len(frame.members) != 1:
        return Fault("members", ONE_MEMBER)
    return _title(frame)


def _direction(frame: ReadHistory) -> Fault | None:
    given = [name for name in ("before", "after", "around") if getattr(frame, name) is not None]
    return Fault(given[1], ONE_DIRECTION) if len(given) > 1 else None


def _blank(field: str, text: str) -> Fault | None:
    return Fault(field, EMPTY) if not text or text.isspace() else None


def _long(field: str, text: str, limit: int) -> Fault | None:
    # A character has at most four bytes, so that ordinary texts need not be encoded to be measured.
    if len(text) * 4 > limit and len(text.encode()) > limit:
        return Fault(field, TOO_LONG, "too_large", {"limit": limit})
    return None


def _turned(field: str, text: str) -> Fault | None:
    return None if is_one_line(text) else Fault(field, ONE_LINE)


_RULES: Final[dict[type[Struct], Callable[[Any], Fault | None]]] = {
    PostMessage: _message,
    EditMessage: _content,
    ReactToMessage: _emoji,
    SearchMessages: _query,
    CreateRoom: _new_room,
    UpdateRoom: _title,
    ReadHistory: _direction,
}
