"""Bringing one connection from where it stopped to the applied head, and making it live there (§3).

Pages come from the log at the speed of the socket; the last stretch comes from the ring, in the
room's own turn, together with the subscription: nothing can happen in between.
"""

from collections.abc import Callable
from typing import Final, Protocol

import trio

from actors.room.pipeline import Landing
from actors.room.ports import RoomPorts
from actors.room.ring import Ring
from actors.room.state import RoomState
from core.errors import Rejected
from core.ports.fanout import Client
from protocol.close_codes import CloseCode

PAGE_EVENTS: Final = 64
PAGE_BYTES: Final = 131_072


class Runner(Protocol):
    """What catching up needs of its room."""

    def start_soon(self, follower: "Follower") -> None:
        """Run `CatchUp.page_through` as a child task."""

    def land(self, landing: Landing) -> None:
        """Do this in the room's own turn."""


class Follower:
    """One connection on its way. `sent`: the last event it got. `last`: the one after which it
    gets nothing (its user is no member any more). `then`: called once, when its way is over."""

    __slots__ = ("client", "is_over", "last", "sent", "then", "user_id")

    def __init__(self, client: Client, user_id: str, sent: int, then: Callable[[], None]) -> None:
        self.client = client
        self.user_id = user_id
        self.sent = sent
        self.then = then
        self.last: int | None = None
        self.is_over = False


class _Overtaken(Exception):
    """Retention took what should come next: whoever resumes from here again is answered `reset`."""


class CatchUp:
    """All connections of one room that are not live yet; at most one way per connection."""

    def __init__(
        self,
        ports: RoomPorts,
        room: RoomState,
        ring: Ring,
        runner: Runner,
        show_runs: Callable[[Client], None] = lambda client: None,
    ) -> None:
        self._ports = ports
        self._room = room
        self._ring = ring
        self._runner = runner
        self._show_runs = show_runs
        self._topic = f"room:{room.id}"
        self._followers: dict[int, Follower] = {}

    def __len__(self) -> int:
        return len(self._followers)

    def is_in(self, client: Client) -> bool:
        """Whether it is live, or on its way."""
        return client.id in self._followers or self._ports.fanout.is_subscribed(self._topic, client)

    def follow(
        self,
        client: Client,
        user_id: str,
        after: int,
        *,
        last: int | None = None,
        then: Callable[[], None] = lambda: None,
    ) -> None:
        """Send everything after `after`, become live, call `then`. A newer way replaces the older. It has
        its place among the client's rooms from here on. `last`: the event after which it gets nothing."""
        self.abandon(client)
        self._ports.fanout.unsubscribe(self._topic, client)
        self._ports.fanout.reserve(self._topic, client)
        follower = Follower(client, user_id, after, then)
        follower.last = last
        self._followers[client.id] = follower
        self._finish(follower)
        if not follower.is_over:
            self._runner.start_soon(follower)

    def go_live(self, client: Client) -> None:
        """Live from here, whatever was missed."""
        self.abandon(client)
        self._ports.fanout.subscribe(self._topic, client)

    def abandon(self, client: Client) -> None:
        older = self._followers.get(client.id)
        if older is not None:
            self._end(older)

    def cut(self, user_id: str, seq: int) -> None:
        """The user is no member after event `seq`: it is the last his connections see."""
        for follower in self._followers.values():
            if follower.user_id == user_id and follower.last is None:
                follower.last = seq

    async def page_through(self, follower: Follower) -> None:
        """Send pages until the ring reaches the rest, and let the room's turn finish (a child task,
        which lasts until the way is over). A connection whose way is cut short, by a crash of the
        room or a log that cannot be read, is closed: it must not believe itself live, and resumes.
        """
        try:
            while not follower.is_over:
                await follower.client.wait_drained()
                await self._send_pages(follower)
                await self._wait_finished(follower)
        except (Rejected, _Overtaken):
            pass
        finally:
            if not follower.is_over:
                follower.client.close_nowait(CloseCode.RESTARTING)
                self._end(follower)

    async def _wait_finished(self, follower: Follower) -> None:
        looked = trio.Event()

        def look() -> None:
            self._finish(follower)
            looked.set()

        self._runner.land(look)
        await looked.wait()

    async def _send_pages(self, follower: Follower) -> None:
        while not follower.is_over and follower.client.is_open:
            up_to = self._up_to(follower)
            if self._ring.covers(follower.sent) or follower.sent >= up_to:
                return
            await self._send_page(follower, up_to)

    async def _send_page(self, follower: Follower, up_to: int) -> None:
        async with self._ports.pages.turn(follower.client, drained=True):
            rows = await self._ports.log.read(
                self._room.tenant_id,
                self._room.id,
                after=follower.sent,
                limit=PAGE_EVENTS,
                up_to=up_to,
            )
            self._ports.pages.took(sum(len(row.body) for row in rows))
        if not rows or rows[0].seq != follower.sent + 1:
            raise _Overtaken
        unsent = 0
        for row in rows:
            if follower.is_over:
                return
            follower.client.send_nowait(row.body)
            follower.sent = row.seq
            unsent += len(row.body)
            if unsent >= PAGE_BYTES:
                await follower.client.wait_drained()
                unsent = 0
        await follower.client.wait_drained()

    def _up_to(self, follower: Follower) -> int:
        head = self._room.head
        return head if follower.last is None else min(head, follower.last)

    def _finish(self, follower: Follower) -> None:
        """In the room's turn: the rest from the ring and live, if the ring reaches and the client takes
        it. (Many rooms at once, each with its ring, would be more than a replay may have unsent.)"""
        if follower.is_over or not follower.client.is_open:
            self._end(follower)
            return
        up_to = self._up_to(follower)
        frames = self._ring.after(follower.sent)
        if follower.sent < up_to and (frames is None or not follower.client.takes_more):
            return
        for frame in (frames or [])[: max(0, up_to - follower.sent)]:
            follower.client.send_nowait(frame)
        if follower.last is None:
            # Whoever was online may have come or gone while it was away, or on its way.
            self._ports.fanout.subscribe(self._topic, follower.client, knows_audience=False)
            self._show_runs(follower.client)
        self._end(follower)

    def _end(self, follower: Follower) -> None:
        follower.is_over = True
        if self._followers.get(follower.client.id) is follower:
            del self._followers[follower.client.id]
            # Where its way led to no subscription, which takes the place.
            self._ports.fanout.release(self._topic, follower.client)
        follower.then()
