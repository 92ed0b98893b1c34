"""The model of what is usual: scikit-learn's StandardScaler and IsolationForest, as one ONNX graph.

A body, as its row keeps it: a line of JSON (the manifest), and the graph, deflated: a hundred full trees are
1.2 MB, more than a row holds. The threshold is the model's own and travels with it: scores of two fits do not compare.
"""

import json
import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from inference.fraud.features import FEATURES, SCHEMA
from inference.onnx import open_session

INPUT: Final = "features"
OUTPUT: Final = "score_samples"
MOST_GRAPH: Final = 4_194_304
"""Bytes of a graph; a hundred trees of 511 nodes are 3 MB."""

STRANGEST_NAMED: Final = 3
FAR: Final = 2.0
"""Standard deviations from which on a feature is named."""

Floats = NDArray[np.float64]


class FraudModelDamaged(Exception):
    """This is no model that can be used; the sentence says why."""


@dataclass(frozen=True, slots=True)
class FraudModel:
    """`threshold`: from this score on a booking is strange. `means` and `spreads` [F]: of what it was fitted
    to. `figures`: what its gate measured."""

    session: Any
    version: str
    threshold: float
    means: Floats
    spreads: Floats
    figures: Mapping[str, float]

    def scores(self, features: Sequence[Sequence[float]] | Floats) -> Floats:
        """[n] of [n, F]: 0 to 1, higher is stranger. 1 ms for one. From any thread."""
        rows = np.asarray(features, np.float32).reshape(-1, len(FEATURES))
        if not len(rows):
            return np.zeros(0)
        (out,) = self.session.run([OUTPUT], {INPUT: rows})
        return -np.asarray(out, np.float64).reshape(-1)

    def strangest(self, features: Sequence[float]) -> tuple[str, ...]:
        """The features that are farthest from their mean, for operators: how the trees came to their score
        nobody could read."""
        far = np.abs((np.asarray(features, np.float64) - self.means) / self.spreads)
        order = np.argsort(-far, kind="stable")[:STRANGEST_NAMED]
        return tuple(f"unusual_{FEATURES[place]}" for place in order if far[place] >= FAR)


def packed(graph: bytes, manifest: Mapping[str, Any]) -> bytes:
    """As it is kept: `manifest` has `threshold`, `means`, `spreads`, `figures`."""
    said = {
        **manifest,
        "schema": SCHEMA,
        "features": FEATURES,
        "sha256": sha256(graph).hexdigest(),
    }
    return json.dumps(said, allow_nan=False).encode() + b"\n" + zlib.compress(graph)


def unpacked(body: bytes, *, version: str = "") -> FraudModel:
    """From what `packed` made. Raises `FraudModelDamaged`."""
    line, _, deflated = body.partition(b"\n")
    try:
        said = json.loads(line)
        threshold, digest = float(said["threshold"]), said["sha256"]
        means, spreads = np.array(said["means"], float), np.array(said["spreads"], float)
        figures = {str(name): float(value) for name, value in said["figures"].items()}
        is_ours = (said["schema"], tuple(said["features"])) == (SCHEMA, FEATURES)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise FraudModelDamaged(f"this is no model of bookings: {error}") from error
    graph = _inflated(deflated)
    if sha256(graph).hexdigest() != digest:
        raise FraudModelDamaged("its graph is not the one that its manifest speaks of")
    if not is_ours:
        raise FraudModelDamaged("it reads other features than these")
    if not (math.isfinite(threshold) and means.shape == spreads.shape == (len(FEATURES),)):
        raise FraudModelDamaged("its manifest does not fit its graph")
    try:
        session = open_session(graph)
    except Exception as error:  # onnxruntime's own
        raise FraudModelDamaged(f"it cannot be run: {type(error).__name__}") from error
    model = FraudModel(session, version, threshold, means, spreads, figures)
    _tried(model)
    return model


def _inflated(deflated: bytes) -> bytes:
    """Raises `FraudModelDamaged`, also for more than `MOST_GRAPH` bytes."""
    inflating = zlib.decompressobj()
    try:
        graph = inflating.decompress(deflated, MOST_GRAPH)
    except zlib.error as error:
        raise FraudModelDamaged(f"its graph cannot be read: {error}") from error
    if not inflating.eof or inflating.unused_data:
        raise FraudModelDamaged("its graph is not whole, or too large")
    return graph


def _tried(model: FraudModel) -> None:
    """What a booking would be the first to find. Raises `FraudModelDamaged`."""
    try:
        (score,) = model.scores(model.means.reshape(1, -1))
    except Exception as error:  # onnxruntime's own
        raise FraudModelDamaged(f"it does not score: {type(error).__name__}") from error
    if not math.isfinite(score):
        raise FraudModelDamaged("its scores are no numbers")
