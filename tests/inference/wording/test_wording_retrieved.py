"""Passages of character cards in the ladder: what may be said of them, and before and after whom."""

from typing import Any

import pytest
import trio
from msgspec.structs import replace
from test_wording_writer import Scripted
from trio.testing import MockClock

from core.errors import Rejected
from inference.wording.retrieved_rung import RetrievedRung
from inference.wording.rung import Rung
from inference.wording.template_rung import TemplateRung
from inference.wording.templates import Templates
from inference.wording.writer import Ladder
from protocol.wording import MAX_PASSAGE, Plan

TEMPLATES = Templates.load()
PLAN = Plan(
    act="greet",
    voice="local",
    language="en",
    facts={"user": "Ada", "persona": "Juniper", "destination": "Rome"},
    passages=("Well met, {user}! I am {persona}. Where shall we wander?",),
    card_first=True,
)
GREETING = "Well met, Ada! I am Juniper. Where shall we wander?"


def generated(**changes: Any) -> Scripted:
    return Scripted(pieces=["Hello ", "there."], **changes)


def ladder(*models: Rung) -> Ladder:
    """As the server has it."""
    last = TemplateRung(TEMPLATES)
    return Ladder([RetrievedRung(is_first=True), *models, RetrievedRung(), last])


async def said(writer: Ladder, plan: Plan, *, late_by: float = 0.0) -> tuple[str, Any]:
    pieces: list[str] = []
    read_at = trio.current_time() - late_by
    worded = await writer.write(plan, read_at=read_at, send=pieces.append, room_id="r")
    return "".join(pieces), worded


async def test_a_card_s_own_greeting_goes_before_a_model_s(autojump_clock: MockClock) -> None:
    model = generated()
    text, worded = await said(ladder(model), PLAN)
    assert (text, worded.tier, worded.model) == (GREETING, "retrieved", "card")
    assert not model.asked


async def test_what_is_merely_alike_comes_after_the_model_and_before_templates(
    autojump_clock: MockClock,
) -> None:
    plan = replace(PLAN, act="smalltalk", card_first=False)
    text, worded = await said(ladder(generated()), plan)
    assert (text, worded.tier) == ("Hello there.", "generated")
    text, worded = await said(ladder(generated(first_after=9)), plan)
    assert (text, worded.tier) == (GREETING, "retrieved")
    text, worded = await said(ladder(generated(is_able=False)), plan)
    assert worded.tier == "retrieved"


async def test_without_a_passage_nothing_is_other_than_before(autojump_clock: MockClock) -> None:
    plan = replace(PLAN, passages=())
    _, worded = await said(ladder(generated()), plan)
    assert worded.tier == "generated"
    _, worded = await said(ladder(), plan)
    assert worded.tier == "template"


@pytest.mark.parametrize(
    "passage",
    [
        "Rooms from 40 a night.",
        "It costs two hundred.",
        "Only € for you.",
        "This place is free and refundable.",
        "Welcome to the cheapest inn.",
        "All of it is kostenlos, my friend.",
        "Hello, everything here is gratuit for you.",
        "Going to {destination}?",
        "Take {offer.1.price}, {user}.",
        "A brace } alone.",
        "Line\u2028two, my dear friend.",
        "...",
        "",
        "x" * 70,
        "So it goes on. " * 60,
        "Guten Tag, wohin soll die Reise gehen?",
        "Welkom in mijn wereld, waar wil je naartoe?",
        "Привет! Меня зовут Нова.",
    ],
)
async def test_what_may_not_be_said_is_not_said(passage: str, autojump_clock: MockClock) -> None:
    plan = replace(PLAN, passages=(passage,))
    assert not RetrievedRung().can_word(plan)
    _, worded = await said(ladder(), plan)
    assert worded.tier == "template"
    text, worded = await said(ladder(), replace(plan, passages=(passage, *PLAN.passages)))
    assert (text, worded.tier) == (GREETING, "retrieved")


def test_a_passage_of_the_longest_length_may_be_said() -> None:
    passage = ("So it goes on. " * 60)[: MAX_PASSAGE - 1] + "."
    assert RetrievedRung().can_word(replace(PLAN, passages=(passage,)))


def test_a_card_speaks_to_those_who_speak_its_language() -> None:
    german = replace(PLAN, language="de", passages=("Guten Tag, {user}, wohin soll es gehen?",))
    assert RetrievedRung().can_word(german)
    assert not RetrievedRung().can_word(replace(german, language="fr"))
    assert not RetrievedRung().can_word(replace(PLAN, language="de"))


async def test_a_card_speaks_even_where_the_prompt_was_late(autojump_clock: MockClock) -> None:
    _, worded = await said(ladder(generated()), PLAN, late_by=0.3)
    assert worded.tier == "retrieved"


async def test_one_card_s_words_are_nobody_else_s_last_good_answer(
    autojump_clock: MockClock,
) -> None:
    """When every rung fails, the last good words of a voice are said again; not those of a card."""
    broken = Scripted(name="templates", tier="template", fails=ValueError())
    writer = Ladder([RetrievedRung(is_first=True), broken])
    await said(writer, PLAN)
    with pytest.raises(Rejected):
        await said(writer, replace(PLAN, passages=()))
