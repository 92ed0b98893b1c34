"""How much goes wrong for travellers in one seed: some seeds are calm, some savage."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import trio
from virtual_time import dice, sleep

from core.errors import Unavailable
from gateways.partners.breaker import BreakerPolicy
from gateways.partners.resilience import GuardPolicy

RULES: Final[Mapping[str, Any]] = {
    "latency": (300, 2_500, 11_000, 32_000, 70_000),
    "reset_before": None,
    "reset_after": None,
    "hang_before_effect": None,
    "hang_after_effect": None,
    "late_effect": None,
    "bad_json": None,
    "truncate_body": None,
    "html_502": None,
    "status": (500, 503),
    "refuse": None,
    "status_mismatch": None,
    "rate_limit": None,
    "token_expire": None,
    "sell_out": None,
    "price_drift": (-12, 9, 40),
}
"""What the sandbox's rules may do, and with what: milliseconds, a status, per cent. "refuse": the
query is found wrong."""

ADVANCES: Final = (60_000, 31 * 60_000, 6 * 3_600_000, 3 * 86_400_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Chances: of somebody not to wait for an answer (from a supplier that is `far` seconds away at
    most); of a call of the store to fail, before or after
    its effect (`slow`: seconds that it takes at most). Per tick: of a new rule, of a kill of the sandbox
    (with what searches in it, or without), of a leap of its business clock, of a flight that somebody
    else buys out."""

    hurry: float
    far: float
    store: float
    slow: float
    rule: float
    kill: float
    leap: float
    bought: float


class TravelWeather:
    """Judges each thing that could go wrong. Once `calmed`, nothing does any more."""

    def __init__(self, seed: int, climate: Mapping[str, float]) -> None:
        self.chance = dice(seed, "travel weather")
        self.calmed = trio.Event()
        self.counts: Counter[str] = Counter()
        self.rates = replace(self._rates(), **climate)

    @property
    def is_calm(self) -> bool:
        return self.calmed.is_set()

    def _one_of(self, *values: Any) -> Any:
        return self.chance.choice(values)

    def _rates(self) -> Rates:
        if self.chance.random() < 0.1:
            return Rates(hurry=0.1, far=0, store=0, slow=0, rule=0, kill=0, leap=0, bought=0)
        return Rates(
            hurry=self._one_of(0.1, 0.3),
            far=self._one_of(0, 0.01, 0.2),
            store=self._one_of(0, 0.02, 0.1),
            slow=self._one_of(0, 0.002, 0.3, 2.0),
            rule=self._one_of(0.1, 0.4, 0.8),
            kill=self._one_of(0, 0.02, 0.1),
            leap=self._one_of(0, 0.02, 0.06),
            bought=self._one_of(0, 0.05, 0.2),
        )

    def strikes(self, what: str, rate: float) -> bool:
        """Whether it goes wrong now; counted."""
        if self.is_calm or self.chance.random() >= rate:
            return False
        self.counts[what] += 1
        return True

    def travels(self) -> float:
        """Seconds between us and a supplier, one way."""
        return self.chance.random() * self.rates.far

    def rule(self) -> dict[str, Any]:
        """Of the sandbox, but for the api."""
        kind = self._one_of(*RULES)
        value = self._one_of(*RULES[kind]) if RULES[kind] else None
        action: dict[str, Any] = {"type": kind}
        if kind in ("latency", "late_effect"):
            action["ms"] = value or 5_000
        elif kind == "status":
            action["code"] = value
        elif kind == "refuse":
            action = {"type": "status", "code": 422}
        elif kind == "price_drift":
            action["percent"] = value
        return {
            "action": action,
            "times": self._one_of(1, 1, 3, 8, None),
            "chance": self._one_of(0.4, 1.0),
            "seed": str(self.chance.random()),
        }

    async def call_of_the_store(self) -> None:
        """Before and after its effect. Raises `Unavailable`, sometimes."""
        await sleep(self.chance.random() * self.rates.slow / 2)
        if self.strikes("store_failed", self.rates.store / 2):
            raise Unavailable


def policy(seed: int) -> GuardPolicy:
    """Doors of every width: half of them so narrow that each bound is felt."""
    chance = dice(seed, "policy")
    one_of = chance.choice
    if one_of((True, False)):
        return GuardPolicy()
    call_within = one_of((6.0, 15.0, 30.0))
    return GuardPolicy(
        most_running=one_of((1, 2, 8)),
        most_waiting=one_of((1, 4, 64)),
        call_within=call_within,
        slow_after=one_of((2.0, 5.0)),
        retry_share=one_of((0.1, 0.2)),
        saved_retries=one_of((1.0, 3.0, 10.0)),
        breaker=BreakerPolicy(
            opens_after=one_of((2, 3, 5)),
            first_pause=one_of((2.0, 5.0)),
            most_pause=one_of((20.0, 60.0)),
        ),
    )
