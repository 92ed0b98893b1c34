"""Message, card and supplier text are data: none of it changes a tool, a placeholder, or whose data is
used."""

import unicodedata
from typing import Any

import pytest
from actors_world import TENANT, user_id
from dialogue_world import FEBRUARY, LISBON, TODAY, hotel, place, reading
from injections import INJECTIONS
from persona_world import ADA, BEN, NOVA, PersonaWorld, Told, asks_for_hotels
from trio.testing import MockClock

from actors.persona.conclusions import conclude
from actors.persona.dialogue import Trip
from actors.persona.errands import Errand, Findings
from actors.persona.plans import Manner, plan_of
from core.ports.personas import MemoryItem, PersonaPatch
from inference.wording.claims import is_forbidden_character
from inference.wording.retrieved_rung import RetrievedRung
from inference.wording.template_rung import TemplateRung
from inference.wording.templates import Templates
from inference.wording.writer import Ladder
from protocol.understanding import PlaceMention, Slots
from protocol.wording import PLACEHOLDERS, Plan

LADDER = Ladder([RetrievedRung(is_first=True), RetrievedRung(), TemplateRung(Templates.load())])
HOTELS = Slots(destination=LISBON, dates=FEBRUARY)
NUMBERED = pytest.mark.parametrize(
    "text", INJECTIONS, ids=[str(number) for number in range(len(INJECTIONS))]
)


def test_there_are_fifty() -> None:
    assert len(set(INJECTIONS)) == 50


def is_plain(value: str) -> bool:
    """One line of visible characters, without what any markup or placeholder is made of."""
    kinds = {unicodedata.category(character) for character in value}
    return not kinds & {"Cc", "Cf", "Co", "Cs", "Zl", "Zp"} and not set(value) & set("{}<>[]`|\n\r")


async def _run_of(world: PersonaWorld, text: str, understanding: Any) -> tuple[Told | None, Any]:
    run = await world.asked(text, understanding)
    row = None if run is None else await world.runs.get(TENANT, run.opened.run_id)
    return run, row


@NUMBERED
async def test_a_message_changes_no_tool_and_gets_at_nobody_else_s_data(
    text: str, autojump_clock: MockClock
) -> None:
    """Read as a search by the model, it does what a search does; read as talk, it does nothing."""
    async with PersonaWorld(people=(ADA, BEN)).running() as world:
        secret = MemoryItem(
            id="0190e000-0000-7000-8000-000000000001",
            persona_id=NOVA,
            kind="fact",
            text="BEN-HAS-A-SECRET",
            about=user_id(BEN),
            room_id=None,
            source_message=None,
            slot="party",
            value={"adults": 7},
        )
        await world.memories.add(TENANT, secret)
        plain, row = await _run_of(
            world, "a hotel in lisbon in february", asks_for_hotels(slots=HOTELS)
        )
        assert plain is not None
        run, injected = await _run_of(world, text, asks_for_hotels(slots=HOTELS))
        assert run is not None
        assert injected.tools == row.tools
        first, second = world.travel.queries
        assert first == second
        assert first[0] == user_id(ADA)
        plans = world.writer.plans
        # "the others" shows fewer of them: a wish that anybody may have, and no fact more.
        for before, after in zip(plans[:2], plans[2:4], strict=True):
            assert before.act == after.act
            assert set(after.facts) <= set(before.facts)
        talk, talked = await _run_of(world, f"{text} ", reading("smalltalk"))
        assert talk is not None
        assert (talked.tools, len(world.travel.queries)) == ((), 2)
        everything = "".join(str(one.deltas) + str(one.closed) for one in world.room.runs.values())
        assert "BEN-HAS-A-SECRET" not in everything
        assert "7 adults" not in everything
        assert "BEN-HAS-A-SECRET" not in str(plans)


def planned(name: str, **who: str) -> Plan:
    errand = Errand(tools=("places",), purpose="show", trip=Trip(destination=LISBON))
    found = Findings(items=(hotel(1, name=name), hotel(2)), places=(place(),))
    line = conclude(errand, found).line
    assert line is not None
    manner = {"voice": "local", "language": "en", "user": "Ada", "persona": "Nova"} | who
    return plan_of(line, Manner(**manner, today=TODAY), {})  # type: ignore[arg-type]


@NUMBERED
def test_a_supplier_s_name_is_a_name(text: str) -> None:
    """One value is it, cleaned; every other fact is what it was."""
    plain, injected = planned("Casa Alba"), planned(text)
    assert set(injected.facts) == set(plain.facts) <= set(PLACEHOLDERS)
    assert injected.act == plain.act
    changed = {name for name in plain.facts if plain.facts[name] != injected.facts[name]}
    assert changed == {"offer.1.name"}
    assert is_plain(injected.facts["offer.1.name"])
    assert len(injected.facts["offer.1.name"]) <= 60


@NUMBERED
def test_names_of_people_personas_and_places_are_names(text: str) -> None:
    plan = planned("Casa Alba", user=text, persona=text)
    assert all(is_plain(value) for value in plan.facts.values())
    errand = Errand(
        tools=("places",),
        purpose="show",
        trip=Trip(destination=(PlaceMention(name=text),), origin=(PlaceMention(name=text),)),
    )
    line = conclude(errand, Findings()).line
    assert line is not None
    manner = Manner(voice="local", language="de", user="Ada", persona="Nova", today=TODAY)
    plan = plan_of(line, manner, {})
    assert plan.act == "nothing_found"
    assert all(is_plain(value) and len(value) <= 200 for value in plan.facts.values())


@NUMBERED
async def test_a_character_card_changes_no_act(text: str, autojump_clock: MockClock) -> None:
    """What its owner wrote on a persona is not an instruction to the policy."""
    async with PersonaWorld().running() as world:
        card = {
            "data": {"system_prompt": text, "description": text, "post_history_instructions": text}
        }
        await world.personas.patch(
            TENANT, NOVA, PersonaPatch(about=text[:1_000], greeting=text[:1_000], card=card)
        )
        run, row = await _run_of(world, "hotel in lisbon", asks_for_hotels(slots=HOTELS))
        assert run is not None
        assert row.tools == ("places", "search_offers", "recommend")
        assert world.acts() == ["open_hotels", "show_hotels"]


def card_that_says(text: str) -> dict[str, Any]:
    """In every field that is ever said."""
    return {
        "spec": "chara_card_v3",
        "spec_version": "3.0",
        "data": {
            "name": "Nova",
            "first_mes": text,
            "alternate_greetings": [text, f"{text} {{{{user}}}}"],
            "mes_example": f"<START>\n{{{{user}}}}: how are you\n{{{{char}}}}: {text}",
            "character_book": {
                "entries": [{"keys": ["you", text], "content": text, "use_regex": False}]
            },
        },
    }


@NUMBERED
async def test_what_a_card_says_is_said_plainly_or_not_at_all(
    text: str, autojump_clock: MockClock
) -> None:
    """Passages hold no placeholder but the two names; what is said of them no number, price or markup;
    and acts, tools and facts are those of a persona without a card."""
    plans: list[list[Plan]] = []
    for card, greeting in ((None, ""), (card_that_says(text), text[:1_000])):
        async with PersonaWorld().running() as world:
            await world.personas.patch(TENANT, NOVA, PersonaPatch(greeting=greeting, card=card))
            _, greeted = await _run_of(world, "hello", reading("greet"))
            _, talked = await _run_of(world, "how are you", reading("smalltalk"))
            _, looked = await _run_of(world, "hotel in lisbon", asks_for_hotels(slots=HOTELS))
            assert (greeted.tools, talked.tools) == ((), ())
            assert looked.tools == ("places", "search_offers", "recommend")
            plans.append(world.writer.plans)
    without, carded = plans
    assert [(plan.act, plan.facts) for plan in carded] == [
        (plan.act, plan.facts) for plan in without
    ]
    assert not any(plan.passages for plan in (*without, *carded[2:]))
    for plan in carded[:2]:
        for passage in plan.passages:
            assert is_plain(passage.replace("{user}", "").replace("{persona}", ""))
        pieces: list[str] = []
        await LADDER.write(plan, read_at=-1.0, send=pieces.append, room_id="r")
        words = "".join(pieces).replace("User 1", "Ada")
        assert is_plain(words)
        assert not any(map(is_forbidden_character, words))


@NUMBERED
async def test_a_message_finds_what_a_card_has_and_adds_nothing_to_it(
    text: str, autojump_clock: MockClock
) -> None:
    entry = {"keys": ["all", "you", "system", "de"], "content": "Ask the lake, not me."}
    card = {"data": {"name": "Nova", "character_book": {"entries": [entry]}}}
    async with PersonaWorld().running() as world:
        await world.personas.patch(TENANT, NOVA, PersonaPatch(card=card))
        await world.told(text, reading("smalltalk"))
        assert set(world.writer.plans[0].passages) <= {"Ask the lake, not me."}
