"""What it costs to understand a message: the reader whole, beside one bare run of the encoder per message.

Part of `benchmarks.inference`. Messages are the development half of those that judge understanding, in four
languages. The reader asks one worker thread, whoever asks; beside it stands what one writes first: a thread
per message that tokenises and runs the encoder, and understands nothing yet.
"""

import itertools
import json
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import trio

from core.ports.inference import Reader
from inference.encoder.encoder import Encoder, EncoderMissing, load_encoder
from inference.encoder.intents import load_heads
from inference.reader import IntentModel, ModelReader
from inference.understanding.gazetteer import Gazetteer
from inference.understanding.ngrams import load_ngrams
from protocol.understanding import Setting
from storage.catalogue_file import PLACES, entries

MESSAGES = Path(__file__).parents[1] / "data" / "messages" / "development"
ENCODER = Path(__file__).parents[1] / ".models"
AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Reading:
    messages_per_second: float
    processor_ms: float
    """Of one message, all threads together."""


def texts() -> Iterator[str]:
    """Again and again."""
    lines = [line for path in sorted(MESSAGES.glob("*.jsonl")) for line in path.open("rb")]
    return itertools.cycle([json.loads(line)["text"] for line in lines])


def readers() -> dict[str, ModelReader]:
    """With places by name. Without `make models` there is no encoder among them."""
    places = Gazetteer(list(entries(PLACES.read_bytes())))
    models: dict[str, list[IntentModel]] = {"rules": [], "n-grams": [load_ngrams()]}
    try:
        models["encoder"] = [load_heads(ENCODER), *models["n-grams"]]
    except EncoderMissing as missing:
        print(f"Without the encoder: {missing}.")
    return {name: ModelReader(found, places) for name, found in models.items()}


def best_reader() -> ModelReader:
    return list(readers().values())[-1]


async def keep_reading(reader: Reader) -> None:
    """As one of many who ask, for ever."""
    for text in texts():
        await reader.read(text, Setting(people=2))


async def measure_reading(messages: int) -> dict[str, Reading]:
    """By what reads; `AT_ONCE` messages are asked for at a time."""
    found = {}
    for name, reader in readers().items():

        async def read(text: str, reader: ModelReader = reader) -> None:
            await reader.read(text, Setting(people=2))

        found[name] = await _measured(read, messages)
    try:
        encoder = load_encoder(ENCODER / "encoder")
    except EncoderMissing:
        return found
    found["a run per message"] = await _measured(_in_threads(encoder), messages)
    return found


def _in_threads(encoder: Encoder) -> Callable[[str], Awaitable[object]]:
    async def read(text: str) -> object:
        return await trio.to_thread.run_sync(encoder.encode, text)

    return read


async def _measured(read: Callable[[str], Awaitable[object]], messages: int) -> Reading:
    told = texts()
    for text in itertools.islice(told, AT_ONCE):
        await read(text)
    rest = itertools.islice(told, messages)

    async def keep_asking() -> None:
        for text in rest:
            await read(text)

    began, spent = time.perf_counter(), time.process_time()
    async with trio.open_nursery() as nursery:
        for _ in range(AT_ONCE):
            nursery.start_soon(keep_asking)
    taken, spent = time.perf_counter() - began, time.process_time() - spent
    return Reading(messages / taken, spent / messages * 1_000)
