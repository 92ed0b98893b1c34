"""The `Travellers` port in memory; sealed as in the real one."""

from collections.abc import Mapping

import trio

from core.ports.clock import Clock
from protocol.travel import Traveller
from storage.bookings import TRAVELLERS_FOR
from storage.credentials.traveller_seal import TravellerSeal
from storage.memory.stored_bookings import StoredBookings


class MemoryTravellers:
    """Travellers' data, beside the bookings whose end they outlive by 30 days."""

    def __init__(self, stored: StoredBookings, key: bytes, clock: Clock) -> None:
        self._stored, self._clock = stored, clock
        seal = TravellerSeal(key)
        self.seal, self._open = seal.seal, seal.open

    async def get(self, tenant_id: int, booking_id: str) -> Mapping[str, tuple[Traveller, str]]:
        await trio.lowlevel.checkpoint()
        row = self._stored.row(tenant_id, booking_id)
        return {
            id_: (self._open(tenant_id, booking_id, id_, one.sealed), one.digest)
            for id_, one in sorted(row.travellers.items() if row is not None else ())
        }

    async def givers(self, tenant_id: int, booking_id: str) -> Mapping[str, str]:
        await trio.lowlevel.checkpoint()
        row = self._stored.row(tenant_id, booking_id)
        return {} if row is None else {id_: one.by for id_, one in row.travellers.items()}

    def erase_user(self, user_id: str) -> None:
        """What goes with an account."""
        for row in self._stored.rows.values():
            row.travellers = {k: one for k, one in row.travellers.items() if one.by != user_id}

    def sweep(self) -> None:
        """As housekeeping does it."""
        oldest = self._clock.now_ms() - int(TRAVELLERS_FOR * 1_000)
        for row in self._stored.rows.values():
            if row.ended_at is not None and row.ended_at <= oldest:
                row.travellers = {}
