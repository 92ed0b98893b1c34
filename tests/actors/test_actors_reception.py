"""When hellos are opened: fairly between users, few at once, later for who does harm."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from actors.session import reception as reception_of
from actors.session.reception import (
    AT_ONCE,
    FEW,
    FORGIVEN,
    FORGIVEN_EVERY,
    HARM,
    MAX_HELD,
    MAX_REST,
    REST,
    REST_OF_MANY,
    WAIT_WITHIN,
    Reception,
)
from core.errors import Overloaded
from protocol.close_codes import CloseCode


class Hall:
    """A reception, and who was welcomed when. Opening a hello takes `takes` seconds."""

    def __init__(self, *, takes: float = 0.003, **options: Any) -> None:
        self.reception = Reception(**options)
        self.takes = takes
        self.opening = self.most = 0
        self.welcomes: list[tuple[str, float]] = []
        self.refused: list[float] = []

    async def hello(self, user_id: str) -> None:
        try:
            async with self.reception.turn(user_id):
                self.opening += 1
                self.most = max(self.most, self.opening)
                await trio.sleep(self.takes)
                self.opening -= 1
                self.reception.welcomed(user_id)
                self.welcomes.append((user_id, trio.current_time()))
        except Overloaded:
            self.refused.append(trio.current_time())

    def times(self, user_id: str) -> list[float]:
        return [at for who, at in self.welcomes if who == user_id]

    def harm(self, user_id: str, times: int) -> None:
        for _ in range(times):
            self.reception.ended(user_id, CloseCode.MALFORMED_FRAME)

    async def gap(self, user_id: str) -> float:
        """Seconds between a welcome of the user and his next, when he asks for both at once."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.hello, user_id)
            nursery.start_soon(self.hello, user_id)
        first, second = self.times(user_id)[-2:]
        return second - first - self.takes


def nothing_left(hall: Hall) -> bool:
    found = hall.reception.statistics()
    return (found["opening"], found["waiting"]) == (0, 0)


async def all_of(*hellos: Callable[[], Any]) -> None:
    async with trio.open_nursery() as nursery:
        for hello in hellos:
            nursery.start_soon(hello)


async def test_thirty_connections_of_one_user_are_welcomed_one_by_one_with_a_rest_between(
    autojump_clock: MockClock,
) -> None:
    hall = Hall()
    async with trio.open_nursery() as nursery:
        for _ in range(30):
            nursery.start_soon(hall.hello, "ada")
    times = hall.times("ada")
    assert len(times) == 30
    assert hall.most == 1
    gaps = [later - earlier for earlier, later in pairwise(times)]
    few, many = FEW - 1, 29 - (FEW - 1)
    assert gaps[:few] == [pytest.approx(REST + hall.takes)] * few
    assert gaps[few:] == [pytest.approx(REST_OF_MANY + hall.takes)] * many
    assert nothing_left(hall)


async def test_who_comes_behind_another_users_thirty_connections_does_not_wait_for_them(
    autojump_clock: MockClock,
) -> None:
    hall = Hall(at_once=1)
    async with trio.open_nursery() as nursery:
        for _ in range(30):
            nursery.start_soon(hall.hello, "ada")
        await trio.sleep(hall.takes / 2)
        begun_at = trio.current_time()
        nursery.start_soon(hall.hello, "ben")
    [at] = hall.times("ben")
    assert at - begun_at <= 2 * hall.takes


async def test_the_hellos_of_many_users_are_opened_a_few_at_once(
    autojump_clock: MockClock,
) -> None:
    hall = Hall()
    async with trio.open_nursery() as nursery:
        for number in range(10 * AT_ONCE):
            nursery.start_soon(hall.hello, f"user {number}")
    assert hall.most == AT_ONCE
    assert len(hall.welcomes) == 10 * AT_ONCE
    assert hall.welcomes[-1][1] == pytest.approx(10 * hall.takes)
    assert nothing_left(hall)


async def test_who_waits_too_long_is_told_to_come_back_and_leaves_no_gap(
    autojump_clock: MockClock,
) -> None:
    hall = Hall(takes=WAIT_WITHIN - 1)
    async with trio.open_nursery() as nursery:
        for _ in range(4):
            nursery.start_soon(hall.hello, "ada")
    assert hall.refused == [pytest.approx(WAIT_WITHIN)] * 2
    assert len(hall.times("ada")) == 2
    assert nothing_left(hall)
    assert hall.reception.statistics()["refused"] == 2


async def test_a_users_line_has_an_end(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reception_of, "MAX_WAITING", 3)
    hall = Hall()
    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(hall.hello, "ada")
        nursery.start_soon(hall.hello, "ben")
    assert len(hall.times("ada")) == 3
    assert hall.refused == [0.0, 0.0]
    assert len(hall.times("ben")) == 1


@pytest.mark.parametrize("when", ["in line", "resting", "for a place"])
async def test_a_hello_that_is_cancelled_while_it_waits_is_nobodys_turn(
    autojump_clock: MockClock, when: str
) -> None:
    hall = Hall(at_once=1, takes=1.0)
    hall.harm("ada", 9)
    if when == "resting":
        await hall.hello("ada")
    gone = trio.CancelScope()

    async def goes() -> None:
        with gone:
            await hall.hello("ada")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(hall.hello, "ada" if when == "in line" else "ben")
        await wait_all_tasks_blocked()
        nursery.start_soon(goes)
        await trio.sleep(0.5)
        gone.cancel()
        await hall.hello("ada")
    assert gone.cancelled_caught
    assert nothing_left(hall)


async def test_harm_is_forgiven_three_times_then_each_welcome_is_later_up_to_a_bound(
    autojump_clock: MockClock,
) -> None:
    waits = []
    for harms in range(int(MAX_HELD) + 5):
        hall, begun_at = Hall(takes=0.0), trio.current_time()
        hall.harm("ada", harms)
        await hall.hello("ada")
        waits.append(trio.current_time() - begun_at)
    free = int(FORGIVEN) + 1
    assert waits[:free] == [0.0] * free
    assert waits[free : free + 5] == [pytest.approx(each) for each in (0.2, 0.4, 0.8, 1.6, 3.2)]
    assert waits[free + 5 :] == [pytest.approx(MAX_REST)] * (len(waits) - free - 5)


async def test_who_comes_back_from_harm_has_waited_already(autojump_clock: MockClock) -> None:
    hall = Hall()
    await hall.hello("ada")
    hall.harm("ada", 20)
    await trio.sleep(MAX_REST - 1)
    await hall.hello("ada")
    first, second = hall.times("ada")
    assert second - first == pytest.approx(MAX_REST + hall.takes)


async def test_others_do_not_wait_for_who_rests(autojump_clock: MockClock) -> None:
    hall = Hall(at_once=1)
    hall.harm("ada", 20)
    await hall.hello("ada")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(hall.hello, "ada")
        await wait_all_tasks_blocked()
        begun_at = trio.current_time()
        await hall.hello("ben")
        assert trio.current_time() - begun_at == pytest.approx(hall.takes)
    assert hall.times("ada")[-1] >= MAX_REST


async def test_a_phone_that_is_cut_off_as_slow_every_ten_seconds_never_waits(
    autojump_clock: MockClock,
) -> None:
    hall = Hall()
    for _ in range(30):
        begun_at = trio.current_time()
        await hall.hello("ada")
        assert trio.current_time() - begun_at == pytest.approx(hall.takes)
        await trio.sleep(FORGIVEN_EVERY)
        hall.reception.ended("ada", CloseCode.SLOW_CONSUMER)


async def test_harm_is_forgotten_a_hundred_seconds_after_the_last(
    autojump_clock: MockClock,
) -> None:
    hall = Hall(takes=0.0)
    hall.harm("ada", 100)
    assert await hall.gap("ada") == pytest.approx(MAX_REST)
    await trio.sleep(FORGIVEN_EVERY * MAX_HELD)
    assert await hall.gap("ada") == pytest.approx(REST)
    assert hall.reception.statistics()["blamed"] == 0


@pytest.mark.parametrize("code", [*CloseCode, None])
async def test_only_what_clients_do_wrong_is_held_against_them(code: CloseCode | None) -> None:
    hall = Hall()
    hall.reception.ended("ada", code)
    assert hall.reception.statistics()["blamed"] == (code in HARM)
    assert {each for each in HARM if each.is_announced} == {
        CloseCode.MALFORMED_FRAME,
        CloseCode.FRAME_TOO_LARGE,
        CloseCode.RATE_ABUSE,
    }


async def test_of_too_many_who_did_harm_the_longest_known_is_forgiven(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    monkeypatch.setattr(reception_of, "MAX_BLAMED", 2)
    hall = Hall(takes=0.0)
    hall.harm("ada", 9)
    hall.harm("ben", 9)
    hall.harm("ada", 1)
    hall.harm("cyd", 9)
    assert hall.reception.statistics()["blamed"] == 2
    assert await hall.gap("ben") == pytest.approx(REST)
    assert await hall.gap("ada") == pytest.approx(MAX_REST)
