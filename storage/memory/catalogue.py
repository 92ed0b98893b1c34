"""The catalogue in memory: every question looks at every place."""

from collections.abc import Iterable, Sequence

from protocol.travel import GeoPoint, Place
from storage.catalogue_file import Entry
from storage.catalogue_queries import KINDS, answers
from storage.place_names import fold


class MemoryCatalogue:
    """Of a few places, for tests and the simulation."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._entries = {entry.place.id: (entry.place, entry.names()) for entry in entries}

    async def place(self, place_id: str) -> Place | None:
        found = self._entries.get(place_id)
        return found[0] if found else None

    async def by_iata(self, code: str) -> Place | None:
        coded = (place for place, _ in self._entries.values() if place.iata == code)
        return min(
            coded,
            key=lambda place: (KINDS[place.kind], -(place.population or 0), place.id),
            default=None,
        )

    async def search(self, text: str, *, language: str = "en", limit: int = 20) -> Sequence[Place]:
        query, candidates = fold(text), self._entries.values()
        if not query:
            return []
        found = answers(query, candidates, language=language, loosely=False)
        return (found or answers(query, candidates, language=language, loosely=True))[:limit]

    async def near(
        self, at: GeoPoint, *, within_km: float, limit: int = 20
    ) -> Sequence[tuple[Place, float]]:
        far = ((place, at.km_to(place.at)) for place, _ in self._entries.values())
        near = [(place, km) for place, km in far if km <= within_km]
        return sorted(near, key=lambda pair: (pair[1], pair[0].id))[:limit]

    async def destinations(self, *, tags: Sequence[str] = (), limit: int = 50) -> Sequence[Place]:
        found = (
            place
            for place, _ in self._entries.values()
            if place.kind == "destination" and set(tags) <= set(place.tags)
        )
        return sorted(found, key=lambda place: (fold(place.names["en"]), place.id))[:limit]
