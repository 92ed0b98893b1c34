"""The `Travellers` port in memory; sealed as in the real one."""

from collections.abc import Mapping
from typing import NamedTuple

import trio

from core.ports.clock import Clock
from protocol.travel import Traveller
from storage.bookings import TRAVELLERS_FOR
from storage.credentials.traveller_seal import TravellerSeal
from storage.memory.stored_bookings import StoredBookings


class _Row(NamedTuple):
    given_by: str
    sealed: bytes
    digest: str


class MemoryTravellers:
    """Travellers' data, beside the bookings whose end they outlive by 30 days."""

    def __init__(self, stored: StoredBookings, key: bytes, clock: Clock) -> None:
        self._stored, self._clock = stored, clock
        self._seal = TravellerSeal(key)
        self._rows: dict[tuple[int, str, str], _Row] = {}

    async def put(
        self,
        tenant_id: int,
        booking_id: str,
        traveller: Traveller,
        *,
        by: str,
        document: Mapping[str, object] | None,
    ) -> str:
        await trio.lowlevel.checkpoint()
        sealed, digest = self._seal.seal(tenant_id, booking_id, traveller, document)
        self._rows[tenant_id, booking_id, traveller.id] = _Row(by, sealed, digest)
        return digest

    async def get(self, tenant_id: int, booking_id: str) -> Mapping[str, tuple[Traveller, str]]:
        await trio.lowlevel.checkpoint()
        return {
            traveller_id: (
                self._seal.open(tenant_id, booking_id, traveller_id, row.sealed),
                row.digest,
            )
            for (tenant, booking, traveller_id), row in sorted(self._rows.items())
            if (tenant, booking) == (tenant_id, booking_id)
        }

    def erase_user(self, user_id: str) -> None:
        """What goes with an account."""
        self._rows = {key: row for key, row in self._rows.items() if row.given_by != user_id}

    def sweep(self) -> None:
        """As housekeeping does it."""
        oldest = self._clock.now_ms() - int(TRAVELLERS_FOR * 1_000)
        self._rows = {key: row for key, row in self._rows.items() if not self._is_over(key, oldest)}

    def _is_over(self, key: tuple[int, str, str], oldest: int) -> bool:
        row = self._stored.row(key[0], key[1])
        return row is not None and row.ended_at is not None and row.ended_at <= oldest
