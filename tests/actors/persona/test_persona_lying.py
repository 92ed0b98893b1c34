"""In a group: what was shown to one of them lies there for all, and whoever speaks of it is answered."""

from typing import Any

import pytest
from actors_world import user_id
from dialogue_world import LISBON, hotel, place, reading
from persona_world import ADA, BEN, CLEO, LUXA, NOVA, PersonaWorld, asks_for_hotels
from trio.testing import MockClock

from protocol.travel import HotelQuery, Party
from protocol.understanding import Dates, PartySaid, Slots, Understanding

WHEN = Dates(from_="2027-02-05", to="2027-02-07")
FOR_FOUR = Slots(destination=LISBON, dates=WHEN, party=PartySaid(adults=4))
LIST = asks_for_hotels(slots=FOR_FOUR)
CHATTER = reading("human_chatter", addressed=0.05)


def detail(**changes: Any) -> Understanding:
    return reading("ask_detail", **changes)


def here(**changes: Any) -> PersonaWorld:
    return PersonaWorld(**{"people": (ADA, BEN)} | changes)


def found(query: Any) -> list[Any]:
    offers = [hotel(number, 20_000 + 1_000 * number) for number in range(1, 6)]
    return [type(one)(id=one.id, query=query, source=one.source) for one in offers]


async def test_another_one_s_question_is_answered_about_what_lies_there(
    autojump_clock: MockClock,
) -> None:
    async with here().running() as world:
        await world.told("a hotel for the four of us", LIST)
        await world.told("what about the second one?", detail(), by=BEN, follows="persona")
        assert world.writer.plans[-1].act == "detail"
        assert world.writer.plans[-1].facts["what"] == "the second hotel"
        await world.told("which one is the cheapest?", reading("compare"), by=BEN, follows="human")


async def test_which_one_is_asked_right_below_the_list_alone(autojump_clock: MockClock) -> None:
    async with here().running() as world:
        await world.told("a hotel for the four of us", LIST)
        await world.asked("dunno", CHATTER, by=BEN, follows="persona")
        assert await world.asked("is it refundable?", detail(), by=BEN) is None
        await world.told("is it refundable?", detail(), by=BEN, follows="persona")
        assert world.writer.plans[-1].act == "ask"


async def test_a_change_is_one_of_the_search_that_the_offers_tell(
    autojump_clock: MockClock,
) -> None:
    async with here().running() as world:
        world.travel.offers = found
        await world.told("a hotel for the four of us", LIST)
        await world.told("anything cheaper?", reading("refine"), by=BEN, follows="persona")
        asker, query = world.travel.queries[-1]
        assert asker == user_id(BEN)
        assert isinstance(query, HotelQuery)
        assert (query.check_in, query.check_out) == (WHEN.from_, WHEN.to)
        assert query.party == Party(adults=4, rooms=2)


async def test_what_is_no_word_on_the_list_takes_nothing_of_it(autojump_clock: MockClock) -> None:
    async with here().running() as world:
        world.travel.offers = found
        await world.told("a hotel for the four of us", LIST)
        own = asks_for_hotels(slots=Slots(destination=LISBON, dates=WHEN))
        await world.told("a hotel for me", own, by=BEN, follows="persona")
        assert world.travel.queries[-1][1].party == Party(adults=1)


async def test_whose_list_it_is_answers(autojump_clock: MockClock) -> None:
    seats = ((NOVA, "Nova", "explorer", ADA), (LUXA, "Luxa", "luxury", BEN))
    async with here(seats=seats).running() as world:
        run = await world.told("a hotel for the four of us", LIST)
        asked = detail(slots=Slots(), addressed=0.9)
        answer = await world.told("has the first a spa?", asked, by=BEN, follows="persona")
        assert answer.opened.persona_id == run.opened.persona_id


async def test_who_comes_in_later_is_told_nothing_of_it(autojump_clock: MockClock) -> None:
    async with here().running() as world:
        await world.told("a hotel for the four of us", LIST)
        people = {user_id(one): f"User {one}" for one in (ADA, BEN, CLEO)}
        world.seat(people=people, read_from=1_000)
        of_second = detail()
        assert await world.asked("the second one?", of_second, by=CLEO, follows="persona") is None


async def test_what_one_was_shown_alone_is_told_nobody_else(autojump_clock: MockClock) -> None:
    async with PersonaWorld().running() as world:
        await world.told("a hotel for the four of us", LIST)
        world.seat(people={user_id(ADA): "Ada", user_id(BEN): "Ben"})
        assert await world.asked("the second one?", detail(), by=BEN, follows="persona") is None


@pytest.mark.parametrize("which", ["question", "answer"])
async def test_what_is_deleted_lies_there_no_more(autojump_clock: MockClock, which: str) -> None:
    async with here().running() as world:
        run = await world.told("a hotel for the four of us", LIST)
        opened = run.opened
        world.unsay(opened.reply_to if which == "question" else opened.message_id)
        assert await world.asked("the second one?", detail(), by=BEN, follows="persona") is None


async def test_whose_list_it_was_takes_it_along(autojump_clock: MockClock) -> None:
    async with here(people=(BEN, ADA, CLEO)).running() as world:
        await world.told("a hotel for the four of us", LIST, by=CLEO)
        world.seat(people={user_id(ADA): "Ada", user_id(BEN): "Ben"})
        assert await world.asked("the second one?", detail(), by=BEN, follows="persona") is None


async def test_a_question_that_was_taken_back_is_searched_by_nobody_else(
    autojump_clock: MockClock,
) -> None:
    async with here().running() as world:
        world.travel.offers = found
        run = await world.told("a hotel for the four of us", LIST)
        await world.told("is the second one refundable?", detail(), by=BEN, follows="persona")
        world.unsay(run.opened.reply_to)
        in_may = reading("refine", slots=Slots(dates=WHEN))
        await world.told("in may", in_may, by=BEN, follows="persona")
        assert world.writer.plans[-1].act == "noted"


async def test_who_speaks_for_the_first_time_is_not_shown_what_was_turned_down(
    autojump_clock: MockClock,
) -> None:
    async with here().running() as world:
        run = await world.told("a hotel for the four of us", LIST)
        await world.rate(run, "hotel-1", -1)
        await world.told("a hotel for me", LIST, by=BEN, follows="persona")
        (latest,) = [one for one in world.room.runs.values() if one is not run]
        assert latest.closed is not None
        assert "hotel-1" not in [card["id"] for card in latest.closed.cards or []]


async def test_one_s_thumb_up_does_not_take_back_another_s_thumb_down(
    autojump_clock: MockClock,
) -> None:
    async with here().running() as world:
        run = await world.told("a hotel for the four of us", LIST)
        await world.rate(run, "hotel-1", -1)
        await world.rate(run, "hotel-1", 1, by=BEN)
        again = await world.told("a hotel for the four of us", LIST)
        assert again.closed is not None
        assert "hotel-1" not in [card["id"] for card in again.closed.cards or []]
        await world.rate(run, "hotel-1", 0, by=BEN)
        again = await world.told("a hotel for the four of us", LIST)
        assert again.closed is not None
        assert "hotel-1" not in [card["id"] for card in again.closed.cards or []]
        await world.rate(run, "hotel-1", 0)
        again = await world.told("a hotel for the four of us", LIST)
        assert again.closed is not None
        assert "hotel-1" in [card["id"] for card in again.closed.cards or []]


async def test_why_it_was_shown_alone_is_not_told_before_others(autojump_clock: MockClock) -> None:
    async with PersonaWorld().running() as world:
        await world.told("a hotel for the four of us", LIST)
        world.seat(people={user_id(ADA): "Ada", user_id(BEN): "Ben"})
        await world.told("why the first?", detail(), follows="persona")
        assert "picked because" not in world.writer.plans[-1].facts.get("detail", "")


@pytest.mark.parametrize(
    ("text", "understanding"),
    [
        ("let's book a table for tonight", reading("book", addressed=0.9)),
        ("hmm ok", reading("refine", addressed=0.9)),
    ],
)
async def test_what_points_at_nothing_is_said_among_people(
    autojump_clock: MockClock, text: str, understanding: Understanding
) -> None:
    async with here().running() as world:
        await world.told("a hotel for the four of us", LIST)
        assert await world.asked(text, understanding, by=BEN, follows="persona") is None


async def test_the_latest_list_is_meant_by_who_was_shown_an_older_one(
    autojump_clock: MockClock,
) -> None:
    async with here().running() as world:
        await world.told("a hotel for the four of us", LIST)
        world.travel.offers = lambda query: [
            type(one)(id=f"b-{one.id}", query=query, source=one.source)
            for one in (hotel(number, stars=5) for number in range(4, 9))
        ]
        await world.told("a hotel for me", LIST, by=BEN)
        stars = detail()
        await world.told("how many stars has the second?", stars, follows="persona")
        assert world.writer.plans[-1].facts["detail"] == "5 stars"


async def test_who_is_asked_which_one_picks_of_their_own_list(autojump_clock: MockClock) -> None:
    async with here().running() as world:
        await world.told("a hotel for the four of us", LIST)
        await world.told("book it", reading("book", addressed=0.9))
        assert world.writer.plans[-1].act == "ask"
        world.travel.offers = lambda query: []
        await world.told("a hotel for me", LIST, by=BEN)
        await world.told("the second", detail(), follows="persona")
        assert world.writer.plans[-1].act == "confirm"


async def test_a_bed_of_no_place_is_where_was_shown_to_another_one(
    autojump_clock: MockClock,
) -> None:
    async with here(places=(place("Lisbon"),)).running() as world:
        where = reading("ask_destination", slots=Slots(destination=LISBON))
        await world.told("what about lisbon?", where)
        assert world.writer.plans[-1].act == "show_places"
        bed = asks_for_hotels(slots=Slots(dates=WHEN))
        await world.told("hotels from the 5th to the 7th", bed, by=BEN, follows="persona")
        assert world.travel.queries[-1][1].city == "LIS"
