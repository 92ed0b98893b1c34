"""The graph that chooses tokens: bias, the best k, nucleus, Gumbel noise from outside, the first among them."""

from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper


def build_sampler() -> Any:
    """The `ModelProto` of `inference/engine/sampler.onnx`.

    In: `logits`, `bias` [rows, vocabulary], `noise` [rows, k], `temperature`, `inverse` (of the
    temperature), `top_p` [rows, 1]. Out: `token` [rows, 1], `score` [rows, 1] (its biased logit).

    argmax(v + T·g) with Gumbel noise g is a draw from softmax(v / T); T = 0 is greedy. Nothing is
    drawn in here, so a row's choice depends on its own inputs alone.
    """
    nodes = [
        helper.make_node("Add", ["logits", "bias"], ["biased"]),
        helper.make_node("Shape", ["noise"], ["k"], start=1),
        helper.make_node(
            "TopK", ["biased", "k"], ["values", "tokens"], axis=1, largest=1, sorted=1
        ),
        helper.make_node("Mul", ["values", "inverse"], ["scaled"]),
        helper.make_node("Softmax", ["scaled"], ["share"], axis=1),
        helper.make_node("CumSum", ["share", "axis"], ["before"], exclusive=1),
        helper.make_node("Less", ["before", "top_p"], ["is_kept"]),
        helper.make_node("Mul", ["noise", "temperature"], ["shift"]),
        helper.make_node("Add", ["values", "shift"], ["shifted"]),
        helper.make_node("Where", ["is_kept", "shifted", "never"], ["ranked"]),
        helper.make_node("ArgMax", ["ranked"], ["first"], axis=1, keepdims=1),
        helper.make_node("GatherElements", ["tokens", "first"], ["token"], axis=1),
        helper.make_node("GatherElements", ["values", "first"], ["score"], axis=1),
    ]

    def port(name: str, width: str | int, element: int = TensorProto.FLOAT) -> Any:
        return helper.make_tensor_value_info(name, element, ["rows", width])

    graph = helper.make_graph(
        nodes,
        "sampler",
        [
            port("logits", "vocabulary"),
            port("bias", "vocabulary"),
            port("noise", "k"),
            port("temperature", 1),
            port("inverse", 1),
            port("top_p", 1),
        ],
        [port("token", 1, TensorProto.INT64), port("score", 1)],
        [
            numpy_helper.from_array(np.array(1, np.int64), "axis"),
            numpy_helper.from_array(np.array(-np.inf, np.float32), "never"),
        ],
    )
    return helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", 21)],
        ir_version=10,
        producer_name="caravan",
    )
