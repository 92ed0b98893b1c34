"""Asks: answers, deadlines that travel, call cycles."""

import random
from typing import Any, cast

import pytest
import trio
import trio.testing
from core_stage import Player, a_stage, wait_for

from core.actor import Actor, ActorSpec
from core.clock import SystemClock
from core.envelope import Envelope
from core.errors import CallCycleError, Rejected, Unavailable
from core.forwarding import forward
from core.ids import ProcessIds
from core.ports.fanout import Client
from core.system import ActorSystem
from protocol.addresses import Address
from protocol.frames import Done


async def test_an_ask_gets_its_answer(autojump_clock: trio.testing.MockClock) -> None:
    async with a_stage() as stage:
        assert await stage.ref().ask("hello") == Done()
        assert stage.words() == ["started", "hello"]


async def test_a_refusal_is_raised_where_it_was_asked_and_crashes_nobody(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def refuse(player: Player, envelope: Any) -> None:
        raise Rejected("forbidden", "No.")

    async with a_stage() as stage:
        with pytest.raises(Rejected) as caught:
            await stage.ref().ask(refuse)
        assert caught.value.code == "forbidden"
        stage.ref().tell_nowait(refuse)
        await stage.ref().ask("still here")
        assert stage.count("crashes") == 0
        assert stage.words() == ["started", "still here"]


async def test_an_ask_ends_at_its_timeout_and_the_late_answer_is_dropped(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with a_stage() as stage:
        began = trio.current_time()
        with pytest.raises(Unavailable):
            await stage.ref().ask(wait_for(3), timeout=1)
        assert trio.current_time() - began == pytest.approx(1)
        await stage.ref().ask("after")
        assert stage.count("dead_late_answer") == 1


async def test_an_ask_carries_the_earliest_of_all_deadlines(
    autojump_clock: trio.testing.MockClock,
) -> None:
    deadlines: list[float] = []

    async def note(player: Player, envelope: Any) -> None:
        deadlines.append(envelope.deadline - trio.current_time())

    async def pass_on(player: Player, envelope: Any) -> None:
        await player.context.ref_to(stage.ref("b").address).ask(note)

    async with a_stage() as stage:
        await stage.ref().ask(note, timeout=3)
        with trio.fail_after(2):
            await stage.ref().ask(note, timeout=3)
        await stage.ref().ask(pass_on, timeout=1)
    assert deadlines == pytest.approx([3, 2, 1])


async def test_the_callers_own_cancellation_stays_its_own(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with a_stage() as stage:
        with trio.move_on_after(1) as scope:
            await stage.ref().ask(wait_for(3))
        assert scope.cancelled_caught


async def test_an_envelope_whose_time_is_up_is_not_handled(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with a_stage() as stage:
        answers: list[Any] = []
        stage.ref().tell_nowait(wait_for(5))
        stage.ref().deliver_nowait(
            Envelope("too late", reply=answers.append, deadline=trio.current_time() + 1)
        )
        await stage.ref().ask("after")
        assert stage.words() == ["started", "after"]
        assert [answer.code for answer in answers] == ["unavailable"]
        assert stage.count("dead_expired") == 1


async def test_a_call_cycle_fails_at_once_and_names_its_path(
    autojump_clock: trio.testing.MockClock,
) -> None:
    caught: list[CallCycleError] = []

    async def ask_a_again(player: Player, envelope: Any) -> None:
        try:
            await stage.ref("a").ask("never")
        except CallCycleError as error:
            caught.append(error)

    async def ask_b(player: Player, envelope: Any) -> None:
        await stage.ref("b").ask(ask_a_again)

    async with a_stage() as stage:
        began = trio.current_time()
        await stage.ref("a").ask(ask_b)
        assert trio.current_time() == began
    assert caught[0].path == ("player/a", "player/b", "player/a")


async def test_who_starts_for_an_ask_cannot_ask_who_waits_for_that(
    autojump_clock: trio.testing.MockClock,
) -> None:
    caught: list[CallCycleError] = []

    async def ask_a(player: Player) -> None:
        if player.key == "b":
            with pytest.raises(CallCycleError) as error:
                await stage.ref("a").ask("never")
            caught.append(error.value)
            await stage.ref("c").ask("c is free")

    async def ask_b(player: Player, envelope: Any) -> None:
        await stage.ref("b").ask("hello")

    async with a_stage() as stage:
        stage.on_start = ask_a
        began = trio.current_time()
        await stage.ref("a").ask(ask_b)
        assert trio.current_time() == began
    assert caught[0].path == ("player/a", "player/b", "player/a")


async def test_of_two_who_ask_each_other_the_second_is_told_at_once(
    autojump_clock: trio.testing.MockClock,
) -> None:
    caught: list[CallCycleError] = []

    async def ask_b(player: Player, envelope: Any) -> None:
        await stage.ref("b").ask("hello")

    async def ask_a_later(player: Player, envelope: Any) -> None:
        await trio.sleep(1)
        with pytest.raises(CallCycleError) as error:
            await stage.ref("a").ask("never")
        caught.append(error.value)

    async with a_stage() as stage:
        began = trio.current_time()
        stage.ref("b").tell_nowait(ask_a_later)
        await stage.ref("a").ask(ask_b)
        assert trio.current_time() == began + 1
    assert caught[0].path == ("player/a", "player/b", "player/a")


async def test_of_three_who_ask_in_a_circle_the_last_is_told_at_once(
    autojump_clock: trio.testing.MockClock,
) -> None:
    caught: list[CallCycleError] = []

    def asks(key: str, after: float) -> Any:
        async def ask(player: Player, envelope: Any) -> None:
            await trio.sleep(after)
            try:
                await stage.ref(key).ask("hello")
            except CallCycleError as error:
                caught.append(error)

        return ask

    async with a_stage() as stage:
        for key, callee, after in (("a", "b", 1), ("b", "c", 2), ("c", "a", 3)):
            stage.ref(key).tell_nowait(asks(callee, after))
        await trio.sleep(5)
        # All others have had their answers.
        assert [stage.words(key)[1:] for key in "abc"] == [[], ["hello"], ["hello"]]
        assert stage.count("asking") == 0
    assert [error.path for error in caught] == [("player/a", "player/b", "player/c", "player/a")]


async def test_who_waits_for_what_was_handed_on_waits_for_who_has_it_now(
    autojump_clock: trio.testing.MockClock,
) -> None:
    caught: list[CallCycleError] = []

    async def hand_on(player: Player, envelope: Any) -> object:
        forward(envelope, stage.ref("c"), "handed on")
        return "c answers"

    async def ask_b(player: Player, envelope: Any) -> None:
        await stage.ref("b").ask(hand_on)

    async def ask_a_later(player: Player, envelope: Any) -> None:
        await trio.sleep(1)
        with pytest.raises(CallCycleError) as error:
            await stage.ref("a").ask("never")
        caught.append(error.value)

    async with a_stage() as stage:
        stage.ref("c").tell_nowait(ask_a_later)
        await stage.ref("a").ask(ask_b)
        assert stage.words("c") == ["started", "handed on"]
    assert caught[0].path == ("player/a", "player/c", "player/a")


async def test_who_waits_for_what_needs_no_turn_can_be_asked_meanwhile(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def answer_soon(envelope: Any) -> None:
        await trio.sleep(2)
        envelope.answer(Done())

    async def work_in_a_child(player: Player, envelope: Any) -> object:
        player.context.start_soon(answer_soon, envelope)
        return "later"

    async def ask_b(player: Player, envelope: Any) -> None:
        await stage.ref("b").ask(work_in_a_child)

    async def ask_a(player: Player, envelope: Any) -> None:
        await stage.ref("a").ask("hello")

    async with a_stage() as stage, trio.open_nursery() as nursery:
        nursery.start_soon(stage.ref("a").ask, ask_b)
        await trio.sleep(1)
        await stage.ref("b").ask(ask_a)
        assert stage.words("a") == ["started", "hello"]


@pytest.mark.parametrize("end", ["its time is up", "it is cancelled"])
async def test_who_waits_no_more_can_be_asked_though_its_ask_is_queued(
    end: str, autojump_clock: trio.testing.MockClock
) -> None:
    async def ask_b_in_vain(player: Player, envelope: Any) -> None:
        if end == "its time is up":
            with pytest.raises(Unavailable):
                await stage.ref("b").ask("too late", timeout=0.5)
        else:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(stage.ref("b").ask, "nobody waits")
                await trio.sleep(0.5)
                nursery.cancel_scope.cancel()

    async def ask_a_later(player: Player, envelope: Any) -> None:
        await trio.sleep(1)
        await stage.ref("a").ask("hello")

    async with a_stage() as stage:
        stage.ref("b").tell_nowait(ask_a_later)
        await stage.ref("a").ask(ask_b_in_vain)
        await trio.sleep(2)
        assert stage.words("a") == ["started", "hello"]
        assert stage.count("crashes") == 0


async def test_who_gave_up_can_be_asked_by_who_still_deals_with_its_ask(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def ask_c_then_a(player: Player, envelope: Any) -> None:
        await stage.ref("c").ask(ask_a_later)
        await stage.ref("a").ask("from b")

    async def ask_a_later(player: Player, envelope: Any) -> None:
        await trio.sleep(2)
        await stage.ref("a").ask("from c")

    async def give_up(player: Player, envelope: Any) -> None:
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(stage.ref("b").ask, ask_c_then_a)
                await trio.sleep(1)
                scope.cancel()

    async with a_stage() as stage:
        await stage.ref("a").ask(give_up)
        await trio.sleep(5)
        assert stage.words("a") == ["started", "from c", "from b"]
        assert stage.count("crashes") == 0


async def test_who_answers_too_late_and_asks_its_asker_is_told_that_time_is_up(
    autojump_clock: trio.testing.MockClock,
) -> None:
    caught: list[BaseException] = []

    async def ask_a_too_late(player: Player, envelope: Any) -> None:
        await trio.sleep(1)
        with pytest.raises((Unavailable, CallCycleError)) as error:
            await stage.ref("a").ask("never")
        caught.append(error.value)

    async def ask_b(player: Player, envelope: Any) -> None:
        with pytest.raises(Unavailable):
            await stage.ref("b").ask(ask_a_too_late, timeout=1)

    async with a_stage() as stage:
        await stage.ref("a").ask(ask_b)
        await trio.sleep(1)
    assert [type(error) for error in caught] == [Unavailable]


async def test_who_was_answered_can_be_asked_before_it_goes_on(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def answer_and_ask_back(player: Player, envelope: Any) -> None:
        envelope.answer(Done())
        await stage.ref("a").ask("thanks")

    async def ask_b(player: Player, envelope: Any) -> None:
        await stage.ref("b").ask(answer_and_ask_back)

    async with a_stage() as stage:
        await stage.ref("a").ask(ask_b)
        await trio.sleep(1)
        assert stage.words("a") == ["started", "thanks"]
        assert stage.count("crashes") == 0


async def test_who_is_cancelled_can_be_asked_before_it_goes_on(
    autojump_clock: trio.testing.MockClock,
) -> None:
    scope = trio.CancelScope()

    async def cancel_and_ask(player: Player, envelope: Any) -> None:
        scope.cancel()
        await stage.ref("a").ask("waits no more")

    async def ask_b(player: Player, envelope: Any) -> None:
        with scope:
            await stage.ref("b").ask(cancel_and_ask)

    async with a_stage() as stage:
        await stage.ref("a").ask(ask_b)
        await trio.sleep(1)
        assert stage.words("a") == ["started", "waits no more"]
        assert stage.count("crashes") == 0


@pytest.mark.parametrize("end", ["it gave up", "it was answered"])
async def test_what_a_child_task_asks_holds_nobody_up_who_waits_for_it_no_more(
    end: str, autojump_clock: trio.testing.MockClock
) -> None:
    async def ask_a_later(player: Player, envelope: Any) -> None:
        await trio.sleep(2)
        await stage.ref("a").ask("hello")

    async def work(envelope: Any) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stage.ref("c").ask, ask_a_later)
            if end == "it was answered":
                await trio.sleep(1)
                envelope.answer(Done())

    async def work_in_a_child(player: Player, envelope: Any) -> object:
        player.context.start_soon(work, envelope)
        return "later"

    async def ask_b(player: Player, envelope: Any) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stage.ref("b").ask, work_in_a_child)
            if end == "it gave up":
                await trio.sleep(1)
                nursery.cancel_scope.cancel()

    async with a_stage() as stage:
        await stage.ref("a").ask(ask_b)
        await trio.sleep(5)
        assert stage.words("a") == ["started", "hello"]
        assert stage.count("crashes") == 0


async def test_an_envelope_is_handed_on_to_who_waits_for_its_answer_no_more(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def hand_back_later(player: Player, envelope: Any) -> object:
        await trio.sleep(2)
        forward(envelope, stage.ref("a"), "came back")
        return "a answers"

    async def give_up(player: Player, envelope: Any) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stage.ref("b").ask, hand_back_later)
            await trio.sleep(1)
            nursery.cancel_scope.cancel()

    async with a_stage() as stage:
        await stage.ref("a").ask(give_up)
        await trio.sleep(5)
        assert stage.words("a") == ["started", "came back"]
        assert stage.count("crashes") == 0


async def test_an_envelope_is_not_handed_on_to_who_waits_for_its_asker(
    autojump_clock: trio.testing.MockClock,
) -> None:
    caught: list[CallCycleError] = []

    async def hand_on(player: Player, envelope: Any) -> None:
        await trio.sleep(1)
        with pytest.raises(CallCycleError) as error:
            forward(envelope, stage.ref("c"), "never")
        caught.append(error.value)

    async def ask_b(player: Player, envelope: Any) -> None:
        await stage.ref("b").ask(hand_on)

    async def ask_a(player: Player, envelope: Any) -> None:
        await stage.ref("a").ask("hello")

    async with a_stage() as stage:
        stage.ref("a").tell_nowait(ask_b)
        stage.ref("c").tell_nowait(ask_a)
        await trio.sleep(2)
        assert stage.words("a") == ["started", "hello"]
    assert caught[0].path == ("player/c", "player/a", "player/c")


async def test_what_is_handed_on_keeps_whose_it_is_and_how_long_who_waits(
    autojump_clock: trio.testing.MockClock,
) -> None:
    taken: list[Envelope[Any]] = []
    replies: list[Any] = []

    async def note(player: Player, envelope: Any) -> None:
        taken.append(envelope)
        replies.append(envelope.reply)

    async def hand_on(player: Player, envelope: Any) -> object:
        await note(player, envelope)
        forward(envelope, stage.ref("c"), note)
        return "c answers"

    client = cast(Client, object())

    async def ask_b(player: Player, envelope: Any) -> None:
        await stage.ref("b").ask(hand_on, client=client, timeout=3)

    async with a_stage() as stage:
        await stage.ref("a").ask(ask_b)
    first, handed_on = taken
    assert handed_on.client is first.client is client
    assert handed_on.deadline == first.deadline == pytest.approx(3, abs=0.01)
    assert replies[0] is replies[1]
    assert replies[0].waiter == stage.ref("a").address


async def test_an_envelope_is_not_handed_on_to_who_waits_for_its_answer(
    autojump_clock: trio.testing.MockClock,
) -> None:
    caught: list[CallCycleError] = []

    async def hand_back(player: Player, envelope: Any) -> None:
        with pytest.raises(CallCycleError) as error:
            forward(envelope, stage.ref("a"), "never")
        caught.append(error.value)

    async def ask_b(player: Player, envelope: Any) -> None:
        await stage.ref("b").ask(hand_back)

    async def hand_on(player: Player, envelope: Any) -> object:
        forward(envelope, stage.ref("b"), "handed on")
        return "b answers"

    async with a_stage() as stage:
        began = trio.current_time()
        assert await stage.ref("a").ask(ask_b) == Done()
        assert await stage.ref("a").ask(hand_on) == Done()
        assert trio.current_time() == began
        assert stage.words("b") == ["started", "handed on"]
    assert caught[0].path == ("player/a", "player/a")


async def test_a_child_task_inherits_who_waits_but_keeps_its_own_actor_free(
    autojump_clock: trio.testing.MockClock,
) -> None:
    outcomes: list[str] = []

    async def ask(key: str, message: Any) -> None:
        try:
            await stage.ref(key).ask(message)
            outcomes.append(f"{key} answered")
        except CallCycleError:
            outcomes.append(f"{key} waits for us")

    async def ask_back(player: Player, envelope: Any) -> None:
        await stage.ref("b").ask("b is free meanwhile")

    async def work(envelope: Any) -> None:
        await ask("a", "never")
        await ask("c", ask_back)
        envelope.answer(Done())
        await ask("a", "waits no more")

    async def work_in_a_child(player: Player, envelope: Any) -> object:
        player.context.start_soon(work, envelope)
        return "later"

    async def ask_b(player: Player, envelope: Any) -> None:
        await stage.ref("b").ask(work_in_a_child)

    async with a_stage() as stage:
        await stage.ref("a").ask(ask_b)
        await trio.sleep(1)
    assert outcomes == ["a waits for us", "c answered", "a answered"]


async def test_what_a_child_task_starts_is_not_for_whom_its_actor_deals_with_meanwhile(
    autojump_clock: trio.testing.MockClock,
) -> None:
    outcomes: list[object] = []

    async def grandchild() -> None:
        try:
            outcomes.append(await stage.ref("x").ask("from a grandchild"))
        except CallCycleError as error:
            outcomes.append(error)

    async def work(player: Player, envelope: Any) -> None:
        await trio.sleep(1)
        player.context.start_soon(grandchild)
        await trio.sleep(5)
        envelope.answer(Done())

    async def work_in_a_child(player: Player, envelope: Any) -> object:
        player.context.start_soon(work, player, envelope)
        return "later"

    async def ask_b(player: Player, envelope: Any) -> None:
        await stage.ref("b").ask(wait_for(2))

    async with a_stage() as stage, trio.open_nursery() as nursery:
        nursery.start_soon(stage.ref("b").ask, work_in_a_child)
        nursery.start_soon(stage.ref("x").ask, ask_b)
        await trio.sleep(10)
    assert outcomes == [Done()]


async def test_an_actor_owes_an_answer_until_it_gives_it(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def keep(player: Player, envelope: Any) -> object:
        player.kept.append(envelope)
        return "later"

    async def settle(player: Player, envelope: Any) -> None:
        player.kept.pop().answer(Done())

    async def ask() -> None:
        answers.append((await stage.ref().ask(keep), trio.current_time()))

    answers: list[tuple[object, float]] = []
    async with a_stage() as stage, trio.open_nursery() as nursery:
        began = trio.current_time()
        nursery.start_soon(ask)
        await trio.sleep(1)
        await stage.ref().ask(settle)
    assert answers == [(Done(), began + 1)]


async def test_an_ask_after_its_deadline_is_not_sent(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with a_stage() as stage:
        with pytest.raises(Unavailable):
            await stage.ref().ask("never", timeout=0)
        assert stage.words() == []


async def test_what_an_actor_owes_is_bounded(autojump_clock: trio.testing.MockClock) -> None:
    async def forget(player: Player, envelope: Any) -> object:
        return "and never answer"

    answers: list[Any] = []
    async with a_stage(mailbox_limit=100, control_reserve=0) as stage:
        for _ in range(1_000):
            stage.ref().deliver_nowait(Envelope(forget, reply=answers.append))
            await trio.sleep(0.001)
        assert 500 < len(answers) < 1_000
    assert [answer.code for answer in answers] == ["unavailable"] * 1_000


async def test_nothing_is_accepted_before_the_system_runs() -> None:
    chance = random.Random(1)
    system = ActorSystem(chance=chance, ids=ProcessIds(SystemClock(), chance))
    system.register(ActorSpec(kind="k", make=lambda key: Actor()))
    with pytest.raises(Unavailable):
        system.ref(Address("k", "a")).tell_nowait("early")
    await system.drain()
