"""BERT (Devlin et al. 2018) as an ONNX graph and, for comparison, in numpy; weights in eight bits.

One text at a time, so there is no padding and no mask: the graph takes `ids` [1, T] and gives `emb`
[384], the mean of the last layer, normalised, and `tap` [T, 384], the fourth layer. Matrices are
`com.microsoft.MatMulNBits`, eight bits in blocks of 32 with a scale each: what comes out for a text
does not depend on what else is asked, as it would with one range per batch.
"""

import math
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from inference.training.encoder.weights import Weights

BLOCK: Final = 32
EPSILON: Final = 1e-12
TAP: Final = 4
OPSET: Final = 20
MIDDLE: Final = 128
"""Eight bits without a sign: what stands for nought."""

Floats = NDArray[np.float32]


class Bert:
    """A BERT by its weights: `layers` of `width`, with `heads`. Raises `KeyError` for other weights."""

    def __init__(self, weights: Weights, *, heads: int) -> None:
        self._weights, self.heads = weights, heads
        self.width = weights["embeddings.word_embeddings.weight"].shape[1]
        self.layers = 1 + max(
            int(name.split(".")[2]) for name in weights if name.startswith("encoder.layer.")
        )

    def words(self) -> Floats:
        return self._weights["embeddings.word_embeddings.weight"]

    def places(self) -> Floats:
        """Of each position; a single text is all of one type, so that type's is added."""
        types = self._weights["embeddings.token_type_embeddings.weight"]
        added: Floats = self._weights["embeddings.position_embeddings.weight"] + types[0]
        return added

    def norm(self, name: str) -> tuple[Floats, Floats]:
        return self._weights[f"{name}.LayerNorm.weight"], self._weights[f"{name}.LayerNorm.bias"]

    def dense(self, name: str) -> tuple[Floats, Floats]:
        """Weight [out, in] and bias."""
        return self._weights[f"{name}.weight"], self._weights[f"{name}.bias"]

    def run(self, ids: list[int]) -> tuple[Floats, Floats]:
        """`emb` and `tap` of one text, in float32."""
        x = _normed(self.words()[ids] + self.places()[: len(ids)], *self.norm("embeddings"))
        tap = x
        for layer in range(self.layers):
            name = f"encoder.layer.{layer}"
            x = self._layer(x, name)
            if layer + 1 == min(TAP, self.layers):
                tap = x
        mean = x.mean(axis=0)
        return mean / np.linalg.norm(mean), tap

    def _layer(self, x: Floats, name: str) -> Floats:
        parts = []
        for part in ("query", "key", "value"):
            weight, bias = self.dense(f"{name}.attention.self.{part}")
            parts.append((x @ weight.T + bias).reshape(len(x), self.heads, -1).swapaxes(0, 1))
        query, key, value = parts
        scores = query @ key.swapaxes(1, 2) / math.sqrt(query.shape[2])
        scores = np.exp(scores - scores.max(axis=2, keepdims=True))
        seen = scores / scores.sum(axis=2, keepdims=True) @ value
        weight, bias = self.dense(f"{name}.attention.output.dense")
        joined = seen.swapaxes(0, 1).reshape(len(x), -1) @ weight.T + bias
        x = _normed(x + joined, *self.norm(f"{name}.attention.output"))
        weight, bias = self.dense(f"{name}.intermediate.dense")
        inner = x @ weight.T + bias
        inner = inner * 0.5 * (1 + np.vectorize(math.erf)(inner / math.sqrt(2)))
        weight, bias = self.dense(f"{name}.output.dense")
        return _normed(x + (inner @ weight.T + bias), *self.norm(f"{name}.output"))


def _normed(x: Floats, scale: Floats, shift: Floats) -> Floats:
    centred = x - x.mean(axis=1, keepdims=True)
    normed: Floats = (
        centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + EPSILON) * scale + shift
    ).astype(np.float32)
    return normed


class _Graph:
    """Nodes and initialisers, as they are added."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.values: list[Any] = []

    def value(self, name: str, array: NDArray[Any]) -> str:
        self.values.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        domain = attributes.pop("domain", "")
        self.nodes.append(helper.make_node(kind, inputs, [output], domain=domain, **attributes))
        return output

    def norm(self, x: str, name: str, weights: tuple[Floats, Floats]) -> str:
        scale, shift = (self.value(f"{name}.{at}", w) for at, w in enumerate(weights))
        return self.node("LayerNormalization", [x, scale, shift], f"{name}.out", epsilon=EPSILON)

    def dense(self, x: str, name: str, weight: Floats, bias: Floats) -> str:
        quantised, scales = in_blocks(weight)
        inputs = [x, self.value(f"{name}.q", quantised), self.value(f"{name}.s", scales)]
        product = self.node(
            "MatMulNBits",
            inputs,
            f"{name}.product",
            domain="com.microsoft",
            K=weight.shape[1],
            N=weight.shape[0],
            bits=8,
            block_size=BLOCK,
            accuracy_level=4,
        )
        return self.node("Add", [product, self.value(f"{name}.b", bias)], f"{name}.out")


def in_blocks(weight: Floats) -> tuple[NDArray[np.uint8], Floats]:
    """A matrix [N, K] as MatMulNBits takes it: bytes [N, K/32, 32] around 128, a scale per block."""
    rows, columns = weight.shape
    if columns % BLOCK:
        raise ValueError(f"{columns} columns are no multiple of {BLOCK}")
    blocks = weight.reshape(rows, columns // BLOCK, BLOCK)
    scales = np.maximum(np.abs(blocks).max(axis=2) / (MIDDLE - 1), 1e-12).astype(np.float32)
    quantised = np.clip(np.rint(blocks / scales[:, :, None]) + MIDDLE, 0, 255).astype(np.uint8)
    return quantised, scales.reshape(-1)


def build(bert: Bert) -> bytes:
    """The model, serialised; about 23 MB for the published weights."""
    graph = _Graph()
    x = _embedded(graph, bert)
    for layer in range(bert.layers):
        x = _layer(graph, bert, x, f"encoder.layer.{layer}")
        if layer + 1 == min(TAP, bert.layers):
            graph.node("Squeeze", [x, graph.value("tap.axes", np.array([0]))], "tap")
    mean = graph.node(
        "ReduceMean", [x, graph.value("mean.axes", np.array([0, 1]))], "mean", keepdims=0
    )
    length = graph.node("ReduceL2", [mean], "length", keepdims=1)
    graph.node("Div", [mean, length], "emb")
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "sentence encoder",
            [helper.make_tensor_value_info("ids", TensorProto.INT64, [1, "T"])],
            [
                helper.make_tensor_value_info("emb", TensorProto.FLOAT, [bert.width]),
                helper.make_tensor_value_info("tap", TensorProto.FLOAT, ["T", bert.width]),
            ],
            graph.values,
        ),
        opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid("com.microsoft", 1)],
        ir_version=10,
        producer_name="caravan",
    )
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def _embedded(graph: _Graph, bert: Bert) -> str:
    """Words in eight bits, a scale per word; a text's positions are the first of them."""
    words = bert.words()
    scales = np.maximum(np.abs(words).max(axis=1, keepdims=True) / (MIDDLE - 1), 1e-12)
    quantised = np.rint(words / scales).astype(np.int8)
    rows = graph.node("Gather", [graph.value("words.q", quantised), "ids"], "words.rows")
    factors = graph.value("words.s", scales.astype(np.float32))
    scale = graph.node("Gather", [factors, "ids"], "words.scale")
    cast = graph.node("Cast", [rows], "words.cast", to=TensorProto.FLOAT)
    found = graph.node("Mul", [cast, scale], "words.found")
    shape = graph.node("Shape", ["ids"], "count", start=1, end=2)
    nought, axis = graph.value("nought", np.array([0])), graph.value("axis", np.array([0]))
    places = graph.node(
        "Slice", [graph.value("places", bert.places()), nought, shape, axis], "places.found"
    )
    added = graph.node("Add", [found, places], "embedded")
    return graph.norm(added, "embeddings.norm", bert.norm("embeddings"))


def _layer(graph: _Graph, bert: Bert, x: str, name: str) -> str:
    parts = [bert.dense(f"{name}.attention.self.{part}") for part in ("query", "key", "value")]
    all_three = graph.dense(
        x,
        f"{name}.qkv",
        np.concatenate([weight for weight, _ in parts]),
        np.concatenate([bias for _, bias in parts]),
    )
    outputs = [f"{name}.{part}" for part in ("query", "key", "value")]
    graph.nodes.append(helper.make_node("Split", [all_three], outputs, axis=2, num_outputs=3))
    seen = graph.node(
        "MultiHeadAttention",
        outputs,
        f"{name}.seen",
        domain="com.microsoft",
        num_heads=bert.heads,
    )
    joined = graph.dense(seen, f"{name}.joined", *bert.dense(f"{name}.attention.output.dense"))
    added = graph.node("Add", [x, joined], f"{name}.added")
    x = graph.norm(added, f"{name}.norm", bert.norm(f"{name}.attention.output"))
    inner = graph.dense(x, f"{name}.inner", *bert.dense(f"{name}.intermediate.dense"))
    active = graph.node("Gelu", [inner], f"{name}.active")
    outer = graph.dense(active, f"{name}.outer", *bert.dense(f"{name}.output.dense"))
    added = graph.node("Add", [x, outer], f"{name}.added.again")
    return graph.norm(added, f"{name}.norm.again", bert.norm(f"{name}.output"))
