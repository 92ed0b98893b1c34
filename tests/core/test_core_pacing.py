"""How fast a crowd is let through."""

from itertools import pairwise

import pytest
import trio.testing

from core.pacing import LEAST_REST, SHARE, SHARE_OF_SILENT, DutyCycle, Pace

PACE = Pace(fastest=0.002, slowest=0.01, all_within=0.25)


@pytest.mark.parametrize(
    ("waiting", "every"),
    [(0, 0.01), (1, 0.01), (25, 0.01), (50, 0.005), (125, 0.002), (10_000, 0.002)],
)
def test_few_go_slowly_and_the_more_there_are_the_faster_they_go(
    waiting: int, every: float
) -> None:
    assert PACE.every(waiting) == pytest.approx(every)


async def begun_at(clock: trio.testing.MockClock, *, took: float) -> list[float]:
    """When each of four lots began, asked for together by two, of which each takes so long."""
    duty, begun = DutyCycle(), list[float]()

    def lot() -> None:
        begun.append(trio.current_time())
        clock.jump(took)

    async def asking() -> None:
        await duty.take(lot)
        await duty.take(lot)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(asking)
        nursery.start_soon(asking)
    return begun


@pytest.mark.parametrize(
    ("took", "every"), [(0.0, LEAST_REST), (0.0001, LEAST_REST + 0.0001), (0.002, 0.002 / SHARE)]
)
async def test_all_who_share_a_duty_cycle_take_no_more_than_its_share_together(
    autojump_clock: trio.testing.MockClock, took: float, every: float
) -> None:
    begun = await begun_at(autojump_clock, took=took)
    assert [later - earlier for earlier, later in pairwise(begun)] == [pytest.approx(every)] * 3


async def test_a_lot_of_those_who_are_silent_has_the_longer_rest(
    autojump_clock: trio.testing.MockClock,
) -> None:
    duty, begun = DutyCycle(), list[float]()

    def lot() -> None:
        begun.append(trio.current_time())
        autojump_clock.jump(0.002)

    for share in (SHARE_OF_SILENT, SHARE, SHARE):
        await duty.take(lot, share=share)
    gaps = [later - earlier for earlier, later in pairwise(begun)]
    assert gaps == pytest.approx([0.002 / SHARE_OF_SILENT, 0.002 / SHARE])
    assert SHARE_OF_SILENT < SHARE


async def test_who_begins_more_than_he_does_himself_has_the_rest_that_he_asks_for(
    autojump_clock: trio.testing.MockClock,
) -> None:
    duty, begun = DutyCycle(), list[float]()
    for rest in (0.01, 0.003, LEAST_REST):
        await duty.take(lambda: begun.append(trio.current_time()), rest=rest)
    assert [later - earlier for earlier, later in pairwise(begun)] == pytest.approx([0.01, 0.003])


async def test_a_lot_that_fails_has_its_rest_and_the_next_its_turn(
    autojump_clock: trio.testing.MockClock,
) -> None:
    duty, begun = DutyCycle(), list[float]()

    def failing() -> None:
        autojump_clock.jump(0.002)
        raise OSError("no descriptors")

    with pytest.raises(OSError, match="no descriptors"):
        await duty.take(failing)
    ended = trio.current_time()
    await duty.take(lambda: begun.append(trio.current_time()))
    assert begun == [pytest.approx(ended + 0.002 * (1 / SHARE - 1))]
