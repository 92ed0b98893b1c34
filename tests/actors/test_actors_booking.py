"""A booking from the desk to the tickets, and what people are told of it."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest
import trio
from actors_world import ROOM_ID, TENANT, key, principal, user, user_id
from booking_actors_world import (
    FLIGHT,
    LATER,
    STAY,
    BookingsWorld,
    creates,
    flight,
    later,
    leases_lost,
    names,
    stay,
)
from fake_payments import FakePayments
from structlog.testing import capture_logs
from trio.testing import MockClock

from actors.booking.sites import SITES
from actors.booking.telling import BookingTellings
from core.crash_shapes import redacted
from core.errors import PriceChanged, Rejected
from core.identity import Role
from core.ports.durable_timers import SetTimer
from core.webhooks import timer_of
from protocol.booking import (
    BOOKING,
    ApproveBooking,
    CancelBooking,
    DeclineBooking,
    GetBooking,
    OperateBooking,
    QuoteTrip,
    Share,
    TravellerSpec,
)
from protocol.codec import decode_event
from protocol.frames import Money
from protocol.travel import Offer
from protocol.user import USER, FollowInbox
from storage.memory.durable_timers import Fault, FaultPlan
from storage.memory.travellers import MemoryTravellers

DAY = 86_400.0
VISA, BAD = "pm_card_visa", "pm_card_chargeDeclined"


def approves(booking_id: str, number: int, method: str = VISA) -> ApproveBooking:
    return ApproveBooking(
        booking_id=booking_id, payment_method=method, client_id=key(0xC000 + number)
    )


async def approve_all(world: BookingsWorld, booking: Any, *payers: int) -> None:
    for payer in payers:
        await world.at_booking(payer, approves(booking.booking_id, payer))


def notices(world: BookingsWorld) -> list[Any]:
    """The system's messages in the room."""
    events = [decode_event(row.body) for row in world.rows()]
    return [event for event in events if getattr(event, "cards", None)]


def ledger(world: BookingsWorld, booking_id: str) -> dict[str, int]:
    sums: dict[str, int] = {}
    for posting in world.tables.rows[booking_id].postings.values():
        if not posting.is_memo:
            for entry in posting.entries:
                sums[entry.account] = sums.get(entry.account, 0) + entry.amount
    return sums


async def test_two_people_share_a_flight_from_the_quote_to_the_tickets(
    autojump_clock: MockClock,
) -> None:
    world = BookingsWorld()
    async with world.running():
        booking = await world.opened(flight(2))
        assert (booking.status, booking.version) == ("collecting", 1)
        assert [one.amount.amount for one in booking.participants] == [10_000, 10_000]
        await world.name_all(booking)
        await world.at_booking(1, approves(booking.booking_id, 1))
        declined = approves(booking.booking_id, 2, BAD)
        await world.at_booking(2, declined)
        await trio.sleep(5)
        seen = await world.at_booking(2, GetBooking(booking_id=booking.booking_id))
        assert [one.state for one in seen.participants] == ["authorized", "declined"]
        await world.at_booking(2, approves(booking.booking_id, 3))
        await world.until(booking.booking_id, "COMPLETED")
        seen = await world.at_booking(1, GetBooking(booking_id=booking.booking_id))
        assert (seen.status, seen.action, seen.question) == ("booked", None, None)
        [order] = world.flights.orders.values()
        assert order.status == "ticketed"
        assert [payment.net for payment in world.provider.payments.values()] == [10_000, 10_000]
        assert ledger(world, booking.booking_id)[f"trip:{booking.booking_id}"] == 0
        await trio.sleep(5)
        ben = world.client(2)
        await world.system.ref(USER.at(user_id(2))).ask(
            FollowInbox(after=0), principal=ben.principal, client=ben
        )
        updates = ben.of_type("booking.update")
    versions = [update["version"] for update in updates]
    assert versions == list(range(1, len(versions) + 1))
    assert [update["inbox"] for update in updates] == sorted(update["inbox"] for update in updates)
    assert updates[-1]["status"] == "booked"
    assert all(update["note"] for update in updates)
    cards = [notice.cards[0] for notice in notices(world)]
    assert [card["kind"] for card in cards] == ["booking"] * len(cards)
    statuses = [card["status"] for card in cards]
    assert statuses[0] == "collecting"
    assert statuses[-1] == "booked"
    assert len(statuses) == len(set(statuses))


async def test_why_a_card_was_declined_is_told_to_its_owner_alone(
    autojump_clock: MockClock,
) -> None:
    world = BookingsWorld()
    async with world.running():
        booking = await world.opened(flight(2))
        await world.at_booking(2, approves(booking.booking_id, 2, BAD))
        await trio.sleep(10)
        ada, ben = [await world.inboxes.read(TENANT, user_id(n), after=0, limit=9) for n in (1, 2)]
    theirs, own = [msgspec.msgpack.decode(items[-1].body) for items in (ada, ben)]
    assert own["version"] == theirs["version"]
    assert own["note"] != theirs["note"]
    assert "declined" in own["note"]


async def test_what_a_payer_must_do_is_theirs_alone_and_a_webhook_says_that_it_was_done(
    autojump_clock: MockClock,
) -> None:
    world = BookingsWorld()
    async with world.running():
        booking = await world.opened(flight(2))
        await world.at_booking(2, approves(booking.booking_id, 2, "pm_card_authenticationRequired"))
        await trio.sleep(2)
        ada, ben = [
            await world.at_booking(n, GetBooking(booking_id=booking.booking_id)) for n in (1, 2)
        ]
        assert [one.state for one in ben.participants] == ["invited", "action_required"]
        assert ada.action is None
        assert ben.action is not None
        [payment] = world.provider.payments.values()
        world.provider.finish_action(payment.id, ok=True)
        said = SetTimer(
            tenant_id=TENANT,
            address=BOOKING.at(booking.booking_id),
            name=timer_of(payment.id),
            due_at=0,
            payload=msgspec.msgpack.encode({"paymentId": payment.id}),
        )
        await world.timers.apply(said)
        await trio.sleep(2)
        ben = await world.at_booking(2, GetBooking(booking_id=booking.booking_id))
        assert [one.state for one in ben.participants] == ["invited", "authorized"]
        assert ben.action is None


async def test_an_operators_word_that_was_left_with_a_timer_is_heard(
    autojump_clock: MockClock,
) -> None:
    world = BookingsWorld()
    async with world.running():
        booking = await world.opened(flight(2))
        word = OperateBooking(operator="terminal", action="compensate")
        left = SetTimer(
            tenant_id=TENANT,
            address=BOOKING.at(booking.booking_id),
            name="operate",
            due_at=0,
            payload=msgspec.msgpack.encode(word),
        )
        await world.timers.apply(left)
        await world.until(booking.booking_id, "CANCELLED")
        with pytest.raises(Rejected, match="forbidden"):
            await world.tell(BOOKING.at(booking.booking_id), world.client(1), word)


async def test_an_operator_of_another_tenant_has_no_word(autojump_clock: MockClock) -> None:
    world = BookingsWorld()
    async with world.running():
        booking = await world.opened(flight(2))
        address, client = BOOKING.at(booking.booking_id), world.client(3)
        word = OperateBooking(operator=user_id(3), action="compensate")
        client.principal = principal(3, role=Role.ADMIN, tenant_id=TENANT + 1)
        with pytest.raises(Rejected, match="not_found"):
            await world.tell(address, client, word)
        await trio.sleep(60)
        shown = await world.at_booking(1, GetBooking(booking_id=booking.booking_id))
        assert shown.status == "collecting"
        client.principal = principal(3, role=Role.ADMIN)
        await world.tell(address, client, word)
        await world.until(booking.booking_id, "CANCELLED")


async def test_a_stay_is_paid_and_then_booked(autojump_clock: MockClock) -> None:
    world = BookingsWorld()
    async with world.running():
        booking = await world.opened(stay(2))
        await world.name_all(booking)
        await approve_all(world, booking, 1, 2)
        await world.until(booking.booking_id, "COMPLETED")
        [order] = world.hotels.orders.values()
        assert order.status == "confirmed"


async def test_seats_that_their_system_only_holds_are_issued_by_the_consolidator(
    autojump_clock: MockClock,
) -> None:
    world = BookingsWorld()
    async with world.running():
        booking = await world.opened(flight(2, supplier="amadeus"))
        await world.name_all(booking)
        await approve_all(world, booking, 1, 2)
        await world.until(booking.booking_id, "COMPLETED", within=3_600)
        [order] = world.seats.orders.values()
        assert order.status == "ticketed"


async def test_called_off_before_the_tickets_everything_is_let_go(
    autojump_clock: MockClock,
) -> None:
    world = BookingsWorld()
    async with world.running():
        booking = await world.opened(flight(2))
        await world.at_booking(1, approves(booking.booking_id, 1))
        await trio.sleep(5)
        with pytest.raises(Rejected):
            await world.at_booking(2, CancelBooking(booking_id=booking.booking_id))
        seen = await world.at_booking(1, CancelBooking(booking_id=booking.booking_id))
        assert seen.status in ("cancelling", "cancelled")
        await world.until(booking.booking_id, "CANCELLED")
        assert {p.status for p in world.provider.payments.values()} == {"cancelled"}
        await world.quoted(flight(2))


async def test_to_strangers_there_is_no_booking(autojump_clock: MockClock) -> None:
    world = BookingsWorld()
    async with world.running():
        booking = await world.opened(flight(2))
        for command in (
            GetBooking(booking_id=booking.booking_id),
            DeclineBooking(booking_id=booking.booking_id),
            approves(booking.booking_id, 3),
            names(booking.booking_id, "t1"),
        ):
            with pytest.raises(Rejected, match="not_found"):
                await world.at_booking(3, command)
        with pytest.raises(Rejected, match="not_found"):
            await world.at_booking(1, GetBooking(booking_id="nothing"))


async def test_a_card_s_number_is_refused_and_never_leaves(autojump_clock: MockClock) -> None:
    world = BookingsWorld()
    async with world.running():
        booking = await world.opened(flight(2))
        with pytest.raises(Rejected) as refusal:
            await world.at_booking(1, approves(booking.booking_id, 1, "4242 4242 4242 4242"))
        assert refusal.value.fields[0][0] == "paymentMethod"
        with pytest.raises(Rejected) as refusal:
            await world.at_booking(1, approves(booking.booking_id, 1, "card"))
        assert refusal.value.fields[0][0] == "paymentMethod"
        assert world.provider.payments == {}


async def test_what_is_said_of_a_traveller_is_judged_field_by_field(
    autojump_clock: MockClock,
) -> None:
    world = BookingsWorld()
    async with world.running():
        booking = await world.opened(flight(2))
        wrong = names(
            booking.booking_id,
            "t1",
            given_name="4da",
            born_on="2026-02-30",
            gender="yes",
            email="ada",
            phone="call me",
            document={"number": "4242424242424242"},
        )
        with pytest.raises(Rejected) as refusal:
            await world.at_booking(1, wrong)
        assert [name for name, _ in refusal.value.fields] == [
            *("givenName", "bornOn", "gender", "email", "phone", "document"),
        ]
        with pytest.raises(Rejected, match="forbidden"):
            await world.at_booking(2, names(booking.booking_id, "t1"))
        with pytest.raises(Rejected, match="not_found"):
            await world.at_booking(1, names(booking.booking_id, "t9"))
        assert await world.travellers.get(TENANT, booking.booking_id) == {}
        seen = await world.at_booking(2, names(booking.booking_id, "t2"))
        assert [seat.complete for seat in seen.travellers] == [False, True]
        for row in world.tables.rows[booking.booking_id].events:
            assert b"Byron" not in row.body
        assert b"Byron" not in world.tables.rows[booking.booking_id].step.snapshot


async def test_travellers_data_reach_their_suppliers_and_no_row_event_log_or_crash_record(
    autojump_clock: MockClock,
) -> None:
    world = BookingsWorld()
    with capture_logs() as logs:
        async with world.running():
            booking = await world.opened(flight(2))
            await world.name_all(booking)
            await approve_all(world, booking, 1, 2)
            await world.until(booking.booking_id, "COMPLETED")
            await trio.sleep(5)
            ada = world.client(1)
            await world.system.ref(USER.at(user_id(1))).ask(
                FollowInbox(after=0), principal=ada.principal, client=ada
            )
            told = ada.of_type("booking.update")
    row = world.tables.rows[booking.booking_id]
    kept = [*logs, *told, *notices(world), row, redacted(names(booking.booking_id, "t1"))]
    everywhere = "\n".join(map(repr, kept)).encode()
    secrets = (b"Byron", b"1990-05-14", b"ada@caravan.test", b"30 123456")
    assert [one for one in secrets if one in everywhere] == []
    assert b"booked" in everywhere
    stored = await world.travellers.get(TENANT, booking.booking_id)
    assert "Byron" in repr(stored), "they are where they should be"


# The journal.


class Losing:
    """Loses every third commit, before or after it happened; at most `most`."""

    def __init__(self, fault: Fault, most: int = 12) -> None:
        self.fault, self.most = fault, most
        self.seen = self.lost = 0

    def judge(self, name: str) -> Fault:
        self.seen += name == "commit"
        if name == "commit" and self.seen % 3 == 0 and self.lost < self.most:
            self.lost += 1
            return self.fault
        return Fault.NONE


@pytest.mark.parametrize("fault", [Fault.LOST_BEFORE, Fault.LOST_AFTER])
async def test_a_commit_that_is_lost_is_decided_anew_and_happens_once(
    fault: Fault, autojump_clock: MockClock
) -> None:
    losing = Losing(fault)
    world = BookingsWorld(bookings_plan=FaultPlan(judge=losing.judge))
    async with world.running():
        booking = await world.opened(flight(2))
        await world.name_all(booking)
        await approve_all(world, booking, 1, 2)
        await world.until(booking.booking_id, "COMPLETED", within=DAY)
        assert losing.lost > 3
        assert len(world.flights.orders) == 1
        assert [p.net for p in world.provider.payments.values()] == [10_000, 10_000]


async def test_a_fence_that_changed_makes_every_call_under_way_unknown(
    autojump_clock: MockClock,
) -> None:
    world = BookingsWorld()
    async with world.running():
        booking = await world.opened(flight(2))
        await world.name_all(booking)
        hanging = Hanging(world.payments)
        with hanging:
            await world.at_booking(1, approves(booking.booking_id, 1))
            await hanging.begun.wait()
            await leases_lost(world.leases, booking.booking_id)
            await world.at_booking(1, GetBooking(booking_id=booking.booking_id))
            intents = await world.bookings.intents(TENANT, booking.booking_id)
            assert [one.outcome for one in intents][:1] == ["unknown"]
        await approve_all(world, booking, 2)
        await world.until(booking.booking_id, "COMPLETED", within=DAY)
        assert [p.net for p in world.provider.payments.values() if p.net] == [10_000, 10_000]


async def test_a_call_that_cannot_leave_in_time_was_not_sent(autojump_clock: MockClock) -> None:
    world = BookingsWorld()
    async with world.running(calls=trio.Semaphore(0)) as running:
        booking = await running.opened(flight(2))
        await world.at_booking(1, approves(booking.booking_id, 1))
        await trio.sleep(5.5)
        first = (await world.bookings.intents(TENANT, booking.booking_id))[0]
        assert (first.op, first.outcome) == ("open_payment", "not_sent")
        assert world.provider.calls == 0


class Unreadable(MemoryTravellers):
    """Under another key than that which they were sealed with."""

    async def get(self, tenant_id: int, booking_id: str) -> Any:
        await trio.lowlevel.checkpoint()
        raise ValueError("another master key")


async def test_an_order_for_travellers_who_cannot_be_read_was_not_sent(
    autojump_clock: MockClock,
) -> None:
    world = BookingsWorld()
    world.travellers = Unreadable(world.tables, b"k" * 32, world.business)
    async with world.running():
        booking = await world.opened(flight(2))
        await world.name_all(booking)
        await approve_all(world, booking, 1, 2)
        await world.until(booking.booking_id, "CANCELLED", within=DAY)
        intents = await world.bookings.intents(TENANT, booking.booking_id)
    assert {one.outcome for one in intents if one.op == "hold"} == {"not_sent"}
    assert not world.flights.orders


async def test_after_a_restart_a_booking_goes_on_by_itself(autojump_clock: MockClock) -> None:
    world = BookingsWorld()
    async with world.running():
        booking = await world.opened(flight(2))
        await world.name_all(booking)
        await approve_all(world, booking, 1, 2)
    successor = BookingsWorld()
    successor.inherit(world)
    async with successor.running():
        row = await successor.until(booking.booking_id, "COMPLETED", within=DAY)
        assert row.unfinished == []


async def test_money_that_nobody_adds_ends_the_booking_at_its_deadline(
    autojump_clock: MockClock,
) -> None:
    world = BookingsWorld()
    async with world.running():
        booking = await world.opened(flight(2))
        await world.at_booking(1, approves(booking.booking_id, 1))
        await trio.sleep(5)
        world.business.offset = 7 * 86_400_000
        world.service.nudge(0)
        await world.until(booking.booking_id, "CANCELLED", within=DAY)
        assert {p.net for p in world.provider.payments.values()} == {0}


# The desk.


async def test_a_quote_says_what_it_costs_and_a_changed_price_comes_with_its_quote(
    autojump_clock: MockClock,
) -> None:
    world = BookingsWorld()
    async with world.running():
        quote = await world.quoted(flight(2), stay(2))
        assert [item.part_id for item in quote.items] == ["f", "h1"]
        assert quote.total.amount == 40_000
        world.trips.rise = 500
        with pytest.raises(PriceChanged) as changed:
            await world.quoted(flight(2), stay(2))
        new = changed.value.quote
        assert new.total.amount == 41_000
        assert [item.previous.amount for item in new.items if item.previous] == [20_000, 20_000]
        booked = await world.at_desk(1, creates(new.quote_id, (1,), travellers=_two()))
        assert booked.booking.total.amount == 41_000


async def test_a_supplier_that_does_not_answer_is_asked_three_times_and_forgotten(
    autojump_clock: MockClock,
) -> None:
    world = BookingsWorld()
    async with world.running():
        old = await world.quoted(flight(2))
        world.trips.failing, world.trips.priced = 9, 0
        with pytest.raises(Rejected, match="gds_timeout"):
            await world.quoted(flight(2))
        assert world.trips.priced == 3
        assert world.trips.forgotten == [("duffel", flight(2).query)]
        with pytest.raises(Rejected, match="expired"):
            await world.at_desk(1, creates(old.quote_id, (1,), travellers=_two()))
        world.trips.failing = 2
        assert (await world.quoted(flight(2))).total.amount == 20_000


async def test_another_party_is_searched_for_again(autojump_clock: MockClock) -> None:
    world = BookingsWorld()
    async with world.running():
        three = flight(3)
        world.trips.found = [Offer(id=STAY, query=three.query, source=three.source)]
        quote = await world.quoted(flight(2), adults=3)
        assert quote.total.amount == 30_000
        world.trips.found = []
        with pytest.raises(Rejected, match="conflict"):
            await world.quoted(flight(2), adults=4)


async def test_what_cannot_be_quoted_says_why(autojump_clock: MockClock) -> None:
    world = BookingsWorld()
    async with world.running():
        for command, code in (
            (QuoteTrip(poll_id="p", adults=1), "bad_request"),
            (QuoteTrip(adults=1), "bad_request"),
            (QuoteTrip(offer_ids=["nothing"], adults=1), "not_found"),
            (QuoteTrip(offer_ids=[FLIGHT], adults=1, room_id=ROOM_ID), "not_found"),
        ):
            with pytest.raises(Rejected, match=code):
                await world.at_desk(1, command)
        dear = stay(2, total=Money(amount=1, currency="USD"))
        with pytest.raises(Rejected, match="conflict"):
            await world.quoted(flight(2), dear)


async def test_a_repeated_create_gets_the_first_booking(autojump_clock: MockClock) -> None:
    world = BookingsWorld()
    async with world.running():
        booking = await world.opened(flight(2))
        quote_id = world.tables.rows[booking.booking_id].new.quote_id
        again = await world.at_desk(1, creates(quote_id, (1, 2)))
        assert again.booking.booking_id == booking.booking_id
        with pytest.raises(Rejected, match="conflict"):
            await world.at_desk(1, creates(quote_id, (1, 2), number=2))
        assert len(world.tables.rows) == 1


@pytest.mark.parametrize("begin_after", [2.0, 4.0])
async def test_who_books_while_suppliers_begin_waits_and_is_not_refused_for_good(
    begin_after: float, autojump_clock: MockClock
) -> None:
    world = BookingsWorld()
    async with world.running():
        await world.room_of(1, 2)
        quote = await world.quoted(flight(2), room_id=ROOM_ID)
        world.suppliers.begin_at = trio.current_time() + begin_after
        if begin_after > 3:
            with pytest.raises(Rejected) as refusal:
                await world.at_desk(1, creates(quote.quote_id, (1, 2)))
            assert refusal.value.temporary
        booked = await world.at_desk(1, creates(quote.quote_id, (1, 2)))
        assert booked.booking.status == "collecting"


async def test_who_may_book_what_and_for_whom(autojump_clock: MockClock) -> None:
    world = BookingsWorld()
    async with world.running():
        await world.room_of(1, 2)
        quote = await world.quoted(flight(2), room_id=ROOM_ID)
        private = await world.quoted(flight(2))
        for by, command, field in (
            (1, creates("nothing", (1, 2), room_id=ROOM_ID), "quoteId"),
            (2, creates(private.quote_id, (2,), travellers=_two(2)), "quoteId"),
            (1, creates(private.quote_id, (1, 2)), "participants[1]"),
            (1, creates(quote.quote_id, (1, 3)), "participants[1]"),
            (3, creates(quote.quote_id, (3,), room_id=ROOM_ID), "roomId"),
            (1, creates(quote.quote_id, (1, 1)), "participants[1]"),
            (1, creates(quote.quote_id, (1,), travellers=_two(2)), "travellers[0].payerId"),
            (1, creates(quote.quote_id, (1,)), "travellers"),
            (1, creates(quote.quote_id, (1, 2), split=[_share(1, 20_000)]), "split"),
            (1, creates(quote.quote_id, (1, 2), split=[_share(1, 1), _share(2, 1)]), "split"),
        ):
            with pytest.raises(Rejected) as refusal:
                await world.at_desk(by, command)
            assert refusal.value.fields[0][0] == field
        assert world.tables.rows == {}
        split = [_share(1, 15_000), _share(2, 5_000)]
        booked = await world.at_desk(2, creates(quote.quote_id, (1, 2), split=split))
        assert [one.amount.amount for one in booked.booking.participants] == [15_000, 5_000]
        with pytest.raises(Rejected, match="conflict"):
            await world.at_desk(1, creates(quote.quote_id, (1, 2), number=5))


async def test_an_expired_quote_and_a_currency_nobody_takes_are_refused(
    autojump_clock: MockClock,
) -> None:
    world = BookingsWorld()
    async with world.running():
        quote = await world.quoted(flight(2))
        world.business.offset = 86_400_000
        with pytest.raises(Rejected, match="expired"):
            await world.at_desk(1, creates(quote.quote_id, (1,), travellers=_two()))
        world.business.offset = 0
        other = await world.quoted(flight(2, total=Money(amount=10, currency="XXX")))
        with pytest.raises(Rejected, match="conflict"):
            await world.at_desk(1, creates(other.quote_id, (1,), travellers=_two()))


def _two(payer: int = 1) -> list[TravellerSpec]:
    return [TravellerSpec(id=id, payer_id=user_id(payer), type="adult") for id in ("a", "b")]


def _share(number: int, amount: int) -> Share:
    return Share(user_id=user_id(number), amount=Money(amount=amount, currency="EUR"))


class Hanging:
    """A provider that answers nobody who opens a payment, while it lasts."""

    def __init__(self, payments: FakePayments) -> None:
        self._payments, self.begun = payments, trio.Event()

    async def _open(self, *args: Any, **more: Any) -> Any:
        self.begun.set()
        await trio.sleep_forever()

    def __enter__(self) -> None:
        self._payments.open = self._open  # type: ignore[method-assign]

    def __exit__(self, *_: object) -> None:
        del self._payments.open


class Recording:
    """Every site that was reached, in order."""

    def __init__(self) -> None:
        self.reached: list[str] = []

    def reach(self, name: str) -> None:
        self.reached.append(name)


async def test_every_site_of_the_list_is_reached_and_none_besides(
    autojump_clock: MockClock,
) -> None:
    reached: set[str] = set()
    for offer in (flight(2), flight(2, supplier="amadeus")):
        sites, world = Recording(), BookingsWorld()
        async with world.running(sites=sites):
            booking = await world.opened(offer)
            await world.name_all(booking)
            await approve_all(world, booking, 1, 2)
            await world.until(booking.booking_id, "COMPLETED")
            if offer.source.supplier == "duffel":
                await world.moved(booking, change_id="ch_1")
                asked = await world.asked(booking, "supplier_change")
                await world.decide(booking, asked, "accept", 1, 2)
                await world.until(booking.booking_id, "COMPLETED", within=3_600)
                world.trips.found = [later(2)]
                await world.moved(booking, LATER)
                asked = await world.asked(booking, "supplier_change")
                await world.decide(booking, asked, "rebook", 1, 2)
                other = await world.other_than(booking)
                await world.at_booking(1, CancelBooking(booking_id=other))
                await world.until(other, "CANCELLED", within=3_600)
                asked = await world.asked(booking, "supplier_change")
                await world.decide(booking, asked, "refund", 1, 2)
                await world.until(booking.booking_id, "CANCELLED", within=3_600)
        reached |= set(sites.reached)
        first = [name for name in sites.reached if name.startswith("call.open_payment")]
        assert first[0] == "call.open_payment.before"
    sites, world = Recording(), BookingsWorld()
    async with world.running(sites=sites):
        booking = await world.opened(flight(2))
        await world.at_booking(1, approves(booking.booking_id, 1))
        await trio.sleep(5)
        await world.at_booking(1, CancelBooking(booking_id=booking.booking_id))
        await world.until(booking.booking_id, "CANCELLED")
    assert reached | set(sites.reached) == set(SITES)


async def test_everything_of_a_booking_is_told_without_a_gap_in_the_words(
    autojump_clock: MockClock,
) -> None:
    world = BookingsWorld()
    async with world.running():
        booking = await world.opened(flight(2), stay(2))
        await world.name_all(booking)
        await world.at_booking(2, approves(booking.booking_id, 1, BAD))
        await trio.sleep(5)
        await approve_all(world, booking, 1, 2)
        await world.until(booking.booking_id, "COMPLETED")
        await trio.sleep(5)
        rows = await world.bookings.events(TENANT, booking.booking_id, after=0, limit=100)
        tellings = BookingTellings(world.bookings, world.users)
        for locale in ("en", "de", "es", "fr", "ar"):
            for number in (1, 2):
                reader = replace(user(number), locale=locale)
                world.users.add(reader)
                told = await tellings.worded(TENANT, user_id(number), rows)
                assert len(told) == len(rows)
                for update in told:
                    assert update is not None
                    assert update.note
                    assert "{" not in update.note
                    assert update.step
        assert await tellings.update(TENANT, user_id(5), booking.booking_id, 1) is None
        assert await tellings.update(TENANT, user_id(1), booking.booking_id, 999) is None
