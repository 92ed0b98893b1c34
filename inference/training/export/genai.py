"""Folders by the real builder: tiny random models of the families that people drop in.

What `transformers` (or, for int4, onnxruntime-genai's own generator) says greedily is written beside each,
so that the engine can be held against it where neither is installed.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
import transformers

from inference.engine.folder import Manifest
from inference.training.export.sealing import seal
from inference.training.export.tiny_tokenizer import BEGIN, END, PAD, write_tokenizer

EXPECTED = "expected.json"
REPLY_TOKENS = 40
MARGIN = 0.005
"""Two logits closer than this are not compared: the sums of two libraries differ in their last bits."""

SIZES: Final[Mapping[str, Any]] = {
    "vocab_size": 264,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "max_position_embeddings": 256,
    "bos_token_id": 0,
    "eos_token_id": 1,
    "pad_token_id": 2,
    "initializer_range": 0.4,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """`options`: of the builder."""

    config: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    precision: str = "fp32"
    positions: int = 192
    options: Mapping[str, str] = field(default_factory=dict)


PRUNED: Final = {"prune_lm_head": "true"}
FAMILIES: Final[Mapping[str, Family]] = {
    "llama": Family(
        config="LlamaConfig",
        changes={
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "head_dim": 16,
            "tie_word_embeddings": False,
        },
        options=PRUNED,
    ),
    "qwen": Family(config="Qwen2Config", changes={"tie_word_embeddings": True}),
    "qwen3": Family(config="Qwen3Config", changes={"head_dim": 16}, options=PRUNED),
    "qwen-int4": Family(
        config="Qwen2Config", changes={"tie_word_embeddings": True}, precision="int4"
    ),
    "phi": Family(
        config="Phi3Config",
        changes={"sliding_window": None, "original_max_position_embeddings": 256},
        options=PRUNED,
    ),
    "phi-long": Family(
        config="Phi3Config",
        changes={
            "sliding_window": None,
            "max_position_embeddings": 512,
            "original_max_position_embeddings": 128,
            "rope_scaling": {
                "type": "longrope",
                "rope_type": "longrope",
                "short_factor": [1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7],
                "long_factor": [2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 5.5],
            },
        },
        positions=128,
        options=PRUNED,
    ),
}


def write_family(name: str, path: Path, *, seed: int = 7) -> None:
    """The folder of that family, with `expected.json` (`prompts`, and what follows each: `replies`)."""
    family = FAMILIES[name]
    torch.manual_seed(seed)
    config = getattr(transformers, family.config)(**{**SIZES, **family.changes})
    model = transformers.AutoModelForCausalLM.from_config(config).eval()
    with tempfile.TemporaryDirectory() as working:
        source = Path(working) / "source"
        model.save_pretrained(source)
        write_tokenizer(source / "tokenizer.json", with_placeholders=False)
        transformers.PreTrainedTokenizerFast(
            tokenizer_file=str(source / "tokenizer.json"),
            bos_token=BEGIN,
            eos_token=END,
            pad_token=PAD,
        ).save_pretrained(source)
        _build(family, source, path, Path(working) / "cache")
    chance = np.random.default_rng(seed)
    lengths = (3, 17, 64, 65, 80)
    prompts = [chance.integers(3, 259, size=length).tolist() for length in lengths]
    replies = [
        by_generator(path, prompt) if family.precision == "int4" else by_transformers(model, prompt)
        for prompt in prompts
    ]
    (path / EXPECTED).write_text(json.dumps({"prompts": prompts, "replies": replies}) + "\n")
    manifest = Manifest(
        name=f"random-{name}",
        version="1",
        form="chat",
        positions=family.positions,
        files={},
        golden=(),
        notes={"made": "of random weights, by onnxruntime-genai's builder"},
    )
    seal(path, manifest, prompts[:2])


def _build(family: Family, source: Path, path: Path, cache: Path) -> None:
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    options = [f"{key}={value}" for key, value in family.options.items()]
    command = [
        *(sys.executable, "-m", "onnxruntime_genai.models.builder"),
        *("-i", str(source), "-o", str(path), "-c", str(cache)),
        *("-p", family.precision, "-e", "cpu"),
        *(["--extra_options", *options] if options else []),
    ]
    built = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if built.returncode:
        raise RuntimeError(built.stderr[-2_000:])


def by_transformers(model: Any, prompt: Sequence[int]) -> list[int]:
    """What the model says greedily, as far as it is sure."""
    tokens = list(prompt)
    with torch.no_grad():
        while len(tokens) < len(prompt) + REPLY_TOKENS:
            logits = model(torch.tensor([tokens])).logits[0, -1]
            best = torch.topk(logits, 2)
            if best.values[0] - best.values[1] < MARGIN:
                break
            tokens.append(int(best.indices[0]))
            if tokens[-1] == SIZES["eos_token_id"]:
                break
    return tokens[len(prompt) :]


def by_generator(path: Path, prompt: Sequence[int]) -> list[int]:
    """The same by onnxruntime-genai: int4 weights are its own, not those of `transformers`."""
    import onnxruntime_genai

    model = onnxruntime_genai.Model(str(path))
    parameters = onnxruntime_genai.GeneratorParams(model)
    parameters.set_search_options(max_length=len(prompt) + REPLY_TOKENS, do_sample=False)
    generator = onnxruntime_genai.Generator(model, parameters)
    generator.append_tokens(np.array([prompt], np.int32))
    reply: list[int] = []
    while not generator.is_done():
        logits = np.sort(np.asarray(generator.get_logits()).reshape(-1, SIZES["vocab_size"])[-1])
        if logits[-1] - logits[-2] < MARGIN:
            break
        generator.generate_next_token()
        reply.append(int(generator.get_next_tokens()[0]))
    return reply
