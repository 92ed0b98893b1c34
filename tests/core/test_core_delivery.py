"""A message that its actor cannot take is put aside, and nobody waits behind it. On virtual time."""

from typing import Any

import pytest
import trio
from timer_world import SLEEPER, World, running
from trio.testing import MockClock

from core.delivery import Delivery
from core.errors import Rejected, Resting, Unavailable
from core.ports.durable_timers import MAX_NAME_LENGTH, MAX_TIMERS_PER_ACTOR, TimerDue
from core.reference import Ref
from protocol.addresses import Address
from protocol.frames import Value

A = SLEEPER.at("a")


class Note(Value, frozen=True, kw_only=True):
    number: int


class Failing:
    """A reference whose actor does this at each ask."""

    def __init__(self, *outcomes: Rejected | None) -> None:
        self.outcomes = list(outcomes)
        self.asked: list[Any] = []

    def __call__(self, address: Address) -> Ref[Any]:
        return self  # type: ignore[return-value]

    async def ask(self, message: Any, *, timeout: float) -> None:
        self.asked.append((trio.current_time(), message))
        outcome = self.outcomes.pop(0)
        if outcome is not None:
            raise outcome


CRASH = Rejected("internal", "a bug")
RESTS = Resting()
FOR_GOOD = Rejected("not_found", "There is no such user.")


async def deliver(world: World, failing: Failing, node: Any, name: str = "note:1") -> None:
    await Delivery(failing, node.timers, world.clock).deliver(1, A, Note(number=7), name=name)


@pytest.mark.parametrize(
    ("outcomes", "aside"),
    [
        ([None], 0),
        ([CRASH, CRASH, None], 0),
        ([FOR_GOOD], 0),
        ([CRASH, FOR_GOOD], 0),
        ([CRASH, CRASH, CRASH], 1),
        ([CRASH, RESTS, None], 0),
        ([RESTS, RESTS, RESTS], 1),
    ],
)
async def test_a_message_is_tried_a_few_times_and_then_put_aside(
    autojump_clock: MockClock, outcomes: list[Rejected | None], aside: int
) -> None:
    world, failing = World(), Failing(*outcomes)
    async with running(world) as node:
        await deliver(world, failing, node)
        assert [message for _, message in failing.asked] == [Note(number=7)] * len(outcomes)
        assert world.rows() == aside
        await trio.sleep(1)
        assert [(one.name, one.payload) for one in world.woken] == [
            ("note:1", b"\x81\xa6number\x07")
        ] * aside


async def test_who_cannot_be_reached_is_the_couriers_to_come_again_to(
    autojump_clock: MockClock,
) -> None:
    world = World()
    async with running(world) as node:
        with pytest.raises(Unavailable):
            await deliver(world, Failing(CRASH, Unavailable()), node)
        assert world.rows() == 0


async def test_a_long_name_is_shortened_and_stays_one_name(autojump_clock: MockClock) -> None:
    world = World()

    async def never(actor: Any, due: TimerDue) -> None:
        raise Unavailable

    world.behave = never
    async with running(world) as node:
        for name in ("x" * 80 + "1", "x" * 80 + "2", "x" * 80 + "1"):
            await deliver(world, Failing(CRASH, CRASH, CRASH), node, name)
        names = {row.timer.name for row in world.table.rows.values()}
        assert [len(name) for name in names] == [MAX_NAME_LENGTH] * 2


async def test_nobody_waits_behind_an_actor_all_of_whose_timers_are_set(
    autojump_clock: MockClock,
) -> None:
    world = World()
    async with running(world) as node:
        await node.timers.apply(
            *(world.timer(f"{n}", at=10**9) for n in range(MAX_TIMERS_PER_ACTOR))
        )
        await deliver(world, Failing(CRASH, CRASH, CRASH), node)
        assert world.rows() == MAX_TIMERS_PER_ACTOR
