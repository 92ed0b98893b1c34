"""docs/protocol-v1.md §3 from outside: opening, resuming, taking over, and the end of a login."""

import time

import msgpack
import trio
from http_client import figures
from raw_client import Frame, Person, RawClient, Stage, call, hello, login, register, renewed, uuid7
from raw_socket import raw_socket, ws_frame

LIMITS = {
    "maxFrameBytes": 65_536,
    "maxContentBytes": 8_192,
    "maxNesting": 16,
    "maxRooms": 200,
    "maxMembers": 5_000,
    "historyLimit": 200,
    "replayEvents": 1_000,
    "commandsPerSecond": 50,
    "burst": 200,
}


def resume(client: RawClient, **more: object) -> Frame:
    return {"sessionId": client.welcome["sessionId"], "rooms": {}, **more}


def at(room: Frame, seq: int) -> Frame:
    """The `rooms` of a resume that saw `seq` last."""
    return {room["id"]: {"epoch": room["epoch"], "seq": seq}}


async def turned_away(stage: Stage, token: str) -> tuple[list[str], int | None]:
    client = await stage.connect()
    await client.tell("hello", **hello(token))
    frames, code = await client.ending()
    return [frame["code"] for frame in frames], code


# `hello` and `welcome`.


async def test_the_welcome_says_what_the_page_says(ada: RawClient) -> None:
    assert ada.person
    welcome = ada.welcome
    assert set(welcome) == {
        *("type", "sessionId", "user", "serverTime", "heartbeatMs", "limits", "inbox"),
        *("resumed", "rooms"),
    }
    assert (welcome["limits"], welcome["resumed"], welcome["rooms"]) == (LIMITS, False, {})
    assert welcome["user"] == {
        "id": ada.id,
        "handle": ada.person.handle,
        "name": ada.person.name,
        "role": "user",
        "locale": "en",
        "createdAt": welcome["user"]["createdAt"],
    }
    assert 0 < welcome["user"]["createdAt"] <= welcome["serverTime"]
    assert welcome["heartbeatMs"] == 25_000
    assert abs(welcome["serverTime"] - time.time() * 1_000) < 60_000


async def test_a_ticket_works_once_and_junk_never(stage: Stage, people: dict[str, Person]) -> None:
    ticket = call(stage.http, "POST", "auth/ticket", people["ada"]).json()["ticket"]
    client = await stage.connect()
    await client.tell("hello", **hello(ticket))
    assert (await client.receive())["user"]["id"] == people["ada"].id
    for token in (ticket, "junk", people["ada"].token + "x", people["ada"].refresh):
        assert await turned_away(stage, token) == (["unauthenticated"], 4303)


async def test_frames_may_follow_hello_at_once(
    stage: Stage, ada: RawClient, people: dict[str, Person]
) -> None:
    """More than 64 KiB of them wait in the network, and nothing is lost."""
    room = await stage.room(ada)
    client = await stage.connect(people["ada"])
    await client.tell("hello", **hello(people["ada"].token))
    refs = [await client.send("room.join", roomId=room["id"])]
    for number in range(20):
        fields = {"content": f"{number}".ljust(8_000), "clientId": uuid7()}
        refs.append(await client.send("chat.message", roomId=room["id"], **fields))
    assert (await client.receive())["type"] == "welcome"
    assert all([(await client.answer(ref))["type"] == "ok" for ref in refs])
    await client.event("chat.message", seq=21)
    assert client.durable(room) == list(range(2, 22))


# Sessions: known, unknown, another's; taken over.


async def test_a_session_is_known_again_and_its_rooms_go_on(
    stage: Stage, ada: RawClient, bob: RawClient
) -> None:
    room = await stage.room(ada, bob)
    assert bob.person
    await stage.leave(bob)
    missed = [(await ada.say(room, f"{number}"))["seq"] for number in range(5)]
    back = await stage.enter(bob.person, resume=resume(bob, rooms=at(room, missed[0])))
    assert back.welcome["resumed"] is True
    assert back.welcome["sessionId"] == bob.welcome["sessionId"]
    verdict = {"epoch": room["epoch"], "head": missed[-1], "verdict": "complete"}
    assert back.welcome["rooms"] == {room["id"]: verdict}
    live = await ada.say(room, "live again")
    await back.event("chat.message", seq=live["seq"])
    assert back.durable(room) == list(range(missed[1], live["seq"] + 1))


async def test_a_session_is_another_users_or_unknown_and_then_new(
    stage: Stage, ada: RawClient, people: dict[str, Person]
) -> None:
    room = await stage.room(ada)
    for session_id in (ada.welcome["sessionId"], uuid7(), "no id at all"):
        wanted = {"sessionId": session_id, "rooms": at(room, 0)}
        foreign = await stage.enter(people["chen"], resume=wanted)
        assert foreign.welcome["resumed"] is False
        assert foreign.welcome["sessionId"] != session_id
        gone = {"epoch": "", "head": 0, "verdict": "gone"}
        assert foreign.welcome["rooms"] == {room["id"]: gone}
    await ada.settled()


async def test_another_login_of_the_same_user_does_not_take_a_session(
    stage: Stage, ada: RawClient, people: dict[str, Person]
) -> None:
    other = login(stage.http, people["ada"])
    client = await stage.enter(other, resume=resume(ada))
    assert client.welcome["resumed"] is False
    await ada.settled()


async def test_taking_a_session_over_closes_its_older_socket_with_4101(
    stage: Stage, ada: RawClient
) -> None:
    assert ada.person
    newer = await stage.enter(ada.person, resume=resume(ada))
    frames, code = await ada.ending()
    assert code == 4101
    assert [frame["type"] for frame in frames] == ["error"]
    assert {"code", "message"} <= set(frames[0])
    assert newer.welcome["resumed"] is True
    await newer.settled()


async def test_a_room_cannot_be_resumed_from_elsewhere_or_by_whom_was_removed(
    stage: Stage, ada: RawClient, bob: RawClient
) -> None:
    room, left = await stage.room(ada, bob), await stage.room(ada, bob)
    assert bob.person
    await stage.leave(bob)
    await ada.ask("room.remove", roomId=left["id"], userId=bob.id)
    rooms = {room["id"]: {"epoch": "another", "seq": 1}, **at(left, 1)}
    rooms["nowhere"] = {"epoch": room["epoch"], "seq": 1}
    back = await stage.enter(bob.person, resume=resume(bob, rooms=rooms))
    verdicts = {id_: one["verdict"] for id_, one in back.welcome["rooms"].items()}
    assert verdicts == {room["id"]: "reset", left["id"]: "gone", "nowhere": "gone"}
    assert back.welcome["rooms"][room["id"]]["epoch"] == room["epoch"]

    # Never partial: what is reset is not joined.
    said = await ada.say(room, "unseen")
    view = (await back.ask("room.join", roomId=room["id"]))["room"]
    assert view["head"] == said["seq"]
    assert back.durable(room) == []


async def test_a_replay_holds_at_most_a_thousand_events_and_a_mebibyte(
    stage: Stage, ada: RawClient, bob: RawClient
) -> None:
    many, big = await stage.room(ada, bob), await stage.room(ada, bob)
    assert bob.person
    await stage.leave(bob)
    for room, count, text in ((many, 1_001, "x"), (big, 129, "y" * 8_192)):
        fields = {"roomId": room["id"], "content": text}
        refs = [await ada.send("chat.message", **fields, clientId=uuid7()) for _ in range(count)]
        assert (await ada.answer(refs[-1]))["seq"] == count + 2
    wanted = {**at(many, 2), **at(big, 2)}
    back = await stage.enter(bob.person, resume=resume(bob, rooms=wanted))
    assert {one["verdict"] for one in back.welcome["rooms"].values()} == {"reset"}

    for room, behind in ((many, 1_000), (big, 100)):
        view = (await back.ask("room.join", roomId=room["id"]))["room"]
        after = {"epoch": room["epoch"], "seq": view["head"] - behind}
        joined = await back.ask("room.join", roomId=room["id"], after=after)
        assert joined["verdict"] == "complete"
        await back.event("chat.message", roomId=room["id"], seq=view["head"])
        assert back.durable(room) == list(range(after["seq"] + 1, view["head"] + 1))
    refused = await back.ask("room.join", roomId=many["id"], after={"epoch": "e", "seq": 9})
    assert refused["verdict"] == "reset"


async def test_a_position_ahead_of_the_log_is_reset(stage: Stage, ada: RawClient) -> None:
    room = await stage.room(ada)
    assert ada.person
    for seq, verdict in ((1, "complete"), (2, "reset")):
        after = {"epoch": room["epoch"], "seq": seq}
        assert (await ada.ask("room.join", roomId=room["id"], after=after))["verdict"] == verdict
        other = await stage.enter(ada.person, resume={"sessionId": uuid7(), "rooms": at(room, seq)})
        assert other.welcome["rooms"][room["id"]]["verdict"] == verdict


# A slow client.


async def test_a_client_that_does_not_read_is_closed_with_4002_and_resumes(
    stage: Stage, ada: RawClient, bob: RawClient
) -> None:
    room = await stage.room(ada, bob)
    assert bob.person
    slow_session = await stage.enter(bob.person)
    async with raw_socket(stage.ws, buffer=4_096) as slow:
        await slow.upgrade("/v1/connect")
        said = {"type": "hello", **hello(bob.person.token, resume(slow_session))}
        join = {"type": "room.join", "roomId": room["id"], "ref": 1}
        for frame in (said, join):
            await slow.send(ws_frame(0x82, msgpack.packb(frame)))
        while msgpack.unpackb((await slow.frame())[1]).get("ref") != 1:
            pass
        before = figures(stage.http)["clients_slow"]
        for _ in range(14):
            for _ in range(100):
                await ada.tell(
                    "chat.message", roomId=room["id"], content="x" * 8_000, clientId=uuid7()
                )
            head = (await ada.say(room, "and on"))["seq"]
            await bob.event("chat.message", seq=head)
            if figures(stage.http)["clients_slow"] != before:
                break  # it has five seconds now to read on to its end
        assert await slow.close_code() == 4002
    assert bob.durable(room) == list(range(3, head + 1))

    behind = resume(slow_session, rooms=at(room, head - 50))
    back = await stage.enter(bob.person, resume=behind)
    assert back.welcome["resumed"] is True
    await back.event("chat.message", seq=head)
    assert back.durable(room) == list(range(head - 49, head + 1))


# The inbox.


async def test_the_inbox_resumes_from_what_was_seen_last(stage: Stage, ada: RawClient) -> None:
    emil = await stage.enter(register(stage.http, "Emil"))
    assert emil.person
    assert emil.welcome["inbox"] == 0
    await stage.room(ada, emil)
    assert (await emil.event("room.invited"))["inbox"] == 1
    await stage.leave(emil)

    away = [await group_with(ada, emil) for _ in range(3)]
    await inbox_holds(stage, emil.person, 4)
    back = await stage.enter(emil.person, resume=resume(emil, inbox=1))
    assert back.welcome["inbox"] == 4
    assert "inboxReset" not in back.welcome
    await back.event("room.invited", inbox=4)
    missed = back.seen("room.invited")
    assert [frame["inbox"] for frame in missed] == [2, 3, 4]
    assert [frame["room"]["id"] for frame in missed] == away

    # Without `resume.inbox`: from the head.
    fresh = await stage.enter(emil.person, resume=resume(emil))
    await group_with(ada, emil)
    await fresh.event("room.invited", inbox=5)
    assert len(fresh.seen("room.invited")) == 1


async def group_with(owner: RawClient, invited: RawClient) -> str:
    made = await owner.ask("room.create", kind="group", clientId=uuid7(), members=[invited.id])
    return str(made["room"]["id"])


async def inbox_holds(stage: Stage, person: Person, head: int) -> None:
    with trio.fail_after(5):
        while True:
            client = await stage.enter(person)
            await stage.leave(client)
            if client.welcome["inbox"] >= head:
                return
            await trio.sleep(0.05)


# Credentials, and the end of a login.


async def test_credentials_are_renewed_in_place(stage: Stage, people: dict[str, Person]) -> None:
    mine = login(stage.http, people["dina"])
    client = await stage.enter(mine)
    answer = await client.ask("auth.refresh", token=login(stage.http, people["dina"]).token)
    assert set(answer) == {"type", "ref"}
    assert (await client.refused("auth.refresh", token="junk"))["code"] == "unauthenticated"
    foreign = await client.refused("auth.refresh", token=people["ada"].token)
    assert foreign["code"] in ("forbidden", "unauthenticated")
    await client.settled()


async def test_a_session_outlives_the_renewal_of_its_tokens(
    stage: Stage, people: dict[str, Person]
) -> None:
    mine = login(stage.http, people["dina"])
    client = await stage.enter(mine)
    fresh = renewed(stage.http, mine)
    await client.ask("auth.refresh", token=fresh.token)
    again = await stage.enter(fresh, resume=resume(client))
    assert again.welcome["resumed"] is True


async def test_after_a_refresh_the_new_login_counts(
    stage: Stage, people: dict[str, Person]
) -> None:
    first, second = (login(stage.http, people["dina"]) for _ in range(2))
    client = await stage.enter(first)
    await client.ask("auth.refresh", token=second.token)
    await trio.to_thread.run_sync(call, stage.http, "POST", "auth/logout", first)
    await client.settled()
    await trio.to_thread.run_sync(call, stage.http, "POST", "auth/logout", second)
    assert (await client.ending())[1] == 4201


async def test_a_session_dies_with_its_login_within_a_second(
    stage: Stage, people: dict[str, Person]
) -> None:
    mine = login(stage.http, people["dina"])
    client, other = await stage.enter(mine), await stage.enter(people["dina"])
    with trio.fail_after(1.0):
        answer = await trio.to_thread.run_sync(call, stage.http, "POST", "auth/logout", mine)
        assert answer.status_code in (200, 204)
        frames, code = await client.ending()
    assert code == 4201
    assert [frame["code"] for frame in frames] == ["unauthenticated"]
    await other.settled()

    assert await turned_away(stage, mine.token) == (["unauthenticated"], 4201)
    again = await stage.enter(login(stage.http, people["dina"]), resume=resume(client))
    assert again.welcome["resumed"] is False
