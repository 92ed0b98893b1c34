"""How content a room is: only of three people and twenty messages, only of who agrees, and nothing that lasts."""

from collections import OrderedDict
from typing import Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from inference.sentiment.head import MOODS, Mood
from inference.sentiment.room_moods import MINDED_FOR, MOST_MINDED, RoomMoods
from inference.sentiment.satisfaction import (
    KEPT_FOR,
    MIN_MESSAGES,
    MIN_PEOPLE,
    MOST_OF_A_ROOM,
    MOST_ROOMS,
    Satisfaction,
)
from inference.small_models import SmallModels

heard = st.lists(st.tuples(st.sampled_from("abcde"), st.sampled_from([-1.0, 0.0, 1.0])))


def filled(people: int, messages: int, worth: float = 1.0) -> Satisfaction:
    found = Satisfaction()
    for number in range(messages):
        found.add("r", f"m{number}", f"p{number % people}", worth, 0.0)
    return found


@pytest.mark.parametrize(
    ("people", "messages", "is_there"),
    [(3, 20, True), (2, 20, False), (3, 19, False), (1, 200, False), (5, 60, True)],
)
def test_it_is_of_three_people_and_twenty_messages(people, messages, is_there):
    assert (filled(people, messages).of_room("r", 1.0) is not None) is is_there


@given(heard)
def test_no_figure_is_ever_of_fewer(messages):
    found = Satisfaction()
    for number, (person, worth) in enumerate(messages):
        found.add("r", f"m{number}", person, worth, float(number))
    figure = found.of_room("r", float(len(messages)))
    people = {person for person, _ in messages}
    assert (figure is None) is (len(people) < MIN_PEOPLE or len(messages) < MIN_MESSAGES)
    assert figure is None or -1 <= figure <= 1


def test_everybody_counts_alike_however_much_they_write():
    found = filled(2, 40)
    for number in range(2):
        found.add("r", f"sad{number}", "p9", -1.0, 0.0)
    assert found.of_room("r", 1.0) == pytest.approx(1 / 3)


def test_what_is_unsaid_old_or_of_who_left_off_agreeing_is_gone():
    found = filled(3, 20)
    found.forget_message("r", "m7")
    assert found.of_room("r", 1.0) is None
    found = filled(4, 40)
    found.forget_person("p1")
    assert found.of_room("r", 1.0) is not None
    found.forget_person("p2")
    assert found.of_room("r", 1.0) is None
    assert filled(3, 60).of_room("r", KEPT_FOR + 1) is None


class Unread(OrderedDict[str, Any]):
    """Rooms that nobody may walk through."""

    def values(self) -> Any:
        raise AssertionError

    items = __iter__ = values


def test_who_is_not_counted_costs_no_walk_through_all_that_is():
    found = filled(4, 40)
    found._rooms = Unread(found._rooms)
    found.forget_person("nobody")
    found.forget_person("p1")
    assert len(found._rooms["r"]) == 30


_ID = st.sampled_from("abc")
_DONE = st.lists(
    st.one_of(
        st.tuples(st.just("add"), _ID, _ID, _ID),
        st.tuples(st.just("unsay"), _ID, _ID),
        st.tuples(st.just("forget"), _ID),
        st.tuples(st.just("look"), _ID),
    ),
    max_size=40,
)


@given(_DONE)
def test_whoever_is_forgotten_is_nowhere_and_all_others_are_still_there(done):
    found, expected = Satisfaction(), {}
    for kind, first, *rest in done:
        if kind == "add":
            message, person = rest
            found.add(first, message, person, 1.0, 0.0)
            expected[first, message] = person
        elif kind == "unsay":
            found.forget_message(first, rest[0])
            expected.pop((first, rest[0]), None)
        elif kind == "forget":
            found.forget_person(first)
            expected = {key: one for key, one in expected.items() if one != first}
        else:
            assert found.of_room(first, KEPT_FOR + 1) is None
            expected = {key: one for key, one in expected.items() if key[0] != first}
    kept = {
        (room_id, message_id): heard.person_id
        for room_id, room in found._rooms.items()
        for message_id, heard in room.items()
    }
    assert kept == expected
    for person in "abc":
        found.forget_person(person)
    assert not any(found._rooms.values())
    assert not found._of_person


def test_it_grows_no_further():
    found = filled(3, MOST_OF_A_ROOM + 50)
    for number in range(MOST_ROOMS + 3):
        found.add(f"r{number}", "m", "p", 1.0, 0.0)
    assert len(found._rooms) == MOST_ROOMS
    assert all(len(room) <= MOST_OF_A_ROOM for room in found._rooms.values())


def test_operators_see_the_mean_of_rooms_to_a_tenth():
    assert filled(3, 19).statistics(1.0) == {"rooms": 0}
    assert filled(3, 30).statistics(1.0) == {"rooms": 1, "mean": 1.0}


class Hearing:
    """A head that hears what the text says, and may be made to wait."""

    def mood_of(self, text: str) -> Mood:
        return next(mood for mood in MOODS if mood in text)


async def noted(moods: RoomMoods, models: SmallModels, *, forget: str | None = None) -> None:
    async with trio.open_nursery() as nursery:
        for number in range(20):
            moods.heard_nowait("r", f"m{number}", f"p{number % 3}", "positive", agrees=True)
        if forget is not None:
            moods.forget_nowait("r", forget)
        nursery.start_soon(models.run)
        with trio.fail_after(10):
            while models.statistics()["waiting"] or models.turn.borrowed_tokens:
                await trio.sleep(0.05)
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()


async def test_messages_are_judged_when_nobody_waits() -> None:
    models = SmallModels()
    moods, head = RoomMoods(models), Hearing()
    moods.heard_nowait("r", "early", "p", "positive", agrees=True)
    assert models.statistics()["waiting"] == 0
    moods.begin(head)  # type: ignore[arg-type]
    await noted(moods, models)
    assert moods.statistics() == {"rooms": 1, "mean": 1.0}
    moods.heard_nowait("r", "m20", "p1", "negative", agrees=False)
    assert moods.statistics() == {"rooms": 0}


async def test_what_is_unsaid_before_it_was_judged_never_counts() -> None:
    models = SmallModels()
    moods, head = RoomMoods(models), Hearing()
    moods.begin(head)  # type: ignore[arg-type]
    await noted(moods, models, forget="m4")
    assert moods.statistics() == {"rooms": 0}
    assert models.statistics()["encoded"] == 20


async def test_who_takes_the_yes_back_is_forgotten_at_once_and_stays_so(
    mock_clock: MockClock,
) -> None:
    """In all rooms, what is being judged too; and also by who has the profile in mind as it was."""
    models = SmallModels()
    moods, head = RoomMoods(models), Hearing()
    moods.begin(head)  # type: ignore[arg-type]
    moods._satisfaction = filled(3, 20)
    assert moods.statistics() == {"rooms": 1, "mean": 1.0}
    moods.heard_nowait("elsewhere", "waits", "p1", "positive", agrees=True)
    moods.agreed_nowait("p1", agrees=False)
    assert moods.statistics() == {"rooms": 0}
    moods.heard_nowait("r", "m20", "p1", "positive", agrees=True)
    assert not moods._pending
    moods.agreed_nowait("p1", agrees=True)
    moods.heard_nowait("r", "m20", "p1", "positive", agrees=True)
    assert list(moods._pending) == [("r", "m20")]


async def test_a_yes_taken_back_is_minded_until_profiles_say_it_themselves(
    mock_clock: MockClock,
) -> None:
    models = SmallModels()
    moods, head = RoomMoods(models), Hearing()
    moods.begin(head)  # type: ignore[arg-type]
    moods.agreed_nowait("p1", agrees=False)
    mock_clock.jump(MINDED_FOR - 1)
    moods.heard_nowait("r", "m", "p1", "positive", agrees=True)
    assert models.statistics()["waiting"] == 0
    mock_clock.jump(2)
    moods.heard_nowait("r", "m", "p1", "positive", agrees=True)
    assert models.statistics()["waiting"] == 1


async def test_takings_back_that_are_minded_are_bounded() -> None:
    moods = RoomMoods(SmallModels())
    for number in range(MOST_MINDED + 5):
        moods.agreed_nowait(f"p{number}", agrees=False)
    assert len(moods._taken_back) == MOST_MINDED
