"""Who is online in one room: looks when told that something changed, speaks at most once a second."""

from typing import Any, Final

from actors.presence.machine import NOBODY, Online, difference, said
from core.actor import Actor, ActorSpec
from core.envelope import Envelope, Lane
from core.ports.fanout import Fanout, FrameLane
from protocol.codec import encode
from protocol.frames import Value
from protocol.presence import PRESENCE, AudienceChanged

ANNOUNCE_EVERY: Final = 1.0


class LookAgain(Value, frozen=True, kw_only=True):
    """A second has passed since the last announcement."""


def spec(fanout: Fanout) -> ActorSpec:
    """The fan-out tells `AudienceChanged`; deliver it with `key=AudienceChanged`."""
    return ActorSpec(
        kind=PRESENCE,
        make=lambda room_id: PresenceActor(room_id, fanout),
        lanes={AudienceChanged: Lane.EPHEMERAL},
    )


class PresenceActor(Actor[Any]):
    """Level-triggered: compares what is with what was last said, so that a lost word heals itself.

    Owns: what was last said, and seen since. Borrows: the fan-out. Gone when nobody is online.
    """

    def __init__(self, room_id: str, fanout: Fanout) -> None:
        self._room_id = room_id
        self._topic = f"room:{room_id}"
        self._fanout = fanout
        self._said: Online = NOBODY
        self._seen = said(NOBODY)
        self._must_wait = False

    async def started(self) -> None:
        """What a predecessor that crashed did not say is said, though nobody comes or goes any more."""
        self._look()

    async def handle(self, envelope: Envelope[Any]) -> None:
        is_time = isinstance(envelope.message, LookAgain)
        self._must_wait = self._must_wait and not is_time
        if self._seen.is_news or not is_time:
            self._look()
        if self._said == NOBODY and not self._must_wait:
            self.context.passivate_soon()

    def has_work(self) -> bool:
        return self._said != NOBODY

    def _look(self) -> None:
        audience = self._fanout.audience(self._topic)
        self._seen = self._seen.then((audience.count, audience.user_ids))
        update = None if self._must_wait else difference(self._room_id, self._seen)
        if update is None:
            return
        self._said = self._seen.now
        self._seen = said(self._said)
        self._fanout.publish_nowait(self._topic, encode(update), FrameLane.EPHEMERAL)
        self._must_wait = True
        self.context.after(ANNOUNCE_EVERY, LookAgain())
