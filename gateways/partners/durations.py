"""How suppliers write times: how long a flight takes, and when it leaves and arrives."""

import re
from datetime import datetime
from functools import lru_cache
from typing import Final

from protocol.travel import LocalTime

_DURATION: Final = re.compile(r"P(?:(\d{1,3})D)?(?:T(?:(\d{1,3})H)?(?:(\d{1,4})M)?(?:\d+S)?)?")


@lru_cache(maxsize=2_048)
def minutes(duration: str | None) -> int | None:
    """`PT02H26M` is 146; None for what is no duration of days, hours and minutes."""
    match = _DURATION.fullmatch(duration or "")
    if match is None or not any(match.groups()):
        return None
    days, hours, rest = (int(part or 0) for part in match.groups())
    return (days * 24 + hours) * 60 + rest


@lru_cache(maxsize=2_048)
def shown(at: LocalTime) -> LocalTime:
    """The same, if clocks can show it: that it has the form of a time is not enough for who holds it against a
    calendar. Raises `ValueError`."""
    try:
        datetime.fromisoformat(at)
    except ValueError:
        raise ValueError(f"no clock shows {at}") from None
    return at
