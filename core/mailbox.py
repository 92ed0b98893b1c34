"""An actor's queue: bounded lanes, one reader."""

import copy
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Iterator, Mapping
from itertools import chain
from typing import TYPE_CHECKING, Final

import trio
from trio.lowlevel import Abort, Task, current_task, reschedule, wait_task_rescheduled

from core.envelope import AnyEnvelope, Lane, Reply
from core.errors import Overloaded, Rejected
from protocol.frames import Answer

if TYPE_CHECKING:
    from core.actor import ActorSpec

_NORMAL: Final = Lane.NORMAL  # a member looked up by name costs more than the comparison
_BURST: Final = 16
"""Envelopes taken before others get a turn: a checkpoint per envelope would cost more than most
envelopes do."""


class Mailbox:
    """Lanes of envelopes, taken in the order of `Lane`, each first in, first out.

    Normal and control share one bound, a part of which only control may fill. In the ephemeral lane
    the newest per key wins, in the place of the one it replaces; whoever asked for the replaced one
    gets the newer one's answer. Belongs to one reader; survives the instances that read it.
    """

    __slots__ = (
        "_control",
        "_control_only",
        "_ephemeral",
        "_ephemeral_limit",
        "_is_woken",
        "_limit",
        "_normal",
        "_normal_limit",
        "_overloaded",
        "_persona",
        "_persona_limit",
        "_reader",
        "_replaced",
        "_taken",
    )

    def __init__(self, spec: "ActorSpec") -> None:
        self._limit = spec.mailbox_limit
        self._normal_limit = spec.mailbox_limit - spec.control_reserve
        self._persona_limit = spec.persona_limit
        self._ephemeral_limit = spec.ephemeral_limit
        # None until used, and the usual lane again before a wait: an empty deque has 760 bytes.
        self._control: deque[AnyEnvelope] | None = None
        self._normal: deque[AnyEnvelope] | None = None
        self._persona: deque[AnyEnvelope] | None = None
        self._ephemeral: OrderedDict[Hashable, AnyEnvelope] | None = None
        self._reader: Task | None = None
        self._control_only = False
        self._is_woken = False
        self._taken = self._replaced = self._overloaded = 0

    def __len__(self) -> int:
        return sum(len(lane) for lane in self._queues()) + len(self._ephemeral or ())

    def __iter__(self) -> Iterator[AnyEnvelope]:
        """In the order in which they would be taken."""
        return self._all()

    @property
    def is_empty(self) -> bool:
        return not (self._normal or self._control or self._persona or self._ephemeral)

    def put_nowait(self, envelope: AnyEnvelope) -> None:
        """Queue in the envelope's lane. Raises `Overloaded` when that is full: nothing changed."""
        lane = envelope.lane
        if lane is _NORMAL:
            if self._normal is None:
                self._normal = deque()
            depth = len(self._normal)
            if depth >= self._normal_limit or depth + len(self._control or ()) >= self._limit:
                self._refuse()
            self._normal.append(envelope)
        elif lane is Lane.CONTROL:
            if self._control is None:
                self._control = deque()
            if len(self._control) + len(self._normal or ()) >= self._limit:
                self._refuse()
            self._control.append(envelope)
        elif lane is Lane.PERSONA:
            if self._persona is None:
                self._persona = deque()
            if len(self._persona) >= self._persona_limit:
                self._refuse()
            self._persona.append(envelope)
        else:
            self._put_ephemeral(envelope)
        if self._reader is not None and (not self._control_only or lane is Lane.CONTROL):
            self.wake()

    def get_nowait(self, *, control_only: bool = False) -> AnyEnvelope | None:
        """The next envelope, or None when there is none to take."""
        if self._control:
            return self._control.popleft()
        if control_only:
            return None
        if self._normal:
            return self._normal.popleft()
        if self._persona:
            return self._persona.popleft()
        if self._ephemeral:
            return self._ephemeral.popitem(last=False)[1]
        return None

    async def get(self, *, control_only: bool = False) -> AnyEnvelope | None:
        """Wait for the next envelope. None: `wake` was called, look around you.

        A checkpoint only when it waits, and once in 16 envelopes. Cancelled, it has taken nothing.
        """
        self._taken += 1
        if self._taken % _BURST == 0:
            await trio.lowlevel.checkpoint()
        envelope = self.get_nowait(control_only=control_only)
        if envelope is None:
            if self._is_woken:
                self._is_woken = False
                return None
            if self._reader is not None:
                raise trio.BusyResourceError("a mailbox has one reader")
            self._reader = current_task()
            self._control_only = control_only
            if not self._normal:
                self._normal = None
            await wait_task_rescheduled(self._abort)
            # The others had their turn meanwhile.
            self._taken = 1
            envelope = self.get_nowait(control_only=control_only)
        return envelope

    def give_back(self, envelope: AnyEnvelope) -> None:
        """Put back what was taken last, as if it had never been: it is the first of its lane again.
        Before anything else is put or taken; it needs no room."""
        if envelope.lane is Lane.EPHEMERAL:
            self._ephemeral = self._ephemeral or OrderedDict()
            key = object() if envelope.key is None else envelope.key
            self._ephemeral[key] = envelope
            self._ephemeral.move_to_end(key, last=False)
            return
        match envelope.lane:
            case Lane.CONTROL:
                lane = self._control = self._control or deque()
            case Lane.PERSONA:
                lane = self._persona = self._persona or deque()
            case Lane.NORMAL:
                lane = self._normal = self._normal or deque()
        lane.appendleft(envelope)

    def wake(self) -> None:
        """Let `get` return even if there is nothing to take: now, or when it would next wait."""
        reader, self._reader = self._reader, None
        if reader is None:
            self._is_woken = True
        else:
            reschedule(reader)

    def take_asks(self) -> list[AnyEnvelope]:
        """Take out every envelope that somebody waits for; the others keep their places."""
        asks = [envelope for envelope in self._all() if envelope.reply is not None]
        for lane in self._queues():
            tells = [envelope for envelope in lane if envelope.reply is None]
            lane.clear()
            lane.extend(tells)
        if self._ephemeral is not None:
            tells_by_key = [item for item in self._ephemeral.items() if item[1].reply is None]
            self._ephemeral = OrderedDict(tells_by_key)
        return asks

    def take_all(self) -> list[AnyEnvelope]:
        """Take out everything, in order."""
        taken = list(self._all())
        self._control = self._normal = self._persona = self._ephemeral = None
        return taken

    def withdraw(self, is_unwanted: Callable[[AnyEnvelope], bool]) -> None:
        """Take such envelopes out of the control lane; nobody is told."""
        kept = [envelope for envelope in self._control or () if not is_unwanted(envelope)]
        if len(kept) < len(self._control or ()):
            self._control = deque(kept)

    def statistics(self) -> Mapping[str, int | float]:
        """Depth per lane, and what was replaced and refused since the mailbox was made."""
        return {
            "control": len(self._control or ()),
            "normal": len(self._normal or ()),
            "persona": len(self._persona or ()),
            "ephemeral": len(self._ephemeral or ()),
            "replaced": self._replaced,
            "overloaded": self._overloaded,
        }

    def _all(self) -> chain[AnyEnvelope]:
        return chain(*self._queues(), (self._ephemeral or {}).values())

    def _queues(self) -> list[deque[AnyEnvelope]]:
        """Those in use, in their order."""
        return [lane for lane in (self._control, self._normal, self._persona) if lane]

    def _refuse(self) -> None:
        self._overloaded += 1
        raise Overloaded

    def _put_ephemeral(self, envelope: AnyEnvelope) -> None:
        if self._ephemeral is None:
            self._ephemeral = OrderedDict()
        key = object() if envelope.key is None else envelope.key
        replaced = self._ephemeral.get(key)
        if replaced is None:
            if len(self._ephemeral) >= self._ephemeral_limit:
                self._refuse()
        else:
            if not _inherit(envelope, replaced, limit=self._ephemeral_limit):
                self._refuse()
            self._replaced += 1
        self._ephemeral[key] = envelope

    def _abort(self, _: Callable[[], None]) -> Abort:
        self._reader = None
        return Abort.SUCCEEDED


class _Replies(list[Reply]):
    """Several askers of one envelope. Each gets an answer of its own: its carrier writes in it."""

    def __call__(self, answer: Answer | Rejected) -> None:
        for reply in self:
            reply(answer if isinstance(answer, Rejected) else copy.copy(answer))


def _inherit(envelope: AnyEnvelope, replaced: AnyEnvelope, *, limit: int) -> bool:
    """Give the askers of `replaced` to `envelope`. False: too many wait under this key already."""
    if replaced.reply is None:
        return True
    replies = replaced.reply if isinstance(replaced.reply, _Replies) else _Replies([replaced.reply])
    if len(replies) >= limit:
        return False
    if envelope.reply is not None:
        replies.append(envelope.reply)
    envelope.reply = replies
    envelope.deadline = max(envelope.deadline, replaced.deadline)
    return True
