"""What most like, fitted anew to what many said, and judged by what they said last (numpy, pure).

Nothing is fitted to the held-out tail, so what is compared there is what would be put in use. The measure
is the log loss of a judgement, in nats: 0.693 for who guesses.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from inference.recommender.most_liked import MostLiked, item_statistics
from inference.recommender.schema import AT, KINDS, TAGS
from inference.recommender.taste import (
    MIN_PEOPLE,
    MOST_REPLAYED,
    Floats,
    learned,
    liking,
    population,
)
from inference.recommender.tower import Tower
from inference.recommender.voices import Voices

MARGIN: Final = 0.005
"""Nats by which a new prior may be worse on the tail and still be put in use: it is younger, and each is
fitted from the beginning, so that what is lost does not add up."""

TOWER_MARGIN: Final = 0.0
"""A new tower has every taste made anew, and is trained from the one before."""

ITEMS_GAIN: Final = 0.001
"""Nats by which item statistics must tell the tail better than the taste alone, to be part of what is offered:
below that, they were noise with played people, who were served worse by them."""

LEAST_HELD_OUT: Final = 50
"""Judgements without which a comparison says nothing."""

LEAST_JUDGES: Final = 5
MOST_JUDGES: Final = 500
"""People by whose own tastes towers are compared."""

_LEAST: Final = 1e-6


class TooLittle(Exception):
    """There is not enough to learn of; the text says of what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """`loss` of the new one on the tail, beside `in_use`. `margin`: how much worse it may be."""

    loss: float
    in_use: float
    margin: float = MARGIN

    @property
    def is_good(self) -> bool:
        return self.loss <= self.in_use + self.margin

    @property
    def why(self) -> str:
        words = "not worse" if self.is_good else "worse"
        by = f" by more than {self.margin}" if self.margin else ""
        return f"{words} than the one in use{by}: {self.loss:.4f} beside {self.in_use:.4f}"


def enough(voices: Voices) -> tuple[Voices, Voices]:
    """What to fit to, and the tail. Raises `TooLittle`."""
    head, tail = voices.split()
    if head.people < MIN_PEOPLE:
        raise TooLittle(f"{head.people} people share their feedback, {MIN_PEOPLE} are needed")
    if len(tail) < LEAST_HELD_OUT or tail.people < LEAST_JUDGES:
        raise TooLittle(
            f"{len(tail)} judgements of {tail.people} people are held out, "
            f"{LEAST_HELD_OUT} of {LEAST_JUDGES} are needed"
        )
    return head, tail


def fitted(head: Voices, tower: Tower) -> Floats:
    """[16]: what most like, drawn to what most of the played people like."""
    each = list(head.each())
    return population(
        [tower.items(one.features) for one in each],
        [one.liked for one in each],
        otherwise=tower.popular,
        sharpness=tower.sharpness,
        bias=tower.bias,
    )


def most_liked(head: Voices, tail: Voices, tower: Tower) -> tuple[MostLiked, float]:
    """What most like, with item statistics where these tell the tail better; and by how many nats they do."""
    alone = MostLiked(fitted(head, tower))
    expected = tower.sharpness * (tower.items(head.features) @ alone.weights) + tower.bias
    both = MostLiked(alone.weights, item_statistics(head, expected))
    verdict = compared(tail, tower, new=both, in_use=alone)
    gain = verdict.in_use - verdict.loss
    return (both if gain >= ITEMS_GAIN else alone), gain


def compared(tail: Voices, tower: Tower, *, new: MostLiked, in_use: MostLiked) -> Verdict:
    """Two of them under one tower, for people of whom nothing else is known."""
    vectors = tower.items(tail.features)

    def loss(most: MostLiked) -> float:
        beside = 0.0 if most.items is None else most.items.of(tail.features)
        return _loss(
            tail, liking(most.weights, vectors, sharpness=tower.sharpness, bias=tower.bias + beside)
        )

    return Verdict(loss=loss(new), in_use=loss(in_use))


def compared_towers(
    head: Voices, tail: Voices, *, new: tuple[Tower, Floats], in_use: tuple[Tower, Floats]
) -> Verdict:
    """Two towers, each with the prior [16] that it would be used with: by the tastes that people's
    earlier judgements make, of their later ones."""
    judges = np.unique(tail.person)[:MOST_JUDGES]
    tail = tail.where(np.isin(tail.person, judges))
    return Verdict(
        loss=_loss_by_taste(head, tail, *new),
        in_use=_loss_by_taste(head, tail, *in_use),
        margin=TOWER_MARGIN,
    )


def statistics(voices: Voices, shown: Floats) -> dict[str, float]:
    """How much was `shown` ([rows, features]) and judged, and the share of likes, in all and by kind and
    tag; of what fewer than `MIN_PEOPLE` people judged, nothing: it would be known whose it is."""
    figures: dict[str, float] = {
        "shown": float(len(shown)),
        "judged": float(len(voices)),
        "people": float(voices.people),
    }
    if voices.people >= MIN_PEOPLE:
        figures["liked"] = _round(voices.liked.mean())
    for name in (*KINDS, *(f"tags.{tag}" for tag in TAGS)):
        some = voices.where(voices.features[:, AT[name]] > 0)
        if some.people >= MIN_PEOPLE:
            figures[f"{name}.shown"] = float((shown[:, AT[name]] > 0).sum()) if len(shown) else 0.0
            figures[f"{name}.judged"] = float(len(some))
            figures[f"{name}.liked"] = _round(some.liked.mean())
    return figures


def _loss_by_taste(head: Voices, tail: Voices, tower: Tower, prior: Floats) -> float:
    odds = np.zeros(len(tail))
    for person in np.unique(tail.person):
        said = head.where(head.person == person)
        taste = prior
        if len(said):
            items = tower.items(said.features[-MOST_REPLAYED:])
            taste = learned(
                prior,
                items,
                said.liked[-MOST_REPLAYED:],
                sharpness=tower.sharpness,
                bias=tower.bias,
            )
        is_theirs = tail.person == person
        odds[is_theirs] = _odds(tower, taste, tower.items(tail.features[is_theirs]))
    return _loss(tail, odds)


def _odds(tower: Tower, weights: Floats, items: Floats) -> Floats:
    return liking(weights, items, sharpness=tower.sharpness, bias=tower.bias)


def _loss(voices: Voices, odds: Floats) -> float:
    odds = np.clip(odds, _LEAST, 1 - _LEAST)
    each = -(voices.liked * np.log(odds) + (1 - voices.liked) * np.log(1 - odds))
    return float((voices.share * each).sum() / voices.share.sum())


def _round(value: float) -> float:
    return round(float(value), 4)
