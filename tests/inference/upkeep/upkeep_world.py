"""Models in production, all in memory and on virtual time: people who say what they like, and rows."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import trio
from numpy.random import default_rng

from core.identity import Role
from core.ports.models import Job, Model
from core.ports.personas import Feedback, NewPersona, Run, Shown
from core.ports.repositories import User
from inference.recommender.most_liked import MostLiked
from inference.recommender.ranker import Population, TowerRanker
from inference.recommender.schema import FEATURES
from inference.recommender.tower import Tower, load_tower
from inference.upkeep.daily import DailyRun
from inference.upkeep.gathering import Gathering
from inference.upkeep.jobs import JobRunner
from inference.upkeep.keeper import ModelKeeper
from storage.memory.feedbacks import MemoryFeedbacks
from storage.memory.models import MemoryModels
from storage.memory.personas import MemoryPersonas
from storage.memory.runs import MemoryRuns
from storage.memory.stored_personas import StoredPersonas
from storage.memory.users import MemoryUsers

TENANT = 1
TOWER = load_tower()


class Clock:
    """Wall time that moves with trio's, from a moment that a test chooses."""

    def __init__(self) -> None:
        self.begun_at = 1_789_873_200_000

    def now_ms(self) -> int:
        return self.begun_at + int(trio.current_time() * 1_000)

    def monotonic(self) -> float:
        return trio.current_time()


@dataclass
class World:
    """`in_use`: what the keeper exchanged."""

    clock: Clock = field(default_factory=Clock)
    stored: StoredPersonas = field(default_factory=StoredPersonas)
    tower: Tower = TOWER

    def __post_init__(self) -> None:
        self.models = MemoryModels()
        self.feedbacks = MemoryFeedbacks(self.stored, self.clock)
        self.runs = MemoryRuns(self.clock)
        self.users = MemoryUsers()
        self.personas = MemoryPersonas(self.stored, self.clock)
        self.ranker = TowerRanker(self.tower)
        self.gathering = Gathering(self.feedbacks, self.runs, self.users, tenant_id=TENANT)
        self.keeper = ModelKeeper(self.models, self.exchange, tenant_id=TENANT)
        self.daily = DailyRun(
            self.models,
            self.gathering,
            in_use=self.in_use,
            clock=self.clock,
            tenant_id=TENANT,
        )

    async def exchange(self, tower: Tower | None, population: Population | None) -> str:
        self.ranker = self.ranker.having(tower or self.tower, population=population)
        return self.ranker.tower

    async def in_use(self) -> tuple[Tower, MostLiked] | None:
        return self.ranker.in_use

    def runner(
        self, work: Any, *, job: Job = "daily", node: str = "n1", **fields: Any
    ) -> JobRunner:
        values: dict[str, Any] = {"within": 600.0, "quiet_hour": 3}
        return JobRunner(
            self.models,
            job,
            work,
            clock=self.clock,
            node=node,
            tenant_id=TENANT,
            **values | fields,
        )

    async def crowd(
        self,
        *,
        people: int = 30,
        each: int = 20,
        likes: str = "tags.mountains",
        sharing: bool = True,
        first: int = 0,
    ) -> None:
        """People who like places that have one tag of two; everybody speaks in every round."""
        rng, at = default_rng(first + 1), self.clock.now_ms() - 86_400_000
        await self.personas.create(
            TENANT, NewPersona(id="p", owner_id="o", name="P", style="local")
        )
        for number in range(first, first + people):
            self.users.add(self.person(number, sharing=sharing))
        for turn in range(each):
            for number in range(first, first + people):
                tag = ("tags.mountains", "tags.coast")[int(rng.integers(2))]
                features, odds = an_item(tag), 0.9 if tag == likes else 0.15
                value = 1 if rng.random() < odds else -1
                await self.feedbacks.set(
                    TENANT, self.feedback(number, turn, value, features, at=at + turn)
                )

    def person(self, number: int, *, sharing: bool) -> User:
        return User(
            id=f"u{number}",
            tenant_id=TENANT,
            handle=f"h{number}",
            name="N",
            email=f"m{number}@example.test",
            role=Role.USER,
            locale="en",
            time_zone="UTC",
            currency="EUR",
            preferences={"shareFeedback": True} if sharing else {},
            created_at=0,
        )

    def feedback(
        self, number: int, turn: int, value: Any, features: Sequence[float], *, at: int
    ) -> Feedback:
        return Feedback(
            user_id=f"u{number}",
            persona_id="p",
            message_id=f"m{number}-{turn}",
            item_id="i",
            value=value,
            at=at,
            features=tuple(features),
            tower=TOWER.version,
        )

    async def show(self, number: int, features: Sequence[float]) -> None:
        run = Run(
            id=f"r{number}",
            room_id="room",
            persona_id="p",
            asker_id=f"u{number}",
            message_id=f"m{number}",
            reply_to="x",
            started_at=self.clock.now_ms(),
        )
        shown = Shown(card_id="c", item_id="i", place=1, features=tuple(features), tower="t")
        await self.runs.begin(TENANT, run)
        await self.runs.end(TENANT, replace(run, outcome="done"), [shown])

    async def versions(self, kind: Any = "prior") -> list[Model]:
        return list(await self.models.versions(TENANT, kind))


def an_item(tag: str) -> list[float]:
    """A place that has one tag."""
    item = [1.0 if name.endswith(".unknown") else 0.0 for name in FEATURES]
    item[FEATURES.index("tags.unknown")] = 0.0
    item[FEATURES.index("kind.place")] = 1.0
    item[FEATURES.index(tag)] = 1.0
    return item
