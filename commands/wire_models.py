"""Models in production: which are in use here, and the runs that fit them anew."""

import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import trio

from commands.chat_versions import ChatVersions
from commands.children import endless, every
from commands.late_recommender import LateRecommender
from commands.wire_chat_model import ServedChatModel
from commands.wire_storage import Storage
from core.config import Config
from core.identity import DEFAULT_TENANT
from core.ports.clock import Clock
from core.ports.models import Job
from core.supervisor import ChildSpec
from core.wakefulness import Wakefulness
from inference.fraud.screener import FraudScreener
from inference.upkeep import daily, hourly, weekly
from inference.upkeep.daily import DailyRun
from inference.upkeep.gathering import Gathering
from inference.upkeep.hourly import HourlyRun
from inference.upkeep.jobs import JobRunner, Result
from inference.upkeep.keeper import ModelKeeper
from inference.upkeep.screening import FraudKeeper
from inference.upkeep.trainer import remove_left_folders, train
from inference.upkeep.weekly import WeeklyRun

LOOKS_EVERY: Final = 300.0
ROOT: Final = Path(__file__).parents[1]
HANDED_DOWN: Final = ("PATH", "HOME", "LANG", "TMPDIR")
"""Of the environment, to the program that trains; no secret is among them."""


class ModelUpkeep:
    """Owns: who keeps what is in use, and the three runs. Borrows: storage, the recommender, the chat model, the
    screener of bookings."""

    def __init__(
        self,
        config: Config,
        storage: Storage,
        recommender: LateRecommender,
        chat_model: ServedChatModel,
        screener: FraudScreener,
        *,
        clock: Clock,
        node: str,
    ) -> None:
        self._keeper = ModelKeeper(storage.models, recommender.exchange, tenant_id=DEFAULT_TENANT)
        self._chat = ChatVersions(
            storage.models,
            chat_model.use,
            data_dir=config.data_dir,
            clock=clock,
            tenant_id=DEFAULT_TENANT,
        )
        self._fraud = FraudKeeper(
            storage.models, storage.screenings, screener.use, tenant_id=DEFAULT_TENANT
        )
        self._quiet_hour = config.quiet_hour
        gathering = Gathering(
            storage.feedbacks, storage.runs, storage.users, tenant_id=DEFAULT_TENANT
        )
        self._daily = DailyRun(
            storage.models,
            gathering,
            in_use=recommender.in_use,
            clock=clock,
            tenant_id=DEFAULT_TENANT,
        )
        self._weekly = WeeklyRun(
            storage.models,
            gathering,
            in_use=recommender.in_use,
            body_in_use=self._keeper.body_in_use,
            train=_train,
            work_dir=config.data_dir,
            clock=clock,
            tenant_id=DEFAULT_TENANT,
        )
        self._hourly = HourlyRun(
            storage.models,
            storage.screenings,
            train=_train,
            work_dir=config.data_dir,
            clock=clock,
            tenant_id=DEFAULT_TENANT,
        )
        self._storage, self._clock, self._node = storage, clock, node
        remove_left_folders(config.data_dir)

    def nudge(self) -> None:
        """Other models may be in use now."""
        self._keeper.looking.nudge()
        self._chat.looking.nudge()
        self._fraud.looking.nudge()

    def troubles(self) -> Mapping[str, str]:
        """What of the rows this node cannot use, by kind."""
        return {**self._keeper.troubles, **self._chat.troubles, **self._fraud.troubles}

    def statistics(self) -> Mapping[str, int]:
        return {"troubles": len(self.troubles())}

    def jobs(self) -> list[ChildSpec]:
        """What runs as long as the server does."""
        keeping = [
            endless("models", self._keeper.looking.run),
            endless("chat_models", self._chat.looking.run),
            endless("fraud_models", self._fraud.looking.run),
        ]
        if self._quiet_hour is None:
            return keeping
        days = self._runner("daily", self._daily, daily.WITHIN, self._quiet_hour)
        weeks = self._runner("weekly", self._weekly, weekly.WITHIN, self._quiet_hour)
        hours = self._runner("hourly", self._hourly, hourly.WITHIN, self._quiet_hour)
        return [
            *keeping,
            every("models_daily", LOOKS_EVERY, days.turn),
            every("models_weekly", LOOKS_EVERY, weeks.turn),
            every("models_hourly", LOOKS_EVERY, hours.turn),
        ]

    def _runner(
        self, job: Job, work: Callable[[], Awaitable[Result]], within: float, quiet_hour: int
    ) -> JobRunner:
        return JobRunner(
            self._storage.models,
            job,
            work,
            within=within,
            quiet_hour=quiet_hour,
            clock=self._clock,
            node=self._node,
            tenant_id=DEFAULT_TENANT,
        )


async def _train(command: Sequence[str]) -> int:
    """Beside this server, which must not feel it."""
    wakefulness = Wakefulness()
    environment = {name: os.environ[name] for name in HANDED_DOWN if name in os.environ}
    async with trio.open_nursery() as nursery:
        nursery.start_soon(wakefulness.run)
        paused = await train(
            command, environment=environment, p99=lambda: wakefulness.p99, directory=ROOT
        )
        nursery.cancel_scope.cancel()
    return paused
