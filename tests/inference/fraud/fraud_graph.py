"""A graph that is no forest: it says how strange somebody's refusals are, and is made without the training group."""

from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from inference.fraud.features import AT, FEATURES
from inference.fraud.model import INPUT, OUTPUT, packed

GOOD: dict[str, float] = {
    "clean_reviewed": 0.002,
    "planted_stopped": 0.9,
    "controls_passed": 0.0,
}


def graph() -> bytes:
    weights = np.zeros((len(FEATURES), 1), np.float32)
    weights[AT["declines"]] = -1.0
    made = helper.make_graph(
        [helper.make_node("MatMul", [INPUT, "w"], [OUTPUT])],
        "counting",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, [None, len(FEATURES)])],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, [None, 1])],
        [numpy_helper.from_array(weights, "w")],
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


def body(*, threshold: float = 1.0, **figures: float) -> bytes:
    """Packed; `figures` beside those of one that passes."""
    said: dict[str, Any] = {
        "threshold": threshold,
        "means": [0.0] * len(FEATURES),
        "spreads": [1.0] * len(FEATURES),
        "figures": GOOD | figures,
    }
    return packed(graph(), said)
