"""`caravan.json` for a folder that an exporter wrote: what it is, its sums, its golden prompts."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from inference.engine.chat_model import ChatModel
from inference.engine.decoder import CHUNK
from inference.engine.folder import OURS, Golden, Manifest, read_folder
from inference.engine.sampler import GREEDY

MARGIN = 0.1
"""Two logits closer than this may change places on another processor."""
GOLDEN_TOKENS = 24


def seal(path: Path, manifest: Manifest, prompts: Sequence[Sequence[int]]) -> Manifest:
    """Write `caravan.json`: `manifest` with the sums of all files and with the replies to `prompts`.
    Raises `UnservableError` when the engine cannot serve the folder."""
    sums = {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(path.iterdir())
        if file.is_file() and file.name != OURS
    }
    manifest = msgspec.structs.replace(manifest, files=sums, golden=())
    _write(path, manifest)
    model = ChatModel(read_folder(path), slots=1)
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
