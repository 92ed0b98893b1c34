"""Random decoders: a tiny one for tests, and one of the real one's size for benchmarks."""

import json
from pathlib import Path
from typing import Final

import numpy as np

from inference.engine.folder import Manifest
from inference.training.export.llama_graph import Shape, build_graph, random_weights
from inference.training.export.sealing import seal
from inference.training.export.tiny_tokenizer import write_tokenizer

TINY: Final = Shape(
    vocabulary=320, layers=2, hidden=64, heads=4, kv_heads=2, inner=96, positions=256
)
REAL_SIZE: Final = Shape(
    vocabulary=2_304, layers=6, hidden=256, heads=4, kv_heads=2, inner=704, positions=256
)
"""5 M parameters, as the trained one is meant to be."""


def write_random_model(
    path: Path, shape: Shape, *, version: str, seed: int = 1, bits: int | None = 8
) -> None:
    """A folder that the engine serves. Its replies are noise; its times are a real model's."""
    path.mkdir(parents=True, exist_ok=True)
    if write_tokenizer(path / "tokenizer.json", with_placeholders=True) > shape.vocabulary:
        raise ValueError("the vocabulary has no room for every byte and placeholder")
    weights = random_weights(shape, seed, spread=2.4 * shape.hidden**-0.5)
    graph = build_graph(shape, weights, bits=bits)
    (path / "model.onnx").write_bytes(graph.SerializeToString())
    (path / "genai_config.json").write_text(json.dumps(genai_config(shape), indent=2) + "\n")
    chance = np.random.default_rng(seed)
    prompts = [chance.integers(3, 300, size=length).tolist() for length in (5, 40, 90)]
    manifest = Manifest(
        name=f"random-{shape.layers}x{shape.hidden}",
        version=version,
        form="compact",
        positions=shape.positions,
        files={},
        golden=(),
        notes={"made": "of random weights, for tests and benchmarks"},
    )
    seal(path, manifest, prompts)


def genai_config(shape: Shape, *, begin: int = 0, end: int = 1, pad: int = 2) -> dict[str, object]:
    """What onnxruntime-genai's builder writes of such a model."""
    return {
        "model": {
            "type": "llama",
            "bos_token_id": begin,
            "eos_token_id": end,
            "pad_token_id": pad,
            "context_length": shape.positions,
            "vocab_size": shape.vocabulary,
            "decoder": {
                "filename": "model.onnx",
                "head_size": shape.head_size,
                "hidden_size": shape.hidden,
                "num_attention_heads": shape.heads,
                "num_hidden_layers": shape.layers,
                "num_key_value_heads": shape.kv_heads,
                "inputs": {
                    "input_ids": "input_ids",
                    "attention_mask": "attention_mask",
                    "past_key_names": "past_key_values.%d.key",
                    "past_value_names": "past_key_values.%d.value",
                },
                "outputs": {
                    "logits": "logits",
                    "present_key_names": "present.%d.key",
                    "present_value_names": "present.%d.value",
                },
            },
        },
        "search": {"past_present_share_buffer": True, "max_length": shape.positions},
    }
