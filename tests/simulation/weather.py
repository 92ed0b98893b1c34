"""How much goes wrong in one seed, and when: some seeds are calm, some savage."""

import inspect
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import trio
from virtual_network import Quality
from virtual_time import dice, sleep

from core.errors import Unavailable
from storage.memory.message_log import Fault

FLUSH_FAULTS = (Fault.LOST_BEFORE, Fault.LOST_AFTER, Fault.LATE, Fault.FENCE_LOST)


class PlannedCrash(Exception):
    """A bug that the weather put there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Chances: of a flush to go wrong, of a database call to fail before and after its effect, of a
    turn to crash. Per virtual second: of a cut link, a silent one, an end of the process, that the
    database goes away for a while, that another node takes every shard for a while."""

    flush: float
    call: float
    turn: float
    cut: float
    silence: float
    end: float
    outage: float
    coup: float


class Weather:
    """Judges each thing that could go wrong. Once `calmed`, nothing does any more."""

    def __init__(self, seed: int, climate: Mapping[str, float]) -> None:
        self.chance = dice(seed, "weather")
        self.calmed = trio.Event()
        self.counts: Counter[str] = Counter()
        self._back_at = 0.0
        self.rates = replace(self._rates(), **climate)
        self._slowness = self._one_of(0.0, 0.001, 0.02, 0.2)
        self._quality = [
            Quality(),
            Quality(delay=0.02, piece=500),
            Quality(delay=0.3, room=4_096, piece=2_000),
        ]

    @property
    def is_calm(self) -> bool:
        return self.calmed.is_set()

    def _one_of(self, *values: float) -> float:
        return self.chance.choice(values)

    def _rates(self) -> Rates:
        if self.chance.random() < 0.1:
            return Rates(flush=0, call=0, turn=0, cut=0, silence=0, end=0, outage=0, coup=0)
        return Rates(
            flush=self._one_of(0, 0.1, 0.3),
            call=self._one_of(0, 0.01, 0.05),
            turn=self._one_of(0, 0.01, 0.05, 0.15),
            cut=self._one_of(0, 0.1, 0.5),
            silence=self._one_of(0, 0.02),
            end=self._one_of(0, 0.05, 0.2),
            outage=self._one_of(0, 0.05),
            coup=self._one_of(0, 0.05),
        )

    def strikes(self, what: str, rate: float) -> bool:
        """Whether it goes wrong now; counted."""
        if self.is_calm or self.chance.random() >= rate:
            return False
        self.counts[what] += 1
        return True

    def quality(self) -> Quality:
        return Quality() if self.is_calm else self.chance.choice(self._quality)

    @property
    def is_away(self) -> bool:
        """Whether the database answers nobody."""
        return not self.is_calm and trio.current_time() < self._back_at

    def pass_by(self) -> None:
        """A part of a second passed: perhaps the database goes away, for up to ten."""
        if not self.is_away and self.strikes("outage", self.rates.outage / 2):
            self._back_at = trio.current_time() + 10 * self.chance.random()

    def flush(self) -> Fault:
        if self.is_away:
            return Fault.LOST_BEFORE
        if not self.strikes("flush", self.rates.flush):
            return Fault.NONE
        fault = self.chance.choice(FLUSH_FAULTS)
        self.counts[fault.value] += 1
        return fault

    def takes(self) -> float:
        """Virtual seconds that a call to another machine costs."""
        self.counts["delay"] += self._slowness > 0
        return self.chance.random() * self._slowness

    async def pass_time(self) -> None:
        if seconds := self.takes():
            await sleep(seconds)
        else:
            await trio.lowlevel.checkpoint()

    def crash(self, rate: float | None = None) -> None:
        """Raises `PlannedCrash`, sometimes."""
        if self.strikes("turn", self.rates.turn if rate is None else rate):
            raise PlannedCrash


class Mortal:
    """A database as one process sees it: calls take time, fail, or succeed without a word; a dead
    process has no effect (a kill is no cancellation: `finally` blocks still run, and write nothing).
    """

    def __init__(self, target: Any, life: "Life", weather: Weather) -> None:
        self._target, self._life, self._weather = target, life, weather

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._target, name)
        if not inspect.iscoroutinefunction(method):
            return method

        async def call(*args: Any, **kwargs: Any) -> Any:
            weather = self._weather
            await weather.pass_time()
            self._life.require()
            weather.crash(rate=weather.rates.turn / 5)
            if weather.is_away or weather.strikes("call_before", weather.rates.call):
                raise Unavailable
            result = await method(*args, **kwargs)
            self._life.require()
            if weather.strikes("call_after", weather.rates.call):
                raise Unavailable
            return result

        self.__dict__[name] = call
        return call


class Life:
    """Whether a process lives."""

    def __init__(self) -> None:
        self.is_over = False

    def require(self) -> None:
        if self.is_over:
            raise Unavailable


def choose(chance: random.Random, options: dict[str, float]) -> str:
    """One name, by weight."""
    return chance.choices(list(options), list(options.values()))[0]
