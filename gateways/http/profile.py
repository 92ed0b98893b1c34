"""The rules of a profile's fields: names, locales, time zones, currencies, travel preferences."""

import re
import zoneinfo
from functools import cache
from typing import Annotated, Final, Literal

from babel.core import Locale, UnknownLocaleError, get_global
from msgspec import Meta, field

from core.texts import sentence
from gateways.http.problems import FieldProblem, InvalidFields
from gateways.http.routes import Body

HANDLE_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}(?!\n)$"
"""The look-ahead keeps Python's `$` from passing a last line feed; ECMAScript reads it alike."""
MAX_NAME_LENGTH: Final = 64

_NO_ZONES: Final = frozenset({"Factory", "localtime"})
"""Files beside the zones: of a machine that nobody has set up, and of this one. No client knows them."""

_TAG: Final = re.compile(r"[A-Za-z0-9]+(?:[-_][A-Za-z0-9]+)*")
"""Babel takes what follows `@` for a file's name: `qq@/ce` would be Chechen."""

Tag = Annotated[str, Meta(min_length=1, max_length=40)]
Airport = Annotated[str, Meta(pattern=r"^[A-Z]{3}(?!\n)$", examples=["LIS"])]
Pace = Literal["relaxed", "balanced", "packed"]
Budget = Literal["low", "medium", "high", "luxury"]
Seat = Literal["aisle", "middle", "window"]
Cabin = Literal["economy", "premium_economy", "business", "first"]
Diet = Literal[
    "vegetarian",
    "vegan",
    "halal",
    "kosher",
    "gluten_free",
    "lactose_free",
    "nut_free",
    "pescatarian",
]
Need = Literal[
    "wheelchair", "step_free", "hearing", "sight", "service_animal", "quiet", "medical_device"
]


class TravelPreferences(Body, frozen=True, omit_defaults=True):
    """How somebody likes to travel. Everything is optional; lists are sets without an order.

    `home_airport`: IATA. `languages`: BCP 47. `party_size`: how many usually travel. `share_feedback`:
    what others are recommended may be learned from this user's thumbs too; never from a text. `share_mood`: how
    content a room with personas is may be guessed from this user's messages too, with those of two or more others;
    of one person nothing is shown or kept.
    """

    pace: Pace | None = None
    budget: Budget | None = None
    interests: Annotated[list[Tag], Meta(max_length=20)] = field(default_factory=list)
    dislikes: Annotated[list[Tag], Meta(max_length=20)] = field(default_factory=list)
    dietary: Annotated[list[Diet], Meta(max_length=8)] = field(default_factory=list)
    accessibility: Annotated[list[Need], Meta(max_length=7)] = field(default_factory=list)
    home_airport: Airport | None = None
    seat: Seat | None = None
    cabin: Cabin | None = None
    languages: Annotated[
        list[Annotated[str, Meta(min_length=2, max_length=35)]], Meta(max_length=10)
    ] = field(default_factory=list)
    party_size: Annotated[int, Meta(ge=1, le=50)] | None = None
    share_feedback: bool = False
    share_mood: bool = False


_RULES: Final = {
    "name": sentence("A name has visible characters and no line breaks."),
    "locale": sentence("This is not a language tag that we know, such as en or de-AT."),
    "timeZone": sentence("This is not a time zone that we know, such as Europe/Lisbon."),
    "currency": sentence("This is not a currency that we know, such as EUR."),
    "preferences.languages": sentence(
        "This is not a language tag that we know, such as en or de-AT."
    ),
}


def require(**values: object) -> None:
    """Each is the normal form of a field, None where the field was not right. Raises
    `InvalidFields` naming all of those."""
    wrong = [
        FieldProblem(field, _RULES[field])
        for field, value in ((_camel(name), value) for name, value in values.items())
        if value is None
    ]
    if wrong:
        raise InvalidFields(wrong)


def normal_locale(tag: str) -> str | None:
    """`pt_br` → `pt-BR`; None for what CLDR does not know."""
    if _TAG.fullmatch(tag) is None:
        return None
    try:
        locale = Locale.parse(tag.replace("_", "-"), sep="-")
    except (ValueError, UnknownLocaleError, TypeError):
        return None
    parts = (locale.language, locale.script, locale.territory, locale.variant)
    return "-".join(part for part in parts if part)


def known_time_zone(name: str) -> str | None:
    """An IANA name, or None."""
    return name if name in _time_zones() else None


def known_currency(code: str) -> str | None:
    """An ISO 4217 code, or None."""
    return code if code in get_global("all_currencies") else None


@cache
def _time_zones() -> frozenset[str]:
    """Those of the machine, which may have none, and those of CLDR, which lacks the newest."""
    known = zoneinfo.available_timezones() | set(get_global("zone_territories"))
    return frozenset(known - _NO_ZONES)


def _camel(name: str) -> str:
    if name == "languages":
        return "preferences.languages"
    head, *tail = name.split("_")
    return head + "".join(word.capitalize() for word in tail)
