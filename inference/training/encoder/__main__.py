"""`make models`: the sentence encoder, out of published weights, into `.models/encoder`.

    .venv/bin/python -m inference.training.encoder [--to FOLDER] [--from ARCHIVE] [--again]

Takes half a minute, most of it for the download of 84 MB. What is there and whole stays.
"""

import argparse
import json
import shutil
import sys
import tempfile
import time
from hashlib import sha256
from pathlib import Path
from typing import Final

import numpy as np
from tokenizers import Tokenizer

from inference.encoder.encoder import (
    MANIFEST,
    MODEL,
    TOKENIZER,
    Encoder,
    EncoderMissing,
    load_encoder,
)
from inference.onnx import open_session
from inference.training.encoder.graph import Bert, build
from inference.training.encoder.weights import (
    WEIGHTS_SHA256,
    ModelsError,
    fetch,
    read_archive,
    tensors,
)
from inference.training.where import models_folder

HEADS: Final = 12
VERSION: Final = "all-MiniLM-L6-v2/8bit-1"
LIKENESS: Final = 0.985
"""The least mean cosine between what the graph says of a text and what the weights say in float32."""

PROBES: Final = (
    "hello",
    "somewhere warm in february with my two kids",
    "cheap flights from porto to rome on friday",
    "is breakfast included in the second one?",
    "no thanks, that is far too expensive for us",
    "what is the weather like in lisbon in march",
    "did anybody bring the charger?",
    "take the first hotel, please",
    "wir suchen ein hotel am meer",
    "ok",
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    default = models_folder() / "encoder"
    parser.add_argument("--to", type=Path, default=default, help=f"the folder ({default})")
    parser.add_argument("--from", dest="archive", type=Path, help="the weights' archive, if here")
    parser.add_argument("--again", action="store_true", help="also if it is there and whole")
    args = parser.parse_args()
    if not args.again and _is_whole(args.to):
        print(f"{args.to} holds the encoder {VERSION} already.")
        return 0
    try:
        _make(args.to, args.archive)
    except (ModelsError, OSError) as error:
        print(
            f"{error}\nWithout the encoder the n-gram model understands messages.", file=sys.stderr
        )
        return 1
    return 0


def _is_whole(folder: Path) -> bool:
    try:
        return load_encoder(folder).version == VERSION
    except EncoderMissing:
        return False


def _make(folder: Path, archive: Path | None) -> None:
    began = time.monotonic()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="making-", dir=folder.parent) as scratch:
        if archive is None:
            print("Fetching the encoder's weights (84 MB) ...", flush=True)
            archive = fetch(Path(scratch))
        weights, tokenizer = read_archive(archive)
        print("Building the graph ...", flush=True)
        bert = Bert(tensors(weights), heads=HEADS)
        model = build(bert)
        likeness = parity(bert, model, tokenizer)
        if likeness < LIKENESS:
            raise ModelsError(f"The graph differs from its weights: mean cosine {likeness:.4f}.")
        made = Path(scratch) / "made"
        _write(made, model, tokenizer, likeness)
        if folder.exists():
            shutil.rmtree(folder)
        made.replace(folder)
    took = time.monotonic() - began
    print(f"{folder}: {VERSION}, mean cosine {likeness:.4f} to float32, in {took:.0f} s.")


def parity(bert: Bert, model: bytes, tokenizer: bytes) -> float:
    """The mean cosine between graph and float32 over `PROBES`."""
    reader = Tokenizer.from_buffer(tokenizer)
    encoder = Encoder(open_session(model), reader, VERSION)
    return float(
        np.mean(
            [encoder.encode(text).emb @ bert.run(reader.encode(text).ids)[0] for text in PROBES]
        )
    )


def _write(folder: Path, model: bytes, tokenizer: bytes, likeness: float) -> None:
    folder.mkdir()
    contents = {MODEL: model, TOKENIZER: tokenizer}
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    manifest = {
        "version": VERSION,
        "weights": WEIGHTS_SHA256,
        "likeness": round(likeness, 5),
        "sha256": {name: sha256(content).hexdigest() for name, content in contents.items()},
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")


if __name__ == "__main__":
    sys.exit(main())
