"""What personas are told of prices rests on what was quoted."""

from collections.abc import Sequence

import pytest

from commands.wire_personas import LoggedTrends
from core.ports.offers import DailyLow
from protocol.travel import HotelQuery, Party, Query

ROOM = HotelQuery(city="LIS", check_in="2027-02-12", check_out="2027-02-14", party=Party(adults=2))


class Quoted:
    """The `Quotes` port: one room, a little dearer each day."""

    def __init__(self, days: int, quotes: int) -> None:
        self._days, self._quotes = days, quotes

    async def daily_lows(self, tenant_id: int, query: Query) -> Sequence[DailyLow]:
        if (tenant_id, query) != (1, ROOM):
            return []
        return [
            DailyLow(day=20_000 + day, currency="EUR", low=10_000 * 1.01**day, quotes=self._quotes)
            for day in range(self._days)
        ]


async def test_enough_quotes_are_a_trend_and_fewer_are_none() -> None:
    found = await LoggedTrends(Quoted(11, 5)).trend(1, ROOM)
    assert found is not None
    assert (found.change, found.days) == (pytest.approx(1.01**10 - 1), 10)
    assert await LoggedTrends(Quoted(11, 5)).trend(2, ROOM) is None
    assert await LoggedTrends(Quoted(11, 2)).trend(1, ROOM) is None
    assert await LoggedTrends(Quoted(7, 5)).trend(1, ROOM) is None
