"""Places by what words mean, as personas use them; and whose mood is noted at all."""

from typing import Any

import pytest
import trio
from actors_world import user_id
from dialogue_world import LISBON, place, reading
from persona_world import ADA, BEN, ROOM_ID, PersonaWorld
from trio.testing import MockClock

from actors.persona.hints import hints
from protocol.understanding import PartySaid, PlaceMention, Slots

WISH = "somewhere with good surfing"
TWO = PartySaid(adults=2)
PLACES = tuple(
    place(name, population=10_000 * (10 - at))
    for at, name in enumerate(["Ahoma", "Bemba", "Cerro", "Dalia", "Erice", "Folga"])
)


def world(**changes: Any) -> PersonaWorld:
    made = PersonaWorld(places=PLACES, **changes)
    made.meanings.nearby[WISH] = ["unheard-of", "folga-pt", "erice-pt", "dalia-pt", "cerro-pt"]
    return made


def shown(run: Any) -> list[str]:
    assert run.closed is not None
    return [card["id"] for card in run.closed.cards or []]


async def test_what_is_like_the_words_is_shown_and_taste_orders_it(
    autojump_clock: MockClock,
) -> None:
    async with world().running() as one:
        run = await one.told(f"@Nova {WISH}", reading("ask_destination"))
        assert one.meanings.asked == [WISH]
        assert shown(run) == ["folga-pt", "erice-pt", "dalia-pt"]
        assert "ahoma-pt" not in shown(run)


async def test_words_that_say_too_little_leave_it_as_it_was(autojump_clock: MockClock) -> None:
    async with world().running() as one, world().running() as other:
        other.meanings.nearby.clear()
        first = await one.told("where to", reading("ask_destination"))
        second = await other.told("where to", reading("ask_destination"))
        assert shown(first) == shown(second) != []


@pytest.mark.parametrize(
    ("text", "language"),
    [("somewhere with good food", "en"), ("irgendwo mit gutem Essen", "de")],
)
async def test_good_food_is_looked_up_by_words_that_tell_more(
    text: str, language: Any, autojump_clock: MockClock
) -> None:
    async with world().running() as one:
        (like,) = hints(text).likes
        one.meanings.nearby[like] = ["folga-pt", "erice-pt", "dalia-pt"]
        run = await one.told(text, reading("ask_destination", language=language))
        assert one.meanings.asked == ([text, like] if language == "en" else [like])
        assert shown(run) == ["folga-pt", "erice-pt", "dalia-pt"]
        assert "because" not in one.writer.plans[-1].facts


async def test_what_was_wished_goes_on_when_the_search_is_refined(
    autojump_clock: MockClock,
) -> None:
    async with world().running() as one:
        await one.told(WISH, reading("ask_destination"))
        run = await one.told("for two of us", reading("refine", slots=Slots(party=TWO)))
        assert one.meanings.asked == [WISH, WISH]
        assert shown(run) == ["folga-pt", "erice-pt", "dalia-pt"]


async def test_a_wish_that_is_taken_back_is_forgotten(autojump_clock: MockClock) -> None:
    async with world().running() as one:
        run = await one.told(WISH, reading("ask_destination"))
        one.unsay(run.opened.reply_to, is_deleted=False)
        await one.told("for two of us", reading("ask_destination", slots=Slots(party=TWO)))
        assert one.meanings.asked == [WISH, "for two of us"]


@pytest.mark.parametrize(
    "understanding",
    [
        reading("ask_destination", language="de"),
        reading("ask_destination", slots=Slots(origin=(PlaceMention(name="Folga"),))),
        reading("ask_destination", slots=Slots(destination=LISBON)),
        reading("search_activity"),
    ],
)
async def test_other_languages_origins_and_named_places_are_not_looked_up(
    autojump_clock: MockClock, understanding: Any
) -> None:
    async with world().running() as one:
        await one.told(WISH, understanding)
        assert one.meanings.asked == []


@pytest.mark.parametrize(
    ("preferences", "agrees"),
    [({}, False), ({"shareMood": True}, True), ({"shareMood": "yes"}, False)],
)
async def test_only_a_plain_yes_counts_ones_mood(
    autojump_clock: MockClock, preferences: dict[str, Any], agrees: bool
) -> None:
    async with world(preferences=preferences, people=(ADA, BEN)).running() as one:
        message_id = one.say("what a lovely idea", reading("human_chatter"), by=BEN)
        await one.asked("hm", reading("human_chatter"))
        assert one.moods.heard[message_id] == (ROOM_ID, user_id(BEN), agrees)


@pytest.mark.parametrize("when", ["as it is read", "later"])
@pytest.mark.parametrize("by", ["its room", "the outbox"])
async def test_the_mood_of_a_message_goes_with_it(
    when: str, by: str, autojump_clock: MockClock
) -> None:
    async with world(preferences={"shareMood": True}).running() as one:
        one.reader.takes = 0.5
        message_id = one.say("what a lovely idea", reading("human_chatter"))
        await trio.sleep(0.2 if when == "as it is read" else 1)
        assert (message_id in one.moods.heard) is (when == "later")
        if by == "its room":
            one.unsay(message_id)
        else:
            one.kind.unsay(message_id)
        await trio.sleep(1)
        assert message_id not in one.moods.heard


async def test_what_the_rules_leave_alone_has_no_mood(autojump_clock: MockClock) -> None:
    async with world(preferences={"shareMood": True}, people=(ADA, BEN)).running() as one:
        await one.asked("haha lovely", reading("human_chatter"))
        assert one.moods.heard == {}
