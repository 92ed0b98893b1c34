"""Whose time a server lives by."""

import pytest
import trio
from trio.testing import MockClock

from commands.wire_time import Time, is_played
from core.clock import SystemClock
from core.config import Config, PaymentProvider, Supplier
from core.ports.business_offset import BusinessOffset
from storage.memory.business_clock import MemoryBusinessOffset

LIVE, PLAYED, OFF = Supplier(mode="live"), Supplier(mode="sandbox"), Supplier(mode="off")
UNPAID = PaymentProvider(mode="off")


@pytest.mark.parametrize(
    ("amadeus", "duffel", "stripe", "played"),
    [
        (PLAYED, PLAYED, PaymentProvider(), True),
        (PLAYED, OFF, UNPAID, True),
        (OFF, OFF, PaymentProvider(), True),
        (OFF, OFF, UNPAID, False),
        (PLAYED, LIVE, PaymentProvider(), False),
        (PLAYED, PLAYED, PaymentProvider(mode="live"), False),
    ],
)
def test_business_time_is_the_sandboxs_where_nobody_is_live(
    amadeus: Supplier, duffel: Supplier, stripe: PaymentProvider, played: bool
) -> None:
    assert is_played(Config(amadeus=amadeus, duffel=duffel, stripe=stripe)) is played


def time_of(config: Config, kept: BusinessOffset, asked: list[bool]) -> Time:
    def urls() -> dict[str, str]:
        asked.append(True)
        return {}

    return Time(config, kept, SystemClock(), urls=urls, on_leap=lambda: None)


async def test_a_live_server_asks_nobody_and_remembers_no_sandbox(
    autojump_clock: MockClock,
) -> None:
    kept, asked = MemoryBusinessOffset(), list[bool]()
    await kept.raise_to(86_400_000)
    time = time_of(Config(amadeus=LIVE), kept, asked)
    await time.load()
    with trio.move_on_after(3_600):
        await time.run()
    assert (time.statistics(), asked) == ({"offset_ms": 0}, [])


async def test_a_server_with_a_sandbox_is_where_it_was_and_asks(autojump_clock: MockClock) -> None:
    kept, asked = MemoryBusinessOffset(), list[bool]()
    await kept.raise_to(86_400_000)
    time = time_of(Config(), kept, asked)
    await time.load()
    with trio.move_on_after(60):
        await time.run()
    assert time.statistics() == {"offset_ms": 86_400_000}
    assert 25 < len(asked) <= 31
