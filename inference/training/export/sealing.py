"""`caravan.json` for a folder that an exporter wrote: what it is, its sums, its golden prompts."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
from tokenizers import Tokenizer

from inference.engine.chat_model import ChatModel
from inference.engine.decoder import CHUNK
from inference.engine.folder import OURS, TOKENIZER, Golden, Manifest, read_folder
from inference.engine.sampler import GREEDY
from inference.engine.servable import UnservableError

MARGIN = 0.1
"""Two logits closer than this may change places on another processor."""
GOLDEN_TOKENS = 24


TEXTS = (
    "Somewhere warm in February, with two children.",
    "Which of the hotels has breakfast, and how far is it from the old town?",
)


def default_prompts(path: Path) -> list[list[int]]:
    """Some texts in the folder's own tokens. Raises `UnservableError` when it has no tokenizer."""
    try:
        tokenizer = Tokenizer.from_file(str(path / TOKENIZER))
    except Exception as error:  # tokenizers raises nothing more special
        raise UnservableError(f"{TOKENIZER} cannot be read: {error}") from error
    return [tokenizer.encode(text).ids for text in TEXTS]


def seal(path: Path, manifest: Manifest, prompts: Sequence[Sequence[int]]) -> Manifest:
    """Write `caravan.json`: `manifest` with the sums of all files and with the replies to `prompts`.
    Raises `UnservableError` when the engine cannot serve the folder; the file is then not there."""
    sums = {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(path.iterdir())
        if file.is_file() and file.name != OURS
    }
    manifest = msgspec.structs.replace(manifest, files=sums, golden=())
    _write(path, manifest)
    try:
        model = ChatModel(read_folder(path), slots=1)
    except UnservableError:
        (path / OURS).unlink()
        raise
    golden = tuple(Golden(tuple(prompt), _sure_reply(model, prompt)) for prompt in prompts)
    manifest = msgspec.structs.replace(manifest, golden=golden)
    _write(path, manifest)
    return manifest


def _write(path: Path, manifest: Manifest) -> None:
    (path / OURS).write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n")


def _sure_reply(model: ChatModel, prompt: Sequence[int]) -> tuple[int, ...]:
    """What it says greedily, up to where rounding could decide."""
    model.start(0, GREEDY)
    for at in range(0, len(prompt), CHUNK):
        model.read(0, prompt[at : at + CHUNK])
    reply: list[int] = []
    token = model.first(0)
    while isinstance(token, int) and len(reply) < GOLDEN_TOKENS:
        second, best = np.sort(model.logits(0))[-2:]
        if best - second < MARGIN:
            break
        reply.append(token)
        token = model.step([token])[0]
    return tuple(reply)
