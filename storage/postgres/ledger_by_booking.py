"""Every booking beside its own part of the ledger, for who audits them one by one."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from core.ports.bookings import Balance
from storage.postgres.ledger import AUDITED_WITHIN
from storage.postgres.pool import Connection, Database

_BOOKINGS: Final = """
SELECT booking_id::text AS booking_id, status, state, is_terminal, snapshot
  FROM booking ORDER BY booking_id"""

_BALANCES: Final = """
SELECT e.booking_id::text AS booking_id, e.account, p.currency, sum(e.amount)::int8 AS amount
  FROM ledger_entry e JOIN ledger_posting p ON p.booking_id = e.booking_id AND p.name = e.posting
 WHERE NOT p.is_memo GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"""


@dataclass(frozen=True, slots=True, kw_only=True)
class BookedLedger:
    """`snapshot` as in `JournalStep`; `balances` of what the booking posted, memo rows left out."""

    booking_id: str
    status: str
    state: str
    is_terminal: bool
    snapshot: bytes
    balances: Sequence[Balance]


async def ledger_by_booking(database: Database) -> Sequence[BookedLedger]:
    """All bookings, ascending by id, as at one moment: they are held in memory. Raises `Unavailable`."""
    return await database.call(_read)


async def _read(connection: Connection) -> Sequence[BookedLedger]:
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        bookings = await connection.fetch(_BOOKINGS, timeout=AUDITED_WITHIN)
        rows = await connection.fetch(_BALANCES, timeout=AUDITED_WITHIN)
    balances: defaultdict[str, list[Balance]] = defaultdict(list)
    for row in rows:
        balances[row["booking_id"]].append(
            Balance(account=row["account"], currency=row["currency"], amount=row["amount"])
        )
    return [BookedLedger(**row, balances=balances[row["booking_id"]]) for row in bookings]
