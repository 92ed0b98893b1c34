"""The gate "that it is generated": 2,000 held-out plans through the engine, judged."""

import argparse
import random
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final, Literal

from msgspec.structs import replace

from inference.engine.chat_model import ChatModel, load_model
from inference.engine.servable import UnservableError
from inference.training.chat.corpus import Speeches, groups, load_speeches
from inference.training.chat.judging import (
    TAKEN,
    Ears,
    Evidence,
    figures,
    held_out_plans,
    reacted,
    revoiced,
    table,
    verdicts,
)
from inference.training.chat.memory import Memory, memory_of
from inference.training.chat.pairs import page
from inference.training.chat.saying import masked, say_all, unmasked
from inference.training.chat.telling import learned, taken_out, without, words
from inference.wording.compact import VOICES
from inference.wording.templates import Templates
from protocol.wording import Plan

Broken = Literal["copy", "template", "same", "swap", "free"]
HEARD: Final = 24_000
"""Corpus replies that voices and acts are learned from, of a seed of their own."""
OTHER_SEED: Final = 7_919
PAIRS: Final = 50

Pairs = list[tuple[Plan, str]]


def ears(speeches: Speeches, count: int = HEARD, seed: int = 99) -> Ears:
    """Learned from the corpus, every voice–act pair among it. What is taken out is what tells most before
    anything is."""
    said = [(plan, words(one[0])) for plan, one in islice(groups(seed, speeches), count)]
    acts = learned([(found, plan.act) for plan, found in said])
    voices = learned([(found, plan.voice) for plan, found in said])
    taken = taken_out(one for each in voices.most_telling(TAKEN).values() for one in each)
    rest = learned([(without(found, taken), plan.voice) for plan, found in said])
    return Ears(voices=rest, acts=acts, taken=taken)


def evidence(model: ChatModel, count: int, seed: int, broken: Broken | None) -> Evidence:
    plans = held_out_plans(count, seed)
    dice = random.Random(seed + 1)  # noqa: S311 - words, not secrets
    other = [replace(plan, seed=(plan.seed + OTHER_SEED) % 2**53) for plan in plans]
    voiced, acted = ([turn(plan, dice) for plan in plans] for turn in (revoiced, reacted))
    compose = masked(model)

    def said(asked: Sequence[Plan], shown: Sequence[Plan] | None = None) -> Pairs:
        replies = say_all(model, shown or asked, compose)
        return [(plan, one.text) for plan, one in zip(asked, replies, strict=True)]

    free = [(one.plan, one.text) for one in say_all(model, plans, unmasked(model))]
    swaps = broken != "swap"
    return Evidence(
        free=free,
        said=said(plans),
        again=said(plans if broken == "same" else other),
        revoiced=said(voiced, None if swaps else plans),
        reacted=said(acted, None if swaps else plans),
    )


def broken_by(found: Evidence, broken: Broken | None, memory: Memory) -> Evidence:
    """What a model would be found out with that is none, for the gate to be seen failing."""
    match broken:
        case "copy":
            said = [
                (plan, memory.some.get((plan.voice, plan.act), text)) for plan, text in found.said
            ]
        case "template":
            templates = Templates.load()
            said = [(plan, templates.write(plan)) for plan, _ in found.said]
        case "free":
            free = [(plan, f"{text} <say>") for plan, text in found.free]
            return _with(found, free=free)
        case _:
            return found
    return _with(found, said=said)


def _with(found: Evidence, **changed: Pairs) -> Evidence:
    parts = {name: getattr(found, name) for name in Evidence.__dataclass_fields__}
    return Evidence(**{**parts, **changed})


def run(asked: argparse.Namespace) -> int:
    begun = time.monotonic()
    try:
        model = load_model(asked.model)
        memory = memory_of(model.folder.manifest.notes, asked.corpus)
    except (UnservableError, OSError) as error:
        print(f"{asked.model}: {error}", file=sys.stderr)
        return 2
    found = evidence(model, asked.plans, asked.seed, asked.broken)
    found = broken_by(found, asked.broken, memory)
    templates = Templates.load()
    spoken = {voice: templates.speech_of("en", voice) for voice in VOICES}
    measured = figures(found, has=memory.has, spoken=spoken, ears=ears(load_speeches()))
    wrong = verdicts(measured)
    shown = f"{model.name} {model.version}, {asked.plans:,} held-out plans"
    print(f"{shown}, {time.monotonic() - begun:.0f} s\n{table(measured)}")
    print(f"fails: {', '.join(wrong)}" if wrong else "passed")
    if asked.pairs is not None:
        some = list(_spread(found.said, PAIRS))
        asked.pairs.write_text(page(model, measured, some, templates, seed=asked.seed), "utf-8")
    return 1 if wrong else 0


def _spread(said: Sequence[tuple[Plan, str]], count: int) -> Iterator[tuple[Plan, str]]:
    """Acts and voices in turn, as far as they go."""
    seen: dict[tuple[str, str], int] = {}
    ranked: list[tuple[int, int, int, Plan, str]] = []
    for plan, text in said:
        times_act = seen[plan.act, ""] = seen.get((plan.act, ""), 0) + 1
        times_voice = seen["", plan.voice] = seen.get(("", plan.voice), 0) + 1
        ranked.append((times_act, times_voice, len(ranked), plan, text))
    for *_, plan, text in sorted(ranked, key=lambda one: one[:3])[:count]:
        yield plan, text
