"""A client by somebody who has docs/asyncapi.json, MessagePack, a WebSocket, and nothing of ours.

It knows no name of the protocol by heart: types, answers, correlation, subprotocol and address are
looked up. Every frame in either direction is held against the document.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import msgpack
import trio
import trio_websocket
from asyncapi_reader import Contract, Json

PATIENCE: Final = 5.0


class Unexpected(Exception):
    """A frame that the document does not know, or not here."""


class Stranger:
    """One connection. `events` holds what came unasked: (operation, payload), oldest first."""

    def __init__(self, contract: Contract, websocket: trio_websocket.WebSocketConnection) -> None:
        self.events: list[tuple[str, Json]] = []
        self._contract = contract
        self._websocket = websocket
        self._operations = contract.document["operations"]
        self._calls = 0

    async def call(self, operation: str, /, **fields: object) -> Json:
        """Carry out an operation that sends; what replied to it, an error included."""
        described = self._operations[operation]
        message = self._message(described["messages"][0])
        payload = {"type": self._described(message)["name"], **fields}
        place = self._correlation(message)
        if place is not None and place not in payload:
            self._calls += 1
            payload[place] = self._calls
        self._demand(message, payload)
        await self._websocket.send_message(msgpack.packb(payload))
        wanted = [self._message(reply) for reply in described["reply"]["messages"]]
        with trio.fail_after(PATIENCE):
            while True:
                frame = await self._receive()
                if self._answers(wanted, frame, payload):
                    return frame
                self._file(frame)

    async def wait_for(self, operation: str) -> Json:
        """The oldest event of an operation that receives; it is taken away."""
        with trio.fail_after(PATIENCE):
            while True:
                for place, (name, payload) in enumerate(self.events):
                    if name == operation:
                        del self.events[place]
                        return payload
                self._file(await self._receive())

    async def send_raw(self, data: bytes) -> None:
        await self._websocket.send_message(data)

    async def closing(self) -> Json:
        """The server's close code, as the document describes it."""
        with trio.fail_after(PATIENCE):
            try:
                while True:
                    self._file(await self._receive())
            except trio_websocket.ConnectionClosed as closed:
                code = closed.reason and closed.reason.code
        described = [c for c in self._contract.document["x-close-codes"] if c["code"] == code]
        assert len(described) == 1, f"the document does not know {code}"
        found: Json = described[0]
        return found

    async def _receive(self) -> Json:
        frame: Json = msgpack.unpackb(await self._websocket.get_message())
        return frame

    def _answers(self, wanted: list[str], frame: Json, asked: Json) -> bool:
        """Whether this is the reply. A frame that claims to be and is not valid is unexpected."""
        names = {self._described(message)["name"]: message for message in wanted}
        message = names.get(frame["type"])
        if message is None:
            return False
        place = self._correlation(message)
        # What a connection opens with is answered without correlation.
        if place in asked and frame.get(place) != asked[place]:
            return False
        self._demand(message, frame)
        return True

    def _file(self, frame: Json) -> None:
        for name, operation in self._operations.items():
            if operation["action"] == "receive":
                message = self._message(operation["messages"][0])
                if self._described(message)["name"] == frame["type"]:
                    self._demand(message, frame)
                    self.events.append((name, frame))
                    return
        raise Unexpected(f"nothing receives {frame['type']}")

    def _demand(self, message: str, payload: Json) -> None:
        if problems := self._contract.why_not(message, payload):
            raise Unexpected(f"{message}: {problems}")

    def _message(self, in_channel: Json) -> str:
        """The key in `components` of a message that a channel refers to."""
        return str(self._contract.at(in_channel["$ref"])["$ref"].rsplit("/", 1)[1])

    def _described(self, message: str) -> Json:
        found: Json = self._contract.document["components"]["messages"][message]
        return found

    def _correlation(self, message: str) -> str | None:
        location = self._described(message).get("correlationId", {}).get("location")
        return location and location.removeprefix("$message.payload#/")


@asynccontextmanager
async def stranger(contract: Contract, **variables: Any) -> AsyncIterator[Stranger]:
    """A connection to the document's first server, with these values of its variables."""
    server = next(iter(contract.document["servers"].values()))
    channel = contract.at(contract.document["operations"]["hello"]["channel"]["$ref"])
    subprotocol = channel["bindings"]["ws"]["headers"]["properties"]["Sec-WebSocket-Protocol"]
    defaults = {name: each["default"] for name, each in server["variables"].items()}
    host = server["host"].format(**{**defaults, **variables})
    address, _, port = host.partition(":")
    stream = await trio.open_tcp_stream(address, int(port))
    # The stream is closed by us: the library forgets it when the server closes first.
    async with stream, trio.open_nursery() as nursery:
        websocket = await trio_websocket.wrap_client_stream(
            nursery, stream, host, channel["address"], subprotocols=[subprotocol["const"]]
        )
        yield Stranger(contract, websocket)
        nursery.cancel_scope.cancel()
