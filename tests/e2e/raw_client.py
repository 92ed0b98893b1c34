"""A client without any help: no retries, no dedupe, no order of its own. What came is what is seen."""

import random
import secrets
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import msgpack
import trio
import trio_websocket
from asyncapi_reader import closed_contract

Frame = dict[str, Any]
SUBPROTOCOL: Final = "caravan.v1.msgpack"
PATIENCE: Final = 5.0
PASSWORD: Final = "a long enough password"
# One client, since making one reads every certificate of the machine; no connection is kept, since
# servers come and go.
CLIENT: Final = httpx.Client(
    timeout=30.0, trust_env=False, limits=httpx.Limits(max_keepalive_connections=0)
)


ERROR_CODES: Final = {
    *("bad_request", "unauthenticated", "forbidden", "not_found", "conflict", "too_large"),
    *("rate_limited", "overloaded", "unavailable", "model_failed", "gds_timeout"),
    *("payment_declined", "price_changed", "persona_limit", "internal"),
}
ERROR_FIELDS: Final = {
    *("type", "ref", "code", "message", "temporary", "retryAfterMs", "fields", "reference"),
    "quote",
}
DURABLE_FIELDS: Final = {"type", "roomId", "epoch", "seq", "sentAt"}


def uuid7(age_ms: int = 0) -> str:
    """A client's id, as RFC 9562 lays it out; of a clock that is `age_ms` late."""
    value = time.time_ns() // 1_000_000 - age_ms << 80 | 7 << 76 | random.getrandbits(12) << 64
    return str(uuid.UUID(int=value | 2 << 62 | random.getrandbits(62)))


@dataclass(frozen=True)
class Person:
    """A registered user and one login."""

    id: str
    handle: str
    name: str
    token: str
    refresh: str
    locale: str


def register(http: str, name: str, *, locale: str = "en") -> Person:
    """A new account."""
    handle = f"{name.lower()}_{secrets.token_hex(5)}"
    body = {
        "email": f"{handle}@caravan.test",
        "password": PASSWORD,
        "name": name,
        "handle": handle,
        "locale": locale,
    }
    return _person(_post(http, "auth/register", body), 201)


def newcomers(http: str) -> dict[str, Person]:
    """Four of them. Files that book have their own: whoever opens six bookings in a day is looked at by hand."""
    return {name: register(http, name.title()) for name in ("ada", "bob", "chen", "dina")}


def login(http: str, person: Person) -> Person:
    """The same user with another login."""
    body = {"handle": person.handle, "password": PASSWORD}
    return _person(_post(http, "auth/login", body), 200)


def renewed(http: str, person: Person) -> Person:
    """The same login with new tokens."""
    return _person(_post(http, "auth/refresh", {"refreshToken": person.refresh}), 200)


def _post(http: str, path: str, body: Frame) -> httpx.Response:
    return CLIENT.post(f"{http}/api/v1/{path}", json=body)


def _person(answer: httpx.Response, status: int) -> Person:
    assert answer.status_code == status, answer.text
    body = answer.json()
    user = body["user"]
    return Person(
        user["id"],
        user["handle"],
        user["name"],
        body["accessToken"],
        body["refreshToken"],
        user["locale"],
    )


def call(http: str, method: str, path: str, person: Person) -> httpx.Response:
    """One HTTP call as a person."""
    headers = {"Authorization": f"Bearer {person.token}"}
    return CLIENT.request(method, f"{http}/api/v1/{path}", headers=headers)


def demand_conformance(frame: Frame, size: int) -> None:
    """What holds for every frame of a server (§1, §4, §7)."""
    assert isinstance(frame, dict)
    assert isinstance(frame["type"], str)
    assert size <= 256 * 1024
    if frame["type"] == "error":
        assert {"type", "code", "message", "temporary"} <= set(frame) <= ERROR_FIELDS
        assert frame["code"] in ERROR_CODES
        assert frame["message"]
        assert isinstance(frame["temporary"], bool)
        assert all(set(field) == {"field", "message"} for field in frame.get("fields", ()))
    if "epoch" in frame:
        assert set(frame) >= DURABLE_FIELDS
        assert isinstance(frame["sentAt"], int)
        assert len(frame["epoch"].encode()) <= 36


class Closed(Exception):
    """The server ended the connection with this code."""

    def __init__(self, code: int | None) -> None:
        super().__init__(code)
        self.code = code


class RawClient:
    """`log` holds every frame ever received, in order; `sizes` their bytes. What nobody has asked
    for yet waits in `_unread`. Each wait ends after `PATIENCE`."""

    def __init__(
        self, websocket: trio_websocket.WebSocketConnection, person: Person | None
    ) -> None:
        self.websocket = websocket
        self.person = person
        self.welcome: Frame = {}
        self.log: list[Frame] = []
        self.sizes: list[int] = []
        self._unread: list[Frame] = []
        self._ref = 0
        self._asked: dict[object, str] = {}

    @property
    def id(self) -> str:
        assert self.person is not None
        return self.person.id

    # Sending.

    async def send_bytes(self, data: bytes | str) -> None:
        await self.websocket.send_message(data)

    async def tell(self, kind: str, /, **fields: object) -> None:
        """Send a command without `ref`, unless one is given."""
        self._asked[fields.get("ref")] = kind
        await self.send_bytes(msgpack.packb({"type": kind, **fields}))

    async def send(self, kind: str, /, **fields: object) -> int:
        """Send a command; its ref."""
        self._ref += 1
        await self.tell(kind, ref=self._ref, **fields)
        return self._ref

    async def ask(self, kind: str, /, **fields: object) -> Frame:
        """Send a command and return its `ok`."""
        answer = await self.answer(await self.send(kind, **fields))
        assert answer["type"] == "ok", (kind, answer)
        return answer

    async def refused(self, kind: str, /, **fields: object) -> Frame:
        """Send a command and return its `error`."""
        answer = await self.answer(await self.send(kind, **fields))
        assert answer["type"] == "error", (kind, answer)
        return answer

    async def say(self, room: Frame, content: str, **fields: object) -> Frame:
        """Post a message; its `ok`."""
        return await self.ask(
            "chat.message",
            **{"roomId": room["id"], "content": content, "clientId": uuid7(), **fields},
        )

    # Receiving.

    async def receive(self) -> Frame:
        """The next frame from the socket. Raises `Closed`."""
        try:
            with trio.fail_after(PATIENCE):
                data = await self.websocket.get_message()
        except trio_websocket.ConnectionClosed as closed:
            raise Closed(closed.reason.code if closed.reason else None) from None
        assert isinstance(data, bytes), "the server sent a text message"
        frame = msgpack.unpackb(data)
        demand_conformance(frame, len(data))
        asked = self._asked.get(frame.get("ref"))
        assert closed_contract().problems_of_server(frame, asked) == []
        self.log.append(frame)
        self.sizes.append(len(data))
        return frame

    async def find(self, fits: Callable[[Frame], bool]) -> Frame:
        """The first unread frame that fits; the others stay unread."""
        for place, frame in enumerate(self._unread):
            if fits(frame):
                return self._unread.pop(place)
        while True:
            frame = await self.receive()
            if fits(frame):
                return frame
            self._unread.append(frame)

    async def answer(self, ref: int) -> Frame:
        return await self.find(lambda frame: frame.get("ref") == ref)

    async def event(self, kind: str, /, **fields: object) -> Frame:
        """The first unread event of this type with these fields."""
        return await self.find(
            lambda frame: (
                frame["type"] == kind
                and all(frame.get(name) == value for name, value in fields.items())
            )
        )

    async def error(self) -> Frame:
        """The first unread `error` without `ref`."""
        return await self.find(lambda frame: frame["type"] == "error" and "ref" not in frame)

    async def ending(self) -> tuple[list[Frame], int | None]:
        """Everything until the server closes, and its close code."""
        frames, self._unread = self._unread, []
        try:
            while True:
                frames.append(await self.receive())
        except Closed as closed:
            return frames, closed.code

    async def settled(self) -> None:
        """Until a ping that is sent now comes back: what was sent before is in `log`."""
        mark = random.getrandbits(40)
        await self.tell("ping", t=mark)
        await self.event("pong", t=mark)

    def seen(self, kind: str, /, **fields: object) -> list[Frame]:
        """All frames of this type received so far, read or not."""
        return [
            frame
            for frame in self.log
            if frame["type"] == kind
            and all(frame.get(name) == value for name, value in fields.items())
        ]

    def durable(self, room: Frame) -> list[int]:
        """The `seq` of every durable event of the room, in the order received."""
        return [
            frame["seq"]
            for frame in self.log
            if frame.get("roomId") == room["id"] and "epoch" in frame
        ]


class Stage:
    """One server, and the connections of one test to it. Owns: the connections."""

    def __init__(self, http: str, ws: str, nursery: trio.Nursery) -> None:
        self.http = http
        self.ws = ws
        self._nursery = nursery
        self._streams: list[trio.SocketStream] = []

    async def end(self) -> None:
        """Cut every connection."""
        self._nursery.cancel_scope.cancel()
        for stream in self._streams:
            await trio.aclose_forcefully(stream)

    async def connect(self, person: Person | None = None) -> RawClient:
        """Connected; nothing said yet."""
        address = urlsplit(self.ws)
        stream = await trio.open_tcp_stream(str(address.hostname), address.port or 0)
        self._streams.append(stream)
        websocket = await trio_websocket.wrap_client_stream(
            self._nursery,
            stream,
            address.netloc,
            address.path,
            subprotocols=[SUBPROTOCOL],
            message_queue_size=8,
            max_message_size=1 << 24,
            receive_buffer_size=1 << 16,
        )
        return RawClient(websocket, person)

    async def enter(self, person: Person, *, resume: Frame | None = None) -> RawClient:
        """Welcomed."""
        client = await self.connect(person)
        await client.tell("hello", **hello(person.token, resume))
        client.welcome = await client.receive()
        assert client.welcome["type"] == "welcome", client.welcome
        return client

    async def room(self, owner: RawClient, *members: RawClient, **fields: object) -> Frame:
        """A group with these members, all of whom have joined on these connections; as it was
        made. What they saw of one another's joining is read."""
        made = await owner.ask(
            "room.create",
            **{
                "kind": "group",
                "clientId": uuid7(),
                "title": "Lisbon",
                "members": [member.id for member in members],
                **fields,
            },
        )
        room: Frame = made["room"]
        for member in members:
            await member.ask("room.join", roomId=room["id"])
        for place, member in enumerate(members):
            for earlier in (owner, *members[:place]):
                await earlier.event("room.changed", roomId=room["id"], by=member.id)
        return room

    async def leave(self, client: RawClient) -> None:
        """Close normally."""
        await client.websocket.aclose()


def hello(token: str, resume: Frame | None = None) -> Frame:
    said: Frame = {"token": token, "client": {"name": "conformance", "version": "1"}}
    return said if resume is None else said | {"resume": resume}


@asynccontextmanager
async def on_stage(http: str, ws: str) -> AsyncIterator[Stage]:
    async with trio.open_nursery() as nursery:
        stage = Stage(http, ws, nursery)
        try:
            yield stage
        finally:
            with trio.CancelScope(shield=True):
                await stage.end()
