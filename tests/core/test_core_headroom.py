"""The allowance of what chat can do without: less while the loop is late, more while somebody is short of it."""

from collections import Counter
from itertools import count
from typing import Final

import pytest
import trio
import trio.lowlevel
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from actors.persona.tools import AT_ONCE
from core.headroom import (
    CALM,
    FIRST,
    FORGOTTEN_AFTER,
    GROWS_BY,
    IDLE_AFTER,
    LATE,
    LEAST,
    RESTS,
    SAVED_FOR,
    Allowance,
    Headroom,
    Work,
)

EVERY: Final = 0.25
TAKEN: Final = [work for work in Work if work is not Work.ANSWER]


class Served:
    """An allowance in virtual time, and a load of so much work per second that asks for it."""

    def __init__(self) -> None:
        self.now = 0.0
        self.allowance = Allowance(self.now)

    def demand(self, per_second: float, work: Work = Work.SEARCH, seconds: float = EVERY) -> float:
        """Evenly asked for; how much of it per second was had."""
        times = round(per_second * seconds / work.costs)
        had = 0
        for _ in range(times):
            self.now += seconds / times
            had += self.allowance.take(work, self.now)
        return had * work.costs / seconds

    def adjust(self, late: float) -> float:
        """The rate after it."""
        self.allowance.adjust(late, EVERY, self.now)
        return self.allowance.rate


def short_of(served: Served) -> None:
    """Somebody asks for more than there is."""
    while served.allowance.take(Work.SEARCH, served.now):
        pass


def test_while_the_loop_is_late_it_is_a_part_of_what_was_used_and_then_rests() -> None:
    served = Served()
    for _ in range(40):
        served.demand(0.9)
        served.adjust(CALM)
    served.demand(0.9)
    assert served.adjust(2 * LATE) == pytest.approx(max(LEAST, 0.9 / 2), abs=0.03)
    fallen = served.allowance.rate
    for _ in range(RESTS):
        served.demand(0.9)
        assert served.adjust(10 * LATE) == fallen


def test_the_later_the_loop_the_more_it_falls_by_half_at_most() -> None:
    rates = []
    for late in (1.1 * LATE, 1.3 * LATE, 2 * LATE, 50 * LATE):
        served = Served()
        served.allowance.rate = 3.0
        for _ in range(40):
            served.demand(2.0)
            served.adjust(CALM)
        served.demand(2.0)
        rates.append(served.adjust(late))
    assert rates == sorted(rates, reverse=True)
    assert rates[0] == pytest.approx(2.0 / 1.1, abs=0.1)
    assert rates[2] == rates[3] == pytest.approx(1.0, abs=0.1)


def test_it_never_falls_below_what_ten_answers_a_second_take() -> None:
    served = Served()
    for _ in range(100):
        served.adjust(1.0)
    assert served.allowance.rate == LEAST
    searches, answers = 5 * Work.SEARCH.costs, 10 * Work.ANSWER.costs
    others = 10 * Work.READING.costs + 15 * Work.WORDING.costs
    assert searches + answers + others < LEAST


def test_it_grows_only_while_the_loop_is_calm_and_somebody_was_short() -> None:
    served = Served()
    assert served.adjust(0.0) == FIRST
    short_of(served)
    assert served.adjust((CALM + LATE) / 2) == FIRST
    short_of(served)
    assert served.adjust(0.0) == pytest.approx(FIRST + GROWS_BY)
    assert served.adjust(0.0) == pytest.approx(FIRST + GROWS_BY)


def test_a_minute_after_the_loop_was_last_late_it_is_forgotten() -> None:
    served = Served()
    served.adjust(10 * LATE)
    assert served.allowance.rate == LEAST
    served.now += FORGOTTEN_AFTER
    assert not all(served.allowance.take(Work.SEARCH, served.now) for _ in range(30))
    served.now += 1.0
    assert all(served.allowance.take(Work.SEARCH, served.now) for _ in range(30))


def test_however_late_the_loop_a_run_may_search_six_places_at_once() -> None:
    served = Served()
    served.adjust(10 * LATE)
    served.now += SAVED_FOR
    assert all(served.allowance.take(Work.SEARCH, served.now) for _ in range(AT_ONCE))


def test_what_matters_less_is_withheld_first() -> None:
    """Twice as much is asked for as there is: of each kind less is had than of the one that matters more."""
    served, had = Served(), Counter[Work]()
    served.allowance.rate = 1.0
    asked = {Work.SEARCH: 8, Work.READING: 80, Work.WORDING: 80, Work.MOOD: 80}
    turns = [work for turn in range(80) for work in TAKEN if turn % (80 // asked[work]) == 0]
    for _ in range(20):
        for work in turns:
            served.now += 1 / len(turns)
            had[work] += served.allowance.take(work, served.now)
    shares = [had[work] / (20 * asked[work]) for work in TAKEN]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] > 0.95
    assert shares[-1] < 0.2


def test_what_is_done_in_any_case_leaves_less_for_others_and_is_owed_for_a_quarter_second() -> None:
    served = Served()
    for _ in range(1_000):
        served.allowance.spend(Work.ANSWER, served.now)
    served.now += SAVED_FOR
    assert not served.allowance.take(Work.READING, served.now)
    served.now += SAVED_FOR
    assert served.allowance.take(Work.WORDING, served.now)


@given(
    st.lists(st.tuples(st.sampled_from(TAKEN), st.floats(0.0, 0.2), st.booleans()), max_size=200)
)
def test_no_more_is_had_than_was_allowed(steps: list[tuple[Work, float, bool]]) -> None:
    now, had, allowed = 0.0, 0.0, FIRST * SAVED_FOR
    allowance = Allowance(now)
    for work, passes, is_late in steps:
        now += passes
        allowed += passes * allowance.rate
        had += work.costs * allowance.take(work, now)
        assert had <= allowed + 1e-9
        if passes:
            allowance.adjust(10 * LATE if is_late else 0.0, passes, now)


@pytest.mark.parametrize("room", [0.8, 1.2, 2.0])
def test_it_finds_out_what_the_machine_has_room_for(room: float) -> None:
    """A machine on which the loop is late as soon as more work than `room` is done, and three times as much is
    asked for: in the long run nearly all the room is used, and the loop is late for a small part of the time."""
    served, used, late = Served(), 0.0, 0
    rounds, settling = 4_000, 1_000
    for number in range(rounds):
        had = served.demand(3 * room)
        is_late = had > room
        served.adjust(4 * LATE if is_late else CALM / 2)
        if number >= settling:
            used, late = used + had, late + is_late
    assert 0.6 * room < used / (rounds - settling) <= room
    assert late / (rounds - settling) < 0.1


def test_while_it_does_not_run_nothing_is_withheld() -> None:
    headroom = Headroom()
    assert all(headroom.take(work) for _ in range(1_000) for work in TAKEN)


async def test_of_a_late_loop_little_is_had_and_it_is_counted(autojump_clock: MockClock) -> None:
    async def hold() -> None:
        while True:
            await trio.sleep(0.001)
            autojump_clock.jump(0.012)

    headroom = Headroom()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(headroom.run)
        nursery.start_soon(hold)
        await trio.lowlevel.checkpoint()
        for _ in range(200):
            headroom.take(Work.WORDING)
            await trio.sleep(0.01)
        numbers = headroom.statistics()
        nursery.cancel_scope.cancel()
    assert LEAST <= numbers["allowed"] < FIRST
    assert numbers["late"] > LATE
    assert numbers["withheld_wording"] > 0
    assert numbers["withheld_wording"] + numbers["given_wording"] == 200
    assert numbers["withheld_search"] == 0


async def test_of_a_loop_in_time_all_is_had_that_the_machine_has(autojump_clock: MockClock) -> None:
    headroom = Headroom()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(headroom.run)
        await trio.lowlevel.checkpoint()
        had = 0
        for _ in range(1_000):
            headroom.spend(Work.ANSWER)
            had += headroom.take(Work.WORDING)
            await trio.sleep(0.02)
        nursery.cancel_scope.cancel()
    assert had == 1_000


async def test_nobody_looks_at_the_loop_while_nobody_asks(autojump_clock: MockClock) -> None:
    looks = count()

    def clock() -> float:
        next(looks)
        return trio.current_time()

    headroom = Headroom(clock)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(headroom.run)
        await trio.sleep(60)
        assert next(looks) == 1
        headroom.take(Work.SEARCH)
        await trio.sleep((IDLE_AFTER + 2) * EVERY)
        looked = next(looks)
        assert looked > 500
        await trio.sleep(60)
        assert next(looks) == looked + 1
        nursery.cancel_scope.cancel()
