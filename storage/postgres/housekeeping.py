"""What is over is removed, a bounded bite at a time, so that no table grows without end."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Final

import structlog

from core.errors import Unavailable
from core.ports.clock import Clock
from core.ports.consultations import KEPT_FOR as CONSULTATIONS_FOR
from core.ports.offers import KEPT_FOR as OFFERS_FOR
from core.ports.webhooks import KEPT_FOR as WEBHOOKS_FOR
from storage.bookings import ATTEMPTS_FOR, QUOTES_FOR, TRAVELLERS_FOR
from storage.credentials.credentials import REFRESH_FOR
from storage.months import Month
from storage.personas import ANALYTICS_FOR
from storage.postgres.booking_leaves import drop_old_bookings
from storage.postgres.idempotency import KEPT_FOR
from storage.postgres.pool import Connection, Database
from storage.postgres.retention import Forgotten, drop_old_leaves, forget_expired

BITE: Final = 5_000
MAX_BITES: Final = 20
INBOX_FOR: Final = 365 * 86_400.0
MESSAGES_FOR_MONTHS: Final = 12
BOOKINGS_FOR_MONTHS: Final = 84

log = structlog.get_logger()

# What to remove, and which argument is its time. Few bookings have travellers' data, and they are asked
# one by one: no join may read seven years of the others. A login unused for as long as a refresh token
# lives can never be refreshed again; its tokens and sessions go with it.
_DELETIONS: Final[Mapping[str, str]] = {
    "sessions": "DELETE FROM session WHERE id IN (SELECT id FROM session WHERE expires_at <= $1 LIMIT $2)",
    "tickets": "DELETE FROM ticket WHERE hash IN (SELECT hash FROM ticket WHERE expires_at <= $1 LIMIT $2)",
    "logins": "DELETE FROM login WHERE id IN (SELECT id FROM login WHERE renewed_at <= $1 LIMIT $2)",
    "refresh_tokens": """DELETE FROM refresh_token WHERE hash IN (
        SELECT hash FROM refresh_token WHERE issued_at <= $1 LIMIT $2)""",
    "idempotency_keys": """DELETE FROM idempotency_key WHERE (scope, key) IN (
        SELECT scope, key FROM idempotency_key WHERE claimed_at <= $1 LIMIT $2)""",
    "inbox_items": """DELETE FROM inbox_item WHERE (tenant_id, user_id, seq) IN (
        SELECT tenant_id, user_id, seq FROM inbox_item WHERE created_at <= $1 LIMIT $2)""",
    "search_documents": """DELETE FROM search_document WHERE (room_id, seq) IN (
        SELECT room_id, seq FROM search_document WHERE sent_at < $1 LIMIT $2)""",
    "offers": "DELETE FROM offer WHERE id IN (SELECT id FROM offer WHERE stored_at <= $1 LIMIT $2)",
    "runs": """DELETE FROM persona_run WHERE (tenant_id, id) IN (
        SELECT tenant_id, id FROM persona_run WHERE started_at <= $1 LIMIT $2)""",
    "shown": """DELETE FROM persona_shown WHERE (tenant_id, run_id, card_id) IN (
        SELECT tenant_id, run_id, card_id FROM persona_shown WHERE shown_at <= $1 LIMIT $2)""",
    "feedback": """DELETE FROM persona_feedback WHERE (tenant_id, user_id, message_id, kind, item_id) IN (
        SELECT tenant_id, user_id, message_id, kind, item_id FROM persona_feedback
         WHERE given_at <= $1 LIMIT $2)""",
    "memories": """DELETE FROM persona_memory WHERE (tenant_id, id) IN (
        SELECT tenant_id, id FROM persona_memory WHERE expires_at <= $1 LIMIT $2)""",
    "trip_quotes": """DELETE FROM trip_quote WHERE id IN (
        SELECT id FROM trip_quote WHERE stored_at <= $1 LIMIT $2)""",
    "travellers": """DELETE FROM traveller WHERE (booking_id, traveller_id) IN (
        SELECT booking_id, traveller_id FROM traveller t
         WHERE (SELECT ended_at FROM booking b WHERE b.booking_id = t.booking_id) <= $1 LIMIT $2)""",
    "payment_attempts": """DELETE FROM payment_attempt WHERE (tenant_id, user_id, at, booking_id, n) IN (
        SELECT tenant_id, user_id, at, booking_id, n FROM payment_attempt WHERE at <= $1 LIMIT $2)""",
    "booking_keys": """DELETE FROM booking_key WHERE booking_id IN (
        SELECT booking_id FROM booking_key
         WHERE booking_id < (lpad(to_hex($1::int8), 12, '0') || repeat('0', 20))::uuid
           AND NOT is_live LIMIT $2)""",
    "consultations": """DELETE FROM consultation WHERE id IN (
        SELECT id FROM consultation WHERE ends_at <= $1 LIMIT $2)""",
    "webhook_events": """DELETE FROM webhook_event WHERE (provider, event_id) IN (
        SELECT provider, event_id FROM webhook_event WHERE received_at <= $1 LIMIT $2)""",
}

_CONSUMED: Final = """DELETE FROM outbox WHERE position IN (
    SELECT o.position FROM outbox o,
         (SELECT xid, position FROM outbox_position ORDER BY xid, position LIMIT 1) AS slowest
    WHERE (o.xid, o.position) <= (slowest.xid, slowest.position)
    ORDER BY o.xid, o.position LIMIT $1)"""


async def housekeeping(
    database: Database,
    clock: Clock,
    *,
    refresh_for: float = REFRESH_FOR,
    inbox_for: float = INBOX_FOR,
    messages_for_months: int = MESSAGES_FOR_MONTHS,
    bookings_for_months: int = BOOKINGS_FOR_MONTHS,
    forgotten: Forgotten = lambda room_id, first: None,
) -> Mapping[str, int]:
    """Remove what is over; how many rows of what (of `months`, `booking_months`: leaves). Call every
    few minutes, on any node.

    At most about 100,000 rows of a kind per call, 5,000 per transaction. Cancelled: some are gone.
    Consumed outbox rows go once every subscriber has them. A month of messages goes as a whole, once
    its last day is `messages_for_months` back, and one of bookings once its last is
    `bookings_for_months` back; `forgotten` hears of each room that lost messages.
    """
    now = clock.now_ms()
    oldest = Month.of(now).plus(-messages_for_months)
    oldest_booking = Month.of(now).plus(-bookings_for_months)
    until = {
        "sessions": now,
        "tickets": now,
        "logins": now - int(refresh_for * 1_000),
        "refresh_tokens": now - int(refresh_for * 1_000),
        "idempotency_keys": now - int(KEPT_FOR * 1_000),
        "inbox_items": now - int(inbox_for * 1_000),
        "search_documents": oldest.start,
        "offers": now - int(OFFERS_FOR * 1_000),
        "runs": now - int(ANALYTICS_FOR * 1_000),
        "shown": now - int(ANALYTICS_FOR * 1_000),
        "feedback": now - int(ANALYTICS_FOR * 1_000),
        "memories": now,
        "trip_quotes": now - int(QUOTES_FOR * 1_000),
        "travellers": now - int(TRAVELLERS_FOR * 1_000),
        "payment_attempts": now - int(ATTEMPTS_FOR * 1_000),
        "booking_keys": oldest_booking.start,
        "consultations": now - int(CONSULTATIONS_FOR * 1_000),
        "webhook_events": now - int(WEBHOOKS_FOR * 1_000),
    }
    most = BITE * MAX_BITES
    steps: dict[str, Callable[[], Awaitable[int]]] = {
        "months": partial(drop_old_leaves, database, before=oldest, forgotten=forgotten),
        "messages": partial(
            forget_expired, database, now=now, bite=BITE, most=most, forgotten=forgotten
        ),
        "booking_months": partial(drop_old_bookings, database, before=oldest_booking),
        **{
            what: partial(_in_bites, database, sql, until[what]) for what, sql in _DELETIONS.items()
        },
        "outbox": partial(_in_bites, database, _CONSUMED),
    }
    removed = {what: await _done(what, step) for what, step in steps.items()}
    if any(removed.values()):
        log.info(
            "housekeeping.removed", **{what: count for what, count in removed.items() if count}
        )
    return removed


async def _done(what: str, step: Callable[[], Awaitable[int]]) -> int:
    """What one of them finds in its way for ever must not keep the others from their work."""
    try:
        return await step()
    except Unavailable as error:
        log.warning("housekeeping.failed", what=what, cause=repr(error.__cause__))
        return 0


async def _in_bites(database: Database, sql: str, *args: int) -> int:
    total = 0
    for _ in range(MAX_BITES):
        removed = await database.call(_delete, sql, *args, BITE)
        total += removed
        if removed < BITE:
            break
    return total


async def _delete(connection: Connection, sql: str, *args: int) -> int:
    status = await connection.execute(sql, *args)
    return int(status.removeprefix("DELETE "))
