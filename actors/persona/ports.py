"""What a room's personas borrow from the world, injected by the wiring."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from actors.persona.dialogue import Item
from actors.persona.line import Trend
from core.ports.catalogue import Catalogue
from core.ports.clock import Clock, Ids
from core.ports.inference import Reader, Taste, Writer
from core.ports.offers import Offers
from core.ports.personas import Feedback, Feedbacks, Memories, Personas, Runs
from core.ports.rate_limits import RateLimits
from core.ports.repositories import Users
from core.ports.travel_search import TravelSearch
from protocol.travel import GeoPoint, Query
from protocol.understanding import Budget


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What features are measured against. `month`: 1…12, of the journey. `home`: where it begins."""

    month: int | None = None
    budget: Budget | None = None
    home: GeoPoint | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """An item in its place: `index` among the candidates, the features that it was ranked by, and the
    name of the one that weighed most for it and is true of it."""

    index: int
    because: str | None = None
    features: tuple[float, ...] = ()


class Recommender(Protocol):
    """Orders items by taste, and learns tastes."""

    async def rank(
        self, items: Sequence[Item], *, tastes: Sequence[Taste], about: Circumstances
    ) -> Sequence[Ranked]:
        """Best first, each candidate at most once. No taste: by what most like; several: for a group
        that none of it suffers."""

    def taste_of(self, feedbacks: Sequence[Feedback]) -> Taste | None:
        """What these feedbacks, oldest first, make of a taste; None: nothing can be learned of them."""

    @property
    def tower(self) -> str:
        """The version of the features and weights that are in use."""


class PriceTrends(Protocol):
    """How prices moved, from quotes that were logged."""

    async def trend(self, tenant_id: int, query: Query) -> Trend | None:
        """None: too few quotes, or too short a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonaPorts:
    """The ports of the personas of one tenant's rooms. `rate_limits` None: there are none."""

    tenant_id: int
    personas: Personas
    runs: Runs
    feedbacks: Feedbacks
    memories: Memories
    users: Users
    reader: Reader
    writer: Writer
    recommender: Recommender
    travel: TravelSearch
    offers: Offers
    catalogue: Catalogue
    trends: PriceTrends
    rate_limits: RateLimits | None
    clock: Clock
    ids: Ids
