"""Mutants (see `mutants`) of what people see beside the log: history, typing, presence."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from msgspec.structs import replace as replaced

from actors.presence import actor as presence
from actors.presence.actor import PresenceActor
from actors.presence.machine import Seen, said
from actors.room import commands, reading
from actors.room.commands import Commands
from actors.room.pipeline import Entry
from actors.room.state import RoomState
from core.envelope import Envelope
from core.message_view import view_message
from gateways.client.fanout import TopicFanout
from protocol.frames import Done
from protocol.presence import PresenceChanged, SetTyping
from storage.memory.message_log import MemoryMessageLog

Patches = Iterator[tuple[object, str, object]]


def page_without_changes() -> Patches:
    """History shows messages as they were said first."""
    yield reading, "view_message", lambda row, _, **more: view_message(row, (), **more)


def page_backwards() -> Patches:
    """The newest message of a page comes first."""
    read = commands.read_history

    async def backwards(*args: Any, **more: Any) -> Any:
        page = await read(*args, **more)
        page.messages = page.messages[::-1]
        return page

    yield commands, "read_history", backwards


def page_of_the_uninvited() -> Patches:
    """Who was invited reads what was said before."""
    yield RoomState, "first_readable", lambda *_: 1


def always_more() -> Patches:
    """There is always more before a page."""
    history = MemoryMessageLog.history

    async def endless(self: Any, *args: Any, **more: Any) -> Any:
        return replace(await history(self, *args, **more), has_before=True)

    yield MemoryMessageLog, "history", endless


def anybody_types() -> Patches:
    """Nobody asks whether who types is in the room."""
    judge = Commands.judge

    def careless(self: Any, envelope: Envelope[Any], key: int) -> Entry:
        if not isinstance(envelope.message, SetTyping):
            return judge(self, envelope, key)
        self._typing.set(envelope.of().user_id, envelope.message.active)
        return Entry(envelope=envelope, key=key, answer=Done())

    yield Commands, "judge", careless


def taken_for_come() -> Patches:
    """Who went is told to have come."""
    difference = presence.difference

    def confused(room_id: str, seen: Seen) -> PresenceChanged | None:
        update = difference(room_id, seen)
        return update and replaced(update, joined=update.left, left=update.joined)

    yield presence, "difference", confused


def presence_lost_in_a_crash() -> Patches:
    """What was not said as its actor crashed is said when somebody comes or goes, or never."""

    async def forget(_: object) -> None:
        pass

    yield PresenceActor, "started", forget


def resumed_in_the_dark() -> Patches:
    """Who resumes hears how many are online when somebody comes or goes, or never."""
    yield TopicFanout, "take_unaware", lambda *_: ()


def blind_between_words() -> Patches:
    """Who comes and goes between two words was never there."""
    look = PresenceActor._look

    def ends_only(self: Any) -> None:
        self._seen = said(self._said)
        look(self)

    yield PresenceActor, "_look", ends_only
