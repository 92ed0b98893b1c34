"""The models at work: replies and readings against a bare `session.run` loop for each, and what the loop feels.

    .venv/bin/python -m benchmarks.inference [--quick] [--model FOLDER] [--json FILE]

The decoder is the one that is served (`inference/models/chat`); `--model random` makes one of 6 layers of 256 in
8 bits (needs the package `onnx`). Prompts have 40 tokens, replies 35, drawn at temperature 0.7. As many ask at
once as there are slots, each again and again. The loop per reply is what one writes first: a thread per reply,
its own past handed in and out of every run, the choice in numpy. Readings are `benchmarks/reading.py`.

Then the loop's wake-up: a task sleeps 5 ms at a time; how late it wakes, with the models idle and saturated
(8 slots of the decoder always full, and always a message to be read). Rounds take turns in one process; medians
of the rounds. The first token is counted from the request; nothing else runs beside it.
"""

import argparse
import json
import math
import statistics
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from commands.one_thread import take_one_thread

take_one_thread()  # as in the server

import numpy as np
import trio

from benchmarks.reading import Reading, best_reader, keep_reading, measure_reading
from inference.engine.chat_model import ChatModel, load_model
from inference.engine.request import Prompt, Request
from inference.engine.sampler import Sampling
from inference.engine.service import Engine
from inference.onnx import open_session
from inference.reader import ModelReader

SLOTS = (1, 4, 8)
PROMPT_TOKENS, REPLY_TOKENS = 40, 35
TEMPERATURE = 0.7
LOOK_EVERY = 0.005
SERVED = Path(__file__).parents[1] / "inference" / "models" / "chat"


@dataclass(frozen=True, slots=True)
class Speed:
    tokens_per_second: float
    first_p50_ms: float
    first_p99_ms: float


@dataclass(frozen=True, slots=True)
class Lateness:
    p50_ms: float
    p99_ms: float
    max_ms: float


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, math.ceil(share * len(ordered)) - 1)]


def a_prompt(number: int, vocabulary: int) -> list[int]:
    drawn = np.random.default_rng(number).integers(3, vocabulary, size=PROMPT_TOKENS)
    return [int(token) for token in drawn]


@asynccontextmanager
async def running(model: ChatModel) -> AsyncIterator[Engine[ChatModel]]:
    engine = Engine(model, load=load_model)
    async with trio.open_nursery() as nursery:
        await nursery.start(engine.run)
        yield engine
        nursery.cancel_scope.cancel()


async def ask(engine: Engine[ChatModel], number: int, firsts: list[float]) -> int:
    """One reply; how many tokens it had. An end token counts, so that all replies cost the same."""
    asked_at = trio.current_time()
    is_first = True

    def take(token: int) -> None:
        nonlocal is_first
        if is_first:
            firsts.append(trio.current_time() - asked_at)
            is_first = False

    def prepare(model: ChatModel) -> Prompt:
        return Prompt(
            tokens=a_prompt(number, model.vocabulary),
            sampling=Sampling(temperature=TEMPERATURE, seed=number),
            max_tokens=REPLY_TOKENS,
        )

    request = Request(
        room_id=f"{number % 16}",
        prepare=prepare,
        prefill_by=asked_at + 60,
        reply_by=asked_at + 120,
    )
    return len((await engine.reply(request, take)).tokens)


async def ours(model: ChatModel, at_once: int, replies: int) -> Speed:
    firsts: list[float] = []
    tokens = 0
    numbers = iter(range(replies))
    async with running(model) as engine:

        async def keep_asking() -> None:
            nonlocal tokens
            for number in numbers:
                count = await ask(engine, number, firsts)
                tokens += count

        began = time.perf_counter()
        async with trio.open_nursery() as nursery:
            for _ in range(at_once):
                nursery.start_soon(keep_asking)
        taken = time.perf_counter() - began
    return _speed(tokens / taken, firsts)


class Loops:
    """A reply per thread, a run per token: past in, present out."""

    def __init__(self, model: ChatModel) -> None:
        self._layout = model.folder.layout
        self._session = open_session(self._layout.model)

    async def run(self, at_once: int, replies: int) -> Speed:
        firsts: list[float] = []
        tokens = [0]
        lock = threading.Lock()
        numbers = iter(range(replies))

        def keep_asking() -> None:
            while True:
                with lock:
                    number = next(numbers, None)
                if number is None:
                    return
                first, count = self._reply(number)
                with lock:
                    firsts.append(first)
                    tokens[0] += count

        began = time.perf_counter()
        async with trio.open_nursery() as nursery:
            for _ in range(at_once):
                nursery.start_soon(trio.to_thread.run_sync, keep_asking)
        return _speed(tokens[0] / (time.perf_counter() - began), firsts)

    def _reply(self, number: int) -> tuple[float, int]:
        layout, began = self._layout, time.perf_counter()
        chance = np.random.default_rng(number)
        ids = a_prompt(number, layout.vocabulary)
        past = {
            name: np.zeros((1, layout.kv_heads, 0, layout.head_size), np.float32)
            for name in layout.past
        }
        length, count, first = 0, 0, 0.0
        while count < REPLY_TOKENS:
            length += len(ids)
            feed = {
                layout.ids: np.array([ids], np.int64),
                layout.mask: np.ones((1, length), np.int64),
                **past,
            }
            logits, *present = self._session.run([layout.logits, *layout.present], feed)
            past = dict(zip(layout.past, present, strict=True))
            ids = [_drawn(logits[0, -1], chance)]
            count += 1
            first = first or time.perf_counter() - began
            if ids[0] in layout.ends:
                break
        return first, count


def _drawn(logits: Any, chance: np.random.Generator) -> int:
    best = np.argpartition(logits, -20)[-20:]
    return int(best[np.argmax(logits[best] + TEMPERATURE * chance.gumbel(size=20))])


def _speed(tokens_per_second: float, firsts: list[float]) -> Speed:
    return Speed(
        tokens_per_second, percentile(firsts, 0.50) * 1_000, percentile(firsts, 0.99) * 1_000
    )


async def lateness(seconds: float) -> Lateness:
    """How late a task wakes that sleeps 5 ms at a time."""
    late: list[float] = []
    until = trio.current_time() + seconds
    while (now := trio.current_time()) < until:
        await trio.sleep_until(now + LOOK_EVERY)
        late.append((trio.current_time() - now - LOOK_EVERY) * 1_000)
    return Lateness(percentile(late, 0.50), percentile(late, 0.99), max(late))


async def idle(model: ChatModel, seconds: float) -> Lateness:
    async with running(model):
        return await lateness(seconds)


async def saturated(model: ChatModel, reader: ModelReader, seconds: float) -> Lateness:
    async with running(model) as engine, trio.open_nursery() as nursery:
        nursery.start_soon(keep_reading, reader)

        async def keep_asking(number: int) -> None:
            while True:
                await ask(engine, number, [])
                number += 100

        for number in range(model.slots):
            nursery.start_soon(keep_asking, number)
        await trio.sleep(0.2)
        found = await lateness(seconds)
        nursery.cancel_scope.cancel()
    return found


async def measure(folder: Path, rounds: int, seconds: float) -> dict[str, Any]:
    models = {slots: load_model(folder, slots=slots) for slots in SLOTS}
    loops = Loops(models[1])
    speeds: dict[str, list[Speed]] = {}
    waking: dict[str, list[Lateness]] = {}
    readings: list[dict[str, Reading]] = []
    reader = best_reader()

    async def take(into: dict[str, list[Any]], name: str, measured: Awaitable[Any]) -> None:
        into.setdefault(name, []).append(await measured)

    for _ in range(rounds):
        for slots in SLOTS:
            replies = max(12, round(20 * seconds)) * (1 if slots == 1 else 2)
            await take(speeds, f"engine, {slots}", ours(models[slots], slots, replies))
            await take(speeds, f"loop per reply, {slots}", loops.run(slots, replies))
        await take(waking, "idle", idle(models[8], seconds))
        await take(waking, "saturated", saturated(models[8], reader, seconds))
        readings.append(await measure_reading(round(60 * seconds)))
    return {
        "model": f"{models[1].name} {models[1].version}",
        "speed": {name: _median(Speed, found) for name, found in speeds.items()},
        "reading": {
            name: _median(Reading, [one[name] for one in readings]) for name in readings[0]
        },
        "wake_up": {name: _median(Lateness, found) for name, found in waking.items()},
    }


def _median(kind: type[Any], found: list[Any]) -> Any:
    columns = zip(*(asdict(one).values() for one in found), strict=True)
    return kind(*(statistics.median(column) for column in columns))


def show(found: dict[str, Any]) -> None:
    print(f"{found['model']}; prompts of {PROMPT_TOKENS} tokens, replies of {REPLY_TOKENS}\n")
    print(f"{'at once':<22}{'tokens/s':>10}{'first token p50':>18}{'p99, ms':>10}")
    for name, speed in found["speed"].items():
        print(
            f"{name:<22}{speed.tokens_per_second:>10,.0f}{speed.first_p50_ms:>18.1f}"
            f"{speed.first_p99_ms:>10.1f}"
        )
    print(f"\n{'a message is read by':<22}{'messages/s':>10}{'processor, ms':>18}")
    for name, reading in found["reading"].items():
        print(f"{name:<22}{reading.messages_per_second:>10,.0f}{reading.processor_ms:>18.2f}")
    print(f"\n{'wake-up of the loop':<22}{'p50':>10}{'p99':>18}{'max, ms':>10}")
    for name, late in found["wake_up"].items():
        print(f"{name:<22}{late.p50_ms:>10.2f}{late.p99_ms:>18.2f}{late.max_ms:>10.2f}")


def with_folder(given: Path, use: Callable[[Path], dict[str, Any]]) -> dict[str, Any]:
    if given != Path("random"):
        return use(given)
    try:
        from inference.training.export.tiny import REAL_SIZE, write_random_model
    except ModuleNotFoundError as missing:
        raise SystemExit(f"needs {missing.name}: pip install onnx, or give --model") from missing
    with tempfile.TemporaryDirectory() as made:
        write_random_model(Path(made), REAL_SIZE, version="1")
        return use(Path(made))


def main() -> None:
    parser = argparse.ArgumentParser("python -m benchmarks.inference")
    parser.add_argument("--quick", action="store_true", help="one short round")
    parser.add_argument("--model", type=Path, default=SERVED, help="a model folder, or random")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rounds, seconds = (1, 2.0) if options.quick else (3, 5.0)
    found = with_folder(options.model, lambda path: trio.run(measure, path, rounds, seconds))
    show(found)
    if options.json is not None:
        plain = {
            part: {name: asdict(one) for name, one in found[part].items()}
            for part in ("speed", "reading", "wake_up")
        }
        options.json.write_text(json.dumps({"model": found["model"], **plain}, indent=2) + "\n")


if __name__ == "__main__":
    main()
