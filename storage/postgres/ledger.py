"""The ledger, read: balances are sums of its entries, and kept nowhere."""

from typing import Final

import asyncpg

from core.ports.bookings import Audit, Balance
from storage.postgres.pool import Connection, Database

AUDITED_WITHIN: Final = 600.0
"""Seconds: seven years of entries are read."""

BALANCES_OF_BOOKING: Final = """
SELECT e.account, p.currency, sum(e.amount)::int8 AS amount
  FROM booking b
  JOIN ledger_posting p ON p.booking_id = $2
  JOIN ledger_entry e ON e.booking_id = $2 AND e.posting = p.name
 WHERE b.booking_id = $2 AND b.tenant_id = $1 AND NOT p.is_memo
 GROUP BY 1, 2 ORDER BY 1, 2"""

_BALANCES: Final = """
SELECT e.account, p.currency, sum(e.amount)::int8 AS amount
  FROM ledger_entry e JOIN ledger_posting p ON p.booking_id = e.booking_id AND p.name = e.posting
 WHERE NOT p.is_memo GROUP BY 1, 2 ORDER BY 1, 2"""

_UNBALANCED: Final = """
SELECT booking_id::text || '/' || posting AS name FROM ledger_entry
 GROUP BY booking_id, posting HAVING sum(amount) <> 0 ORDER BY booking_id, posting"""

_OPEN_TRIPS: Final = """
SELECT DISTINCT booking_id FROM (
    SELECT b.booking_id
      FROM booking b
      JOIN ledger_posting p ON p.booking_id = b.booking_id
      JOIN ledger_entry e ON e.booking_id = p.booking_id AND e.posting = p.name
     WHERE b.is_terminal AND NOT p.is_memo AND e.account IN ('trip:' || b.booking_id, 'suspense')
     GROUP BY b.booking_id, e.account, p.currency HAVING sum(e.amount) <> 0) AS open
 ORDER BY booking_id"""


class PostgresLedger:
    """`LedgerAudit` over ledger_posting and ledger_entry."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def audit(self) -> Audit:
        return await self._database.call(_audit)


def balance(row: asyncpg.Record) -> Balance:
    """Of a row with these columns."""
    return Balance(**row)


async def _audit(connection: Connection) -> Audit:
    """At one moment, so that its parts agree."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        balances = await connection.fetch(_BALANCES, timeout=AUDITED_WITHIN)
        unbalanced = await connection.fetch(_UNBALANCED, timeout=AUDITED_WITHIN)
        trips = await connection.fetch(_OPEN_TRIPS, timeout=AUDITED_WITHIN)
    return Audit(
        balances=[balance(row) for row in balances],
        unbalanced=[row["name"] for row in unbalanced],
        open_trips=[row["booking_id"] for row in trips],
    )
