"""Is it true what the chat model says? Replies for plans of random records, checked against the records.

    .venv/bin/python -m benchmarks.facts FOLDER [--replies 10000]      # under three minutes

Exit status 1 when a number, name, place or claim of one reply is not in its records. `--break mask` lets the model
say what it likes, `--break offers` checks against other offers and places: both must fail.
"""

import argparse
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Literal

import trio

from benchmarks.facts.checker import Checker, place_names
from benchmarks.facts.worlds import Situation, World
from inference.composing.forms import FormComposer
from inference.engine.chat_model import ChatModel
from inference.engine.generated_rung import GeneratedRung
from inference.engine.request import Prompt
from inference.engine.service import Engine
from inference.training.chat.corpus import SPEECH
from inference.wording.filling import WordingError, fill
from inference.wording.templates import FOLDER as TEMPLATES
from protocol.travel import Place
from protocol.wording import Plan
from storage.catalogue_file import PLACES, entries

AT_ONCE = 12
"""Replies asked for at a time: the engine's eight slots are always full."""
PATIENCE = 600.0
SHOWN = 12

Break = Literal["mask", "offers"]


def main() -> None:
    parser = argparse.ArgumentParser("python -m benchmarks.facts", description=__doc__)
    parser.add_argument("folder", type=Path, help="a model folder")
    parser.add_argument("--replies", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--break", dest="broken", choices=["mask", "offers"])
    asked = parser.parse_args()
    begun = time.monotonic()
    places = destinations()
    world = World(places, asked.seed)
    situations = list(islice(world.situations(), asked.replies))
    texts = trio.run(said, asked.folder, situations, asked.broken)
    said_in = time.monotonic() - begun
    if asked.broken == "offers":
        situations = [with_other_items(situation, world) for situation in situations]
    wrong, faults = check_all(Checker(words(), place_names(places)), situations, texts)
    for fault, text in faults[:SHOWN]:
        print(f"{fault}: {text}")
    kinds = Counter(re.sub(r"'[^']*'|\d+", "…", fault) for fault, _ in faults)
    for kind, count in kinds.most_common(SHOWN):
        print(f"{count:6} {kind}")
    distinct = len(set(texts)) / len(texts)
    print(
        f"{len(texts)} replies in {said_in:.0f} s, checked in {time.monotonic() - begun - said_in:.0f} s, "
        f"{distinct:.1%} distinct; wrong: {wrong}"
    )
    sys.exit(1 if wrong else 0)


def destinations() -> list[Place]:
    """Of the catalogue, those that can be flown to."""
    found = [entry.place for entry in entries(PLACES.read_bytes())]
    return [place for place in found if place.kind == "destination" and place.iata]


def words() -> frozenset[str]:
    """What people wrote for personas to say: no names of anything. ("C major" and "English" have capitals
    wherever they stand.)"""
    files = [*SPEECH.glob("*.txt"), *(TEMPLATES / "en").glob("*.txt")]
    written = {
        word
        for file in files
        for word in re.findall(r"(?<![\w{.$])[A-Za-z]+", file.read_text("utf-8"))
    }
    names = place_names(destinations())
    small = {word for word in written if word.islower()}
    return frozenset(small | {word.lower() for word in written - small if word not in names})


class Unheld:
    """A composer whose replies nothing holds."""

    def __init__(self, composer: FormComposer) -> None:
        self._composer = composer

    def can_word(self, plan: Plan, model: ChatModel) -> bool:
        return self._composer.can_word(plan, model)

    def compose(self, plan: Plan, model: ChatModel) -> Prompt:
        return replace(self._composer.compose(plan, model), constraint=None)


async def said(folder: Path, situations: list[Situation], broken: Break | None) -> list[str]:
    """A filled reply to each, by the engine in its thread."""
    composer = FormComposer()
    model = composer.load(folder)
    engine = Engine(model, load=composer.load)
    rung = GeneratedRung(engine, Unheld(composer) if broken == "mask" else composer)
    texts = [""] * len(situations)
    numbers: Iterator[int] = iter(range(len(situations)))

    async def speak() -> None:
        for number in numbers:
            plan, pieces = situations[number].plan, list[str]()
            by = trio.current_time() + PATIENCE
            await rung.write(plan, by=by, send=pieces.append, room_id=f"{number}")
            texts[number] = filled(plan, "".join(pieces), is_strict=broken != "mask")
            if number % 1_000 == 999:
                print(f"{number + 1} replies", file=sys.stderr)

    async with trio.open_nursery() as serving:
        await serving.start(engine.run)
        async with trio.open_nursery() as speaking:
            for _ in range(AT_ONCE):
                speaking.start_soon(speak)
        serving.cancel_scope.cancel()
    return texts


def filled(plan: Plan, text: str, *, is_strict: bool) -> str:
    """As the server fills; otherwise whatever there is a fact for."""
    if not is_strict:
        return re.sub(r"\{([^{}]*)\}", lambda hole: plan.facts.get(hole[1], hole[0]), text)
    try:
        return fill(plan, text).strip()
    except WordingError as fault:
        return f"{{{fault}}} {text}"


def check_all(
    checker: Checker, situations: list[Situation], texts: list[str]
) -> tuple[int, list[tuple[str, str]]]:
    """How many texts are wrong, and all faults with their texts."""
    wrong, faults = 0, []
    for situation, text in zip(situations, texts, strict=True):
        found = checker.faults(text, situation.record) if text else ["nothing was said"]
        wrong += bool(found)
        faults += [(fault, text) for fault in found]
    return wrong, faults


def with_other_items(situation: Situation, world: World) -> Situation:
    """The same line, with other offers and places in its records."""
    record = situation.record
    line = record.line
    return replace(
        situation,
        record=replace(
            record,
            line=replace(
                line,
                items=tuple(world.another(item) for item in line.items),
                repriced=None,
            ),
        ),
    )


if __name__ == "__main__":
    main()
