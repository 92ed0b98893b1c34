"""What the engine's tests share: the tiny models, prompts, and replies made alone."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from inference.engine.chat_model import ChatModel
from inference.engine.decoder import CHUNK
from inference.engine.folder import read_folder
from inference.engine.sampler import GREEDY, Mask, Sampling

MODELS = Path(__file__).parent / "models"
TINY = MODELS / "tiny"


def tiny(path: Path = TINY, *, slots: int = 4) -> ChatModel:
    return ChatModel(read_folder(path), slots=slots)


def some_prompts(count: int, *, seed: int = 5, longest: int = 150) -> list[list[int]]:
    """Of different lengths, some of them longer than a chunk."""
    chance = np.random.default_rng(seed)
    lengths = chance.integers(1, longest, size=count)
    lengths[: min(2, count)] = (CHUNK, CHUNK + 1)[: min(2, count)]
    return [chance.integers(3, 290, size=length).tolist() for length in lengths]


def read_whole(model: ChatModel, row: int, prompt: Sequence[int]) -> None:
    for at in range(0, len(prompt), CHUNK):
        model.read(row, prompt[at : at + CHUNK])


def alone(
    model: ChatModel,
    prompt: Sequence[int],
    tokens: int,
    *,
    sampling: Sampling = GREEDY,
    mask: Mask | None = None,
) -> list[int]:
    """The reply when nobody else is there, ends and all."""
    model.start(0, sampling)
    model.allow(0, mask)
    read_whole(model, 0, prompt)
    reply = [model.first(0)]
    while len(reply) < tokens:
        reply.append(model.step([reply[-1]])[0])
    return reply
