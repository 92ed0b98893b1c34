"""When the runs are due: at a quiet hour, by UTC, or every hour (pure)."""

from typing import Final

from core.ports.models import Job

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
OPEN_FOR_MS: Final = 4 * HOUR_MS
"""After its hour; a server that was down then waits for the next one: it is not quiet any more."""

SUNDAY: Final = 3
"""Day 0 of the epoch was a Thursday."""


def due_at(job: Job, *, now: int, quiet_hour: int) -> int | None:
    """The time (ms since the epoch) of the run that may be done now; None: there is none."""
    if job == "hourly":
        return now // HOUR_MS * HOUR_MS
    today = (now - quiet_hour * HOUR_MS) // DAY_MS
    due = today * DAY_MS + quiet_hour * HOUR_MS
    if now - due >= OPEN_FOR_MS:
        return None
    return due if job == "daily" or today % 7 == SUNDAY else None
