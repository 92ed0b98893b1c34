"""Who is typing: told to the joined, ends by itself, stored nowhere."""

from typing import Final

from actors.room.messages import TYPING_OVER, After
from core.ports.clock import Clock
from core.ports.fanout import Fanout, FrameLane
from protocol.codec import encode
from protocol.limits import TYPING_FOR
from protocol.presence import TypingChanged

MAX_TYPING: Final = 256


class TypingUsers:
    """At most `MAX_TYPING` users who are said to type; beyond, a further one is not announced.

    `after(seconds, TYPING_OVER)` brings the room a turn in which to call `end_overdue`.
    """

    def __init__(self, room_id: str, fanout: Fanout, clock: Clock, after: After) -> None:
        self._room_id = room_id
        self._fanout = fanout
        self._clock = clock
        self._after = after
        self._is_armed = False
        self._until: dict[str, float] = {}

    def set(self, user_id: str, active: bool) -> None:
        if not active:
            self.end(user_id)
        elif user_id in self._until or len(self._until) < MAX_TYPING:
            self._until[user_id] = self._clock.monotonic() + TYPING_FOR
            self._publish(user_id, active=True)
            self._arm()

    def end(self, user_id: str) -> None:
        if self._until.pop(user_id, None) is not None:
            self._publish(user_id, active=False)

    def end_overdue(self) -> None:
        self._is_armed = False
        now = self._clock.monotonic()
        for user_id in [user_id for user_id, until in self._until.items() if until <= now]:
            self.end(user_id)
        self._arm()

    def _arm(self) -> None:
        """One timer, for who ends first."""
        if self._until and not self._is_armed:
            self._is_armed = True
            self._after(max(0.0, min(self._until.values()) - self._clock.monotonic()), TYPING_OVER)

    def _publish(self, user_id: str, *, active: bool) -> None:
        event = TypingChanged(room_id=self._room_id, user_id=user_id, active=active)
        self._fanout.publish_nowait(f"room:{self._room_id}", encode(event), FrameLane.EPHEMERAL)
