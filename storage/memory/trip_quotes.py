"""The `TripQuotes` port in memory."""

from dataclasses import replace

import trio

from core.ports.bookings import Quote
from core.ports.clock import Clock
from protocol.travel import Query
from storage.bookings import QUOTES_FOR, route, routes
from storage.memory.stored_bookings import StoredBookings, StoredQuote


class MemoryTripQuotes:
    """Quotes, beside the bookings that were made from them."""

    def __init__(self, stored: StoredBookings, clock: Clock) -> None:
        self._stored, self._clock = stored, clock

    async def add(self, quote: Quote) -> None:
        await trio.lowlevel.checkpoint()
        self._stored.quotes[quote.id] = StoredQuote(quote, self._clock.now_ms())

    async def get(self, tenant_id: int, quote_id: str) -> Quote | None:
        await trio.lowlevel.checkpoint()
        stored = self._stored.quotes.get(quote_id)
        return None if stored is None or stored.quote.tenant_id != tenant_id else stored.quote

    async def forget_unbooked(self, tenant_id: int, supplier: str, query: Query) -> int:
        await trio.lowlevel.checkpoint()
        sought, expired = route(supplier, query), 0
        for stored in self._stored.quotes.values():
            quote = stored.quote
            if (
                quote.tenant_id == tenant_id
                and not stored.is_booked
                and quote.expires_at > quote.created_at
                and sought in routes(quote.items)
            ):
                stored.quote = replace(quote, expires_at=quote.created_at)
                expired += 1
        return expired

    def sweep(self) -> None:
        """As housekeeping does it."""
        oldest = self._clock.now_ms() - int(QUOTES_FOR * 1_000)
        old = [key for key, stored in self._stored.quotes.items() if stored.stored_at <= oldest]
        for quote_id in old:
            del self._stored.quotes[quote_id]
