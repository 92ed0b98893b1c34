"""Who is online in one room: looks when told that something changed, speaks at most once a second."""

from typing import Any, Final

from actors.presence.machine import NOBODY, Online, difference, said, unchanged
from core.actor import Actor, ActorSpec
from core.envelope import Envelope, Lane
from core.ports.fanout import Fanout, FrameLane
from core.restart_policy import RestartPolicy
from protocol.codec import encode
from protocol.frames import Value
from protocol.presence import PRESENCE, AudienceChanged

ANNOUNCE_EVERY: Final = 1.0
PATIENT: Final = RestartPolicy(intensity=10_000, period=600.0, backoff_most=30.0)
"""It never gives up: who is online would be wrong until somebody comes or goes, and nobody waits for it."""
MAX_ONE_BY_ONE: Final = 64
"""Who came in unaware when nothing had changed is told alone; more at once are told with everybody, in the
fan-out's steps."""


class LookAgain(Value, frozen=True, kw_only=True):
    """A second has passed since the last announcement."""


def spec(fanout: Fanout) -> ActorSpec:
    """The fan-out tells `AudienceChanged`; deliver it with `key=AudienceChanged`."""
    return ActorSpec(
        kind=PRESENCE,
        make=lambda room_id: PresenceActor(room_id, fanout),
        lanes={AudienceChanged: Lane.EPHEMERAL},
        restart=PATIENT,
    )


class PresenceActor(Actor[Any]):
    """Level-triggered: compares what is with what was last said, so that a lost word heals itself. Who came
    in without being told hears it with the next word, or by himself when there is nothing to say.

    Owns: what was last said, and seen since. Borrows: the fan-out. Gone when nobody is online.
    """

    def __init__(self, room_id: str, fanout: Fanout) -> None:
        self._room_id = room_id
        self._topic = f"room:{room_id}"
        self._fanout = fanout
        self._said: Online = NOBODY
        self._seen = said(NOBODY)
        self._must_wait = False
        self._is_behind = False

    async def started(self) -> None:
        """What a predecessor that crashed did not say is said, though nobody comes or goes any more."""
        self._look()

    async def handle(self, envelope: Envelope[Any]) -> None:
        is_time = isinstance(envelope.message, LookAgain)
        self._must_wait = self._must_wait and not is_time
        if self._is_behind or not is_time:
            self._look()
        if self._said == NOBODY and not self._must_wait:
            self.context.passivate_soon()

    def has_work(self) -> bool:
        return self._said != NOBODY

    def _look(self) -> None:
        audience = self._fanout.audience(self._topic)
        self._seen = self._seen.then((audience.count, audience.user_ids))
        self._is_behind = self._must_wait
        if self._must_wait:
            return
        update = difference(self._room_id, self._seen)
        unaware = self._fanout.take_unaware(self._topic)
        if update is None and not unaware:
            return
        self._said = self._seen.now
        self._seen = said(self._said)
        word = encode(update or unchanged(self._room_id, self._said))
        if update is not None or len(unaware) > MAX_ONE_BY_ONE:
            self._fanout.publish_nowait(self._topic, word, FrameLane.EPHEMERAL)
        else:
            for client in unaware:
                client.send_nowait(word, FrameLane.EPHEMERAL)
        self._must_wait = True
        self.context.after(ANNOUNCE_EVERY, LookAgain())
