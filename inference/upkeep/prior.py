"""A population's taste as one piece: what is kept in its row."""

import json
import time
from dataclasses import dataclass
from hashlib import sha256

import numpy as np

from inference.recommender.ranker import Population
from inference.recommender.taste import WIDTH, Floats


class PriorDamaged(Exception):
    """There is no prior here that can be used; the sentence says why."""


@dataclass(frozen=True, slots=True)
class PackedPrior:
    """`body`: JSON, `{"tower": its version, "weights": [16]}`; `digest`: its sha256 in hex."""

    body: bytes
    digest: str
    version: str


def packed(weights: Floats, *, tower: str, day: str) -> PackedPrior:
    """`day`: the one that it was made on, for people who read versions."""
    said = {"tower": tower, "weights": [round(float(one), 6) for one in weights]}
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
    except (KeyError, TypeError, ValueError) as error:
        raise PriorDamaged(f"this is no prior: {error}") from error
    if weights.shape != (WIDTH,) or not np.isfinite(weights).all():
        raise PriorDamaged("these are not the weights of a taste")
    return Population(version=version, tower=tower, weights=weights)
