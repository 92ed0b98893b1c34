"""The personas' actor on virtual time: a room that remembers, models and suppliers that do as they are
told."""

import random
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import trio
from actors_world import TENANT, VirtualClock, principal, user, user_id
from dialogue_world import hotel, place, reading
from fake_meanings import FakeMeanings
from fake_reader import ScriptedReader
from fake_writer import ScriptedWriter

from actors.persona.actor import PersonaKind
from actors.persona.dialogue import Item
from actors.persona.line import Trend
from actors.persona.ports import Circumstances, PersonaPorts, Ranked
from core.actor import Actor, ActorSpec
from core.business_clock import BusinessTime
from core.envelope import Envelope, Lane
from core.errors import Rejected
from core.headroom import Headroom
from core.identity import Principal
from core.ids import ProcessIds
from core.ports.inference import How, Taste
from core.ports.personas import Feedback, NewPersona
from core.ports.travel_search import Asked, Found, Repriced
from core.system import ActorSystem
from protocol.chat import MessagePosted, Sender
from protocol.frames import Answer, Done
from protocol.persona import (
    PERSONA,
    Cancel,
    CloseRun,
    GlimpseRoom,
    OpenRun,
    Prompt,
    Rated,
    RoomGlimpse,
    RoomGlimpsed,
    RunClosed,
    Seated,
    StreamRun,
    Unsaid,
)
from protocol.room import ROOM, PersonaView
from protocol.travel import FlightQuery, Offer, Place, Query
from protocol.understanding import Understanding
from storage.catalogue_file import Entry
from storage.memory.catalogue import MemoryCatalogue
from storage.memory.feedbacks import MemoryFeedbacks
from storage.memory.memories import MemoryMemories
from storage.memory.offers import MemoryOffers
from storage.memory.personas import MemoryPersonas
from storage.memory.runs import MemoryRuns
from storage.memory.stored_personas import StoredPersonas
from storage.memory.users import MemoryUsers
from storage.rate_limits import ProcessRateLimits

ROOM_ID = "0190a000-0000-7000-8000-000000000001"
NOVA = "0190c000-0000-7000-8000-000000000001"
LUXA = "0190c000-0000-7000-8000-000000000002"
ADA, BEN, CLEO = 1, 2, 3


@dataclass
class Told:
    """One run as the room saw it. `deltas`: (time, offset, text)."""

    opened: OpenRun
    opened_at: float
    deltas: list[tuple[float, int, str]] = field(default_factory=list)
    authors: list[Any] = field(default_factory=list)
    closed: CloseRun | None = None
    closed_at: float | None = None
    seq: int | None = None
    late: int = 0

    @property
    def text(self) -> str:
        return "".join(text for _, _, text in self.deltas)


class FakeRoom:
    """A room's side of runs. `refuse_close`: how many of the next `CloseRun` get no answer that counts."""

    def __init__(self, glimpse: RoomGlimpse) -> None:
        self.glimpse = glimpse
        self.runs: dict[str, Told] = {}
        self.open_runs: tuple[str, ...] = ()
        self.closes: list[CloseRun] = []
        self.refuse_close = 0
        self.refuse_open: Rejected | None = None
        self.most_open = 0
        self._seq = 10

    def next_seq(self) -> int:
        self._seq += 1
        return self._seq

    def answer(self, message: Any) -> Answer | None:
        match message:
            case GlimpseRoom():
                return RoomGlimpsed(room=self.glimpse)
            case OpenRun():
                if self.refuse_open is not None:
                    raise self.refuse_open
                self.runs[message.run_id] = Told(message, trio.current_time())
                self.most_open = max(self.most_open, len(self.open))
                return Done()
            case StreamRun(run_id=run_id, offset=offset, text=text, ai=ai):
                run = self.runs[run_id]
                assert offset == len(run.text.encode())
                run.late += run.closed is not None
                run.deltas.append((trio.current_time(), offset, text))
                run.authors.append(ai)
                return None
            case CloseRun():
                return self._close(message)
            case _:
                raise TypeError(type(message).__name__)

    @property
    def open(self) -> list[Told]:
        return [run for run in self.runs.values() if run.closed is None]

    def _close(self, command: CloseRun) -> RunClosed:
        self.closes.append(command)
        run = self.runs.get(command.run_id)
        if run is None:
            raise Rejected("not_found", "There is no such run.")
        if self.refuse_close:
            self.refuse_close -= 1
            raise Rejected("unavailable", "Later.", temporary=True)
        if run.closed is None:
            run.closed, run.closed_at = command, trio.current_time()
            if command.content or (run.text and command.reason != "done"):
                run.seq = self.next_seq()
        return RunClosed(seq=run.seq)


class _RoomActor(Actor[Any]):
    def __init__(self, room: FakeRoom) -> None:
        self._room = room

    async def handle(self, envelope: Envelope[Any]) -> None:
        answer = self._room.answer(envelope.message)
        if answer is not None:
            envelope.answer(answer)


class FakeMoods:
    """The `Moods` port. `heard`: message → (room, person, whether they agree), until it is forgotten."""

    def __init__(self) -> None:
        self.heard: dict[str, tuple[str, str, bool]] = {}

    def heard_nowait(
        self, room_id: str, message_id: str, person_id: str, text: str, *, agrees: bool
    ) -> None:
        self.heard[message_id] = room_id, person_id, agrees

    def agreed_nowait(self, person_id: str, *, agrees: bool) -> None:
        if not agrees:
            self.heard = {key: one for key, one in self.heard.items() if one[1] != person_id}

    def forget_nowait(self, room_id: str, message_id: str) -> None:
        self.heard.pop(message_id, None)


class FakeTravel:
    """The `TravelSearch` port. `offers`: what a query finds; `takes`: seconds for a search; `by_then`: what
    there is for who does not wait as long."""

    def __init__(self) -> None:
        self.offers: Callable[[Query], Sequence[Offer]] = hotels_for
        self.takes = 0.5
        self.queries: list[tuple[str | None, Query]] = []
        self.partial = False
        self.by_then: Callable[[Query], tuple[Offer, ...]] = lambda query: ()
        self.refusal: Rejected | None = None
        self.prices: dict[str, Offer] = {}

    async def search(
        self, tenant_id: int, user_id: str | None, query: Query, *, within: float | None = None
    ) -> Found:
        self.queries.append((user_id, query))
        await trio.sleep(self.takes if within is None else min(self.takes, within))
        if within is not None and within < self.takes:
            found = self.by_then(query)
            return Found(offers=found, suppliers=(Asked(name="amadeus", state="late"),))
        if self.refusal is not None:
            raise self.refusal
        asked = Asked(name="amadeus", state="late" if self.partial else "answered")
        return Found(offers=tuple(self.offers(query)), suppliers=(asked,))

    async def price(self, tenant_id: int, offer_id: str, *, to_book: bool = False) -> Repriced:
        await trio.sleep(self.takes)
        if offer_id not in self.prices:
            raise Rejected("conflict", "This offer cannot be had any more. Please search again.")
        return Repriced(offer=self.prices[offer_id])


def hotels_for(query: Query) -> list[Offer]:
    if isinstance(query, FlightQuery):
        return []
    return [hotel(number, 20_000 + 1_000 * number) for number in range(1, 6)]


class FakeRecommender:
    """Cheapest first; who liked or disliked something sees the others later. Each feedback is one weight."""

    tower = "t1"

    def __init__(self) -> None:
        self.tastes: list[Sequence[Taste]] = []
        self.stated: list[dict[str, float]] = []
        self.population = ""
        self.broken = False
        self.how: How = "own"

    async def rank(
        self, items: Sequence[Item], *, tastes: Sequence[Taste], about: Circumstances
    ) -> Sequence[Ranked]:
        self.tastes.append(tastes)
        if self.broken:
            raise Rejected("model_failed", "No model can answer now.")
        shift = int(sum(sum(taste.weights) for taste in tastes)) % max(1, len(items))
        order = [*range(shift, len(items)), *range(shift)]
        return [
            Ranked(
                index=at,
                because="price" if not tastes else "stars",
                features=(float(at),),
                how=self.how,
            )
            for at in order
        ]

    def taste_of(
        self, feedbacks: Sequence[Feedback], *, stated: Mapping[str, float] = MappingProxyType({})
    ) -> Taste | None:
        self.stated.append(dict(stated))
        if not feedbacks:
            return None
        weights = tuple(float(one.value) for one in feedbacks)
        prior = self.prior_of(stated)
        return Taste(version=self.tower, weights=weights, seen=len(feedbacks), prior=prior)

    def prior_of(self, stated: Mapping[str, float] = MappingProxyType({})) -> str:
        return " ".join([*sorted(stated), self.population]).strip()


class FakeTrends:
    def __init__(self) -> None:
        self.found: Trend | None = None
        self.asked: list[Query] = []

    async def trend(self, tenant_id: int, query: Query) -> Trend | None:
        self.asked.append(query)
        await trio.lowlevel.checkpoint()
        return self.found


@dataclass
class PersonaWorld:
    """One room with Nova (an explorer of Ada's), or as `seats` and `people` say. `here`: the room in which
    somebody writes, all of which are alike. `chapter`: tells apart the
    messages of worlds that share what is `stored`."""

    seed: int = 0
    readings: dict[str, Understanding] = field(default_factory=dict)
    people: tuple[int, ...] = (ADA,)
    invited: int = 0
    seats: tuple[tuple[str, str, str, int], ...] = ((NOVA, "Nova", "explorer", ADA),)
    speaking: Any = "auto"
    places: tuple[Place, ...] = (place("Lisbon"), place("Porto"), place("Faro"))
    rate_limits: bool = True
    chapter: int = 0
    stored: StoredPersonas = field(default_factory=StoredPersonas)
    preferences: dict[str, Any] = field(default_factory=dict)
    headroom: Headroom = field(default_factory=Headroom)

    def __post_init__(self) -> None:
        self.clock = VirtualClock()
        self.business = BusinessTime(self.clock)
        self.ids = ProcessIds(self.clock, random.Random(self.seed))
        self.personas = MemoryPersonas(self.stored, self.clock)
        self.runs = MemoryRuns(self.clock)
        self.feedbacks = MemoryFeedbacks(self.stored, self.clock)
        self.memories = MemoryMemories(self.stored, self.clock)
        self.users = MemoryUsers()
        self.offers = MemoryOffers(self.clock)
        self.catalogue = MemoryCatalogue(Entry(place=one) for one in self.places)
        self.reader, self.writer = ScriptedReader(self.readings), ScriptedWriter()
        self.travel, self.recommender = FakeTravel(), FakeRecommender()
        self.trends = FakeTrends()
        self.meanings, self.moods = FakeMeanings(), FakeMoods()
        self.room = FakeRoom(self.glimpse())
        self.system = ActorSystem(chance=random.Random(self.seed), ids=self.ids)
        self.kind = PersonaKind(self.ports())
        self.here = ROOM_ID
        self._said = 0

    def glimpse(self, **changes: Any) -> RoomGlimpse:
        whole: dict[str, Any] = {
            "kind": "group",
            "speaking": self.speaking,
            "personas": tuple(
                PersonaView(id=persona_id, name=name, owner_id=user_id(owner))
                for persona_id, name, _, owner in self.seats
            ),
            "people": {user_id(number): f"User {number}" for number in self.people},
            "invited": self.invited,
            "owner_id": user_id(self.people[0]),
            "seated": {persona_id: 1 for persona_id, *_ in self.seats},
        }
        return RoomGlimpse(**whole | changes)

    def ports(self) -> PersonaPorts:
        return PersonaPorts(
            tenant_id=TENANT,
            personas=self.personas,
            runs=self.runs,
            feedbacks=self.feedbacks,
            memories=self.memories,
            users=self.users,
            reader=self.reader,
            writer=self.writer,
            recommender=self.recommender,
            travel=self.travel,
            offers=self.offers,
            catalogue=self.catalogue,
            meanings=self.meanings,
            moods=self.moods,
            trends=self.trends,
            rate_limits=ProcessRateLimits(self.clock) if self.rate_limits else None,
            clock=self.clock,
            business=self.business,
            ids=self.ids,
            headroom=self.headroom,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator["PersonaWorld"]:
        for number in range(1, 10):
            self.users.add(replace(user(number), preferences=self.preferences))
        for persona_id, name, style, owner in self.seats:
            await self.personas.create(
                TENANT,
                NewPersona(id=persona_id, owner_id=user_id(owner), name=name, style=style),  # type: ignore[arg-type]
            )
        self.system.register(ActorSpec(kind=ROOM, make=lambda _: _RoomActor(self.room)))
        self.system.register(self.kind.spec())
        async with self.system.running():
            yield self

    # What the room tells.

    def tell(self, message: Any, lane: Lane = Lane.NORMAL) -> None:
        self.system.ref(PERSONA.at(self.here)).deliver_nowait(Envelope(message, lane=lane))

    def say(self, text: str, understanding: Understanding | None = None, **changes: Any) -> str:
        """A person writes; its message id. `by`: who."""
        if understanding is not None:
            self.reader.readings[text] = understanding
        self._said += 1
        by = changes.pop("by", ADA)
        message_id = changes.pop(
            "message_id", f"0190d000-0000-7000-8{self.chapter:03x}-{self._said:012x}"
        )
        message = MessagePosted(
            room_id=ROOM_ID,
            epoch="e",
            seq=self.room.next_seq(),
            sent_at=self.clock.now_ms(),
            message_id=message_id,
            sender=Sender(id=user_id(by), kind=changes.pop("kind", "user"), name=f"User {by}"),
            content=text,
        )
        whole: dict[str, Any] = {
            "message": message,
            "read_at": trio.current_time(),
            "people": len(self.people),
            "follows": "human",
        }
        self.tell(Prompt(**whole | changes))
        return message_id

    def unsay(self, message_id: str, *, is_deleted: bool = True) -> None:
        self.tell(Unsaid(message_id=message_id, is_deleted=is_deleted))

    def seat(self, **changes: Any) -> None:
        self.room.glimpse = self.glimpse(**changes)
        self.tell(Seated(room=self.room.glimpse))

    async def asked(self, text: str, understanding: Understanding, **changes: Any) -> Told | None:
        """Say it, wait until all is quiet; the run that came of it."""
        before = set(self.room.runs)
        self.say(text, understanding, **changes)
        await trio.sleep(30)
        new = [run for run_id, run in self.room.runs.items() if run_id not in before]
        assert len(new) <= 1
        return new[0] if new else None

    async def told(self, text: str, understanding: Understanding, **changes: Any) -> Told:
        run = await self.asked(text, understanding, **changes)
        assert run is not None
        return run

    async def ask(self, message: Any, by: int = ADA) -> Answer:
        ref = self.system.ref(PERSONA.at(ROOM_ID))
        return await ref.ask(message, principal=principal(by), timeout=60)

    async def cancel(self, run_id: str, by: int = ADA) -> Answer:
        return await self.ask(Cancel(run_id=run_id), by)

    async def rate(self, run: Told, item_id: str, value: Any, by: int = ADA, **more: Any) -> Answer:
        rated = Rated(message_id=run.opened.message_id, value=value, offer_id=item_id, **more)
        return await self.ask(rated, by)

    def counted(self, name: str) -> int:
        return self.kind.counts[name]

    def acts(self, since: int = 0) -> list[str]:
        return [plan.act for plan in self.writer.plans[since:]]


def asks_for_hotels(**changes: Any) -> Understanding:
    return reading("search_hotel", **changes)


def of(number: int) -> Principal:
    return principal(number)
