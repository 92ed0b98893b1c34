"""docs/protocol-v1.md §2, §4 and §8 from outside: three people do everything at once, pipelined."""

import random
from typing import Final

import trio
from raw_client import Frame, RawClient, Stage, uuid7

COMMANDS: Final = 300
AT_ONCE: Final = 10
REFUSALS: Final = {
    "bad_request",
    "conflict",
    "forbidden",
    "not_found",
    "too_large",
    "unavailable",
}


class Talker:
    """Does what a seed says, `AT_ONCE` commands in flight. `known` ids are everybody's."""

    def __init__(self, client: RawClient, room: Frame, known: list[str], seed: int) -> None:
        self.client = client
        self.room_id = room["id"]
        self.refs: list[int] = []
        self.answers: list[Frame] = []
        self._known = known
        self._random = random.Random(seed)

    async def talk(self) -> None:
        for number in range(COMMANDS // AT_ONCE):
            for _ in range(AT_ONCE):
                kind, fields = self._next(number)
                self.refs.append(await self.client.send(kind, roomId=self.room_id, **fields))
            for ref in self.refs[-AT_ONCE:]:
                self.answers.append(await self.client.answer(ref))
            self._known += [
                one["messageId"] for one in self.answers[-AT_ONCE:] if "messageId" in one
            ]

    def _next(self, number: int) -> tuple[str, Frame]:
        is_active = self._random.random() < 0.5
        target = {"messageId": self._random.choice(self._known)}
        return self._random.choice(
            [
                ("chat.message", {"content": f"{number}", "clientId": uuid7()}),
                ("chat.message", {"content": f"{number}", "clientId": uuid7(age_ms=10**10)}),
                ("chat.edit", {**target, "content": f"{number}"}),
                ("chat.delete", target),
                ("chat.react", {**target, "emoji": "👍", "active": is_active}),
                ("chat.pin", {**target, "active": is_active}),
                ("chat.history", {"limit": 5}),
                ("chat.read", {"seq": number}),
                ("typing.indicator", {"active": is_active}),
                ("room.update", {"title": f"{number}"}),
                ("room.invite", {"userIds": [uuid7()]}),
                ("room.join", {}),
                ("chat.message", {"content": 7, "clientId": uuid7()}),
                ("chat.message", {"content": "x" * 9_000, "clientId": uuid7()}),
                ("plan.open", {}),
            ]
        )


async def test_everything_at_once_keeps_order_density_and_ok_before_event(
    stage: Stage, ada: RawClient, bob: RawClient, chen: RawClient
) -> None:
    clients = (ada, bob, chen)
    room = await stage.room(*clients)
    known = [(await ada.say(room, "first"))["messageId"]]
    talkers = [Talker(client, room, known, seed) for seed, client in enumerate(clients)]
    async with trio.open_nursery() as nursery:
        for talker in talkers:
            nursery.start_soon(talker.talk)
    head = (await ada.say(room, "last"))["seq"]
    for client in clients:
        await client.event("chat.message", seq=head)

    whole = events(ada, room)
    assert [event["seq"] for event in whole] == list(range(2, head + 1))
    for missed, talker in enumerate(talkers):
        client = talker.client
        assert events(client, room) == whole[missed:]
        answered = [frame["ref"] for frame in client.log if frame.get("ref") in talker.refs]
        assert answered == talker.refs
        refusals = {answer["code"] for answer in talker.answers if answer["type"] == "error"}
        assert refusals <= REFUSALS
        assert oks_after_their_events(client) == []


def events(client: RawClient, room: Frame) -> list[Frame]:
    return [frame for frame in client.log if "epoch" in frame and frame["roomId"] == room["id"]]


def oks_after_their_events(client: RawClient) -> list[str]:
    """Own messages whose event came before the `ok`."""
    answered: set[str] = set()
    early = []
    for frame in client.log:
        if frame["type"] == "ok" and "messageId" in frame:
            answered.add(frame["messageId"])
        elif frame["type"] == "chat.message" and frame["sender"]["id"] == client.id:
            early += [frame["messageId"]] if frame["messageId"] not in answered else []
    return early
