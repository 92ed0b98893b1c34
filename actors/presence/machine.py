"""What changed between two looks at who is online (pure)."""

from protocol.presence import PresenceChanged

Online = tuple[int, tuple[str, ...] | None]
"""Count and sorted ids; None above 200."""

NOBODY: Online = (0, ())


def difference(room_id: str, before: Online, now: Online) -> PresenceChanged | None:
    """The update that leads from `before` to `now`; None when they are the same. Names only whom
    both looks could name."""
    if before == now:
        return None
    joined: list[str] = []
    left: list[str] = []
    if before[1] is not None and now[1] is not None:
        joined = sorted(set(now[1]) - set(before[1]))
        left = sorted(set(before[1]) - set(now[1]))
    return PresenceChanged(room_id=room_id, count=now[0], joined=joined, left=left)
