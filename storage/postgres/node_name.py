"""Who may run under a node's name: whoever's connection holds that name's advisory lock.

PostgreSQL frees the lock with the connection (postgresql.org, "Explicit Locking", 13.3.5), and the kernel
closes the connections of a process that ends, however it ends: a killed node is back at once. Where the
connection outlives its node (a frozen process, a machine without power), the lease's end is what counts.
"""

from hashlib import sha256

import asyncpg

from storage.postgres.pool import Connection

_HIGH = 32
_LOW = 2**32 - 1


class NodeNameTakenError(RuntimeError):
    """Another living node has our name on this database."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f'Another server with the node id "{name}" runs on this database. Stop it, or give this one an '
            "id of its own: set CARAVAN_NODE_ID to another, or, where it is not set, remove the file "
            "node-id that was copied into its data directory."
        )


class NodeName:
    """A node's lasting name, and whether it is ours. Its methods run in the asyncio thread."""

    def __init__(self, name: str) -> None:
        self.text = name
        self._key = int.from_bytes(
            sha256(b"caravan node " + name.encode()).digest()[:8], signed=True
        )
        self._held_on: Connection | None = None

    async def hold(self, connection: Connection) -> bool:
        """Whether the name is ours while `connection` lives. Idempotent."""
        if connection is not self._held_on:
            is_held = await connection.fetchval("SELECT pg_try_advisory_lock($1)", self._key)
            self._held_on = connection if is_held else None
        return self._held_on is not None

    async def seen_alive(self, connection: Connection) -> object:
        """When the lease of whoever lives under this name ends, which each of its beats moves; None:
        nobody lives."""
        return await connection.fetchval(
            """SELECT max(expires_at) FROM node
                WHERE name = $1 AND NOT dead AND expires_at > clock_timestamp()""",
            self.text,
        )

    async def take_from_the_silent(self, connection: Connection) -> None:
        """End the connection of whoever holds the name. Raises `NodeNameTakenError` where the
        database does not let us."""
        key = self._key % 2**64
        try:
            await connection.execute(
                """SELECT pg_terminate_backend(l.pid)
                     FROM pg_locks l JOIN pg_database d ON d.oid = l.database
                    WHERE d.datname = current_database() AND l.locktype = 'advisory' AND l.granted
                      AND l.classid::bigint = $1 AND l.objid::bigint = $2 AND l.objsubid = 1""",
                key >> _HIGH,
                key & _LOW,
            )
        except asyncpg.InsufficientPrivilegeError:
            raise NodeNameTakenError(self.text) from None
