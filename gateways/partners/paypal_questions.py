"""Which deliveries PayPal is asked about: anybody may send what looks like an event of its."""

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Final

import trio

from core.errors import Unavailable
from protocol.payments import PaymentReference

MOST_OF_ONE: Final = 16
WITHIN: Final = 10.0
"""Questions about one booking, and about events that name none, within so many seconds. It is much less than
`PayPalCalls` takes at once: who forges events of a booking of theirs, or of none, crowds out no others."""

LOOKS_AT_ONCE: Final = 4
"""Looks whether a booking is here: strangers cause them, and they take no place of a booking's own."""


class Questions:
    """Owns: how many there were lately. `is_ours`: whether a booking is here, by its id."""

    def __init__(self, is_ours: Callable[[str], Awaitable[bool]]) -> None:
        self._is_ours = is_ours
        self._places = trio.CapacityLimiter(LOOKS_AT_ONCE)
        self._asked: Counter[str] = Counter()
        self._until = 0.0

    async def is_about_us(self, reference: PaymentReference | None) -> bool:
        """Also of an event that does not say what it is about. Raises `Unavailable`."""
        if reference is None:
            return True
        async with self._places:
            return await self._is_ours(reference.booking_id)

    def count_nowait(self, reference: PaymentReference | None) -> None:
        """One more. Raises `Unavailable` when there were enough: it is delivered again later."""
        now = trio.current_time()
        if now >= self._until:
            self._asked, self._until = Counter(), now + WITHIN
        about = "" if reference is None else reference.booking_id
        if self._asked[about] >= MOST_OF_ONE:
            raise Unavailable
        self._asked[about] += 1
