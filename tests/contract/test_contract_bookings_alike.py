"""Whatever is asked of them, in whatever order: the stores of bookings in memory and in PostgreSQL answer
alike, and their ledgers are balanced."""

import random
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from booking_worlds import (
    HOUR,
    TENANT,
    World,
    attempt,
    event,
    fetch,
    intent,
    posting,
    result,
    share,
    verdict,
    world_on,
)

from core.errors import Rejected
from core.ports.bookings import BadStep, JournalStep

STEPS = 120
AMOUNTS = (1, 250, 9_999)
_WITH_ANOTHER_STATUS = """
SELECT booking_id FROM booking b JOIN booking_participant p USING (booking_id)
 WHERE p.status <> b.status"""


class Script:
    """Draws what is asked next. Its own count of revisions is right most of the time."""

    def __init__(self, seed: int, world: World) -> None:
        self._draw, self._world = random.Random(seed), world
        self.users = [world.ids.uuid7() for _ in range(3)]
        self._quotes = [world.ids.uuid7() for _ in range(3)]
        self._clients = [world.ids.uuid7() for _ in range(6)]
        self.booking_ids: list[str] = []
        self._revisions: dict[str, int] = {}

    def next(self) -> tuple[str, tuple[Any, ...]]:
        if not self.booking_ids or self._draw.random() < 0.15:
            return "open", self._opening()
        return "commit", (self._step(self._draw.choice(self.booking_ids)),)

    def succeeded(self, step: JournalStep) -> None:
        self._revisions[step.booking_id] = step.revision
        if step.booking_id not in self.booking_ids:
            self.booking_ids.append(step.booking_id)

    def _opening(self) -> tuple[Any, ...]:
        draw = self._draw
        new = replace(
            self._world.new(draw.choice(self.users)),
            client_id=draw.choice(self._clients),
            quote_id=draw.choice(self._quotes),
        )
        return new, self._step(self._world.ids.uuid7())

    def _step(self, booking_id: str) -> JournalStep:
        draw, world = self._draw, self._world
        world.clock.at_ms += draw.randrange(3) * HOUR
        revision = self._revisions.get(booking_id, 0) + 1
        if revision > 1 and draw.random() < 0.1:
            revision += draw.choice((-1, 1))
        changes = {
            "participants": [share(user, draw.choice(AMOUNTS)) for user in self._some(self.users)],
            "intents": [intent(seq) for seq in self._some(range(revision * 3, revision * 3 + 3))],
            "results": [result(seq) for seq in self._some(range(1, revision * 3 + 3), 0.1)],
            "postings": [self._posting(name) for name in self._some(("a", "b", "c", "d"), 0.1)],
            "event": event(revision) if draw.random() < 0.5 else None,
            "timers": [world.timer(booking_id, at=n, name=f"t{n}") for n in self._some((1, 2))],
            "screening": draw.choice((None, *map(verdict, ("allow", "review", "deny")))),
            "attempts": [
                attempt(user, draw.choice("mn"), is_refused=draw.random() < 0.5)
                for user in self._some(self.users)
            ],
            "is_called_off": draw.random() < 0.3,
            "deadline": draw.choice((None, world.clock.at_ms + HOUR)),
            "needs_operator": draw.random() < 0.2,
        }
        over = revision > 1 and draw.random() < 0.15
        return (world.ended if over else world.step)(booking_id, revision, **changes)

    def _posting(self, name: str) -> Any:
        amount = self._draw.choice(AMOUNTS)
        slip = self._draw.random() < 0.1
        entries = ("psp:stripe", amount), ("suspense", slip - amount)
        return posting(name, *entries, is_memo=self._draw.random() < 0.2)

    def _some(self, of: Any, chance: float = 0.4) -> list[Any]:
        return [each for each in of if self._draw.random() < chance]


@pytest.mark.parametrize("seed", range(3))
async def test_both_answer_alike(booking_dsn: str, seed: int) -> None:
    async with world_on(None) as memory, world_on(booking_dsn) as postgres:
        assert memory.fences == postgres.fences
        script = Script(seed, memory)
        for user_id in script.users[1:]:
            await memory.join(user_id)
            await postgres.join(user_id)
        outcomes: list[str] = []
        for _ in range(STEPS):
            word, arguments = script.next()
            expected = await outcome(getattr(memory.bookings, word), *arguments)
            assert await outcome(getattr(postgres.bookings, word), *arguments) == expected
            if expected == "stored":
                script.succeeded(arguments[-1])
            outcomes.append(expected)
        assert {"stored", "StaleFence", "BadStep"} <= set(outcomes)
        now = memory.clock.now_ms()
        assert await everything(postgres, script, now) == await everything(memory, script, now)
        assert postgres.database is not None
        assert await postgres.database.call(fetch, _WITH_ANOTHER_STATUS) == []


async def outcome(call: Callable[..., Awaitable[str | None]], *arguments: Any) -> str:
    try:
        return await call(*arguments) or "stored"
    except (Rejected, BadStep) as error:
        return type(error).__name__


async def everything(world: World, script: Script, now: int) -> list[Any]:
    bookings, seen = world.bookings, []
    for booking_id in script.booking_ids:
        stored = await bookings.load(TENANT, booking_id)
        seen += [replace(stored, unfinished=list(stored.unfinished))]
        seen += [await bookings.events(TENANT, booking_id, after=0, limit=99)]
        seen += [await bookings.intents(TENANT, booking_id)]
        seen += [await bookings.screenings(TENANT, booking_id)]
        seen += [await world.histories.of(TENANT, script.users, before=booking_id, now=now)]
        seen += [balances := await bookings.balances(TENANT, booking_id)]
        assert sum(balance.amount for balance in balances) == 0
    for user_id in script.users:
        seen += [await bookings.of_user(TENANT, user_id, before=None, limit=5)]
    seen += [await bookings.stuck(now=now, limit=99)]
    seen += [await world.screenings.bookings(TENANT)]
    seen += [await world.screenings.recent(TENANT, limit=10)]
    seen += [await world.told(), await world.waking(9)]
    return seen
