"""More travellers than are booked at once: one flight in several orders, all of it or nothing."""

from collections import Counter
from typing import Any

import pytest
from booking_world import CARD, DAY, HOUR, MINUTE, World, eur, flight, opening, stay, world
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from actors.booking.calls import CancelOrder, Capture, Confirm, FindOrders, Hold, Release
from actors.booking.grouping import assigned, kinds_of, placed
from actors.booking.itinerary import parts_of
from actors.booking.orders import reference
from actors.booking.state import Part, Seat
from actors.booking.steps import Approve, Operate
from actors.booking.views import view
from core.errors import Rejected
from protocol.booking import TravellerType
from protocol.parties import INFANT_BELOW, components
from protocol.suppliers import Refused
from protocol.travel import FlightDetails, Itinerary, Party, Segment

SEATS = tuple(Seat(id=f"t{n}", payer_id=("ada", "bob")[n % 2], type="adult") for n in range(10))


def halves(**changes: Any) -> tuple[Part, Part]:
    """A flight for ten, in two orders of five."""
    first, second = (
        tuple(seat.id for seat in SEATS if seat.payer_id == one) for one in ("ada", "bob")
    )
    return (
        flight(50_000, seats=first, **changes),
        flight(40_000, id="f2", seats=second, **changes),
    )


def group(*more: Part, **changes: Any) -> World:
    """Everybody has approved."""
    fields = {"participants": ("ada", "bob"), "seats": SEATS} | changes
    parts = fields.pop("parts", halves())
    w = world(*parts, *more, **fields)
    for share in w.saga.shares:
        w.put(Approve(user_id=share.user_id, method=CARD, client_id=share.user_id))
    return w


def run(w: World, minutes: int = 10) -> str:
    w.settle()
    w.pass_time(w.now + minutes * MINUTE)
    return w.saga.state


def done(w: World) -> list[str]:
    """What was called, but for what makes a reservation on a card."""
    kinds = (Hold, Capture, Confirm, Release, CancelOrder)
    return [
        f"{type(call).__name__} {getattr(call, 'part_id', '')}".strip()
        for call in w.calls
        if isinstance(call, kinds)
    ]


def second_is(*refusals: Any) -> list[Any]:
    """The first order is made; what becomes of the second."""
    return [None, *refusals]


# ── all of it ──


@pytest.mark.parametrize("issues", ["explicit", "by_supplier"])
def test_all_seats_are_held_before_any_money_is_taken_and_all_is_taken_before_any_ticket(
    issues: Any,
) -> None:
    w = group(parts=halves(issues=issues))
    assert run(w) == "COMPLETED"
    word = "Release" if issues == "explicit" else "Confirm"
    assert done(w) == ["Hold f", "Hold f2", "Capture", "Capture", f"{word} f", f"{word} f2"]
    assert len({order.reference for order in w.orders.values()}) == 2
    assert [len(order.tickets) for order in w.orders.values()] == [5, 5]
    assert w.balance("supplier:amadeus") == -90_000
    items = view(w.saga, "ada").itinerary
    assert items is not None
    assert [(one.part_id, one.locator) for one in items] == [("f", "ABC123"), ("f2", "ABC123")]


def test_everything_must_be_paid_before_the_first_of_the_reservations_ends() -> None:
    w = group()
    w.fault = lambda call: "broken" if isinstance(call, Capture) else "reply"
    w.settle()
    assert w.saga.state == "CAPTURING"
    ends = [order.hold_until for order in w.orders.values() if order.hold_until]
    assert w.saga.deadlines["held"] == min(ends) - 6 * HOUR


def test_tickets_count_for_those_whom_their_order_is_for() -> None:
    """Five valid ones are enough for an order of five, and four are not."""
    w = group()
    issue = w._ticketed
    w._ticketed = (
        lambda order, part: (  # type: ignore[method-assign]
            replace(whole := issue(order, part), tickets=whole.tickets[:4])
            if part.id == "f2"
            else issue(order, part)
        )
    )
    assert run(w) == "TICKETING"
    assert [part.is_paid for part in w.saga.parts] == [True, False]


def test_a_calendar_has_what_is_flown_on_two_orders_once() -> None:
    segment = Segment(
        carrier="YY",
        number="1",
        origin="BER",
        destination="LIS",
        departs="2027-03-01T08:10:00",
        arrives="2027-03-01T11:45:00",
    )
    details = FlightDetails(itineraries=(Itinerary(segments=(segment,)),))
    first, second = (replace(p, offer=replace(p.offer, details=details)) for p in halves())
    w = group(stay(), parts=(first, second))
    assert [part.title for part in parts_of(w.saga)] == ["YY1 BER–LIS", "Casa"]


# ── or nothing ──


@pytest.mark.parametrize("kind", ["sold_out", "expired", "invalid", "price_changed"])
def test_without_the_second_order_the_first_is_let_go_and_nobody_pays(kind: Any) -> None:
    w = group()
    w.hold_refusals = second_is(Refused(kind=kind, detail=""))
    assert run(w) == "CANCELLED"
    assert done(w) == ["Hold f", "Hold f2", "CancelOrder f"]


def test_what_certainly_was_not_made_is_ordered_again_while_the_first_is_held() -> None:
    w = group()
    w.hold_refusals = second_is(Refused(kind="quota", detail=""))
    assert run(w) == "COMPLETED"
    assert done(w)[:4] == ["Hold f", "Hold f2", "Hold f2", "Capture"]
    assert [part.attempt for part in w.saga.parts] == [1, 2]


def test_when_the_second_is_not_answered_it_is_looked_for_and_nothing_is_taken() -> None:
    w = group()
    w.fault = lambda call: (
        "late" if getattr(call, "part_id", "") == "f2" and isinstance(call, Hold) else "reply"
    )
    w.settle()
    assert w.saga.state == "ORDER_UNKNOWN"
    assert "Capture" not in done(w)
    w.fault = lambda call: "reply"
    assert run(w) == "COMPLETED"
    assert done(w).count("Hold f2") == 1


def test_one_proven_not_to_be_made_is_ordered_once_more_beside_the_first() -> None:
    w = group()
    w.fault = lambda call: (
        "broken" if getattr(call, "part_id", "") == "f2" and isinstance(call, Hold) else "reply"
    )
    w.settle()
    w.fault = lambda call: "reply"
    assert run(w, minutes=70) == "COMPLETED"
    assert [part.attempt for part in w.saga.parts] == [1, 2]
    assert len(w.orders) == 2


def test_a_first_order_that_lapses_while_the_second_is_unknown_ends_it() -> None:
    w = group()
    w.hold_for = 3 * HOUR
    w.sees = lambda look: not isinstance(look, FindOrders)
    w.fault = lambda call: (
        "broken" if getattr(call, "part_id", "") == "f2" and isinstance(call, Hold) else "reply"
    )
    w.settle()
    assert w.saga.deadlines["held"] == w.now + 90 * MINUTE
    w.pass_time(w.now + 2 * HOUR)
    assert w.saga.state == "UNWINDING"
    w.sees, w.fault = (lambda look: True), (lambda call: "reply")
    w.pass_time(w.now + DAY)
    assert w.saga.state == "CANCELLED"


def test_an_airline_that_lets_go_one_order_gets_back_the_other() -> None:
    w = group()
    w.fault = lambda call: "broken" if isinstance(call, Capture) else "reply"
    w.settle()
    lapsed = next(id for id, order in w.orders.items() if " f2 " in str(order.reference))
    w.orders[lapsed] = replace(w.orders[lapsed], status="cancelled")
    from actors.booking.steps import Wake

    w.put(Wake(order_id=lapsed))
    w.fault = lambda call: "reply"
    assert run(w) == "CANCELLED"
    assert "CancelOrder f" in done(w)


def test_tickets_for_some_and_a_refusal_for_the_others_need_a_person() -> None:
    w = group()
    execute = w._issue
    w._issue = lambda call: (  # type: ignore[method-assign]
        Refused(kind="invalid", detail="no") if call.part_id == "f2" else execute(call)
    )
    assert run(w) == "MANUAL"
    w._issue = execute  # type: ignore[method-assign]
    w.put(Operate(operator="op", action="retry"))
    assert run(w) == "COMPLETED"


def test_tickets_refused_for_the_first_are_asked_for_nobody_else() -> None:
    w = group()
    w.issue = "refused"
    assert run(w) == "CANCELLED"
    assert done(w).count("Release f2") == 0


# ── prices ──


def test_prices_of_both_are_added_up() -> None:
    w = group()
    w.prices = {"f": 49_000, "f2": 40_500}
    assert run(w) == "COMPLETED"
    assert w.saga.total == eur(89_500)
    assert [share.amount for share in w.saga.shares] == [eur(44_750)] * 2


def test_one_that_is_dearer_asks_those_who_pay_more() -> None:
    w = group()
    w.prices = {"f2": 40_100}
    w.settle()
    assert w.saga.state == "RECONSENT"


def test_seats_that_cannot_be_held_any_more_are_not_ordered() -> None:
    w = group(participants=("ada",), seats=tuple(replace(s, payer_id="ada") for s in SEATS))
    w.saga = replace(
        w.saga,
        parts=tuple(replace(p, offer=replace(p.offer, can_hold=False)) for p in w.saga.parts),
    )
    assert run(w) == "CANCELLED"
    assert done(w) == []


def test_a_stay_is_for_all_and_is_booked_between_payment_and_tickets() -> None:
    w = group(stay())
    assert run(w) == "COMPLETED"
    assert [one for one in done(w) if one != "Capture"] == [
        "Hold f",
        "Hold f2",
        "Hold h1",
        "Release f",
        "Release f2",
    ]


# ── what may be opened ──


def refused(**changes: Any) -> str:
    parts = changes.pop("parts")
    with pytest.raises(Rejected) as refusal:
        world(*parts, participants=("ada", "bob"), seats=SEATS, **changes)
    return refusal.value.text


def test_several_orders_must_be_for_everybody_once() -> None:
    first, second = halves()
    for parts in (
        (first, replace(second, seats=())),
        (first, replace(second, seats=first.seats)),
        (first, replace(second, seats=second.seats[1:])),
    ):
        assert refused(parts=parts) == "A booking has at most one flight."


def test_several_orders_must_be_holdable_even_for_one_who_pays() -> None:
    parts = halves(holds=False)
    assert "several orders" in refused(parts=parts, split={"ada": 90_000})


def test_a_saga_that_was_stored_before_has_one_order_for_everybody() -> None:
    w = world(flight())
    [part] = w.saga.parts
    assert part.seats == ()
    assert reference(w.saga, part) == "CARAVAN SAGA b1 f ATT 0"
    assert opening(flight()).parts == (part,)


# ── who flies on which ──


@st.composite
def travelling(draw: Any) -> tuple[list[Seat], tuple[Party, ...]]:
    """Seats of a large party in any order, and the parties that it is quoted as."""
    party = Party(
        adults=draw(st.integers(2, 30)),
        children_ages=tuple(draw(st.lists(st.integers(0, 17), max_size=20))),
    )
    parties = components(party)
    types: list[TravellerType] = ["adult"] * party.adults
    types += ["infant" if age < INFANT_BELOW else "child" for age in party.children_ages]
    payers = draw(st.lists(st.sampled_from("abcde"), min_size=len(types), max_size=len(types)))
    seats = [
        Seat(id=f"t{n}", payer_id=payer, type=type)
        for n, (type, payer) in enumerate(zip(types, payers, strict=True))
    ]
    return draw(st.permutations(seats)), parties or ()


@given(travelling())
def test_everybody_has_one_place_and_each_order_is_for_whom_it_was_quoted(
    given: tuple[list[Seat], tuple[Party, ...]],
) -> None:
    seats, parties = given
    if not parties:
        return
    places = placed(seats, parties)
    assert sorted(id for ids in places for id in ids) == sorted(seat.id for seat in seats)
    kinds = dict(kinds_of(seats, parties))
    for ids, party in zip(places, parties, strict=True):
        found = Counter(kinds[id] for id in ids)
        assert found["adult", 0] == party.adults
        ages = Counter(age for (kind, age), n in found.items() if kind != "adult" for _ in range(n))
        assert ages == Counter(party.children_ages)


@pytest.mark.parametrize(("paid_by", "torn"), [("abcbabcabcd", ""), ("abcabcabcab", "c")])
def test_those_for_whom_one_person_pays_stay_together_where_they_can(
    paid_by: str, torn: str
) -> None:
    seats = [Seat(id=f"t{n}", payer_id=payer, type="adult") for n, payer in enumerate(paid_by)]
    parties = components(Party(adults=11))
    assert parties is not None
    first, second = ({paid_by[int(id[1:])] for id in ids} for ids in placed(seats, parties))
    assert first & second == set(torn)


def test_the_ages_of_an_order_are_in_the_order_of_its_seats() -> None:
    ages = (12, 4, 1, 9, 3)
    parties = components(Party(adults=8, children_ages=ages))
    assert parties is not None
    types: list[TravellerType] = ["child", "adult", "child", "infant", "child", "child"]
    seats = [
        Seat(id=f"t{n}", payer_id="a", type=type) for n, type in enumerate(types + ["adult"] * 7)
    ]
    parts = [
        flight(id=id, query=replace(flight().query, party=party))
        for id, party in zip(("f", "f2"), parties, strict=True)
    ]
    for part in assigned(parts, seats):
        own = [seat for seat in seats if seat.id in part.seats]
        said = dict(kinds_of(seats, parties))
        assert [said[seat.id][1] for seat in own if seat.type != "adult"] == list(
            part.query.party.children_ages
        )
    [alone] = assigned(parts[:1], seats)
    assert alone == parts[0]
