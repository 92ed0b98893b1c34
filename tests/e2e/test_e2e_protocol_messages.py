"""docs/protocol-v1.md §4 from outside: messages, their changes, history and search."""

import pytest
import trio
from raw_client import Frame, RawClient, Stage, uuid7

EVENT = {"type", "roomId", "epoch", "seq", "sentAt"}


def contents(answer: Frame) -> list[str]:
    return [message["content"] for message in answer["messages"]]


def seqs(answer: Frame) -> list[int]:
    return [message["seq"] for message in answer["messages"]]


# `chat.message`.


async def test_a_message_is_answered_and_seen_as_the_page_says(
    stage: Stage, ada: RawClient, bob: RawClient
) -> None:
    room = await stage.room(ada, bob)
    client_id = uuid7()
    first = await ada.say(room, "hello", clientId=client_id)
    assert set(first) == {"type", "ref", "seq", "messageId", "sentAt"}
    assert first["seq"] == 3
    for client in (ada, bob):
        event = await client.event("chat.message", roomId=room["id"])
        assert set(event) == EVENT | {"messageId", "sender", "content", "clientId"}
        assert (event["epoch"], event["clientId"]) == (room["epoch"], client_id)
        assert {name: event[name] for name in ("seq", "messageId", "sentAt")} == {
            name: first[name] for name in ("seq", "messageId", "sentAt")
        }
        assert ada.person
        assert event["sender"] == {"id": ada.id, "kind": "user", "name": ada.person.name}

    files = [{"url": "https://caravan.test/map.png", "name": "map.png"}]
    await bob.say(room, "see", replyTo=first["messageId"], attachments=files, mentions=[ada.id])
    event = await ada.event("chat.message", content="see")
    assert (event["replyTo"], event["attachments"]) == (first["messageId"], files)


async def test_a_repeated_client_id_gets_the_first_ok_and_appears_once(
    stage: Stage, ada: RawClient, bob: RawClient
) -> None:
    room, other = await stage.room(ada, bob), await stage.room(ada)
    client_id = uuid7()
    fields = {"roomId": room["id"], "clientId": client_id}
    refs = [await ada.send("chat.message", **fields, content=f"try {n}") for n in range(5)]
    answers = [await ada.answer(ref) for ref in refs]
    first = without(answers[0], "ref")
    assert all(without(answer, "ref") == first for answer in answers)

    assert ada.person
    await stage.leave(ada)
    again = await stage.enter(ada.person)
    repeat = await again.say(room, "after reconnecting", clientId=client_id.upper())
    assert without(repeat, "ref") == first

    # Unique per sender and room: another sender's, another room's are new.
    assert (await bob.say(room, "mine", clientId=client_id))["messageId"] != first["messageId"]
    assert (await again.say(other, "there", clientId=client_id))["messageId"] != first["messageId"]
    assert contents(await bob.ask("chat.history", roomId=room["id"])) == ["try 0", "mine"]


def without(frame: Frame, *names: str) -> Frame:
    return {name: value for name, value in frame.items() if name not in names}


@pytest.mark.parametrize(
    ("kind", "fields", "code", "field"),
    [
        ("chat.message", {"content": "é" * 4_097}, "too_large", "content"),
        ("chat.message", {"content": ""}, "bad_request", "content"),
        ("chat.message", {"content": " \n\t\u2003"}, "bad_request", "content"),
        ("chat.message", {"clientId": "x"}, "bad_request", "clientId"),
        (
            "chat.message",
            {"clientId": "6ba7b810-9dad-41d1-80b4-00c04fd430c8"},
            "bad_request",
            "clientId",
        ),
        ("chat.message", {"mentions": ["u"] * 11}, "bad_request", "mentions"),
        (
            "chat.message",
            {"attachments": [{"url": "https://a.test/"}] * 11},
            "bad_request",
            "attachments",
        ),
        ("chat.message", {"replyTo": "nothing"}, "not_found", "replyTo"),
        ("chat.edit", {"content": "x" * 8_193}, "too_large", "content"),
        ("chat.edit", {"messageId": "nothing"}, "not_found", "messageId"),
        ("chat.react", {"emoji": "x" * 33}, "too_large", "emoji"),
        ("chat.react", {"emoji": ""}, "bad_request", "emoji"),
        ("chat.history", {"limit": 201}, "bad_request", "limit"),
        ("chat.history", {"limit": 0}, "bad_request", "limit"),
        ("chat.history", {"before": 5, "after": 2}, "bad_request", "after"),
        ("chat.search", {"query": "x" * 201}, "too_large", "query"),
        ("chat.search", {"query": " "}, "bad_request", "query"),
        ("room.update", {"title": "x" * 201}, "too_large", "title"),
    ],
)
async def test_what_is_too_large_or_wrong_names_its_field_and_changes_nothing(
    stage: Stage, ada: RawClient, kind: str, fields: Frame, code: str, field: str
) -> None:
    room = await stage.room(ada)
    said = await ada.say(room, "stands")
    good: dict[str, Frame] = {
        "chat.message": {"content": "x", "clientId": uuid7()},
        "chat.edit": {"messageId": said["messageId"], "content": "x"},
        "chat.react": {"messageId": said["messageId"], "emoji": "👍", "active": True},
    }
    error = await ada.refused(kind, **{"roomId": room["id"], **good.get(kind, {}), **fields})
    assert (error["code"], error["temporary"]) == (code, False)
    assert error["message"]
    assert error["fields"][0]["field"] == field
    assert error["fields"][0]["message"]
    assert (await ada.ask("room.join", roomId=room["id"]))["room"]["head"] == said["seq"]


async def test_two_connections_with_one_client_id_write_one_message(
    stage: Stage, ada: RawClient
) -> None:
    assert ada.person
    other = await stage.enter(ada.person)
    room = await stage.room(ada)
    await other.ask("room.join", roomId=room["id"])
    seqs_of: dict[str, set[int]] = {}
    for _ in range(20):
        fields = {"roomId": room["id"], "clientId": uuid7()}
        refs = [
            (client, await client.send("chat.message", **fields, content="x"))
            for client in (ada, other)
        ]
        seqs_of[fields["clientId"]] = {(await client.answer(ref))["seq"] for client, ref in refs}
    assert all(len(seqs) == 1 for seqs in seqs_of.values())
    for client in (ada, other):
        await client.event("chat.message", seq=21)
        assert client.durable(room) == list(range(2, 22))


async def test_the_largest_text_goes_through(stage: Stage, ada: RawClient) -> None:
    room = await stage.room(ada)
    await ada.say(room, "é" * 4_096)
    assert (await ada.event("chat.message"))["content"] == "é" * 4_096


# Edits, deletions, reactions, pins.


async def test_changes_are_events_and_a_repeat_has_the_first_seq(
    stage: Stage, ada: RawClient, bob: RawClient
) -> None:
    room = await stage.room(ada, bob)
    said = await ada.say(room, "frist")
    at = {"roomId": room["id"], "messageId": said["messageId"]}
    changes: list[tuple[RawClient, str, Frame, str]] = [
        (ada, "chat.edit", {"content": "first"}, "chat.edited"),
        (bob, "chat.react", {"emoji": "👍", "active": True}, "chat.reacted"),
        (bob, "chat.pin", {"active": True}, "chat.pinned"),
        (bob, "chat.react", {"emoji": "👍", "active": False}, "chat.reacted"),
        (ada, "chat.pin", {"active": False}, "chat.pinned"),
        (ada, "chat.delete", {}, "chat.deleted"),
    ]
    for expected, (actor, kind, fields, event_type) in enumerate(changes, said["seq"] + 1):
        answer = await actor.ask(kind, **at, **fields)
        assert (set(answer), answer["seq"]) == ({"type", "ref", "seq"}, expected)
        assert (await actor.ask(kind, **at, **fields))["seq"] == expected
        for client in (ada, bob):
            event = await client.event(event_type, roomId=room["id"], seq=expected)
            assert set(event) == EVENT | {"messageId", "by"} | set(fields)
            assert event["by"] == actor.id
            assert {name: event[name] for name in fields} == fields
    assert (
        ada.durable(room)[-7:]
        == bob.durable(room)[-7:]
        == list(range(said["seq"], said["seq"] + 7))
    )


async def test_the_author_edits_and_the_owner_deletes_too(
    stage: Stage, ada: RawClient, bob: RawClient, chen: RawClient
) -> None:
    room = await stage.room(ada, bob, chen)
    said = await bob.say(room, "bob's")
    at = {"roomId": room["id"], "messageId": said["messageId"]}
    assert (await ada.refused("chat.edit", **at, content="ada's"))["code"] == "forbidden"
    assert (await chen.refused("chat.delete", **at))["code"] == "forbidden"
    await ada.ask("chat.delete", **at)
    for kind, fields in {
        "chat.edit": {"content": "again"},
        "chat.react": {"emoji": "👍", "active": True},
        "chat.pin": {"active": True},
    }.items():
        assert (await bob.refused(kind, **at, **fields))["code"] == "conflict", kind


async def test_history_shows_messages_in_their_present_state(
    stage: Stage, ada: RawClient, bob: RawClient
) -> None:
    room = await stage.room(ada, bob)
    ids = [(await ada.say(room, text))["messageId"] for text in ("plain", "edited", "gone")]
    at = {"roomId": room["id"]}
    await ada.ask("chat.edit", **at, messageId=ids[1], content="changed")
    for client, emoji in ((ada, "👍"), (bob, "👍"), (bob, "🎉")):
        await client.ask("chat.react", **at, messageId=ids[1], emoji=emoji, active=True)
    await bob.ask("chat.pin", **at, messageId=ids[1], active=True)
    await ada.ask("chat.delete", **at, messageId=ids[2])

    answer = await ada.ask("chat.history", **at)
    assert set(answer) == {"type", "ref", "messages", "hasMore"}
    plain, edited, gone = answer["messages"]
    assert set(plain) == EVENT | {"messageId", "sender", "content", "clientId"}
    assert plain["type"] == "chat.message"
    assert edited["content"] == "changed"
    assert edited["edited"] >= edited["sentAt"]
    assert edited["pinned"] is True
    assert sorted(edited["reactions"], key=lambda one: str(one["emoji"])) == sorted(
        [
            {"emoji": "👍", "count": 2, "mine": True},
            {"emoji": "🎉", "count": 1, "mine": False},
        ],
        key=lambda one: str(one["emoji"]),
    )
    assert (gone["content"], gone["deleted"]) == ("", True)


async def test_a_deleted_text_is_gone_from_replay_too(
    stage: Stage, ada: RawClient, bob: RawClient
) -> None:
    room = await stage.room(ada, bob)
    at = {"roomId": room["id"]}
    said = await ada.say(room, "my secret number")
    await ada.ask("chat.edit", **at, messageId=said["messageId"], content="my secret word")
    deleted = await ada.ask("chat.delete", **at, messageId=said["messageId"])

    assert bob.person
    late = await stage.enter(bob.person)
    after = {"epoch": room["epoch"], "seq": said["seq"] - 1}
    await late.ask("room.join", **at, after=after)
    await late.event("chat.deleted", seq=deleted["seq"])
    assert late.durable(room) == [said["seq"], said["seq"] + 1, deleted["seq"]]
    texts = [frame["content"] for frame in late.log if "content" in frame]
    assert not [text for text in texts if "secret" in text]


# `chat.read`, `chat.history`, `chat.search`.


async def test_the_read_mark_moves_forward_only(
    stage: Stage, ada: RawClient, bob: RawClient
) -> None:
    room = await stage.room(ada, bob)
    head = [(await ada.say(room, "x"))["seq"] for _ in range(3)][-1]
    for seq, read in ((head - 1, head - 1), (head - 2, head - 1), (head, head), (head + 99, head)):
        answer = await bob.ask("chat.read", roomId=room["id"], seq=seq)
        assert set(answer) == {"type", "ref"}
        assert (await bob.ask("room.join", roomId=room["id"]))["room"]["read"] == read
    assert (await ada.ask("room.join", roomId=room["id"]))["room"]["read"] < head


async def test_history_is_read_before_after_and_around(stage: Stage, ada: RawClient) -> None:
    room = await stage.room(ada)
    at = {"roomId": room["id"]}
    refs = []
    for number in range(60):
        fields = {"content": f"{number}", "clientId": uuid7()}
        refs.append(await ada.send("chat.message", **at, **fields))
    said = [(await ada.answer(ref))["seq"] for ref in refs]

    newest = await ada.ask("chat.history", **at)
    assert (seqs(newest), newest["hasMore"]) == (said[10:], True)
    older = await ada.ask("chat.history", **at, before=said[10], limit=10)
    assert (seqs(older), older["hasMore"]) == (said[:10], False)
    middle = await ada.ask("chat.history", **at, before=said[20], limit=5)
    assert (seqs(middle), middle["hasMore"]) == (said[15:20], True)
    newer = await ada.ask("chat.history", **at, after=said[54], limit=5)
    assert (seqs(newer), newer["hasMore"]) == (said[55:60], False)
    some = await ada.ask("chat.history", **at, after=0, limit=3)
    assert (seqs(some), some["hasMore"]) == (said[:3], True)

    around = await ada.ask("chat.history", **at, around=said[30], limit=5)
    assert set(around) == {"type", "ref", "messages", "hasMoreBefore", "hasMoreAfter"}
    assert said[30] in seqs(around)
    place = said.index(seqs(around)[0])
    assert seqs(around) == said[place : place + 5]
    assert (around["hasMoreBefore"], around["hasMoreAfter"]) == (True, True)
    first = await ada.ask("chat.history", **at, around=said[0], limit=4)
    assert (first["hasMoreBefore"], first["hasMoreAfter"]) == (False, True)
    last = await ada.ask("chat.history", **at, around=said[-1], limit=4)
    assert (last["hasMoreBefore"], last["hasMoreAfter"]) == (True, False)
    assert said[-1] in seqs(last)


async def test_a_big_history_comes_in_parts_of_at_most_256_kib(
    stage: Stage, ada: RawClient
) -> None:
    """`RawClient.receive` refuses every larger frame."""
    room = await stage.room(ada)
    refs = []
    for _ in range(70):
        fields = {"content": "x" * 8_192, "clientId": uuid7()}
        refs.append(await ada.send("chat.message", roomId=room["id"], **fields))
    said = [(await ada.answer(ref))["seq"] for ref in refs]

    collected: list[int] = []
    more: Frame = {"hasMore": True}
    while more["hasMore"]:
        before = {"before": collected[0]} if collected else {}
        more = await ada.ask("chat.history", roomId=room["id"], limit=200, **before)
        assert more["messages"]
        collected = seqs(more) + collected
    assert collected == said

    collected = [0]
    more = {"hasMore": True}
    while more["hasMore"]:
        more = await ada.ask("chat.history", roomId=room["id"], limit=200, after=collected[-1])
        collected += seqs(more)
    assert collected[1:] == said

    around = await ada.ask("chat.history", roomId=room["id"], limit=200, around=said[35])
    assert said[35] in seqs(around)
    assert (around["hasMoreBefore"], around["hasMoreAfter"]) == (True, True)


async def found(client: RawClient, expected: list[str], **fields: object) -> Frame:
    """Search until the index, which follows the log, has caught up."""
    with trio.fail_after(5):
        while True:
            answer = await client.ask("chat.search", **fields)
            if contents(answer) == expected:
                return answer
            await trio.sleep(0.02)


async def test_search_finds_what_its_asker_may_read(
    stage: Stage, ada: RawClient, bob: RawClient, chen: RawClient
) -> None:
    word = f"zanzibar{uuid7()[-8:]}"
    room, other = await stage.room(ada, bob), await stage.room(ada)
    first = await ada.say(room, f"{word} one")
    second = await bob.say(room, f"{word} two")
    await ada.say(other, f"{word} elsewhere")
    at = {"roomId": room["id"]}

    await found(ada, [f"{word} elsewhere", f"{word} two", f"{word} one"], query=word)
    answer = await found(bob, [f"{word} two", f"{word} one"], query=word)
    assert set(answer) == {"type", "ref", "messages", "hasMore"}
    assert answer["hasMore"] is False
    await found(ada, [f"{word} two", f"{word} one"], query=word, **at)
    await found(ada, [f"{word} two"], query=word, **{"from": bob.id})
    await found(ada, [f"{word} one"], query=word, before=second["sentAt"], **at)
    page = await found(ada, [f"{word} two"], query=word, limit=1, **at)
    assert page["hasMore"] is True
    assert contents(await chen.ask("chat.search", query=word)) == []

    # A newcomer finds nothing older than his invitation, and edits and deletions are followed.
    await ada.ask("room.invite", **at, userIds=[chen.id])
    await ada.ask("chat.edit", **at, messageId=first["messageId"], content="another word")
    await bob.ask("chat.delete", **at, messageId=second["messageId"])
    await ada.say(room, f"{word} three")
    await found(chen, [f"{word} three"], query=word)
    await found(bob, [f"{word} three"], query=word)
    await found(bob, ["another word"], query="another", **at)
    await ada.ask("room.remove", **at, userId=bob.id)
    assert contents(await bob.ask("chat.search", query=word)) == []


# Replay against live traffic.


async def test_joining_while_others_write_leaves_no_gap_and_no_double(
    stage: Stage, ada: RawClient, bob: RawClient
) -> None:
    room = await stage.room(ada, bob)
    head = 2 + 2 * EACH
    assert bob.person
    late = [await stage.enter(bob.person) for _ in range(6)]
    async with trio.open_nursery() as nursery:
        for writer in (ada, bob):
            nursery.start_soon(write, writer, room)
        for number, client in enumerate(late):
            watched = ada if number % 2 else bob
            nursery.start_soon(come_in, client, room, number, watched)
    for client in (ada, bob, *late):
        if head not in client.durable(room):
            await client.event("chat.message", seq=head)
    order = [frame["messageId"] for frame in ada.seen("chat.message", roomId=room["id"])]
    assert len(set(order)) == 2 * EACH
    for number, client in enumerate(late):
        assert client.durable(room) == list(range(number + 1, head + 1))
        seen = [frame["messageId"] for frame in client.seen("chat.message", roomId=room["id"])]
        assert seen == order[max(0, number - 2) :]


EACH = 300


async def write(client: RawClient, room: Frame) -> None:
    for number in range(EACH):
        fields = {"content": f"{number}", "clientId": uuid7()}
        ref = await client.send("chat.message", roomId=room["id"], **fields)
        if number % 20 == 19:
            await client.answer(ref)


async def come_in(client: RawClient, room: Frame, number: int, watched: RawClient) -> None:
    """Join from behind event `number`, once many more are there."""
    with trio.fail_after(10):
        while watched.durable(room)[-1:] < [50 + 80 * number]:
            await trio.sleep(0.001)
    after = {"epoch": room["epoch"], "seq": number}
    answer = await client.ask("room.join", roomId=room["id"], after=after)
    assert (answer["verdict"], client.durable(room)) == ("complete", [])
