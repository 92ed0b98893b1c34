"""How long the saga waits for what, and how it spaces its looks (pure). Milliseconds of business time."""

from typing import Final

SECOND: Final = 1_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

COLLECT_MOST: Final = 5 * DAY
COLLECT_LEAST: Final = 15 * MINUTE
"""Less time than this to collect money in is none."""
BEFORE_TICKETING: Final = 24 * HOUR
BEFORE_EXPIRY: Final = 24 * HOUR
"""How long before the first authorisation runs out, or tickets must be issued, collecting ends."""

REMIND_BEFORE: Final = DAY
"""How long before the time to pay is over those are reminded who have not paid; not where they have just heard of it."""

RESPLIT_AFTER: Final = 12 * HOUR
RECONSENT_AFTER: Final = 6 * HOUR
COLLECT_AGAIN: Final = 6 * HOUR
REFUND_AFTER: Final = 12 * HOUR
REVIEW_AFTER: Final = HOUR
"""How long a booking waits for a screener's word, and then for an operator's."""
REPRICE_AFTER: Final = 2 * MINUTE
REPRICE_TRIES: Final = 3
MAX_ROUNDS: Final = 4
"""Prices that are asked for anew before the booking gives up."""

ORDER_AFTER: Final = 30 * MINUTE
MAX_ATTEMPTS: Final = 8
"""Orders that were certainly not made before the booking gives up."""
UNKNOWN_AFTER: Final = 6 * HOUR
BEFORE_LETTING_GO: Final = 6 * HOUR
REPAIR_AFTER: Final = 6 * HOUR
LET_GO_WITHIN: Final = 2 * HOUR
"""For orders that are to be made anew for fewer travellers to be gone."""
CAPTURE_AFTER: Final = 6 * HOUR
TICKET_AFTER: Final = 24 * HOUR
STAY_AFTER: Final = 6 * HOUR

WATCH_EVERY: Final = 6 * HOUR
WATCH_SOON_EVERY: Final = HOUR
WATCH_SOON: Final = 3 * DAY
"""How often a booked flight is read, should no webhook tell of a change; and in the last days before it leaves."""
WATCHED_AFTER: Final = 3 * HOUR
"""How long after its last departure a flight is still read."""
WEST: Final = 12 * HOUR
EAST: Final = 14 * HOUR
"""Suppliers give times of departure as clocks show them there; clocks are at most so much behind and ahead
of UTC."""
INQUIRE_WITHIN: Final = 2 * MINUTE
"""How long suppliers are asked what comes back, and what else could be flown, before people are asked."""
CHANGE_AFTER: Final = 2 * DAY
CHANGE_LEAST: Final = HOUR
BEFORE_LEAVING: Final = 6 * HOUR
"""How long people have to decide about a change: so long before the flight leaves at the latest."""

RECHECK_AFTER: Final = 12 * HOUR
RECHECK_UNTIL: Final = 30 * DAY
"""Refunds are looked at after the end: half a day later, then each time as long again, for a month."""

PROVEN_AFTER: Final = HOUR
"""A call that was not answered may still take effect; none does so later than this after it was sent
(suppliers hold a request for two minutes at most). What a complete list does not have then was never made."""
DEAD_MAN: Final = 3 * DAY + 2 * HOUR
"""An order that is only held, and that nobody confirms, is gone by then: its supplier lets it go at the
midnight that ends the second day after it was made (we ask Amadeus for that), and it was made late at most."""

REPLAY_MARGIN: Final = HOUR
"""Keys are repeated only while they are younger than what the provider promises, less this."""

LISTED_EVERY: Final = 3
"""Each so manieth time that the making of a payment is not answered, it is looked for in the list before its
key is repeated."""

CONFIRM_AGAIN: Final = 2 * MINUTE
"""How long after an unanswered confirmation a held order counts as not confirmed."""

ALARM_UNWINDING: Final = HOUR
ALARM_UNKNOWN: Final = 2 * HOUR
ALARM_CAPTURING: Final = 30 * MINUTE

POLL_ACTION: Final = MINUTE
POLL_HELD: Final = HOUR
POLL_ORDER: Final = 20 * SECOND
AGAIN_AT_LATEST: Final = MINUTE
"""Somebody looks at a booking with open calls or looks at least this often."""

_FIRST: Final = 2 * SECOND
_LONGEST: Final = 5 * MINUTE


def collecting(until: int, now: int) -> dict[str, int]:
    """The deadlines of collecting: its end, and before it a reminder."""
    at = until - REMIND_BEFORE
    return {"collect": until, "remind": at} if at >= now + REMIND_BEFORE else {"collect": until}


def backoff(tries: int) -> int:
    """How long until the next try, after so many that failed in a row: 2 s, 4 s, … 5 minutes."""
    return min(_LONGEST, _FIRST << min(max(tries - 1, 0), 12))
