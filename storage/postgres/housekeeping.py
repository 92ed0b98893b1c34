"""What is over is removed, a bounded bite at a time, so that no table grows without end."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Final

import structlog

from core.errors import Unavailable
from core.ports.clock import Clock
from core.ports.consultations import KEPT_FOR as CONSULTATIONS_FOR
from core.ports.offers import KEPT_FOR as OFFERS_FOR
from core.ports.repositories import ANSWERS_FOR
from core.ports.webhooks import KEPT_FOR as WEBHOOKS_FOR
from storage.bookings import ATTEMPTS_FOR, QUOTES_FOR, TRAVELLERS_FOR
from storage.credentials.credentials import REFRESH_FOR
from storage.months import Month
from storage.personas import ANALYTICS_FOR
from storage.postgres.booking_leaves import drop_old_bookings
from storage.postgres.pool import Connection, Database
from storage.postgres.retention import Forgotten, drop_old_leaves, forget_expired

BITE: Final = 5_000
MAX_BITES: Final = 20
INBOX_FOR: Final = 365 * 86_400.0
MESSAGES_FOR_MONTHS: Final = 12
BOOKINGS_FOR_MONTHS: Final = 84

log = structlog.get_logger()

# What to remove: table, key and when it is over, of which $1 is the time. Few bookings have travellers' data, and
# they are asked one by one: no join may read seven years of the others. A login unused for as long as a refresh
# token lives can never be refreshed again; its tokens and sessions go with it.
_OVER: Final[Mapping[str, tuple[str, str, str]]] = {
    "sessions": ("session", "id", "expires_at <= $1"),
    "tickets": ("ticket", "hash", "expires_at <= $1"),
    "logins": ("login", "id", "renewed_at <= $1"),
    "refresh_tokens": ("refresh_token", "hash", "issued_at <= $1"),
    "idempotency_keys": ("idempotency_key", "scope, key", "claimed_at <= $1"),
    "inbox_items": ("inbox_item", "tenant_id, user_id, seq", "created_at <= $1"),
    "search_documents": ("search_document", "room_id, seq", "sent_at < $1"),
    "offers": ("offer", "id", "stored_at <= $1"),
    "runs": ("persona_run", "tenant_id, id", "started_at <= $1"),
    "shown": ("persona_shown", "tenant_id, run_id, card_id", "shown_at <= $1"),
    "feedback": (
        "persona_feedback",
        "tenant_id, user_id, message_id, kind, item_id",
        "given_at <= $1",
    ),
    "memories": ("persona_memory", "tenant_id, id", "expires_at <= $1"),
    "trip_quotes": ("trip_quote", "id", "stored_at <= $1"),
    "travellers": (
        "traveller",
        "booking_id, traveller_id",
        "(SELECT ended_at FROM booking b WHERE b.booking_id = traveller.booking_id) <= $1",
    ),
    "payment_attempts": ("payment_attempt", "tenant_id, user_id, at, booking_id, n", "at <= $1"),
    "booking_keys": (
        "booking_key",
        "booking_id",
        "booking_id < (lpad(to_hex($1::int8), 12, '0') || repeat('0', 20))::uuid AND NOT is_live",
    ),
    "consultations": ("consultation", "id", "ends_at <= $1"),
    "webhook_events": ("webhook_event", "provider, event_id", "received_at <= $1"),
}

# Asked twice: of a row that somebody uses anew meanwhile, the new version is asked once more.
_DELETIONS: Final[Mapping[str, str]] = {
    what: f"""DELETE FROM {table} WHERE ({key}) IN (
        SELECT {key} FROM {table} WHERE {is_over} LIMIT $2) AND {is_over}"""
    for what, (table, key, is_over) in _OVER.items()
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
    messages_for_months: int = MESSAGES_FOR_MONTHS,
    bookings_for_months: int = BOOKINGS_FOR_MONTHS,
    forgotten: Forgotten = lambda room_id, first: None,
) -> Mapping[str, int]:
    """Remove what is over; how many rows of what (of `months`, `booking_months`: leaves). Call every
    few minutes, on the node whose rooms are to hear of it.

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
        "logins": now - int(REFRESH_FOR * 1_000),
        "refresh_tokens": now - int(REFRESH_FOR * 1_000),
        "idempotency_keys": now - int(ANSWERS_FOR * 1_000),
        "inbox_items": now - int(INBOX_FOR * 1_000),
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
