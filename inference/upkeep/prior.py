"""A population's taste as one piece: what is kept in its row."""

import json
import time
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np

from inference.recommender.most_liked import CELLS, LAYOUT, ItemStatistics, MostLiked
from inference.recommender.ranker import Population
from inference.recommender.taste import WIDTH


class PriorDamaged(Exception):
    """There is no prior here that can be used; the sentence says why."""


@dataclass(frozen=True, slots=True)
class PackedPrior:
    """`body`: JSON, `{"tower": its version, "weights": [16], "items"?: {"layout", "odds": {cell: log odds}}}`;
    `digest`: its sha256 in hex."""

    body: bytes
    digest: str
    version: str


def packed(most: MostLiked, *, tower: str, day: str) -> PackedPrior:
    """`day`: the one that it was made on, for people who read versions."""
    said: dict[str, Any] = {
        "tower": tower,
        "weights": [round(float(one), 6) for one in most.weights],
    }
    if most.items is not None:
        odds = {str(at): round(float(one), 4) for at, one in enumerate(most.items.odds) if one}
        said["items"] = {"layout": LAYOUT, "odds": odds}
    body = json.dumps(said).encode()
    digest = sha256(body).hexdigest()
    return PackedPrior(body, digest, f"{day}-{digest[:8]}")


def day_of(at: int) -> str:
    """The UTC day of a time in ms since the epoch, as in versions."""
    return time.strftime("%Y%m%d", time.gmtime(at / 1_000))


def unpacked(body: bytes, *, version: str, digest: str) -> Population:
    """Raises `PriorDamaged`."""
    if sha256(body).hexdigest() != digest:
        raise PriorDamaged("this prior is not the one that its row speaks of")
    try:
        said = json.loads(body)
        weights, tower = np.array(said["weights"], np.float64), str(said["tower"])
        items = _items(said.get("items"))
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise PriorDamaged(f"this is no prior: {error}") from error
    if weights.shape != (WIDTH,) or not np.isfinite(weights).all():
        raise PriorDamaged("these are not the weights of a taste")
    if items is not None and not np.isfinite(items.odds).all():
        raise PriorDamaged("these are no statistics of items")
    return Population(version=version, tower=tower, weights=weights, items=items)


def _items(said: Any) -> ItemStatistics | None:
    """None: there are none, or by other cells."""
    if said is None or said["layout"] != LAYOUT:
        return None
    odds = np.zeros(CELLS)
    for at, one in said["odds"].items():
        odds[int(at)] = float(one)
    return ItemStatistics(odds)
