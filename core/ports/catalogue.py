"""Places that exist: destinations with what is worth knowing, cities and airports of the world."""

from collections.abc import Sequence
from typing import Protocol

from protocol.travel import GeoPoint, Place


class Catalogue(Protocol):
    """Read-only; the same for every tenant."""

    async def place(self, place_id: str) -> Place | None:
        """By id."""

    async def by_iata(self, code: str) -> Place | None:
        """The city or destination with this city code, else the airport."""

    async def search(self, text: str, *, language: str = "en", limit: int = 20) -> Sequence[Place]:
        """Places one of whose names, in whatever language, has these words or begins with them, small
        mistakes and missing accents forgiven; best first. Empty for an empty text."""

    async def near(
        self, at: GeoPoint, *, within_km: float, limit: int = 20
    ) -> Sequence[tuple[Place, float]]:
        """Places by distance in km, nearest first."""

    async def destinations(self, *, tags: Sequence[str] = (), limit: int = 50) -> Sequence[Place]:
        """Destinations that have all these tags, by name."""
