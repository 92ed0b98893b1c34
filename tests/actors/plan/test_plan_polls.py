"""What a room is told of its polls: each beginning and each end once, with a card."""

from collections.abc import Sequence
from typing import Any

import pytest
import trio
import trio.testing
from actors_world import T0, FakeClient
from plan_world import PlanWorld, poll, stop, vote
from trio.testing import MockClock

from actors.plan.actor import POLLS
from actors.plan.polls import polls_in, said
from core.ports.durable_timers import TimerDue
from core.ports.plans import PlanChange, PlanStep, StoredPlan
from protocol.cards import PollCard, PollChoice
from protocol.frames import Done
from protocol.limits import MAX_CARDS
from protocol.plan import PlanOp
from storage.memory.durable_timers import Fault


def notices(client: FakeClient) -> list[dict[str, Any]]:
    """What the server itself has said in the room, as a client reads it."""
    messages = client.of_type("chat.message")
    return [one for one in messages if one["sender"]["kind"] == "system"]


async def settled() -> None:
    await trio.testing.wait_all_tasks_blocked()
    await trio.sleep(30)
    await trio.testing.wait_all_tasks_blocked()


async def test_a_room_sees_a_poll_begin_and_end(autojump_clock: MockClock) -> None:
    world = PlanWorld()
    async with world.running():
        await world.make_room(2)
        ada, ben = await world.people(1, 2)
        await world.apply(ada, stop("s"), *poll(deadline=T0 + 3_600_000))
        await settled()
        [begun] = notices(ada)
        assert begun["content"] == "User 1 asks: Where to?"
        [card] = begun["cards"]
        assert card == {
            "kind": "poll",
            "id": "p",
            "title": "Where to?",
            "expiresAt": T0 + 3_600_000,
            "version": 1,
            "isClosed": False,
            "options": [
                {"id": "rome", "title": "rome", "votes": 0},
                {"id": "oslo", "title": "oslo", "votes": 0},
            ],
        }
        await world.apply(ben, vote("oslo"))
        await settled()
        assert len(notices(ada)) == 1, "a vote is no news for the room"
        await trio.sleep(3_600)
        await settled()
        [_, ended] = notices(ada)
        assert ended["content"] == "The poll “Where to?” is closed: oslo has won."
        [card] = ended["cards"]
        assert (card["isClosed"], card["winner"], card["options"][1]["votes"]) == (True, "oslo", 1)


async def test_what_comes_again_is_said_once_and_what_is_gone_not_at_all(
    autojump_clock: MockClock,
) -> None:
    world = PlanWorld()
    async with world.running():
        await world.make_room(1)
        [ada] = await world.people(1)
        await world.apply(ada, *poll())
        await settled()
        again = TimerDue(name=f"{POLLS}1", due_at=T0)
        assert isinstance(await world.board(None, again), Done)
        assert len(notices(ada)) == 1
        await world.apply(ada, PlanOp(op="remove", id="p"), version=1)
        for version in (1, 2, 99):
            gone = TimerDue(name=f"{POLLS}{version}", due_at=T0)
            assert isinstance(await world.board(None, gone), Done)
        assert len(notices(ada)) == 1


async def test_a_crash_between_the_change_and_the_message_loses_nothing(
    autojump_clock: MockClock,
) -> None:
    world = PlanWorld()
    async with world.running():
        await world.make_room(1)
        [ada] = await world.people(1)
        world.faults.next.append(("commit", Fault.LOST_AFTER))
        await world.apply(ada, *poll())
        await settled()
        assert [one["content"] for one in notices(ada)] == ["User 1 asks: Where to?"]


async def test_telling_the_room_of_a_poll_never_puts_an_older_board_in_the_place_of_a_newer(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = PlanWorld()
    plans, is_asked, is_storing, is_read = world.plans, *(trio.Event() for _ in range(3))
    may_tell, may_go_on = trio.Event(), trio.Event()
    changes, commit, load = plans.changes, plans.commit, plans.load

    async def slow_changes(*which: Any, after: int, limit: int) -> Sequence[PlanChange]:
        if limit == 1:
            is_asked.set()
            await may_tell.wait()
        return await changes(*which, after=after, limit=limit)

    async def slow_commit(step: PlanStep) -> None:
        if step.change.version == 2:
            is_storing.set()
            with trio.move_on_after(1):
                await is_read.wait()
        await commit(step)

    async def slow_load(*which: Any) -> StoredPlan | None:
        stored = await load(*which)
        if is_storing.is_set():
            is_read.set()
            await may_go_on.wait()
        return stored

    for name, slow in (("changes", slow_changes), ("commit", slow_commit), ("load", slow_load)):
        monkeypatch.setattr(plans, name, slow)
    async with world.running(), trio.open_nursery() as nursery:
        await world.make_room(2)
        ada, ben = await world.people(1, 2)
        await world.apply(ada, *poll())
        await is_asked.wait()
        nursery.start_soon(world.apply, ben, vote("oslo"))
        await is_storing.wait()
        may_tell.set()
        await trio.sleep(2)
        may_go_on.set()
        await trio.sleep(2)
        assert [event["version"] for event in ada.of_type("plan.changed")] == [1, 2]
        assert (await world.opened(ada)).version == 2
        assert (await world.apply(ada, stop("s"), version=2)).version == 3
        assert len(notices(ada)) == 1


def test_one_call_is_one_message_however_many_polls_it_has() -> None:
    ops = [PlanOp(op="add", id=f"p{n}", kind="poll", fields={"title": "?"}) for n in range(99)]
    assert polls_in(ops) == [f"p{n}" for n in range(MAX_CARDS)]
    assert polls_in([stop("a"), PlanOp(op="vote", id="p"), PlanOp(op="close", id="p")]) == ["p"]


def test_what_is_said_fits_what_became_of_it() -> None:
    def card(**fields: Any) -> PollCard:
        choices = [PollChoice(id="a", title="Rome", votes=2)]
        whole = {"kind": "poll", "id": "p", "title": "Where?", "version": 1, "options": choices}
        return PollCard(**whole | fields)

    def text(cards: Sequence[PollCard], locale: str = "en") -> str:
        return said(cards, "Ada", locale)

    assert text([card(is_closed=False)]) == "Ada asks: Where?"
    assert text([card(is_closed=True)]) == "The poll “Where?” is closed, and nothing has won."
    assert "Rome" in text([card(is_closed=True, winner="a")])
    several = [card(is_closed=False), card(is_closed=True)]
    assert text(several) == "Polls that have begun or ended: 2"
    assert text(several, "de") != text(several)
