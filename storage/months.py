"""Months in UTC: the leaves of the message log."""

from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple, Self

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MAX_YEAR: Final = 9999  # `datetime` ends with it, and a month needs its successor's start


class Month(NamedTuple):
    """A month of the calendar. Ordered."""

    year: int
    month: int

    @classmethod
    def of(cls, at: int) -> Self:
        """The month of `at` (ms since the epoch). Raises `ValueError` outside years 1 to 9999."""
        try:
            when = EPOCH + timedelta(milliseconds=at)
        except OverflowError as error:
            raise ValueError(f"{at} is not a time") from error
        return cls(when.year, when.month)

    @classmethod
    def of_uuid7(cls, text: str) -> Self | None:
        """The month in a UUIDv7's own time (RFC 9562 §5.7); None when that is beyond the calendar."""
        try:
            month = cls.of(int(text[:8] + text[9:13], 16))
        except ValueError:
            return None
        return month if month.year < MAX_YEAR else None

    def plus(self, months: int) -> "Month":
        """So many months later."""
        count = self.year * 12 + self.month - 1 + months
        return Month(count // 12, count % 12 + 1)

    @property
    def start(self) -> int:
        """Its first millisecond."""
        since = datetime(self.year, self.month, 1, tzinfo=UTC) - EPOCH
        return since // timedelta(milliseconds=1)

    @property
    def leaf(self) -> str:
        """The table of its messages."""
        return f"message_y{self.year:04}m{self.month:02}"
