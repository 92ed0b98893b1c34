"""Who answers a command, and whose answers and refusals reach whom."""

from typing import Any

import msgpack
import pytest
import trio
from client_gateway_world import TEXT, UUID, World, hello, masked, upgrade_head

from core.envelope import Envelope
from core.errors import Overloaded, Rejected, Unavailable
from gateways.client.conformance import ECHO_POLICY
from gateways.client.policy import Policy
from gateways.client.turns import MAX_HELD
from protocol.addresses import Address
from protocol.booking import BOOKING, DESK, QuoteTrip
from protocol.chat import MessageAccepted, PostMessage
from protocol.consultation import CONSULTATION
from protocol.frames import Done
from protocol.room import AwaitTurn
from protocol.session import Hello

POST = {"type": "chat.message", "roomId": "r", "content": "hi", "clientId": UUID}


class Slow:
    """Actors that answer when the test says."""

    def __init__(self, world: World) -> None:
        self.envelopes: list[Envelope[Any]] = []
        self._act = world.act
        world.system.behaviour = self.take

    def take(self, address: Address, envelope: Envelope[Any]) -> None:
        if isinstance(envelope.message, Hello):
            self._act(address, envelope)
        else:
            self.envelopes.append(envelope)


async def test_a_quote_begins_in_its_place_and_nothing_waits_for_its_answer() -> None:
    world = World()
    quote = {"type": "booking.quote", "offerIds": ["o"], "adults": 2, "roomId": "r"}
    create = {
        "type": "booking.create",
        "quoteId": "q",
        "roomId": "r",
        "clientId": UUID,
        "participants": ["ada"],
        "travellers": [{"id": "1", "payerId": "ada", "type": "adult"}],
        "split": "equal",
    }
    async with world.running():
        client = await world.welcomed()
        actors = Slow(world)
        for ref, frame in enumerate([POST, quote, POST, create, POST], start=1):
            await client.send(**frame, ref=ref)
        taken: list[str] = []
        quotes: list[Envelope[Any]] = []
        for _ in range(4):
            await trio.testing.wait_all_tasks_blocked()
            for envelope in actors.envelopes[len(taken) :]:
                taken.append(type(envelope.message).__name__)
                if isinstance(envelope.message, QuoteTrip):
                    quotes.append(envelope)
                else:
                    envelope.answer(Done())
        answers = [await client.receive() for _ in range(4)]
        quotes[0].answer(Done())
        answers.append(await client.receive())
    before, after = ["PostMessage", "AwaitTurn", "QuoteTrip"], ["PostMessage", "AwaitTurn"]
    assert taken == [*before, *after, "CreateBooking", "PostMessage"]
    assert [answer["ref"] for answer in answers] == [1, 3, 4, 5, 2]


@pytest.mark.parametrize("room", [{}, {"roomId": "r"}])
async def test_a_quote_that_no_desk_takes_is_refused_in_its_place(room: dict[str, str]) -> None:
    world = World()
    quote = {"type": "booking.quote", "offerIds": ["o"], "adults": 2}
    async with world.running():
        client = await world.welcomed()
        act = world.system.deliver

        def full(address: Address, envelope: Envelope[Any]) -> None:
            if address.kind == DESK:
                raise Overloaded
            act(address, envelope)

        world.system.deliver = full  # type: ignore[method-assign]
        await client.send(**quote, **room, ref=1)
        await client.send(**POST, ref=2)
        answers = [await client.receive() for _ in range(2)]
    assert [(a["ref"], a.get("code")) for a in answers] == [(1, "overloaded"), (2, None)]


async def test_a_refused_command_is_answered_in_its_rooms_turn() -> None:
    world = World()
    async with world.running():
        client = await world.welcomed()
        actors = Slow(world)
        await client.send(**POST, ref=1)
        await client.send(**{**POST, "content": 7}, ref=2)
        await trio.testing.wait_all_tasks_blocked()
        assert [type(e.message) for e in actors.envelopes] == [PostMessage, AwaitTurn]
        for envelope in actors.envelopes:
            envelope.answer(Done())
        answers = [await client.receive() for _ in range(2)]
    assert [(a["type"], a["ref"]) for a in answers] == [("ok", 1), ("error", 2)]
    assert answers[1]["code"] == "bad_request"


@pytest.mark.parametrize("content", ["", " ", "x" * 8_193, "\0", "it is 4242 4242 4242 4242"])
async def test_a_repeat_is_answered_as_the_first_was_whatever_its_content(content: str) -> None:
    world = World()
    repeat = {**POST, "content": content, "clientId": UUID.upper()}
    async with world.running():
        client = await world.welcomed()
        actors = Slow(world)
        await client.send(**repeat, ref=1)
        await client.send(**repeat, ref=2)
        await trio.testing.wait_all_tasks_blocked()
        asked = [envelope.message for envelope in actors.envelopes]
        assert asked == [AwaitTurn(client_id=UUID)] * 2
        actors.envelopes[0].answer(MessageAccepted(seq=3, message_id="m", sent_at=4))
        actors.envelopes[1].answer(Done())
        answers = [await client.receive() for _ in range(2)]
    assert answers[0] == {"type": "ok", "ref": 1, "seq": 3, "messageId": "m", "sentAt": 4}
    assert (answers[1]["type"], answers[1]["fields"][0]["field"]) == ("error", "content")


async def test_a_card_s_number_gets_no_further_than_the_door_in_any_form() -> None:
    world = World()
    plan = {"type": "plan.apply", "roomId": "r", "version": 1, "clientId": UUID}
    op = {"op": "add", "id": "1", "kind": "stop", "fields": {"text": 4242424242424242}}
    approval = {"type": "booking.approve", "bookingId": "b", "clientId": UUID}
    async with world.running():
        client = await world.welcomed()
        actors = Slow(world)
        await client.send(**{**POST, "content": "it is 4242-4242-4242-4242"}, ref=1)
        await client.send(**plan, ops=[op], ref=2)
        await client.send(**approval, paymentMethod="4242424242424242", ref=3)
        await trio.testing.wait_all_tasks_blocked()
        assert {type(e.message) for e in actors.envelopes} <= {AwaitTurn}
        for envelope in actors.envelopes:
            envelope.answer(Done())
        answers = [await client.receive() for _ in range(3)]
    assert {a["ref"]: a["fields"][0]["field"] for a in answers if a["code"] == "bad_request"} == {
        1: "content",
        2: "ops[0].fields.text",
        3: "paymentMethod",
    }


async def test_a_board_answers_after_what_was_sent_to_its_room_before_and_before_what_comes_after() -> (
    None
):
    world = World()
    async with world.running():
        client = await world.welcomed()
        actors = Slow(world)

        async def answered(count: int) -> list[str]:
            """The envelopes that have come since, answered; what they were for."""
            await trio.testing.wait_all_tasks_blocked()
            taken, actors.envelopes = actors.envelopes, []
            assert len(taken) == count
            for envelope in taken:
                envelope.answer(Done())
            return [type(envelope.message).__name__ for envelope in taken]

        await client.send(**POST, ref=1)
        await client.send(type="plan.open", roomId="r", ref=2)
        await client.send(**POST, ref=3)
        await client.send(**{**POST, "content": 7}, ref=4)
        await client.send(type="plan.open", roomId="r", ref=5)
        await client.send(**POST, ref=6)
        await client.send(**{**POST, "roomId": "s"}, ref=7)
        assert await answered(3) == ["PostMessage", "AwaitTurn", "PostMessage"]
        assert await answered(1) == ["OpenPlan"]
        assert await answered(3) == ["PostMessage", "AwaitTurn", "AwaitTurn"]
        assert await answered(1) == ["OpenPlan"]
        assert await answered(1) == ["PostMessage"]
        answers = [await client.receive() for _ in range(7)]
    refs = [answer["ref"] for answer in answers]
    assert [ref for ref in refs if ref != 7] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ({"type": "persona.switch", "personaId": "p"}, "SwitchPersona"),
        ({"type": "chat.search", "query": "q"}, "SearchMessages"),
    ],
)
async def test_a_command_of_the_session_s_that_names_a_room_keeps_that_room_s_order(
    command: dict[str, Any], name: str
) -> None:
    world = World()
    async with world.running():
        client = await world.welcomed()
        actors = Slow(world)
        here = {**command, "roomId": "r"}
        wrong = {**here, "personaId": 7, "query": 7}
        for ref, frame in enumerate([POST, here, POST, wrong, command], start=1):
            await client.send(**frame, ref=ref)
        taken: list[str] = []
        for _ in range(4):
            await trio.testing.wait_all_tasks_blocked()
            for envelope in actors.envelopes[len(taken) :]:
                taken.append(type(envelope.message).__name__)
                envelope.answer(Done())
        answers = [await client.receive() for _ in range(5)]
    assert taken == ["PostMessage", "AwaitTurn", name, name, "PostMessage", "AwaitTurn"]
    refs = [answer["ref"] for answer in answers]
    assert [ref for ref in refs if ref != 5] == [1, 2, 3, 4]


async def test_a_board_whose_room_is_unknown_is_so_too_and_what_was_held_goes_on() -> None:
    world = World()
    async with world.running():
        client = await world.welcomed()
        actors = Slow(world)
        await client.send(type="plan.open", roomId="r", ref=1)
        await client.send(**POST, ref=2)
        await trio.testing.wait_all_tasks_blocked()
        actors.envelopes.pop().answer(Rejected("not_found", "This room does not exist."))
        await trio.testing.wait_all_tasks_blocked()
        actors.envelopes.pop().answer(Done())
        answers = [await client.receive() for _ in range(2)]
    assert [(one["type"], one["ref"]) for one in answers] == [("error", 1), ("ok", 2)]


async def test_a_board_that_takes_nothing_any_more_refuses_and_so_does_who_was_held_by_it() -> None:
    world = World()
    async with world.running():
        client = await world.welcomed()
        actors = Slow(world)
        await client.send(type="plan.open", roomId="r", ref=1)
        await client.send(**POST, ref=2)
        await trio.testing.wait_all_tasks_blocked()
        world.system.refusal = Overloaded()
        actors.envelopes.pop().answer(Done())
        answers = [await client.receive() for _ in range(2)]
    assert [(one["code"], one["ref"]) for one in answers] == [("overloaded", 1), ("overloaded", 2)]


async def test_a_refused_command_waits_for_no_board_of_another_room() -> None:
    world = World()
    async with world.running():
        client = await world.welcomed()
        actors = Slow(world)
        await client.send(type="plan.open", roomId="r", ref=1)
        await client.send(**{**POST, "roomId": "s", "content": 7}, ref=2)
        await trio.testing.wait_all_tasks_blocked()
        assert [type(e.message) for e in actors.envelopes] == [AwaitTurn, AwaitTurn]
        actors.envelopes.pop().answer(Done())
        error = await client.receive()
    assert (error["code"], error["ref"]) == ("bad_request", 2)


async def test_bookings_are_their_own_and_quotes_their_askers() -> None:
    world = World()
    reached: list[Address] = []
    async with world.running():
        client = await world.welcomed()
        world.system.behaviour = lambda address, envelope: reached.append(address)
        await client.send(type="booking.get", bookingId="b", ref=1)
        await client.send(type="booking.quote", offerIds=["o"], adults=1, ref=2)
        await trio.testing.wait_all_tasks_blocked()
    assert reached[0] == BOOKING.at("b")
    assert reached[1].kind == DESK


async def test_a_signal_reaches_its_consultation_whatever_it_looks_like() -> None:
    world = World()
    reached: list[Address] = []
    async with world.running():
        client = await world.welcomed()
        world.system.behaviour = lambda address, envelope: reached.append(address)
        sdp = {"sdp": "o=- 4242424242424242 2 IN IP4 127.0.0.1"}
        await client.send(type="consult.signal", consultationId="c", to="u", data=sdp)
        await trio.testing.wait_all_tasks_blocked()
    assert reached == [CONSULTATION.at("c")]


async def test_what_waits_for_a_board_is_bounded() -> None:
    world = World()
    async with world.running():
        client = await world.welcomed()
        world.system.behaviour = lambda address, envelope: None
        await client.send(type="plan.open", roomId="r", ref=1)
        for ref in range(2, MAX_HELD + 3):
            await client.send(**POST, ref=ref)
        error = await client.receive()
    assert (error["code"], error["ref"]) == ("overloaded", MAX_HELD + 2)


async def test_a_refusal_whose_room_takes_nothing_any_more_is_told_at_once() -> None:
    world = World()
    async with world.running():
        client = await world.welcomed()
        world.system.refusal = Overloaded()
        await client.send(**{**POST, "content": 7}, ref=2)
        error = await client.receive()
    assert (error["code"], error["ref"]) == ("bad_request", 2)


async def test_an_actors_refusal_carries_the_ref_of_its_command() -> None:
    world = World()
    async with world.running():
        client = await world.welcomed()
        refusal = Rejected("not_found", "This room does not exist.")
        world.system.behaviour = lambda address, envelope: envelope.answer(refusal)
        await client.send(**POST, ref=5)
        error = await client.receive()
    assert (error["code"], error["ref"]) == ("not_found", 5)


async def test_pongs_that_nobody_asked_for_count_towards_abuse() -> None:
    world = World(policy=Policy(most_refusals=3))
    async with world.running():
        client = await world.welcomed()
        for _ in range(2):
            await client.send(type="pong", t=1)
        await client.send(type="ping", t=1)
        assert (await client.receive())["type"] == "pong"
        frames, code = await client.ending()
    assert ([f["code"] for f in frames], code) == (["rate_limited"], 4305)


@pytest.mark.parametrize("answer", [Done(), Rejected("conflict", "No.")])
async def test_an_answer_that_comes_after_the_end_goes_nowhere(answer: Any) -> None:
    world = World()
    async with world.running() as server:
        client = await world.welcomed()
        actors = Slow(world)
        await client.send(**POST, ref=1)
        await client.stream.send_all(masked(b"\xc1junk"))
        frames, code = await client.ending()
        actors.envelopes[0].answer(answer)
        await trio.testing.wait_all_tasks_blocked()
        assert server.statistics()["crashed"] == 0
    assert ([f["code"] for f in frames], code) == (["bad_request"], 4300)


@pytest.mark.parametrize(("refusal", "code"), [(Overloaded(), 4004), (Unavailable(), 4004)])
async def test_a_hello_that_no_session_takes_closes_with_come_back(
    refusal: Rejected, code: int
) -> None:
    world = World()
    world.system.refusal = refusal
    async with world.running():
        client = await world.upgraded()
        await client.send(**hello())
        frames, closed = await client.ending()
    assert ([f["code"] for f in frames], closed) == ([refusal.code], code)


async def test_a_session_that_changes_its_mind_after_the_welcome_changes_nothing() -> None:
    world = World()
    act = world.act

    def welcome_and_refuse(address: Address, envelope: Envelope[Any]) -> None:
        act(address, envelope)
        envelope.answer(Rejected("forbidden", "No."))

    world.system.behaviour = welcome_and_refuse
    async with world.running():
        client = await world.upgraded()
        await client.send(**hello())
        assert (await client.receive())["type"] == "welcome"
        await client.send(type="ping", t=1)
        assert (await client.receive())["type"] == "pong"


@pytest.mark.parametrize(
    ("data", "code"),
    [(masked(b"{}", TEXT), 4300), (masked(msgpack.packb(POST)), 4303)],
    ids=["text", "a command"],
)
async def test_where_a_policy_opens_without_hello_there_is_still_no_text_and_no_command(
    data: bytes, code: int
) -> None:
    world = World(policy=ECHO_POLICY)
    async with world.running():
        client = await world.upgraded(upgrade_head() + data)
        _, closed = await client.ending()
    assert closed == code
    assert world.system.envelopes == []
