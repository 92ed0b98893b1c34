"""`main.py saga audit`: every booking and its money as JSON, for who compares them with what others say.

One object: `bookings` (`bookingId, status, state, isTerminal, currency, total, shares: [{id, userId, amount}], parts: [{id,
kind, supplier, total, orderId, isDropped, isPaid}], balances: [{account, currency, amount}], screened, screenedBecause`; minor
units, debits positive; `screened`: the newest verdict on whether it is fraud, empty where nobody looked), `unbalanced` and `openTrips` as in `core.ports.bookings.Audit`. No card, no name, no secret.
"""

from typing import Any

import msgspec

from actors.booking.state import Part, Saga
from storage.postgres.ledger import PostgresLedger
from storage.postgres.ledger_by_booking import BookedLedger, ledger_by_booking
from storage.postgres.pool import Database


async def audited(database: Database) -> dict[str, Any]:
    """All of it. Raises `Unavailable`."""
    audit = await PostgresLedger(database).audit()
    return {
        "bookings": [_booking(one) for one in await ledger_by_booking(database)],
        "unbalanced": list(audit.unbalanced),
        "openTrips": list(audit.open_trips),
    }


def _booking(one: BookedLedger) -> dict[str, Any]:
    saga = msgspec.json.decode(one.snapshot, type=Saga)
    return {
        "bookingId": one.booking_id,
        "status": one.status,
        "state": one.state,
        "isTerminal": one.is_terminal,
        "reason": saga.manual_reason or saga.reason,
        "currency": saga.total.currency,
        "total": saga.total.amount,
        "shares": [
            {"id": share.id, "userId": share.user_id, "amount": share.amount.amount}
            for share in saga.shares
        ],
        "screened": saga.screening.found.verdict if saga.screening else "",
        "screenedBecause": list(saga.screening.found.reasons) if saga.screening else [],
        "parts": [_part(part) for part in saga.parts],
        "balances": [
            {"account": each.account, "currency": each.currency, "amount": each.amount}
            for each in one.balances
        ],
    }


def _part(part: Part) -> dict[str, Any]:
    return {
        "id": part.id,
        "kind": part.kind,
        "supplier": part.offer.supplier,
        "total": part.total.amount,
        "orderId": part.order.order_id if part.order else None,
        "isDropped": part.is_dropped,
        "isPaid": part.is_paid,
    }
