"""docs/protocol-v1.md §4 from outside: rooms, who belongs to them, and who may what."""

from typing import Any

import pytest
from raw_client import Frame, RawClient, Stage, hello, uuid7

ROOM_FIELDS = {
    *("id", "kind", "title", "settings", "members", "memberCount", "personas", "epoch"),
    *("head", "first", "read", "createdAt"),
}


def member(client: RawClient, role: str, state: str) -> Frame:
    assert client.person
    return {"id": client.id, "name": client.person.name, "role": role, "state": state}


def by_id(members: list[Frame]) -> list[Frame]:
    return sorted(members, key=lambda one: str(one["id"]))


async def group(owner: RawClient, *members: RawClient, **fields: object) -> Frame:
    """A room whose members are invited only."""
    invited = [one.id for one in members]
    made = await owner.ask("room.create", kind="group", clientId=uuid7(), members=invited, **fields)
    room: Frame = made["room"]
    return room


# `room.create` and the room map.


async def test_a_room_has_exactly_the_fields_of_the_page(ada: RawClient, bob: RawClient) -> None:
    answer = await ada.ask(
        "room.create", kind="group", clientId=uuid7(), title="Lisbon", members=[bob.id]
    )
    assert set(answer) == {"type", "ref", "room", "online"}
    room = answer["room"]
    assert set(room) == ROOM_FIELDS
    assert (room["kind"], room["title"], room["personas"]) == ("group", "Lisbon", [])
    assert by_id(room["members"]) == by_id(
        [member(ada, "owner", "joined"), member(bob, "member", "invited")]
    )
    assert room["memberCount"] == 2
    assert room["settings"]["speaking"] == "auto"
    assert isinstance(room["epoch"], str)
    assert 0 < len(room["epoch"].encode()) <= 36
    assert (room["head"], room["first"], room["read"]) == (1, 1, 0)
    assert abs(room["createdAt"] - ada.welcome["serverTime"]) < 60_000


async def test_the_creator_has_joined_and_receives(ada: RawClient) -> None:
    room = await group(ada)
    said = await ada.say(room, "hello")
    event = await ada.event("chat.message", roomId=room["id"])
    assert event["seq"] == said["seq"] == 2


async def test_a_repeated_create_answers_with_the_same_room(ada: RawClient, bob: RawClient) -> None:
    client_id = uuid7()
    first = await ada.ask("room.create", kind="group", clientId=client_id, title="One")
    again = await ada.ask("room.create", kind="group", clientId=client_id.upper(), title="Two")
    foreign = await bob.ask("room.create", kind="group", clientId=client_id, title="One")
    assert again["room"]["id"] == first["room"]["id"]
    assert again["room"]["title"] == "One"
    assert foreign["room"]["id"] != first["room"]["id"]


async def test_concurrent_creates_of_one_client_id_make_one_room(ada: RawClient) -> None:
    client_id = uuid7()
    refs = [await ada.send("room.create", kind="group", clientId=client_id) for _ in range(5)]
    assert len({(await ada.answer(ref))["room"]["id"] for ref in refs}) == 1


async def test_a_direct_pair_has_one_room_from_either_side(
    stage: Stage, chen: RawClient, dina: RawClient
) -> None:
    def make(partner: RawClient) -> dict[str, Any]:
        return {"kind": "direct", "clientId": uuid7(), "members": [partner.id]}

    both = [
        await chen.send("room.create", **make(dina)),
        await dina.send("room.create", **make(chen)),
    ]
    first, other = (await chen.answer(both[0]))["room"], (await dina.answer(both[1]))["room"]
    again = (await chen.ask("room.create", **make(dina)))["room"]
    assert first["id"] == other["id"] == again["id"]
    assert again["kind"] == "direct"
    assert {one["state"] for one in again["members"]} == {"joined"}
    assert {one["role"] for one in again["members"]} == {"member"}

    said = await chen.say(again, "just us")
    assert (await dina.event("chat.message", roomId=again["id"]))["seq"] == said["seq"]
    for kind, fields in {
        "room.leave": {},
        "room.invite": {"userIds": [chen.id]},
        "room.remove": {"userId": dina.id},
    }.items():
        error = await chen.refused(kind, roomId=again["id"], **fields)
        assert error["code"] in ("conflict", "forbidden"), kind


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"kind": "herd"}, "bad_request", "kind"),
        ({"clientId": "1"}, "bad_request", "clientId"),
        ({"title": "é" * 101}, "too_large", "title"),
        ({"members": ["nobody"]}, "not_found", "members[0]"),
        ({"members": ["x"] * 101}, "bad_request", "members"),
        ({"kind": "direct"}, "bad_request", "members"),
        ({"history": "some"}, "bad_request", "history"),
    ],
)
async def test_a_wrong_create_names_its_field(
    ada: RawClient, fields: Frame, code: str, field: str
) -> None:
    error = await ada.refused("room.create", **{"kind": "group", "clientId": uuid7(), **fields})
    assert (error["code"], error["fields"][0]["field"]) == (code, field)


# Invitation, joining, leaving.


async def test_the_invited_user_hears_of_it_and_accepts_by_joining(
    ada: RawClient, bob: RawClient
) -> None:
    room = await group(ada, bob, title="Porto")
    invited = await bob.find(
        lambda frame: frame["type"] == "room.invited" and frame["room"]["id"] == room["id"]
    )
    assert set(invited) == {"type", "room", "inbox"}
    assert set(invited["room"]) == ROOM_FIELDS
    # Bob is everybody's friend: an invitation of an earlier test may still have been on its way.
    told = [frame["inbox"] for frame in bob.log if frame["type"] == "room.invited"]
    assert told == list(range(bob.welcome["inbox"] + 1, invited["inbox"] + 1))

    answer = await bob.ask("room.join", roomId=room["id"])
    assert set(answer) == {"type", "ref", "room", "online"}
    assert by_id(answer["room"]["members"]) == by_id(
        [member(ada, "owner", "joined"), member(bob, "member", "joined")]
    )
    assert answer["online"]["count"] == len(answer["online"]["userIds"]) == 2
    changed = await ada.event("room.changed", roomId=room["id"], change="joined")
    assert set(changed) == {"type", "roomId", "epoch", "seq", "sentAt", "by", "change"}
    assert (changed["by"], changed["epoch"], changed["seq"]) == (bob.id, room["epoch"], 2)

    again = await bob.ask("room.join", roomId=room["id"])
    assert again["room"]["head"] == 2


async def test_members_send_without_joining_but_only_the_joined_receive(
    stage: Stage, ada: RawClient, bob: RawClient
) -> None:
    room = await stage.room(ada, bob)
    assert bob.person
    second = await stage.enter(bob.person)
    await second.say(room, "from another tab")
    assert (await ada.event("chat.message"))["content"] == "from another tab"
    await bob.event("chat.message")
    await second.ask("chat.history", roomId=room["id"])
    await second.settled()
    assert second.durable(room) == []


async def test_inviting_leaving_and_removing_are_events_and_harmless_to_repeat(
    stage: Stage, ada: RawClient, bob: RawClient, chen: RawClient, dina: RawClient
) -> None:
    room = await stage.room(ada, bob)
    at = {"roomId": room["id"]}
    invite = await bob.ask("room.invite", **at, userIds=[chen.id, dina.id])
    assert set(invite) == {"type", "ref", "seq"}
    event = await ada.event("room.changed", **at, change="invited")
    assert (event["seq"], event["by"], event["userIds"]) == (
        invite["seq"],
        bob.id,
        [chen.id, dina.id],
    )
    repeated = await ada.ask("room.invite", **at, userIds=[chen.id, dina.id])
    assert repeated["seq"] == invite["seq"]

    await chen.ask("room.join", **at)
    left = await chen.ask("room.leave", **at)
    event = await ada.event("room.changed", **at, change="left")
    assert (event["seq"], event["by"]) == (left["seq"], chen.id)
    assert (await chen.ask("room.leave", **at))["seq"] == left["seq"]
    assert (await chen.refused("chat.history", **at))["code"] == "not_found"

    removed = await ada.ask("room.remove", **at, userId=bob.id)
    assert (await ada.ask("room.remove", **at, userId=bob.id))["seq"] == removed["seq"]
    event = await ada.event("room.changed", **at, change="removed")
    assert (event["seq"], event["by"], event["userIds"]) == (removed["seq"], ada.id, [bob.id])

    # Who left or was removed sees that he did, and receives nothing any more.
    assert (await bob.event("room.changed", **at, change="removed"))["seq"] == removed["seq"]
    assert (await chen.event("room.changed", **at, change="left"))["seq"] == left["seq"]
    await ada.say(room, "among us")
    for gone in (bob, chen):
        await gone.settled()
        assert not gone.seen("chat.message", roomId=room["id"])
    assert (await bob.refused("room.join", **at))["code"] == "not_found"


async def test_only_the_owner_removes_and_updates(
    stage: Stage, ada: RawClient, bob: RawClient
) -> None:
    room = await stage.room(ada, bob)
    at = {"roomId": room["id"]}
    assert (await bob.refused("room.remove", **at, userId=ada.id))["code"] == "forbidden"
    assert (await bob.refused("room.update", **at, title="Mine"))["code"] == "forbidden"
    unknown = await ada.refused("room.invite", **at, userIds=["nobody"])
    assert (unknown["code"], unknown["fields"][0]["field"]) == ("not_found", "userIds[0]")

    updated = await ada.ask("room.update", **at, title="Ours", settings={"speaking": "silent"})
    event = await bob.event("room.changed", **at, change="updated")
    assert (event["seq"], event["title"]) == (updated["seq"], "Ours")
    assert event["settings"]["speaking"] == "silent"
    repeat = await ada.ask("room.update", **at, title="Ours", settings={"speaking": "silent"})
    assert repeat["seq"] == updated["seq"]
    view = (await bob.ask("room.join", **at))["room"]
    assert (view["title"], view["settings"], view["head"]) == (
        "Ours",
        event["settings"],
        updated["seq"],
    )
    wrong = await ada.refused("room.update", **at, settings={"speaking": "loud"})
    assert (wrong["code"], wrong["fields"][0]["field"]) == ("bad_request", "settings.speaking")


async def test_muting_concerns_the_muter_alone(
    stage: Stage, ada: RawClient, bob: RawClient
) -> None:
    room = await stage.room(ada, bob)
    for until in (ada.welcome["serverTime"] + 3_600_000, None, None):
        answer = await bob.ask("room.mute", roomId=room["id"], until=until)
        assert set(answer) == {"type", "ref"}
    said = await ada.say(room, "still heard")
    assert (await bob.event("chat.message", roomId=room["id"]))["seq"] == said["seq"]
    assert bob.durable(room) == [said["seq"]]


async def test_to_a_stranger_every_command_finds_no_room(
    stage: Stage, ada: RawClient, chen: RawClient
) -> None:
    room = await stage.room(ada)
    said = await ada.say(room, "private")
    message = {"messageId": said["messageId"]}
    commands: dict[str, Frame] = {
        "room.join": {"after": {"epoch": room["epoch"], "seq": 1}},
        "room.leave": {},
        "room.invite": {"userIds": [chen.id]},
        "room.remove": {"userId": ada.id},
        "room.update": {"title": "Mine"},
        "room.mute": {"until": None},
        "chat.message": {"content": "hi", "clientId": uuid7()},
        "chat.edit": {**message, "content": "hi"},
        "chat.delete": message,
        "chat.react": {**message, "emoji": "👍", "active": True},
        "chat.pin": {**message, "active": True},
        "chat.read": {"seq": 1},
        "chat.history": {},
        "chat.search": {"query": "private"},
        "typing.indicator": {"active": True},
    }
    foreign, missing = room["id"], uuid7()
    for kind, fields in commands.items():
        errors = [await chen.refused(kind, roomId=id_, **fields) for id_ in (foreign, missing)]
        told = [(error["code"], error["message"], error["temporary"]) for error in errors]
        assert told[0] == told[1], kind
        assert told[0][0] == "not_found", kind
    assert (await ada.ask("room.join", roomId=foreign))["room"]["head"] == said["seq"]


# What a newcomer reads.


async def test_a_newcomer_reads_from_his_invitation_on(
    stage: Stage, ada: RawClient, bob: RawClient
) -> None:
    closed, opened = await stage.room(ada), await stage.room(ada, history="all")
    for room, first in ((closed, 3), (opened, 1)):
        before = await ada.say(room, "before you came")
        invite = await ada.ask("room.invite", roomId=room["id"], userIds=[bob.id])
        assert invite["seq"] == 3
        after = await ada.say(room, "after you came")
        view = (await bob.ask("room.join", roomId=room["id"]))["room"]
        assert view["first"] == first
        history = await bob.ask("chat.history", roomId=room["id"])
        expected = [after["seq"]] if first == 3 else [before["seq"], after["seq"]]
        assert [message["seq"] for message in history["messages"]] == expected
        assert history["hasMore"] is False

        # Nor by a position, nor by an id. What cannot follow whole does not follow in part.
        after_zero = {"epoch": room["epoch"], "seq": 0}
        joined = await bob.ask("room.join", roomId=room["id"], after=after_zero)
        assert joined["verdict"] == ("reset" if first == 3 else "complete")
        await bob.settled()
        assert bob.durable(room) == ([] if first == 3 else list(range(1, 6)))
        reaction = {"messageId": before["messageId"], "emoji": "👍", "active": True}
        ref = await bob.send("chat.react", roomId=room["id"], **reaction)
        assert (await bob.answer(ref))["type"] == ("error" if first == 3 else "ok")


async def test_who_comes_back_after_an_absence_is_not_shown_a_log_with_a_hole(
    stage: Stage, ada: RawClient, bob: RawClient
) -> None:
    """To a client a `seq` that jumps is one it missed: it would ask again for ever."""
    room = await stage.room(ada, bob)
    at = {"roomId": room["id"]}
    left = (await bob.ask("room.leave", **at))["seq"]
    await ada.say(room, "while you were out")
    back = (await ada.ask("room.invite", **at, userIds=[bob.id]))["seq"]
    await bob.ask("room.join", **at)
    assert bob.person
    for seq, verdict in ((left, "reset"), (back - 1, "complete")):
        position = {"epoch": room["epoch"], "seq": seq}
        resume = {"sessionId": uuid7(), "rooms": {room["id"]: position}}
        client = await stage.enter(bob.person, resume=resume)
        assert client.welcome["rooms"][room["id"]]["verdict"] == verdict
        assert (await client.ask("room.join", **at, after=position))["verdict"] == verdict
        await client.settled()
        durable = client.durable(room)
        assert durable == ([] if verdict == "reset" else [back, back + 1] * (len(durable) // 2))


async def test_an_invited_user_may_look_and_does_not_speak(
    stage: Stage, ada: RawClient, bob: RawClient
) -> None:
    room = await stage.room(ada)
    await ada.ask("room.invite", roomId=room["id"], userIds=[bob.id])
    await ada.say(room, "come in")
    history = await bob.ask("chat.history", roomId=room["id"])
    assert [message["content"] for message in history["messages"]] == ["come in"]
    refused = await bob.refused(
        "chat.message", roomId=room["id"], content="not yet", clientId=uuid7()
    )
    assert refused["code"] == "forbidden"
    declined = await bob.ask("room.leave", roomId=room["id"])
    event = await ada.event("room.changed", roomId=room["id"], change="left")
    assert (event["seq"], event["by"]) == (declined["seq"], bob.id)


async def test_a_connection_joins_at_most_the_announced_number_of_rooms(
    stage: Stage, ada: RawClient
) -> None:
    assert ada.person
    limit = ada.welcome["limits"]["maxRooms"]
    refs = [await ada.send("room.create", kind="group", clientId=uuid7()) for _ in range(limit)]
    rooms = [(await ada.answer(ref))["room"]["id"] for ref in refs]
    more = (
        await (await stage.enter(ada.person)).ask("room.create", kind="group", clientId=uuid7())
    )["room"]
    assert (await ada.refused("room.create", kind="group", clientId=uuid7()))["code"] == "conflict"
    assert (await ada.refused("room.join", roomId=more["id"]))["code"] == "conflict"
    await ada.ask("room.join", roomId=rooms[0])
    await ada.ask("room.leave", roomId=rooms[0])
    await ada.ask("room.join", roomId=more["id"])


async def test_what_is_sent_behind_a_hello_that_resumes_in_that_many_rooms_gets_no_more(
    stage: Stage, ada: RawClient
) -> None:
    assert ada.person
    limit = ada.welcome["limits"]["maxRooms"]
    refs = [await ada.send("room.create", kind="group", clientId=uuid7()) for _ in range(limit)]
    rooms = [(await ada.answer(ref))["room"] for ref in refs]
    aside = await stage.enter(ada.person)
    more = (await aside.ask("room.create", kind="group", clientId=uuid7()))["room"]
    seen = {room["id"]: {"epoch": room["epoch"], "seq": room["head"]} for room in rooms}
    back = await stage.connect(ada.person)
    resume = {"sessionId": ada.welcome["sessionId"], "rooms": seen}
    await back.tell("hello", **hello(ada.person.token, resume))
    for _ in range(5):
        await back.send("room.create", kind="group", clientId=uuid7())
        await back.send("room.join", roomId=more["id"])
    last = await back.send("room.join", roomId=rooms[-1]["id"])
    welcome = await back.event("welcome")
    assert {judged["verdict"] for judged in welcome["rooms"].values()} == {"complete"}
    assert [(await back.answer(ref))["code"] for ref in range(1, last)] == ["conflict"] * 10
    assert (await back.answer(last))["type"] == "ok"
