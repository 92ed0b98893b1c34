"""core/ports/inference.Recommender: the tower's items, ranked by tastes."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
import trio

from core.ports.inference import Circumstances, Ranked, Taste
from core.ports.personas import Feedback
from inference.recommender.features import Vector, features_of
from inference.recommender.groups import chosen_how, merged
from inference.recommender.reasons import because, without
from inference.recommender.schema import AT, FEATURES, REASONS, unknown
from inference.recommender.taste import MOST_REPLAYED, WIDTH, Floats, learned, liking
from inference.recommender.tower import Tower, is_readable
from protocol.travel import Iata, Offer, Place

MOST_CACHED: Final = 2_048
"""Items whose outputs are kept: 3 KB each."""

STATED: Final = 1.5
"""How far, at most, what is stated moves a taste before anything was shown."""

STRENGTHS: Final[Mapping[str, float]] = MappingProxyType(
    {"rating": 1.0, "booked": 2.0, "opened": 0.3}
)
NOBODY: Final[Mapping[str, float]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class _Seen:
    """The tower's outputs: the item's [16], and without each reason [len(REASONS), 16]."""

    item: Floats
    lacking: Floats


class TowerRanker:
    """Owns: the outputs of items lately ranked, the one used longest ago makes way. Borrows: the tower;
    `places` by the code of their city; `worker`, where it ranks: one thread for all small models.
    """

    def __init__(
        self,
        tower: Tower,
        *,
        places: Mapping[Iata, Place] = MappingProxyType({}),
        worker: trio.CapacityLimiter | None = None,
    ) -> None:
        self._tower, self._places = tower, places
        self._worker = worker or trio.CapacityLimiter(1)
        self._cache: OrderedDict[Vector, _Seen] = OrderedDict()
        self._ranked = self._hits = self._learned = 0

    @property
    def tower(self) -> str:
        return self._tower.version

    def statistics(self) -> Mapping[str, int]:
        """Items ranked, of them found in the cache, and tastes made."""
        return {
            "ranked": self._ranked,
            "cached": self._hits,
            "kept": len(self._cache),
            "tastes": self._learned,
        }

    async def rank(
        self, items: Sequence[Offer | Place], *, tastes: Sequence[Taste], about: Circumstances
    ) -> Sequence[Ranked]:
        """See `core.ports.inference.Recommender`."""
        return await trio.to_thread.run_sync(
            self.rank_sync, items, tastes, about, limiter=self._worker
        )

    def rank_sync(
        self, items: Sequence[Offer | Place], tastes: Sequence[Taste], about: Circumstances
    ) -> list[Ranked]:
        """What `rank` does, in the thread of whoever calls it; never in two at once."""
        if not items:
            return []
        vectors = features_of(items, about, places=self._places)
        seen = self._seen(vectors)
        weights = self._weights(tastes)
        how = chosen_how(weights)
        sharpness, bias = self._tower.sharpness, self._tower.bias
        # [tastes, items], and [items, reasons] of the tastes together.
        likings = liking(
            weights, np.stack([one.item for one in seen]), sharpness=sharpness, bias=bias
        )
        scores = merged(likings, how)
        mean = weights.mean(axis=0)
        return [
            Ranked(
                index=int(at),
                because=because(
                    vectors[at],
                    sharpness * float(seen[at].item @ mean),
                    sharpness * (seen[at].lacking @ mean),
                ),
                features=vectors[at],
                score=round(float(scores[at]), 4),
                how=how,
            )
            # Of what is liked alike the first stays the first: the suppliers' order, which is by price.
            for at in np.argsort(-scores, kind="stable")
        ]

    def taste_of(
        self, feedbacks: Sequence[Feedback], *, stated: Mapping[str, float] = NOBODY
    ) -> Taste | None:
        """See `core.ports.inference.Recommender`. In the caller's thread: at most 200 feedbacks."""
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
        return Taste(version=self.tower, weights=rounded, seen=len(usable))

    def prior(self, stated: Mapping[str, float] = NOBODY) -> Floats:
        """[16]: what most like, moved to what somebody states: towards items that have a feature, and away
        from those that have not. Names that are no feature's say nothing."""
        weights = self._tower.popular.copy()
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

    def _weights(self, tastes: Sequence[Taste]) -> Floats:
        """[tastes, 16]; of what most like where there is none."""
        usable = [
            taste.weights
            for taste in tastes
            if taste.version == self.tower and len(taste.weights) == WIDTH
        ]
        return np.array(usable) if usable else self._tower.popular[None]

    def _seen(self, vectors: Sequence[Vector]) -> list[_Seen]:
        """The tower's outputs, of new items in one run."""
        new = [vector for vector in dict.fromkeys(vectors) if vector not in self._cache]
        rows = [row for vector in new for row in (vector, *without(vector))]
        # Kept apart until all are here: the cache may be too small for them.
        fresh: dict[Vector, _Seen] = {}
        if rows:
            found = self._tower.items(np.array(rows)).reshape(len(new), 1 + len(REASONS), WIDTH)
            fresh = {vector: _Seen(one[0], one[1:]) for vector, one in zip(new, found, strict=True)}
        self._ranked += len(vectors)
        self._hits += sum(vector not in fresh for vector in vectors)
        seen = [fresh.get(vector) or self._cache[vector] for vector in vectors]
        for vector, one in zip(vectors, seen, strict=True):
            self._cache[vector] = one
            self._cache.move_to_end(vector)
        while len(self._cache) > MOST_CACHED:
            self._cache.popitem(last=False)
        return seen


def _having(vector: Sequence[float], name: str) -> list[float]:
    changed = list(vector)
    changed[AT[name]] = 1.0
    if f"{name}.unknown" in AT:
        changed[AT[f"{name}.unknown"]] = 0.0
    return changed
