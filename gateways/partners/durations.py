"""ISO 8601 durations, as suppliers write how long a flight takes."""

import re
from functools import lru_cache
from typing import Final

_DURATION: Final = re.compile(r"P(?:(\d{1,3})D)?(?:T(?:(\d{1,3})H)?(?:(\d{1,4})M)?(?:\d+S)?)?")


@lru_cache(maxsize=2_048)
def minutes(duration: str | None) -> int | None:
    """`PT02H26M` is 146; None for what is no duration of days, hours and minutes."""
    match = _DURATION.fullmatch(duration or "")
    if match is None or not any(match.groups()):
        return None
    days, hours, rest = (int(part or 0) for part in match.groups())
    return (days * 24 + hours) * 60 + rest
