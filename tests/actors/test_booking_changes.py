"""After a trip is booked: what airlines change is seen, asked about, and done as those concerned decide."""

from itertools import pairwise
from typing import Any

import pytest
from booking_world import CARD, DAY, HOUR, MINUTE, T0, World, eur, flight, stay, world
from msgspec.structs import replace

from actors.booking.calls import (
    AcceptChange,
    CancelOrder,
    FindAlternative,
    OpenReplacement,
    QuoteRefund,
    ReadOrder,
    Refund,
    TellReplaced,
)
from actors.booking.checks import check
from actors.booking.machine import looks_wanted, wake_at
from actors.booking.state import Alternative, Part, Pending
from actors.booking.steps import (
    Answer,
    Approve,
    CallOff,
    Looked,
    NotSeen,
    Operate,
    Replaced,
    ReplacementOpened,
    Wake,
)
from actors.booking.views import needs_operator, view
from core.errors import Rejected
from protocol.booking import OperatorAction
from protocol.suppliers import Cancelled, NotSent, RefundQuoted, Refused, Unknown, Unsupported
from protocol.travel import FlightDetails, Itinerary, Segment

LEAVES = "2027-03-01T08:00:00"
LATER = "2027-03-01T10:30:00"
EVEN_LATER = "2027-03-01T21:15:00"
RETURNS = "2027-03-08T18:00:00"
DEPARTURE = 1_803_888_000_000
"""2027-03-01 08:00 UTC."""


def ways(departs: str = LEAVES, number: str = "100") -> tuple[Itinerary, ...]:
    out = Segment(
        carrier="QF",
        number=number,
        origin="BER",
        destination="LIS",
        departs=departs,
        arrives=departs.replace("T0", "T1").replace("T2", "T23"[:2]),
    )
    back = Segment(
        carrier="QF",
        number="101",
        origin="LIS",
        destination="BER",
        departs=RETURNS,
        arrives="2027-03-08T21:30:00",
    )
    return (Itinerary(segments=(out,)), Itinerary(segments=(back,)))


def timed(**changes: Any) -> Part:
    part = flight(**{"cancels": "policy", "issues": "by_supplier", **changes})
    offer = replace(part.offer, supplier="duffel", details=FlightDetails(itineraries=ways()))
    return replace(part, offer=offer)


def booked(*parts: Part, **changes: Any) -> World:
    w = world(*(parts or (timed(),)), **changes)
    for share in [one for one in w.saga.shares if one.amount.amount]:
        w.put(Approve(user_id=share.user_id, method=CARD, client_id=share.user_id))
    w.settle()
    w.pass_time(w.now + MINUTE)
    assert w.saga.state == "COMPLETED"
    return w


def order_id(w: World, part_id: str = "f") -> str:
    part = next(part for part in w.saga.parts if part.id == part_id)
    assert part.order is not None
    return part.order.order_id


def move(w: World, departs: str = LATER, change_id: str | None = None) -> None:
    """The airline moves the first flight, and a webhook says so."""
    id_ = order_id(w)
    w.orders[id_] = replace(w.orders[id_], itineraries=ways(departs), change_id=change_id)
    hear(w)


def cancel(w: World, returned: int | None = None) -> None:
    id_ = order_id(w)
    back = None if returned is None else eur(returned)
    w.orders[id_] = replace(w.orders[id_], status="cancelled", returned=back)
    w.is_audited = False  # until it is seen
    hear(w)
    w.is_audited = True


def hear(w: World) -> None:
    w.put(Wake(order_id=order_id(w)))
    w.settle()


def options(w: World) -> list[str]:
    assert w.saga.question is not None
    assert w.saga.question.kind == "supplier_change"
    return [option.id for option in w.saga.question.options]


def vote(w: World, **choices: str) -> None:
    for user_id, option_id in choices.items():
        assert w.saga.question is not None
        w.put(Answer(user_id=user_id, question_id=w.saga.question.id, option_id=option_id))
    w.settle()


def all_vote(w: World, option_id: str) -> None:
    vote(w, ada=option_id, bob=option_id, cy=option_id)


def notes(w: World) -> list[str]:
    return [step.notice.note.text for step in w.steps if step.notice is not None]


def calls(w: World, kind: type) -> list[Any]:
    return [call for call in w.calls if isinstance(call, kind)]


def departs(w: World) -> str:
    details = w.saga.parts[0].offer.details
    assert isinstance(details, FlightDetails)
    return details.itineraries[0].segments[0].departs


def other(total: int = 36_000) -> Alternative:
    part = timed(total=total)
    offer = replace(part.offer, details=FlightDetails(itineraries=ways("2027-03-01T09:00:00", "7")))
    return Alternative(offer_id="o9", query=part.query, offer=offer)


# ── seeing ──


def test_a_booked_flight_is_read_until_it_has_left_and_never_again() -> None:
    w = booked()
    reads: list[int] = []
    see = w.see

    def seen(look: Any) -> Any:
        reads.append(w.now)
        return see(look)

    w.see = seen  # type: ignore[method-assign]
    w.pass_time(DEPARTURE + 14 * DAY)
    gaps = [after - before for before, after in pairwise(reads)]
    soon = [gap for gap, at in zip(gaps, reads, strict=False) if at > DEPARTURE - 3 * DAY]
    assert max(gaps) <= 6 * HOUR + MINUTE
    assert soon
    assert reads[-1] > DEPARTURE + 7 * DAY
    assert wake_at(w.saga) is None
    hear(w)
    assert looks_wanted(w.saga, w.now) == ()


def test_nobody_watches_what_cannot_be_read_or_compared() -> None:
    for w in (booked(flight()), booked(stay())):
        assert wake_at(w.saga) is None
        assert looks_wanted(w.saga, w.now) == ()


def test_a_booking_from_before_is_watched_once_a_webhook_speaks_of_it() -> None:
    w = booked()
    w.saga = replace(w.saga, deadlines={}, next_look_at={})
    assert wake_at(w.saga) is None
    move(w)
    assert w.saga.question is not None


def test_a_supplier_that_is_away_is_asked_ever_more_seldom() -> None:
    w = booked()
    id_ = order_id(w)
    w.sees = lambda look: not isinstance(look, ReadOrder)
    before = w.saga.revision
    w.put(Wake(order_id=id_))
    w.settle()
    w.pass_time(w.now + DAY)
    assert w.saga.revision - before < 100
    w.sees = lambda look: True
    w.orders[id_] = replace(w.orders[id_], itineraries=ways(LATER))
    w.pass_time(w.now + 2 * HOUR)
    assert options(w) == ["accept", "refund"]


def test_another_cabin_or_a_leading_nought_is_no_change() -> None:
    w = booked()
    told = len(notes(w))
    id_ = order_id(w)
    named = tuple(
        replace(
            way,
            minutes=1,
            segments=tuple(
                replace(s, number=f"0{s.number}", cabin="economy") for s in way.segments
            ),
        )
        for way in ways()
    )
    w.orders[id_] = replace(w.orders[id_], itineraries=named)
    hear(w)
    assert w.saga.parts[0].change is None
    assert len(notes(w)) == told


def test_everybody_hears_of_new_times_at_once_and_is_then_asked() -> None:
    w = booked()
    w.sees = lambda look: not isinstance(look, QuoteRefund | FindAlternative)
    move(w)
    [step] = [s for s in w.steps if s.notice and "has moved your flight" in s.notice.note.text]
    assert step.notice is not None
    assert step.notice.has_card
    params = step.notice.note.params
    assert (params["flight"], params["now_local"], params["before_local"]) == (
        "QF100",
        LATER,
        LEAVES,
    )
    assert w.saga.question is None
    w.pass_time(w.now + 2 * MINUTE)
    assert options(w) == ["accept", "refund"]
    seen = view(w.saga, "bob")
    assert seen.status == "booked"
    assert seen.question is not None
    assert seen.deadline == seen.question.expires_at
    assert "10:30" in seen.question.options[0].text


# ── who decides, and until when ──


def test_new_times_are_the_travellers_own_only_after_they_agreed() -> None:
    w = booked()
    move(w)
    vote(w, ada="accept", bob="accept")
    assert departs(w) == LEAVES
    vote(w, cy="refund")
    assert departs(w) == LATER
    assert w.saga.state == "COMPLETED"
    assert w.saga.parts[0].change is None
    assert calls(w, AcceptChange) == []
    [item] = view(w.saga, "ada").itinerary or []
    assert LATER in str(item.details)
    hear(w)
    assert w.saga.question is None


@pytest.mark.parametrize(
    ("organiser", "votes", "end"),
    [
        ("ada", {"ada": "refund", "bob": "accept"}, "CANCELLED"),
        ("cy", {"ada": "refund", "bob": "accept"}, "COMPLETED"),
        ("ada", {"bob": "refund", "cy": "refund", "ada": "accept"}, "CANCELLED"),
        ("ada", {}, "COMPLETED"),
    ],
)
def test_most_votes_win_then_the_organiser_then_what_was_booked(
    organiser: str, votes: dict[str, str], end: str
) -> None:
    w = booked(organiser_id=organiser)
    move(w)
    vote(w, **votes)
    w.pass_time(w.now + 2 * DAY + HOUR)
    assert w.saga.state == end
    assert w.saga.question is None


def test_only_who_pays_for_a_seat_is_asked_and_once() -> None:
    w = world(timed(), participants=("ada", "bob", "cy"), named=False)
    seats = tuple(replace(seat, payer_id="bob", digest="d") for seat in w.saga.seats)
    w.saga = replace(w.saga, seats=seats)
    for share in w.saga.shares:
        w.put(Approve(user_id=share.user_id, method=CARD, client_id=share.user_id))
    w.settle()
    w.pass_time(w.now + MINUTE)
    move(w)
    assert w.saga.question is not None
    assert w.saga.question.to == ("bob",)
    with pytest.raises(Rejected):
        w.put(Answer(user_id="ada", question_id=w.saga.question.id, option_id="accept"))
    shown = view(w.saga, "ada").question
    assert shown is not None
    assert shown.options == []


@pytest.mark.parametrize(
    ("before", "time_left"),
    [(30 * DAY, 2 * DAY), (40 * HOUR, 20 * HOUR), (10 * HOUR, HOUR)],
)
def test_there_is_time_until_six_hours_before_it_may_leave(before: int, time_left: int) -> None:
    w = booked()
    w.pass_time(DEPARTURE - before, leaps=True)
    now = w.now
    move(w)
    assert w.saga.question is not None
    assert abs(w.saga.question.expires_at - now - time_left) < 2 * MINUTE


def test_a_second_change_takes_the_place_of_the_first() -> None:
    w = booked()
    move(w)
    first = w.saga.question
    vote(w, ada="accept")
    move(w, EVEN_LATER)
    assert first is not None
    assert w.saga.question is not None
    assert w.saga.question.id != first.id
    assert w.saga.question.answers == {}
    all_vote(w, "accept")
    assert departs(w) == EVEN_LATER


def test_a_change_that_is_taken_back_is_asked_about_no_more() -> None:
    w = booked()
    move(w)
    move(w, LEAVES)
    assert w.saga.question is None
    assert w.saga.parts[0].change is None
    assert "taken its change back" in notes(w)[-1]


def test_a_change_waits_while_another_question_is_open() -> None:
    w = booked()
    w.put(CallOff(user_id="ada"))
    w.settle()
    question = w.saga.question
    assert question is not None
    assert question.kind == "refund"
    move(w)
    assert w.saga.question == question
    vote(w, ada="keep")
    assert options(w) == ["accept", "refund"]
    with pytest.raises(Rejected):
        w.put(CallOff(user_id="ada"))


# ── accepting at the supplier ──


@pytest.mark.parametrize(
    "outcome",
    [Unknown(), NotSent(), Refused(kind="quota", detail=""), Refused(kind="invalid", detail="")],
)
def test_what_is_to_be_accepted_is_until_the_supplier_knows(outcome: Any) -> None:
    w = booked()
    w.accepts = [outcome]
    move(w, change_id="ch1")
    all_vote(w, "accept")
    assert w.saga.state == "ADJUSTING"
    assert departs(w) == LEAVES
    w.pass_time(w.now + 5 * MINUTE)
    assert w.saga.state == "COMPLETED"
    assert departs(w) == LATER
    assert {call.change_id for call in calls(w, AcceptChange)} == {"ch1"}


def test_a_supplier_without_such_a_call_needs_none() -> None:
    w = booked()
    w.accepts = [Unsupported()]
    move(w, change_id="ch1")
    all_vote(w, "accept")
    assert (w.saga.state, departs(w)) == ("COMPLETED", LATER)


def test_a_change_that_changes_again_while_it_is_accepted_is_asked_about_anew() -> None:
    w = booked()
    move(w, change_id="ch1")
    id_ = order_id(w)
    w.accepts = [Refused(kind="invalid", detail="")]
    w.orders[id_] = replace(w.orders[id_], itineraries=ways(EVEN_LATER), change_id="ch2")
    all_vote(w, "accept")
    w.pass_time(w.now + MINUTE)
    assert options(w) == ["accept", "refund"]
    assert departs(w) == LEAVES


def test_a_change_that_a_supplier_never_lets_us_accept_is_for_a_person() -> None:
    w = booked()
    w.accepts = [Refused(kind="invalid", detail="")] * 9
    move(w, change_id="ch1")
    all_vote(w, "accept")
    w.pass_time(w.now + HOUR)
    assert w.saga.state == "MANUAL"
    w.put(Operate(operator="op", action="settle", note="by telephone"))
    assert (w.saga.state, departs(w)) == ("COMPLETED", LATER)


# ── money back ──


def test_everybody_is_told_what_comes_back_before_it_is_called_off() -> None:
    w = booked(timed(total=30_001), split={"ada": 10_001, "bob": 5_000, "cy": 15_000})
    w.put(CallOff(user_id="ada"))
    w.settle()
    assert w.saga.question is not None
    agree = w.saga.question.options[0]
    assert agree.shares is not None
    assert sum(agree.shares.values()) == 21_000
    vote(w, ada="agree")
    w.pass_time(w.now + HOUR)
    assert w.saga.state == "CANCELLED"
    back = {
        share.user_id: sum(payment.refunded for payment in share.payments)
        for share in w.saga.shares
    }
    assert back == agree.shares
    assert calls(w, CancelOrder)[0].at_least == eur(21_000)


def test_a_change_while_it_is_asked_whether_to_call_off_takes_nothing_from_what_was_told() -> None:
    w = booked()
    w.put(CallOff(user_id="ada"))
    w.settle()
    assert w.saga.question is not None
    assert sum((w.saga.question.options[0].shares or {}).values()) == 21_000
    w.keeps = 9
    move(w)
    assert w.saga.question.kind == "refund"
    vote(w, ada="agree")
    w.pass_time(w.now + HOUR)
    assert calls(w, CancelOrder)[0].at_least == eur(21_000)
    assert w.saga.state == "COMPLETED"
    assert w.balance("psp:stripe") == 30_000
    assert options(w) == ["accept", "refund"]


def test_what_comes_back_of_a_cancellation_that_took_effect_late_is_read() -> None:
    """It was not answered, the order still stood, and the next one found it gone."""
    w = booked()
    w.put(CallOff(user_id="ada"))
    w.settle()
    sent = []

    def late(call: Any) -> str:
        if not isinstance(call, CancelOrder):
            return "reply"
        sent.append(call)
        return "late" if len(sent) == 1 else "unsent" if w.late else "reply"

    execute, w.fault = w.execute, late

    def as_read(call: Any) -> Any:
        answer = execute(call)
        if isinstance(answer, Cancelled) and answer.refund is not None:
            order = w.orders[call.order_id]
            w.orders[call.order_id] = replace(order, returned=answer.refund)
        return answer

    w.execute = as_read  # type: ignore[method-assign]
    vote(w, ada="agree")
    w.pass_time(w.now + HOUR)
    assert w.saga.state == "CANCELLED"
    assert w.balance("psp:stripe") == 9_000


def test_a_supplier_that_would_return_less_by_then_is_not_asked_for_it() -> None:
    w = booked()
    w.put(CallOff(user_id="ada"))
    w.settle()
    w.keeps = 8
    vote(w, ada="agree")
    w.pass_time(w.now + 5 * MINUTE)
    assert w.saga.state == "COMPLETED"
    assert w.saga.question is not None
    agree = w.saga.question.options[0]
    assert agree.params["back_money"] == {"amount": 6_000, "currency": "EUR"}
    assert w.balance("psp:stripe") == 30_000
    vote(w, ada="agree")
    w.pass_time(w.now + HOUR)
    assert w.saga.state == "CANCELLED"
    assert w.balance("psp:stripe") == 24_000


def test_of_two_orders_one_may_be_gone_before_the_other_returns_less() -> None:
    w = booked(timed(), stay(cancels="policy"))
    w.put(CallOff(user_id="ada"))
    w.settle()
    see = w._back
    w._back = lambda part: see(part) if part.kind == "flight" else eur(1_000)  # type: ignore[method-assign]
    vote(w, ada="agree")
    w.pass_time(w.now + 10 * MINUTE)
    assert w.saga.state == "COMPLETED"
    assert w.saga.total == eur(18_000)
    assert w.balance("psp:stripe") == 18_000
    assert w.saga.question is not None
    assert w.saga.question.kind == "refund"
    vote(w, ada="agree")
    w.pass_time(w.now + HOUR)
    assert w.saga.state == "CANCELLED"
    assert w.balance("psp:stripe") == 17_000


@pytest.mark.parametrize("quote", [Unsupported(), NotSeen(), Refused(kind="invalid", detail="")])
def test_what_nobody_says_is_said_to_be_unknown(quote: Any) -> None:
    w = booked()
    w.quote = quote
    w.put(CallOff(user_id="ada"))
    w.settle()
    w.pass_time(w.now + 3 * MINUTE)
    assert w.saga.question is not None
    assert "not known yet" in w.saga.question.options[0].text
    vote(w, ada="agree")
    w.pass_time(w.now + HOUR)
    assert w.saga.state == "CANCELLED"
    assert calls(w, CancelOrder)[0].at_least is None


def test_a_flight_that_the_airline_cancelled_is_given_back_as_it_says() -> None:
    w = booked()
    cancel(w, 30_000)
    assert options(w) == ["refund"]
    assert w.saga.state == "COMPLETED"
    all_vote(w, "refund")
    w.pass_time(w.now + HOUR)
    assert w.saga.state == "CANCELLED"
    assert w.balance("psp:stripe") == 0
    assert calls(w, CancelOrder) == []


def test_where_the_airline_does_not_say_what_comes_back_a_person_finds_out() -> None:
    w = booked()
    cancel(w)
    assert w.saga.question is not None
    assert "our team finds out" in w.saga.question.options[0].text
    w.pass_time(w.now + 2 * DAY + HOUR)
    assert w.saga.state == "MANUAL"
    assert needs_operator(w.saga)


def test_a_flight_is_given_up_alone_where_something_else_is_booked() -> None:
    w = booked(timed(), stay())
    move(w)
    assert w.saga.question is not None
    assert "Everything else stays booked" in w.saga.question.options[-1].text
    promised = w.saga.question.options[-1].shares
    assert promised == {"ada": 7_000, "bob": 7_000, "cy": 7_000}
    all_vote(w, "refund")
    w.pass_time(w.now + HOUR)
    assert w.saga.state == "COMPLETED"
    assert w.saga.total == eur(18_000)
    assert [part.total.amount for part in w.saga.parts] == [9_000, 9_000]
    assert w.balance("psp:stripe") == 18_000
    assert [item.part_id for item in view(w.saga, "ada").itinerary or []] == ["h1"]
    assert {share.state for share in w.saga.shares} == {"part_refunded"}
    w.pass_time(w.now + 90 * DAY)
    assert wake_at(w.saga) is None


def test_less_than_was_voted_on_is_asked_about_again() -> None:
    w = booked(timed(), stay())
    move(w)
    w.keeps = 9
    all_vote(w, "refund")
    w.pass_time(w.now + 5 * MINUTE)
    assert w.saga.question is not None
    assert w.saga.question.options[-1].params["back_money"] == {"amount": 3_000, "currency": "EUR"}
    assert w.balance("psp:stripe") == 39_000


def test_what_the_supplier_does_not_take_back_is_for_a_person() -> None:
    w = booked(timed(cancels="pre_ticket"))
    move(w)
    all_vote(w, "refund")
    w.pass_time(w.now + HOUR)
    assert w.saga.state == "MANUAL"
    assert calls(w, CancelOrder) == []


# ── another flight instead ──


def test_another_flight_is_booked_before_the_first_is_given_up() -> None:
    w = booked()
    w.alternative = other()
    w.opens = [Unknown(), ReplacementOpened(booking_id="b2")]
    move(w)
    assert options(w) == ["accept", "rebook", "refund"]
    assert w.saga.question is not None
    assert w.saga.question.options[1].shares == {"ada": 12_000, "bob": 12_000, "cy": 12_000}
    all_vote(w, "rebook")
    w.pass_time(w.now + MINUTE)
    assert w.saga.state == "COMPLETED"
    assert len({call.key for call in calls(w, OpenReplacement)}) == 1
    assert "in place of one" in view(w.saga, "ada").step
    assert w.balance("psp:stripe") == 30_000
    assert calls(w, CancelOrder) == []
    w.put(Replaced(by="b2", is_booked=True))
    w.settle()
    w.pass_time(w.now + HOUR)
    assert w.saga.state == "CANCELLED"
    assert w.balance("psp:stripe") == 9_000
    before = w.saga
    w.put(Replaced(by="b2", is_booked=True))
    assert w.saga is before


def test_the_booking_that_is_replaced_hears_only_of_one_that_it_knows() -> None:
    w = booked()
    w.alternative = other()
    w.opens = [Unknown()]
    move(w)
    all_vote(w, "rebook")
    assert w.saga.state == "ADJUSTING"
    with pytest.raises(Rejected) as caught:
        w.put(Replaced(by="b2", is_booked=True))
    assert caught.value.temporary
    w.pass_time(w.now + MINUTE)
    before = w.saga
    w.put(Replaced(by="b3", is_booked=True))
    assert w.saga is before


@pytest.mark.parametrize("how", ["never booked", "not opened"])
def test_where_nothing_comes_of_it_they_are_asked_once_more(how: str) -> None:
    w = booked()
    w.alternative = other()
    if how == "not opened":
        w.opens = [Refused(kind="sold_out", detail="")]
    move(w)
    all_vote(w, "rebook")
    if how == "never booked":
        w.put(Replaced(by="b2", is_booked=False))
        w.settle()
    assert options(w) == ["accept", "refund"]
    all_vote(w, "accept")
    assert (w.saga.state, departs(w)) == ("COMPLETED", LATER)


def test_while_it_is_replaced_a_cancellation_changes_what_comes_back_and_asks_nobody() -> None:
    w = booked()
    w.alternative = other()
    move(w)
    all_vote(w, "rebook")
    cancel(w, 30_000)
    assert w.saga.question is None
    w.put(Replaced(by="b2", is_booked=True))
    w.settle()
    w.pass_time(w.now + HOUR)
    assert w.saga.state == "CANCELLED"
    assert w.balance("psp:stripe") == 0


def test_a_flight_that_is_replaced_goes_whatever_comes_back() -> None:
    w = booked()
    w.alternative = other()
    move(w)
    all_vote(w, "rebook")
    w.keeps = 10
    w.put(Replaced(by="b2", is_booked=True))
    w.settle()
    w.pass_time(w.now + HOUR)
    assert w.saga.state == "CANCELLED"
    assert w.balance("psp:stripe") == 30_000


def test_a_booking_tells_the_one_it_replaces_once_it_is_booked() -> None:
    w = world(timed(), replaces="b0")
    w.tells = [Unknown(), Refused(kind="invalid", detail="not there")]
    for share in w.saga.shares:
        w.put(Approve(user_id=share.user_id, method=CARD, client_id=share.user_id))
    w.settle()
    w.pass_time(w.now + MINUTE)
    assert w.saga.state == "COMPLETED"
    assert [(call.booking_id, call.is_booked) for call in calls(w, TellReplaced)] == [
        ("b0", True),
        ("b0", True),
    ]
    kinds = [type(call).__name__ for call in w.calls]
    assert kinds.index("Confirm") < kinds.index("TellReplaced")


def test_a_booking_that_is_never_made_tells_that_too() -> None:
    w = world(timed(), replaces="b0")
    w.put(CallOff(user_id="ada"))
    w.settle()
    w.pass_time(w.now + MINUTE)
    assert w.saga.state == "CANCELLED"
    assert [call.is_booked for call in calls(w, TellReplaced)] == [False]
    assert wake_at(w.saga) is None


def test_a_refund_in_another_currency_is_not_counted() -> None:
    w = booked()
    w.quote = RefundQuoted(refund=replace(eur(1), currency="USD"))
    w.put(CallOff(user_id="ada"))
    w.settle()
    assert w.saga.question is not None
    assert w.saga.question.options[0].shares is None
    assert w.now > T0


def test_a_supplier_that_no_longer_says_what_it_returns_is_asked_about_again() -> None:
    w = booked()
    w.put(CallOff(user_id="ada"))
    w.settle()
    w.policy_refund = "silent"
    vote(w, ada="agree")
    w.pass_time(w.now + 5 * MINUTE)
    assert w.saga.question is not None
    assert "not known yet" in w.saga.question.options[0].text
    vote(w, ada="agree")
    w.pass_time(w.now + HOUR)
    assert w.saga.state == "MANUAL"
    assert [call.at_least for call in calls(w, CancelOrder)] == [eur(21_000), None]


def test_a_change_that_waits_is_asked_about_though_the_times_stay_and_once() -> None:
    w = booked()
    move(w, LEAVES, change_id="ch1")
    assert "not when it leaves" in next(text for text in reversed(notes(w)) if "airline" in text)
    assert options(w) == ["accept", "refund"]
    w.accepts = [w.orders[order_id(w)]]  # accepted, and still in the order
    all_vote(w, "accept")
    w.pass_time(w.now + DAY)
    assert w.saga.state == "COMPLETED"
    assert w.saga.question is None
    assert len(calls(w, AcceptChange)) == 1


@pytest.mark.parametrize(("others", "end"), [((), "CANCELLED"), ((stay(),), "COMPLETED")])
def test_what_a_person_gave_back_by_hand_is_given_back(others: tuple[Part, ...], end: str) -> None:
    w = booked(timed(cancels="pre_ticket"), *others)
    w.is_audited = False
    move(w)
    all_vote(w, "refund")
    w.pass_time(w.now + HOUR)
    assert w.saga.state == "MANUAL"
    w.put(Operate(operator="op", action="settle", note="paid back by transfer"))
    assert w.saga.state == end
    assert [item.part_id for item in view(w.saga, "ada").itinerary or []] == [o.id for o in others]
    if end == "CANCELLED":
        assert "Our team settles what is left" in notes(w)[-1]
    w.pass_time(w.now + DAY)
    assert w.saga.question is None


def test_people_are_asked_after_two_minutes_whatever_suppliers_have_not_said() -> None:
    w = booked()
    id_ = order_id(w)
    w.orders[id_] = replace(w.orders[id_], itineraries=ways(LATER))
    w.put(Wake(order_id=id_))
    look = looks_wanted(w.saga, w.now)[0]
    w.put(Looked(look=look, outcome=w.see(look)))
    for after in (MINUTE, 2 * MINUTE):
        assert w.saga.question is None
        assert len(looks_wanted(w.saga, w.now)) == 2
        w.now += after
        w.put(Wake())
    assert options(w) == ["accept", "refund"]
    shown = view(w.saga, "ada").question
    assert shown is not None
    assert "not known yet" in shown.options[-1].text


@pytest.mark.parametrize(
    ("now", "word"),
    [
        ((Itinerary(segments=ways()[0].segments),), "out of your journey"),
        (ways(number="200"), "has changed your flight"),
    ],
)
def test_what_has_changed_is_said_as_it_is(now: tuple[Itinerary, ...], word: str) -> None:
    w = booked()
    id_ = order_id(w)
    w.orders[id_] = replace(w.orders[id_], itineraries=now)
    hear(w)
    assert any(word in text for text in notes(w))
    assert options(w) == ["accept", "refund"]


def test_a_flight_that_is_cancelled_while_its_new_times_are_accepted_is_asked_about_anew() -> None:
    w = booked()
    move(w, change_id="ch1")
    id_ = order_id(w)
    w.is_audited = False
    w.orders[id_] = replace(w.orders[id_], status="cancelled", returned=eur(30_000))
    all_vote(w, "accept")
    assert (w.saga.state, options(w)) == ("COMPLETED", ["refund"])


def test_a_cancelled_flight_beside_a_stay_goes_alone_or_to_a_person() -> None:
    for returned, end in ((20_000, "COMPLETED"), (None, "MANUAL")):
        w = booked(timed(), stay())
        cancel(w, returned)
        w.is_audited = False
        all_vote(w, "refund")
        w.pass_time(w.now + HOUR)
        assert w.saga.state == end
    assert needs_operator(w.saga)


def test_a_refund_that_fails_while_one_flight_is_given_up_is_for_a_person() -> None:
    w = booked(timed(), stay())
    move(w)
    w.fault = lambda call: (
        "broken" if isinstance(call, Refund) and call.share_id == "s3" else "reply"
    )
    all_vote(w, "refund")
    w.pass_time(w.now + MINUTE)
    assert w.saga.state == "ADJUSTING"
    payment_id, first = next((id, kept) for id, kept in w.payments.items() if kept.refunded)
    first.refunded, first.refund_failed = 0, True
    w.put(Wake(payment_id=payment_id))
    w.settle()
    assert w.saga.state == "MANUAL"


def test_another_flight_in_another_currency_is_not_offered() -> None:
    w = booked()
    found = other()
    total = replace(eur(36_000), currency="USD")
    w.alternative = replace(found, offer=replace(found.offer, total=total))
    move(w)
    assert options(w) == ["accept", "refund"]


def on_two_orders(**changes: Any) -> World:
    """Ada and Bob fly on one order, Cy on the other."""
    first = replace(timed(), seats=("t0", "t1"))
    second = replace(timed(total=15_000), id="f2", seats=("t2",))
    return booked(first, second, **changes)


@pytest.mark.parametrize(
    ("split", "back"),
    [
        ("equal", {"ada": 10_500, "bob": 10_500}),
        ({"ada": 20_000, "bob": 5_000, "cy": 20_000}, {"ada": 16_000, "bob": 5_000}),
        ({"ada": 5_000, "bob": 0, "cy": 40_000}, {"ada": 5_000, "cy": 16_000}),
    ],
)
def test_of_two_orders_of_a_flight_one_is_given_up_by_those_who_fly_on_it(
    split: Any, back: dict[str, int]
) -> None:
    w = on_two_orders(split=split)
    move(w)
    assert w.saga.question is not None
    assert w.saga.question.to == ("ada", "bob")
    assert w.saga.question.options[-1].shares == back
    vote(w, ada="refund", bob="refund")
    w.pass_time(w.now + HOUR)
    assert w.saga.state == "COMPLETED"
    paid_back = {
        share.user_id: sum(payment.refunded for payment in share.payments)
        for share in w.saga.shares
    }
    assert {user: amount for user, amount in paid_back.items() if amount} == back
    assert [item.part_id for item in view(w.saga, "cy").itinerary or []] == ["f2"]
    id_ = order_id(w, "f2")
    w.orders[id_] = replace(w.orders[id_], itineraries=ways(LATER))
    w.put(Wake(order_id=id_))
    w.settle()
    assert w.saga.question is not None
    assert w.saga.question.to == ("cy",)
    vote(w, cy="accept")
    assert w.saga.question is None


def silent(w: World, part_id: str) -> None:
    """Nobody says what would come back of it, nor what else flies."""
    w.sees = lambda look: (
        not (isinstance(look, QuoteRefund | FindAlternative) and look.part_id == part_id)
    )


def test_who_waits_for_a_silent_supplier_is_asked_also_when_another_change_is_dealt_with_first() -> (
    None
):
    w = on_two_orders()
    silent(w, "f2")
    id_ = order_id(w, "f2")
    w.orders[id_] = replace(w.orders[id_], itineraries=ways(LATER))
    w.put(Wake(order_id=id_))
    w.settle()
    move(w, change_id="c1")
    vote(w, ada="accept", bob="accept")
    assert w.saga.question is None
    w.pass_time(w.now + 5 * MINUTE)
    assert w.saga.state == "COMPLETED"
    assert w.saga.question is not None
    assert w.saga.question.to == ("cy",)


def test_of_two_orders_of_a_flight_another_flight_is_paid_by_those_who_fly_on_it() -> None:
    """As the booking that takes its place is shared."""
    w = on_two_orders()
    w.alternative = other()
    move(w)
    assert options(w) == ["accept", "rebook", "refund"]
    assert w.saga.question is not None
    assert w.saga.question.options[1].shares == {"ada": 18_000, "bob": 18_000}


def test_a_booked_trip_that_needed_a_person_is_watched_again_afterwards() -> None:
    w = booked()
    w.saga = replace(w.saga, state="MANUAL", manual_from="COMPLETED", deadlines={})
    w.put(Operate(operator="op", action="retry"))
    w.settle()
    assert w.saga.state == "COMPLETED"
    move(w)
    assert options(w) == ["accept", "refund"]
    all_vote(w, "accept")
    w.pass_time(w.now + 7 * DAY)
    assert not needs_operator(w.saga)


def test_an_operator_hears_that_its_people_are_asked_not_that_the_booking_has_ended() -> None:
    w = booked()
    move(w)
    actions: tuple[OperatorAction, ...] = ("retry", "compensate", "settle")
    for action in actions:
        with pytest.raises(Rejected, match="it is asked how to go on with the flight"):
            w.put(Operate(operator="op", action=action))
    all_vote(w, "accept")
    with pytest.raises(Rejected, match="has ended"):
        w.put(Operate(operator="op", action="retry"))


def test_the_check_sees_what_nobody_decided() -> None:
    """Negative controls."""
    saga = booked().saga
    flown = saga.parts[0]
    assert flown.order is not None
    accept = AcceptChange(part_id="f", order_id=flown.order.order_id, change_id="ch1")
    give_up = CancelOrder(part_id="f", order_id=flown.order.order_id)
    for wrong in (
        replace(saga, parts=(replace(flown, is_given_back=True),)),
        replace(saga, pending=(Pending(seq=1, call=accept, at=T0),)),
        replace(saga, state="ADJUSTING", pending=(Pending(seq=1, call=give_up, at=T0),)),
    ):
        assert any(fault.startswith("I7") for fault in check(wrong))
