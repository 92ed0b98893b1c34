"""A thumb counts at once: in what is shown next, in the taste, and in words."""

from typing import Any

import pytest
import trio
from actors_world import TENANT, user_id
from dialogue_world import FEBRUARY, LISBON, hotel, reading
from persona_world import ADA, BEN, CLEO, LUXA, NOVA, PersonaWorld, Told, asks_for_hotels
from trio.testing import MockClock

from actors.persona.sitting import SEATED_FOR
from core.errors import Rejected, Unavailable
from core.ports.inference import Taste
from core.ports.repositories import UserPatch
from protocol.frames import Done
from protocol.persona import Opened, Rated
from protocol.understanding import Slots

HOTELS = asks_for_hotels(slots=Slots(destination=LISBON, dates=FEBRUARY))
MORE = reading("refine")


def cards(run: Told) -> list[str]:
    assert run.closed is not None
    return [card["id"] for card in run.closed.cards or []]


async def test_what_was_turned_down_is_gone_and_the_next_answer_says_why(
    autojump_clock: MockClock,
) -> None:
    async with PersonaWorld().running() as world:
        world.travel.offers = lambda query: [hotel(1, 40_000), hotel(2), hotel(3), hotel(4)]
        run = await world.told("hotel in lisbon in feb", HOTELS)
        assert cards(run)[0] == "hotel-1"
        assert isinstance(await world.rate(run, "hotel-1", -1), Done)
        run = await world.told("look again", MORE)
        assert "hotel-1" not in cards(run)
        assert world.acts() == ["open_hotels", "show_hotels", "learned", "show_hotels"]
        assert world.writer.plans[2].facts["because"] == "a lower price"
        await world.told("and more", MORE)
        assert world.acts()[4:] == ["open_hotels", "show_hotels"]


async def test_a_reason_that_was_given_is_the_one_that_is_told(autojump_clock: MockClock) -> None:
    async with PersonaWorld().running() as world:
        run = await world.told("hotel in lisbon in feb", HOTELS)
        await world.rate(run, "hotel-1", -1, reason="I'd like something nicer")
        await world.told("look again", MORE)
        assert world.writer.plans[2].facts["because"] == "another class of hotel"


async def test_the_taste_is_learned_at_once_from_all_that_stands(
    autojump_clock: MockClock,
) -> None:
    async with PersonaWorld().running() as world:
        run = await world.told("hotel in lisbon in feb", HOTELS)
        assert world.recommender.tastes[-1] == []
        await world.rate(run, "hotel-2", 1)
        await world.rate(run, "hotel-3", -1)
        await world.rate(run, "hotel-3", -1)
        await world.told("look again", MORE)
        (taste,) = world.recommender.tastes[-1]
        assert taste == Taste(version="t1", weights=(1.0, -1.0), seen=2)
        await world.rate(run, "hotel-3", 0)
        await world.rate(run, "hotel-2", 0)
        assert await world.feedbacks.latest(TENANT, user_id(ADA), NOVA) == []
        run = await world.told("look again!", MORE)
        assert world.recommender.tastes[-1] == []
        assert "hotel-3" in cards(run)


async def test_a_thumb_stands_in_its_row_with_what_the_item_was_ranked_by(
    autojump_clock: MockClock,
) -> None:
    async with PersonaWorld().running() as world:
        run = await world.told("hotel in lisbon in feb", HOTELS)
        await world.rate(run, "hotel-2", 1, reason="the pool")
        (row,) = await world.feedbacks.latest(TENANT, user_id(ADA), NOVA)
        assert (row.item_id, row.value, row.reason, row.kind) == (
            "hotel-2",
            1,
            "the pool",
            "rating",
        )
        assert (row.features, row.tower) == ((1.0,), "t1")
        assert row.message_id == run.opened.message_id


async def test_looking_at_a_card_speaks_for_it(autojump_clock: MockClock) -> None:
    async with PersonaWorld().running() as world:
        run = await world.told("hotel in lisbon in feb", HOTELS)
        opened = Opened(message_id=run.opened.message_id, card_id="hotel-2")
        assert isinstance(await world.ask(opened), Done)
        (row,) = await world.feedbacks.latest(TENANT, user_id(ADA), NOVA)
        assert (row.kind, row.value, row.item_id) == ("opened", 1, "hotel-2")


async def test_an_answer_as_a_whole_can_be_rated(autojump_clock: MockClock) -> None:
    async with PersonaWorld().running() as world:
        run = await world.told("hi", reading("greet"))
        await world.ask(Rated(message_id=run.opened.message_id, value=1))
        (row,) = await world.feedbacks.latest(TENANT, user_id(ADA), NOVA)
        assert (row.item_id, row.features) == (None, ())


async def test_what_nobody_showed_cannot_be_rated(autojump_clock: MockClock) -> None:
    async with PersonaWorld().running() as world:
        run = await world.told("hotel in lisbon in feb", HOTELS)
        with pytest.raises(Rejected, match="not_found") as unknown_offer:
            await world.rate(run, "hotel-99", -1)
        with pytest.raises(Rejected, match="not_found") as unknown_card:
            await world.ask(Opened(message_id=run.opened.message_id, card_id="hotel-99"))
        with pytest.raises(Rejected, match="not_found"):
            await world.ask(Opened(message_id="nobody's", card_id="hotel-1"))
        assert unknown_offer.value.fields == (("offerId", "There is no such offer."),)
        card = (("cardId", "There is no such card in this message."),)
        assert unknown_card.value.fields == card
        assert await world.feedbacks.latest(TENANT, user_id(ADA), NOVA) == []


async def test_in_a_group_only_thumbs_given_here_count_and_they_count_for_all(
    autojump_clock: MockClock,
) -> None:
    async with PersonaWorld(people=(ADA, BEN)).running() as world:
        await world.feedbacks.save_taste(
            TENANT, user_id(BEN), NOVA, {"v": "t1", "w": [9.0], "n": 1}
        )
        run = await world.told("hotel in lisbon in feb", HOTELS)
        await world.rate(run, "hotel-1", -1, by=BEN)
        await world.rate(run, "hotel-2", 1, by=ADA)
        run = await world.told("look again", MORE)
        assert "hotel-1" not in cards(run)
        weights = sorted(taste.weights for taste in world.recommender.tastes[-1])
        assert weights == [(-1.0,), (1.0,)]
        assert world.acts()[2:] == ["open_hotels", "show_hotels"]
        world.seat(people={user_id(ADA): "User 1", user_id(CLEO): "User 3"})
        await world.told("and more", MORE)
        assert [taste.weights for taste in world.recommender.tastes[-1]] == [(1.0,)]


async def test_a_thumb_for_one_persona_is_none_for_another(autojump_clock: MockClock) -> None:
    seats = ((NOVA, "Nova", "explorer", ADA), (LUXA, "Luxa", "luxury", ADA))
    async with PersonaWorld(seats=seats).running() as world:
        run = await world.told("hotel in lisbon in feb", HOTELS, mentions=(NOVA,))
        await world.rate(run, "hotel-1", -1)
        run = await world.told("and you?", HOTELS, mentions=(LUXA,))
        assert "hotel-1" in cards(run)


async def test_after_a_pause_a_thumb_finds_what_was_shown_by_its_row(
    autojump_clock: MockClock,
) -> None:
    async with PersonaWorld().running() as world:
        run = await world.told("hotel in lisbon in feb", HOTELS)
        await world.offers.add(TENANT, user_id(ADA), [hotel(1)])
        await trio.sleep(4_000)
        assert world.system.statistics()["passivations"] >= 1
        await world.rate(run, "hotel-1", -1)
        run = await world.told("hotel in lisbon in feb!", HOTELS)
        assert "hotel-1" not in cards(run)
        assert world.acts()[2:] == ["learned", "show_hotels"]


async def test_a_thumb_that_is_quicker_than_the_run_s_last_row_waits_for_it(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with PersonaWorld().running() as world:
        real = world.runs.end

        async def slow(*given: Any) -> None:
            await trio.sleep(0.5)
            await real(*given)

        monkeypatch.setattr(world.runs, "end", slow)
        world.say("hotel in lisbon in feb", HOTELS)
        while not (told := list(world.room.runs.values())) or told[0].closed is None:
            await trio.sleep(0.01)
        assert isinstance(await world.rate(told[0], "hotel-1", -1), Done)


async def test_the_profile_is_where_a_taste_begins_but_not_where_others_read(
    autojump_clock: MockClock,
) -> None:
    profile = {"interests": ["Beach", "chess"], "dislikes": ["ski"], "budget": "low"}
    liked = {"tags.coast": 1.0, "tags.cold_winter": -1.0, "price.level": -1.0, "price.peers": -1.0}
    async with PersonaWorld(preferences=profile).running() as world:
        await world.told("hotel in lisbon in feb", HOTELS)
        assert world.recommender.stated == [liked]
    async with PersonaWorld(preferences=profile, people=(ADA, BEN)).running() as world:
        run = await world.told("hotel in lisbon in feb", HOTELS)
        await world.rate(run, "hotel-1", -1)
        world.recommender.stated.clear()
        await world.told("look again", MORE)
        assert world.recommender.stated == [{}]


async def test_a_changed_profile_or_population_makes_the_taste_anew_once(
    autojump_clock: MockClock,
) -> None:
    async with PersonaWorld().running() as world:
        run = await world.told("hotel in lisbon in feb", HOTELS)
        await world.rate(run, "hotel-2", 1)
        for patch, population, prior in (
            ({"interests": ["beach"]}, "", "tags.coast"),
            ({"interests": ["beach"]}, "prior-2", "tags.coast prior-2"),
        ):
            await world.users.patch(TENANT, user_id(ADA), UserPatch(preferences=patch))
            await trio.sleep(SEATED_FOR + 1)
            world.recommender.population = population
            for _ in range(2):
                await world.told("look again", MORE)
                (taste,) = world.recommender.tastes[-1]
                assert (taste.seen, taste.prior) == (1, prior)
            model = await world.feedbacks.load_taste(TENANT, user_id(ADA), NOVA)
            assert model == {"v": "t1", "w": [1.0], "n": 1, "p": prior}


async def test_a_new_tower_learns_the_taste_anew(autojump_clock: MockClock) -> None:
    async with PersonaWorld().running() as world:
        run = await world.told("hotel in lisbon in feb", HOTELS)
        await world.rate(run, "hotel-2", 1)
        world.recommender.tower = "t2"
        await world.told("look again", MORE)
        assert world.recommender.tastes[-1] == [Taste(version="t2", weights=(1.0,), seen=1)]
        model = await world.feedbacks.load_taste(TENANT, user_id(ADA), NOVA)
        assert model == {"v": "t2", "w": [1.0], "n": 1}


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ("own", "the price"),
        ("average", "the price and what you have in common"),
        ("least_misery", "the price and a choice that leaves none of you out"),
    ],
)
async def test_a_choice_for_several_people_says_by_which_rule(
    how: Any, why: str, autojump_clock: MockClock
) -> None:
    async with PersonaWorld(people=(ADA, BEN)).running() as world:
        world.recommender.how = how
        await world.told("hotel in lisbon in feb", HOTELS)
        assert world.writer.plans[1].act == "show_hotels"
        assert world.writer.plans[1].facts["because"] == why


async def test_what_was_shown_is_stored_though_the_store_is_away_for_a_moment(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with PersonaWorld().running() as world:
        real, left = world.runs.end, [Unavailable(), Unavailable()]

        async def away(*row: Any) -> None:
            if left:
                raise left.pop()
            await real(*row)

        monkeypatch.setattr(world.runs, "end", away)
        run = await world.told("a hotel in lisbon in february", HOTELS)
        row = await world.runs.get(TENANT, run.opened.run_id)
        assert row is not None
        assert row.outcome == "done"
        assert len(await world.runs.shown(TENANT, run.opened.run_id)) == 3
