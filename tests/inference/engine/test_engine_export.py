"""What the engine is given is what the exporter makes. Needs the package `onnx`, of the training group."""

from pathlib import Path

import numpy as np
import pytest
from engine_stage import TINY, alone, some_prompts, tiny

from inference.engine.chat_model import load_model
from inference.engine.graph_file import read_graph

pytest.importorskip("onnx", reason="needs the package onnx, of the training group")

from inference.training.export.llama_graph import (
    Shape,
    build_graph,
    quantized,
    random_weights,
)
from inference.training.export.sampler_graph import build_sampler
from inference.training.export.tiny import TINY as TINY_SHAPE
from inference.training.export.tiny import write_random_model

ENGINE = Path(__file__).parents[3] / "inference" / "engine"


def test_the_sampler_is_the_one_that_is_built() -> None:
    assert (ENGINE / "sampler.onnx").read_bytes() == build_sampler().SerializeToString()


def test_the_tiny_model_is_the_one_that_is_made(tmp_path: Path) -> None:
    write_random_model(tmp_path, TINY_SHAPE, version="1")
    made, committed = read_graph(tmp_path / "model.onnx"), read_graph(TINY / "model.onnx")
    assert made == committed
    prompt = some_prompts(1)[0]
    assert alone(load_model(tmp_path), prompt, 20) == alone(tiny(), prompt, 20)


@pytest.mark.parametrize("bits", [8, 4])
def test_quantized_weights_are_near_the_real_ones(bits: int) -> None:
    weight = np.random.default_rng(1).standard_normal((48, 96)).astype(np.float32)
    packed, scales = quantized(weight, bits)
    levels = packed.astype(np.int64)
    if bits == 4:
        levels = np.stack([levels & 15, levels >> 4], axis=3).reshape(48, 3, 32)
    zero = 1 << (bits - 1)
    back = ((levels - zero) * scales[:, :, None]).reshape(48, 96)
    assert np.abs(back - weight).max() <= scales.max() / 2 + 1e-6
    assert packed.shape == (48, 3, 32 * bits // 8)


def logits_by_numpy(shape: Shape, weights: dict[str, np.ndarray], tokens: list[int]) -> np.ndarray:
    """The last position's logits, from the definition of the architecture."""
    half = shape.head_size // 2
    frequencies = shape.rope_theta ** -(np.arange(half) / half)
    angles = np.outer(np.arange(len(tokens)), frequencies)[:, None]
    cos, sin = np.cos(angles), np.sin(angles)

    def norm(x: np.ndarray, name: str) -> np.ndarray:
        return x / np.sqrt((x**2).mean(-1, keepdims=True) + shape.epsilon) * weights[name]

    def turned(x: np.ndarray) -> np.ndarray:
        a, b = x[..., :half], x[..., half:]
        return np.concatenate([a * cos - b * sin, b * cos + a * sin], axis=-1)

    x = weights["model.embed_tokens.weight"][tokens].astype(np.float64)
    for layer in range(shape.layers):
        at = f"model.layers.{layer}."
        y = norm(x, f"{at}input_layernorm.weight")

        def heads(part: str, count: int, y: np.ndarray = y, at: str = at) -> np.ndarray:
            out = y @ weights[f"{at}self_attn.{part}_proj.weight"].T
            return out.reshape(len(tokens), count, shape.head_size)

        q, k = turned(heads("q", shape.heads)), turned(heads("k", shape.kv_heads))
        shared = shape.heads // shape.kv_heads
        k, v = (np.repeat(part, shared, axis=1) for part in (k, heads("v", shape.kv_heads)))
        scores = np.einsum("qhd,khd->hqk", q, k) / np.sqrt(shape.head_size)
        scores[:, np.triu_indices(len(tokens), 1)[0], np.triu_indices(len(tokens), 1)[1]] = -np.inf
        share = np.exp(scores - scores.max(-1, keepdims=True))
        share /= share.sum(-1, keepdims=True)
        attended = np.einsum("hqk,khd->qhd", share, v).reshape(len(tokens), -1)
        x = x + attended @ weights[f"{at}self_attn.o_proj.weight"].T
        y = norm(x, f"{at}post_attention_layernorm.weight")
        gate = y @ weights[f"{at}mlp.gate_proj.weight"].T
        up = y @ weights[f"{at}mlp.up_proj.weight"].T
        x = x + (gate / (1 + np.exp(-gate)) * up) @ weights[f"{at}mlp.down_proj.weight"].T
    head = weights.get("lm_head.weight", weights["model.embed_tokens.weight"])
    return norm(x[-1], "model.norm.weight") @ head.T


def test_a_tied_table_is_there_once_and_computes_the_same(tmp_path: Path) -> None:
    from inference.engine.decoder import Decoder
    from inference.engine.folder import Manifest
    from inference.training.export.sealing import seal

    weights = random_weights(TINY_SHAPE, 4, spread=0.3)
    del weights["lm_head.weight"]
    write_random_model(tmp_path, TINY_SHAPE, version="1")
    before = (tmp_path / "model.onnx").stat().st_size
    graph = build_graph(TINY_SHAPE, weights, bits=8)
    (tmp_path / "model.onnx").write_bytes(graph.SerializeToString())
    table = TINY_SHAPE.vocabulary * TINY_SHAPE.hidden * 4
    assert (tmp_path / "model.onnx").stat().st_size < before - table + 2_000
    manifest = Manifest(name="x", version="1", form="compact", positions=64, files={}, golden=())
    seal(tmp_path, manifest, [[5, 6]])
    decoder = Decoder(load_model(tmp_path).folder.layout, slots=1, positions=64)
    tokens = some_prompts(3)[0][:30]
    decoder.read(0, tokens)
    exact = logits_by_numpy(TINY_SHAPE, weights, tokens)
    assert np.corrcoef(decoder.logits[0], exact)[0, 1] > 0.995


def test_the_graph_computes_what_the_architecture_says(tmp_path: Path) -> None:
    weights = random_weights(TINY_SHAPE, 4, spread=0.3)
    write_random_model(tmp_path, TINY_SHAPE, version="1", bits=None)
    graph = build_graph(TINY_SHAPE, weights, bits=None)
    (tmp_path / "model.onnx").write_bytes(graph.SerializeToString())
    from inference.engine.decoder import Decoder
    from inference.engine.folder import Manifest
    from inference.training.export.sealing import seal

    manifest = Manifest(name="x", version="1", form="compact", positions=64, files={}, golden=())
    seal(tmp_path, manifest, [[5, 6]])
    decoder = Decoder(load_model(tmp_path).folder.layout, slots=1, positions=64)
    tokens = some_prompts(3)[0][:30]
    decoder.read(0, tokens)
    assert np.allclose(decoder.logits[0], logits_by_numpy(TINY_SHAPE, weights, tokens), atol=2e-3)
