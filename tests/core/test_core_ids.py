"""Ids: valid UUIDv7, rising within a process, whatever the clock does."""

import random
import re
import uuid

from core.clock import SystemClock
from core.ids import ProcessIds
from protocol.ids import UUID7_PATTERN


class SetClock:
    def __init__(self, now: int = 1_700_000_000_000) -> None:
        self.now = now

    def now_ms(self) -> int:
        return self.now

    def monotonic(self) -> float:
        return self.now / 1_000


def stamp(text: str) -> int:
    return uuid.UUID(text).int >> 80


def test_an_id_is_a_uuid7_of_now() -> None:
    clock = SetClock()
    text = ProcessIds(clock, random.Random(1)).uuid7()
    assert re.match(UUID7_PATTERN, text)
    assert text == text.lower()
    parsed = uuid.UUID(text)
    assert (parsed.version, parsed.variant) == (7, uuid.RFC_4122)
    assert stamp(text) == clock.now


def test_ids_rise_within_a_millisecond_and_across() -> None:
    clock = SetClock()
    ids = ProcessIds(clock, random.Random(1))
    made = []
    for _ in range(20):
        made += [ids.uuid7() for _ in range(1_000)]
        clock.now += 1
    assert made == sorted(set(made))


def test_a_counter_that_rolls_over_moves_the_stamp_ahead() -> None:
    clock = SetClock()
    ids = ProcessIds(clock, random.Random(1))
    made = [ids.uuid7() for _ in range(10_000)]
    assert made == sorted(set(made))
    assert clock.now < stamp(made[-1]) <= clock.now + 5


def test_ids_rise_through_a_small_jump_back_and_follow_a_great_one() -> None:
    clock = SetClock()
    ids = ProcessIds(clock, random.Random(1))
    first = ids.uuid7()
    clock.now -= 5_000
    assert ids.uuid7() > first
    clock.now -= 3_600_000
    assert stamp(ids.uuid7()) == clock.now


def test_the_same_chance_makes_the_same_ids() -> None:
    one, two = (ProcessIds(SetClock(), random.Random(7)) for _ in range(2))
    assert [one.uuid7() for _ in range(10)] == [two.uuid7() for _ in range(10)]


def test_secrets_have_256_bits_and_never_repeat() -> None:
    ids = ProcessIds(SystemClock(), random.Random(1))
    made = {ids.secret() for _ in range(100)}
    assert len(made) == 100
    assert all(re.fullmatch(r"[\w-]{43}", secret) for secret in made)


async def test_the_system_clock_tells_both_times() -> None:
    clock = SystemClock()
    assert clock.now_ms() > 1_700_000_000_000
    assert clock.monotonic() <= clock.monotonic()
