"""Tiny folders of random weights in both prompt forms, with vocabularies that can speak."""

import hashlib
import json
from pathlib import Path
from typing import Any

import msgspec
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from inference.engine.folder import OURS, Manifest
from inference.training.export.llama_graph import Shape, build_graph, random_weights
from inference.training.export.sealing import seal
from inference.training.export.tiny import genai_config
from inference.wording.compact import END, SPECIALS
from inference.wording.templates import FOLDER

CHATML = (
    "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}<|end|>"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
ROLES = ["<|end|>", "<|system|>", "<|user|>", "<|assistant|>"]
WORDS = r" ?[\p{L}'’]+ ?| ?[^\p{L}\s{}]+ ?|\{[^{}]*\}|\s+"
VOCABULARY = 640


def write_compact(path: Path, *, seed: int = 3) -> Path:
    """A folder in the compact form."""
    return _write(path, list(SPECIALS), end=END, form="compact", positions=192, seed=seed)


def write_chat(
    path: Path, *, positions: int = 1_024, template: str | None = CHATML, seed: int = 3
) -> Path:
    """A folder in the chat form, whose placeholders are text."""
    path.mkdir(parents=True)
    config = {"bos_token": "<|end|>", "eos_token": {"content": "<|end|>"}}
    if template is not None:
        config["chat_template"] = template
    (path / "tokenizer_config.json").write_text(json.dumps(config))
    return _write(path, ROLES, end=ROLES[0], form="chat", positions=positions, seed=seed)


def changed(path: Path, **fields: Any) -> Path:
    """With other words in its `caravan.json`, and the sums of the files as they are now."""
    manifest = json.loads((path / OURS).read_text()) | fields
    for name in manifest["files"]:
        manifest["files"][name] = hashlib.sha256((path / name).read_bytes()).hexdigest()
    (path / OURS).write_text(json.dumps(manifest))
    return path


def _write(
    path: Path, special: list[str], *, end: str, form: str, positions: int, seed: int
) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    tokenizer = _tokenizer(special)
    tokenizer.save(str(path / "tokenizer.json"))
    shape = Shape(
        vocabulary=VOCABULARY,
        layers=2,
        hidden=64,
        heads=4,
        kv_heads=2,
        inner=96,
        positions=positions,
    )
    weights = random_weights(shape, seed, spread=2.4 * shape.hidden**-0.5)
    (path / "model.onnx").write_bytes(build_graph(shape, weights, bits=8).SerializeToString())
    config = genai_config(shape, end=tokenizer.token_to_id(end) or 0)
    (path / "genai_config.json").write_text(json.dumps(config))
    manifest = msgspec.convert(
        {
            "name": f"tiny-{form}",
            "version": "1",
            "form": form,
            "positions": positions,
            "files": {},
            "golden": [],
            "prefill_within_ms": 60_000,
            "first_within_ms": 60_000,
            "reply_within_ms": 60_000,
        },
        Manifest,
    )
    seal(path, manifest, [[1, 2, 3]])
    return path


def _tokenizer(special: list[str]) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(WORDS), "isolated")
    tokenizer.decoder = decoders.Fuse()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[AddedToken(one, special=True, normalized=False) for one in special],
        initial_alphabet=sorted({*map(chr, range(32, 127)), *"’–…“”€"}),
        show_progress=False,
    )
    texts = sorted((FOLDER / "en").glob("*.txt"))
    tokenizer.train_from_iterator((path.read_text("utf-8") for path in texts), trainer)
    return tokenizer
