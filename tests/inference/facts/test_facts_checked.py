"""The checker of finished replies: silent about what is true, and loud about everything else."""

import re
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
import trio
from own_models import write_compact

from actors.persona.plans import Manner, plan_of
from benchmarks.facts.__main__ import (
    check_all,
    destinations,
    said,
    with_other_items,
    words,
)
from benchmarks.facts.checker import Checker, place_names
from benchmarks.facts.worlds import TODAY, Situation, World
from inference.wording.filling import fill
from inference.wording.templates import Templates

PLACES = destinations()
CHECKER = Checker(words(), place_names(PLACES))
TEMPLATES = Templates.load()


def situations(count: int, seed: int = 3) -> list[Situation]:
    return list(islice(World(PLACES, seed).situations(), count))


def told(situation: Situation) -> str:
    return fill(situation.plan, TEMPLATES.write(situation.plan))


def test_what_templates_say_of_records_is_true() -> None:
    drawn = situations(1_000)
    assert {situation.plan.act for situation in drawn} >= {"show_flights", "compare", "weather"}
    wrong, faults = check_all(CHECKER, drawn, [told(situation) for situation in drawn])
    assert (wrong, faults) == (0, [])


def test_other_offers_are_noticed() -> None:
    world = World(PLACES, 4)
    drawn = [
        situation
        for situation in islice(world.situations(), 400)
        if situation.plan.act.startswith("show_")
    ]
    texts = [told(situation) for situation in drawn]
    others = [with_other_items(situation, world) for situation in drawn]
    assert check_all(CHECKER, others, texts)[0] > 0.99 * len(drawn)
    # One of three is enough.
    half = [
        replace(
            situation,
            record=replace(
                situation.record,
                line=replace(
                    situation.record.line,
                    items=(*situation.record.line.items[:-1], other.record.line.items[-1]),
                ),
            ),
        )
        for situation, other in zip(drawn, others, strict=True)
    ]
    assert check_all(CHECKER, half, texts)[0] > 0.99 * len(drawn)


def a_show_of_hotels() -> tuple[Situation, str]:
    """Three hotels with their prices and details."""
    for situation in World(PLACES, 11).situations():
        facts = situation.plan.facts
        if (
            situation.plan.act == "show_hotels"
            and all(f"offer.{number}.detail" in facts for number in (1, 2, 3))
            and " stars" in facts["offer.1.detail"]
        ):
            break
    listed = "; ".join(
        f"{facts[f'offer.{n}.name']}, {facts[f'offer.{n}.price']} – {facts[f'offer.{n}.detail']}"
        for n in (1, 2, 3)
    )
    return situation, f"Look here: {listed}. Which of them?"


SHOW, TEXT = a_show_of_hotels()
FACTS = SHOW.plan.facts


def test_the_true_text_has_no_fault() -> None:
    assert CHECKER.faults(TEXT, SHOW.record) == []


def test_a_holiday_is_told_at_the_beginning_of_a_sentence_too() -> None:
    for situation in World(PLACES, 12).situations():
        dates = situation.plan.facts.get("dates", "")
        if situation.plan.act == "ask_again" and dates.startswith("at "):
            break
    for text in (f"What, {dates}?", f"A{dates[1:]}? What was that?"):
        assert CHECKER.faults(text, situation.record) == []
    assert CHECKER.faults("At Midsummer? What was that?", situation.record)


@pytest.mark.parametrize(
    "wrong",
    [
        TEXT + " All have 3 pools.",
        TEXT + " It is cheap.",
        TEXT + " All inclusive.",
        TEXT + " It is in Vienna.",
        TEXT + " That is 20 % less.",
        TEXT + " For seven nights.",
        TEXT + " Vienna would be another.",
        TEXT + " Ask Marguerite.",
        TEXT + " {offer.1.name}",
        TEXT + " €12 more.",
        TEXT + " Up to €7 a night.",
        TEXT + " From 3 to 4 May.",
        TEXT + " For 17 adults.",
        TEXT + " 5 hotels.",
        TEXT.replace(FACTS["offer.1.price"], FACTS["offer.2.price"]),
        TEXT.replace(FACTS["offer.1.name"], FACTS["offer.2.name"]),
        TEXT.replace(FACTS["offer.3.name"], "Grand Palace"),
        TEXT.replace(FACTS["offer.1.detail"], "6 stars"),
        re.sub(r"(\d)( for \d+ nights?)", r"\g<1>1\2", TEXT, count=1),
        re.sub(r" for (\d+) night", r" for 1\1 night", TEXT, count=1),
        TEXT.split(";")[0] + ".",
        "Look here.",
    ],
)
def test_a_text_with_one_thing_wrong_has_a_fault(wrong: str) -> None:
    assert wrong != TEXT
    assert CHECKER.faults(wrong, SHOW.record)


def test_a_plan_is_made_as_actors_make_it() -> None:
    line = SHOW.record.line
    manner = Manner(
        voice=SHOW.plan.voice,
        language="en",
        user=SHOW.record.user,
        persona=SHOW.record.persona,
        today=TODAY,
        seed=SHOW.plan.seed,
    )
    assert plan_of(line, manner, SHOW.record.atlas) == SHOW.plan


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_compact(tmp_path_factory.mktemp("models") / "compact")


def test_noise_through_the_engine_is_true_with_the_mask_and_not_without(folder: Path) -> None:
    drawn = situations(60)
    texts = trio.run(said, folder, drawn, None)
    assert all(texts)
    _, faults = check_all(CHECKER, drawn, texts)
    # Noise capitalises at will; that nothing else is wrong is what the mask promises.
    assert [fault for fault, _ in faults if not fault.startswith("name ")] == []
    unheld = trio.run(said, folder, drawn, "mask")
    assert check_all(CHECKER, drawn, unheld)[0] > 50
