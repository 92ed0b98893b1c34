"""Who is online in one room: looks when told that something changed, speaks once a second."""

from typing import Any, Final

from actors.presence.machine import NOBODY, Online, difference
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

    Owns: what was last said. Borrows: the fan-out. Gone when nobody is online.
    """

    def __init__(self, room_id: str, fanout: Fanout) -> None:
        self._room_id = room_id
        self._topic = f"room:{room_id}"
        self._fanout = fanout
        self._said: Online = NOBODY
        self._must_wait = False
        self._is_due = False

    async def handle(self, envelope: Envelope[Any]) -> None:
        if isinstance(envelope.message, LookAgain):
            self._must_wait = False
            if not self._is_due:
                self._rest_if_empty()
                return
        if self._must_wait:
            self._is_due = True
        else:
            self._announce()
            self._rest_if_empty()

    def has_work(self) -> bool:
        return self._said != NOBODY

    def _announce(self) -> None:
        self._is_due = False
        audience = self._fanout.audience(self._topic)
        now = (audience.count, audience.user_ids)
        update = difference(self._room_id, self._said, now)
        if update is None:
            return
        self._said = now
        self._fanout.publish_nowait(self._topic, encode(update), FrameLane.EPHEMERAL)
        self._must_wait = True
        self.context.after(ANNOUNCE_EVERY, LookAgain())

    def _rest_if_empty(self) -> None:
        if self._said == NOBODY:
            self.context.passivate_soon()
