"""The rules that every room command is measured by (pure)."""

from actors.room.state import Member, RoomState
from core.errors import Rejected
from protocol.limits import MAX_CONTENT_BYTES, MAX_EMOJI_BYTES, MAX_TITLE_BYTES


def unknown() -> Rejected:
    """What a room is to everybody who is not its member, and what an unknown one is."""
    return Rejected("not_found", "There is no such room.")


def demand_member(room: RoomState, user_id: str) -> Member:
    """A member, be he invited or joined."""
    member = room.members.get(user_id)
    if member is None:
        raise unknown()
    return member


def demand_joined(room: RoomState, user_id: str) -> Member:
    member = demand_member(room, user_id)
    if member.state != "joined":
        raise Rejected("forbidden", "Accept the invitation first, by joining the room.")
    return member


def demand_group(room: RoomState, sentence: str) -> None:
    if room.kind == "direct":
        raise Rejected("conflict", sentence)


def checked_content(content: str) -> str:
    """1…8,192 bytes of UTF-8, not only white space."""
    if not content or content.isspace():
        sentence = "A message needs some text."
        raise Rejected("bad_request", sentence, fields=[("content", sentence)])
    _demand_short(content, MAX_CONTENT_BYTES, "content")
    return content


def checked_emoji(emoji: str) -> str:
    if not emoji or emoji.isspace():
        sentence = "A reaction needs an emoji."
        raise Rejected("bad_request", sentence, fields=[("emoji", sentence)])
    _demand_short(emoji, MAX_EMOJI_BYTES, "emoji")
    return emoji


def checked_title(title: str) -> str:
    _demand_short(title, MAX_TITLE_BYTES, "title")
    return title


def _demand_short(text: str, limit: int, field: str) -> None:
    # At most 4 bytes a character: most texts are short enough without being encoded.
    if len(text) * 4 > limit and len(text.encode()) > limit:
        sentence = "This text is longer than {limit} bytes."
        raise Rejected(
            "too_large",
            sentence,
            fields=[(field, sentence)],
            params={"limit": limit},
        )
