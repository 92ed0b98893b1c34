"""From a prompt to a durable answer: what is opened, streamed, closed and recorded, and when."""

from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import pytest
import trio
from actors_world import TENANT, user_id
from dialogue_world import FEBRUARY, LISBON, flight, hotel, mention, place, reading
from msgspec.structs import replace
from no_headroom import NoHeadroom
from persona_world import ADA, BEN, CLEO, LUXA, NOVA, ROOM_ID, PersonaWorld, asks_for_hotels
from trio.testing import MockClock

from actors.persona.answerer import RUNS_A_MINUTE
from actors.persona.delivery import FRAME_EVERY
from actors.persona.fixed_texts import TEXTS
from actors.persona.line import Trend
from core.errors import Overloaded, Rejected, Unavailable
from core.headroom import Work
from core.ports.personas import Run
from core.ports.repositories import UserPatch
from protocol.frames import Done
from protocol.travel import GeoPoint
from protocol.understanding import Budget, Dates, PartySaid, Slots

HOTELS = asks_for_hotels(slots=Slots(destination=LISBON, dates=FEBRUARY))
GREETING = reading("greet")


async def test_a_greeting_is_one_segment_and_one_row(autojump_clock: MockClock) -> None:
    async with PersonaWorld().running() as world:
        world.writer.tiers = ["generated"]
        run = await world.told("hi", GREETING)
        assert run.text.startswith("[greet/explorer/en]")
        assert run.closed is not None
        assert (run.closed.reason, run.closed.content) == ("done", run.text)
        assert run.closed.cards is None
        assert run.closed.ai is not None
        assert (run.closed.ai.tier, run.closed.ai.model) == ("generated", "scripted+rules")
        assert (run.closed.ai.partial, run.closed.ai.stale) == (None, None)
        row = await world.runs.get(TENANT, run.opened.run_id)
        assert row is not None
        assert (row.outcome, row.intent, row.seq) == ("done", "greet", run.seq)
        assert row.asker_id == user_id(ADA)
        (segment,) = row.segments
        assert (segment.act, segment.tier, segment.tokens) == ("greet", "generated", row.cost)
        assert segment.model == "scripted+rules"
        assert segment.first_ms is not None
        assert segment.first_ms <= segment.ended_ms


async def test_a_search_is_opened_at_once_and_answered_with_cards(
    autojump_clock: MockClock,
) -> None:
    async with PersonaWorld().running() as world:
        asked_at = trio.current_time()
        run = await world.told("a hotel in lisbon in february", HOTELS)
        assert world.acts() == ["open_hotels", "show_hotels"]
        assert run.deltas[0][0] - asked_at < 0.05
        opening, answer = run.text.split("\n")
        assert opening.startswith("[open_hotels")
        assert "dates=from 5 to 7 February" in answer
        assert run.closed is not None
        cards = run.closed.cards or []
        assert [card["id"] for card in cards] == ["hotel-1", "hotel-2", "hotel-3"]
        assert all(card["kind"] == "hotel.offer" and card["offerId"] for card in cards)
        assert [user for user, _ in world.travel.queries] == [user_id(ADA)]
        row = await world.runs.get(TENANT, run.opened.run_id)
        assert row is not None
        assert row.tools == ("places", "search_offers", "recommend")
        assert row.cost == 50 + sum(segment.tokens for segment in row.segments)
        shown = await world.runs.shown(TENANT, row.id)
        assert [(one.item_id, one.place, one.features) for one in shown] == [
            ("hotel-1", 0, (0.0,)),
            ("hotel-2", 1, (1.0,)),
            ("hotel-3", 2, (2.0,)),
        ]


async def test_the_first_delta_is_at_once_and_the_others_thirty_milliseconds_apart(
    autojump_clock: MockClock,
) -> None:
    async with PersonaWorld().running() as world:
        world.writer.pause = 0.004
        run = await world.told("a hotel in lisbon in february", HOTELS)
        times = [at for at, _, _ in run.deltas]
        assert " " not in run.deltas[0][2]
        gaps = [after - before for before, after in pairwise(times)]
        assert len(gaps) > 3
        assert all(gap >= FRAME_EVERY - 1e-9 for gap in gaps[:-1])


async def test_the_lowest_rung_that_wrote_any_part_is_named(autojump_clock: MockClock) -> None:
    async with PersonaWorld().running() as world:
        world.writer.tiers = ["generated", "retrieved"]
        run = await world.told("a hotel in lisbon in february", HOTELS)
        assert run.closed is not None
        assert run.closed.ai is not None
        assert (run.closed.ai.tier, run.closed.ai.model) == (
            "retrieved",
            "scripted-retrieved+rules",
        )


async def test_words_that_are_said_again_are_marked(autojump_clock: MockClock) -> None:
    async with PersonaWorld().running() as world:
        world.writer.is_stale = True
        run = await world.told("hi", GREETING)
        assert run.closed is not None
        assert run.closed.ai is not None
        assert run.closed.ai.stale is True


async def test_a_row_tells_how_long_after_the_prompt_each_segment_began_and_ended(
    autojump_clock: MockClock,
) -> None:
    async with PersonaWorld().running() as world:
        world.writer.pause = 0.25
        run = await world.told("a hotel in lisbon in february", HOTELS)
        row = await world.runs.get(TENANT, run.opened.run_id)
        assert row is not None
        opening, answer = row.segments
        assert opening.first_ms == pytest.approx(250, abs=20)
        assert opening.ended_ms == pytest.approx(250 * opening.tokens, abs=20)
        assert answer.first_ms == pytest.approx(opening.ended_ms + 250, abs=20)
        assert answer.ended_ms == pytest.approx(opening.ended_ms + 250 * answer.tokens, abs=20)


async def test_a_search_that_takes_too_long_is_still_searching(autojump_clock: MockClock) -> None:
    async with PersonaWorld().running() as world:
        world.travel.takes = 60.0
        asked_at = trio.current_time()
        run = await world.told("a hotel in lisbon in february", HOTELS)
        assert world.acts() == ["open_hotels", "still_searching"]
        assert run.closed_at is not None
        assert 3.5 <= run.closed_at - asked_at < 4.5


async def test_without_headroom_nobody_is_asked_and_it_is_still_searching(
    autojump_clock: MockClock,
) -> None:
    async with PersonaWorld(headroom=NoHeadroom(Work.SEARCH)).running() as world:
        await world.told("a hotel in lisbon in february", HOTELS)
        assert world.acts() == ["open_hotels", "still_searching"]
        assert world.travel.queries == []


async def test_what_there_is_when_time_is_up_is_shown(autojump_clock: MockClock) -> None:
    async with PersonaWorld().running() as world:
        world.travel.takes, world.travel.by_then = 60.0, lambda query: (hotel(1),)
        asked_at = trio.current_time()
        run = await world.told("a hotel in lisbon in february", HOTELS)
        assert world.acts() == ["open_hotels", "show_hotels"]
        assert run.closed_at is not None
        assert run.closed_at - asked_at < 4.5


async def test_what_was_found_in_part_is_shown(autojump_clock: MockClock) -> None:
    async with PersonaWorld().running() as world:
        world.travel.partial = True
        world.travel.offers = lambda query: [hotel(1)]
        await world.told("a hotel in lisbon in february", HOTELS)
        assert world.acts() == ["open_hotels", "show_hotels"]


@pytest.mark.parametrize(
    ("refusal", "act"),
    [
        (None, "nothing_found"),
        (Rejected("conflict", "No."), "nothing_found"),
        (Unavailable(), "still_searching"),
        (Overloaded(), "still_searching"),
    ],
)
async def test_what_nobody_sells_is_not_found_and_who_does_not_answer_may_be_asked_again(
    refusal: Rejected | None, act: str, autojump_clock: MockClock
) -> None:
    async with PersonaWorld().running() as world:
        world.travel.offers, world.travel.refusal = lambda query: [], refusal
        await world.told("a hotel in lisbon in february", HOTELS)
        assert world.acts() == ["open_hotels", act]


async def test_without_a_ranker_the_order_is_the_suppliers(autojump_clock: MockClock) -> None:
    async with PersonaWorld().running() as world:
        world.recommender.broken = True
        run = await world.told("a hotel in lisbon in february", HOTELS)
        assert run.closed is not None
        assert [card["id"] for card in run.closed.cards or []] == ["hotel-1", "hotel-2", "hotel-3"]


async def test_the_second_one_is_the_second_that_was_shown(autojump_clock: MockClock) -> None:
    async with PersonaWorld().running() as world:
        await world.told("a hotel in lisbon in february", HOTELS)
        await world.told("how many stars has the second", reading("ask_detail"))
        plan = world.writer.plans[-1]
        assert (plan.act, plan.facts["what"]) == ("detail", "the second hotel")
        assert plan.facts["detail"] == "3 stars"
        assert world.reader.settings[-1].shown == "hotels"


async def test_the_question_is_known_to_the_reader(autojump_clock: MockClock) -> None:
    async with PersonaWorld().running() as world:
        await world.told("a hotel please", asks_for_hotels())
        await world.told("lisbon", reading("refine", slots=Slots(destination=LISBON)))
        assert [setting.asked for setting in world.reader.settings] == [None, "destination"]
        assert world.acts() == ["ask", "ask"]


@pytest.mark.parametrize(("locale", "language"), [("de-AT", "de"), ("pt", "en")])
async def test_the_asker_s_own_language_is_known_to_the_reader(
    locale: str, language: str, autojump_clock: MockClock
) -> None:
    async with PersonaWorld().running() as world:
        await world.users.patch(TENANT, user_id(ADA), UserPatch(locale=locale))
        await world.told("hm", GREETING)
        assert world.reader.settings[-1].language == language


async def test_the_language_of_the_talk_is_known_to_the_reader_as_such(
    autojump_clock: MockClock,
) -> None:
    async with PersonaWorld().running() as world:
        await world.told("wohin?", reading("ask_destination", language="de"))
        await world.told("vale", reading("refine", language="de"))
        known = [(setting.language, setting.is_in_talk) for setting in world.reader.settings]
        assert known == [("en", False), ("de", True)]


async def test_the_stay_that_is_talked_of_is_known_to_the_reader(autojump_clock: MockClock) -> None:
    async with PersonaWorld().running() as world:
        dates = Dates(from_="2027-03-03", to="2027-03-05")
        slots = Slots(destination=LISBON, dates=dates)
        await world.told("a hotel in lisbon, 3 to 5 march", reading("search_hotel", slots=slots))
        await world.told("sorry, 4 to 7", reading("refine"))
        assert [setting.around for setting in world.reader.settings] == [None, "2027-03-03"]


async def test_today_is_the_suppliers_day_which_may_be_ahead_of_the_wall_s(
    autojump_clock: MockClock,
) -> None:
    async with PersonaWorld().running() as world:
        await world.told("a hotel please", asks_for_hotels())
        world.business.raise_to(4 * 86_400_000)
        await world.told("lisbon", reading("refine", slots=Slots(destination=LISBON)))
        before, after = (date.fromisoformat(one.today) for one in world.reader.settings)
        assert after - before == timedelta(days=4)


@pytest.mark.parametrize(
    ("country", "north", "act"),
    [("PT", 38.9, "show_hotels"), ("MA", 38.9, "nothing_found"), ("PT", 39.9, "nothing_found")],
)
async def test_no_room_is_shown_beyond_the_border_or_far_away_for_an_airport_that_is_lent(
    country: str, north: float, act: str, autojump_clock: MockClock
) -> None:
    town = place("Tavira", iata=None, airports=("TNG",))
    at = GeoPoint(latitude=north, longitude=-9.1)
    lender = place("Tangier", iata="TNG", country=country, at=at)
    async with PersonaWorld(places=(town, lender)).running() as world:
        slots = Slots(destination=(mention("Tavira"),), dates=FEBRUARY)
        await world.told("a hotel in tavira", reading("search_hotel", slots=slots))
        assert world.acts()[-1] == act


# Failing and stopping.


async def test_a_writer_that_refuses_leaves_no_message(autojump_clock: MockClock) -> None:
    async with PersonaWorld().running() as world:
        world.writer.refuse = 1
        run = await world.told("hi", GREETING)
        assert run.text == ""
        assert run.closed is not None
        assert (run.closed.reason, run.closed.content) == ("failed", "")
        row = await world.runs.get(TENANT, run.opened.run_id)
        assert row is not None
        assert row.outcome == "failed"
        assert (await world.told("hi again", GREETING)).text


async def test_a_segment_that_breaks_off_keeps_what_was_streamed(
    autojump_clock: MockClock,
) -> None:
    async with PersonaWorld().running() as world:
        world.writer.break_after = 2
        run = await world.told("a hotel in lisbon in february", HOTELS)
        assert len(run.text.split(" ")) == 2
        assert run.closed is not None
        assert (run.closed.reason, run.closed.content, run.closed.cards) == ("failed", "", None)


async def test_after_a_cancel_was_answered_no_delta_follows(autojump_clock: MockClock) -> None:
    async with PersonaWorld().running() as world:
        world.writer.pause = 0.05
        world.say("a hotel in lisbon in february", HOTELS)
        await trio.sleep(0.2)
        (run,) = world.room.runs.values()
        assert isinstance(await world.cancel(run.opened.run_id), Done)
        told = run.text
        assert told
        assert run.closed is not None
        assert run.closed.reason == "cancelled"
        await trio.sleep(30)
        assert (run.text, run.late) == (told, 0)
        row = await world.runs.get(TENANT, run.opened.run_id)
        assert row is not None
        assert row.outcome == "cancelled"
        assert isinstance(await world.cancel(run.opened.run_id), Done)


async def test_a_cancel_comes_too_late_for_a_run_that_is_closing(
    autojump_clock: MockClock,
) -> None:
    async with PersonaWorld().running() as world:
        world.room.refuse_close = 2
        world.say("hi", GREETING)
        await trio.sleep(0.25)
        (run,) = world.room.runs.values()
        assert isinstance(await world.cancel(run.opened.run_id), Done)
        assert run.closed is not None
        assert run.closed.reason == "done"


async def test_only_the_asker_and_the_owners_stop_a_run(autojump_clock: MockClock) -> None:
    seats = ((NOVA, "Nova", "explorer", BEN),)
    async with PersonaWorld(people=(CLEO, ADA, BEN, 4), seats=seats).running() as world:
        world.writer.pause = 1.0
        for number, by in enumerate((ADA, BEN, CLEO)):
            world.say(f"hi {number}", GREETING, by=ADA)
            await trio.sleep(0.5)
            run_id = list(world.room.runs)[-1]
            with pytest.raises(Rejected, match="forbidden"):
                await world.cancel(run_id, by=4)
            assert isinstance(await world.cancel(run_id, by=by), Done)
        with pytest.raises(Rejected, match="not_found"):
            await world.cancel("nobody knows")


async def test_a_persona_that_is_taken_out_stops(autojump_clock: MockClock) -> None:
    async with PersonaWorld().running() as world:
        world.writer.pause = 0.5
        world.say("a hotel in lisbon in february", HOTELS)
        await trio.sleep(1)
        world.seat(personas=())
        await trio.sleep(10)
        (run,) = world.room.runs.values()
        assert run.closed is not None
        assert run.closed.reason == "cancelled"
        assert await world.asked("hello?", GREETING) is None


async def test_a_room_that_is_away_for_a_moment_hears_of_the_end(
    autojump_clock: MockClock,
) -> None:
    async with PersonaWorld().running() as world:
        world.room.refuse_close = 3
        run = await world.told("hi", GREETING)
        assert run.seq is not None
        assert len(world.room.closes) == 4
        assert len(set(map(str, world.room.closes))) == 1


async def test_a_run_that_the_room_refuses_is_a_failed_row(autojump_clock: MockClock) -> None:
    async with PersonaWorld().running() as world:
        world.room.refuse_open = Overloaded()
        assert await world.asked("hi", GREETING) is None
        (row,) = await world.runs.of_persona(TENANT, NOVA, before=None, limit=10)
        assert row.outcome == "failed"
        assert world.counted("dropped_overloaded") == 1


async def test_looking_up_and_wording_go_on_while_the_row_is_written(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with PersonaWorld().running() as world:
        begin = world.runs.begin

        async def slow(tenant_id: int, run: Run) -> None:
            await trio.sleep(1)
            await begin(tenant_id, run)

        monkeypatch.setattr(world.runs, "begin", slow)
        world.say("a hotel in lisbon in february", HOTELS)
        await trio.sleep(0.9)
        assert (len(world.writer.plans), len(world.travel.queries)) == (2, 1)
        assert world.room.runs == {}
        await trio.sleep(10)
        (run,) = world.room.runs.values()
        assert [at for at, _, _ in run.deltas] == [run.opened_at]
        assert run.closed is not None
        assert run.closed.content == run.text
        row = await world.runs.get(TENANT, run.opened.run_id)
        assert row is not None
        assert all(segment.first_ms >= 1_000 for segment in row.segments)


async def test_a_refused_run_lays_nothing_on_the_table(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with PersonaWorld().running() as world:
        world.travel.takes = 0.0
        world.room.refuse_open = Overloaded()
        begin = world.runs.begin

        async def slow(tenant_id: int, run: Run) -> None:
            await trio.sleep(1)
            await begin(tenant_id, run)

        monkeypatch.setattr(world.runs, "begin", slow)
        assert await world.asked("a hotel in lisbon in february", HOTELS) is None
        world.room.refuse_open = None
        await world.told("and the first one?", reading("ask_detail"))
        # Of the place, not of a hotel that nobody was shown.
        assert world.writer.plans[-1].facts["what"] == "Lisbon"


async def test_a_crash_ends_open_runs_and_the_next_prompt_is_answered(
    autojump_clock: MockClock,
) -> None:
    async with PersonaWorld().running() as world:
        world.writer.pause = 0.5
        world.say("a hotel in lisbon in february", HOTELS)
        await trio.sleep(1)
        (run,) = world.room.runs.values()
        world.tell("no message of ours")
        await trio.sleep(30)
        assert run.closed is not None
        assert (run.closed.reason, run.closed.content) == ("failed", "")
        row = await world.runs.get(TENANT, run.opened.run_id)
        assert row is not None
        assert row.outcome == "failed"
        assert (await world.told("hi", GREETING)).seq is not None


async def test_what_a_killed_server_left_open_is_failed_at_the_next_start(
    autojump_clock: MockClock,
) -> None:
    async with PersonaWorld().running() as world:
        left = Run(
            id="left",
            room_id="0190a000-0000-7000-8000-000000000001",
            persona_id=NOVA,
            asker_id=user_id(ADA),
            message_id="m",
            reply_to="r",
            started_at=world.clock.now_ms(),
        )
        await world.runs.begin(TENANT, left)
        await world.told("hi", GREETING)
        row = await world.runs.get(TENANT, "left")
        assert row is not None
        assert row.outcome == "failed"
        assert world.room.closes[0].run_id == "left"


# Who is not answered.


@pytest.mark.parametrize("kind", ["persona", "agent", "system"])
async def test_only_people_prompt(kind: str, autojump_clock: MockClock) -> None:
    async with PersonaWorld().running() as world:
        assert await world.asked("hi", GREETING, kind=kind) is None
        assert world.reader.texts == []


async def test_a_prompt_that_comes_twice_is_answered_once(autojump_clock: MockClock) -> None:
    async with PersonaWorld().running() as world:
        world.say("hi", GREETING, message_id="m-1")
        world.say("hi", GREETING, message_id="m-1")
        await trio.sleep(30)
        assert len(world.room.runs) == 1


async def test_what_the_rules_rule_out_is_not_read(autojump_clock: MockClock) -> None:
    async with PersonaWorld(people=(ADA, BEN)).running() as world:
        assert await world.asked("haha yes", GREETING) is None
        assert world.counted("filtered") == 1
        assert world.reader.texts == []
        assert await world.asked("haha yes @Nova", GREETING, mentions=(NOVA,)) is not None


async def test_people_among_themselves_are_left_alone(autojump_clock: MockClock) -> None:
    async with PersonaWorld(people=(ADA, BEN)).running() as world:
        chatter = reading("human_chatter", addressed=0.1)
        assert await world.asked("ben did you call mum", chatter) is None
        assert await world.asked("@Ben really", GREETING, mentions=(user_id(BEN),)) is None
        assert world.counted("left_alone") == 1


async def test_who_asks_somebody_else_by_name_is_left_alone(autojump_clock: MockClock) -> None:
    async with PersonaWorld(people=(ADA, BEN)).running() as world:
        world.seat(people={user_id(ADA): "Ada", user_id(BEN): "Ben Smith"})
        asks = asks_for_hotels(addressed=0.9)
        assert await world.asked("hey Ben, which hotel in Lisbon?", asks) is None
        assert await world.asked("which hotel in Lisbon, Ada?", asks) is not None
        assert await world.asked("Ben, which one? @Nova", asks, mentions=(NOVA,)) is not None


async def test_silent_rooms_stay_silent(autojump_clock: MockClock) -> None:
    async with PersonaWorld(speaking="silent").running() as world:
        assert await world.asked("hi", GREETING, mentions=(NOVA,)) is None
        world.seat(speaking="auto")
        assert await world.asked("hi there", GREETING) is not None


async def test_of_several_one_answers_and_goes_on_with_the_talk(
    autojump_clock: MockClock,
) -> None:
    seats = ((NOVA, "Nova", "explorer", ADA), (LUXA, "Luxa", "luxury", ADA))
    async with PersonaWorld(people=(ADA, BEN), seats=seats).running() as world:
        run = await world.told(
            "a suite in lisbon?", asks_for_hotels(slots=Slots(destination=LISBON))
        )
        assert run.opened.persona_id == LUXA
        run = await world.told("in february", reading("refine", slots=Slots(dates=FEBRUARY)))
        assert (run.opened.persona_id, world.acts()[-1]) == (LUXA, "show_hotels")
        run = await world.told("nova, and in march?", reading("refine"))
        assert run.opened.persona_id == NOVA
        run = await world.told("hi", GREETING, by=BEN, mentions=(NOVA,))
        assert run.opened.persona_id == NOVA
        await world.personas.switch(TENANT, user_id(BEN), NOVA, None)
        await trio.sleep(700)
        run = await world.told("hello", GREETING, by=BEN)
        assert run.opened.persona_id == NOVA


@pytest.mark.parametrize("room_id", [ROOM_ID, None])
async def test_who_switches_in_the_middle_of_a_talk_is_answered_by_the_other(
    room_id: str | None, autojump_clock: MockClock
) -> None:
    """Also where a question is open; a choice from before the talk gives way to it."""
    seats = ((NOVA, "Nova", "explorer", ADA), (LUXA, "Luxa", "luxury", ADA))
    async with PersonaWorld(seats=seats).running() as world:
        run = await world.told("a suite in lisbon?", asks_for_hotels())
        assert (run.opened.persona_id, world.acts()[-1]) == (LUXA, "ask")
        await world.personas.switch(TENANT, user_id(ADA), NOVA, room_id)
        run = await world.told("in lisbon", asks_for_hotels(slots=Slots(destination=LISBON)))
        assert run.opened.persona_id == NOVA
        await world.told("luxa, and you?", reading("refine"), mentions=(LUXA,))
        run = await world.told("cheaper", reading("refine"))
        assert run.opened.persona_id == LUXA


async def test_another_persona_has_heard_what_was_said_while_it_sat_there(
    autojump_clock: MockClock,
) -> None:
    seats = ((NOVA, "Nova", "explorer", ADA), (LUXA, "Luxa", "luxury", ADA))
    async with PersonaWorld(seats=seats).running() as world:
        await world.told("hotel in lisbon in feb", HOTELS, mentions=(NOVA,))
        await world.told("and you?", asks_for_hotels(), mentions=(LUXA,))
        assert world.acts()[-1] == "show_hotels"
        world.seat(personas=world.glimpse().personas[:1])
        world.seat()
        await world.told("and now you?", asks_for_hotels(), mentions=(LUXA,))
        assert world.acts()[-1] == "ask"


# Limits.


async def test_two_are_open_at_most_and_each_asker_waits_in_order(
    autojump_clock: MockClock,
) -> None:
    people = (ADA, BEN, CLEO, 4)
    async with PersonaWorld(people=people).running() as world:
        world.writer.pause = 0.2
        for number in range(3):
            for by in people:
                world.say(f"hi {by}.{number}", GREETING, by=by)
        await trio.sleep(60)
        assert world.room.most_open == 2
        assert len(world.room.runs) == 12
        texts = {}
        for run in world.room.runs.values():
            texts.setdefault(run.opened.asker_id, []).append(run.opened.reply_to)
        assert all(replies == sorted(replies) for replies in texts.values())


async def test_three_wait_behind_one_and_the_rest_is_dropped(autojump_clock: MockClock) -> None:
    async with PersonaWorld().running() as world:
        for number in range(6):
            world.say(f"hi {number}", GREETING)
        await trio.sleep(60)
        assert len(world.room.runs) == 4
        assert world.counted("dropped_queue_full") == 2


@pytest.mark.parametrize("happens", ["left", "silenced"])
async def test_who_left_or_was_silenced_is_not_answered_by_what_waited(
    happens: str, autojump_clock: MockClock
) -> None:
    async with PersonaWorld(people=(ADA, BEN)).running() as world:
        world.writer.pause = 0.5
        for number in range(3):
            world.say(f"hi {number}", GREETING, by=BEN, mentions=(NOVA,))
        await trio.sleep(0.1)
        if happens == "left":
            world.seat(people={user_id(ADA): "User 1"})
        else:
            world.seat(speaking="silent")
        await trio.sleep(60)
        assert len(world.room.runs) == 1


async def test_twenty_a_minute_and_one_sentence_to_who_asks_more(
    autojump_clock: MockClock,
) -> None:
    async with PersonaWorld().running() as world:
        runs: list[Any] = []
        for number in range(RUNS_A_MINUTE + 4):
            world.say(f"hi {number}", GREETING)
            await trio.sleep(0.1)
        await trio.sleep(1)
        runs = list(world.room.runs.values())
        assert len(runs) == RUNS_A_MINUTE + 1 == 21
        assert runs[-1].text == TEXTS["en"]["slow_down"]
        assert world.counted("dropped_rate_limited") == 4
        await trio.sleep(60)
        assert (await world.told("hi once more", GREETING)).text.startswith("[greet")


async def test_a_reader_that_hangs_costs_one_prompt(autojump_clock: MockClock) -> None:
    async with PersonaWorld().running() as world:
        world.reader.takes = 3_600.0
        assert await world.asked("hi", GREETING) is None
        world.reader.takes = 0.0
        assert await world.asked("hi again", GREETING) is not None
        assert world.counted("dropped_unread") == 1


async def test_a_store_that_is_away_costs_one_prompt(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with PersonaWorld().running() as world:

        async def away(*_: object) -> None:
            raise Unavailable

        with monkeypatch.context() as patch:
            patch.setattr(world.runs, "begin", away)
            assert await world.asked("hi", GREETING) is None
        assert world.counted("dropped_unavailable") == 1
        assert await world.asked("hi again", GREETING) is not None


# Words that people wrote.


async def test_an_emergency_is_answered_by_people_s_words_without_a_model(
    autojump_clock: MockClock,
) -> None:
    async with PersonaWorld().running() as world:
        run = await world.told("call an ambulance!", GREETING)
        assert run.text == TEXTS["en"]["emergency"]
        assert world.reader.texts == []
        assert world.writer.plans == []
        assert run.closed is not None
        assert run.closed.ai is not None
        assert (run.closed.ai.tier, run.closed.ai.model) == ("template", "people")


async def test_a_cry_for_help_in_a_silent_group_is_heard_where_personas_may_speak(
    autojump_clock: MockClock,
) -> None:
    cry, chatter = "help, he is not breathing", reading("human_chatter", addressed=0.01)
    async with PersonaWorld(people=(ADA, BEN)).running() as world:
        run = await world.told(cry, chatter, follows="nobody")
        assert run.text == TEXTS["en"]["emergency"]
        await trio.sleep(1_000)  # whoever was talked with is not any more
        assert await world.asked(cry, chatter, follows="human") is None
        assert await world.asked(cry, chatter, follows="nobody", mentions=(user_id(BEN),)) is None
        joke = "lol my boss gave me a heart attack"
        assert await world.asked(joke, chatter, follows="nobody") is None
        for speaking in ("mention", "silent"):
            world.seat(speaking=speaking)
            await trio.sleep(1)
            assert await world.asked(cry, chatter, follows="nobody") is None


async def test_a_language_that_nobody_here_speaks_is_answered_only_where_a_persona_is_meant(
    autojump_clock: MockClock,
) -> None:
    foreign = reading("refine", 0.2, is_supported=False, addressed=0.9)
    async with PersonaWorld().running() as world:
        run = await world.told("أريد فندق", foreign)
        assert run.text == TEXTS["ar"]["not_my_language"]
        run = await world.told("szukam czegoś", foreign)
        assert run.text == TEXTS["en"]["not_my_language"]
    async with PersonaWorld(people=(ADA, BEN)).running() as world:
        assert await world.asked("أريد فندق", foreign) is None
        assert await world.asked("أريد فندق", foreign, mentions=(NOVA,)) is not None


async def test_fixed_words_too_are_said_by_the_persona_that_was_chosen(
    autojump_clock: MockClock,
) -> None:
    seats = ((NOVA, "Nova", "explorer", ADA), (LUXA, "Luxa", "luxury", ADA))
    async with PersonaWorld(seats=seats).running() as world:
        for chosen in (LUXA, NOVA):
            await world.personas.switch(TENANT, user_id(ADA), chosen, ROOM_ID)
            await trio.sleep(1_000)  # whoever was talked with is not any more
            assert (await world.told("call an ambulance!", GREETING)).opened.persona_id == chosen


async def test_in_a_group_what_is_not_understood_is_answered_to_who_is_in_talk_alone(
    autojump_clock: MockClock,
) -> None:
    async with PersonaWorld(people=(ADA, BEN)).running() as world:
        hardly = reading("complaint", addressed=0.9, confidence=0.2)
        assert await world.asked("yes please, and milk", hardly) is None
        half = reading("pay", addressed=0.9, confidence=0.6)
        assert await world.asked("yes, in a moment", half) is None
        assert await world.asked("thanks a lot", reading("thanks", addressed=0.9)) is None
        await world.told("a hotel please", asks_for_hotels(addressed=0.9))
        await world.told("and milk", hardly, follows="persona")


async def test_in_a_group_it_must_be_meant_for_a_persona(autojump_clock: MockClock) -> None:
    async with PersonaWorld(people=(ADA, BEN)).running() as world:
        assert await world.asked("are you a bot", reading("smalltalk", addressed=0.2)) is None
        run = await world.told("are you a bot?", reading("smalltalk", addressed=0.9))
        assert run.text == TEXTS["en"]["human"]


async def test_a_cry_for_help_in_the_middle_of_a_talk_is_heard(autojump_clock: MockClock) -> None:
    async with PersonaWorld(people=(ADA, BEN)).running() as world:
        chatter = reading("human_chatter", addressed=0.05)
        assert await world.asked("my passport was stolen, help", chatter) is None
        await world.told("hi", GREETING)
        run = await world.told("my passport was stolen, help", chatter)
        assert run.text == TEXTS["en"]["lost"]
        assert await world.asked("shut up", chatter) is None
        assert await world.asked("call an ambulance!", chatter, mentions=(user_id(BEN),)) is None
        await trio.sleep(700)
        assert await world.asked("call an ambulance!", chatter) is None


async def test_a_language_that_is_not_understood_well_is_told_so_in_it(
    autojump_clock: MockClock,
) -> None:
    async with PersonaWorld().running() as world:
        off = reading("search_hotel", language="de", is_supported=False)
        run = await world.told("ein hotel in lissabon", off)
        assert run.text == TEXTS["de"]["not_my_language"]
        assert world.writer.plans == []


# Prices and slow look-ups.


async def test_a_price_is_told_at_once_and_again_when_it_moved(autojump_clock: MockClock) -> None:
    async with PersonaWorld().running() as world:
        await world.told("a hotel in lisbon in february", HOTELS)
        world.travel.prices = {"hotel-1": hotel(1, 25_000)}
        await world.told("how much is the first now", reading("ask_detail"))
        first, second = world.writer.plans[-2:]
        assert (first.act, second.act) == ("detail", "detail")
        assert "€210" in first.facts["detail"]
        assert "€250" in second.facts["detail"]


async def test_how_prices_moved_is_told_of_what_lies_on_the_table(
    autojump_clock: MockClock,
) -> None:
    async with PersonaWorld().running() as world:
        await world.told("a hotel in lisbon in february", HOTELS)
        world.trends.found = Trend(change=0.06, days=14)
        run = await world.told("do they get dearer?", reading("price_trend"))
        assert world.acts()[-1] == "price_trend"
        assert "6" in world.writer.plans[-1].facts["trend"]
        assert world.trends.asked == [hotel(1).query]
        row = await world.runs.get(TENANT, run.opened.run_id)
        assert row is not None
        assert row.tools == ("places", "price_trend")
        world.trends.found = None
        await world.told("and now?", reading("price_trend"))
        assert world.acts()[-1] == "no_price_trend"


async def test_ideas_that_take_a_while_are_opened_after_all(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with PersonaWorld().running() as world:
        real = world.catalogue.destinations

        async def slow(**query: Any) -> Any:
            await trio.sleep(0.4)
            return await real(**query)

        monkeypatch.setattr(world.catalogue, "destinations", slow)
        await world.told("where to go", reading("ask_destination"))
        assert world.acts() == ["open_places", "show_places"]
        await world.told("where to then", reading("ask_destination"))
        assert world.acts()[2:] == ["show_places"]


async def test_a_flight_begins_at_home(autojump_clock: MockClock) -> None:
    async with PersonaWorld().running() as world:
        world.travel.offers = lambda query: [flight(1), flight(2)]
        await world.told(
            "a flight to lisbon in feb",
            reading("search_flight", slots=Slots(destination=LISBON, dates=FEBRUARY)),
        )
        assert world.acts() == ["ask"]
        assert world.writer.plans[-1].facts["wanted"] == "your city of departure"


async def test_where_no_rooms_are_sold_others_are_asked_and_it_is_remembered(
    autojump_clock: MockClock,
) -> None:
    cities = [place(f"{letter * 3}ville", tags=()) for letter in "ABCDEFGHIJKLMNOPQRST"]
    sold = {"SSS", "TTT", "AAA", "BBB"}

    def offers(query: Any) -> list[Any]:
        if query.city in sold:
            return [hotel(ord(query.city[0]), 20_000, name=f"Casa {query.city}")]
        return []

    async with PersonaWorld(places=tuple(cities)).running() as world:
        world.travel.offers, world.travel.takes = offers, 0.1
        ideas = reading("ask_destination", slots=Slots(dates=FEBRUARY, party=PartySaid(adults=2)))
        run = await world.told("where to in february", ideas)
        assert world.acts() == ["open_places", "show_hotels"]
        assert run.closed is not None
        assert len(run.closed.cards or []) == 3
        asked = len(world.travel.queries)
        assert asked > 6
        await world.told("and where else in february", ideas)
        assert len(world.travel.queries) - asked <= 6


async def test_where_rooms_are_sold_no_more_towns_are_asked_than_are_shown(
    autojump_clock: MockClock,
) -> None:
    cities = [place(f"{letter * 3}ville", tags=()) for letter in "ABCDEFGHIJKLMNOPQRST"]

    def offers(query: Any) -> list[Any]:
        room = hotel(ord(query.city[0]), 20_000, name=f"Casa {query.city}")
        return [replace(room, query=query)]

    async with PersonaWorld(places=tuple(cities)).running() as world:
        world.travel.offers = offers
        ideas = reading("ask_destination", slots=Slots(dates=FEBRUARY, party=PartySaid(adults=2)))
        run = await world.told("where to in february", ideas)
        assert run.closed is not None
        assert len(run.closed.cards or []) == 3
        assert len(world.travel.queries) == 3


async def test_ages_that_were_made_up_are_said_below_the_first_prices(
    autojump_clock: MockClock,
) -> None:
    async with PersonaWorld().running() as world:
        slots = Slots(destination=LISBON, dates=FEBRUARY, party=PartySaid(adults=2, children=1))
        run = await world.told("lisbon with a child", asks_for_hotels(slots=slots))
        assert run.text.splitlines()[-1].startswith("Children whose age I do not know")
        run = await world.told("cheaper", reading("refine"))
        assert "Children" not in run.text


async def test_what_no_record_says_of_a_room_is_not_passed_over_in_silence(
    autojump_clock: MockClock,
) -> None:
    async with PersonaWorld().running() as world:
        run = await world.told("wheelchair accessible hotels in lisbon", HOTELS)
        assert run.text.splitlines()[-1].startswith("Of pools, lifts, step-free access")
        run = await world.told("hotels in lisbon", HOTELS)
        assert "step-free" not in run.text


async def test_a_budget_in_another_currency_is_not_passed_over_in_silence(
    autojump_clock: MockClock,
) -> None:
    async with PersonaWorld().running() as world:
        pounds = Budget(amount=20, currency="GBP", per="night")
        slots = Slots(destination=LISBON, dates=FEBRUARY, budget=pounds)
        run = await world.told("hotel in lisbon, 20 pounds", asks_for_hotels(slots=slots))
        assert run.closed is not None
        assert run.closed.cards
        last = run.text.splitlines()[-1]
        assert last.startswith("These prices are in EUR.")
        assert run.closed.content == run.text
        row = await world.runs.get(TENANT, run.opened.run_id)
        assert row is not None
        assert [one.act for one in row.segments] == ["open_hotels", "show_hotels", "fixed"]
        # The remark is people's; the message is still by whoever answered.
        assert run.closed.ai.model == row.segments[1].model != row.segments[2].model
        euros = replace(slots, budget=replace(pounds, currency="EUR", amount=900.0))
        run = await world.told("900 euros then", asks_for_hotels(slots=euros))
        assert "These prices" not in run.text
