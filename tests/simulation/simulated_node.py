"""One server process: the production wiring of actors, gateway and supervisor, on mortal ports."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import trio
from parrots import Cage, Said
from virtual_network import Link, Network, VirtualPoller
from virtual_time import dice, sleep
from weather import Life, Mortal, PlannedCrash, Weather

from commands.children import endless, escalating, jobs_supervisor, server_supervisor
from commands.wire_actors import Actors
from core.config import Bounds
from core.durable_timers import DurableTimerService
from core.errors import EscalatedError
from core.identity import Principal, Role
from core.ids import ProcessIds
from core.ports.message_log import Append
from core.ports.repositories import User
from gateways.client import admission
from gateways.client.connections import Connections
from gateways.client.policy import Policy
from gateways.client.router import Router
from storage.memory.bookings import MemoryBookings
from storage.memory.consultations import MemoryConsultations
from storage.memory.durable_timers import MemoryDurableTimers, TimerTable
from storage.memory.inboxes import MemoryInboxes
from storage.memory.leases import MemoryLeases, MemoryShards
from storage.memory.message_log import Fault, FaultPlan, MemoryMessageLog
from storage.memory.outbox import MemoryOutbox
from storage.memory.personas import MemoryPersonas
from storage.memory.rooms import MemoryRooms
from storage.memory.runs import MemoryRuns
from storage.memory.search import MemorySearch
from storage.memory.sessions import MemorySessions
from storage.memory.stored_bookings import StoredBookings
from storage.memory.stored_log import StoredLog
from storage.memory.stored_personas import StoredPersonas
from storage.memory.users import MemoryUsers

TENANT = 1
T0 = 1_800_000_000_000
NODE = "node"
PART_CRASHES = 0.02
"""Per virtual second, while the weather is bad: what a supervisor restarts in place."""
LOOK_EVERY = 10.0
"""Virtual seconds after which the outbox and the durable timers look without being nudged."""


class VirtualClock:
    """Wall time that moves with trio's."""

    def now_ms(self) -> int:
        return T0 + int(trio.current_time() * 1_000)

    def monotonic(self) -> float:
        return trio.current_time()


class Database:
    """What survives every process."""

    def __init__(self) -> None:
        self.shards = MemoryShards()
        self.stored = StoredLog(self.shards)
        self.users = MemoryUsers()
        self.rooms = MemoryRooms(self.stored, self.users)
        self.runs = MemoryRuns(VirtualClock())
        self.stored_personas = StoredPersonas()
        self.personas = MemoryPersonas(
            self.stored_personas, VirtualClock(), rooms_of=self.stored.rooms_with
        )
        self.inboxes = MemoryInboxes(self.shards)
        self.sessions = MemorySessions(self.inboxes)
        self.outbox = MemoryOutbox(self.stored)
        self.timers = TimerTable(shards=self.shards)
        self.bookings = StoredBookings(self.shards, timers=self.timers, outbox=self.stored.outbox)
        self.search = MemorySearch(self.rooms)
        self.logs: list[MemoryMessageLog] = []

    def land_late(self) -> None:
        """Writes whose reply was lost reach the disk, or bounce off a newer fence."""
        for log in self.logs:
            log.land_late()


class Guests:
    """Credentials: a token is a user's id."""

    def __init__(self, users: MemoryUsers) -> None:
        self._users = users

    async def authenticate(self, token: str) -> Principal:
        user: User | None = await self._users.get(TENANT, token)
        if user is None:
            raise LookupError(token)
        return Principal(
            tenant_id=TENANT,
            user_id=user.id,
            login_id=f"login of {user.id}",
            role=Role.USER,
            name=user.name,
            handle=user.handle,
            locale="en",
            expires_at=T0 * 2,
        )


@dataclass
class Totals:
    """What all processes of a simulation did."""

    figures: dict[str, float] = field(default_factory=dict)
    parts_restarted: float = 0

    def add(self, figures: dict[str, float]) -> None:
        for name in ("activations", "crashes", "restarts", "passivations"):
            self.figures[name] = self.figures.get(name, 0) + figures[name]


class Node:
    """Starts in `run`, ends by `kill` (no last word), `leave` (in order) or a crash of its own."""

    def __init__(
        self,
        seed: int,
        number: int,
        database: Database,
        network: Network,
        weather: Weather,
        policy: Policy,
        totals: Totals,
        said: dict[str, Said],
    ) -> None:
        self.life = Life()
        self.ended = trio.Event()
        self.is_open = False
        self.name = f"{NODE} {number}"
        self._weather = weather
        self._network = network
        self._totals = totals
        self._links: list[Link] = []
        self._scope = trio.CancelScope()
        self._in_flight: Sequence[Append] | None = None
        self._lost = trio.Event()
        self._chance = dice(seed, f"process {number}")
        clock = VirtualClock()
        ids = ProcessIds(clock, self._chance)
        self.leases = MemoryLeases(database.shards, node=self.name, on_lost=self._lost.set)
        self.log = MemoryMessageLog(
            database.shards, clock, stored=database.stored, plan=self._plan()
        )
        database.logs.append(self.log)
        storage = self._storage(database)
        self.actors = Actors(
            storage,
            clock=clock,
            ids=ids,
            chance=self._chance,
            bounds=Bounds(),
        )
        self.timers = DurableTimerService(
            storage.timers,
            leases=self.leases,
            ref=self.actors.system.ref,
            clock=clock,
            chance=self._chance,
            poll_every=LOOK_EVERY,
        )
        cage = Cage(
            runs=Mortal(database.runs, self.life, weather),
            ids=ids,
            chance=dice(seed, f"parrots {number}"),
            weather=weather,
            said=said,
        )
        self.actors.system.register(cage.spec())
        self._sabotage_publishing()
        self._admission = admission.Admission(admission.Bounds())
        fanout = self.actors.fanout
        self.poller = VirtualPoller(fanout.tick.flush, network.chance)
        self.connections = Connections(
            handler=Router(
                self.actors.system, fanout=fanout, admission=self._admission, clock=clock, ids=ids
            ),
            fanout=fanout,
            admission=self._admission,
            clock=clock,
            policy=policy,
            poller=self.poller,
        )
        self.jobs = jobs_supervisor(self._jobs(), chance=self._chance)
        self.supervisor = server_supervisor(self._children(), chance=self._chance)

    def _storage(self, database: Database) -> Any:
        def mortal(target: object) -> Mortal:
            return Mortal(target, self.life, self._weather)

        timers = MemoryDurableTimers(database.timers, on_set=self._timer_set)
        return SimpleNamespace(
            log=mortal(self.log),
            leases=mortal(self.leases),
            users=mortal(database.users),
            rooms=mortal(database.rooms),
            personas=mortal(database.personas),
            runs=mortal(database.runs),
            inboxes=mortal(database.inboxes),
            sessions=mortal(database.sessions),
            search=mortal(database.search),
            outbox=mortal(database.outbox),
            bookings=mortal(MemoryBookings(database.bookings)),
            timers=mortal(timers),
            consultations=mortal(MemoryConsultations(database.users, timers)),
            credentials=mortal(Guests(database.users)),
            read_models=[],
        )

    def _plan(self) -> FaultPlan:
        def takes(appends: Sequence[Append]) -> float:
            self._in_flight = appends
            return self._weather.takes()

        def flush(appends: Sequence[Append]) -> Fault:
            if not self.life.is_over:
                self.actors.outbox.nudge()
                return self._weather.flush()
            # The process is dead; only what it had sent before may still arrive.
            was_sent = appends is self._in_flight and self._chance.random() < 0.5
            return Fault.LATE if was_sent else Fault.LOST_BEFORE

        return FaultPlan(
            flush=flush, takes=takes, is_bad=lambda append: b"poison" in append.rows[0].body
        )

    def _sabotage_publishing(self) -> None:
        publish = self.actors.fanout.publish_nowait

        def sometimes(topic: str, *args: Any, **kwargs: Any) -> None:
            if topic.startswith("room:"):
                self._weather.crash()
            publish(topic, *args, **kwargs)

        self.actors.fanout.publish_nowait = sometimes  # type: ignore[method-assign]

    def _children(self) -> list[Any]:
        """In the order of commands.wiring."""
        return [
            escalating("leases", self._hold_leases),
            escalating("message_log", self.log.run, shutdown_after=12.0),
            escalating("actors", self.actors.system.run),
            self.jobs.spec(),
            escalating("clients", self._serve_clients),
        ]

    def _jobs(self) -> list[Any]:
        return [
            endless("outbox", self._fragile(self.actors.outbox.run)),
            endless("sessions", self._fragile(self.actors.keeper.run)),
            endless("durable_timers", self._fragile(self.timers.run)),
        ]

    def _timer_set(self, due_at: int) -> None:
        self.timers.nudge(due_at)

    async def _hold_leases(
        self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        task_status.started()
        await self._lost.wait()
        raise RuntimeError("another node owns what we owned")

    async def _serve_clients(
        self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        self.is_open = True
        task_status.started()
        try:
            await self.connections.run()
        finally:
            self.is_open = False

    def _fragile(self, run: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
        async def life() -> None:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(run)
                while not self._weather.is_calm:
                    await sleep(1)
                    if self._weather.strikes("part", PART_CRASHES):
                        raise PlannedCrash

        return life

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Until the process ends, in whatever way."""
        try:
            with self._scope:
                await self.supervisor.run(task_status=task_status)
        except EscalatedError:
            self._weather.counts["escalated"] += 1
        finally:
            self.life.is_over = True
            self.is_open = False
            for link in self._links:
                link.cut()
            self._totals.add(dict(self.actors.system.statistics()))
            self._totals.parts_restarted += self.jobs.statistics()["restarts"]
            self.ended.set()

    def accept(self, link: Link) -> bool:
        """A client's upgrade, done. False: nobody listens."""
        if not self.is_open or not self._admission.enter_address("127.0.0.1"):
            return False
        self._links = [old for old in self._links if not old.is_cut]
        self._links.append(link)
        link.wake_server = self.poller.wake
        self.connections.take_in(link.server_end, "127.0.0.1")
        return True

    def kill(self) -> None:
        """kill -9."""
        self.life.is_over = True
        self.is_open = False
        for link in self._links:
            link.cut()
        self._scope.cancel()

    def take_free_shards(self) -> None:
        """As every node does now and then."""
        if not (self.life.is_over or self.leases.is_away):
            self.leases.take_free()

    def depose(self) -> None:
        """Declared dead by the others, and does not know it yet."""
        self.leases.is_away = True

    def hear_of_it(self) -> None:
        """The deposed learns what happened."""
        self.leases.lose()

    async def leave(self) -> None:
        """SIGTERM."""
        self.is_open = False
        await self.connections.drain(reconnect_after_ms=0, jitter_ms=2_000, within=1.0)
        await self.actors.system.drain(5.0)
        self._scope.cancel()
