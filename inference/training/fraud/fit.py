"""The fit: StandardScaler and IsolationForest to ONNX, and the threshold that belongs to it."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.random import default_rng
from numpy.typing import NDArray
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.ensemble import IsolationForest
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from inference.fraud.features import FEATURES, features_of
from inference.fraud.model import INPUT
from inference.training.fraud.clean import clean
from inference.training.fraud.planted import SEEN, planted
from inference.training.fraud.played import Case

TREES: Final = 100
SAMPLES: Final = 256
SEED: Final = 19
PLAYED: Final = 4_000
CONTAMINATION: Final = 0.02
"""Of the played rows: fraud that nobody has noticed."""

AIMED_AT: Final = 0.003
"""Of clean traffic, by the threshold. The gate allows 0.5 %, and rules have their share of it."""

STRANGEST_LEFT_OUT: Final = 0.01
"""Of the real rows, by a first fit: what came well to its end may be fraud all the same."""

OPSET: Final = {"": 21, "ai.onnx.ml": 3}

Floats = NDArray[np.float64]


def rows_of(cases: Sequence[Case]) -> Floats:
    """[cases, features]."""
    rows = [features_of(one.facts, one.histories, wall=one.wall) for one in cases]
    return np.array(rows, np.float64).reshape(-1, len(FEATURES))


def traffic(seed: int = SEED, count: int = PLAYED) -> Floats:
    """What is fitted to beside real rows: clean, and a little of what was seen before."""
    rng = default_rng(seed)
    each = round(count * CONTAMINATION / len(SEEN))
    return np.concatenate([rows_of(clean(count, rng)), rows_of(planted(SEEN, each, rng))])


def fitted(played: Floats, real: Floats, *, trees: int = TREES, seed: int = SEED) -> Pipeline:
    """The second of two fits: the strangest of the real rows are not in it."""
    first = _fit(np.concatenate([played, real]), trees, seed)
    if not len(real):
        return first
    scores = -first.score_samples(_single(real))
    kept = scores <= np.quantile(scores, 1.0 - STRANGEST_LEFT_OUT)
    return _fit(np.concatenate([played, real[kept]]), trees, seed)


def threshold_of(
    pipeline: Pipeline, real: Floats, *, count: int = PLAYED, seed: int = SEED + 1
) -> float:
    """From where on a booking is strange: so few of clean played traffic that the fit has not seen, and of
    the real rows, are."""
    played = rows_of(clean(count, default_rng(seed)))
    least = [
        float(np.quantile(-pipeline.score_samples(_single(rows)), 1.0 - AIMED_AT))
        for rows in (played, real)
        if len(rows)
    ]
    return max(least)


def graph(pipeline: Pipeline) -> bytes:
    """`features` [n, F] → `score_samples` [n, 1] (and two others); lower is stranger, as in scikit-learn."""
    model = to_onnx(
        pipeline,
        initial_types=[(INPUT, FloatTensorType([None, len(FEATURES)]))],
        target_opset=dict(OPSET),
        options={IsolationForest: {"score_samples": True}},
    )
    return bytes(model.SerializeToString())


def manifest(pipeline: Pipeline, threshold: float, figures: Mapping[str, float]) -> dict[str, Any]:
    """As `inference.fraud.model.packed` takes it."""
    scaler = pipeline[0]
    return {
        "threshold": threshold,
        "means": [round(float(one), 6) for one in scaler.mean_],
        "spreads": [round(float(one), 6) for one in scaler.scale_],
        "figures": dict(figures),
    }


def _fit(rows: Floats, trees: int, seed: int) -> Pipeline:
    forest = IsolationForest(n_estimators=trees, max_samples=SAMPLES, random_state=seed)
    return make_pipeline(StandardScaler(), forest).fit(_single(rows))


def _single(rows: Floats) -> NDArray[np.float32]:
    """What the graph reads: splits are compared in single precision."""
    return rows.astype(np.float32)
