"""What a person meant: intents, slots, and the setting in which words are understood."""

from typing import Annotated, Final, Literal, get_args

from msgspec import Meta

from protocol.frames import Value
from protocol.ids import Currency, Date

Intent = Literal[
    "greet",
    "ask_destination",
    "search_flight",
    "search_hotel",
    "search_activity",
    "refine",
    "compare",
    "ask_detail",
    "weather",
    "price_trend",
    "plan_add",
    "book",
    "pay",
    "cancel",
    "thanks",
    "complaint",
    "smalltalk",
    "out_of_scope",
    "human_chatter",
]
INTENTS: Final[tuple[Intent, ...]] = get_args(Intent)

ALWAYS_CONFIRMED: Final = frozenset[Intent]({"book", "pay", "cancel"})
"""Never acted upon from one reading, however sure."""

MEANT_FROM: Final = 0.5
"""From this likelihood on (`Understanding.addressed`) a message that names no persona is taken for one."""

Language = Literal["en", "de", "es", "fr"]
SlotName = Literal["destination", "origin", "dates", "budget", "party"]
Question = Literal[
    "destination",
    "origin",
    "dates",
    "budget",
    "party",
    "which",
    "confirm_book",
    "confirm_pay",
    "confirm_cancel",
]
Shown = Literal["places", "flights", "hotels", "activities"]


Part = Literal["second", "mid", "third", "late"]
"""Of a month: its second or third week, its middle, or its end."""


class Setting(Value, frozen=True, kw_only=True):
    """What was going on when a message was written; the prior of its meaning.

    `people`: humans in the room. `addressed`: it names a persona or replies to one. `asked`: what a
    persona asked this person just before. `shown`: what lies on the table. `last`: who wrote the message
    before. `today`: the writer's day, which relative dates count from. `around`: the first day of the stay that is
    talked of, of whose month a day without one is. `names`: what the room's personas are called, where that is known.
    `language`: the writer's own, which a message is in that does not tell. `is_in_talk`: it is the one of their talk with a
    persona so far, which only a clear sentence in another one changes.
    """

    people: int = 1
    addressed: bool = False
    asked: Question | None = None
    shown: Shown | None = None
    last: Literal["persona", "human", "nobody"] = "nobody"
    today: Date = "2026-11-24"
    around: Date | None = None
    names: tuple[str, ...] = ()
    language: Language = "en"
    is_in_talk: bool = False


class PlaceMention(Value, frozen=True, kw_only=True):
    """A place as it was written. `name`: its English name; `place_id` of the catalogue where that has
    it, or the city that one goes to for a region; `country` where it is a whole one. `namesakes`: where others of that
    name are that may have been meant, of the same country ("here") or of none but others."""

    name: str
    place_id: str | None = None
    country: str | None = None
    namesakes: Literal["here", "abroad"] | None = None


class Dates(Value, frozen=True, kw_only=True):
    """When. `from_` and `to`: days; `month`: "2027-02", and which `part` of it; `nights`; `season`: "2026-winter" begins in
    December 2026; `holiday`: "easter-2027". Only what was said is there."""

    from_: Date | None = None
    to: Date | None = None
    month: Annotated[str, Meta(pattern=r"^\d{4}-\d{2}$")] | None = None
    part: Part | None = None
    nights: int | None = None
    season: Annotated[str, Meta(pattern=r"^\d{4}-(spring|summer|autumn|winter)$")] | None = None
    holiday: Annotated[str, Meta(pattern=r"^(christmas|new-year|easter)-\d{4}$")] | None = None


class Budget(Value, frozen=True, kw_only=True):
    """At most so much, in major units as people say it."""

    amount: float
    currency: Currency | None = None
    per: Literal["night", "person", "person_night", "total"] | None = None


class PartySaid(Value, frozen=True, kw_only=True):
    """Who comes along, as far as it was said. `ages`: of the children."""

    adults: int | None = None
    children: int | None = None
    ages: tuple[int, ...] = ()


class Slots(Value, frozen=True, kw_only=True):
    """What one message says; empty where it says nothing."""

    destination: tuple[PlaceMention, ...] = ()
    origin: tuple[PlaceMention, ...] = ()
    dates: Dates | None = None
    budget: Budget | None = None
    party: PartySaid | None = None


class Understanding(Value, frozen=True, kw_only=True):
    """A reading of one message. `confidence` 0…1; `second`: the next best intent and its confidence.
    `addressed`: how likely it is meant for a persona at all, 0…1. `reader`: which model read it.
    `is_supported`: whether it is in one of the languages, and models read that well enough to act upon it."""

    language: Language
    intent: Intent
    confidence: float
    second: tuple[Intent, float] | None = None
    addressed: float
    slots: Slots = Slots()
    reader: Literal["encoder", "ngrams", "rules"]
    is_supported: bool = True
