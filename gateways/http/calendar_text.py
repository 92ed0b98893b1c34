"""An itinerary as iCalendar (RFC 5545). Times have no zone: they are local to where one then is.

A flight's departure and arrival are in two zones: its end is left out of the times and said in words.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from core.ports.plans import BookedPart
from protocol.plan import PlanItem

MAX_OCTETS: Final = 75
"""Of a line, its end not counted (§3.1)."""

_ESCAPES: Final = str.maketrans({"\\": "\\\\", ";": "\\;", ",": "\\,", "\n": "\\n", "\r": None})


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """`starts`, `ends`: a day or a moment, in ISO 8601's long form; without `ends`: that day, or no
    duration."""

    uid: str
    title: str
    starts: str
    ends: str | None = None
    where: str = ""
    note: str = ""


def calendar_text(title: str, room_id: str, entries: Iterable[Entry], *, now: int) -> str:
    """The whole calendar. `now`: in ms, when it was looked at."""
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Caravan//Trip board//EN",
        "CALSCALE:GREGORIAN",
        "METHOD:PUBLISH",
        f"X-WR-CALNAME:{_text(title)}",
        "REFRESH-INTERVAL;VALUE=DURATION:PT15M",
    ]
    stamp = datetime.fromtimestamp(now // 1_000, UTC).strftime("%Y%m%dT%H%M%SZ")
    for entry in entries:
        lines += _event(entry, room_id, stamp)
    lines.append("END:VCALENDAR")
    return "".join(f"{part}\r\n" for line in lines for part in _folded(line))


def entries_of(items: Sequence[PlanItem], booked: Iterable[BookedPart]) -> list[Entry]:
    """Days with a date, the stops below them, and what is booked."""
    entries: list[Entry] = []
    day: str | None = None
    for item in items:
        fields = item.fields
        if item.kind == "day":
            day = _real_day(fields.get("date"))
            if day is not None:
                entries.append(
                    Entry(
                        uid=item.id,
                        title=fields["title"],
                        starts=day,
                        note=fields.get("note", ""),
                    )
                )
        elif item.kind == "stop" and day is not None:
            starts, ends = fields.get("startsAt"), fields.get("endsAt")
            lasts = starts is not None and ends is not None and starts < ends
            entries.append(
                Entry(
                    uid=item.id,
                    title=fields["title"],
                    starts=day if starts is None else f"{day}T{starts}:00",
                    ends=f"{day}T{ends}:00" if lasts else None,
                    where=fields.get("address", ""),
                    note=fields.get("note", ""),
                )
            )
    entries += [
        Entry(
            uid=f"{part.booking_id}-{part.part_id}",
            title=part.title,
            starts=part.starts,
            ends=part.ends if len(part.starts) == len("2027-05-14") else None,
            where=part.where,
            note="" if "T" not in part.ends else f"→ {part.ends.replace('T', ' ')[:16]}",
        )
        for part in booked
    ]
    return entries


def _real_day(text: str | None) -> str | None:
    """What looks like a date may be none: `2027-02-30`. Nor is the last of all days, for want of one after it."""
    try:
        day = date.max if text is None else date.fromisoformat(text)
    except ValueError:
        return None
    return None if day == date.max else day.isoformat()


def _event(entry: Entry, room_id: str, stamp: str) -> list[str]:
    is_day = len(entry.starts) == len("2027-05-14")
    lines = [
        "BEGIN:VEVENT",
        f"UID:{_text(entry.uid)}-{room_id}@caravan",
        f"DTSTAMP:{stamp}",
        _time("DTSTART", entry.starts),
    ]
    if is_day:
        # The end is the day after the last one (§3.6.1).
        after = date.fromisoformat(entry.starts) + timedelta(days=1)
        lines.append(_time("DTEND", entry.ends or after.isoformat()))
    elif entry.ends is not None:
        lines.append(_time("DTEND", entry.ends))
    lines.append(f"SUMMARY:{_text(entry.title)}")
    lines += [f"LOCATION:{_text(entry.where)}"] if entry.where else []
    lines += [f"DESCRIPTION:{_text(entry.note)}"] if entry.note else []
    return [*lines, "END:VEVENT"]


def _time(name: str, moment: str) -> str:
    plain = moment.replace("-", "").replace(":", "")
    return f"{name}:{plain}" if "T" in plain else f"{name};VALUE=DATE:{plain}"


def _text(text: str) -> str:
    """§3.3.11. Control characters have no place in it."""
    escaped = text.translate(_ESCAPES)
    return "".join(char for char in escaped if char >= " " and char != "\x7f")


def _folded(line: str) -> list[str]:
    """Parts of at most 75 octets; each but the first begins with a space. No character is cut."""
    parts, part, size = [], "", 0
    for char in line:
        octets = len(char.encode())
        if size + octets > MAX_OCTETS:
            parts.append(part)
            part, size = " ", 1
        part += char
        size += octets
    return [*parts, part]
