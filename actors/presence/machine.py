"""What changed between two words about who is online (pure)."""

from dataclasses import dataclass, replace

from protocol.presence import PresenceChanged

Online = tuple[int, tuple[str, ...] | None]
"""Count and sorted ids; None above 200."""

NOBODY: Online = (0, ())


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen since the last word, and `now`: who at any time (`ever`), who at every look (`always`);
    None where the word itself could not name all.

    Whoever joins is told who is online at that moment. Of one who comes and goes between two words the next
    one must say so, though it is as if nothing had happened.
    """

    now: Online
    ever: frozenset[str] | None
    always: frozenset[str] | None
    is_news: bool = False

    def then(self, now: Online) -> "Seen":
        is_news = self.is_news or now != self.now
        if now[1] is None or self.ever is None or self.always is None:
            return replace(self, now=now, is_news=is_news)
        return Seen(now, self.ever.union(now[1]), self.always.intersection(now[1]), is_news)


def said(now: Online) -> Seen:
    """This is the word."""
    ids = None if now[1] is None else frozenset(now[1])
    return Seen(now, ids, ids)


def difference(room_id: str, seen: Seen) -> PresenceChanged | None:
    """The update that leads from whatever was seen to what is now; None when that was always the same.
    Names only whom both words could name."""
    if not seen.is_news:
        return None
    count, ids = seen.now
    joined: list[str] = []
    left: list[str] = []
    if ids is not None and seen.ever is not None and seen.always is not None:
        joined, left = sorted(set(ids) - seen.always), sorted(seen.ever.difference(ids))
    return PresenceChanged(room_id=room_id, count=count, joined=joined, left=left)


def unchanged(room_id: str, online: Online) -> PresenceChanged:
    """What is known to all others."""
    return PresenceChanged(room_id=room_id, count=online[0], joined=[], left=[])
