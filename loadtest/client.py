"""The reference client: a session that survives its sockets (§3-§4, §7)."""

import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final, Protocol

import trio

from loadtest.accounts import ApiError, LoginRefusedError, UnreachableError
from loadtest.connection import Connection, Dial
from loadtest.events import Events
from loadtest.pending import (
    Pending,
    PendingCommands,
    Refused,
    SessionStopped,
    TooManyPendingError,
)
from loadtest.positions import Judgement, Positions
from loadtest.reconnect import AwaitUser, Ended, ReconnectPolicy, Retry, Stop
from loadtest.rejoining import Rejoining
from loadtest.uuid7 import Uuid7
from loadtest.wire import Frame, is_durable

REFRESH_BEFORE: Final = 90.0
TOO_BUSY: Final = (trio.TooSlowError, trio.WouldBlock, TooManyPendingError)
"""What becomes of a command of our own beside too many of others'."""

VERSION: Final = "1"

__all__ = ["Credentials", "Refused", "Session", "SessionStopped", "open_session"]


class Credentials(Protocol):
    """Where access tokens come from; `loadtest.accounts.Account` is one."""

    async def token(self, *, stale: str | None = None) -> str: ...

    @property
    def lives_for(self) -> float: ...


class Session:
    """One client instance: connects, resumes, repeats what was not answered.

    Events arrive in `events` (bounded: who does not read stops the socket, as TCP would), each
    room's durable ones in order and once; or in `on_event`, which must not block. Beside the
    server's there are our own: `local.connected {resumed}`, `local.disconnected {reason,
    code, retryAfter}` (`code` None: cut), `local.waiting {reason}` (until the user acts), `local.stopped {reason}`,
    `local.room_reset {room}` (read its history anew), `local.room_gone {roomId}`,
    `local.inbox_reset`.
    Owns: its positions and pending commands. Borrows: credentials, `dial`, and `on_raw(frame,
    received_at)`, which sees every frame before any dedupe. `heals=False` leaves gaps as they
    are, for an audit, which must see them.
    """

    def __init__(
        self,
        *,
        dial: Dial,
        credentials: Credentials,
        name: str = "caravan-reference",
        on_event: Callable[[Frame], None] | None = None,
        on_raw: Callable[[Frame, float], None] | None = None,
        rng: random.Random | None = None,
        new_id: Callable[[], str] | None = None,
        heals: bool = True,
    ) -> None:
        self.id: str | None = None
        self.user: Frame = {}
        self.inbox: int | None = None
        self.connects = 0
        self.positions = Positions()
        self._dial = dial
        self._credentials = credentials
        self._name = name
        self._on_raw = on_raw
        self._rng = rng or random.SystemRandom()
        self.new_id = new_id or Uuid7(self._rng)
        self._heals = heals
        self._policy = ReconnectPolicy(self._rng)
        self._told = Events(on_event)
        self.events = self._told.channel
        self._commands = PendingCommands()
        self._rejoining = Rejoining(self.positions, self._commands, self._transmit, self._rng)
        self._connection: Connection | None = None
        self._connected = trio.Event()
        self._acted = trio.Event()

    # What the user does

    async def ask(self, kind: str, /, *, within: float | None = 10.0, **fields: object) -> Frame:
        """Send a command and return its `ok`. It is repeated on every new socket until answered:
        all commands of version 1 are harmless to repeat.

        Raises `Refused` for an `error`, `trio.TooSlowError` after `within` seconds (whether it
        took effect is unknown then), `SessionStopped` when the session has ended for good.
        """
        self.act()
        pending = self._commands.add({"type": kind, **fields})
        try:
            self._issue(pending)
            with trio.fail_after(float("inf") if within is None else within):
                return await pending.answer()
        finally:
            self._commands.forget(pending)

    def ask_nowait(
        self, kind: str, told: Callable[[Frame | Exception], None], /, **fields: object
    ) -> Pending:
        """The same, but `told` is called with the `ok`, or with `Refused` or `SessionStopped`, when
        that is known, and never if it is `forget`-ten before. It must not block.

        Raises `SessionStopped`, `TooManyPendingError`, `trio.WouldBlock`: then it is not asked.
        """
        self.act()
        pending = self._commands.add({"type": kind, **fields}, told=told)
        try:
            self._issue(pending)
        except trio.WouldBlock:
            self.forget(pending)
            raise
        return pending

    def forget(self, pending: Pending) -> None:
        """Repeat it no more; whether it took effect is not known."""
        self._commands.forget(pending)

    async def send(
        self,
        room_id: str,
        content: str,
        *,
        client_id: str | None = None,
        reply_to: str | None = None,
        within: float | None = None,
    ) -> Frame:
        """Post a message; returns its `ok` once it is durable, however many sockets that takes."""
        return await self.ask(
            "chat.message",
            roomId=room_id,
            content=content,
            clientId=client_id or self.new_id(),
            replyTo=reply_to,
            within=within,
        )

    async def join(self, room_id: str, *, within: float | None = 10.0) -> Frame:
        """Receive a room's events here from now on, across reconnects. Returns the `ok`."""
        after = self.positions.after(room_id)
        return await self.ask("room.join", roomId=room_id, after=after, within=within)

    def tell_nowait(self, kind: str, /, **fields: object) -> None:
        """Send what may be lost (typing, presence, read marks): nothing, when not connected."""
        if self.is_connected and self._connection is not None:
            self._connection.offer_nowait({"type": kind, **fields})

    def act(self) -> None:
        """The user did something: a session that waits for that connects again (§3.5)."""
        self._acted.set()

    async def cut(self) -> None:
        """End the socket without a word, as a lost network does; it connects again by the rules."""
        if self._connection is not None:
            await self._connection.cut()

    async def wait_connected(self) -> None:
        """Until there is a welcome."""
        await self._connected.wait()

    @property
    def is_connected(self) -> bool:
        return self._connected.is_set()

    def statistics(self) -> dict[str, int]:
        buffered = self.events.statistics().current_buffer_used
        return {**self._commands.statistics(), "events": buffered, "connects": self.connects}

    # How it stays connected

    async def run(self) -> str:
        """Stay connected until the server ends it for good; returns the reason. Run it once."""
        resume = True
        stale: str | None = None
        while True:
            token = ""
            try:
                token = await self._credentials.token(stale=stale)
            except LoginRefusedError as refusal:
                return await self._stopped(str(refusal))
            except (ApiError, UnreachableError) as error:
                ended = Ended(reason=str(error))
            else:
                ended = await self._connect(token, resume)
            match self._policy.next_step(ended):
                case Stop(reason=reason):
                    return await self._stopped(reason)
                case AwaitUser(reason=reason):
                    self._acted = trio.Event()
                    self._emit("local.waiting", reason=reason)
                    await self._told.has_room()
                    await self._acted.wait()
                    resume, stale = False, None
                case Retry(after=after, resume=resume, new_token=new_token):
                    stale = token if new_token else None
                    self._emit(
                        "local.disconnected",
                        reason=ended.reason,
                        code=ended.code,
                        retryAfter=after,
                    )
                    await self._told.has_room()
                    await trio.sleep(after)

    async def _connect(self, token: str, resume: bool) -> Ended:
        connection = Connection(
            on_frame=self._receive, has_room=self._told.has_room, on_raw=self._on_raw, rng=self._rng
        )
        self._connection = connection
        try:
            async with trio.open_nursery() as nursery:
                self._rejoining.while_connected = nursery
                nursery.start_soon(self._keep_token_fresh, token)
                ended = await connection.run(self._dial, self._hello(token, resume))
                nursery.cancel_scope.cancel()
        finally:
            self._connection = None
            if self._connected.is_set():  # else somebody may wait for it
                self._connected = trio.Event()
        return ended

    def _hello(self, token: str, resume: bool) -> Frame:
        hello: Frame = {
            "type": "hello",
            "token": token,
            "client": {"name": self._name, "version": VERSION},
        }
        if resume and self.id is not None:
            hello["resume"] = {"sessionId": self.id, "rooms": self.positions.resume()}
            if self.inbox is not None:
                hello["resume"]["inbox"] = self.inbox
        return hello

    async def _keep_token_fresh(self, token: str) -> None:
        """Renew the connection's credentials in place before they expire (§3.4)."""
        await self._connected.wait()
        while True:
            await trio.sleep(max(1.0, self._credentials.lives_for - REFRESH_BEFORE))
            try:
                fresh = await self._credentials.token(stale=token)
                await self.ask("auth.refresh", token=fresh)
                token = fresh
            except (ApiError, UnreachableError, LoginRefusedError, Refused, *TOO_BUSY):
                # The connection lives on until the server ends it, and 42xx leads to a new token.
                await trio.sleep(self._rng.uniform(5, 15))

    async def _stopped(self, reason: str) -> str:
        self._commands.stop(reason)
        self._emit("local.stopped", reason=reason)
        return reason

    # What arrives

    def _receive(self, frame: Frame) -> None:
        match frame["type"]:
            case "ok" | "error" if "ref" in frame:
                self._answered(frame)
            case "welcome":
                self._welcomed(frame)
            case "ping":
                if self._connection is not None:
                    self._connection.offer_nowait({"type": "pong", "t": frame.get("t")})
            case "pong":
                pass
            case "session.draining":
                self._policy.draining(frame["reconnectAfterMs"], frame["jitterMs"])
                self._told.deliver(frame)
            case _ if is_durable(frame):
                self._follow_log(frame)
            case _ if "inbox" in frame:
                self._follow_inbox(frame)
            case _:
                self._told.deliver(frame)

    def _answered(self, frame: Frame) -> None:
        pending = self._commands.take(frame["ref"])
        if pending is None:
            return
        kind, room_id = pending.frame["type"], pending.frame.get("roomId", "")
        if frame["type"] == "error":
            refusal = Refused(frame)
            pending.settle(refusal)
            if kind == "room.join" and room_id in self.positions:
                self._not_joined(room_id, refusal, is_ours=not pending.awaited)
            return
        if kind in ("room.join", "room.create"):
            was_reset = self.positions.joined(frame["room"], frame.get("verdict"))
            if was_reset:
                self._emit("local.room_reset", room=frame["room"])
        elif kind == "room.leave":
            self.positions.left(room_id)
        pending.settle(frame)

    def _welcomed(self, welcome: Frame) -> None:
        """Take over what the welcome says, join what it did not resume, repeat what is open."""
        resumed = welcome["resumed"]
        self.id, self.user = welcome["sessionId"], welcome["user"]
        self.connects += 1
        missed = self.inbox is not None and not resumed and welcome["inbox"] > self.inbox
        if welcome.get("inboxReset") or missed or self.inbox is None:
            is_first, self.inbox = self.inbox is None, welcome["inbox"]
            if not is_first:
                self._emit("local.inbox_reset")
        verdicts = self.positions.welcomed(welcome["rooms"])
        self._connected.set()
        self._commands.drop_unawaited()
        open_commands = self._commands.unanswered()
        self._emit("local.connected", resumed=resumed)
        for room_id in verdicts.gone:
            self._emit("local.room_gone", roomId=room_id)
        for room_id, after in verdicts.rejoin.items():
            self._rejoining.join(room_id, after)
        for pending in open_commands:
            self._transmit(pending)

    def _follow_log(self, event: Frame) -> None:
        room_id = event["roomId"]
        match self.positions.judge(room_id, event["epoch"], event["seq"]):
            case Judgement.NEXT:
                self._told.deliver(event)
                if self._ends_membership(event):
                    self._lost_room(room_id)
            case Judgement.GAP | Judgement.OTHER_EPOCH:
                if not self._heals:
                    self.positions[room_id].seq = event["seq"]
                    self._told.deliver(event)
                elif not self.positions[room_id].is_healing:
                    self._rejoining.heal(room_id)
            case Judgement.SEEN | Judgement.UNKNOWN_ROOM:
                pass

    def _follow_inbox(self, event: Frame) -> None:
        known = self.inbox or 0
        if event["inbox"] <= known:
            return
        self.inbox = event["inbox"]
        self._told.deliver(event)
        if event["inbox"] > known + 1:
            self._emit("local.inbox_reset")

    def _ends_membership(self, event: Frame) -> bool:
        if event.get("change") not in ("left", "removed"):
            return False
        return self.user.get("id") in (event.get("userIds") or [event.get("by")])

    def _lost_room(self, room_id: str) -> None:
        self.positions.left(room_id)
        self._emit("local.room_gone", roomId=room_id)

    def _not_joined(self, room_id: str, refusal: Refused, *, is_ours: bool) -> None:
        """A room we believed to be in. Our own join, which nobody else repeats, is tried again."""
        self.positions[room_id].is_healing = False
        if refusal.code == "not_found":
            self._lost_room(room_id)
        elif is_ours and refusal.is_temporary:
            self._rejoining.refused(room_id, refusal.retry_after)

    def _issue(self, pending: Pending) -> None:
        if self.is_connected:
            self._transmit(pending)

    def _transmit(self, pending: Pending) -> None:
        if self._connection is not None:
            self._connection.send_nowait(pending.frame)

    def _emit(self, kind: str, /, **fields: object) -> None:
        self._told.deliver({"type": kind, **fields})


@asynccontextmanager
async def open_session(session: Session) -> AsyncIterator[Session]:
    """Run a session in the background of a block; it is closed at the block's end."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(session.run)
        try:
            yield session
        finally:
            nursery.cancel_scope.cancel()
