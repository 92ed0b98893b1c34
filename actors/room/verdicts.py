"""What a resume is answered with: `complete`, `reset`, or not known yet (§3)."""

from actors.room.ring import Ring
from actors.room.state import Member, RoomState
from core.ports.message_log import Missed
from protocol.limits import MAX_REPLAY_BYTES, MAX_REPLAY_EVENTS
from protocol.session import Position, Verdict


def judge_position(room: RoomState, ring: Ring, member: Member, after: Position) -> Verdict | None:
    """The verdict as far as it needs no database; None: what was missed must be measured.

    A member who was away meanwhile may not read what he missed: his log would have a hole, and to a
    client a hole is something to ask for again.
    """
    if after.epoch != room.epoch or is_cut_off(room, member, after.seq) or after.seq > room.head:
        return "reset"
    if room.head - after.seq > MAX_REPLAY_EVENTS:
        return "reset"
    return "complete" if ring.covers(after.seq) else None


def judge_missed(missed: Missed) -> Verdict:
    is_near = missed.events <= MAX_REPLAY_EVENTS and missed.bytes <= MAX_REPLAY_BYTES
    return "complete" if is_near else "reset"


def is_cut_off(room: RoomState, member: Member, seq: int) -> bool:
    """Whether the event after `seq` is gone, or was before this member's time."""
    return seq < room.first_readable(member) - 1
