"""Two times at once: the wall's, and the business's, which runs ahead of it by a stored offset.

Business time decides what offers, orders and travel dates are about; wall time decides tokens, rate
limits and delays. The offset only grows.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final

from gateways.sandbox.records import Draft, Records

KIND: Final = "sandbox.clock"
_KEY: Final = "offset"
MAX_OFFSET_MS: Final = 10 * 366 * 86_400_000


class BackwardsError(ValueError):
    """Time was to go backwards, or too far; the sentence says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Instant:
    """Milliseconds since 1970, UTC."""

    wall: int
    business: int

    @property
    def moment(self) -> datetime:
        """Business time, aware, UTC."""
        return datetime.fromtimestamp(self.business / 1_000, UTC)

    @property
    def today(self) -> date:
        """The business day, UTC."""
        return self.moment.date()


def instant(wall: int, records: Records) -> Instant:
    """Both times, from the wall's."""
    found = records.get(KIND, _KEY)
    return Instant(wall=wall, business=wall + (0 if found is None else int(found["ms"])))


def advance(draft: Draft, by: object) -> int:
    """Move business time forward by so many milliseconds; the new offset. Raises `BackwardsError`."""
    found = draft.get(KIND, _KEY)
    before = 0 if found is None else int(found["ms"])
    if isinstance(by, bool) or not isinstance(by, int) or by < 0:
        raise BackwardsError("advanceMs must be an integer of at least 0: time only goes forward.")
    if before + by > MAX_OFFSET_MS:
        raise BackwardsError("The clock can run at most ten years ahead: give a smaller advanceMs.")
    draft.put(KIND, _KEY, {"ms": before + by})
    return before + by
