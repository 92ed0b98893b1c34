"""The mailbox: lanes, bounds, replacement, one reader."""

from typing import Any

import pytest
import trio
import trio.testing

from core.actor import Actor, ActorSpec
from core.envelope import Envelope, Lane
from core.errors import Overloaded, Rejected
from core.mailbox import Mailbox
from protocol.frames import Answer, Done


def a_mailbox(**bounds: int) -> Mailbox:
    return Mailbox(ActorSpec(kind="k", make=lambda key: Actor(), **bounds))


def drained(mailbox: Mailbox) -> list[Any]:
    return [envelope.message for envelope in mailbox.take_all()]


def test_lanes_are_taken_in_their_order_and_each_first_in_first_out() -> None:
    mailbox = a_mailbox()
    for lane in (Lane.EPHEMERAL, Lane.PERSONA, Lane.NORMAL, Lane.CONTROL):
        mailbox.put_nowait(Envelope(f"{lane.name} 1", lane=lane))
        mailbox.put_nowait(Envelope(f"{lane.name} 2", lane=lane))
    taken = []
    while (envelope := mailbox.get_nowait()) is not None:
        taken.append(envelope.message)
    assert taken == [
        f"{lane} {n}" for lane in ("CONTROL", "NORMAL", "PERSONA", "EPHEMERAL") for n in (1, 2)
    ]


def test_a_full_normal_lane_refuses_and_keeps_a_reserve_for_control() -> None:
    mailbox = a_mailbox(mailbox_limit=8, control_reserve=2)
    for n in range(6):
        mailbox.put_nowait(Envelope(n))
    with pytest.raises(Overloaded):
        mailbox.put_nowait(Envelope("too many"))
    mailbox.put_nowait(Envelope("c1", lane=Lane.CONTROL))
    mailbox.put_nowait(Envelope("c2", lane=Lane.CONTROL))
    with pytest.raises(Overloaded):
        mailbox.put_nowait(Envelope("c3", lane=Lane.CONTROL))
    assert mailbox.statistics()["overloaded"] == 2
    assert drained(mailbox) == ["c1", "c2", 0, 1, 2, 3, 4, 5]


def test_control_may_fill_the_whole_shared_bound() -> None:
    mailbox = a_mailbox(mailbox_limit=4, control_reserve=1)
    for n in range(4):
        mailbox.put_nowait(Envelope(n, lane=Lane.CONTROL))
    with pytest.raises(Overloaded):
        mailbox.put_nowait(Envelope("normal"))


@pytest.mark.parametrize("lane", [Lane.PERSONA, Lane.EPHEMERAL])
def test_the_other_lanes_have_bounds_of_their_own(lane: Lane) -> None:
    mailbox = a_mailbox(persona_limit=2, ephemeral_limit=2)
    mailbox.put_nowait(Envelope(1, lane=lane))
    mailbox.put_nowait(Envelope(2, lane=lane))
    with pytest.raises(Overloaded):
        mailbox.put_nowait(Envelope(3, lane=lane))
    mailbox.put_nowait(Envelope("normal"))
    assert drained(mailbox) == ["normal", 1, 2]


def test_the_newest_ephemeral_envelope_of_a_key_wins_in_its_place() -> None:
    mailbox = a_mailbox(ephemeral_limit=2)
    for key, message in [("ada", 1), ("bob", 2), ("ada", 3)]:
        mailbox.put_nowait(Envelope(message, lane=Lane.EPHEMERAL, key=key))
    assert mailbox.statistics()["replaced"] == 1
    assert drained(mailbox) == [3, 2]


def test_who_asked_for_a_replaced_envelope_gets_the_newer_ones_answer() -> None:
    mailbox = a_mailbox()
    answers: list[Answer | Rejected] = []
    for n in range(3):
        mailbox.put_nowait(Envelope(n, lane=Lane.EPHEMERAL, key="ada", reply=answers.append))
    (envelope,) = mailbox.take_all()
    envelope.answer(Done())
    assert answers == [Done(), Done(), Done()]
    # Each carrier writes its own `ref` in its own answer.
    assert len({id(answer) for answer in answers}) == 3


def test_who_asked_for_a_replaced_envelope_has_as_long_as_before() -> None:
    mailbox = a_mailbox()
    for deadline in (10.0, 1.0):
        mailbox.put_nowait(
            Envelope(
                deadline,
                lane=Lane.EPHEMERAL,
                key="ada",
                reply=lambda answer: None,
                deadline=deadline,
            )
        )
    (envelope,) = mailbox.take_all()
    assert (envelope.message, envelope.deadline) == (1.0, 10.0)


def test_replaced_askers_are_bounded_too() -> None:
    mailbox = a_mailbox(ephemeral_limit=3)
    for n in range(3):
        mailbox.put_nowait(Envelope(n, lane=Lane.EPHEMERAL, key="ada", reply=lambda answer: None))
    with pytest.raises(Overloaded):
        mailbox.put_nowait(Envelope(3, lane=Lane.EPHEMERAL, key="ada", reply=lambda answer: None))
    assert drained(mailbox) == [2]


def test_control_only_leaves_the_others_where_they_are() -> None:
    mailbox = a_mailbox()
    mailbox.put_nowait(Envelope("normal"))
    assert mailbox.get_nowait(control_only=True) is None
    mailbox.put_nowait(Envelope("control", lane=Lane.CONTROL))
    first = mailbox.get_nowait(control_only=True)
    assert first is not None
    assert first.message == "control"
    assert drained(mailbox) == ["normal"]


async def test_a_waiting_reader_gets_what_comes() -> None:
    mailbox = a_mailbox()
    got: list[Any] = []

    async def read() -> None:
        envelope = await mailbox.get()
        assert envelope is not None
        got.append(envelope.message)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read)
        await trio.testing.wait_all_tasks_blocked()
        mailbox.put_nowait(Envelope("hello"))
    assert got == ["hello"]


async def test_a_reader_of_control_only_sleeps_through_the_rest() -> None:
    mailbox = a_mailbox()
    got: list[Any] = []

    async def read() -> None:
        envelope = await mailbox.get(control_only=True)
        assert envelope is not None
        got.append(envelope.message)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read)
        await trio.testing.wait_all_tasks_blocked()
        mailbox.put_nowait(Envelope("normal"))
        await trio.testing.wait_all_tasks_blocked()
        assert got == []
        mailbox.put_nowait(Envelope("control", lane=Lane.CONTROL))
    assert got == ["control"]


async def test_wake_returns_with_nothing() -> None:
    mailbox = a_mailbox()
    got: list[Any] = []

    async def read() -> None:
        got.append(await mailbox.get())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read)
        await trio.testing.wait_all_tasks_blocked()
        mailbox.wake()
    assert got == [None]


async def test_a_wake_before_the_wait_is_not_lost() -> None:
    mailbox = a_mailbox()
    mailbox.wake()
    with trio.fail_after(1):
        assert await mailbox.get() is None


async def test_a_cancelled_reader_has_taken_nothing() -> None:
    mailbox = a_mailbox()
    with trio.CancelScope() as scope:
        scope.cancel()
        await mailbox.get()
    mailbox.put_nowait(Envelope("kept"))
    assert drained(mailbox) == ["kept"]


async def test_a_busy_mailbox_lets_others_run() -> None:
    mailbox = a_mailbox()
    others = 0

    async def other() -> None:
        nonlocal others
        while True:
            others += 1
            await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(other)
        for n in range(320):
            mailbox.put_nowait(Envelope(n))
        for _ in range(320):
            await mailbox.get()
        nursery.cancel_scope.cancel()
    assert others >= 19


class Turns(trio.abc.Instrument):
    """Counts the turns of one task."""

    def __init__(self) -> None:
        self.task: trio.lowlevel.Task | None = None
        self.count = 0

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self.count += task is self.task


async def test_waiting_gives_the_others_their_turn_and_begins_a_new_burst() -> None:
    mailbox, turns = a_mailbox(), Turns()
    taken_in: list[int] = []

    async def read() -> None:
        turns.task = trio.lowlevel.current_task()
        while len(taken_in) < 33:
            await mailbox.get()
            taken_in.append(turns.count)

    trio.lowlevel.add_instrument(turns)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(read)
        for _ in range(7):
            # Not counted with what follows: each was waited for.
            await trio.testing.wait_all_tasks_blocked()
            mailbox.put_nowait(Envelope("single"))
        await trio.testing.wait_all_tasks_blocked()
        for n in range(26):
            mailbox.put_nowait(Envelope(n))
    trio.lowlevel.remove_instrument(turns)
    burst = taken_in[7:]
    assert [burst.count(turn) for turn in dict.fromkeys(burst)] == [15, 11]


async def test_a_mailbox_has_one_reader() -> None:
    mailbox = a_mailbox()
    with pytest.RaisesGroup(trio.BusyResourceError):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(mailbox.get)
            nursery.start_soon(mailbox.get)


def test_asks_can_be_taken_out_and_tells_stay() -> None:
    mailbox = a_mailbox()
    for lane in Lane:
        mailbox.put_nowait(Envelope(f"tell {lane}", lane=lane))
        mailbox.put_nowait(Envelope(f"ask {lane}", lane=lane, reply=lambda answer: None))
    assert [envelope.message for envelope in mailbox.take_asks()] == [f"ask {n}" for n in range(4)]
    assert drained(mailbox) == [f"tell {n}" for n in range(4)]
