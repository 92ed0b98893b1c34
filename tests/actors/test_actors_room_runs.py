"""Answers under way: who sees what of them, when, and what is left of them when something goes wrong."""

from collections.abc import Iterator
from typing import Any

import pytest
import trio
from actors_world import EPOCH, ROOM_ID, T0, TENANT, FakeClient, World, key, user_id
from hypothesis import given
from hypothesis import strategies as st
from test_actors_room_personas import (
    a_persona_each,
    persona_id,
    takes_in,
    takes_out,
    two_in_a_room,
)
from trio.testing import MockClock

from actors.room import closing
from actors.room.decisions import Decision, Given, KnowKey
from actors.room.memory import Memory, Stored
from actors.room.open_runs import MAX_CLOSED, OpenRuns
from actors.room.state import RoomState
from core.envelope import Envelope, Lane
from core.errors import Overloaded, Rejected
from core.ports.fanout import FrameLane
from core.ports.personas import Run
from protocol.chat import AiOrigin, MessagePosted, PostMessage
from protocol.codec import decode_event
from protocol.limits import MAX_CARDS, MAX_CONTENT_BYTES
from protocol.persona import CloseRun, OpenRun, RunClosed, StreamRun
from protocol.room import ROOM, JoinRoom, LeaveRoom, Settings
from protocol.session import Position
from storage.memory.message_log import Fault, FaultPlan

MONA, LUCA = persona_id(11), persona_id(21)
ORIGIN = AiOrigin(model="m", version="1", persona_id=MONA, tier="generated")
CARD = {"kind": "place", "id": "p", "title": "Faro", "own": 1}


def run_id(number: int) -> str:
    return f"0190d000-0000-7000-8000-{number:012x}"


def message_id(number: int, at: int = T0) -> str:
    return key(0xE000 + number, at)


def opens(number: int, persona: str = MONA) -> OpenRun:
    return OpenRun(
        run_id=run_id(number),
        persona_id=persona,
        message_id=message_id(number),
        reply_to=message_id(99),
        asker_id=user_id(1),
    )


def streams(number: int, offset: int, text: str) -> StreamRun:
    return StreamRun(run_id=run_id(number), offset=offset, text=text, ai=ORIGIN)


def closes(number: int, content: str = "", reason: str = "done", **more: Any) -> CloseRun:
    return CloseRun(
        run_id=run_id(number),
        reason=reason,  # type: ignore[arg-type]
        content=content,
        **{"ai": ORIGIN, **more},
    )


async def ask(world: World, command: Any) -> Any:
    """As the personas ask their room."""
    return await world.system.ref(ROOM.at(ROOM_ID)).ask(command, timeout=120)


async def tell(world: World, *commands: Any) -> None:
    for command in commands:
        world.system.ref(ROOM.at(ROOM_ID)).tell_nowait(command)
    await trio.sleep(0.01)


async def with_mona(world: World) -> tuple[FakeClient, FakeClient]:
    ada, ben = await two_in_a_room(world)
    await world.ask(ada, takes_in(11))
    ada.seen.clear()
    ben.seen.clear()
    return ada, ben


def shown(client: FakeClient) -> list[Any]:
    """What a client saw of runs and messages, in short."""
    short = {
        "run.started": lambda e: ("started", e["runId"]),
        "chat.delta": lambda e: ("delta", e["offset"], e["text"]),
        "chat.message": lambda e: ("message", e["seq"], e["content"]),
        "run.ended": lambda e: ("ended", e["runId"], e["reason"], e.get("seq")),
        "room.changed": lambda e: (e["change"], e["seq"]),
    }
    return [short[e["type"]](e) for e in client.events if e["type"] in short]


def messages(world: World) -> list[MessagePosted]:
    events = [decode_event(row.body) for row in world.rows()]
    return [
        event
        for event in events
        if isinstance(event, MessagePosted) and event.sender.kind == "persona"
    ]


async def test_an_answer_grows_before_all_eyes_and_becomes_a_message(
    autojump_clock: MockClock,
) -> None:
    async with World().running() as world:
        ada, ben = await with_mona(world)
        await ask(world, opens(1))
        await tell(world, streams(1, 0, "Olá "), streams(1, 5, "Ada"))
        closed = await ask(world, closes(1, "Olá Ada", cards=[CARD]))
        assert closed == RunClosed(seq=5)
        assert shown(ada) == shown(ben)
        assert shown(ada) == [
            ("started", run_id(1)),
            ("delta", 0, "Olá "),
            ("delta", 5, "Ada"),
            ("message", 5, "Olá Ada"),
            ("ended", run_id(1), "done", 5),
        ]
        (message,) = ada.of_type("chat.message")
        assert message["messageId"] == message_id(1)
        assert message["sender"] == {"id": MONA, "kind": "persona", "name": "Persona 11"}
        assert (message["cards"], message["replyTo"]) == ([CARD], message_id(99))
        assert message["ai"] == {
            "model": "m",
            "version": "1",
            "personaId": MONA,
            "tier": "generated",
        }
        assert "clientId" not in message
        (started,) = ada.of_type("run.started")
        assert (started["personaId"], started["messageId"]) == (MONA, message_id(1))
        lanes = ("run.started", "chat.delta", "chat.message", "run.ended")
        assert [ada.lanes[kind] for kind in lanes] == [
            FrameLane.CONTROL,
            FrameLane.STREAM,
            FrameLane.DURABLE,
            FrameLane.CONTROL,
        ]


async def test_a_persona_that_is_not_there_does_not_speak(autojump_clock: MockClock) -> None:
    async with World().running() as world:
        ada, _ = await with_mona(world)
        with pytest.raises(Rejected, match="not_found"):
            await ask(world, opens(1, LUCA))
        await world.ask(ada, takes_out(11))
        with pytest.raises(Rejected, match="not_found"):
            await ask(world, opens(1))
        with pytest.raises(Rejected, match="not_found"):
            await ask(world, closes(1, "never begun"))
        await tell(world, streams(1, 0, "x"))
        assert ada.of_type("run.started") == ada.of_type("chat.delta") == []


async def test_two_speak_at_once_and_a_repeat_is_no_third(autojump_clock: MockClock) -> None:
    async with World().running() as world:
        ada, _ = await with_mona(world)
        for number in (1, 2, 1):
            await ask(world, opens(number))
        with pytest.raises(Overloaded):
            await ask(world, opens(3))
        assert [e["runId"] for e in ada.of_type("run.started")] == [run_id(1), run_id(2)]
        await ask(world, closes(1))
        await ask(world, opens(1))
        await ask(world, opens(3))
        assert len(ada.of_type("run.started")) == 3


async def test_a_message_id_that_no_message_can_have_is_refused(autojump_clock: MockClock) -> None:
    async with World().running() as world:
        await with_mona(world)
        odd = OpenRun(run_id="r", persona_id=MONA, message_id="m", reply_to="x", asker_id="y")
        with pytest.raises(Rejected, match="bad_request"):
            await ask(world, odd)


async def test_text_that_does_not_follow_is_dropped_and_counted(autojump_clock: MockClock) -> None:
    async with World().running() as world:
        ada, _ = await with_mona(world)
        await ask(world, opens(1))
        await tell(
            world,
            streams(1, 1, "too far"),
            streams(1, 0, "é"),
            streams(1, 1, "in the middle of a character"),
            streams(1, 0, "again"),
            streams(1, 2, ""),
            streams(1, 2, "\ud800"),
            streams(1, 2, "x" * MAX_CONTENT_BYTES),
            streams(2, 0, "another run"),
            streams(1, 2, "t"),
        )
        assert shown(ada)[1:] == [("delta", 0, "é"), ("delta", 2, "t")]
        assert world.traces.statistics()["deltas_dropped"] == 7


async def test_who_joins_during_a_run_gets_the_text_so_far_after_everything_else(
    autojump_clock: MockClock,
) -> None:
    async with World().running() as world:
        ada, _ = await with_mona(world)
        await ask(world, opens(1))
        early = world.client(2)
        await world.ask(early, JoinRoom(room_id=ROOM_ID))
        assert shown(early) == [("started", run_id(1))]
        await tell(world, streams(1, 0, "Olá "))
        late, resumed = world.client(2), world.client(2)
        answer = await world.ask(late, JoinRoom(room_id=ROOM_ID))
        after = Position(epoch=EPOCH, seq=1)
        await world.ask(resumed, JoinRoom(room_id=ROOM_ID, after=after))
        await tell(world, streams(1, 5, "Ada"))
        so_far = [("started", run_id(1)), ("delta", 0, "Olá "), ("delta", 5, "Ada")]
        assert late.seen[0] is answer
        assert shown(late) == so_far
        assert [one[0] for one in shown(resumed)[:2]] == ["joined", "persona"]
        assert shown(resumed)[3:] == so_far
        assert shown(ada) == so_far == shown(early)


async def test_who_catches_up_by_pages_gets_the_text_so_far_when_he_is_live(
    autojump_clock: MockClock,
) -> None:
    async with World().running() as world:
        ada, _ = await with_mona(world)
        for number in range(400):
            await world.ask(ada, PostMessage(room_id=ROOM_ID, content="x", client_id=key(number)))
        await ask(world, opens(1))
        await tell(world, streams(1, 0, "Olá "))
        late, gate = world.client(2), trio.Event()
        late.drained = gate.wait
        await world.ask(late, JoinRoom(room_id=ROOM_ID, after=Position(epoch=EPOCH, seq=3)))
        await tell(world, streams(1, 5, "Ada"))
        assert late.of_type("chat.delta") == []
        gate.set()
        await trio.sleep(1)
        await tell(world, streams(1, 8, "!"))
        assert shown(late)[-4:] == [
            ("message", 404, "x"),
            ("started", run_id(1)),
            ("delta", 0, "Olá Ada"),
            ("delta", 8, "!"),
        ]


async def test_a_repeated_close_is_one_message_and_one_end(autojump_clock: MockClock) -> None:
    plan = FaultPlan(takes=lambda _: 0.05)
    async with World(plan=plan).running() as world:
        ada, _ = await with_mona(world)
        await ask(world, opens(1))
        answers: list[Any] = []
        for content in ("said", "said", "other words", ""):
            envelope = Envelope(closes(1, content), reply=answers.append)
            world.system.ref(ROOM.at(ROOM_ID)).deliver_nowait(envelope)
        await trio.sleep(1)
        answers.append(await ask(world, closes(1, "said")))
        assert answers == [RunClosed(seq=5)] * 5
        assert [message.content for message in messages(world)] == ["said"]
        assert len(ada.of_type("run.ended")) == 1


async def test_what_was_said_last_and_got_lost_is_told_before_the_message(
    autojump_clock: MockClock,
) -> None:
    async with World().running() as world:
        ada, _ = await with_mona(world)
        await ask(world, opens(1))
        await tell(world, streams(1, 0, "One. "), streams(1, 99, "lost"))
        await ask(world, closes(1, "One. Two."))
        assert shown(ada)[1:4] == [
            ("delta", 0, "One. "),
            ("delta", 5, "Two."),
            ("message", 5, "One. Two."),
        ]


@pytest.mark.parametrize("reason", ["cancelled", "failed"])
async def test_a_run_that_is_cut_short_keeps_what_was_streamed(
    reason: str, autojump_clock: MockClock
) -> None:
    async with World().running() as world:
        ada, _ = await with_mona(world)
        await ask(world, opens(1))
        await tell(world, streams(1, 0, "One. "))
        assert (await ask(world, closes(1, reason=reason, ai=None))).seq == 5
        (message,) = messages(world)
        assert message.content == "One. "
        assert message.ai == AiOrigin(
            model="m", version="1", persona_id=MONA, tier="generated", partial=True
        )
        assert shown(ada)[-1] == ("ended", run_id(1), reason, 5)
        assert ("delta", 5, "") not in shown(ada)


async def test_nothing_streamed_is_no_message(autojump_clock: MockClock) -> None:
    async with World().running() as world:
        ada, _ = await with_mona(world)
        for number, reason in enumerate(("cancelled", "failed", "done"), 1):
            await ask(world, opens(number))
            assert (await ask(world, closes(number, reason=reason))).seq is None
            assert (await ask(world, closes(number, "late words"))).seq is None
            assert shown(ada)[-1] == ("ended", run_id(number), reason, None)
        assert messages(world) == []


async def test_every_answer_says_that_a_machine_wrote_it(autojump_clock: MockClock) -> None:
    """Also one of whose origin the room was never told."""
    async with World().running() as world:
        await with_mona(world)
        await ask(world, opens(1))
        await tell(world, StreamRun(run_id=run_id(1), offset=0, text="One."))
        await ask(world, closes(1, reason="failed", ai=None))
        (message,) = messages(world)
        assert message.ai is not None
        assert (message.ai.model, message.ai.persona_id) == ("unknown", MONA)


async def test_an_answer_that_is_too_long_is_refused_and_can_be_closed_otherwise(
    autojump_clock: MockClock,
) -> None:
    async with World().running() as world:
        await with_mona(world)
        await ask(world, opens(1))
        for close in (
            closes(1, "x" * (MAX_CONTENT_BYTES + 1)),
            closes(1, "x", cards=[CARD] * (MAX_CARDS + 1)),
        ):
            with pytest.raises(Rejected, match="too_large"):
                await ask(world, close)
        await tell(world, streams(1, 0, "short"))
        assert (await ask(world, closes(1, "short", cards=[CARD] * MAX_CARDS))).seq == 5


async def test_a_persona_that_is_taken_out_stops_and_keeps_what_it_said(
    autojump_clock: MockClock,
) -> None:
    async with World().running() as world:
        ada, _ = await with_mona(world)
        await ask(world, opens(1))
        await tell(world, streams(1, 0, "One. "))
        await world.ask(ada, takes_out(11))
        await tell(world, streams(1, 5, "Two."))
        assert (await ask(world, closes(1, "One. Two."))).seq == 6
        assert shown(ada)[2:] == [
            ("persona", 5),
            ("message", 6, "One. "),
            ("ended", run_id(1), "cancelled", 6),
        ]


async def test_a_persona_whose_owner_leaves_stops_with_the_others_unharmed(
    autojump_clock: MockClock,
) -> None:
    async with World().running() as world:
        ada, ben = await with_mona(world)
        await world.ask(ben, takes_in(21))
        await ask(world, opens(1))
        await ask(world, opens(2, LUCA))
        await world.ask(ben, LeaveRoom(room_id=ROOM_ID))
        await trio.sleep(0.1)
        assert [e["runId"] for e in ada.of_type("run.ended")] == [run_id(2)]
        await tell(world, streams(1, 0, "One."))
        assert (await ask(world, closes(1, "One."))).seq == 7


@pytest.mark.parametrize("fault", [Fault.LOST_BEFORE, Fault.LOST_AFTER, Fault.LATE])
async def test_after_a_lost_reply_an_answer_is_stored_once_and_ends_once(
    fault: Fault, autojump_clock: MockClock
) -> None:
    faults: list[Fault] = []
    plan = FaultPlan(flush=lambda _: faults.pop() if faults else Fault.NONE)
    async with World(plan=plan).running() as world:
        ada, _ = await with_mona(world)
        await ask(world, opens(1))
        await tell(world, streams(1, 0, "said"))
        faults.append(fault)
        assert (await ask(world, closes(1, "said"))).seq == 5
        assert (await ask(world, closes(1, "said"))).seq == 5
        assert [message.content for message in messages(world)] == ["said"]
        assert shown(ada)[1:] == [
            ("delta", 0, "said"),
            ("message", 5, "said"),
            ("ended", run_id(1), "done", 5),
        ]


async def test_an_answer_that_can_never_be_stored_ends_its_run(autojump_clock: MockClock) -> None:
    plan = FaultPlan(is_bad=lambda append: b"poison" in append.rows[0].body)
    async with World(plan=plan).running() as world:
        ada, _ = await with_mona(world)
        await ask(world, opens(1))
        await tell(world, streams(1, 0, "poison"))
        with pytest.raises(Rejected, match="bad_request"):
            await ask(world, closes(1, "poison"))
        assert shown(ada)[-1] == ("ended", run_id(1), "failed", None)
        assert (await ask(world, closes(1, reason="failed"))).seq is None


async def test_while_the_log_takes_no_more_a_run_stays_open(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with World().running() as world:
        ada, _ = await with_mona(world)
        await ask(world, opens(1))

        def full(*_: Any) -> None:
            raise Overloaded

        monkeypatch.setattr(world.log, "append_nowait", full)
        with pytest.raises(Overloaded):
            await ask(world, closes(1, "said"))
        monkeypatch.undo()
        await tell(world, streams(1, 0, "sa"))
        assert (await ask(world, closes(1, "said"))).seq == 5
        assert shown(ada)[1:3] == [("delta", 0, "sa"), ("delta", 2, "id")]


class _Breaking:
    """Breaks what is published next, of one type."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        self._publish = world.fanout.publish_nowait
        self.next: str | None = None
        monkeypatch.setattr(world.fanout, "publish_nowait", self)

    def __call__(self, topic: str, frame: bytes, lane: FrameLane = FrameLane.DURABLE) -> None:
        if self.next is not None and self.next.encode() in frame:
            self.next = None
            raise RuntimeError("a bug")
        self._publish(topic, frame, lane)


@pytest.mark.parametrize("moment", ["run.started", "chat.delta", "chat.message", "run.ended"])
async def test_a_crash_of_the_room_costs_an_answer_nothing(
    moment: str, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever stayed connected sees every byte once and one end, whenever it happened."""
    async with World().running() as world:
        ada, _ = await with_mona(world)
        breaking = _Breaking(world, monkeypatch)

        async def insist(command: Any) -> Any:
            while True:
                try:
                    return await ask(world, command)
                except Rejected as refusal:
                    if refusal.code != "internal":
                        raise
                    await trio.sleep(5)

        breaking.next = moment
        await insist(opens(1))
        await tell(world, streams(1, 0, "One. "))
        await trio.sleep(5)
        await tell(world, streams(1, 5, "Two."))
        assert (await insist(closes(1, "One. Two."))).seq == 5
        await trio.sleep(5)
        assert breaking.next is None
        assert world.system.statistics()["crashes"] == 1
        assert shown(ada) == [
            ("started", run_id(1)),
            ("delta", 0, "One. "),
            ("delta", 5, "Two."),
            ("message", 5, "One. Two."),
            ("ended", run_id(1), "done", 5),
        ]


async def test_last_words_that_a_crash_kept_back_are_told_before_the_message(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with World().running() as world:
        ada, _ = await with_mona(world)
        await ask(world, opens(1))
        await tell(world, streams(1, 0, "One. "))
        breaking = _Breaking(world, monkeypatch)
        breaking.next = "chat.delta"
        with pytest.raises(Rejected, match="internal"):
            await ask(world, closes(1, "One. Two."))
        await trio.sleep(5)
        assert (await ask(world, closes(1, "One. Two."))).seq == 5
        assert shown(ada)[1:] == [
            ("delta", 0, "One. "),
            ("delta", 5, "Two."),
            ("message", 5, "One. Two."),
            ("ended", run_id(1), "done", 5),
        ]


async def test_an_answer_that_became_durable_as_its_room_crashed_ends_when_it_is_back(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though the room no longer remembers it: it is so far back that it is looked up."""
    monkeypatch.setattr("actors.room.actor.MAX_RECALLED", 1)
    async with World().running() as world:
        ada, _ = await with_mona(world)
        await ask(world, opens(1))
        breaking = _Breaking(world, monkeypatch)
        breaking.next = "run.ended"
        assert (await ask(world, closes(1, "said"))).seq == 5
        world.send(ada, PostMessage(room_id=ROOM_ID, content="x", client_id=key(1)))
        await trio.sleep(5)
        assert [one for one in shown(ada) if one[0] == "ended"] == [("ended", run_id(1), "done", 5)]


async def test_what_is_not_remembered_is_looked_up_before_an_answer_is_stored(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("actors.room.actor.MAX_RECALLED", 1)
    async with World().running() as world:
        await with_mona(world)
        await trio.sleep(400)
        assert world.system.statistics()["active"] == 0
        await ask(world, opens(1))
        await tell(world, streams(1, 0, "said"))
        assert (await ask(world, closes(1, "said"))).seq == 5
        assert (await ask(world, closes(1, "said"))).seq == 5
        assert [message.content for message in messages(world)] == ["said"]


async def test_a_run_that_nothing_is_heard_of_is_closed(autojump_clock: MockClock) -> None:
    async with World().running() as world:
        ada, _ = await with_mona(world)
        await ask(world, opens(1))
        await trio.sleep(40)
        await tell(world, streams(1, 0, "One. "))
        await ask(world, opens(2))
        await trio.sleep(59)
        assert ada.of_type("run.ended") == []
        await trio.sleep(2)
        ends = [one for one in shown(ada) if one[0] in ("message", "ended")]
        assert sorted(ends, key=str) == [
            ("ended", run_id(1), "failed", 5),
            ("ended", run_id(2), "failed", None),
            ("message", 5, "One. "),
        ]
        await trio.sleep(400)
        assert world.system.statistics()["active"] == 0


async def test_a_room_that_stops_keeps_what_was_said(autojump_clock: MockClock) -> None:
    world = World()
    async with world.running():
        await with_mona(world)
        await ask(world, opens(1))
        await tell(world, streams(1, 0, "One. "))
        await world.system.drain(2.0)
        (message,) = messages(world)
        assert (message.content, message.ai and message.ai.partial) == ("One. ", True)


async def test_a_room_that_stops_waits_a_little_for_an_answer_to_end(
    autojump_clock: MockClock,
) -> None:
    world = World()
    async with world.running(), trio.open_nursery() as nursery:
        await with_mona(world)
        await ask(world, opens(1))
        nursery.start_soon(world.system.drain, 5.0)
        await trio.sleep(1)
        # From inside, as a persona that is still at it.
        envelope = Envelope(closes(1, "said"), lane=Lane.CONTROL)
        world.system.ref(ROOM.at(ROOM_ID)).deliver_nowait(envelope)
    assert [message.content for message in messages(world)] == ["said"]


def left_open(number: int) -> Run:
    return Run(
        id=run_id(number),
        room_id=ROOM_ID,
        persona_id=MONA,
        asker_id=user_id(1),
        message_id=message_id(number),
        reply_to=message_id(99),
        started_at=T0,
    )


async def test_what_a_killed_server_left_open_is_told_as_failed_for_half_an_hour(
    autojump_clock: MockClock,
) -> None:
    async with World().running() as world:
        ada, _ = await with_mona(world)
        await ask(world, opens(2))
        await ask(world, closes(2, "said"))
        for client in list(world.fanout.topics[f"room:{ROOM_ID}"]):
            world.fanout.unsubscribe(f"room:{ROOM_ID}", client)
        await trio.sleep(400)
        assert world.system.statistics()["active"] == 0
        for number in (1, 2, 3):
            await world.runs.begin(TENANT, left_open(number))
        back = world.client(1)
        after = Position(epoch=EPOCH, seq=4)
        await world.ask(back, JoinRoom(room_id=ROOM_ID, after=after))
        assert shown(back) == [
            ("message", 5, "said"),
            ("ended", run_id(1), "failed", None),
            ("ended", run_id(2), "done", 5),
            ("ended", run_id(3), "failed", None),
        ]
        run = await world.runs.get(TENANT, run_id(1))
        assert run is not None
        assert run.outcome == "failed"
        await ask(world, opens(3))
        await trio.sleep(1_000)
        late = world.client(2)
        await world.ask(late, JoinRoom(room_id=ROOM_ID))
        assert [one[:2] for one in shown(late)] == [("ended", run_id(1)), ("ended", run_id(2))]
        await trio.sleep(800)
        last = world.client(2)
        await world.ask(last, JoinRoom(room_id=ROOM_ID))
        assert shown(last) == []
        assert ada.of_type("run.ended") != []


async def test_what_one_server_found_open_and_never_told_the_next_one_tells(
    autojump_clock: MockClock,
) -> None:
    async with World().running() as world:
        await with_mona(world)
        await ask(world, opens(2))
        await ask(world, closes(2, "said"))
        for client in list(world.fanout.topics[f"room:{ROOM_ID}"]):
            world.fanout.unsubscribe(f"room:{ROOM_ID}", client)
        await trio.sleep(400)
        assert world.system.statistics()["active"] == 0
        now = world.clock.now_ms()
        for number, ago in ((1, 1_900), (2, 1_700), (3, 60)):
            await world.runs.begin(TENANT, left_open(number))
            await world.runs.fail_open(TENANT, ROOM_ID, at=now - ago * 1_000)
        back = world.client(1)
        await world.ask(back, JoinRoom(room_id=ROOM_ID))
        assert shown(back) == [
            ("ended", run_id(2), "done", 5),
            ("ended", run_id(3), "failed", None),
        ]
        await ask(world, opens(3))
        await ask(world, closes(3, reason="cancelled"))
        await trio.sleep(400)
        assert world.system.statistics()["active"] == 0
        late = world.client(2)
        await world.ask(late, JoinRoom(room_id=ROOM_ID))
        assert shown(late) == [("ended", run_id(2), "done", 5)]


async def test_a_room_that_never_had_a_persona_asks_for_no_runs(
    autojump_clock: MockClock,
) -> None:
    async with World().running() as world:
        await world.make_room(2)
        await a_persona_each(world)
        await world.runs.begin(TENANT, left_open(1))
        await world.ask(world.client(1), JoinRoom(room_id=ROOM_ID))
        run = await world.runs.get(TENANT, run_id(1))
        assert run is not None
        assert run.outcome == "open"


# The machine alone.


def room() -> RoomState:
    return RoomState(
        id=ROOM_ID,
        tenant_id=TENANT,
        kind="group",
        title="",
        settings=Settings(),
        history="all",
        epoch=EPOCH,
        created_at=T0,
        first=1,
        head=4,
        sent_at=T0,
    )


def test_only_the_newest_closed_runs_are_remembered() -> None:
    runs = OpenRuns()
    for number in range(MAX_CLOSED + 1):
        runs.open(opens(number), "Mona", 0.0)
        runs.close(run_id(number), number)
    assert not runs.was_closed(run_id(0))
    assert runs.seq_of(run_id(MAX_CLOSED)) == MAX_CLOSED
    assert len(runs) == 0


def test_an_end_without_a_message_that_is_not_through_lets_none_follow() -> None:
    runs, memory = OpenRuns(), Memory()
    runs.open(opens(1), "Mona", 0.0)
    given = Given(now=T0, new_id="")
    judged = closing.decide(room(), memory, runs, closes(1, reason="failed"), given)
    assert judged == Decision(answer=RunClosed(seq=None))
    run = runs.get(run_id(1))
    assert run is not None
    run.closing = "failed"
    assert closing.decide(room(), memory, runs, closes(1, "late words"), given) == judged


def test_a_message_that_may_have_been_forgotten_is_looked_up_first() -> None:
    runs, memory = OpenRuns(), Memory()
    memory.since = T0
    runs.open(opens(1), "Mona", 0.0)
    close = closes(1, "said")
    need = closing.decide(room(), memory, runs, close, Given(now=T0, new_id=""))
    assert need == KnowKey(MONA, message_id(1))
    judged = closing.decide(room(), memory, runs, close, Given(now=T0, new_id="", key_is_new=True))
    assert isinstance(judged, Decision)
    assert judged.event is not None
    memory.remember_key(MONA, message_id(1), Stored(3, message_id(1), T0))
    found = closing.decide(room(), memory, runs, close, Given(now=T0, new_id="", key_is_new=True))
    assert found == Decision(answer=RunClosed(seq=3))


def commands() -> st.SearchStrategy[Any]:
    numbers = st.integers(1, 3)
    texts = st.text(st.sampled_from("aé語🐪 "), max_size=4)
    return st.one_of(
        numbers.map(opens),
        st.tuples(numbers, st.sampled_from([0, 0, 0, 1, -1]), texts),
        st.tuples(numbers, texts, st.sampled_from(["done", "cancelled", "failed"]), st.booleans()),
    )


@given(st.lists(commands(), max_size=40))
def test_whatever_personas_say_text_is_whole_and_each_run_is_one_message_at_most(
    said: list[Any],
) -> None:
    """`st.tuples(number, skew, text)` streams at an offset that is right but for the skew; the other
    closes, with its own words or with what was streamed."""
    state, memory, runs = room(), Memory(), OpenRuns()
    heard: dict[str, str] = {}
    ended: dict[str, int | None] = {}
    for command in said:
        match command:
            case OpenRun():
                if command.run_id not in ended and (len(runs) < 2 or command.run_id in heard):
                    heard.setdefault(command.run_id, "")
                    runs.open(command, "Mona", 0.0)
                    assert runs.get(command.run_id) is not None
            case (int(), int(), str()):
                number, skew, text = command
                before = heard.get(run_id(number), "")
                stream = streams(number, len(before.encode()) + skew, text)
                run = runs.stream(stream, 1.0)
                is_open = run_id(number) in heard and run_id(number) not in ended
                assert (run is not None) == (is_open and skew == 0 and text != "")
                if run is not None:
                    heard[run_id(number)] = before + text
                    assert run.text.decode() == heard[run_id(number)]
            case number, text, reason:
                close = closes(number, text, reason)
                seq = _close(state, memory, runs, close, heard, ended)
                if run_id(number) in heard:
                    assert ended.setdefault(run_id(number), seq) == seq
    stored = [event.message_id for event in _stored(memory)]
    assert len(stored) == len(set(stored))


def _close(
    state: RoomState,
    memory: Memory,
    runs: OpenRuns,
    close: CloseRun,
    heard: dict[str, str],
    ended: dict[str, int | None],
) -> int | None:
    given = Given(now=T0, new_id="")
    if close.run_id not in heard:
        before = (state.copy(), memory.statistics(), len(runs))
        with pytest.raises(Rejected, match="not_found"):
            closing.decide(state, memory, runs, close, given)
        assert (state, memory.statistics(), len(runs)) == before
        return None
    judged = closing.decide(state, memory, runs, close, given)
    assert isinstance(judged, Decision)
    assert isinstance(judged.answer, RunClosed)
    if close.run_id in ended:
        assert (judged.events, judged.answer.seq) == ((), ended[close.run_id])
        return judged.answer.seq
    words = close.content or ("" if close.reason == "done" else heard[close.run_id])
    assert (judged.event is None) == (not words.strip())
    if isinstance(judged.event, MessagePosted):
        assert judged.event.content == words
        assert judged.event.ai is not None
        assert judged.event.ai.partial is (None if close.reason == "done" else True)
        state.apply(judged.event)
        memory.remember(judged.event)
    runs.close(close.run_id, judged.answer.seq)
    return judged.answer.seq


def _stored(memory: Memory) -> Iterator[MessagePosted]:
    return (state.blank for state in memory.newest(99))
