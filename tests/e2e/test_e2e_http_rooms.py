"""Rooms and the inbox over HTTP, and that they are the socket's rooms (docs/protocol-v1.md §4, §9)."""

from typing import Any

import pytest
import trio
from http_client import Caller, refusal, wrong_fields
from raw_client import Person, RawClient, Stage, register, uuid7
from server_process import ServerProcess

UNKNOWN = "00000000-0000-7000-8000-000000000000"
ROOM = {
    "id",
    "kind",
    "title",
    "settings",
    "members",
    "memberCount",
    "personas",
    "epoch",
    "head",
    "first",
    "read",
    "createdAt",
}


@pytest.fixture
def by_ada(protocol_server: ServerProcess, people: dict[str, Person]) -> Caller:
    return Caller(protocol_server.http, people["ada"])


@pytest.fixture
def by_bob(protocol_server: ServerProcess, people: dict[str, Person]) -> Caller:
    return Caller(protocol_server.http, people["bob"])


def made(caller: Caller, **fields: Any) -> dict[str, Any]:
    """A room that `caller` makes."""
    answer = caller.post("chat/rooms", {"kind": "group", "title": "Lisbon", **fields})
    assert answer.status_code == 201, answer.text
    room: dict[str, Any] = answer.json()["room"]
    return room


def listed(caller: Caller, room: dict[str, Any]) -> dict[str, Any]:
    """The room in the caller's list."""
    (item,) = [
        item for item in caller.get("chat/rooms").json()["items"] if item["id"] == room["id"]
    ]
    found: dict[str, Any] = item
    return found


def pages(caller: Caller, path: str, **query: Any) -> list[list[dict[str, Any]]]:
    """Every page of a list, followed by its cursor."""
    found = []
    while True:
        answer = caller.get(path, **query)
        assert answer.status_code == 200, answer.text
        assert {"items", "nextCursor"} <= set(answer.json())
        found.append(answer.json()["items"])
        if answer.json()["nextCursor"] is None:
            return found
        query["cursor"] = answer.json()["nextCursor"]


# Making and seeing.


async def test_a_room_made_over_http_is_the_sockets_room(
    by_ada: Caller, ada: RawClient, bob: RawClient
) -> None:
    room = made(by_ada, members=[bob.id])
    assert set(room) == ROOM

    await ada.ask("room.join", roomId=room["id"])
    await bob.ask("room.join", roomId=room["id"])
    await bob.say(room, "olá")

    assert (await ada.event("chat.message", roomId=room["id"]))["content"] == "olá"


async def test_a_room_made_over_the_socket_is_seen_over_http(
    by_ada: Caller, by_bob: Caller, stage: Stage, ada: RawClient, bob: RawClient
) -> None:
    room = await stage.room(ada, bob, title="Porto")

    seen = by_bob.get(f"chat/rooms/{room['id']}").json()["room"]
    members = by_bob.get(f"chat/rooms/{room['id']}/members").json()["items"]

    assert (seen["title"], seen["memberCount"]) == ("Porto", 2)
    assert listed(by_ada, room)["title"] == "Porto"
    told = {member["id"]: (member["name"], member["role"], member["state"]) for member in members}
    assert told == {ada.id: ("Ada", "owner", "joined"), bob.id: ("Bob", "member", "joined")}


def test_a_direct_pair_has_one_room_from_either_side(
    protocol_server: ServerProcess, by_ada: Caller, people: dict[str, Person]
) -> None:
    eve = register(protocol_server.http, "Eve")

    first = made(by_ada, kind="direct", title=None, members=[eve.id])
    second = made(
        Caller(protocol_server.http, eve), kind="direct", title=None, members=[people["ada"].id]
    )

    assert first["id"] == second["id"]


def test_to_anybody_else_a_room_does_not_exist(
    by_ada: Caller, protocol_server: ServerProcess, people: dict[str, Person]
) -> None:
    room = made(by_ada)
    dina = Caller(protocol_server.http, people["dina"])

    for room_id in (room["id"], UNKNOWN, "no-id", "x" * 80):
        for path in (f"chat/rooms/{room_id}", f"chat/rooms/{room_id}/members"):
            refusal(dina.get(path), 404, "not_found")
    assert room["id"] not in str(dina.get("chat/rooms").json())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("kind", "party"),
        ("kind", None),
        ("title", "x" * 201),
        ("title", "é" * 101),
        ("title", 5),
        ("members", "ada"),
        ("members", ["x"] * 101),
        ("history", "some"),
        ("clientId", "not-a-uuid"),
        ("clientId", "018f3a54-7c1b-4c1b-8c1b-018f3a547c1b"),
        ("owner", "me"),
    ],
)
def test_a_wrong_field_of_a_room_is_named(by_ada: Caller, field: str, value: object) -> None:
    body = {"kind": "group", "title": "Lisbon", field: value}
    body = {name: value for name, value in body.items() if value is not None}

    (named,) = wrong_fields(by_ada.post("chat/rooms", body))

    assert named.split(".")[0].split("[")[0] == field


def test_an_unknown_member_makes_no_room(by_ada: Caller) -> None:
    before = by_ada.get("chat/rooms").json()["items"]

    answer = by_ada.post("chat/rooms", {"kind": "group", "title": "x", "members": [UNKNOWN]})

    assert answer.status_code in (400, 404)
    assert by_ada.get("chat/rooms").json()["items"] == before


def test_the_same_client_id_makes_one_room(by_ada: Caller) -> None:
    client_id = uuid7()

    first, second = (made(by_ada, clientId=each) for each in (client_id, client_id.upper()))

    assert first["id"] == second["id"]


# Lists.


def test_lists_are_whole_whatever_the_size_of_a_page(
    protocol_server: ServerProcess, people: dict[str, Person]
) -> None:
    eve = register(protocol_server.http, "Eve")
    caller = Caller(protocol_server.http, eve)
    rooms = [made(caller, title=str(n))["id"] for n in range(5)]

    for limit, sizes in ((2, [2, 2, 1]), (5, [5]), (100, [5])):
        found = pages(caller, "chat/rooms", limit=limit)
        assert [len(page) for page in found] == sizes
        assert [item["id"] for page in found for item in page] == rooms[::-1]

    room = made(caller, members=[person.id for person in people.values()])
    found = pages(caller, f"chat/rooms/{room['id']}/members", limit=2)
    assert [len(page) for page in found] == [2, 2, 1]
    everybody = {eve.id, *(person.id for person in people.values())}
    assert {member["id"] for page in found for member in page} == everybody


@pytest.mark.parametrize("path", ["chat/rooms", "inbox"])
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("limit", 0),
        ("limit", 101),
        ("limit", "ten"),
        ("limit", -1),
        ("cursor", "nonsense"),
        ("cursor", "null"),
        ("page", 2),
    ],
)
def test_a_wrong_page_is_named(by_ada: Caller, path: str, field: str, value: object) -> None:
    assert wrong_fields(by_ada.get(path, **{field: value})) == [field]


async def test_unread_counts_what_came_after_ones_mark_and_last_is_the_newest(
    by_ada: Caller, by_bob: Caller, stage: Stage, ada: RawClient, bob: RawClient
) -> None:
    room = await stage.room(ada, bob)
    for text in ("one", "two", "three"):
        said = await ada.say(room, text)

    item = listed(by_bob, room)
    assert item["last"]["content"] == "three"
    assert item["last"]["messageId"] == said["messageId"]
    assert item["head"] == said["seq"]
    await bob.ask("chat.read", roomId=room["id"], seq=said["seq"] - 1)
    await bob.settled()

    async def unread() -> int:
        return int(listed(by_bob, room)["unread"])

    with trio.fail_after(3):
        while await unread() != 1:
            await trio.sleep(0.05)
    await ada.ask(
        "chat.edit", roomId=room["id"], messageId=said["messageId"], content="three, edited"
    )
    assert listed(by_bob, room)["last"]["content"] == "three, edited"
    await ada.ask("chat.delete", roomId=room["id"], messageId=said["messageId"])
    last = listed(by_bob, room)["last"]
    assert (last["messageId"], last["content"]) == (said["messageId"], "")


# Invitations.


async def test_an_invitation_made_over_http_arrives_and_stays_in_the_inbox(
    protocol_server: ServerProcess, by_ada: Caller, stage: Stage
) -> None:
    eve = register(protocol_server.http, "Eve")
    caller = Caller(protocol_server.http, eve)
    client = await stage.enter(eve)

    room = made(by_ada, members=[eve.id])
    invited = await client.event("room.invited", inbox=1)

    assert invited["room"]["id"] == room["id"]
    answer = caller.get("inbox").json()
    assert answer["head"] == 1
    (item,) = answer["items"]
    assert (item["type"], item["inbox"], item["room"]["id"]) == ("room.invited", 1, room["id"])
    assert listed(caller, room)["state"] == "invited"


async def test_invitations_do_not_wait_for_the_outboxs_own_look(
    by_ada: Caller, bob: RawClient
) -> None:
    """It looks each second by itself: whoever has just waited for that waits a second more."""
    took = []
    for _ in range(4):
        began = trio.current_time()
        room = made(by_ada, members=[bob.id])
        while (await bob.event("room.invited"))["room"]["id"] != room["id"]:
            pass
        took.append(trio.current_time() - began)
    assert min(took[1:]) < 0.7, took


async def test_the_inbox_is_read_in_pages_and_after_a_place(
    by_ada: Caller, protocol_server: ServerProcess, stage: Stage
) -> None:
    eve = register(protocol_server.http, "Eve")
    caller = Caller(protocol_server.http, eve)
    assert caller.get("inbox").json() == {"items": [], "nextCursor": None, "head": 0}
    client = await stage.enter(eve)
    rooms = []
    for _ in range(5):
        rooms.append(made(by_ada, members=[eve.id])["id"])
        await client.event("room.invited")

    found = pages(caller, "inbox", limit=2)

    assert [len(page) for page in found] == [2, 2, 1]
    told = [(item["inbox"], item["room"]["id"]) for page in found for item in page]
    assert told == list(enumerate(rooms, 1))
    assert [item["inbox"] for item in caller.get("inbox", after=3).json()["items"]] == [4, 5]
    assert caller.get("inbox", after=5).json()["items"] == []
    for wrong in ("x", -1, "null"):
        assert wrong_fields(caller.get("inbox", after=wrong)) == ["after"]


async def test_nobody_reads_anothers_inbox(
    by_ada: Caller, by_bob: Caller, bob: RawClient, people: dict[str, Person]
) -> None:
    room = made(by_ada, members=[bob.id])
    await bob.event("room.invited")

    chen = Caller(by_ada.http, people["chen"])
    assert room["id"] not in str(chen.get("inbox", limit=100).json())
