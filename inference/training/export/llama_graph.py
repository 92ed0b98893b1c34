"""A Llama-shaped decoder as an ONNX graph, from numpy weights and without torch.

The operators and names are those that onnxruntime-genai's builder writes (0.18), the LM head on the last
position alone (`prune_lm_head`): what serves one serves the other.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Weights = Mapping[str, NDArray[np.float32]]
"""Hugging Face's names (`model.layers.0.self_attn.q_proj.weight`, …) → [out, in] matrices and [hidden]
norms. Without `lm_head.weight`, the embedding table is that too."""

BLOCK = 32
"""Weights that share a scale."""

MICROSOFT = "com.microsoft"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The size of a decoder. `hidden` and `inner` are multiples of 32; heads share `kv_heads`."""

    vocabulary: int
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    inner: int
    positions: int = 512
    rope_theta: float = 10_000.0
    epsilon: float = 1e-6

    @property
    def head_size(self) -> int:
        return self.hidden // self.heads


def random_weights(shape: Shape, seed: int, *, spread: float) -> dict[str, NDArray[np.float32]]:
    """Normal weights of standard deviation `spread`. With a wide one (0.3 for 64 hidden) the logits of
    a tiny model differ by more than rounding does."""
    chance = np.random.default_rng(seed)

    def normal(*size: int) -> NDArray[np.float32]:
        return (chance.standard_normal(size) * spread).astype(np.float32)

    hidden, kv = shape.hidden, shape.kv_heads * shape.head_size
    weights = {
        "model.embed_tokens.weight": normal(shape.vocabulary, hidden),
        "model.norm.weight": np.ones(hidden, np.float32),
        "lm_head.weight": normal(shape.vocabulary, hidden),
    }
    for layer in range(shape.layers):
        at = f"model.layers.{layer}."
        weights |= {
            at + "input_layernorm.weight": np.ones(hidden, np.float32),
            at + "post_attention_layernorm.weight": np.ones(hidden, np.float32),
            at + "self_attn.q_proj.weight": normal(hidden, hidden),
            at + "self_attn.k_proj.weight": normal(kv, hidden),
            at + "self_attn.v_proj.weight": normal(kv, hidden),
            at + "self_attn.o_proj.weight": normal(hidden, hidden),
            at + "mlp.gate_proj.weight": normal(shape.inner, hidden),
            at + "mlp.up_proj.weight": normal(shape.inner, hidden),
            at + "mlp.down_proj.weight": normal(hidden, shape.inner),
        }
    return weights


def quantized(
    weight: NDArray[np.float32], bits: int
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """MatMulNBits' two tensors of a [N, K] matrix, symmetric: packed [N, K/32, 32·bits/8] and scales
    [N, K/32]. K that 32 does not divide is filled up with zeros."""
    rows, columns = weight.shape
    blocks = -(-columns // BLOCK)
    padded = np.zeros((rows, blocks * BLOCK), np.float32)
    padded[:, :columns] = weight
    grouped = padded.reshape(rows, blocks, BLOCK)
    zero = 1 << (bits - 1)
    scale = np.abs(grouped).max(axis=2, keepdims=True) / (zero - 1)
    scale[scale == 0] = 1.0
    levels = np.clip(np.rint(grouped / scale) + zero, 0, 2 * zero - 1).astype(np.uint8)
    if bits == 4:
        levels = levels[:, :, 0::2] | (levels[:, :, 1::2] << 4)
    return levels, scale[:, :, 0].astype(np.float32)


class _Nodes:
    """Nodes and initializers under way."""

    def __init__(self, bits: int | None) -> None:
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []
        self.bits = bits

    def constant(self, name: str, value: NDArray[Any]) -> str:
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def add(
        self, op: str, inputs: list[str], *outputs: str, domain: str = "", **attributes: Any
    ) -> str:
        self.nodes.append(
            helper.make_node(
                op, inputs, list(outputs), name=f"{outputs[0]}/{op}", domain=domain, **attributes
            )
        )
        return outputs[0]

    def matmul(self, name: str, x: str, weight: NDArray[np.float32], output: str) -> str:
        """x · weightᵀ."""
        if self.bits is None:
            return self.add("MatMul", [x, self.constant(name, weight.T)], output)
        packed, scales = quantized(weight, self.bits)
        return self.add(
            "MatMulNBits",
            [x, self.constant(f"{name}.packed", packed), self.constant(f"{name}.scales", scales)],
            output,
            domain=MICROSOFT,
            K=weight.shape[1],
            N=weight.shape[0],
            bits=self.bits,
            block_size=BLOCK,
            accuracy_level=4,
        )


class _Decoder:
    """The graph of one decoder, layer by layer."""

    def __init__(self, shape: Shape, weights: Weights, bits: int | None) -> None:
        self._shape = shape
        self._weights = weights
        self.nodes = _Nodes(bits)
        self._lengths = self._read_mask()
        self._rotary = self._angles()

    def build(self) -> None:
        add, constant = self.nodes.add, self.nodes.constant
        head = self._weights.get("lm_head.weight")
        residual = self._embedded_by_head() if head is None else self._embedded()
        normed = add(
            "SimplifiedLayerNormalization",
            [residual, constant("norm.0", self._weights["model.layers.0.input_layernorm.weight"])],
            "normed.0",
            axis=-1,
            epsilon=self._shape.epsilon,
            stash_type=1,
        )
        for layer in range(self._shape.layers):
            attended = self._attention(layer, normed)
            normed, residual = self._add_and_norm(
                f"model.layers.{layer}.post_attention_layernorm", residual, attended
            )
            is_last = layer + 1 == self._shape.layers
            normed, residual = self._add_and_norm(
                "model.norm" if is_last else f"model.layers.{layer + 1}.input_layernorm",
                residual,
                self._feed_forward(layer, normed),
            )
        last = constant("last", np.array([-1], np.int64))
        final = add("Gather", [normed, last], "final", axis=1)
        embedding = self._weights["model.embed_tokens.weight"]
        self.nodes.matmul("lm_head", final, embedding if head is None else head, "logits")

    def _embedded(self) -> str:
        table = self.nodes.constant("embedding", self._weights["model.embed_tokens.weight"])
        return self.nodes.add("Gather", [table, "input_ids"], "embedded")

    def _embedded_by_head(self) -> str:
        """Rows of the LM head's own bytes, so that a tied table is there once and small."""
        add, constant = self.nodes.add, self.nodes.constant
        if self.nodes.bits != 8:
            return self._embedded()
        levels = add("Gather", ["lm_head.packed", "input_ids"], "embedded.levels")
        scales = add("Gather", ["lm_head.scales", "input_ids"], "embedded.scales")
        zero = constant("embedded.zero", np.array(128, np.float32))
        numbers = add("Cast", [levels], "embedded.numbers", to=TensorProto.FLOAT)
        centred = add("Sub", [numbers, zero], "embedded.centred")
        last = constant("embedded.axis", np.array([-1], np.int64))
        scale = add("Unsqueeze", [scales, last], "embedded.scale")
        scaled = add("Mul", [centred, scale], "embedded.scaled")
        size = constant("embedded.size", np.array([0, 0, self._shape.hidden], np.int64))
        return add("Reshape", [scaled, size], "embedded")

    def _read_mask(self) -> tuple[str, str]:
        """What GroupQueryAttention asks of the mask: each row's last position, and the mask's width."""
        add, constant = self.nodes.add, self.nodes.constant
        one = constant("one", np.array([1], np.int64))
        summed = add("ReduceSum", ["attention_mask", one], "mask.sum", keepdims=0)
        lengths = add("Sub", [summed, one], "mask.last")
        index = constant("one.scalar", np.array(1, np.int64))
        width = add("Gather", [add("Shape", ["attention_mask"], "mask.shape"), index], "mask.width")
        return (
            add("Cast", [lengths], "mask.lengths", to=TensorProto.INT32),
            add("Cast", [width], "mask.total", to=TensorProto.INT32),
        )

    def _angles(self) -> tuple[str, str]:
        shape = self._shape
        half = np.arange(0, shape.head_size, 2, dtype=np.float64) / shape.head_size
        angles = np.outer(np.arange(shape.positions), shape.rope_theta**-half)
        return (
            self.nodes.constant("cos_cache", np.cos(angles).astype(np.float32)),
            self.nodes.constant("sin_cache", np.sin(angles).astype(np.float32)),
        )

    def _attention(self, layer: int, x: str) -> str:
        at = f"model.layers.{layer}.self_attn."
        packed = np.concatenate([self._weights[f"{at}{part}_proj.weight"] for part in "qkv"])
        qkv = self.nodes.matmul(f"{at}qkv", x, packed, f"{at}qkv.out")
        past = [f"past_key_values.{layer}.key", f"past_key_values.{layer}.value"]
        attended = self.nodes.add(
            "GroupQueryAttention",
            [qkv, "", "", *past, *self._lengths, *self._rotary],
            f"{at}attended",
            f"present.{layer}.key",
            f"present.{layer}.value",
            domain=MICROSOFT,
            num_heads=self._shape.heads,
            kv_num_heads=self._shape.kv_heads,
            scale=self._shape.head_size**-0.5,
            do_rotary=1,
            rotary_interleaved=0,
            local_window_size=-1,
        )
        return self.nodes.matmul(
            f"{at}o", attended, self._weights[f"{at}o_proj.weight"], f"{at}o.out"
        )

    def _feed_forward(self, layer: int, x: str) -> str:
        at = f"model.layers.{layer}.mlp."

        def matmul(part: str, x: str) -> str:
            weight = self._weights[f"{at}{part}_proj.weight"]
            return self.nodes.matmul(f"{at}{part}", x, weight, f"{at}{part}.out")

        gate = matmul("gate", x)
        sigmoid = self.nodes.add("Sigmoid", [gate], f"{at}sigmoid")
        swish = self.nodes.add("Mul", [gate, sigmoid], f"{at}swish")
        both = self.nodes.add("Mul", [swish, matmul("up", x)], f"{at}both")
        return matmul("down", both)

    def _add_and_norm(self, name: str, residual: str, x: str) -> tuple[str, str]:
        """(norm(residual + x), residual + x)."""
        scale = self.nodes.constant(name, self._weights[f"{name}.weight"])
        outputs = (f"{name}.normed", "", "", f"{name}.residual")
        self.nodes.add(
            "SkipSimplifiedLayerNormalization",
            [residual, x, scale],
            *outputs,
            domain=MICROSOFT,
            epsilon=self._shape.epsilon,
        )
        return outputs[0], outputs[3]


def build_graph(shape: Shape, weights: Weights, *, bits: int | None = 8) -> Any:
    """The `ModelProto`. `bits` 8 or 4: matrices by MatMulNBits, whose rows do not depend on their
    batch mates; None: all in float32. An embedding table of its own stays in float32."""
    decoder = _Decoder(shape, weights, bits)
    decoder.build()
    caches = [f"{layer}.{part}" for layer in range(shape.layers) for part in ("key", "value")]

    def cache(name: str, length: str) -> Any:
        sizes: list[str | int | None] = ["batch_size", shape.kv_heads, length, shape.head_size]
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, sizes)

    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["batch_size", length])
        for name, length in (
            ("input_ids", "sequence_length"),
            ("attention_mask", "total_sequence_length"),
        )
    ]
    inputs += [cache(f"past_key_values.{name}", "past_sequence_length") for name in caches]
    logits = helper.make_tensor_value_info(
        "logits", TensorProto.FLOAT, ["batch_size", 1, shape.vocabulary]
    )
    outputs = [logits, *(cache(f"present.{name}", "total_sequence_length") for name in caches)]
    proto = helper.make_graph(
        decoder.nodes.nodes, "decoder", inputs, outputs, decoder.nodes.initializers
    )
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid(MICROSOFT, 1)]
    return helper.make_model(proto, opset_imports=opsets, ir_version=10, producer_name="caravan")
