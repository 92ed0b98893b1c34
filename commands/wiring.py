"""The composition root: builds every part, starts them in order, stops them in reverse."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Final

import trio

from commands.children import (
    endless,
    escalating,
    every,
    jobs_supervisor,
    server_supervisor,
)
from commands.erased_again import erase_again
from commands.one_world import require_one_world
from commands.process_statistics import process_statistics
from commands.wire_actors import Actors
from commands.wire_bookings import Bookings
from commands.wire_chat_model import ServedChatModel
from commands.wire_consultations import consultation_spec
from commands.wire_gateways import Gateways
from commands.wire_models import ModelUpkeep
from commands.wire_payments import PaymentProviders
from commands.wire_personas import Personas
from commands.wire_plans import plan_spec
from commands.wire_storage import Storage
from commands.wire_time import Time
from commands.wire_travel import STOPS_WITHIN, Travel
from commands.wire_webhooks import SupplierHooks
from core.chance import SystemChance
from core.clock import SystemClock
from core.config import Config
from core.durable_timers import DurableTimerService
from core.errors import Rejected
from core.headroom import Headroom
from core.ids import ProcessIds
from core.supervisor import ChildSpec
from core.webhooks import Receptions
from inference.fraud.screener import FraudScreener
from inference.small_models import SmallModels
from protocol.close_codes import CloseCode
from storage.crash_files import CRASHES, CrashFiles
from storage.postgres.embedded import Embedded
from storage.postgres.housekeeping import housekeeping
from storage.postgres.migrate import migrate
from storage.postgres.pool import Connection, Database

HOUSEKEEPING_EVERY: Final = 300.0
KEYS_TENDED_EVERY: Final = 300.0
PING_WITHIN: Final = 2.0
OUR_OWN: Final = frozenset({"travel", "webhooks"})
"""Groups of numbers that are about nobody else."""

DRAIN_ACTORS_WITHIN: Final = 5.0


class Server:
    """Every part of one server. Owns them; lends each to who needs it."""

    def __init__(
        self,
        config: Config,
        database: Database,
        *,
        node: str,
        key: bytes,
        embedded: Embedded | None,
    ) -> None:
        require_one_world(config)
        self._database, self._embedded = database, embedded
        self._data_dir = config.data_dir
        self._keep_months = config.bounds.keep_messages_months
        self._keep_bookings_months = config.bounds.keep_bookings_months
        self._clock = clock = SystemClock()
        chance = SystemChance()
        ids = ProcessIds(clock, chance)
        self.storage = Storage(
            database,
            clock=clock,
            ids=ids,
            bounds=config.bounds,
            node=node,
            key=key,
            on_stored=self._stored,
            on_revoked=self._revoked,
            on_timer_set=self._timer_set,
            on_models_changed=self._models_changed,
            on_unsaid=self._unsaid,
            on_forgotten=self._forgotten,
        )
        self.time = Time(
            config,
            self.storage.business_offset,
            clock,
            urls=lambda: self.travel.urls,
            on_leap=self._leapt,
        )
        self.crash_files = CrashFiles(config.data_dir / CRASHES)
        self.actors = Actors(
            self.storage,
            clock=clock,
            ids=ids,
            chance=chance,
            bounds=config.bounds,
            crash_records=self.crash_files,
        )
        self.timers = DurableTimerService(
            self.storage.timers,
            leases=self.storage.leases,
            ref=self.actors.system.ref,
            clock=self.time.business,
            chance=chance,
        )
        self.travel = Travel(
            config, self.storage.offers, clock=self.time.business, ids=ids, chance=chance
        )
        self.payments = PaymentProviders(
            config,
            self.storage,
            clock=clock,
            business=self.time.business,
            chance=chance,
            node=node,
            urls=lambda: self.travel.urls,
            wanted=self.travel.search.asked.set,
            address=lambda: self.http_url,
        )
        self.hooks = SupplierHooks(
            config, self.storage, self.travel, clock=clock, address=lambda: self.http_url
        )
        self.headroom = Headroom()
        self.small_models = SmallModels(self.headroom)
        self.screener = FraudScreener(clock, worker=self.small_models.turn)
        self.bookings = Bookings(
            config,
            self.storage,
            travel=self.travel,
            payments=self.payments,
            screener=self.screener,
            clock=clock,
            business=self.time.business,
            ids=ids,
            address=lambda: self.http_url,
            ref_to=self.actors.system.ref,
        )
        self.actors.system.register(plan_spec(self.storage, self.actors, clock, self.time.business))
        self.actors.system.register(consultation_spec(self.storage, clock, ids, self.time.business))
        for kind in self.bookings.specs():
            self.actors.system.register(kind)
        self.chat_model = ServedChatModel(config.chat_model, chance=chance, headroom=self.headroom)
        self.personas = Personas(
            self.storage,
            travel=self.travel.search,
            clock=clock,
            business=self.time.business,
            ids=ids,
            is_limited=config.rate_limits,
            models_dir=config.models_dir,
            chat_model=self.chat_model,
            small_models=self.small_models,
            headroom=self.headroom,
        )
        self.upkeep = ModelUpkeep(
            config,
            self.storage,
            self.personas.recommender,
            self.chat_model,
            self.screener,
            clock=clock,
            node=node,
        )
        self.actors.system.register(self.personas.kind.spec())
        self.gateways = Gateways(
            config,
            self.storage,
            self.actors,
            travel=self.travel.search,
            tellings=self.bookings.tellings,
            business=self.time.business,
            suppliers=self._suppliers,
            webhooks=Receptions(self.payments.webhooks, self.hooks.webhooks),
            recommender=self.personas.recommender,
            meanings=self.personas.meanings,
            clock=clock,
            ids=ids,
            readiness=self._readiness,
            models=self._models,
            model_troubles=self.upkeep.troubles,
            reads_cards=lambda: self.chat_model.reads_cards,
            mood_agreed=self.personas.mood_agreed,
            statistics=self._statistics,
        )
        self.jobs = jobs_supervisor(self._jobs(), chance=chance)
        self.supervisor = server_supervisor(self._parts(), chance=chance)

    @property
    def dsn(self) -> str:
        """Its database."""
        return self._database.dsn

    @property
    def http_url(self) -> str:
        return self.gateways.http_url

    @property
    def ws_url(self) -> str:
        return self.gateways.ws_url

    def _parts(self) -> list[ChildSpec]:
        """In start order; stopped in reverse."""
        storage, actors, gateways = self.storage, self.actors, self.gateways
        return [
            endless("crash_records", self.crash_files.run),
            escalating("leases", storage.leases.run),
            # It writes what is queued before it ends.
            escalating("message_log", storage.log.run, shutdown_after=12.0),
            escalating("actors", actors.system.run),
            self.jobs.spec(),
            escalating("clients", gateways.run_clients),
            escalating("http", gateways.run_http),
        ]

    def _jobs(self) -> list[ChildSpec]:
        return [
            endless("outbox", self.actors.outbox.run),
            endless("sessions", self.actors.keeper.run),
            endless("durable_timers", self.timers.run),
            endless("business_time", self.time.run),
            endless("places", self.storage.places.run),
            endless("travel", self.travel.run, shutdown_after=STOPS_WITHIN),
            endless("payments", self.payments.run),
            endless("supplier_webhooks", self.hooks.run),
            endless("headroom", self.headroom.run),
            endless("personas", self.personas.run),
            endless("chat_model", self.chat_model.run),
            *self.upkeep.jobs(),
            every("keys", KEYS_TENDED_EVERY, self.storage.keys.tend),
            every("housekeeping", HOUSEKEEPING_EVERY, self.keep_house),
        ]

    async def load(self) -> None:
        """Bring the database up to date, and read what must be known before anybody is served. Once, before
        the supervisor runs."""
        await migrate(self._database)
        await erase_again(self._database, self._data_dir)
        await self.storage.keys.load()
        await self.time.load()

    async def drain(self) -> None:
        """Tell everybody to come back, finish what was begun; bounded. The gateways first, then the
        actors; what they appended is written by the log's end."""
        await self.gateways.drain()
        await self.actors.system.drain(DRAIN_ACTORS_WITHIN)

    async def keep_house(self) -> None:
        """Remove what is over; done every few minutes by itself. By the node that serves: its rooms hear
        of what they lost."""
        if not self.storage.leases.owned_shards():
            return
        await housekeeping(
            self._database,
            self._clock,
            messages_for_months=self._keep_months,
            bookings_for_months=self._keep_bookings_months,
            forgotten=self.actors.forget_messages,
        )

    def _stored(self) -> None:
        self.actors.outbox.nudge()

    def _timer_set(self, due_at: int) -> None:
        self.timers.nudge(due_at)

    def _leapt(self) -> None:
        self.timers.nudge(0)

    def _models_changed(self) -> None:
        self.upkeep.nudge()

    def _unsaid(self, message_id: str) -> None:
        self.personas.kind.unsay(message_id)

    def _forgotten(self, room_id: str, user_id: str) -> None:
        self.actors.forget_person(room_id, user_id)

    def _revoked(self, login_id: str) -> None:
        self.actors.fanout.close_topic(f"login:{login_id}", CloseCode.TOKEN_REVOKED)

    def _suppliers(self) -> Mapping[str, Mapping[str, int | float]]:
        """Whom we ask, as operators see it."""
        found = {**self.travel.statistics(), **self.payments.statistics()}
        return {name: numbers for name, numbers in found.items() if name not in OUR_OWN}

    async def _readiness(self) -> Mapping[str, bool]:
        is_reachable = False
        with trio.move_on_after(PING_WITHIN), suppress(Rejected):
            await self._database.call(_ping)
            is_reachable = True
        return {
            "database": is_reachable,
            "shards": bool(self.storage.leases.owned_shards()),
            "accepting": not self.gateways.stopping.is_set(),
        }

    def _models(self) -> Mapping[str, str]:
        return {**self.personas.models(), "fraud": self.screener.speaks}

    def _statistics(self) -> Mapping[str, Mapping[str, int | float]]:
        return {
            "actors": self.actors.system.statistics(),
            "business_time": self.time.statistics(),
            "crash_records": self.crash_files.statistics(),
            "credentials": self.storage.credentials.statistics(),
            "database": self._database.statistics(),
            "durable_timers": self.timers.statistics(),
            "fanout": self.actors.fanout.statistics(),
            "jobs": self.jobs.statistics(),
            "headroom": self.headroom.statistics(),
            "leases": self.storage.leases.statistics(),
            "message_log": self.storage.log.statistics(),
            "models": self.upkeep.statistics(),
            "outbox": self.actors.outbox.statistics(),
            "passwords": self.storage.passwords.statistics(),
            "process": process_statistics(),
            "rooms": self.actors.traces.statistics(),
            "screening": self.screener.statistics(),
            "sessions": self.actors.keeper.statistics(),
            "signing_keys": self.storage.keys.statistics(),
            "reception": self.actors.reception.statistics(),
            "supervisor": self.supervisor.statistics(),
            **self.personas.statistics(),
            **self.travel.statistics(),
            **self.payments.statistics(),
            **self.hooks.statistics(),
            **self.gateways.statistics(),
            **({"postgres": self._embedded.statistics()} if self._embedded else {}),
        }


async def _ping(connection: Connection) -> None:
    await connection.execute("SELECT 1")
