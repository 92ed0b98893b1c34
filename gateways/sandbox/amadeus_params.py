"""Query parameters and bodies as Amadeus checks them: what is wrong names its parameter or pointer."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

import msgspec

from gateways.sandbox.amadeus_errors import refused
from gateways.sandbox.exchange import Json, Request

_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_IATA: Final = re.compile(r"[A-Z]{3}")
FLIGHTS_AHEAD: Final = 365


@dataclass(frozen=True, slots=True)
class Params:
    """The query of one request. Every reader raises `RefusalError`; `needed` ones also when the
    parameter is absent or empty (32171)."""

    request: Request

    def text(self, name: str, *, pattern: str = r".+", example: str | None = None) -> str | None:
        value = self.request.value(name)
        if not value:
            return None
        if re.fullmatch(pattern, value, re.DOTALL) is None:
            raise refused(477, "invalid query parameter format", parameter=name, example=example)
        return value

    def needed(self, name: str, *, pattern: str = r".+", example: str | None = None) -> str:
        value = self.text(name, pattern=pattern, example=example)
        if value is None:
            raise _missing(name)
        return value

    def iata(self, name: str) -> str:
        return self.needed(name, pattern=_IATA.pattern, example="PAR")

    def listed(self, name: str, *, pattern: str = r".+", most: int | None = None) -> list[str]:
        """Comma-separated or repeated; empty when absent."""
        values = self.request.values(name)
        for value in values:
            if re.fullmatch(pattern, value) is None:
                raise refused(477, f"invalid value {value[:40]!r}", parameter=name)
        if most is not None and len(values) > most:
            raise refused(10661, f"at most {most} values", parameter=name)
        return values

    def integer(self, name: str, *, low: int, high: int, default: int | None = None) -> int | None:
        value = self.text(name, pattern=r"[+-]?\d{1,9}", example=str(low))
        if value is None:
            return default
        if not low <= int(value) <= high:
            raise refused(477, f"must be between {low} and {high}", parameter=name)
        return int(value)

    def count(self, name: str, *, low: int, high: int, default: int) -> int:
        found = self.integer(name, low=low, high=high, default=default)
        return default if found is None else found

    def number(self, name: str, *, low: float, high: float) -> float:
        value = self.needed(name, pattern=r"[+-]?\d{1,3}(\.\d{1,12})?", example="41.39")
        if not low <= float(value) <= high:
            raise refused(477, f"must be between {low:g} and {high:g}", parameter=name)
        return float(value)

    def flag(self, name: str, *, default: bool = False) -> bool:
        """`true` and `True` alike: the SDK writes either."""
        value = self.text(name, pattern=r"(?i)true|false", example="true")
        return default if value is None else value.lower() == "true"

    def choice(self, name: str, choices: Sequence[str], default: str | None = None) -> str | None:
        value = self.text(name)
        if value is not None and value not in choices:
            raise refused(
                572, f"must be one of {', '.join(choices)}", parameter=name, example=choices[0]
            )
        return value or default

    def day(
        self, name: str, today: date, *, ahead: int = FLIGHTS_AHEAD, code: int = 425
    ) -> date | None:
        """Not past, and at most so many days ahead."""
        value = self.text(name)
        if value is None:
            return None
        found = parsed_day(value)
        if found is None:
            raise refused(477, "must be a day, YYYY-MM-DD", parameter=name, example=str(today))
        if found < today:
            raise refused(code, "Date/Time is in the past", parameter=name)
        if found > today + timedelta(days=ahead):
            raise refused(code, f"at most {ahead} days ahead", parameter=name)
        return found

    def needed_day(self, name: str, today: date) -> date:
        found = self.day(name, today)
        if found is None:
            raise _missing(name)
        return found


def parsed_day(value: object) -> date | None:
    """`YYYY-MM-DD`; None for anything else."""
    if not isinstance(value, str) or _DAY.fullmatch(value) is None:
        return None
    try:
        return date.fromisoformat(value)
    except ValueError:
        return None


def posted(request: Request) -> Json:
    """The body's object. Raises `RefusalError`."""
    try:
        found = msgspec.json.decode(request.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise refused(477, "the body is not JSON", pointer="/") from None
    if not isinstance(found, dict):
        raise refused(477, "the body must be an object", pointer="/")
    return found


def member(parent: Any, name: str, kind: type, at: str) -> Any:
    """A mandatory member of an object that stands at the JSON pointer `at`."""
    found = parent.get(name) if isinstance(parent, dict) else None
    if found is None or found in ("", []):
        raise refused(32171, f"{name} is mandatory", pointer=f"{at}/{name}")
    if not isinstance(found, kind) or (kind is int and isinstance(found, bool)):
        raise refused(477, f"{name} has the wrong type", pointer=f"{at}/{name}")
    return found


def one_of(value: object, choices: Iterable[str], at: str) -> str:
    """A text that is one of those."""
    allowed = list(choices)
    if not isinstance(value, str) or value not in allowed:
        raise refused(477, f"must be one of {', '.join(allowed)}", pointer=at)
    return value


def _missing(name: str) -> Exception:
    return refused(32171, f"Query parameter {name} is mandatory", parameter=name)
