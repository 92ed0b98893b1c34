"""What is remembered of whom, where it is used, and that it goes with the message it was learned from."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import trio
from actors_world import TENANT, user_id
from dialogue_world import FEBRUARY, LISBON, hotel, mention, reading
from hypothesis import given, settings
from hypothesis import strategies as st
from persona_world import ADA, BEN, LUXA, NOVA, ROOM_ID, PersonaWorld, Told, asks_for_hotels
from trio.testing import MockClock
from virtual_time import run_seeded

from actors.persona.transcript import Line, Transcript
from core.errors import Unavailable
from core.ports.personas import Feedback, MemoryItem
from protocol.travel import HotelQuery
from protocol.understanding import Budget, Dates, PartySaid, Slots
from storage.memory.stored_personas import StoredPersonas

A_DAY_AND_MORE = 90_000.0
ELSEWHERE = "0190a000-0000-7000-8000-000000000002"
FAMILY = Slots(
    destination=LISBON,
    dates=FEBRUARY,
    party=PartySaid(adults=2, children=2),
    budget=Budget(amount=150, per="night"),
)
ANEW = asks_for_hotels(slots=Slots(destination=(mention("Porto"),), dates=Dates(month="2027-05")))


def party(world: PersonaWorld) -> tuple[int, int]:
    """That of the last search."""
    query = world.travel.queries[-1][1]
    return query.party.adults, len(query.party.children_ages)


async def test_who_travels_is_remembered_over_a_pause(autojump_clock: MockClock) -> None:
    async with PersonaWorld().running() as world:
        await world.told("with the kids", asks_for_hotels(slots=FAMILY))
        kept = await world.memories.of_person(TENANT, NOVA, user_id(ADA))
        assert {item.slot for item in kept if item.kind == "preference"} == {"party", "budget"}
        assert all(item.room_id is None and item.text for item in kept)
        stored = world.stored
    async with PersonaWorld(stored=stored, chapter=1).running() as later:
        await trio.sleep(A_DAY_AND_MORE)
        await later.told("porto in may", ANEW)
        assert party(later) == (2, 2)
        assert "for 2 adults" in later.writer.plans[-1].facts["party"]


async def test_a_trip_goes_on_after_a_pause_of_hours_but_not_of_days(
    autojump_clock: MockClock,
) -> None:
    async with PersonaWorld().running() as world:
        await world.told("lisbon", asks_for_hotels(slots=Slots(destination=LISBON)))
        assert world.acts() == ["ask"]
        stored = world.stored
    async with PersonaWorld(stored=stored, chapter=1).running() as soon:
        await trio.sleep(7_200)
        await soon.told("in february", reading("refine", slots=Slots(dates=FEBRUARY)))
        assert soon.acts() == ["open_hotels", "show_hotels"]
        stored = soon.stored
    async with PersonaWorld(stored=stored, chapter=2).running() as late:
        await trio.sleep(A_DAY_AND_MORE)
        await late.told("in may", reading("refine", slots=Slots(dates=Dates(month="2027-05"))))
        assert late.acts() == ["noted"]


@pytest.mark.parametrize("by", ["its room", "the outbox", "nobody"])
async def test_what_was_said_in_one_room_and_is_unsaid_is_out_of_mind_in_all(
    by: str, autojump_clock: MockClock
) -> None:
    """Alone with a persona, its rooms share what was said to it."""
    async with PersonaWorld().running() as world:
        run = await world.told("lisbon", asks_for_hotels(slots=Slots(destination=LISBON)))
        world.here = ELSEWHERE
        await world.told("hello", reading("greet"))
        if by == "the outbox":
            await world.memories.forget_message(TENANT, run.opened.reply_to)
            world.kind.unsay(run.opened.reply_to)
        elif by == "its room":
            world.here = ROOM_ID
            world.unsay(run.opened.reply_to)
            await trio.sleep(1)
            world.here = ELSEWHERE
        await world.told("in february", reading("refine", slots=Slots(dates=FEBRUARY)))
        is_known = by == "nobody"
        assert world.acts()[2:] == (["open_hotels", "show_hotels"] if is_known else ["noted"])


async def test_who_comes_beside_them_is_remembered_over_a_pause(autojump_clock: MockClock) -> None:
    stored = StoredPersonas()
    days = Dates(from_="2027-02-05", to="2027-02-07")
    two = Slots(destination=LISBON, dates=days, party=PartySaid(adults=2))
    async with PersonaWorld(stored=stored).running() as world:
        first = await world.told("hotels for two", asks_for_hotels(slots=two))
        await world.told("my sister is coming too", reading("refine"))
        await world.told("one night more", reading("refine"))
        assert party(world) == (3, 0)
    async with PersonaWorld(stored=stored, chapter=1).running() as world:
        await world.told("cheaper", reading("refine"))
        assert party(world) == (3, 0)
        query = world.travel.queries[-1][1]
        assert isinstance(query, HotelQuery)
        assert query.check_out == "2027-02-08"
        world.unsay(first.opened.reply_to)
        again = Slots(destination=LISBON, dates=FEBRUARY)
        await world.told("hotels in february", asks_for_hotels(slots=again))
        assert party(world) == (2, 0)


async def test_what_was_said_later_stands_after_what_was_remembered(
    autojump_clock: MockClock,
) -> None:
    async with PersonaWorld().running() as world:
        await world.told("lisbon", asks_for_hotels(slots=Slots(destination=LISBON)))
        stored = world.stored
    async with PersonaWorld(stored=stored, chapter=1).running() as soon:
        await soon.told("rather porto", ANEW)
        assert soon.writer.plans[-1].facts["destination"] == "Porto"


@pytest.mark.parametrize("is_deleted", [True, False])
async def test_a_message_that_is_unsaid_leaves_nothing(
    is_deleted: bool, autojump_clock: MockClock
) -> None:
    """The probe: neither in what is stored nor in what is asked for next."""
    async with PersonaWorld().running() as world:
        told = await world.told("with the kids", asks_for_hotels(slots=FAMILY))
        assert party(world) == (2, 2)
        world.unsay(told.opened.reply_to, is_deleted=is_deleted)
        await trio.sleep(1)
        assert await world.memories.of_person(TENANT, NOVA, user_id(ADA)) == []
        await world.told("porto in may", ANEW)
        assert party(world) == (1, 0)
        assert "budget" not in world.writer.plans[-1].facts
        await world.told("hotels?", asks_for_hotels(slots=Slots(destination=LISBON)))
        assert "May" in world.writer.plans[-1].facts["dates"]


async def test_a_question_that_is_deleted_meanwhile_is_not_answered_nor_learned_from(
    autojump_clock: MockClock,
) -> None:
    async with PersonaWorld().running() as world:
        message_id = world.say("with the kids", asks_for_hotels(slots=FAMILY))
        await trio.sleep(0.2)
        world.unsay(message_id)
        await trio.sleep(30)
        (run,) = world.room.runs.values()
        assert run.closed is not None
        assert run.closed.reason == "cancelled"
        assert await world.memories.of_person(TENANT, NOVA, user_id(ADA)) == []
        world.say("still there?", ANEW, message_id="gone")
        world.unsay("gone")
        await trio.sleep(30)
        assert len(world.room.runs) == 1
        assert await world.memories.of_person(TENANT, NOVA, user_id(ADA)) == []


@pytest.mark.parametrize("is_deleted", [True, False])
async def test_a_question_that_is_unsaid_while_it_waits_for_a_place_is_as_if_never_asked(
    is_deleted: bool, autojump_clock: MockClock
) -> None:
    async with PersonaWorld(people=(ADA, BEN, 3)).running() as world:
        world.travel.takes = 3.0
        for by in (BEN, 3):
            world.say(f"hotels {by}", ANEW, by=by)
        await trio.sleep(0.1)
        message_id = world.say("with the kids", asks_for_hotels(slots=FAMILY))
        await trio.sleep(0.5)
        world.unsay(message_id, is_deleted=is_deleted)
        await trio.sleep(30)
        assert len(world.room.runs) == 2
        await world.told("and hotels?", asks_for_hotels(slots=Slots(dates=FEBRUARY)))
        assert world.acts()[-1] == "ask"


async def test_a_question_that_is_unsaid_while_memories_are_loaded_is_as_if_never_asked(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = ((NOVA, "Nova", "explorer", ADA), (LUXA, "Luxa", "luxury", ADA))
    async with PersonaWorld(seats=both).running() as world:
        usable = world.memories.usable

        async def slow(*key: Any, **more: Any) -> Any:
            await trio.sleep(0.3)
            return await usable(*key, **more)

        monkeypatch.setattr(world.memories, "usable", slow)
        message_id = world.say("with the kids", asks_for_hotels(slots=FAMILY))
        await trio.sleep(0.2)
        world.unsay(message_id)
        await trio.sleep(30)
        assert world.room.runs == {}


async def test_while_the_store_is_away_forgetting_is_tried_again(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with PersonaWorld().running() as world:
        told = await world.told("with the kids", asks_for_hotels(slots=FAMILY))
        real, tries = world.memories.forget_message, []

        async def away(*query: Any) -> int:
            tries.append(query)
            if len(tries) < 4:
                raise Unavailable
            return await real(*query)

        monkeypatch.setattr(world.memories, "forget_message", away)
        world.unsay(told.opened.reply_to)
        await trio.sleep(60)
        assert len(tries) == 4
        assert await world.memories.of_person(TENANT, NOVA, user_id(ADA)) == []


# Loaded while the message is read.


async def _with_a_family(stored: StoredPersonas) -> str:
    """Ada said alone with whom she travels; that message's id."""
    async with PersonaWorld(stored=stored).running() as alone:
        told = await alone.told("with the kids", asks_for_hotels(slots=FAMILY))
    return told.opened.reply_to


async def test_memories_are_loaded_beside_the_reading(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = StoredPersonas()
    await _with_a_family(stored)
    async with PersonaWorld(stored=stored, chapter=1).running() as world:
        usable = world.memories.usable

        async def slow(*key: Any, **more: Any) -> Any:
            await trio.sleep(0.5)
            return await usable(*key, **more)

        monkeypatch.setattr(world.memories, "usable", slow)
        world.reader.takes = 0.5
        asked_at = trio.current_time()
        told = await world.told("porto in may", ANEW)
        assert told.opened_at - asked_at < 0.6
        assert party(world) == (2, 2)


async def test_what_was_loaded_before_somebody_came_in_is_not_used_before_them(
    autojump_clock: MockClock,
) -> None:
    stored = StoredPersonas()
    await _with_a_family(stored)
    async with PersonaWorld(stored=stored, chapter=1).running() as world:
        world.reader.takes = 0.5
        world.say("porto in may", ANEW)
        await trio.sleep(0.2)
        world.seat(people={user_id(ADA): "User 1", user_id(BEN): "User 2"})
        await trio.sleep(30)
        assert party(world) == (1, 0)
        assert "budget" not in world.writer.plans[-1].facts


async def test_what_was_loaded_of_a_message_that_is_unsaid_meanwhile_is_not_used(
    autojump_clock: MockClock,
) -> None:
    async with PersonaWorld().running() as world:
        told = await world.told("with the kids", asks_for_hotels(slots=FAMILY))
        world.reader.takes = 0.5
        world.say("porto in may", ANEW)
        await trio.sleep(0.2)
        world.unsay(told.opened.reply_to)
        await trio.sleep(30)
        assert party(world) == (1, 0)


def _company(world: PersonaWorld, _: str) -> None:
    world.seat(people={user_id(ADA): "User 1", user_id(BEN): "User 2"})


def _regret(world: PersonaWorld, message_id: str) -> None:
    world.unsay(message_id)


@pytest.mark.parametrize("happens", [_company, _regret])
async def test_what_stops_being_true_while_it_is_loaded_for_the_answer_is_not_used(
    happens: Callable[[PersonaWorld, str], None],
    autojump_clock: MockClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of two personas nobody knows who will answer: nothing is loaded while the message is read."""
    stored = StoredPersonas()
    with_family = await _with_a_family(stored)
    both = ((NOVA, "Nova", "explorer", ADA), (LUXA, "Luxa", "luxury", ADA))
    async with PersonaWorld(stored=stored, chapter=1, seats=both).running() as world:
        usable = world.memories.usable

        async def slow(*key: Any, **more: Any) -> Any:
            found = await usable(*key, **more)
            await trio.sleep(0.3)
            return found

        monkeypatch.setattr(world.memories, "usable", slow)
        world.say("porto in may", ANEW)
        await trio.sleep(0.2)
        happens(world, with_family)
        await trio.sleep(30)
        assert party(world) == (1, 0)
        assert "budget" not in world.writer.plans[-1].facts


async def test_what_was_loaded_and_is_unsaid_in_another_room_is_not_used(
    autojump_clock: MockClock,
) -> None:
    stored = StoredPersonas()
    with_family = await _with_a_family(stored)
    async with PersonaWorld(stored=stored, chapter=1).running() as world:
        world.reader.takes = 0.5
        world.say("porto in may", ANEW)
        await trio.sleep(0.2)
        world.here = ELSEWHERE
        world.unsay(with_family)
        await trio.sleep(30)
        assert party(world) == (1, 0)


async def test_what_the_store_could_not_forget_yet_is_not_used(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with PersonaWorld().running() as world:
        told = await world.told("with the kids", asks_for_hotels(slots=FAMILY))

        async def away(*_: Any) -> Any:
            raise Unavailable

        monkeypatch.setattr(world.memories, "forget_message", away)
        world.unsay(told.opened.reply_to)
        await world.told("porto in may", ANEW)
        assert party(world) == (1, 0)
        assert world.writer.plans[-1].remembered == ()


async def test_what_was_loaded_long_ago_is_loaded_again(autojump_clock: MockClock) -> None:
    """While both places of the room were taken, its subject took it back."""
    stored = StoredPersonas()
    await _with_a_family(stored)
    async with PersonaWorld(stored=stored, chapter=1).running() as world:
        world.travel.takes, asker = 3.0, user_id(ADA)
        for number, by in enumerate((BEN, 3)):
            world.say(f"hotels {number}", ANEW, by=by)
        await trio.sleep(0.1)
        world.say("porto in may", ANEW)
        await trio.sleep(2.0)
        for item in await world.memories.of_person(TENANT, NOVA, asker):
            await world.memories.remove(TENANT, item.id, asker)
        await trio.sleep(30)
        assert {query.party.adults for _, query in world.travel.queries} == {1}


# What was said before, and what is remembered, as prompts of language models have it.


async def test_plans_have_what_was_said_here_and_what_is_remembered(
    autojump_clock: MockClock,
) -> None:
    async with PersonaWorld().running() as world:
        await world.told("with the kids", asks_for_hotels(slots=FAMILY))
        first = world.writer.plans[-1]
        await world.told("porto in may", ANEW)
        plan = world.writer.plans[-1]
        assert [(one.by, one.text[:13]) for one in first.heard] == [("asker", "with the kids")]
        assert [one.by for one in plan.heard] == ["asker", "self", "asker"]
        assert plan.heard[-1].text == "porto in may"
        assert (first.remembered, len(plan.remembered)) == ((), 2)
        assert "for 2 adults and 2 children" in plan.remembered


async def test_what_others_said_here_is_no_memory_of_who_asks(autojump_clock: MockClock) -> None:
    async with PersonaWorld(people=(ADA, BEN)).running() as world:
        await world.told("with the kids", asks_for_hotels(slots=FAMILY), by=BEN)
        await world.told("porto in may", ANEW)
        assert world.writer.plans[-1].remembered == ()
        await world.told("porto in may", ANEW, by=BEN)
        assert "for 2 adults and 2 children" in world.writer.plans[-1].remembered


async def test_an_answer_that_rests_on_what_is_unsaid_meanwhile_ends_unsaid(
    autojump_clock: MockClock,
) -> None:
    """Its search was for the party, and its first words, which the message would keep, may name it."""
    async with PersonaWorld().running() as world:
        told = await world.told("with the kids", asks_for_hotels(slots=FAMILY))
        world.say("porto in may", ANEW)
        await trio.sleep(0.2)
        world.unsay(told.opened.reply_to)
        await trio.sleep(30)
        ended = list(world.room.runs.values())[-1].closed
        assert ended is not None
        assert (ended.reason, ended.content, ended.cards) == ("cancelled", "", None)
        await world.told("porto in may", ANEW)
        assert party(world) == (1, 0)


async def test_what_is_unsaid_and_was_never_used_stops_nothing(autojump_clock: MockClock) -> None:
    async with PersonaWorld().running() as world:
        told = await world.told("thanks", reading("thanks"))
        world.say("porto in may", ANEW)
        await trio.sleep(0.2)
        world.unsay(told.opened.reply_to)
        await trio.sleep(30)
        ended = list(world.room.runs.values())[-1].closed
        assert ended is not None
        assert ended.reason == "done"


async def test_what_was_begun_alone_is_not_answered_before_who_comes_in_meanwhile(
    autojump_clock: MockClock,
) -> None:
    async with PersonaWorld().running() as world:
        await world.told("with the kids", asks_for_hotels(slots=FAMILY))
        world.say("porto in may", ANEW)
        await trio.sleep(0.2)
        seen = {user_id(ADA): "User 1", user_id(BEN): "User 2"}
        world.seat(people=seen, read_from=world.room.next_seq())
        await trio.sleep(30)
        ended = list(world.room.runs.values())[-1].closed
        assert ended is not None
        assert (ended.reason, ended.content, ended.cards) == ("cancelled", "", None)


# What is private.


async def test_what_is_private_is_not_used_where_others_read(autojump_clock: MockClock) -> None:
    stored = StoredPersonas()
    async with PersonaWorld(stored=stored, preferences={"partySize": 4}).running() as alone:
        await alone.told("with the kids", asks_for_hotels(slots=FAMILY))
        await alone.told("porto in may", ANEW)
        assert party(alone) == (2, 2)
    for people, invited in (((ADA, BEN), 0), ((ADA,), 1)):
        group = PersonaWorld(
            stored=stored,
            chapter=1,
            people=people,
            invited=invited,
            preferences={"partySize": 4},
        )
        async with group.running():
            await group.told("porto in may", ANEW)
            assert party(group) == (1, 0)
            assert "budget" not in group.writer.plans[-1].facts


async def test_when_somebody_comes_in_what_was_said_elsewhere_is_gone(
    autojump_clock: MockClock,
) -> None:
    """Said alone in one room, gone on with alone in another: not before the eyes of a third."""
    stored = StoredPersonas()
    async with PersonaWorld(stored=stored).running() as alone:
        await alone.told("lisbon", asks_for_hotels(slots=Slots(destination=LISBON)))
    async with PersonaWorld(stored=stored, chapter=1).running() as other:
        may = reading("refine", slots=Slots(dates=Dates(month="2027-05")))
        await other.told("in may", may)
        assert other.acts()[-1] == "show_hotels"
        other.seat(people={user_id(ADA): "User 1", user_id(BEN): "User 2"})
        await other.told("hotels", asks_for_hotels())
        assert other.acts()[-1] == "ask"
        await other.told("porto", reading("refine", slots=Slots(destination=(mention("Porto"),))))
        assert "May" in other.writer.plans[-1].facts["dates"]


async def test_what_is_allowed_in_groups_and_what_was_said_there_is_used(
    autojump_clock: MockClock,
) -> None:
    stored = StoredPersonas()
    async with PersonaWorld(stored=stored).running() as alone:
        await alone.told("with the kids", asks_for_hotels(slots=FAMILY))
        for item in await alone.memories.of_person(TENANT, NOVA, user_id(ADA)):
            if item.slot == "party":
                await alone.memories.change(
                    TENANT, item.id, user_id(ADA), text=None, in_groups=True
                )
    async with PersonaWorld(stored=stored, chapter=1, people=(ADA, BEN)).running() as group:
        await group.told("porto in may", ANEW)
        assert party(group) == (2, 2)
        couple = Slots(destination=LISBON, dates=FEBRUARY, party=PartySaid(adults=3))
        await group.told("we are three", asks_for_hotels(slots=couple), by=BEN)
    async with PersonaWorld(stored=stored, chapter=2, people=(ADA, BEN)).running() as again:
        await trio.sleep(A_DAY_AND_MORE)
        await again.told("porto in may!", ANEW, by=BEN)
        assert party(again) == (3, 0)


PREFERENCES = st.fixed_dictionaries(
    {},
    optional={
        "homeAirport": st.sampled_from(["DUB", "LIS"]),
        "partySize": st.integers(1, 9),
        "budget": st.sampled_from(["low", "luxury"]),
        "interests": st.lists(st.sampled_from(["food", "surf"]), max_size=2),
        "cabin": st.sampled_from(["business", "first"]),
    },
)
REMEMBERED = st.lists(
    st.tuples(
        st.sampled_from(
            [
                ("party", {"adults": 5, "children": 1}),
                ("budget", {"budget": {"amount": 60.0, "per": "night"}, "seeking": "hotels"}),
                ("origin", [{"name": "Dublin", "placeId": "dublin-ie"}]),
                ("said:x", {"slots": {"destination": [{"name": "Faro"}]}, "seeking": "hotels"}),
            ]
        ),
        st.sampled_from([None, "another room"]),
        st.sampled_from([ADA, BEN]),
    ),
    max_size=5,
)
WEIGHTS = st.none() | st.lists(st.floats(-2, 2), min_size=1, max_size=4)
SAID_ALONE = st.tuples(*[st.sampled_from(["I owe my boss", "I am ill", "we part in May"])] * 2)
PRIVATE = st.tuples(PREFERENCES, REMEMBERED, WEIGHTS, SAID_ALONE)
WORDS = st.lists(
    st.sampled_from(
        [
            ("hi", reading("greet"), ADA),
            ("hotel", asks_for_hotels(), ADA),
            (
                "lisbon in feb",
                asks_for_hotels(slots=Slots(destination=LISBON, dates=FEBRUARY)),
                ADA,
            ),
            (
                "fly to porto",
                reading(
                    "search_flight", slots=Slots(destination=(mention("Porto"),), dates=FEBRUARY)
                ),
                ADA,
            ),
            ("somewhere nice", reading("ask_destination"), BEN),
            ("with kids in feb", reading("ask_destination", slots=FAMILY), BEN),
            ("cheaper", reading("refine"), ADA),
            ("the second", reading("ask_detail"), ADA),
            ("weather?", reading("weather"), BEN),
            ("book it", reading("book"), ADA),
        ]
    ),
    min_size=1,
    max_size=5,
)


async def _played(private: Any, words: Any) -> tuple[list[Any], ...]:
    """Everything that a room with Ada and Ben sees, in one world; and all that its prompts are made of."""
    preferences, remembered, weights, said_alone = private
    world = PersonaWorld(people=(ADA, BEN), preferences=preferences)
    async with world.running():
        world.here, both = ELSEWHERE, world.room.glimpse
        world.room.glimpse = world.glimpse(people={user_id(ADA): "User 1"})
        for text in said_alone:
            await world.asked(text, reading("smalltalk"))
        world.here, world.room.glimpse = ROOM_ID, both
        before, plans = set(world.room.runs), len(world.writer.plans)
        for number, ((slot, value), room_id, about) in enumerate(remembered):
            item = MemoryItem(
                id=f"0190e000-0000-7000-8000-{number:012x}",
                persona_id=NOVA,
                kind="preference",
                text="private",
                about=user_id(about),
                room_id=room_id,
                source_message=f"private-{number}",
                slot=slot,
                value=value,
                created_at=number,
            )
            await world.memories.add(TENANT, item)
        if weights is not None:
            for person in (ADA, BEN):
                model = {"v": "t1", "w": weights, "n": len(weights)}
                await world.feedbacks.save_taste(TENANT, user_id(person), NOVA, model)
                liked = Feedback(
                    user_id=user_id(person),
                    persona_id=NOVA,
                    message_id="elsewhere",
                    item_id="hotel-2",
                    value=-1,
                    at=world.clock.now_ms(),
                )
                await world.feedbacks.set(TENANT, liked)
        for text, understanding, by in words:
            await world.asked(text, understanding, by=by)
        runs = [run for run_id, run in world.room.runs.items() if run_id not in before]
        return [_seen(run) for run in runs], world.travel.queries, world.writer.plans[plans:]


def _seen(run: Told) -> Any:
    return run.opened, run.deltas, run.authors, run.closed, run.seq


def _run(main: Callable[..., Any], *given: Any) -> Any:
    return run_seeded(7, partial(main, *given))


@given(PRIVATE, PRIVATE, WORDS)
@settings(max_examples=40, deadline=None)
def test_two_worlds_that_differ_in_private_alone_look_the_same_to_a_group(
    one: Any, other: Any, words: Any
) -> None:
    """Byte for byte and millisecond for millisecond: texts, cards, and what suppliers are asked."""
    assert _run(_played, one, words) == _run(_played, other, words)


def test_the_two_worlds_would_differ_if_private_things_were_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The control: with the boundary taken away the same comparison fails."""
    alone = ("I am ill", "I am ill")
    one: Any = ({}, [(("party", {"adults": 5}), None, ADA)], None, alone)
    words = [
        ("lisbon in feb", asks_for_hotels(slots=Slots(destination=LISBON, dates=FEBRUARY)), ADA)
    ]
    other: Any = ({}, [], None, alone)
    assert _run(_played, one, words) == _run(_played, other, words)
    monkeypatch.setattr("actors.persona.sitting.Sitting.is_group", False)
    assert _run(_played, one, words) != _run(_played, other, words)


def test_the_two_prompts_would_differ_if_what_was_said_alone_were_heard_in_all_rooms(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The control of what prompts are made of: one transcript for all rooms."""
    words = [("hi", reading("greet"), ADA)]
    one: Any = ({}, [], None, ("I am ill", "I am ill"))
    other: Any = ({}, [], None, ("we part in May", "I am ill"))
    assert _run(_played, one, words) == _run(_played, other, words)

    async def leaking(private: Any) -> Any:
        lines: list[Line] = []
        monkeypatch.setattr(Transcript, "__init__", lambda self: setattr(self, "_lines", lines))
        return await _played(private, words)

    first, second = _run(leaking, one), _run(leaking, other)
    assert first[0] == second[0]
    assert first[2] != second[2]


async def test_memories_of_a_room_are_its_own(autojump_clock: MockClock) -> None:
    async with PersonaWorld(people=(ADA, BEN)).running() as world:
        await world.told("with the kids", asks_for_hotels(slots=FAMILY))
        kept = await world.memories.of_person(TENANT, NOVA, user_id(ADA))
        assert {item.room_id for item in kept} == {ROOM_ID}
        assert hotel(1).id in [
            card["id"]
            for run in world.room.runs.values()
            for card in (run.closed.cards or [])  # type: ignore[union-attr]
        ]
