"""Going on without somebody whose money does not come: before anything is booked, and when seats are held."""

from typing import Any

import pytest
from booking_world import CARD, DAY, HOUR, MINUTE, T0, World, eur, flight, stay, world
from msgspec.structs import replace
from test_booking_ordering import answer, losing, only, pay_all, run

from actors.booking.calls import Authorise, CancelOrder, Capture, Hold, Refund, Reprice
from actors.booking.orders import seats_of
from actors.booking.state import Part, Seat
from actors.booking.steps import Answer, Approve, Decline, TravellerNamed
from actors.booking.views import view
from core.errors import Rejected
from protocol.suppliers import Refused
from protocol.travel import Party


def seats(*kinds: str, payers: str = "") -> tuple[Seat, ...]:
    """Of ada, bob and cy in turn, or of those with these initials."""
    people = {"a": "ada", "b": "bob", "c": "cy"}
    owners = [people[one] for one in payers] or ["ada", "bob", "cy"]
    return tuple(
        Seat(id=f"t{n}", payer_id=payer, type=kind)  # type: ignore[arg-type]
        for n, (kind, payer) in enumerate(zip(kinds, owners, strict=True))
    )


def without_cy(*parts: Part, **changes: Any) -> World:
    """Ada and Bob have approved, and Cy says no."""
    w = world(*parts, **changes)
    for user_id in ("ada", "bob"):
        w.put(Approve(user_id=user_id, method=CARD, client_id=user_id))
    w.settle()
    w.put(Decline(user_id="cy"))
    w.settle()
    assert w.saga.state == "RESPLIT"
    return w


def options(w: World) -> list[str]:
    return [] if w.saga.question is None else [one.id for one in w.saga.question.options]


def amounts(w: World) -> list[int]:
    return [share.amount.amount for share in w.saga.shares]


def count(w: World, kind: type) -> int:
    return sum(isinstance(call, kind) for call in w.calls)


# ── before it is booked ──


def test_those_who_stay_book_for_themselves_and_nobody_is_asked_when_nobody_pays_more() -> None:
    w = without_cy()
    answer(w, "drop")
    assert run(w) == "COMPLETED"
    assert amounts(w) == [10_000, 10_000, 0]
    assert [seat.id for seat in w.saga.seats] == ["t0", "t1"]
    assert w.saga.parts[0].query.party == Party(adults=2)
    assert w.saga.left == ("cy",)
    [order] = w.orders.values()
    assert len(order.tickets) == 2
    assert count(w, Authorise) == 2
    assert any(s.notice and "goes on for fewer" in s.notice.note.text for s in w.steps)


def test_references_are_no_concern_of_who_does_not_travel() -> None:
    w = without_cy()
    answer(w, "drop")
    assert run(w) == "COMPLETED"
    assert view(w.saga, "ada").itinerary
    assert view(w.saga, "bob").itinerary
    assert view(w.saga, "cy").itinerary is None
    [held] = [s.notice for s in w.steps if s.notice and "locator" in s.notice.note.params]
    assert "locator" not in held.notes["cy"].text
    assert not {"ada", "bob"} & held.notes.keys()


def test_the_organiser_is_told_without_whom() -> None:
    w = without_cy()
    assert options(w) == ["cover", "others", "drop", "cancel"]
    assert w.saga.question is not None
    drop = w.saga.question.options[2]
    assert (drop.params, drop.shares) == ({"who_user": "cy"}, None)
    w.put(Decline(user_id="bob"))
    w.settle()
    assert options(w) == ["cover", "drop", "cancel"]
    two = w.saga.question.options[1]
    assert two.params == {"who_user": "bob", "other_user": "cy"}
    answer(w, "drop")
    assert run(w) == "COMPLETED"
    assert amounts(w) == [10_000, 0, 0]


def test_what_who_left_had_authorised_is_let_go() -> None:
    w = world()
    w.put(Approve(user_id="cy", method=CARD, client_id="cy"))
    w.settle()
    w.put(Decline(user_id="cy"))
    for user_id in ("ada", "bob"):
        w.put(Approve(user_id=user_id, method=CARD, client_id=user_id))
    w.settle()
    answer(w, "drop")
    assert run(w) == "COMPLETED"
    assert [kept.status for kept in w.payments.values()] == ["cancelled", "captured", "captured"]
    with pytest.raises(Rejected):
        w.put(Approve(user_id="cy", method=CARD, client_id="again"))


def test_a_higher_price_for_fewer_asks_those_who_stay() -> None:
    w = without_cy()
    w.prices["f"] = 20_500
    answer(w, "drop")
    assert w.saga.state == "RECONSENT"
    assert w.saga.question is not None
    assert w.saga.question.to == ("ada", "bob")
    assert w.saga.question.options[0].shares == {"ada": 10_250, "bob": 10_250}


def test_a_lower_price_is_shared_as_before() -> None:
    """Cy was to pay less than a seat costs, and the others more."""
    w = without_cy(split={"ada": 16_000, "bob": 8_000, "cy": 6_000})
    answer(w, "drop")
    assert run(w) == "COMPLETED"
    assert amounts(w) == [13_333, 6_667, 0]


def test_a_stay_is_priced_for_those_who_are_left() -> None:
    w = without_cy(flight(), stay())
    w.prices["h1"] = 5_000
    answer(w, "drop")
    assert run(w) == "COMPLETED"
    assert [part.query.party.adults for part in w.saga.parts] == [2, 2]
    assert w.saga.total == eur(25_000)


def test_the_new_price_is_that_of_a_new_search_once() -> None:
    w = without_cy()
    w.sees = lambda look: not isinstance(look, Reprice)
    answer(w, "drop")
    assert w.saga.state == "REPRICING"
    assert w.saga.parts[0].must_search
    w.sees = lambda look: True
    w.pass_time(w.now + MINUTE)
    assert not w.saga.parts[0].must_search


def test_what_nobody_sells_to_fewer_is_not_booked() -> None:
    w = without_cy()
    w.prices["f"] = Refused(kind="sold_out", detail="")
    answer(w, "drop")
    assert run(w) == "CANCELLED"


def test_whoever_stays_may_still_have_to_be_named() -> None:
    w = world(named=False)
    for user_id in ("ada", "bob"):
        w.put(Approve(user_id=user_id, method=CARD, client_id=user_id))
    w.put(Decline(user_id="cy"))
    w.settle()
    answer(w, "drop")
    assert w.saga.state == "COLLECTING"
    for n in (0, 1):
        w.put(TravellerNamed(user_id="ada", traveller_id=f"t{n}", digest="d"))
    assert run(w) == "COMPLETED"


def test_an_order_of_a_group_that_nobody_is_left_of_falls_away() -> None:
    parts = (flight(20_000, seats=("t0", "t1")), flight(10_000, id="f2", seats=("t2",)))
    w = without_cy(*parts)
    answer(w, "drop")
    assert run(w) == "COMPLETED"
    assert [part.is_dropped for part in w.saga.parts] == [False, True]
    assert not w.saga.parts[0].must_search
    assert len(w.orders) == 1


def test_only_the_orders_that_somebody_leaves_are_searched_for_anew() -> None:
    parts = (flight(10_000, seats=("t0",)), flight(20_000, id="f2", seats=("t1", "t2")))
    w = without_cy(*parts)
    w.sees = lambda look: False
    answer(w, "drop")
    assert [part.must_search for part in w.saga.parts] == [False, True]
    w.sees = lambda look: True
    assert run(w) == "COMPLETED"
    assert sorted(len(order.tickets) for order in w.orders.values()) == [1, 1]


@pytest.mark.parametrize(
    ("travelling", "party"),
    [
        (seats("adult", "infant", "adult"), Party(adults=2, children_ages=(1,))),
        (seats("child", "child", "adult"), Party(adults=1, children_ages=(4, 7))),
        (
            seats("adult", "infant", "infant", "adult", payers="aabc"),
            Party(adults=2, children_ages=(0, 1)),
        ),
        (seats("adult", "adult", payers="ab"), Party(adults=2)),
        (seats("adult", payers="c"), Party(adults=1)),
    ],
    ids=["infant kept", "no adult", "two infants", "pays for nobody", "everybody"],
)
def test_it_is_not_offered_where_the_others_could_not_travel(
    travelling: tuple[Seat, ...], party: Party
) -> None:
    """With one adult left an infant still travels."""
    part = flight(query=replace(flight().query, party=party))
    w = without_cy(part, seats=travelling)
    is_fine = travelling == seats("adult", "infant", "adult")
    assert ("drop" in options(w)) == is_fine


def test_children_who_leave_are_those_whose_ages_were_listed_in_their_place() -> None:
    party = Party(adults=3, children_ages=(12, 4, 1))
    travelling = seats("adult", "child", "adult", "child", "adult", "infant", payers="abbcca")
    w = without_cy(flight(query=replace(flight().query, party=party)), seats=travelling)
    answer(w, "drop")
    assert w.saga.parts[0].query.party == Party(adults=2, children_ages=(12, 1))


def test_nobody_who_pays_is_left() -> None:
    w = world(split={"ada": 0, "bob": 0, "cy": 30_000})
    w.put(Decline(user_id="cy"))
    w.settle()
    assert options(w) == ["cover", "cancel"]


# ── when seats are held ──


def lost(*parts: Part, **changes: Any) -> World:
    """All seats are held, Ada and Bob have paid, and Cy's reservation is lost and not made again."""
    w = world(*parts, **changes)
    w.fault = losing(w)
    pay_all(w)
    assert w.saga.state == "CAPTURE_REPAIR"
    w.fault = lambda call: "reply"
    w.put(Decline(user_id="cy"))
    w.settle()
    return w


def test_seats_that_are_held_are_ordered_anew_for_those_who_stay() -> None:
    w = lost()
    assert options(w) == ["drop", "cancel"]
    shown = view(w.saga, "ada")
    assert shown.question is not None
    assert "costs the others no more" in shown.question.options[0].text
    assert (shown.status, shown.deadline) == ("action_needed", w.now + 12 * HOUR)
    w.calls.clear()
    answer(w, "drop")
    assert run(w) == "COMPLETED"
    assert [type(c) for c in w.calls if isinstance(c, CancelOrder | Hold | Capture)] == [
        CancelOrder,
        Hold,
    ]
    assert [order.status for order in w.orders.values()] == ["cancelled", "ticketed"]
    assert w.saga.parts[0].attempt == 2
    assert amounts(w) == [10_000, 10_000, 0]


def test_who_paid_more_than_it_costs_them_now_gets_the_difference_back() -> None:
    w = lost()
    w.prices["f"] = 18_000
    answer(w, "drop")
    assert run(w) == "COMPLETED"
    assert amounts(w) == [9_000, 9_000, 0]
    assert [(kept.captured, kept.refunded) for kept in w.payments.values()][:2] == [
        (10_000, 1_000),
        (10_000, 1_000),
    ]
    assert count(w, Capture) == 3


def test_nobody_who_has_paid_is_asked_for_more() -> None:
    w = lost()
    w.prices["f"] = 21_000
    answer(w, "drop")
    assert run(w) == "CANCELLED"
    assert "costs more for fewer" in w.saga.reason
    assert count(w, Refund) == 2


def test_the_new_order_waits_until_the_old_one_is_certainly_gone() -> None:
    w = lost()
    w.fault = only("lost", CancelOrder)
    w.sees = lambda look: False
    answer(w, "drop")
    assert w.saga.state == "LETTING_GO"
    assert count(w, Hold) == 1
    w.sees = lambda look: True
    assert run(w) == "COMPLETED"
    assert count(w, CancelOrder) == 1


def test_an_order_that_nobody_lets_go_of_ends_it() -> None:
    w = lost()
    w.fault = lambda call: "unsent" if isinstance(call, CancelOrder) else "reply"
    answer(w, "drop")
    w.pass_time(w.now + 2 * HOUR)
    assert w.saga.state == "UNWINDING"
    w.fault = lambda call: "reply"
    w.pass_time(w.now + DAY)
    assert w.saga.state == "CANCELLED"


def test_whoever_was_missing_may_pay_while_the_organiser_thinks() -> None:
    w = lost()
    w.put(Approve(user_id="cy", method="pm_card_mastercard", client_id="2"))
    w.settle()
    assert run(w) == "COMPLETED"
    assert amounts(w) == [10_000, 10_000, 10_000]
    assert w.saga.question is None


@pytest.mark.parametrize("hold_for", [3 * DAY, 16 * HOUR])
def test_the_organiser_has_as_long_as_the_seats_are_held_and_half_a_day_at_most(
    hold_for: int,
) -> None:
    w = world()
    w.hold_for = hold_for
    w.fault = losing(w)
    pay_all(w)
    assert run(w, 6 * 60) == "CAPTURE_REPAIR"
    until = min(T0 + 6 * HOUR + 12 * HOUR, T0 + hold_for - 6 * HOUR)
    assert view(w.saga, "ada").deadline == pytest.approx(until, abs=1_000)
    w.pass_time(until - MINUTE)
    assert w.saga.state == "CAPTURE_REPAIR"
    w.pass_time(until + 10 * MINUTE)
    assert w.saga.state == "CANCELLED"


def test_without_another_way_everything_is_undone_as_ever() -> None:
    w = lost(seats=seats("adult", payers="a"))
    assert run(w) == "CANCELLED"
    assert not w.saga.questions


def test_what_is_taken_late_is_taken_once_and_what_is_too_much_goes_back() -> None:
    """Bob's capture is not answered and takes effect after his share has fallen: a second one under another
    key finds it done."""
    w = world()
    lose = losing(w)

    def fault(call: object) -> str:
        lose(call)
        is_bobs = isinstance(call, Capture) and call.share_id == "s2" and not late
        if is_bobs:
            late.append(call)
        return "late" if is_bobs else "reply"

    late: list[object] = []
    w.fault = fault
    pay_all(w)
    w.put(Decline(user_id="cy"))
    w.settle()
    w.prices["f"] = 18_000
    answer(w, "drop")
    assert run(w) == "COMPLETED"
    keys = [c.key for c in w.calls if isinstance(c, Capture) and c.share_id == "s2"]
    assert keys == ["cv:b1:s2:capture:v1", "cv:b1:s2:capture:v1:9000"]
    assert amounts(w) == [9_000, 9_000, 0]


def test_an_organiser_who_pays_nothing_yet_may_pay_what_is_missing() -> None:
    w = lost(split={"ada": 0, "bob": 15_000, "cy": 15_000})
    assert options(w) == ["cover", "drop", "cancel"]
    answer(w, "cover")
    assert w.saga.state == "CAPTURE_REPAIR"
    w.put(Approve(user_id="ada", method=CARD, client_id="covers"))
    w.settle()
    assert run(w) == "COMPLETED"
    assert amounts(w) == [15_000, 15_000, 0]


def test_a_trip_without_a_flight_is_priced_at_once() -> None:
    w = world(stay(1), stay(2))

    def fault(call: object) -> str:
        if isinstance(call, Capture) and call.share_id == "s3":
            w.payments[call.payment_id].status = "cancelled"
        return "reply"

    w.fault = fault
    pay_all(w)
    assert w.saga.state == "CAPTURE_REPAIR"
    w.put(Decline(user_id="cy"))
    w.settle()
    w.prices = {"h1": 6_000, "h2": 6_000}
    answer(w, "drop")
    assert run(w) == "COMPLETED"
    assert amounts(w) == [6_000, 6_000, 0]


def test_both_orders_of_a_group_are_made_anew() -> None:
    parts = (flight(10_000, seats=("t0",)), flight(20_000, id="f2", seats=("t1", "t2")))
    w = lost(*parts)
    answer(w, "drop")
    assert run(w) == "COMPLETED"
    assert [part.attempt for part in w.saga.parts] == [2, 2]
    assert [len(seats_of(w.saga, part)) for part in w.saga.parts] == [1, 1]


def test_whoever_has_paid_cannot_say_no_any_more() -> None:
    w = lost()
    with pytest.raises(Rejected) as refusal:
        w.put(Decline(user_id="ada"))
    assert refusal.value.code == "conflict"


def test_nobody_is_left_behind_whom_the_organiser_was_not_asked_about() -> None:
    w = world()
    w.lasts = HOUR
    w.put(Approve(user_id="bob", method=CARD, client_id="bob"))
    w.settle()
    w.lasts = 7 * DAY
    w.put(Approve(user_id="ada", method=CARD, client_id="ada"))
    w.settle()
    w.pass_time(T0 + 30 * MINUTE)
    assert w.saga.question is not None
    first = w.saga.question
    assert first.options[-2].params == {"who_user": "cy"}
    w.now = T0 + HOUR + MINUTE  # what Bob has reserved has ended, and nobody has looked yet
    w.put(Answer(user_id="ada", question_id=first.id, option_id="drop"))
    assert w.saga.left == ()
    assert w.saga.question is not None
    assert w.saga.question.id != first.id
    assert w.saga.question.options[-2].params == {"who_user": "bob", "other_user": "cy"}
    answer(w, "drop")
    assert w.saga.left == ("bob", "cy")
