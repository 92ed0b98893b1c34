"""What takes its time in docs/protocol-v1.md §3, §4 and §7: all of it at once, in one nursery."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import trio
import trio_websocket
from raw_client import Frame, Person, RawClient, Stage, call, on_stage, register, uuid7
from raw_socket import raw_socket
from server_process import ServerProcess


async def test_what_takes_its_time(
    protocol_server: ServerProcess, people: dict[str, Person], tmp_path: Path
) -> None:
    async def play(scene: Callable[[Stage, dict[str, Person]], Awaitable[None]]) -> None:
        async with on_stage(protocol_server.http, protocol_server.ws) as stage:
            await scene(stage, people)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(too_many_commands_and_the_drain, tmp_path)
        nursery.start_soon(play, typing_ends_by_itself)
        nursery.start_soon(play, presence_is_told_once_a_second)
        nursery.start_soon(play, receipts_are_told_once_a_second)
        nursery.start_soon(play, an_inbox_a_thousand_behind_is_reset)


def at_most_one_a_second(frames: list[Frame], since: float) -> bool:
    """`since`: before the first one's cause. What is slow on its way only lengthens the time."""
    return len(frames) - 1 < trio.current_time() - since + 0.01


async def typing_ends_by_itself(stage: Stage, people: dict[str, Person]) -> None:
    ada, bob = await stage.enter(people["ada"]), await stage.enter(people["bob"])
    room = await stage.room(ada, bob)
    at = {"roomId": room["id"]}
    for active in (True, False):
        await bob.ask("typing.indicator", **at, active=active)
        shown = await ada.event("typing.indicator")
        assert shown == {"type": "typing.indicator", **at, "userId": bob.id, "active": active}

    await bob.ask("typing.indicator", **at, active=True)
    await ada.event("typing.indicator", active=True)
    since = trio.current_time()
    await trio.sleep(4)
    await ada.settled()
    assert not ada.seen("typing.indicator", active=False)[1:]
    assert (await ada.event("typing.indicator"))["active"] is False
    assert 7.5 < trio.current_time() - since < 10


async def presence_is_told_once_a_second(stage: Stage, people: dict[str, Person]) -> None:
    ada, bob = await stage.enter(people["ada"]), await stage.enter(people["bob"])
    since = trio.current_time()
    room = await stage.room(ada, bob)
    came = await ada.find(
        lambda frame: frame["type"] == "presence.update" and bob.id in frame["joined"]
    )
    assert set(came) == {"type", "roomId", "count", "joined", "left"}
    assert (came["roomId"], came["count"], came["left"]) == (room["id"], 2, [])
    for _ in range(10):
        await bob.ask("presence.set", status="online")
        await bob.ask("presence.set", status="away")
    await ada.event("presence.update", left=[bob.id], joined=[], count=1)
    online = (await ada.ask("room.join", roomId=room["id"]))["online"]
    assert online == {"count": 1, "userIds": [ada.id]}

    # Away here, and yet online through another connection; gone with the last one.
    other = await stage.enter(people["bob"])
    await other.ask("room.join", roomId=room["id"])
    await ada.event("presence.update", left=[], joined=[bob.id], count=2)
    await stage.leave(other)
    await ada.event("presence.update", left=[bob.id], joined=[], count=1)
    assert at_most_one_a_second(ada.seen("presence.update"), since)
    assert ada.durable(room) == [2]


async def receipts_are_told_once_a_second(stage: Stage, people: dict[str, Person]) -> None:
    chen, dina = await stage.enter(people["chen"]), await stage.enter(people["dina"])
    room = await stage.room(chen, dina)
    since = trio.current_time()
    for number in range(6):
        seq = (await chen.say(room, f"{number}"))["seq"]
        await dina.ask("chat.read", roomId=room["id"], seq=seq)
    last = await chen.event("chat.receipt", seq=seq)
    assert last == {"type": "chat.receipt", "roomId": room["id"], "userId": dina.id, "seq": seq}
    assert at_most_one_a_second(chen.seen("chat.receipt"), since)


async def an_inbox_a_thousand_behind_is_reset(stage: Stage, people: dict[str, Person]) -> None:
    emil = await trio.to_thread.run_sync(register, stage.http, "Emil")
    invited = {"kind": "group", "members": [emil.id]}

    async def invite() -> None:
        client = await stage.enter(people["dina"])
        for _ in range(6):
            refs = [
                await client.send("room.create", **invited, clientId=uuid7()) for _ in range(28)
            ]
            assert [(await client.answer(ref))["type"] for ref in refs] == ["ok"] * 28

    async with trio.open_nursery() as nursery:
        for _ in range(6):
            nursery.start_soon(invite)
    head = 6 * 168
    listening = await stage.enter(emil)
    with trio.fail_after(15):
        while listening.welcome["inbox"] < head:
            await stage.leave(listening)
            await trio.sleep(0.1)
            listening = await stage.enter(emil)
    for seen, is_reset in ((head - 1_001, True), (head - 1_000, False)):
        resume = {"sessionId": listening.welcome["sessionId"], "inbox": seen, "rooms": {}}
        back = await stage.enter(emil, resume=resume)
        assert back.welcome.get("inboxReset", False) is is_reset
    await back.event("room.invited", inbox=head)
    assert [frame["inbox"] for frame in back.seen("room.invited")] == list(range(9, head + 1))
    page = await trio.to_thread.run_sync(call, stage.http, "GET", "inbox", emil)
    assert page.status_code == 200
    assert page.json()["items"]


async def too_many_commands_and_the_drain(tmp_path: Path) -> None:
    settings = {"CARAVAN_RATE_LIMITS": "on", "CARAVAN_ORIGINS": "https://app.example"}
    server = ServerProcess(tmp_path / "limited", settings=settings)
    try:
        await server.start()
        ada = await trio.to_thread.run_sync(register, server.http, "Ada")
        async with on_stage(server.http, server.ws) as stage:
            await commands_are_limited(stage, ada)
            assert await status_for_origin(server.ws, "https://app.example") == "101"
            assert await status_for_origin(server.ws, "https://app.example.evil") == "403"
            client = await stage.enter(ada)
            room = await stage.room(client)
            said = await client.say(room, "before the end")
            async with trio.open_nursery() as nursery:
                nursery.start_soon(drained, client)
                assert await server.stop() == 0, server.last_words()
        await server.start()
        async with on_stage(server.http, server.ws) as stage:
            rooms = {room["id"]: {"epoch": room["epoch"], "seq": 1}}
            resume = {"sessionId": client.welcome["sessionId"], "rooms": rooms}
            back = await stage.enter(ada, resume=resume)
            assert back.welcome["resumed"] is True
            assert (await back.event("chat.message"))["seq"] == said["seq"]
    finally:
        await server.end()


async def status_for_origin(ws: str, origin: str) -> str:
    async with raw_socket(ws) as socket:
        return (await socket.upgrade("/v1/connect", headers={"Origin": origin})).split()[1]


async def commands_are_limited(stage: Stage, person: Person) -> None:
    client = await stage.enter(person)
    refs = [await client.send("presence.set", status="online") for _ in range(400)]
    answers = [await client.answer(ref) for ref in refs]
    accepted = [answer for answer in answers if answer["type"] == "ok"]
    assert all(answer["type"] == "ok" for answer in answers[:200])
    assert 200 <= len(accepted) < 300
    refused = [answer for answer in answers if answer["type"] == "error"][-1]
    assert (refused["code"], refused["temporary"]) == ("rate_limited", True)
    assert 0 < refused["retryAfterMs"] < 1_000

    # A thousand refusals within 10 s, whatever for.
    await trio.sleep(refused["retryAfterMs"] / 1_000)
    await client.ask("presence.set", status="online")
    for _ in range(1_500):
        with suppress(trio_websocket.ConnectionClosed):
            await client.send("presence.set", status="online")
    frames, code = await client.ending()
    assert (code, frames[-1]["type"], frames[-1]["code"]) == (4305, "error", "rate_limited")
    limited = client.seen("error", code="rate_limited")
    assert len(limited) == 1_000 + 1


async def drained(client: RawClient) -> None:
    frames, code = await client.ending()
    assert code in (4000, 4001)
    [draining] = [frame for frame in frames if frame["type"] == "session.draining"]
    assert set(draining) == {"type", "reconnectAfterMs", "jitterMs"}
