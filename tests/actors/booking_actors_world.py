"""The real actor system with bookings and desks, on memory stores, a fake supplier and a fake provider."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import trio
from actors_world import ROOM_ID, T0, TENANT, FakeClient, VirtualClock, World, key, user_id
from fake_consolidator import ConsolidatorCore, FakeConsolidator
from fake_orders import FakeOrders, OrdersCore
from fake_payments import FakePayments, PaymentsCore
from msgspec import Raw
from msgspec.structs import replace

from actors.booking.actor import spec as booking_spec
from actors.booking.courier import BookingCourier
from actors.booking.desk import spec as desk_spec
from actors.booking.ports import BookingPorts, DeskPorts
from actors.booking.rebooker import OtherBookings, Rebooker
from actors.booking.telling import BookingTellings
from actors.user.actor import UserPorts
from core.delivery import Delivery
from core.durable_timers import DurableTimerService
from core.envelope import Envelope
from core.errors import Rejected
from core.ports.consolidator import Consolidator
from core.ports.fraud import BookingFacts, PayerHistory, Screened, Verdict
from core.ports.inventory import Inventory, Priced
from core.ports.payments import Payments
from core.ports.travel_search import Found, Repriced
from protocol.addresses import Address
from protocol.booking import (
    BOOKING,
    DESK,
    CreateBooking,
    DecideBooking,
    GetBooking,
    NameTraveller,
    QuoteTrip,
    TravellerSpec,
    WakeBooking,
)
from protocol.frames import Answer, Money
from protocol.room import JoinRoom
from protocol.suppliers import Refused
from protocol.travel import (
    FlightDetails,
    FlightQuery,
    HotelDetails,
    HotelQuery,
    Itinerary,
    Offer,
    Party,
    Query,
    Segment,
    SupplierOffer,
)
from storage.memory.bookings import MemoryBookings
from storage.memory.durable_timers import NO_FAULTS, FaultPlan, MemoryDurableTimers, TimerTable
from storage.memory.leases import MemoryLeases
from storage.memory.offers import MemoryOffers
from storage.memory.outbox import MemoryOutbox
from storage.memory.screenings import MemoryHistories
from storage.memory.stored_bookings import StoredBookings
from storage.memory.travellers import MemoryTravellers
from storage.memory.trip_quotes import MemoryTripQuotes
from storage.outbox import OutboxDispatcher

DAY_MS = 86_400_000
FLIGHT = "0190c000-0000-7000-8000-0000000000f1"
OTHER = "0190c000-0000-7000-8000-0000000000f2"
SOONER, LATER = "2027-05-14T07:00:00", "2027-05-14T09:00:00"
STAY = "0190c000-0000-7000-8000-0000000000a1"


class BusinessTime(VirtualClock):
    """Wall time, and business time that may run ahead of it."""

    def __init__(self) -> None:
        self.offset = 0

    def business_ms(self) -> int:
        return self.now_ms() + self.offset


class TimerTime(VirtualClock):
    """Business time, for whoever fires timers."""

    def __init__(self, business: BusinessTime) -> None:
        self._business = business

    def now_ms(self) -> int:
        return self._business.business_ms()


def ways(departs: str = "2027-05-14T08:00:00", number: str = "100") -> tuple[Itinerary, ...]:
    segment = Segment(
        carrier="QF",
        number=number,
        origin="BER",
        destination="LIS",
        departs=departs,
        arrives="2027-05-14T11:30:00",
    )
    return (Itinerary(segments=(segment,)),)


def later(adults: int, **changes: Any) -> Offer:
    """Another flight on the same day."""
    details = FlightDetails(itineraries=ways("2027-05-14T09:30:00", "7"))
    return replace(
        flight(adults, token=Raw(b'{"id":"off_2"}'), details=details, **changes), id=OTHER
    )


def flight(adults: int, **changes: Any) -> Offer:
    source: dict[str, Any] = {
        "supplier": "duffel",
        "token": Raw(b'{"id":"off_1"}'),
        "total": Money(amount=10_000 * adults, currency="EUR"),
        "fetched_at": T0,
        "expires_at": T0 + 1_200_000,
        "can_hold": True,
        "details": FlightDetails(itineraries=ways()),
    }
    query = FlightQuery(
        origin="BER", destination="LIS", depart_on="2027-05-14", party=Party(adults=adults)
    )
    return Offer(id=FLIGHT, query=query, source=SupplierOffer(**source | changes))


def stay(adults: int, **changes: Any) -> Offer:
    source: dict[str, Any] = {
        "supplier": "hotel",
        "token": Raw(b'{"id":"room_1"}'),
        "total": Money(amount=20_000, currency="EUR"),
        "fetched_at": T0,
        "expires_at": T0 + 1_200_000,
        "can_hold": False,
        "details": HotelDetails(
            hotel_id="H1", name="Hotel Tejo", check_in="2027-05-14", check_out="2027-05-16"
        ),
    }
    query = HotelQuery(
        city="LIS", check_in="2027-05-14", check_out="2027-05-16", party=Party(adults=adults)
    )
    return Offer(id=STAY, query=query, source=SupplierOffer(**source | changes))


@dataclass
class FakeTrips:
    """The `TripSearch` port: prices of stored offers move by `rise`; `failing` prices fail first; `found`
    answers every search, or `sold` for the party that is asked about."""

    offers: MemoryOffers
    rise: int = 0
    failing: int = 0
    found: list[Offer] = field(default_factory=list)
    sold: Callable[[Query], Offer] | None = None
    asked: list[Query] = field(default_factory=list)
    forgotten: list[tuple[str, Query]] = field(default_factory=list)
    priced: int = 0

    async def search(
        self, tenant_id: int, user_id: str | None, query: Query, *, within: float | None = None
    ) -> Found:
        await trio.lowlevel.checkpoint()
        self.asked.append(query)
        found = self.found if self.sold is None else [self.sold(query)]
        await self.offers.add(tenant_id, user_id, found)
        return Found(offers=tuple(found), suppliers=())

    async def price(self, tenant_id: int, offer_id: str, *, to_book: bool = False) -> Repriced:
        await trio.sleep(0.1)
        self.priced += 1
        if self.failing > 0:
            self.failing -= 1
            raise Rejected("gds_timeout", "The supplier did not answer in time.")
        offer = await self.offers.get(tenant_id, offer_id)
        if offer is None:
            raise Rejected("not_found", "There is no such offer.")
        before = offer.source.total
        total = Money(amount=before.amount + self.rise, currency=before.currency)
        source = SupplierOffer(
            **{
                name: getattr(offer.source, name)
                for name in offer.source.__struct_fields__
                if name != "total"
            },
            total=total,
        )
        return Repriced(
            offer=Offer(id=offer.id, query=offer.query, source=source),
            previous=before if self.rise else None,
        )

    def forget(self, supplier: str, query: Query) -> int:
        self.forgotten.append((supplier, query))
        return 1


@dataclass
class FakeSuppliers:
    """Suppliers by name. `begin_at`: trio time from which on they are there; `sold`: what a search for
    another party finds."""

    inventories: dict[str, Inventory]
    issuer: Consolidator | None
    begin_at: float = 0.0
    sold: Callable[[Query], SupplierOffer] = field(default=lambda query: flight(2).source)
    searched: list[Query] = field(default_factory=list)

    async def ready(self) -> bool:
        await trio.sleep(min(3.0, max(0.0, self.begin_at - trio.current_time())))
        return self._are_there

    @property
    def _are_there(self) -> bool:
        return trio.current_time() >= self.begin_at

    def inventory(self, supplier: str) -> Inventory | None:
        return self.inventories.get(supplier) if self._are_there else None

    def consolidator(self) -> Consolidator | None:
        return self.issuer if self._are_there else None

    async def reprice(
        self, offer: SupplierOffer, query: Query, *, anew: bool = False
    ) -> Priced | Refused:
        if anew:
            self.searched.append(query)
            offer = self.sold(query)
        return await self.inventories[offer.supplier].reprice(offer, query)


@dataclass
class FakeProviders:
    """One provider, and others beside it."""

    payments: Payments
    beside: Sequence[Payments] = ()

    def provider(self, name: str) -> Payments | None:
        everybody = (self.payments, *self.beside)
        return next((each for each in everybody if each.name == name), None)

    def preferred(self) -> Payments | None:
        return self.payments

    def others(self) -> Sequence[Payments]:
        return self.beside


@dataclass
class FakeScreener:
    """Says what it is told to, and remembers what it was asked."""

    verdict: Verdict = "allow"
    asked: list[tuple[BookingFacts, Mapping[str, PayerHistory]]] = field(default_factory=list)

    async def screen(self, facts: BookingFacts, histories: Mapping[str, PayerHistory]) -> Screened:
        await trio.lowlevel.checkpoint()
        self.asked.append((facts, histories))
        return Screened(verdict=self.verdict, reasons=("odd",), features=(1.0,))


class BookingsWorld(World):
    """A node with bookings. `plan`: what goes wrong at the bookings' store."""

    def __init__(self, *, bookings_plan: FaultPlan = NO_FAULTS, seed: int = 0) -> None:
        super().__init__(seed=seed)
        self.business = BusinessTime()
        self.table = TimerTable(shards=self.shards)
        self.tables = StoredBookings(self.shards, timers=self.table, outbox=self.stored.outbox)
        self.bookings = MemoryBookings(
            self.tables,
            plan=bookings_plan,
            on_stored=self._stored,
            on_timer_set=self._timer_set,
        )
        self.quotes = MemoryTripQuotes(self.tables, self.business)
        self.travellers = MemoryTravellers(self.tables, b"k" * 32, self.business)
        self.offers = MemoryOffers(self.business)
        self.trips = FakeTrips(self.offers)
        now = self.business.business_ms
        self.flights, self.hotels = OrdersCore("duffel", now), OrdersCore("hotel", now)
        self.seats = OrdersCore("amadeus", now)
        self.provider = PaymentsCore(now)
        self.payments = FakePayments(self.provider)
        self.beside: tuple[Payments, ...] = ()
        self.suppliers = FakeSuppliers(
            {
                "duffel": FakeOrders(self.flights),
                "hotel": FakeOrders(self.hotels),
                "amadeus": FakeOrders(self.seats),
            },
            FakeConsolidator(ConsolidatorCore(self.seats, now)),
        )
        self.screener = FakeScreener()
        self.timers = MemoryDurableTimers(self.table, on_set=self._timer_set)
        self.service = self._new_service()
        courier = BookingCourier(
            self.bookings,
            self.users,
            self.system.ref,
            Delivery(self.system.ref, self.timers, self.clock),
        )
        self.outbox = OutboxDispatcher(MemoryOutbox(self.stored), [courier])

    def _new_service(self) -> DurableTimerService:
        return DurableTimerService(
            self.timers,
            leases=self.leases,
            ref=self.system.ref,
            clock=TimerTime(self.business),
            chance=self.chance,
        )

    def _stored(self) -> None:
        self.outbox.nudge()

    def _timer_set(self, due_at: int) -> None:
        self.service.nudge(due_at)

    def user_ports(self) -> UserPorts:
        ports = super().user_ports()
        fields = {name: getattr(ports, name) for name in ports.__dataclass_fields__}
        tellings = BookingTellings(self.bookings, self.users)
        return UserPorts(**fields | {"tellings": tellings})

    def booking_ports(self, **changes: Any) -> BookingPorts:
        whole: dict[str, Any] = {
            "tenant_id": TENANT,
            "bookings": self.bookings,
            "travellers": self.travellers,
            "timers": self.timers,
            "leases": self.leases,
            "users": self.users,
            "suppliers": self.suppliers,
            "providers": FakeProviders(self.payments, self.beside),
            "histories": MemoryHistories(self.tables, self.users),
            "screener": self.screener,
            "clock": self.clock,
            "business": self.business,
        }
        return BookingPorts(**whole | changes)

    def desk_ports(self) -> DeskPorts:
        return DeskPorts(
            tenant_id=TENANT,
            bookings=self.bookings,
            quotes=self.quotes,
            offers=self.offers,
            travel=self.trips,
            leases=self.leases,
            users=self.users,
            suppliers=self.suppliers,
            providers=FakeProviders(self.payments, self.beside),
            clock=self.clock,
            business=self.business,
            ids=self.ids,
        )

    def inherit(self, dead: "BookingsWorld") -> None:
        """Everything that outlives a node, and the world outside."""
        self.bookings.stored = self.tables = dead.tables
        self.timers.table = self.table = dead.table
        self.travellers, self.suppliers, self.payments = (
            dead.travellers,
            dead.suppliers,
            dead.payments,
        )
        self.beside = dead.beside
        self.users, self.shards, self.stored = dead.users, dead.shards, dead.stored
        self.inboxes = dead.inboxes
        self.shards.free("node")
        self.leases = MemoryLeases(self.shards, node="heir")
        self.service = self._new_service()

    @asynccontextmanager
    async def running(self, **changes: Any) -> AsyncIterator["BookingsWorld"]:
        rebooks = {
            "rebooker": Rebooker(self.desk_ports(), self.travellers),
            "tell_replaced": OtherBookings(self.system.ref),
        }
        self.system.register(booking_spec(self.booking_ports(**rebooks | changes)))
        self.system.register(desk_spec(self.desk_ports()))
        async with super().running(), trio.open_nursery() as nursery:
            nursery.start_soon(self.service.run)
            nursery.start_soon(self.outbox.run)
            yield self
            nursery.cancel_scope.cancel()

    async def tell(self, address: Address, client: FakeClient, command: Any) -> Any:
        """As a gateway does it. Raises the refusal."""
        answered = trio.Event()
        answers: list[Any] = []

        def reply(answer: Answer | Rejected) -> None:
            answers.append(answer)
            answered.set()

        envelope = Envelope(command, principal=client.principal, client=client, reply=reply)
        self.system.ref(address).deliver_nowait(envelope)
        with trio.fail_after(120):
            await answered.wait()
        if isinstance(answers[0], Rejected):
            raise answers[0]
        return answers[0]

    async def at_desk(self, number: int, command: Any) -> Any:
        client = self.client(number)
        return await self.tell(DESK.at(user_id(number)), client, command)

    async def at_booking(self, number: int, command: Any) -> Any:
        """The booking as `number` sees it afterwards."""
        address = BOOKING.at(command.booking_id)
        return (await self.tell(address, self.client(number), command)).booking

    async def room_of(self, *numbers: int) -> None:
        """User 1's room, which the others have joined too."""
        await self.make_room(*(number for number in numbers if number != 1))
        for number in numbers:
            await self.ask(self.client(number), JoinRoom(room_id=ROOM_ID))

    async def quoted(self, *offers: Offer, adults: int = 2, by: int = 1, **more: Any) -> Any:
        await self.offers.add(TENANT, user_id(by), offers)
        command = QuoteTrip(offer_ids=[offer.id for offer in offers], adults=adults, **more)
        return await self.at_desk(by, command)

    async def opened(self, *offers: Offer, payers: tuple[int, ...] = (1, 2)) -> Any:
        """A booking of the payers in user 1's room, one adult each."""
        await self.room_of(*payers)
        quote = await self.quoted(*offers, adults=len(payers), room_id=ROOM_ID)
        answer = await self.at_desk(1, creates(quote.quote_id, payers))
        return answer.booking

    async def name_all(self, booking: Any) -> None:
        for seat in booking.travellers:
            await self.at_booking(1, names(booking.booking_id, seat.id))

    async def moved(
        self, booking: Any, departs: str = SOONER, *, change_id: str | None = None
    ) -> None:
        """The airline flies at another time, and a webhook says so."""
        [order] = [one for one in self.flights.orders.values() if one.is_live][:1]
        self.flights.move(order.id, ways(departs), change_id)
        woken = WakeBooking(order_id=order.id)
        await self.system.ref(BOOKING.at(booking.booking_id)).ask(woken, timeout=60)

    async def asked(self, booking: Any, kind: str, *, by: int = 1) -> Any:
        """Wait for a question of that kind; it."""
        for _ in range(400):
            seen = await self.at_booking(by, GetBooking(booking_id=booking.booking_id))
            if seen.question is not None and seen.question.kind == kind:
                return seen.question
            await trio.sleep(0.5)
        raise AssertionError(f"nobody is asked: {seen.step}")

    async def decide(self, booking: Any, question: Any, option_id: str, *payers: int) -> None:
        for payer in payers:
            word = DecideBooking(
                booking_id=booking.booking_id, question_id=question.id, option_id=option_id
            )
            await self.at_booking(payer, word)

    async def other_than(self, booking: Any) -> str:
        """Wait for a second booking; its id."""
        with trio.fail_after(120):
            while len(self.tables.rows) < 2:
                await trio.sleep(0.5)
        [other] = self.tables.rows.keys() - {booking.booking_id}
        return other

    async def until(self, booking_id: str, state: str, *, within: float = 600) -> Any:
        """Wait for a state of the saga; its row."""
        with trio.move_on_after(within):
            while self.tables.rows[booking_id].step.state != state:
                await trio.sleep(0.25)
        row = self.tables.rows[booking_id]
        assert row.step.state == state, (row.step.state, row.step.step)
        return row


def creates(
    quote_id: str, payers: tuple[int, ...], number: int = 1, **changes: Any
) -> CreateBooking:
    whole: dict[str, Any] = {
        "quote_id": quote_id,
        "participants": [user_id(payer) for payer in payers],
        "travellers": [
            TravellerSpec(id=f"t{payer}", payer_id=user_id(payer), type="adult") for payer in payers
        ],
        "split": "equal",
        "client_id": key(0xB000 + number),
    }
    return CreateBooking(**whole | changes)


def names(booking_id: str, traveller_id: str, **changes: Any) -> NameTraveller:
    whole: dict[str, Any] = {
        "booking_id": booking_id,
        "traveller_id": traveller_id,
        "given_name": "Ada",
        "family_name": "Byron",
        "born_on": "1990-05-14",
        "gender": "female",
        "email": "ada@caravan.test",
        "phone": "+49 30 123456",
    }
    return NameTraveller(**whole | changes)


async def leases_lost(leases: MemoryLeases, booking_id: str) -> None:
    """Somebody else has owned the shard since: the fence is another."""
    await leases.refence(booking_id, seen=leases.fence(booking_id))
