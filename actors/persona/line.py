"""One segment as the policy means it, before records become words (pure)."""

from dataclasses import dataclass
from typing import Literal

from actors.persona.dialogue import Item, Trip
from actors.persona.hints import Attribute, Share
from actors.persona.when import Stay
from protocol.travel import Offer, Party, Place
from protocol.understanding import Budget, Intent, Question, Shown
from protocol.wording import Act

Together = Literal["average", "least_misery"]
"""How the liking of several people was made one: by its mean, or by whom each item pleases least."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """How the price of a query moved. `change`: relative (0.06: 6 % up) over `days`."""

    change: float
    days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What an act is about: the item `at` (from 0) of those shown, of that kind, or what was to be done,
    or both."""

    intent: Intent | None = None
    at: int | None = None
    kind: Shown | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """An act and all that its words may draw on; nothing else may be said.

    `items`: those listed, by rank. `places`: those that were named or searched in. `ages_assumed`: of
    the party's children; `asks_ages`: that is said of its own; so is what no record tells, if it
    `is_beyond_records`. `because`: a feature's name; `together`: by which rule it was chosen for several
    people, None for one. `per`: for what prices are asked. `is_least`: nothing costs less than the first item. `month`: 1…12, for climates. `repriced`: the
    first item as it costs now.
    """

    act: Act
    trip: Trip | None = None
    stay: Stay | None = None
    party: Party | None = None
    ages_assumed: bool = False
    asks_ages: bool = False
    is_beyond_records: bool = False
    budget: Budget | None = None
    items: tuple[Item, ...] = ()
    places: tuple[Place, ...] = ()
    origin: Place | None = None
    wanted: Question | None = None
    readings: tuple[Intent, Intent] | None = None
    subject: Subject | None = None
    attributes: tuple[Attribute, ...] = ()
    per: Share | None = None
    month: int | None = None
    trend: Trend | None = None
    because: str | None = None
    together: Together | None = None
    is_least: bool = False
    repriced: Offer | None = None
    mood: Literal["plain", "glad", "sad"] = "plain"
