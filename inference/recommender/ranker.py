"""core/ports/inference.Recommender: the tower's items, ranked by tastes."""

import json
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from types import MappingProxyType
from typing import Final

import numpy as np
import structlog
import trio
from structlog.typing import FilteringBoundLogger

from core.errors import Unavailable
from core.ports.inference import Circumstances, Ranked, Taste
from core.ports.personas import Feedback
from inference.recommender.features import Vector, features_of
from inference.recommender.groups import chosen_how, merged
from inference.recommender.most_liked import ItemStatistics, MostLiked, faded
from inference.recommender.reasons import because, without
from inference.recommender.schema import AT, FEATURES, REASONS, unknown
from inference.recommender.taste import MOST_REPLAYED, WIDTH, Floats, learned, liking
from inference.recommender.tower import Tower, is_readable
from protocol.travel import Iata, Offer, Place

MOST_CACHED: Final = 2_048
"""Items whose outputs are kept, and explanations: 3 KB each."""

MOST_EXPLAINED: Final = 50
"""Of a ranking; further down nobody asks why."""

STATED: Final = 1.5
"""How far, at most, what is stated moves a taste before anything was shown."""

STRENGTHS: Final[Mapping[str, float]] = MappingProxyType(
    {"rating": 1.0, "booked": 2.0, "opened": 0.3}
)
NOBODY: Final[Mapping[str, float]] = MappingProxyType({})

_LOG: FilteringBoundLogger = structlog.get_logger("inference.recommender")


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """What most like by their feedback: `weights` [16] over the outputs of the tower of version `tower`, and what
    items show beyond that."""

    version: str
    tower: str
    weights: Floats
    items: ItemStatistics | None = None


class TowerRanker:
    """Owns: the outputs of items lately ranked, the one used longest ago makes way. Borrows: the tower;
    `places` by the code of their city; `population`, what most like by their feedback (without it the
    tower's own guess counts); `worker`, where it ranks: one thread for all small models.
    """

    def __init__(
        self,
        tower: Tower,
        *,
        places: Mapping[Iata, Place] = MappingProxyType({}),
        population: Population | None = None,
        worker: trio.CapacityLimiter | None = None,
    ) -> None:
        self._tower, self._places = tower, places
        is_ours = population is not None and population.tower == tower.version
        self._population = population if is_ours else None
        self._worker = worker or trio.CapacityLimiter(1)
        self._items: OrderedDict[Vector, Floats] = OrderedDict()
        self._lacking: OrderedDict[Vector, Floats] = OrderedDict()
        self._ranked = self._hits = self._learned = self._failed = 0

    def having(
        self,
        tower: Tower,
        *,
        population: Population | None,
        places: Mapping[Iata, Place] | None = None,
    ) -> "TowerRanker":
        """Another one, which goes on where this one is. `places` None: the same."""
        other = TowerRanker(
            tower,
            places=self._places if places is None else places,
            population=population,
            worker=self._worker,
        )
        other._ranked, other._hits = self._ranked, self._hits
        other._learned, other._failed = self._learned, self._failed
        if tower.version == self._tower.version:
            other._items, other._lacking = self._items, self._lacking
        return other

    @property
    def tower(self) -> str:
        return self._tower.version

    @property
    def in_use(self) -> tuple[Tower, MostLiked]:
        """The tower, and what most like."""
        return self._tower, MostLiked(self._most, self._statistics)

    @property
    def population(self) -> str:
        """The version of what tastes begin from; empty: the tower's own guess."""
        return "" if self._population is None else self._population.version

    def statistics(self) -> Mapping[str, int]:
        """Items ranked, of them found in the cache, tastes made, and how often something failed."""
        return {
            "ranked": self._ranked,
            "cached": self._hits,
            "kept": len(self._items),
            "tastes": self._learned,
            "failed": self._failed,
        }

    async def rank(
        self, items: Sequence[Offer | Place], *, tastes: Sequence[Taste], about: Circumstances
    ) -> Sequence[Ranked]:
        """See `core.ports.inference.Recommender`."""
        with self._failing_alone():
            # Left alone by who has no time left; the thread stays taken until it is done.
            return await trio.to_thread.run_sync(
                self.rank_sync, items, tastes, about, limiter=self._worker, abandon_on_cancel=True
            )

    def rank_sync(
        self, items: Sequence[Offer | Place], tastes: Sequence[Taste], about: Circumstances
    ) -> list[Ranked]:
        """What `rank` does, in the thread of whoever calls it; never in two at once."""
        if not items:
            return []
        vectors = features_of(items, about, places=self._places)
        found = self._outputs(vectors)
        usable = self._usable(tastes)
        weights = np.array([one.weights for one in usable]) if usable else self._most[None]
        how = chosen_how(weights)
        sharpness, bias = self._tower.sharpness, self._tower.bias + self._beside(usable, vectors)
        scores = merged(liking(weights, found, sharpness=sharpness, bias=bias), how)
        # Of what is liked alike the first stays the first: the suppliers' order, which is by price.
        order = [int(at) for at in np.argsort(-scores, kind="stable")]
        mean = sharpness * weights.mean(axis=0)
        lacking = self._outputs_lacking([vectors[at] for at in order[:MOST_EXPLAINED]])
        reasons = [
            because(vectors[at], float(found[at] @ mean), without_each @ mean)
            for at, without_each in zip(order, lacking, strict=False)
        ]
        reasons += [None] * (len(order) - len(reasons))
        return [
            Ranked(
                index=at,
                because=reason,
                features=vectors[at],
                score=round(float(scores[at]), 4),
                how=how,
            )
            for at, reason in zip(order, reasons, strict=True)
        ]

    def taste_of(
        self, feedbacks: Sequence[Feedback], *, stated: Mapping[str, float] = NOBODY
    ) -> Taste | None:
        """See `core.ports.inference.Recommender`. In the caller's thread: at most 200 feedbacks."""
        with self._failing_alone():
            return self._taste_of(feedbacks, stated)

    def _taste_of(self, feedbacks: Sequence[Feedback], stated: Mapping[str, float]) -> Taste | None:
        usable = [
            feedback
            for feedback in feedbacks
            if feedback.value
            and len(feedback.features) == len(FEATURES)
            and is_readable(feedback.tower)
        ][-MOST_REPLAYED:]
        if not usable and not stated:
            return None
        self._learned += 1
        prior = self.prior(stated)
        weights = learned(
            prior,
            self._tower.items(np.array([one.features for one in usable], np.float64)),
            np.array([float(one.value > 0) for one in usable]),
            sharpness=self._tower.sharpness,
            bias=self._tower.bias,
            strength=np.array([STRENGTHS.get(one.kind, 1.0) for one in usable]),
        )
        rounded = tuple(round(float(weight), 5) for weight in weights)
        return Taste(
            version=self.tower, weights=rounded, seen=len(usable), prior=self.prior_of(stated)
        )

    def prior_of(self, stated: Mapping[str, float] = NOBODY) -> str:
        """See `core.ports.inference.Recommender`. Empty: nothing is known but the tower's guess."""
        known = sorted((name, much) for name, much in stated.items() if name in AT)
        if not known and not self.population:
            return ""
        return sha256(json.dumps([self.population, known]).encode()).hexdigest()[:8]

    def prior(self, stated: Mapping[str, float] = NOBODY) -> Floats:
        """[16]: what most like, moved to what somebody states: towards items that have a feature, and away
        from those that have not. Names that are no feature's say nothing."""
        weights = self._most.copy()
        known = {name: much for name, much in stated.items() if name in AT}
        if not known:
            return weights
        plain = unknown()
        plain[AT["kind.place"]], plain[AT["tags.unknown"]] = 1.0, 0.0
        rows = [plain] + [_having(plain, name) for name in known]
        found = self._tower.items(np.array(rows))
        for much, row in zip(known.values(), found[1:], strict=True):
            way = row - found[0]
            weights += STATED * max(-1.0, min(1.0, much)) * way / (np.linalg.norm(way) + 1e-9)
        return weights

    @contextmanager
    def _failing_alone(self) -> Iterator[None]:
        """What a tower raises is a bug or a bad file: whoever asks goes on without, and operators see it."""
        try:
            yield
        except Exception as error:
            self._failed += 1
            _LOG.warning("recommender.failed", error=type(error).__name__)
            raise Unavailable from error

    def _usable(self, tastes: Sequence[Taste]) -> list[Taste]:
        return [
            taste for taste in tastes if taste.version == self.tower and len(taste.weights) == WIDTH
        ]

    def _beside(self, tastes: Sequence[Taste], vectors: Sequence[Vector]) -> Floats | float:
        """[tastes, items], in log odds: what statistics of others say, the less the more a person has said."""
        if self._statistics is None:
            return 0.0
        seen = np.array([taste.seen for taste in tastes] or [0])
        return faded(seen)[:, None] * self._statistics.of(np.array(vectors))[None]

    @property
    def _statistics(self) -> ItemStatistics | None:
        return None if self._population is None else self._population.items

    @property
    def _most(self) -> Floats:
        """[16]: what most like."""
        return self._tower.popular if self._population is None else self._population.weights

    def _outputs(self, vectors: Sequence[Vector]) -> Floats:
        """[items, 16]."""
        new = [vector for vector in dict.fromkeys(vectors) if vector not in self._items]
        fresh = dict(zip(new, self._tower.items(np.array(new)), strict=True)) if new else {}
        self._ranked += len(vectors)
        self._hits += sum(vector not in fresh for vector in vectors)
        return np.array(_kept(self._items, vectors, fresh))

    def _outputs_lacking(self, vectors: Sequence[Vector]) -> list[Floats]:
        """Of each item without each reason, [len(REASONS), 16]."""
        new = [vector for vector in dict.fromkeys(vectors) if vector not in self._lacking]
        rows = [row for vector in new for row in without(vector)]
        fresh: dict[Vector, Floats] = {}
        if rows:
            found = self._tower.items(np.array(rows)).reshape(len(new), len(REASONS), WIDTH)
            fresh = dict(zip(new, found, strict=True))
        return _kept(self._lacking, vectors, fresh)


def _kept(
    cache: OrderedDict[Vector, Floats], vectors: Sequence[Vector], fresh: Mapping[Vector, Floats]
) -> list[Floats]:
    """The outputs of `vectors`, which are cached from now on; the cache may be too small for them all."""
    outputs = [fresh[vector] if vector in fresh else cache[vector] for vector in vectors]
    for vector, output in zip(vectors, outputs, strict=True):
        cache[vector] = output
        cache.move_to_end(vector)
    while len(cache) > MOST_CACHED:
        cache.popitem(last=False)
    return outputs


def _having(vector: Sequence[float], name: str) -> list[float]:
    changed = list(vector)
    changed[AT[name]] = 1.0
    if f"{name}.unknown" in AT:
        changed[AT[f"{name}.unknown"]] = 0.0
    return changed
