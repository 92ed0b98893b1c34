"""From a checkpoint to a folder that the engine serves."""

import json
import random
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from inference.engine.folder import Manifest
from inference.training.chat.corpus_words import write_words
from inference.training.chat.plans import drawn
from inference.training.chat.tokens import ids_of, read_tokens
from inference.training.export.llama_graph import Shape, Weights, build_graph
from inference.training.export.sealing import seal
from inference.training.export.tiny import genai_config
from inference.wording.compact import END, PAD, VOICES, compact_prompt
from protocol.wording import Act

NAME: Final = "caravan-chat"
TEMPERATURE: Final = 0.4
TOP_P: Final = 0.9
GOLDEN: Final[tuple[Act, ...]] = ("show_hotels", "weather")
KEPT: Final = 6
"""Golden prompts: those of which the model is surest for longest."""
BITS: Final = 8


def export(
    path: Path,
    shape: Shape,
    weights: Weights,
    tokenizer: str,
    *,
    notes: Mapping[str, Any],
    version: str,
) -> Manifest:
    """Write the folder. Raises `UnservableError` when the engine would not serve it."""
    path.mkdir(parents=True, exist_ok=True)
    tokens: Any = read_tokens(tokenizer)
    (path / "tokenizer.json").write_text(tokenizer, "utf-8")
    graph = build_graph(shape, weights, bits=BITS)
    (path / "model.onnx").write_bytes(graph.SerializeToString())
    write_words(path)
    end, pad = (tokens.token_to_id(one) for one in (END, PAD))
    config = genai_config(shape, begin=pad, end=end, pad=pad)
    (path / "genai_config.json").write_text(json.dumps(config, indent=2) + "\n")
    dice = random.Random(1)  # noqa: S311 - words, not secrets
    prompts = [
        ids_of(tokens, compact_prompt(drawn(dice, voice, act)))
        for voice in VOICES
        for act in GOLDEN
    ]
    manifest = Manifest(
        name=NAME,
        version=version,
        form="compact",
        positions=shape.positions,
        files={},
        golden=(),
        temperature=TEMPERATURE,
        top_p=TOP_P,
        notes={name: str(value) for name, value in notes.items()},
    )
    tried = seal(path, manifest, prompts).golden
    surest = sorted(tried, key=lambda one: -len(one.reply))[:KEPT]
    return seal(path, manifest, [one.prompt for one in surest])


def export_checkpoint(checkpoint: Path, path: Path) -> Manifest:
    """The same of a file that `train` wrote, with what is to be known of it in the notes. Needs torch."""
    from inference.training.chat.decoder import Decoder
    from inference.training.chat.training import load_checkpoint

    read = load_checkpoint(checkpoint)
    model = Decoder(Shape(**read["shape"]))
    model.load_state_dict(read["model"])
    now = datetime.now(UTC)
    corpus, course = read["corpus"], read["course"]
    notes = {
        "made": now.strftime("%Y-%m-%d"),
        "parameters": sum(one.numel() for one in model.parameters()),
        "texts": corpus["texts"],
        "corpus_seed": corpus["seed"],
        "corpus_replies": corpus["replies"],
        "replies_each": corpus["each"],
        "training_seed": course["seed"],
        "reply_tokens": read["tokens"],
        "steps": read["step"],
        "minutes": round(read["seconds"] / 60, 1),
        "loss": round(read["loss"], 4),
        "held_out_loss": round(read["held_loss"], 4),
        "lessons": read.get("lessons", 0),
    }
    version = f"{now:%Y%m%d}-{corpus['texts'][:6]}-{read['tokens'] // 1000}k"
    return export(
        path, model.shape, model.weights(), read["tokenizer"], notes=notes, version=version
    )
