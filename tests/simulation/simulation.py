"""A whole journey on virtual time: people, a network, processes that die, one database that remembers.

`play(seed)` gives a `Journey` for `judge.judge`. Same seed, same trace.
"""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import Any
from unittest.mock import patch

import trio
from parrots import Said, persona_id
from people import Agenda, Frame, Person
from simulated_node import LOOK_EVERY, TENANT, Database, Node, Totals, VirtualClock
from virtual_network import Link, Network
from virtual_time import dice, run_seeded, sleep
from weather import Weather, choose

from actors.room.ring import Ring
from core.identity import Role
from core.ports.repositories import User
from gateways.client.policy import Policy
from protocol.persona import Persona
from storage.outbox import OutboxDispatcher

FOREIGN = "another node"
CALM_FOR = 150.0
"""Virtual seconds of quiet before anybody judges: two missed heartbeats, the longest wait before a
reconnect, and the time to say what was left to say."""
CALM_WITHOUT_SILENCE_FOR = 60.0
"""The same in a small world where no link fell silent: each end knows of every cut already, and nobody
has failed so often as to wait half a minute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Of a world. `steps`: what each does; `bad_for`: virtual seconds after which the weather is good,
    though people may not be through."""

    people: int
    rooms: int
    steps: int
    bad_for: float


LARGE = Size(people=5, rooms=2, steps=9, bad_for=60.0)
LARGE_ONE_IN = 20
"""Most worlds are small: for the same processor time several of them find more than one that is large,
and the few that are have what small ones never come to (ADR 8)."""


def size_of(seed: int) -> Size:
    """What a seed has if nobody says otherwise."""
    chance = dice(seed, "size")
    if chance.randrange(LARGE_ONE_IN) == 0:
        return LARGE
    people = chance.choice((3, 3, 3, 4))
    return Size(people=people, rooms=1, steps=chance.randint(1, 2), bad_for=12.0)


@dataclass
class Journey:
    """What happened, as outsiders and the database know it. `replays`: how many events a resume brings
    at most."""

    seed: int
    database: Database
    weather: Weather
    totals: Totals
    replays: int = 0
    said: dict[str, Said] = field(default_factory=dict)
    people: list[Person] = field(default_factory=list)
    rooms: list[str] = field(default_factory=list)
    left_behind: dict[str, float] = field(default_factory=dict)
    online: dict[str, tuple[str, ...] | None] = field(default_factory=dict)
    troubles: list[str] = field(default_factory=list)
    error: BaseException | None = None

    @property
    def deliveries(self) -> int:
        return sum(len(person.events) for person in self.people)

    def rows(self, room_id: str) -> list[Any]:
        rows = self.database.stored.room(TENANT, room_id).rows
        return [rows[seq] for seq in sorted(rows)]

    def digest(self) -> str:
        """Of every frame that every client sent and received, in order."""
        trace = hashlib.sha256()
        for person in self.people:
            for socket in person.sockets:
                for direction, frame in socket.passed:
                    trace.update(f"{person.name} {direction} {_without_time(frame)}".encode())
        return trace.hexdigest()


def _without_time(frame: Frame) -> Frame:
    """A reference client's ping carries the real clock."""
    return {} if frame["type"] in ("ping", "pong") else frame


class Simulation:
    """Runs one seed."""

    def __init__(self, seed: int, climate: Mapping[str, float], size: Size) -> None:
        self.size = size
        self.chance = dice(seed, "journey")
        self.weather = Weather(seed, climate)
        self.network = Network(dice(seed, "network"))
        self.database = Database()
        self.totals = Totals()
        self.journey = Journey(seed, self.database, self.weather, self.totals)
        self.agenda = Agenda(size.people)
        self.clock = VirtualClock()
        self.policy = Policy(
            command_rate=None, max_backlog=self.chance.choice((16_384, 65_536, 1_048_576))
        )
        self._seed = seed
        self._has_personas = seed % 4 == 1
        self._links: list[Link] = []
        self._shards_given_back = 0
        self._shards_back_at = 0.0
        self._nodes = 0
        self._node: Node | None = None
        self._zombies: list[Node] = []
        self._is_over = False

    async def run(self) -> Journey:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.network.run)
            nursery.start_soon(self._operate, nursery)
            nursery.start_soon(self._disturb)
            nursery.start_soon(self._clear_up)
            people = [self._person(number) for number in range(1, self.size.people + 1)]
            self.journey.people = people
            with suppress(trio.Cancelled):
                async with trio.open_nursery() as sessions:
                    for person in people:
                        sessions.start_soon(person.run)
                    await self._travel(people)
                    self.weather.calmed.set()
                    await sleep(self._calm_for())
                    await self._part_with(people)
                    sessions.cancel_scope.cancel()
            await self._go_home()
            nursery.cancel_scope.cancel()
        return self.journey

    def _calm_for(self) -> float:
        is_short = self.size != LARGE and not self.weather.counts["silence"]
        return CALM_WITHOUT_SILENCE_FOR if is_short else CALM_FOR

    # People

    def _person(self, number: int) -> Person:
        """The last two are the same user with two devices."""
        user_number = min(number, self.size.people - 1)
        user_id = f"0190b000-0000-7000-8000-00000000000{user_number}"
        self.database.users.add(
            User(
                id=user_id,
                tenant_id=TENANT,
                handle=f"user{user_number}",
                name=f"User {user_number}",
                email=f"user{user_number}@caravan.test",
                role=Role.USER,
                locale="en",
                time_zone="UTC",
                currency="EUR",
                preferences={},
                created_at=0,
            )
        )
        self._give_persona(user_number, user_id)
        person = Person(
            user_number,
            user_id,
            f"device {number}",
            chance=dice(self._seed, f"person {number}"),
            now_ms=self.clock.now_ms,
            connect=self._connect,
            agenda=self.agenda,
            persona_id=persona_id(user_number) if self._has_personas else None,
            eyes=dice(self._seed, f"eyes {number}"),
        )
        person.naps = self.chance.choice((0.0, 0.0, 0.05, 1.0))
        return person

    def _give_persona(self, user_number: int, user_id: str) -> None:
        id = persona_id(user_number)
        persona = Persona(id=id, owner_id=user_id, name=f"Parrot {user_number}", style="local")
        self.database.stored_personas.personas[TENANT, id] = persona

    async def _travel(self, people: list[Person]) -> None:
        async with trio.open_nursery() as nursery:
            for person in people:
                nursery.start_soon(self._live, person)

    async def _live(self, person: Person) -> None:
        if person.number <= self.size.rooms:
            await self._make_room(person)
        await self.agenda.ready.wait()
        for room_id in self.agenda.rooms:
            await person.enter(room_id)
        # What personas say takes as long again.
        await person.live(self.size.steps * 2 // 3 if self._has_personas else self.size.steps)
        # Who goes away for good in the middle leaves no retry behind to repair anything.
        if person.number == self.size.people - 1 and person.chance.random() < 0.3:
            with trio.move_on_after(person.chance.random() * 0.05):
                await person.step()
            person.has_quit = True

    async def _make_room(self, person: Person) -> None:
        is_accompanied = person.persona_id is not None and person.number == 1
        others = {other.user_id for other in self.journey.people if other.number != person.number}
        answer = await person.insist(
            "room.create",
            kind="group",
            clientId=person.session.new_id(),
            title="Lisbon",
            members=sorted(others),
            **({"personas": [person.persona_id]} if is_accompanied else {}),
        )
        if not isinstance(answer, dict):
            raise AssertionError(f"no room was made: {answer}")
        self.agenda.rooms.append(answer["room"]["id"])
        self.journey.rooms.append(answer["room"]["id"])
        if len(self.agenda.rooms) == self.size.rooms:
            self.agenda.ready.set()

    async def _part_with(self, people: list[Person]) -> None:
        """One more word in each room in quiet times; whoever is in it must hear it."""
        for owner, room_id in zip(people, self._rooms_by_owner(people), strict=False):
            if room_id not in owner.session.positions:
                await owner.enter(room_id)
            await owner.post(room_id, owner.session.new_id(), "the end")
        await sleep(20)
        for person in people:
            person.stayed = person.sockets[-1] if person.session.is_connected else None
            if not person.session.is_connected:
                self.journey.troubles.append(f"{person.name} is not connected in quiet times")
        for room_id in self.agenda.rooms if self._node is not None else ():
            self.journey.online[room_id] = self._node.actors.fanout.audience(
                f"room:{room_id}"
            ).user_ids
        for person in people:
            person.heard = len(person.stayed.passed) if person.stayed is not None else 0
        for person in people:
            if person.stayed is not None and not person.has_quit:
                for room_id in self.agenda.rooms:
                    await person.look_at(room_id, limit=person.eyes.randint(1, 50))

    def _rooms_by_owner(self, people: list[Person]) -> list[str]:
        """The room that the first, the second … made."""
        owners = {room_id: self.journey.rows(room_id)[0].sender_id for room_id in self.agenda.rooms}
        return sorted(self.agenda.rooms, key=lambda room_id: owners[room_id])

    # The network between

    async def _connect(self) -> Link:
        await sleep(0.001 + self.network.chance.random() * 0.01)
        link = Link(self.network, self.weather.quality())
        nodes = [node for node in (self._node, *self._zombies) if node is not None and node.is_open]
        if not nodes:
            raise ConnectionRefusedError
        node = nodes[0] if self.weather.is_calm else self.network.chance.choice(nodes)
        if not node.accept(link):
            raise ConnectionRefusedError
        self._links = [old for old in self._links if not old.is_cut] + [link]
        return link

    async def _disturb(self) -> None:
        """Cut links, silence links, until the weather is good; land late writes, free shards."""
        weather = self.weather
        while not weather.is_calm:
            await sleep(0.5)
            weather.pass_by()
            if weather.strikes("coup", weather.rates.coup / 2):
                self.database.shards.take_all(FOREIGN)
                self._shards_back_at = trio.current_time() + 12 * self.chance.random()
            for link in self._links:
                if weather.strikes("cut", weather.rates.cut / 2):
                    link.cut()
                elif weather.strikes("silence", weather.rates.silence / 2):
                    link.go_silent()
            if self.network.chance.random() < 0.3:
                self._settle_database()
        await trio.sleep_until(self._shards_back_at)
        self._settle_database()

    def _settle_database(self) -> None:
        self.database.land_late()
        lost = self.weather.counts["fence_lost"] + self.weather.counts["coup"]
        if lost > self._shards_given_back and trio.current_time() >= self._shards_back_at:
            self._shards_given_back = lost
            self.database.shards.free(FOREIGN)
            if self._node is not None:
                self._node.take_free_shards()

    async def _clear_up(self) -> None:
        await sleep(self.size.bad_for)
        self.weather.calmed.set()

    # The processes

    async def _operate(self, nursery: trio.Nursery) -> None:
        """Keep one process running; end it in every way there is."""
        while not self._is_over:
            node = self._node = self._new_node()
            await nursery.start(node.run)
            while not (node.ended.is_set() or self.weather.is_calm):
                await sleep(0.5)
                if self.weather.strikes("end", self.weather.rates.end / 2):
                    await self._end(node, nursery)
                    break
            else:
                await node.ended.wait()
            await sleep(self.chance.random() * 2)

    async def _end(self, node: Node, nursery: trio.Nursery) -> None:
        how = choose(self.chance, {"kill": 5, "leave": 2, "depose": 2})
        self.weather.counts[how] += 1
        if how == "kill":
            node.kill()
            await node.ended.wait()
        elif how == "leave":
            await node.leave()
            await node.ended.wait()
        else:
            node.depose()
            self._zombies.append(node)
            nursery.start_soon(self._tell_later, node)

    async def _tell_later(self, node: Node) -> None:
        await sleep(self.chance.random() * 6)
        node.hear_of_it()
        await node.ended.wait()
        self._zombies.remove(node)

    def _new_node(self) -> Node:
        """It owns every shard: the earlier ones are dead, or were declared so."""
        self._nodes += 1
        for node in (self._node, *self._zombies):
            if node is not None:
                self.database.shards.free(node.name)
        return Node(
            self._seed,
            self._nodes,
            self.database,
            self.network,
            self.weather,
            self.policy,
            self.totals,
            self.journey.said,
        )

    async def _go_home(self) -> None:
        """All have left: a last process must have nothing left over, and stop in order."""
        node = self._node
        self._is_over = True
        if node is None or node.ended.is_set():
            self.journey.troubles.append("no process runs in quiet times")
            return
        await sleep(20)
        self.journey.left_behind = {
            "connections": len(node.connections),
            "topics": node.actors.fanout.statistics()["topics"],
            "crashed connections": node.connections.statistics()["crashed"],
        }
        await node.leave()
        await node.ended.wait()
        self.journey.left_behind["actors"] = node.actors.system.statistics()["active"]


@contextmanager
def _small_bounds(seed: int) -> Iterator[int]:
    """Half of the worlds keep and recall so little that most of it comes from the log; half replay so
    little that many resumes are answered `reset`: how much, is what this gives. The outbox seldom looks of
    itself, as the durable timers do: most of a calm would be that."""
    bounds = dice(seed, "bounds")
    few, replays = bounds.choice((3, 256)), bounds.choice((4, 1_000))
    with (
        patch("actors.room.verdicts.MAX_REPLAY_EVENTS", replays),
        patch("actors.room.actor.Ring", partial(Ring, max_events=few)),
        patch("actors.room.actor.MAX_RECALLED", few),
        patch("actors.room.catch_up.PAGE_EVENTS", few),
        patch(
            "commands.wire_actors.OutboxDispatcher",
            partial(OutboxDispatcher, poll_every=LOOK_EVERY),
        ),
    ):
        yield replays


def play(
    seed: int, climate: Mapping[str, float] = MappingProxyType({}), size: Size | None = None
) -> Journey:
    """One seed from its beginning to its end; what goes wrong in it is among its troubles.
    `climate` fixes rates of `weather.Rates`, and `size` the size, that the seed would choose."""
    simulation = Simulation(seed, climate, size or size_of(seed))
    try:
        with _small_bounds(seed) as simulation.journey.replays:
            return run_seeded(seed, simulation.run)
    except (Exception, BaseExceptionGroup) as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        simulation.journey.error = error
        simulation.journey.troubles.append(f"it never ended well: {error!r}")
        return simulation.journey
