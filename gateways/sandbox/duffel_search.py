"""A search as it is posted to the sandbox's Duffel: read strictly, kept as a record."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final, Literal

from gateways.sandbox.draw import letters
from gateways.sandbox.duffel_replies import ALPHABET, Fault, Refusal
from gateways.sandbox.exchange import Json, Setting
from gateways.sandbox.fares import Age

EXPIRES_AFTER_MS: Final = 30 * 60_000
MOST_TRAVELLERS: Final = 9
MOST_SLICES: Final = 4
FARTHEST_DAYS: Final = 361
CABINS: Final = ("economy", "premium_economy", "business", "first")

_IATA: Final = re.compile(r"[A-Z]{3}")
_TYPES: Final[dict[str, Age]] = {
    "adult": "adult",
    "child": "child",
    "infant_without_seat": "infant",
}
TYPE_OF: Final[dict[Age, str]] = {age: name for name, age in _TYPES.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Passenger:
    """`age` as it was posted; `kind` what the airlines take it for."""

    id: str
    kind: Age
    age: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """One offer request. `slices`: origin, destination and day; `created` in business time."""

    id: str
    created: int
    slices: tuple[tuple[str, str, date], ...]
    passengers: tuple[Passenger, ...]
    cabin: str | None
    most_stops: Literal[0, 1]

    @property
    def expires(self) -> int:
        return self.created + EXPIRES_AFTER_MS

    @property
    def seats(self) -> int:
        return sum(each.kind != "infant" for each in self.passengers)

    def as_record(self) -> Json:
        return {
            "created": self.created,
            "slices": [[origin, end, day.isoformat()] for origin, end, day in self.slices],
            "passengers": [[each.id, each.kind, each.age] for each in self.passengers],
            "cabin": self.cabin,
            "mostStops": self.most_stops,
        }


def from_record(search_id: str, kept: Json) -> Search:
    """The inverse of `as_record`."""
    return Search(
        id=search_id,
        created=kept["created"],
        slices=tuple((o, d, date.fromisoformat(day)) for o, d, day in kept["slices"]),
        passengers=tuple(Passenger(id=i, kind=k, age=a) for i, k, a in kept["passengers"]),
        cabin=kept["cabin"],
        most_stops=kept["mostStops"],
    )


def read_search(data: Json, search_id: str, setting: Setting) -> Search:
    """Raises `Refusal` with everything that is wrong."""
    faults = [*_slices(data, setting), *_passengers(data)]
    cabin, stops = data.get("cabin_class"), data.get("max_connections", 1)
    if cabin is not None and cabin not in CABINS:
        faults.append(Fault("validation_inclusion", "/cabin_class"))
    if stops not in (0, 1, 2) or isinstance(stops, bool):
        faults.append(Fault("validation_inclusion", "/max_connections"))
    if faults:
        raise Refusal(*faults)
    return Search(
        id=search_id,
        created=setting.now.business,
        slices=tuple(
            (each["origin"], each["destination"], date.fromisoformat(each["departure_date"]))
            for each in data["slices"]
        ),
        passengers=tuple(
            Passenger(id=f"pas_{_drawn(search_id, index)}", kind=kind, age=each.get("age"))
            for index, each in enumerate(data["passengers"])
            if (kind := _kind(each)) is not None
        ),
        cabin=cabin,
        most_stops=0 if stops == 0 else 1,
    )


def _slices(data: Json, setting: Setting) -> Iterator[Fault]:
    slices = data.get("slices")
    if not isinstance(slices, list):
        yield Fault("validation_required" if slices is None else "validation_type", "/slices")
        return
    if not 1 <= len(slices) <= MOST_SLICES:
        yield Fault("validation_length", "/slices")
    earliest = setting.now.today
    for index, each in enumerate(slices):
        at = f"/slices/{index}"
        if not isinstance(each, dict):
            yield Fault("validation_type", at)
            continue
        for name in ("origin", "destination"):
            code = each.get(name)
            if not isinstance(code, str) or not _IATA.fullmatch(code):
                yield Fault("validation_format" if code else "validation_required", f"{at}/{name}")
            elif setting.world.at_city(code) is None:
                yield Fault("validation_inclusion", f"{at}/{name}")
        day = _day(each.get("departure_date"))
        latest = setting.now.today + timedelta(days=FARTHEST_DAYS)
        if day is None or not earliest <= day <= latest:
            yield Fault("validation_format", f"{at}/departure_date")
        else:
            earliest = day


def _passengers(data: Json) -> Iterator[Fault]:
    passengers = data.get("passengers")
    if not isinstance(passengers, list):
        missing = passengers is None
        yield Fault("validation_required" if missing else "validation_type", "/passengers")
        return
    if not 1 <= len(passengers) <= MOST_TRAVELLERS:
        yield Fault("validation_length", "/passengers")
        return
    kinds = [_kind(each) for each in passengers]
    for index, (each, kind) in enumerate(zip(passengers, kinds, strict=True)):
        if kind is None:
            both = isinstance(each, dict) and not {"type", "age"} & each.keys()
            code = "validation_required" if both else "validation_inclusion"
            yield Fault(code, f"/passengers/{index}/type")
    if kinds.count("infant") > kinds.count("adult"):
        yield Fault("validation_inclusion", "/passengers")


def _kind(posted: Any) -> Age | None:
    """A passenger has a type or an age, not both."""
    if not isinstance(posted, dict):
        return None
    age, name = posted.get("age"), posted.get("type")
    if age is None:
        return _TYPES.get(name) if isinstance(name, str) else None
    if name is not None or not isinstance(age, int) or isinstance(age, bool):
        return None
    if not 0 <= age <= 130:
        return None
    return "infant" if age < 2 else "child" if age < 12 else "adult"


def _drawn(search_id: str, index: int) -> str:
    return letters(22, ALPHABET, search_id, "passenger", index)


def _day(text: object) -> date | None:
    if not isinstance(text, str) or not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
