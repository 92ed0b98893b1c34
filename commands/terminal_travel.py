"""`/flights` and `/hotels` in a terminal: what was typed, what is asked, what is shown. Pure."""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from commands.terminal_words import clean, money_text, one_line

FLIGHTS: Final = (
    "/flights [FROM] TO DATE [BACK] [ADULTS], for example /flights Lisbon Paris 2027-05-14"
)
HOTELS: Final = (
    "/hotels PLACE FROM TO [ADULTS] [ROOMS], for example /hotels Paris 2027-05-14 2027-05-17"
)
SHOWN: Final = 10
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}\Z")
_CODE: Final = re.compile(r"[A-Z]{3}\Z")

Card = Mapping[str, Any]


class TypedWrong(ValueError):
    """The text says what is missing or wrong, and how to type it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flights:
    """`origin` None: from home. Places are names or IATA codes."""

    origin: str | None
    destination: str
    depart_on: str
    return_on: str | None = None
    adults: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Rooms:
    """`place` is a name or an IATA code."""

    place: str
    check_in: str
    check_out: str
    adults: int = 1
    rooms: int = 1


def flights_of(typed: str) -> Flights:
    """Raises `TypedWrong`."""
    places, days, numbers = _parts(typed, FLIGHTS)
    if len(places) not in (1, 2) or len(days) not in (1, 2) or len(numbers) > 1:
        raise TypedWrong(FLIGHTS)
    return Flights(
        origin=places[0] if len(places) == 2 else None,
        destination=places[-1],
        depart_on=days[0],
        return_on=days[1] if len(days) == 2 else None,
        adults=numbers[0] if numbers else 1,
    )


def rooms_of(typed: str) -> Rooms:
    """Raises `TypedWrong`."""
    places, days, numbers = _parts(typed, HOTELS)
    if len(places) != 1 or len(days) != 2 or len(numbers) > 2:
        raise TypedWrong(HOTELS)
    adults, rooms = (*numbers, *(1, 1)[len(numbers) :])
    return Rooms(place=places[0], check_in=days[0], check_out=days[1], adults=adults, rooms=rooms)


def is_code(place: str) -> bool:
    """Whether it is an IATA code as it stands: `LIS`."""
    return _CODE.match(place) is not None


def offer_lines(answer: Mapping[str, Any]) -> list[str]:
    """The answer of `GET /api/v1/offers` in lines: the offers, then who has not answered."""
    lines = [offer_line(number, card) for number, card in enumerate(answer["items"][:SHOWN], 1)]
    if (more := len(answer["items"]) - SHOWN) > 0:
        lines.append(f"    … and {more} more")
    if not answer["items"]:
        lines.append("    Nothing found." if not answer["partial"] else "    Nothing found yet.")
    late = [one["name"] for one in answer["suppliers"] if one["state"] in ("late", "stale")]
    failed = [one["name"] for one in answer["suppliers"] if one["state"] == "failed"]
    lines += (
        [f"    Still searching: {clean(', '.join(late))}. Ask again to see more."] if late else []
    )
    lines += [f"    Not reachable now: {clean(', '.join(failed))}."] if failed else []
    lines += [f"    {clean(answer['note'])}"] if answer.get("note") else []
    return lines


def offer_line(number: int, card: Card) -> str:
    """One offer's card, numbered."""
    price, what = card["price"], offer_text(card["details"])
    marks = [
        *(["can be held"] if card["canHold"] else []),
        *(["old price"] if card.get("isStale") else []),
    ]
    return f"{number:>3} {money_text(price):>14}  {what}  ({', '.join([one_line(card['supplier']), *marks])})"


def offer_text(details: Mapping[str, Any]) -> str:
    """What is offered, in a line."""
    return _flights(details) if details["kind"] == "flight" else _room(details)


def _flights(details: Mapping[str, Any]) -> str:
    ways = " / ".join(_way(way["segments"]) for way in details["itineraries"])
    bags = details.get("checkedBags")
    extras = [
        *([f"{bags} bag{'s' if bags > 1 else ''}"] if bags else []),
        *(["refundable"] if details.get("isRefundable") else []),
    ]
    return ", ".join([ways, *extras])


def _way(segments: Sequence[Mapping[str, Any]]) -> str:
    first, last = segments[0], segments[-1]
    stops = len(segments) - 1
    via = "direct" if not stops else f"{stops} stop{'s' if stops > 1 else ''}"
    numbers = " ".join(f"{segment['carrier']}{segment['number']}" for segment in segments)
    day, leaves = first["departs"].split("T")
    arrives = last["arrives"].split("T")[1]
    ends = f"{first['origin']} {leaves[:5]} → {last['destination']} {arrives[:5]}"
    return one_line(f"{day} {ends}, {via}, {numbers}")


def _room(details: Mapping[str, Any]) -> str:
    room = f", {details['room']}" if details.get("room") else ""
    return one_line(f"{details['name']}{room}, {details['checkIn']} to {details['checkOut']}")


def _parts(typed: str, usage: str) -> tuple[list[str], list[str], list[int]]:
    """Places, days and numbers, in this order."""
    try:
        words = shlex.split(typed)
    except ValueError:
        raise TypedWrong(f"A quotation mark is missing. {usage}") from None
    first_day = next((at for at, word in enumerate(words) if _DAY.match(word)), len(words))
    places, rest = words[:first_day], words[first_day:]
    days = [word for word in rest if _DAY.match(word)]
    numbers = rest[len(days) :]
    if rest[: len(days)] != days or not all(word.isascii() and word.isdigit() for word in numbers):
        raise TypedWrong(usage)
    for day in days:
        _check(day)
    return places, days, [int(number) for number in numbers]


def _check(day: str) -> None:
    try:
        date.fromisoformat(day)
    except ValueError:
        raise TypedWrong(f"{day} is no day of the calendar.") from None
