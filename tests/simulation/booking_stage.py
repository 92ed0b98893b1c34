"""A booking's world as all that happens in it shares it: time, what is stored, the other sides, and the sites at
which faults wait."""

import heapq
import itertools
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import msgspec
from booking_faults import Scenario
from booking_journal import Crash, Journal, TooLong
from booking_stories import DAY, HOUR, MINUTE, Person
from fake_consolidator import ConsolidatorCore
from fake_orders import Flavour, OrdersCore
from fake_payments import HOLDS_FOR_MS, REPLAYS_FOR_MS, PaymentsCore, least, unit
from msgspec.structs import replace

from actors.booking import machine
from actors.booking.calls import (
    Call,
    Look,
)
from actors.booking.grouping import assigned
from actors.booking.state import Part, Provider, Saga, Seat
from actors.booking.steps import (
    Input,
    Intent,
    Opening,
    Step,
    Wake,
)
from protocol.frames import Money
from protocol.parties import components
from protocol.travel import (
    FlightDetails,
    FlightQuery,
    HotelDetails,
    HotelQuery,
    Itinerary,
    Party,
    Query,
    Segment,
    SupplierOffer,
)

START: Final = 1_795_400_000_000
MAX_STEPS: Final = 1_500
MAX_STEPS_OF_DAYS: Final = 30_000


@dataclass(slots=True)
class Actor:
    """A person while the story runs."""

    user_id: str
    person: Person
    tries: int = 0
    confirmed: int = 0
    ready_at: int | None = None
    has_declined: bool = False
    has_called_off: bool = False
    rejected: int = 0
    named: set[str] = field(default_factory=set)


class Stage:
    """One play of a scenario, as far as it has come. Owns: everything. `restart` is the play's."""

    def __init__(
        self, scenario: Scenario, watch: "Watch | None" = None, *, keeps_log: bool = False
    ) -> None:
        self.keeps_log = keeps_log
        self.chance = None if scenario.seed is None else random.Random(scenario.seed)
        self.scenario = scenario
        self.story = scenario.story
        self.faults = scenario.at
        self.watch = watch
        self.now = START
        self.reached: dict[str, str] = {}
        self.fired: set[str] = set()
        self.log: list[str] = []
        self.journal = Journal()
        self.steps = 0
        self.life = 0
        self.stored: Saga | None = None
        self.queue: list[Intent] = []
        self.in_flight: set[int] = set()
        self.looking: list[Look] = []
        self.idle: dict[Look, int] = {}
        self._counts: Counter[str] = Counter()
        self._due: list[tuple[int, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self.payments = PaymentsCore(lambda: self.now, self._payment_changed)
        self.suppliers: dict[str, OrdersCore] = {}
        self.desks: dict[str, ConsolidatorCore] = {}
        for _, flavour, _ in self.story.parts:
            self._supplier(flavour)
        self.people = {user: Actor(user, person) for user, person in self.story.people.items()}
        self.desk_at: int | None = None
        self.clerk_words = 0
        self.settled = False
        self.silent: dict[str, tuple[str, int]] = {}
        self.references: dict[str, set[str]] = {}
        self.is_flown = False
        self.opened: dict[str, str] = {}
        self.is_replaced = False
        self.told: list[tuple[str, bool]] = []
        self.answers: dict[str, dict[str, str]] = {}
        self.allowed: set[frozenset[tuple[str, str]]] = set()
        self.in_doubt: frozenset[tuple[str, str]] = frozenset()
        self.seats: dict[str, str] = {}
        self.per_head: dict[str, int] = {}
        self.gone: set[str] = set()

    def restart(self) -> None:
        """Somebody owns the booking anew."""
        raise NotImplementedError

    def later(self, after: int, work: Callable[[], None]) -> None:
        heapq.heappush(self._due, (self.now + after, next(self._order), work))

    # ── the machine, and what is stored of it ──

    def feed(self, message: Input) -> None:
        """Decide and commit, if anything changes."""
        step = self.decide(self.saga, message)
        if step.saga.revision != self.saga.revision:
            self.commit(step)
        elif step.intents or step.ended or step.postings or step.notice or step.saga != self.saga:
            self.problem("a step that has no revision of its own changes something")

    def decide(self, saga: Saga, message: Input) -> Step:
        self.steps += 1
        if self.steps > (MAX_STEPS_OF_DAYS if self.silent else MAX_STEPS):
            raise TooLong
        step = machine.decide(saga, message, self.now)
        calls = [intent.call for intent in step.intents]
        about = message, step.saga.state, step.saga.version, calls, step.notice
        self.note("{} -> {} v{} {} {}", *about)
        return step

    def commit(self, step: Step, fence: int | None = None) -> None:
        for intent in step.intents:
            if self.reach("journal", "/".join(subject(intent.call))) == "crash_before":
                raise Crash
        before = self.stored
        self.journal.commit(step, self.journal.fence if fence is None else fence, self.now)
        self.saga = self.stored = step.saga
        self.queue += step.intents
        if step.saga.state == "COMPLETED" and not self.is_flown:
            self.is_flown = True
            for after, word in self.story.airline:
                self.later(after, lambda word=word: self._airline(word))  # type: ignore[misc]
        self.idle.clear()
        if self.watch is not None:
            self.watch.stepped(self, before, step)

    def _open(self) -> Saga:
        story = self.story
        users = list(story.people)
        seats = tuple(
            Seat(
                id=f"t{number + 1}",
                payer_id=users[number % len(users)],
                type="adult",
                digest="d" * 64 if story.travellers else None,
            )
            for number in range(story.travellers or len(users))
        )
        self.seats = {seat.id: seat.payer_id for seat in seats}
        parts = assigned([self._part(*part) for part in story.parts], seats)
        self.per_head = {part.id: part.total.amount // part.query.party.adults for part in parts}
        opening = Opening(
            booking_id="b1",
            tenant_id=1,
            room_id="r1",
            organiser_id=story.organiser,
            participants=tuple(story.people),
            parts=parts,
            seats=seats,
            split=story.split,
            provider=Provider(
                name="fake",
                unit=unit(story.currency) or 1,
                least=least(story.currency),
                holds_for=HOLDS_FOR_MS,
                replays_for=REPLAYS_FOR_MS,
            ),
            replaces=story.replaces,
            last_ticketing_at=None
            if story.last_ticketing_days is None
            else int(self.now + story.last_ticketing_days * DAY),
        )
        step = machine.open_saga(opening, self.now)
        self.saga = step.saga
        self.commit(step)
        return self.saga

    # ── sites, notices, the rest ──

    def reach(self, op: str, about: str) -> str | None:
        """The fault that waits at this site, if one does."""
        self._counts[f"{op}:{about}"] += 1
        site = f"{op}:{about}:{self._counts[f'{op}:{about}']}"
        self.reached.setdefault(site, self.state)
        fault = self.faults.get(site)
        if fault is not None:
            self.fired.add(site)
            self.note("  FAULT {}={}", site, fault)
        return fault

    def _payment_changed(self, kind: str, payment_id: str) -> None:
        share_id = self.payments.payments[payment_id].reference.share_id
        self._webhook(f"{kind}/{share_id}", Wake(payment_id=payment_id))

    def _order_changed(self, kind: str, order_id: str) -> None:
        self._webhook(f"{kind}/{order_id.partition('_')[0]}", Wake(order_id=order_id))

    def _webhook(self, about: str, wake: Wake) -> None:
        fault = self.reach("webhook", about)
        if fault == "dropped" and about.startswith("refund.failed"):
            # Nothing else tells: it is found in the provider's list of what was not delivered.
            fault = "delayed"
        if fault == "dropped":
            return
        for after in (1_000, 2_000) if fault == "doubled" else (1_000,):
            self.later(3 * HOUR if fault == "delayed" else after, lambda: self.feed(wake))

    def _airline(self, word: str) -> None:
        """What it does with the flight that is booked; nothing, once that has left."""
        if self.story.leaves_in is not None and self.now >= START + self.story.leaves_in:
            return
        for core in self.suppliers.values():
            for order in list(core.orders.values()):
                if core.kind != "flight" or not order.is_live:
                    continue
                match word:
                    case "moves":
                        core.move(order.id, self.ways(HOUR))
                    case "asks":
                        late = self.now - START
                        core.move(order.id, self.ways(late), f"change-{late}")
                    case "cancels":
                        core.call_off(order.id, order.total.amount)
                    case "keeps":
                        core.keeps = 5_000
                    case _:
                        raise AssertionError(word)

    def ways(self, later: int = 0) -> tuple[Itinerary, ...]:
        """The flights of the story, so much later than they were booked."""
        if self.story.leaves_in is None:
            return ()
        departs, arrives = (
            datetime.fromtimestamp((START + self.story.leaves_in + later + after) / 1_000, UTC)
            for after in (0, 2 * HOUR)
        )
        segment = Segment(
            carrier="QF",
            number="1",
            origin="BER",
            destination="LIS",
            departs=departs.strftime("%Y-%m-%dT%H:%M:00"),
            arrives=arrives.strftime("%Y-%m-%dT%H:%M:00"),
        )
        return (Itinerary(segments=(segment,)),)

    def part(self, part_id: str) -> Part:
        return next(part for part in self.saga.parts if part.id == part_id)

    def offer_of(self, part: Part) -> SupplierOffer:
        """What its supplier has for its party: for a smaller one than before, what is found anew."""
        if not part.must_search or part.kind == "hotel":
            return part.offer
        people = part.query.party.adults
        total = Money(amount=self.per_head[part.id] * people, currency=self.story.currency)
        token = msgspec.Raw(f'{{"part":"{part.id}","for":{people}}}'.encode())
        return replace(part.offer, token=token, total=total)

    def _core(self, part_id: str) -> OrdersCore:
        return self.suppliers[self.part(part_id).offer.supplier]

    def _supplier(self, flavour: Flavour) -> None:
        if flavour in self.suppliers:
            return
        pushes = flavour in ("duffel", "instant")
        self.suppliers[flavour] = core = OrdersCore(
            flavour, lambda: self.now, self._order_changed if pushes else None
        )
        if core.capabilities.issue == "explicit":
            self.desks[core.name] = ConsolidatorCore(
                core, lambda: self.now, lag=self.story.lag, issues_after=self.story.issues_after
            )
        core.accepts_for = self.story.accepts_for

    def _part(self, part_id: str, flavour: Flavour, amount: int) -> Part:
        core = self.suppliers[flavour]
        caps = core.capabilities
        people = Party(adults=self.story.travellers or len(self.story.people))
        if core.kind == "flight":
            flights = [id for id, *_ in self.story.parts if id.startswith("f")]
            people = (components(people) or ())[flights.index(part_id)]
        query, details = _asked_and_found(core.kind == "hotel", people.adults)
        if core.kind == "flight":
            details = FlightDetails(itineraries=self.ways())
        return Part(
            id=part_id,
            kind=core.kind,
            query=query,
            offer=SupplierOffer(
                supplier=core.name,
                token=msgspec.Raw(f'{{"part":"{part_id}"}}'.encode()),
                total=Money(amount=amount, currency=self.story.currency),
                fetched_at=self.now,
                expires_at=self.now + 20 * MINUTE,
                can_hold=caps.hold != "none",
                details=details,
            ),
            total=Money(amount=amount, currency=self.story.currency),
            holds=caps.hold != "none",
            cancels=caps.cancel,
            issues=caps.issue,
            finds=caps.finds_by_reference or core.name in self.desks,
            offer_id=f"o-{part_id}",
        )

    def note(self, line: str, *about: object) -> None:
        """`about` is shown where the line has `{}`."""
        if not self.keeps_log:
            return
        line = line.format(*map(_short, about))
        self.log.append(f"{(self.now - START) / 1000:10.1f} {line}")

    def problem(self, what: str) -> None:
        if self.watch is not None:
            self.watch.problems.append(what)

    @property
    def state(self) -> str:
        """Where the saga is, as it is stored."""
        return "" if self.stored is None else self.stored.state


class Watch:
    """Who looks at a world while it plays."""

    problems: list[str]

    def stepped(self, world: Stage, before: Saga | None, step: Step) -> None:
        raise NotImplementedError

    def executing(self, world: Stage, call: Call) -> None:
        raise NotImplementedError

    def executed(self, world: Stage) -> None:
        raise NotImplementedError

    def leaving(self, world: Stage, call: Call) -> None:
        raise NotImplementedError


def subject(of: Call | Look) -> tuple[str, str]:
    """Its word, and whom or what it is about."""
    config = type(of).__struct_config__
    about = getattr(of, "share_id", None) or getattr(of, "part_id", None) or "all"
    return str(config.tag), about


def _asked_and_found(is_hotel: bool, people: int) -> tuple[Query, HotelDetails | FlightDetails]:
    party = Party(adults=people)
    if is_hotel:
        return (
            HotelQuery(city="LIS", check_in="2026-12-20", check_out="2026-12-27", party=party),
            HotelDetails(hotel_id="H", name="Inn", check_in="2026-12-20", check_out="2026-12-27"),
        )
    return (
        FlightQuery(origin="BER", destination="LIS", depart_on="2026-12-20", party=party),
        FlightDetails(itineraries=()),
    )


def _short(what: object) -> str:
    """For the log of a replay."""
    text = what if isinstance(what, str) else repr(what)
    return text if len(text) < 260 else text[:257] + "..."
