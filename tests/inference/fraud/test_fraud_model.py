"""A model is what its row says, or it is not used; the forest's graph says what scikit-learn says."""

import json
from typing import Any

import numpy as np
import pytest
from fraud_graph import body, graph

from inference.fraud.features import FEATURES
from inference.fraud.model import MOST_GRAPH, FraudModelDamaged, packed, unpacked


def test_a_packed_model_is_the_same_again() -> None:
    found = unpacked(body(threshold=0.5), version="v")
    assert (found.version, found.threshold, found.figures["planted_stopped"]) == ("v", 0.5, 0.9)
    rows = np.eye(len(FEATURES))
    assert list(found.scores(rows)) == [float(name == "declines") for name in FEATURES]
    assert found.scores(np.zeros((0, len(FEATURES)))).shape == (0,)


def manifest(**fields: Any) -> bytes:
    line, _, rest = body().partition(b"\n")
    return json.dumps(json.loads(line) | fields).encode() + b"\n" + rest


@pytest.mark.parametrize(
    ("damaged", "why"),
    [
        (b"", "no model"),
        (b"[]\n", "no model"),
        (manifest(threshold="much"), "no model"),
        (body() + b"x", "not whole"),
        (body()[:-9], "not whole"),
        (body().partition(b"\n")[0] + b"\nxyz", "cannot be read"),
        (packed(bytes(MOST_GRAPH + 1), json.loads(body().partition(b"\n")[0])), "too large"),
        (manifest(sha256="0"), "not the one"),
        (manifest(schema=0), "other features"),
        (manifest(features=["a"]), "other features"),
        (manifest(means=[1.0]), "does not fit"),
        (packed(b"no graph", json.loads(body().partition(b"\n")[0])), "cannot be run"),
        (
            packed(
                graph().replace(b"score_samples", b"score_simples"),
                json.loads(body().partition(b"\n")[0]),
            ),
            "does not score",
        ),
    ],
)
def test_what_is_damaged_or_of_another_list_is_not_used(damaged: bytes, why: str) -> None:
    with pytest.raises(FraudModelDamaged, match=why):
        unpacked(damaged)


def test_the_graph_of_a_forest_says_what_scikit_learn_says_and_its_judge_can_tell() -> None:
    """One small fit for all that is asked of it: its export takes most of the time."""
    pytest.importorskip("sklearn", reason="needs scikit-learn, of the training group")
    pytest.importorskip("skl2onnx", reason="needs skl2onnx, of the training group")
    from inference.training.fraud import fit, gate

    played = fit.traffic(count=600)
    pipeline = fit.fitted(played, played[:100], trees=12)
    threshold = fit.threshold_of(pipeline, played[:100], count=400)
    made = unpacked(packed(fit.graph(pipeline), fit.manifest(pipeline, threshold, {"a": 1.0})))
    assert made.means.shape == (len(FEATURES),)
    judged = gate.judged(count=300, each=40)
    told = -pipeline.score_samples(judged.rows.astype(np.float32))
    assert np.abs(made.scores(judged.rows) - told).max() < 1e-5
    # As many trees as in earnest are a hundred: what this one measures is not judged, the controls are.
    found = gate.measure(made, judged)
    assert found["both"]["planted_stopped"] > found["rules"]["planted_stopped"]
    assert found["guessing"]["clean_reviewed"] > 0.005
    assert found["misread"]["clean_reviewed"] > 0.005
    assert found["afraid"]["clean_reviewed"] >= 0.5
    assert not any("control" in one for one in gate.verdicts(found))


def test_a_judge_that_lets_a_control_pass_is_found_and_a_bad_model_is_named() -> None:
    pytest.importorskip("sklearn", reason="needs scikit-learn, of the training group")
    pytest.importorskip("skl2onnx", reason="needs skl2onnx, of the training group")
    from inference.training.fraud.gate import CONTROLS, verdicts

    good, bad = (
        {"clean_reviewed": 0.002, "planted_stopped": 0.9},
        {"clean_reviewed": 0.2, "planted_stopped": 0.9},
    )
    assert verdicts({"both": good, **dict.fromkeys(CONTROLS, bad)}) == []
    blind = verdicts({"both": good, **dict.fromkeys(CONTROLS, bad), "misread": good})
    assert blind == ["the control misread passes all the same"]
    (wrong,) = verdicts({"both": bad, **dict.fromkeys(CONTROLS, bad)})
    assert wrong.startswith("clean_reviewed is 20.00%")
