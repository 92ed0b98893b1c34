"""Where a client stands in its rooms' logs: dedupe, gaps, verdicts; pure (§3.2, §4)."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from itertools import islice
from typing import Any

from protocol.limits import MAX_ROOMS


class Judgement(Enum):
    """What an arriving durable event is to us."""

    NEXT = auto()
    SEEN = auto()
    GAP = auto()
    OTHER_EPOCH = auto()
    UNKNOWN_ROOM = auto()


@dataclass(slots=True)
class Position:
    """The last event seen of one room. `is_healing`: a join that closes a gap is under way;
    `heals`: how many there were since the log last went on."""

    epoch: str
    seq: int
    is_healing: bool = False
    heals: int = 0

    def wire(self) -> dict[str, object]:
        """As `resume` and `after` want it."""
        return {"epoch": self.epoch, "seq": self.seq}


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What a welcome leaves to do: rooms to join again (after a position, or anew); rooms lost."""

    rejoin: dict[str, dict[str, object] | None]
    gone: list[str]


class Positions:
    """All joined rooms of one session. Bounded by the server: `maxRooms` per connection."""

    def __init__(self) -> None:
        self._rooms: dict[str, Position] = {}

    def __contains__(self, room_id: str) -> bool:
        return room_id in self._rooms

    def __getitem__(self, room_id: str) -> Position:
        return self._rooms[room_id]

    def after(self, room_id: str) -> dict[str, object] | None:
        """`after` for a join of this room; None when it is new to us."""
        position = self._rooms.get(room_id)
        return position.wire() if position else None

    def resume(self) -> dict[str, dict[str, object]]:
        """`resume.rooms`; what does not fit is joined again after the welcome."""
        rooms = islice(self._rooms.items(), MAX_ROOMS)
        return {room_id: position.wire() for room_id, position in rooms}

    def judge(self, room_id: str, epoch: str, seq: int) -> Judgement:
        """Say what an event is, and move on when it is the next one."""
        position = self._rooms.get(room_id)
        if position is None:
            return Judgement.UNKNOWN_ROOM
        if epoch != position.epoch:
            return Judgement.OTHER_EPOCH
        if seq <= position.seq:
            return Judgement.SEEN
        if seq > position.seq + 1:
            return Judgement.GAP
        position.seq = seq
        position.heals = 0
        return Judgement.NEXT

    def joined(self, room: Mapping[str, Any], verdict: str | None) -> bool:
        """Take over an `ok` of join or create. True when what we had seen counts no more.

        A new room starts at its head; a known one goes on where we are, unless `reset`.
        """
        known = self._rooms.get(room["id"])
        if known is not None and known.epoch == room["epoch"] and verdict != "reset":
            known.is_healing = False
            return False
        self._rooms[room["id"]] = Position(room["epoch"], room["head"])
        return known is not None

    def left(self, room_id: str) -> None:
        self._rooms.pop(room_id, None)

    def welcomed(self, verdicts: Mapping[str, Mapping[str, Any]]) -> Verdicts:
        """Judge all rooms by a welcome. A room it does not name is joined again by position."""
        rejoin: dict[str, dict[str, object] | None] = {}
        gone: list[str] = []
        for room_id, position in list(self._rooms.items()):
            position.is_healing = False
            match verdicts.get(room_id, {}).get("verdict"):
                case "complete":
                    continue
                case "gone":
                    gone.append(room_id)
                    self.left(room_id)
                case "reset":
                    # No epoch is called "": cut before the join is answered, we hear reset again.
                    self._rooms[room_id] = Position("", 0)
                    rejoin[room_id] = None
                case _:
                    rejoin[room_id] = position.wire()
        return Verdicts(rejoin, gone)
