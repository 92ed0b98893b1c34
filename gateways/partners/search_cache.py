"""Earlier answers of suppliers: to show while they are fresh, to look at while nothing newer comes."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from protocol.travel import FlightQuery, Query, SupplierOffer

MOST_ANSWERS: Final = 2_000
FRESH_FOR_MS: Final = 60_000
KEPT_FOR_MS: Final = 3_600_000


@dataclass(frozen=True, slots=True)
class Answer:
    """What a supplier found at a moment (ms since the epoch)."""

    offers: tuple[SupplierOffer, ...]
    at: int

    def is_fresh(self, now: int) -> bool:
        """Whether it may be shown as if it came now: young, and nothing in it has expired."""
        return now - self.at < FRESH_FOR_MS and all(offer.expires_at > now for offer in self.offers)


class SearchCache:
    """The latest answer to each query of each supplier, the least used forgotten first."""

    def __init__(self, most: int = MOST_ANSWERS) -> None:
        self._most = most
        self._answers: OrderedDict[tuple[str, Query], Answer] = OrderedDict()

    def __len__(self) -> int:
        return len(self._answers)

    def put(self, supplier: str, query: Query, offers: Sequence[SupplierOffer], now: int) -> Answer:
        """Keep an answer that came at `now`, and give it back."""
        answer = self._answers[supplier, query] = Answer(tuple(offers), now)
        self._answers.move_to_end((supplier, query))
        if len(self._answers) > self._most:
            self._answers.popitem(last=False)
        return answer

    def get(self, supplier: str, query: Query, now: int) -> Answer | None:
        """The latest, unless it is too old even to look at."""
        answer = self._answers.get((supplier, query))
        if answer is None:
            return None
        if now - answer.at >= KEPT_FOR_MS:
            del self._answers[supplier, query]
            return None
        self._answers.move_to_end((supplier, query))
        return answer

    def forget(self, supplier: str, query: Query) -> int:
        """All that this supplier said about the query's route (or city), whatever the days and the party;
        how many answers that were."""
        route = _route(query)
        found = [key for key in self._answers if key[0] == supplier and _route(key[1]) == route]
        for key in found:
            del self._answers[key]
        return len(found)


def _route(query: Query) -> tuple[str, ...]:
    if isinstance(query, FlightQuery):
        return query.origin, query.destination
    return (query.city,)
