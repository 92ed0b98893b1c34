"""A protocol server small enough to be believed, with switches to misbehave.

It speaks docs/protocol-v1.md §1-§4 in memory, over any trio stream. Its faults are the negative
controls of the auditor and the weather of the client's tests.
"""

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

import trio
import trio_websocket
from tiny_commands import Commands, due
from tiny_personas import PersonaFaults, TinyPersonas
from tiny_world import Frame, Problem, User, World, new_id, now_ms
from trio.abc import AsyncResource
from trio.testing import lockstep_stream_pair, memory_stream_pair
from trio_websocket import ConnectionClosed, WebSocketConnection

from loadtest.connection import Dial, Socket, Through, open_socket
from loadtest.hub import HubSocket
from loadtest.wire import pack, unpack
from protocol.limits import SUBPROTOCOL


@dataclass
class Faults:
    """Every how many deliveries (or commands) something goes wrong; 0 never.

    `drop_last_to_others_of`: a user, and which of his messages reaches his own sockets alone.
    `deliver_after`: seconds that every frame waits, one after the other.
    """

    drop_every: int = 0
    duplicate_every: int = 0
    swap_every: int = 0
    ack_unstored_every: int = 0
    store_twice_every: int = 0
    refuse_stored_every: int = 0
    refuse_every: int = 0
    tell_strangers_every: int = 0
    forge_every: int = 0
    drop_last_to_others_of: tuple[str, int] | None = None
    deliver_after: float = 0.0
    waits_for_slow: bool = False
    keeps_slow: bool = False
    forgets_missed: bool = False
    replays_twice: bool = False
    replays_backwards: bool = False
    cut_every: int = 0
    refuse_connections: bool = False
    close_at_hello: list[int] = field(default_factory=list)
    cut_at_hello: int = 0
    refuse_joins: int = 0
    is_silent: bool = False
    answers: bool = True
    personas: PersonaFaults = field(default_factory=PersonaFaults)


@dataclass(eq=False)
class Peer:
    """One socket of one user, and what is on its way to it."""

    websocket: WebSocketConnection
    user: User
    session_id: str
    outbox: trio.MemorySendChannel[Frame]
    nursery: trio.Nursery
    joined: set[str] = field(default_factory=set)
    delivered: int = 0
    held: Frame | None = None

    def send(self, frame: Frame) -> None:
        self.outbox.send_nowait(frame)


class TinyServer:
    """Owns the world and its peers. `hellos` are all hello frames received, for assertions. Who
    has `slow_at` frames waiting is closed with 4002 (0: nobody is)."""

    def __init__(self, world: World | None = None, faults: Faults | None = None) -> None:
        self.world = world or World()
        self.faults = faults or Faults()
        self.peers: list[Peer] = []
        self.hellos: list[Frame] = []
        self.received: list[Frame] = []
        self.received_something = trio.Event()
        self.heartbeat_ms = 25_000
        self.slow_at = self.closed_as_slow = 0
        self.known_commands = Commands(self)
        self.personas = TinyPersonas(self)
        self._commands_seen = 0

    # The wire

    async def dial(self, nursery: trio.Nursery) -> tuple[Socket | HubSocket, AsyncResource]:
        """A client's socket over memory: no network, so virtual time is exact."""
        return await self.dials(lambda stream: stream)(nursery)

    def dials(self, through: Through) -> Dial:
        """As `loadtest.connection.dial_url`. What the client does not read waits at the server."""

        async def dial(nursery: trio.Nursery) -> tuple[Socket | HubSocket, AsyncResource]:
            if self.faults.refuse_connections:
                raise ConnectionRefusedError("refused")
            ours, theirs = (lockstep_stream_pair if self.slow_at else memory_stream_pair)()
            nursery.start_soon(self.serve_stream, theirs)
            stream = through(ours)
            return await open_socket(stream, "tiny", "/v1/connect")

        return dial

    async def serve_stream(self, stream: trio.abc.Stream) -> None:
        try:
            async with trio.open_nursery() as nursery:
                request = await trio_websocket.wrap_server_stream(nursery, stream)
                if SUBPROTOCOL not in request.proposed_subprotocols:
                    await request.reject(400)
                else:
                    websocket = await request.accept(subprotocol=SUBPROTOCOL)
                    await self._serve(websocket, stream, nursery)
                nursery.cancel_scope.cancel()
        except* (ConnectionClosed, trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        finally:
            with trio.CancelScope(shield=True):
                await trio.aclose_forcefully(stream)

    @asynccontextmanager
    async def over_tcp(self) -> AsyncIterator[str]:
        """The server on a free port of loopback; yields its `ws://` address."""
        async with trio.open_nursery() as nursery:
            serve = partial(trio.serve_tcp, self.serve_stream, 0, host="127.0.0.1")
            listeners = await nursery.start(serve)
            port = listeners[0].socket.getsockname()[1]
            yield f"ws://127.0.0.1:{port}/v1/connect"
            nursery.cancel_scope.cancel()

    async def cut(self, peer: Peer) -> None:
        """End a socket without a word."""
        await trio.aclose_forcefully(peer.websocket._stream)

    async def close_all(self, code: int, reason: str = "") -> None:
        for peer in list(self.peers):
            with trio.move_on_after(1):
                await peer.websocket.aclose(code, reason)

    # One socket

    async def _serve(
        self, websocket: WebSocketConnection, stream: trio.abc.Stream, nursery: trio.Nursery
    ) -> None:
        hello = unpack(await websocket.get_message())
        self.hellos.append(hello)
        if self.faults.cut_at_hello:
            self.faults.cut_at_hello -= 1
            return
        user = self.world.users.get(self.world.tokens.get(hello["token"], ""))
        code = self.faults.close_at_hello.pop(0) if self.faults.close_at_hello else None
        if user is None or code is not None:
            await self._close_with_word(websocket, code or 4303)
            return
        send, outgoing = trio.open_memory_channel[Frame](math.inf)
        peer = Peer(websocket, user, "", send, nursery)
        nursery.start_soon(self._write, websocket, outgoing, peer)
        self._welcome(peer, hello)
        self.peers.append(peer)
        try:
            while True:
                await self._handle(peer, unpack(await websocket.get_message()))
        finally:
            self.peers.remove(peer)

    async def _close_with_word(self, websocket: WebSocketConnection, code: int) -> None:
        if code >= 4100:
            word = {"type": "error", "code": "unauthenticated", "message": f"Because of {code}."}
            await websocket.send_message(pack(word))
        await websocket.aclose(code, "closed")

    async def _write(
        self,
        websocket: WebSocketConnection,
        outgoing: trio.MemoryReceiveChannel[Frame],
        peer: Peer,
    ) -> None:
        async for frame in outgoing:
            if self.faults.is_silent:
                continue
            delay = self.faults.deliver_after + self.personas.slow_down()
            if delay and frame["type"] == "chat.message":
                await trio.sleep(delay)
            while self._has_to_wait(peer):
                await trio.sleep(0.05)
            try:
                await websocket.send_message(pack(frame))
                if self._is_slow(peer) and not self.faults.keeps_slow:
                    self.closed_as_slow += 1
                    await websocket.aclose(4002, "slow_consumer")
            except ConnectionClosed:
                return

    def _is_slow(self, peer: Peer) -> bool:
        return 0 < self.slow_at <= peer.outbox.statistics().current_buffer_used

    def _has_to_wait(self, peer: Peer) -> bool:
        others_are_slow = any(map(self._is_slow, self.peers))
        return self.faults.waits_for_slow and others_are_slow and not self._is_slow(peer)

    def _welcome(self, peer: Peer, hello: Frame) -> None:
        resume: Frame = hello.get("resume") or {}
        resumed = self.world.sessions.get(resume.get("sessionId", "")) == peer.user.id
        peer.session_id = resume["sessionId"] if resumed else new_id()
        self.world.sessions[peer.session_id] = peer.user.id
        asked = resume.get("rooms", {}) if resumed else {}
        verdicts = {room_id: self._verdict(peer, room_id, at) for room_id, at in asked.items()}
        inbox = peer.user.inbox
        peer.send(
            {
                "type": "welcome",
                "sessionId": peer.session_id,
                "user": peer.user.view(),
                "serverTime": now_ms(),
                "heartbeatMs": self.heartbeat_ms,
                "limits": {},
                "inbox": len(inbox),
                "resumed": resumed,
                "rooms": verdicts,
            }
        )
        for room_id, verdict in verdicts.items():
            if verdict["verdict"] == "complete":
                peer.joined.add(room_id)
                self.replay(peer, room_id, asked[room_id]["seq"])
        if resumed:
            for notice in inbox[resume.get("inbox", len(inbox)) :]:
                peer.send(notice)

    def _verdict(self, peer: Peer, room_id: str, at: Frame) -> Frame:
        room = self.world.rooms.get(room_id)
        if room is None or peer.user.id not in room.members:
            return {"epoch": "", "head": 0, "verdict": "gone"}
        word = "complete" if at["epoch"] == room.epoch else "reset"
        return {"epoch": room.epoch, "head": len(room.log), "verdict": word}

    def replay(self, peer: Peer, room_id: str, after: int) -> None:
        missed = self.world.rooms[room_id].log[after:]
        if self.faults.forgets_missed:
            missed = []
        if self.faults.replays_backwards:
            missed = missed[::-1]
        for event in missed * 2 if self.faults.replays_twice else missed:
            peer.send(event)

    async def _handle(self, peer: Peer, frame: Frame) -> None:
        self.received.append(frame)
        self.received_something.set()
        self.received_something = trio.Event()
        kind = frame["type"]
        if kind == "ping":
            peer.send({"type": "pong", "t": frame["t"], "serverTime": now_ms()})
        if kind in ("ping", "pong"):
            return
        self._commands_seen += 1
        is_cut = due(self._commands_seen, self.faults.cut_every)
        # Half of the cuts come before the command took effect, half after it, unanswered.
        if is_cut and self._commands_seen // self.faults.cut_every % 2:
            await self.cut(peer)
            return
        answer = self._answer(peer, frame)
        if "ref" in frame and self.faults.answers and not is_cut:
            peer.send({**answer, "ref": frame["ref"]})
        for after in self.known_commands.take_afterwards():
            after()
        if is_cut:
            await self.cut(peer)

    def _answer(self, peer: Peer, frame: Frame) -> Frame:
        try:
            if frame["type"] == "room.join" and self.faults.refuse_joins:
                self.faults.refuse_joins -= 1
                raise Problem("unavailable")
            return {"type": "ok", **self.known_commands.carry_out(peer, frame)}
        except Problem as problem:
            return {"type": "error", **problem.frame}

    # Fan-out, where deliveries go wrong

    def publish(self, event: Frame) -> None:
        """A room's event to every joined peer."""
        for peer in self.peers:
            if event["roomId"] in peer.joined:
                self._deliver(peer, event)
            elif due(event["seq"], self.faults.tell_strangers_every):
                peer.send(event)

    def tell_user(self, user_id: str, frame: Frame) -> None:
        for peer in self.peers:
            if peer.user.id == user_id:
                peer.send(frame)

    def _deliver(self, peer: Peer, event: Frame) -> None:
        if event["type"] == "chat.message":
            peer.delivered += 1
            if due(peer.delivered, self.faults.drop_every) or self._is_last_to_others(peer, event):
                return
            if due(peer.delivered, self.faults.forge_every):
                event = {**event, "messageId": new_id()}
            if due(peer.delivered, self.faults.swap_every):
                peer.held = event
                return
            if due(peer.delivered, self.faults.duplicate_every):
                peer.send(event)
        peer.send(event)
        held, peer.held = peer.held, None
        if held is not None:
            peer.send(held)

    def _is_last_to_others(self, peer: Peer, event: Frame) -> bool:
        """Counted by the recipient: all of the user's messages in one room."""
        user_id, number = self.faults.drop_last_to_others_of or ("", 0)
        return (
            event["sender"]["id"] == user_id
            and peer.user.id != user_id
            and peer.delivered == number
        )
