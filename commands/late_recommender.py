"""Ranking from the first moment on, by what is in use by now."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import trio

from actors.persona.dialogue import Item
from actors.persona.ports import Circumstances, Ranked
from core.errors import Unavailable
from core.ports.inference import Taste
from core.ports.personas import Feedback
from inference.recommender.most_liked import MostLiked
from inference.recommender.ranker import Population, TowerRanker
from inference.recommender.tower import Tower
from protocol.travel import Iata, Place


class LateRecommender:
    """The `Recommender` port from the first moment on: who asks while the tower is loaded waits for it.
    Without one: the suppliers' order, which is by price, and no taste.

    Owns: the ranker, exchanged between two calls when another tower, other places or another population
    is to be used.
    """

    def __init__(self) -> None:
        self._ranker: TowerRanker | None = None
        self._release: Tower | None = None
        self._tower: Tower | None = None
        self._population: Population | None = None
        self._begun = trio.Event()

    def begin(self, ranker: TowerRanker | None) -> None:
        """With what came with the release; None: nothing that can be used did."""
        self._ranker = ranker
        self._release = None if ranker is None else ranker.in_use[0]
        self._renew()
        self._begun.set()

    def know_places(self, places: Mapping[Iata, Place]) -> None:
        """By the code of their city."""
        self._renew(places)

    async def exchange(self, tower: Tower | None, population: Population | None) -> str:
        """Rank by these from now on; None: by what came with the release. The tower's version."""
        await self._begun.wait()
        self._tower, self._population = tower, population
        self._renew()
        return self.tower

    async def in_use(self) -> tuple[Tower, MostLiked] | None:
        """The tower and what most like; None: there is no tower that can be used."""
        await self._begun.wait()
        return None if self._ranker is None else self._ranker.in_use

    def models(self) -> Mapping[str, str]:
        """The versions in use; nothing while they are loaded."""
        if self._ranker is None:
            return {}
        return {"recommender": self._ranker.tower, "prior": self._ranker.population or "played"}

    @property
    def tower(self) -> str:
        return "" if self._ranker is None else self._ranker.tower

    async def rank(
        self, items: Sequence[Item], *, tastes: Sequence[Taste], about: Circumstances
    ) -> Sequence[Ranked]:
        await self._begun.wait()
        if self._ranker is None:
            return [Ranked(index=at) for at in range(len(items))]
        return await self._ranker.rank(items, tastes=tastes, about=about)

    def taste_of(
        self, feedbacks: Sequence[Feedback], *, stated: Mapping[str, float] = MappingProxyType({})
    ) -> Taste | None:
        if not self._begun.is_set():
            # Whoever stores what we say would store that there is nothing to learn.
            raise Unavailable
        return None if self._ranker is None else self._ranker.taste_of(feedbacks, stated=stated)

    def prior_of(self, stated: Mapping[str, float] = MappingProxyType({})) -> str:
        return "" if self._ranker is None else self._ranker.prior_of(stated)

    def statistics(self) -> Mapping[str, int]:
        return {} if self._ranker is None else self._ranker.statistics()

    def _renew(self, places: Mapping[Iata, Place] | None = None) -> None:
        tower = self._tower or self._release
        if self._ranker is not None and tower is not None:
            self._ranker = self._ranker.having(tower, population=self._population, places=places)
