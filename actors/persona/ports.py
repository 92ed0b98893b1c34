"""What a room's personas borrow from the world, injected by the wiring."""

from dataclasses import dataclass, field
from typing import Protocol

from actors.persona.line import Trend
from core.headroom import Headroom
from core.ports.catalogue import Catalogue
from core.ports.clock import BusinessClock, Clock, Ids
from core.ports.inference import (
    Circumstances,
    Moods,
    PlacesByMeaning,
    Ranked,
    Reader,
    Recommender,
    Writer,
)
from core.ports.offers import Offers
from core.ports.personas import Feedbacks, Memories, Personas, Runs
from core.ports.rate_limits import RateLimits
from core.ports.repositories import Users
from core.ports.travel_search import TravelSearch
from protocol.travel import Query

__all__ = ["Circumstances", "PersonaPorts", "PriceTrends", "Ranked", "Recommender"]


class PriceTrends(Protocol):
    """How prices moved, from quotes that were logged."""

    async def trend(self, tenant_id: int, query: Query) -> Trend | None:
        """None: too few quotes, or too short a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonaPorts:
    """The ports of the personas of one tenant's rooms. `rate_limits` None: there are none. `business`: what day it is
    for whoever books; `clock`: when something was said."""

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
    meanings: PlacesByMeaning
    moods: Moods
    trends: PriceTrends
    rate_limits: RateLimits | None
    clock: Clock
    business: BusinessClock
    ids: Ids
    headroom: Headroom = field(default_factory=Headroom)
