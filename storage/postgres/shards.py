"""Who owns which shard, decided by rows of PostgreSQL and its clock (core.ports.leases).

A node is alive while it renews one heartbeat row. A shard's row changes only when its owner or its
fence does; every write of the message log checks the fence in its own transaction.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

import structlog
import trio

from core.errors import Unavailable
from storage.postgres import shard_rows
from storage.postgres.node_name import NodeName, NodeNameTakenError
from storage.postgres.pool import Connection, Database, OwnConnection
from storage.sharding import SHARDS, shard_of

TTL: Final = 10.0
BEAT_EVERY: Final = 3.0
RETRY_EVERY: Final = 0.25
SAFETY: Final = 2.0
GIVEN_UP_WITHIN: Final = 2.0
ASK_AGAIN_EVERY: Final = 0.05
SILENT_FOR: Final = 1.0
"""Seconds without a lease, after which whoever still holds our name is not coming back."""

log = structlog.get_logger()


class TakenOverError(RuntimeError):
    """Another node has what we had: who is connected to us is nobody's."""


class PostgresLeases:
    """Implements `core.ports.leases.Leases` for one incarnation of this node after another.

    Owns: its name, its heartbeat and the numbers it holds. Borrows: the database. While the name is
    ours nobody else can run under it, so its earlier incarnations are dead at once. `on_lost` is
    called in the trio thread when what we hold became doubtful: stop acting as an owner.
    """

    def __init__(
        self,
        database: Database,
        *,
        node: str,
        on_lost: Callable[[], None] = lambda: None,
    ) -> None:
        self._database, self._node = database, node
        self._name = NodeName(node)
        self._on_lost = on_lost
        self._incarnation: int | None = None
        self._fences: dict[int, int] = {}
        self._confirmed_until = float("-inf")
        self._doubted: set[int] = set()
        """Shards whose newer number may be stored, and was not heard."""
        self._locks: defaultdict[int, trio.Lock] = defaultdict(trio.Lock)  # at most SHARDS
        self._losses = self._refences = 0
        self._had: dict[int, int] = {}
        self._is_anew = False

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Join, take every shard that is free, stay alive; when cancelled, give everything up.

        Raises `Unavailable` when the database is away at the start; later it waits for it. Raises
        `NodeNameTakenError`, at the start or later, when another node lives under our name, and
        `TakenOverError` when another one has what we had.
        """
        async with self._database.own_connection() as connection:
            try:
                await self._beat(connection)
                if not self._fences:
                    log.warning("leases.none_is_free", node=self._node)
                task_status.started()
                while True:
                    await trio.sleep(BEAT_EVERY)
                    await self._beat_while_possible(connection)
            finally:
                # Where the database is away, others wait for our lease's end.
                with trio.move_on_after(GIVEN_UP_WITHIN, shield=True), suppress(Unavailable):
                    await self.give_up()

    async def _beat_while_possible(self, connection: OwnConnection) -> None:
        failed = 0
        while True:
            try:
                await self._beat(connection)
            except Unavailable as error:
                failed += 1
                if failed == 1:  # the others would say the same, four times a second
                    log.warning("leases.beat_failed", cause=repr(error.__cause__))
                if self._fences and trio.current_time() >= self._confirmed_until:
                    self._lose()
            else:
                if failed:
                    log.info("leases.beats_again", failed=failed)
                return
            await trio.sleep(RETRY_EVERY)

    async def _beat(self, connection: OwnConnection) -> None:
        """Renew, or join (again); then take what is free. Lost numbers are read anew."""
        sent_at = trio.current_time()
        known = self._incarnation
        if known is not None and not await connection.call(self._renew, known):
            log.warning("leases.declared_dead", incarnation=known, node=self._node)
            self._incarnation = known = None
            self._lose()
        if known is None:
            await self._take_name(connection)
            self._incarnation = known = await connection.call(shard_rows.join, self._node, TTL)
            self._is_anew = True
        if len(self._fences) < SHARDS or self._doubted:
            doubted = frozenset(self._doubted)
            for shard, fence in (await connection.call(shard_rows.take, known)).items():
                self._fences[shard] = max(fence, self._fences.get(shard, 0))
            self._doubted -= doubted
            await self._demand_own(connection, known)
        # From before the question: the database counts from a later moment than we do.
        self._confirmed_until = sent_at + TTL - SAFETY

    async def _demand_own(self, connection: OwnConnection, known: int) -> None:
        """Raises `TakenOverError`, also where the other one is gone again: our rooms do not know what it
        stored. Who waits for its turn, or found the rows held for a moment, goes on."""
        if self._fences:
            # Our own taking is one more.
            is_replaced = self._is_anew and any(
                fence > self._had.get(shard, fence) + 1 for shard, fence in self._fences.items()
            )
            self._is_anew = False
        else:
            is_replaced = bool(self._had) and await connection.call(shard_rows.is_anothers, known)
        if is_replaced:
            raise TakenOverError

    async def _renew(self, connection: Connection, incarnation: int) -> bool:
        """In the asyncio thread. After the connection broke the name is taken again with a new one; while
        the old one's end is still under way, at a later beat."""
        is_alive = await shard_rows.renew(connection, incarnation, TTL)
        if is_alive:
            await self._name.hold(connection)
        return is_alive

    async def _take_name(self, connection: OwnConnection) -> None:
        """At once where nobody has it. Who has it and beats is alive; who has it and no lease is not."""
        first, silent_since = None, None
        has_looked = False
        while not await connection.call(self._name.hold):
            seen, now = await connection.call(self._name.seen_alive), trio.current_time()
            if not has_looked:
                first, has_looked = seen, True
            if seen is None:
                silent_since = now if silent_since is None else silent_since
                if now - silent_since >= SILENT_FOR:
                    log.warning("leases.name_taken_from_the_silent", node=self._node)
                    await connection.call(self._name.take_from_the_silent)
                    silent_since = None
            elif seen != first:
                raise NodeNameTakenError(self._node)
            await trio.sleep(ASK_AGAIN_EVERY)

    def _lose(self) -> None:
        self._had |= self._fences
        self._fences.clear()
        self._losses += 1
        self._on_lost()

    def fence(self, room_id: str) -> int:
        fence = self._fences.get(shard_of(room_id))
        if fence is None or trio.current_time() >= self._confirmed_until:
            raise Unavailable
        return fence

    async def refence(self, room_id: str, *, seen: int) -> int:
        """Rooms of one shard share one new number: whoever comes second finds it taken."""
        shard = shard_of(room_id)
        async with self._locks[shard]:
            fence = self.fence(room_id)
            if fence > seen:
                return fence
            incarnation = self._incarnation
            try:
                new = await self._database.call(shard_rows.refence, shard, incarnation)
            except BaseException:
                self._doubted.add(shard)
                raise
            if new is None or incarnation != self._incarnation:
                self._fences.pop(shard, None)
                raise Unavailable
            self._refences += 1
            self._fences[shard] = new
            return self.fence(room_id)

    def owned_shards(self) -> Mapping[int, int]:
        return dict(self._fences) if trio.current_time() < self._confirmed_until else {}

    async def give_up(self) -> None:
        """Own nothing any more, so that another node need not wait for our end. Idempotent.

        Drain the message log first: what it still writes would meet a new owner's fence.
        """
        incarnation, self._incarnation = self._incarnation, None
        self._fences.clear()
        self._confirmed_until = float("-inf")
        if incarnation is not None:
            await self._database.transaction(shard_rows.give_up, incarnation)

    def statistics(self) -> Mapping[str, int | float]:
        """`shards` held, `losses`, `refences`, `confirmed_for` (seconds; negative: doubtful)."""
        return {
            "shards": len(self._fences),
            "losses": self._losses,
            "refences": self._refences,
            "confirmed_for": self._confirmed_until - trio.current_time(),
        }
