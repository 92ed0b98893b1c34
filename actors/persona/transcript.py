"""What was said in one room while its personas sat there: for the prompts of models that have room for it.

It is kept for nothing else: no reading, no tool and no fact rests on it.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from protocol.chat import MessagePosted
from protocol.persona import RoomGlimpse
from protocol.wording import MAX_HEARD, MAX_HEARD_BYTES, MAX_UTTERED, Speaker, Uttered

MOST_LINES: Final = 24
"""Of all personas of a room together; the oldest make way."""

HEARD_FOR: Final = 86_400_000
"""Milliseconds after which a line is none any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One message. `by`: a person, or a persona that answered `asker`. `text`: its beginning, as it came."""

    seq: int
    at: int
    message_id: str
    by: str
    text: str
    asker: str | None = None


class Transcript:
    """Owns: the newest lines, in memory alone; the next activation begins without any.

    A line is for one persona and one moment: said since the persona came, and readable for everybody who
    reads the room now. So nobody is answered with words that they could not have read themselves.
    """

    def __init__(self) -> None:
        self._lines: list[Line] = []

    def __len__(self) -> int:
        return len(self._lines)

    def hear(self, message: MessagePosted) -> None:
        """A person's."""
        self._add(
            Line(
                seq=message.seq,
                at=message.sent_at,
                message_id=message.message_id,
                by=message.sender.id,
                text=message.content[:MAX_UTTERED],
            )
        )

    def answered(self, line: Line) -> None:
        """A persona's own words, as the room has them."""
        self._add(line)

    def unsay(self, message_id: str, *, was_used: bool) -> None:
        """The line is gone, and with it what personas said after it: they may have said it because of it.
        `was_used`: something that personas go by rests on it, though it was said elsewhere or long ago."""
        gone = next((one for one in self._lines if one.message_id == message_id), None)
        since = gone.seq if gone is not None else 0 if was_used else None
        if since is not None:
            self._lines = [
                one
                for one in self._lines
                if one is not gone and not (one.asker and one.seq > since)
            ]

    def keep_only(self, people: Collection[str]) -> None:
        """Who left takes along what they said, and what was answered to them."""
        self._lines = [one for one in self._lines if (one.asker or one.by) in people]

    def heard_by(
        self, persona_id: str, room: RoomGlimpse, *, asker_id: str, message_id: str, now: int
    ) -> tuple[Uttered, ...]:
        """What this persona may have in mind as it answers this message of this person: oldest first, the message
        itself last; what came after it only where the persona said it. The newest lines that fit."""
        came = room.seated.get(persona_id)
        asked = next((one for one in self._lines if one.message_id == message_id), None)
        if came is None or asked is None:
            return ()
        since = max(came, room.read_from)
        lines = [
            one
            for one in self._lines
            if one.seq >= since
            and (one.asker or one.by) in room.people
            and now - one.at <= HEARD_FOR
            and (one.seq <= asked.seq or one.by == persona_id)
        ]
        lines.sort(key=lambda one: (one is asked, one.seq))
        return _newest(
            [
                Uttered(by=_speaker(one, persona_id, asker_id), text=one.text)
                for one in lines[-MAX_HEARD:]
            ]
        )

    def _add(self, line: Line) -> None:
        self._lines.append(line)
        self._lines.sort(key=lambda one: one.seq)
        del self._lines[:-MOST_LINES]


def _speaker(line: Line, persona_id: str, asker_id: str) -> Speaker:
    if line.asker is not None:
        return "self" if line.by == persona_id else "persona"
    return "asker" if line.by == asker_id else "other"


def _newest(lines: list[Uttered]) -> tuple[Uttered, ...]:
    left, first = MAX_HEARD_BYTES, len(lines)
    for line in reversed(lines):
        left -= len(line.text.encode())
        if left < 0:
            break
        first -= 1
    return tuple(lines[first:])
