"""The months in which bookings lie: seven tables have a leaf for each, made and dropped together."""

from typing import Final

import asyncpg
import structlog

from storage.months import Month
from storage.postgres.pool import Connection, Database
from storage.postgres.retention import LOCK, LOCK_WITHIN

TABLES: Final = (
    "ledger_entry",
    "ledger_posting",
    "booking_screening",
    "booking_event",
    "booking_intent",
    "booking_participant",
    "booking",
)

log = structlog.get_logger()

_OLD_LEAVES: Final = """
SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
 WHERE i.inhparent = 'booking'::regclass AND c.relname < $1 ORDER BY c.relname"""


def suffix_of(month: Month) -> str:
    """What the month's leaves have behind their tables' names."""
    return f"_y{month.year:04}m{month.month:02}"


async def ensure_leaves(connection: Connection, month: Month) -> None:
    """Make the leaves that are missing; safe from several nodes at once."""
    await connection.execute("SELECT ensure_booking_leaves($1, $2)", month.year, month.month)


async def drop_old_bookings(database: Database, *, before: Month) -> int:
    """Drop the leaves of every earlier month; how many months. One that others use right now waits for
    the next call, and one with a booking that has not ended stays until it has."""
    dropped = 0
    for leaf in await database.call(_old_leaves, "booking" + suffix_of(before)):
        try:
            is_dropped = await database.transaction(_drop, leaf.removeprefix("booking"))
        except asyncpg.LockNotAvailableError:
            log.info("retention.month_in_use", leaf=leaf)
            break
        if is_dropped:
            log.info("retention.month_dropped", leaf=leaf)
            dropped += 1
        else:
            log.warning("retention.month_has_open_bookings", leaf=leaf)
    return dropped


async def _old_leaves(connection: Connection, before: str) -> list[str]:
    return [row["relname"] for row in await connection.fetch(_OLD_LEAVES, before)]


async def _drop(connection: Connection, suffix: str) -> bool:
    """As messages' leaves are dropped, and under the same lock. Nobody else makes an old booking live
    again between the question and the answer: both are asked under the leaf's lock."""
    await connection.execute(f"SET LOCAL lock_timeout = '{LOCK_WITHIN}'")
    await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
    if await connection.fetchval("SELECT to_regclass($1)", f"booking{suffix}") is None:
        return False
    await connection.execute(f"LOCK TABLE booking{suffix} IN SHARE MODE")
    if await connection.fetchval(
        f"SELECT EXISTS (SELECT FROM booking{suffix} WHERE NOT is_terminal)"
    ):  # our own name
        return False
    for table in TABLES:
        await connection.execute(f"DROP TABLE IF EXISTS {table}{suffix}")
    return True
