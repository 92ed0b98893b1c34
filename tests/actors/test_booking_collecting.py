"""Opening a booking, naming who travels, approving, declining, and what happens when a share stays open."""

from typing import Any

import msgspec
import pytest
from booking_world import (
    CARD,
    DAY,
    HOUR,
    MINUTE,
    STRIPE,
    T0,
    World,
    eur,
    flight,
    opening,
    stay,
    world,
)
from msgspec.structs import replace

from actors.booking.calls import Authorise, CancelPayment, OpenPayment
from actors.booking.machine import open_saga
from actors.booking.state import Part, Provider, Seat
from actors.booking.steps import Answer, Approve, CallOff, Decline, TravellerNamed, Wake
from actors.booking.views import view
from core.errors import Rejected
from protocol.frames import Money
from protocol.travel import FlightDetails, HotelDetails, Itinerary, Segment


def amounts(w: World) -> list[int]:
    return [share.amount.amount for share in w.saga.shares]


def states(w: World) -> list[str]:
    return [share.state for share in w.saga.shares]


def approve(w: World, user_id: str, method: str = CARD, attempt: str = "1") -> None:
    w.put(Approve(user_id=user_id, method=method, client_id=f"{user_id}-{attempt}"))
    w.settle()


def refused(w: World, command: Any) -> Rejected:
    """A refused command changes nothing."""
    before = w.saga
    with pytest.raises(Rejected) as caught:
        w.put(command)
    assert w.saga is before
    return caught.value


def answer(w: World, user_id: str, option_id: str) -> None:
    question = w.saga.question
    assert question is not None
    w.put(Answer(user_id=user_id, question_id=question.id, option_id=option_id))
    w.settle()


# ── opening ──


def test_equal_is_per_participant_and_the_remainder_goes_by_listed_order() -> None:
    assert amounts(world(flight(10_000))) == [3334, 3333, 3333]


@pytest.mark.parametrize(
    ("currency", "total", "unit", "shares"),
    [("JPY", 1_000, 1, [334, 333, 333]), ("KWD", 5_120, 10, [1710, 1710, 1700])],
)
def test_currencies_without_and_with_three_decimals_are_split_in_their_units(
    currency: str, total: int, unit: int, shares: list[int]
) -> None:
    provider = replace(STRIPE, unit=unit)
    assert amounts(world(flight(total, currency=currency), provider=provider)) == shares


def test_everybody_hears_of_a_new_booking_once_with_a_card() -> None:
    step = open_saga(opening(), T0)
    assert step.notice is not None
    assert step.notice.has_card
    assert step.saga.version == step.saga.revision == 1
    assert view(step.saga, "bob").status == "collecting"
    assert view(step.saga, "bob").deadline == T0 + 5 * DAY


def test_own_amounts_are_taken_as_they_are() -> None:
    w = world(split={"ada": 20_000, "bob": 10_000})
    assert amounts(w) == [20_000, 10_000, 0]
    assert states(w) == ["invited", "invited", "accepted"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"split": {"ada": 1, "bob": 2}}, "split"),
        ({"split": {"ada": 30_001, "bob": -1}}, "split"),
        ({"split": {"ada": 29_000, "eve": 1_000}}, "split"),
        ({"participants": ()}, "participants"),
        ({"participants": ("ada", "ada")}, "participants"),
        ({"seats": ()}, "travellers"),
        ({"seats": (Seat(id="t", payer_id="eve", type="adult"),)}, "travellers"),
        ({"organiser_id": "zoe", "split": {"ada": 29_980, "bob": 20}}, "split"),
    ],
)
def test_what_cannot_be_shared_is_refused_by_its_field(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(Rejected) as caught:
        open_saga(opening(**changes), T0)
    assert caught.value.code == "bad_request"
    assert [name for name, _ in caught.value.fields] == [field]
    assert str(caught.value)


def test_a_share_below_the_providers_minimum_goes_to_the_organiser() -> None:
    w = world(split={"ada": 29_970, "bob": 30})
    assert amounts(w) == [30_000, 0, 0]


@pytest.mark.parametrize("minutes", [-10, 0, 14])
def test_too_little_time_to_collect_refuses_the_booking_with_the_reason(minutes: int) -> None:
    late = {"last_ticketing_at": T0 + DAY + minutes * MINUTE}
    for changes in (late, {"collect_until": T0 + minutes * MINUTE}):
        with pytest.raises(Rejected, match="15 minutes"):
            open_saga(opening(**changes), T0)


def test_collecting_ends_by_whichever_limit_comes_first() -> None:
    assert world(collect_until=T0 + HOUR).saga.deadlines["collect"] == T0 + HOUR
    w = world(last_ticketing_at=T0 + 3 * DAY)
    assert w.saga.deadlines["collect"] == T0 + 2 * DAY
    approve(w, "ada")
    kept = next(iter(w.payments.values()))
    assert kept.capture_before == T0 + 7 * DAY


def leaving(departs: str) -> Part:
    segment = Segment(
        carrier="QF",
        number="1",
        origin="BER",
        destination="LIS",
        departs=departs,
        arrives=departs,
    )
    ways = (Itinerary(segments=(segment,), minutes=None),)
    part = flight()
    return replace(part, offer=replace(part.offer, details=FlightDetails(itineraries=ways)))


def sleeping(check_in: str) -> Part:
    part = stay()
    assert isinstance(part.offer.details, HotelDetails)
    details = replace(part.offer.details, check_in=check_in)
    return replace(part, offer=replace(part.offer, details=details))


def test_nobody_has_time_to_pay_for_what_has_begun_wherever_it_is() -> None:
    """T0 is 2027-01-15 08:00 UTC, and clocks are twelve hours behind that at most."""
    for part, hours in (
        (leaving("2027-01-16T08:00:00"), 36),
        (leaving("2027-01-15T00:30:00"), 4.5),
        (sleeping("2027-01-15"), 28),
        (sleeping("2027-01-17"), 76),
        (sleeping("2027-02-15"), 5 * 24),
    ):
        assert world(part).saga.deadlines["collect"] == T0 + round(hours * HOUR), part.offer.details
    for part in (leaving("2027-01-14T20:10:00"), sleeping("2027-01-13")):
        with pytest.raises(Rejected, match="15 minutes"):
            open_saga(opening(part), T0)
    both = world(leaving("2027-01-17T08:00:00"), sleeping("2027-01-16"))
    assert both.saga.collect_by == T0 + 52 * HOUR


def test_an_authorisation_that_runs_out_early_ends_collecting_a_day_before() -> None:
    w = world()
    w.put(Approve(user_id="ada", method="pm_3ds", client_id="1"))
    w.settle()
    kept = next(iter(w.payments.values()))
    kept.status, kept.capture_before = "authorized", T0 + 3 * DAY
    w.put(Wake(payment_id=kept.id))
    w.settle()
    assert w.saga.deadlines["collect"] == T0 + 2 * DAY


def test_a_flight_that_cannot_be_held_is_for_one_payer_only() -> None:
    with pytest.raises(Rejected, match="before everybody has paid"):
        open_saga(opening(flight(holds=False)), T0)
    assert open_saga(opening(flight(holds=False), split={"ada": 30_000}), T0)


def test_two_flights_two_currencies_and_inexact_prices_are_refused() -> None:
    kwd = Provider(name="stripe", unit=10, least=500, holds_for=DAY, replays_for=DAY)
    with pytest.raises(Rejected, match="at most one flight"):
        open_saga(opening(flight(), flight(id="g")), T0)
    with pytest.raises(Rejected, match="one currency"):
        open_saga(opening(flight(currency="USD"), stay()), T0)
    with pytest.raises(Rejected, match="exactly this price"):
        open_saga(opening(flight(5_123, currency="KWD"), provider=kwd), T0)


# ── approving ──


def test_a_payment_is_made_before_anybodys_card_is_asked() -> None:
    w = world()
    step = w.put(Approve(user_id="ada", method=CARD, client_id="1"))
    assert [type(intent.call) for intent in step.intents] == [OpenPayment]
    assert states(w)[0] == "accepted"
    w.settle()
    assert [type(call) for call in w.calls] == [OpenPayment, Authorise]
    assert [getattr(call, "key", "") for call in w.calls] == [
        "cv:b1:s1:pi:v1",
        "cv:b1:s1:confirm:v1.1",
    ]
    assert states(w)[0] == "authorized"


def test_one_client_id_is_one_attempt() -> None:
    w = world()
    approve(w, "ada", "pm_chargeDeclined")
    before = w.saga
    w.put(Approve(user_id="ada", method=CARD, client_id="ada-1"))
    assert w.saga is before


def test_a_declined_card_is_told_to_its_owner_and_an_open_share_to_the_others() -> None:
    w = world()
    approve(w, "ada")
    approve(w, "cy")
    approve(w, "bob", "pm_chargeDeclined")
    assert states(w) == ["authorized", "declined", "authorized"]
    notice = w.steps[-1].notice
    assert notice is not None
    assert notice.note.text == "One share is still open until {until_at}: another card is needed."
    assert notice.note.params == {"until_at": T0 + 5 * DAY}
    assert list(notice.notes) == ["bob"]
    assert "declined the card" in notice.notes["bob"].text
    approve(w, "bob", attempt="2")
    assert [c.key for c in w.calls if isinstance(c, Authorise)][-1] == "cv:b1:s2:confirm:v1.2"
    assert w.saga.state != "COLLECTING"


def test_a_card_that_was_refused_for_good_is_not_tried_again() -> None:
    w = world()
    approve(w, "ada", "pm_chargeDeclinedLost")
    again = Approve(user_id="ada", method="pm_chargeDeclinedLost", client_id="2")
    assert refused(w, again).code == "conflict"


def test_what_has_to_be_done_at_the_bank_is_shown_to_its_payer_alone() -> None:
    w = world()
    approve(w, "ada", "pm_3ds")
    assert states(w)[0] == "action_required"
    assert view(w.saga, "ada").action is not None
    assert view(w.saga, "bob").action is None
    assert view(w.saga, None).action is None


def test_another_card_in_place_of_a_banks_question_lets_the_first_payment_go() -> None:
    w = world()
    approve(w, "ada", "pm_3ds")
    approve(w, "ada", attempt="2")
    assert [kept.status for kept in w.payments.values()] == ["cancelled", "authorized"]


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (Approve(user_id="eve", method=CARD, client_id="9"), "not_found"),
        (Decline(user_id="eve"), "not_found"),
        (CallOff(user_id="eve"), "not_found"),
        (CallOff(user_id="bob"), "forbidden"),
        (TravellerNamed(user_id="eve", traveller_id="t0", digest="x"), "not_found"),
        (TravellerNamed(user_id="ada", traveller_id="t9", digest="x"), "not_found"),
        (TravellerNamed(user_id="bob", traveller_id="t0", digest="x"), "forbidden"),
        (Answer(user_id="eve", question_id="q1", option_id="cover"), "not_found"),
        (Answer(user_id="ada", question_id="q1", option_id="cover"), "not_found"),
        (Approve(user_id="ada", method=CARD, client_id="9"), "conflict"),
    ],
)
def test_a_refused_command_changes_nothing(command: Any, code: str) -> None:
    w = world()
    approve(w, "ada")
    assert refused(w, command).code == code


def test_an_organiser_who_does_not_pay_knows_the_booking_and_has_no_share() -> None:
    w = world(organiser_id="zoe")
    assert refused(w, Approve(user_id="zoe", method=CARD, client_id="1")).code == "forbidden"


def test_nothing_is_reserved_before_every_traveller_is_named() -> None:
    w = world(named=False)
    for user_id in ("ada", "bob", "cy"):
        approve(w, user_id)
    assert w.saga.state == "COLLECTING"
    assert w.saga.step == "Details of travellers are missing."
    for seat in w.saga.seats:
        assert not view(w.saga, "ada").travellers[0].complete or seat.id != "t0"
        w.put(TravellerNamed(user_id="ada", traveller_id=seat.id, digest="d"))
    w.settle()
    assert w.saga.state in ("TICKETING", "COMPLETED")
    late = TravellerNamed(user_id="ada", traveller_id="t0", digest="other")
    assert refused(w, late).code == "conflict"


# ── a share stays open ──


def two_of_three(**changes: Any) -> World:
    w = world(**changes)
    approve(w, "ada")
    approve(w, "bob")
    w.pass_time(T0 + 5 * DAY)
    assert w.saga.state == "RESPLIT"
    return w


def test_the_organiser_is_asked_and_the_others_hear_that_a_share_is_open() -> None:
    w = two_of_three()
    shown = view(w.saga, "ada").question
    assert shown is not None
    assert [option.id for option in shown.options] == ["cover", "others", "drop", "cancel"]
    assert shown.expires_at == T0 + 5 * DAY + 12 * HOUR
    cover, others, *_ = (option.text for option in shown.options)
    assert cover == "You pay 100.00 EUR more, 200.00 EUR in all, and everybody travels."
    assert others.endswith("and everybody travels."), "unlike those who go on without somebody"
    for_bob = view(w.saga, "bob").question
    assert for_bob == replace(shown, options=[]), "whom it waits for is no secret to the others"
    assert view(w.saga, None).question is None
    assert view(w.saga, "bob").status == "action_needed"


def test_whoever_was_missing_may_still_pay() -> None:
    w = two_of_three()
    approve(w, "cy")
    w.pass_time(w.now + MINUTE)
    assert w.saga.state == "COMPLETED"


def test_the_organiser_covers_with_a_new_payment_before_the_old_one_goes() -> None:
    w = two_of_three()
    answer(w, "ada", "cover")
    assert amounts(w) == [20_000, 10_000, 0]
    assert states(w) == ["invited", "authorized", "declined"]
    assert w.saga.split_version == 2
    w.put(Approve(user_id="ada", method=CARD, client_id="2"))
    w.calls.clear()
    w.settle()
    kinds = [(type(call), getattr(call, "share_id", "")) for call in w.calls]
    assert kinds.index((Authorise, "s1")) < kinds.index((CancelPayment, "s1"))
    w.pass_time(w.now + MINUTE)
    assert w.saga.state == "COMPLETED"


def test_the_others_share_only_when_each_of_them_agrees() -> None:
    w = two_of_three()
    answer(w, "ada", "others")
    assert w.saga.state == "RECONSENT"
    assert refused(w, Approve(user_id="cy", method=CARD, client_id="9")).code == "conflict"
    shown = view(w.saga, "bob").question
    assert shown is not None
    assert {s.user_id: s.amount for s in shown.options[0].shares or []} == {
        "ada": eur(15_000),
        "bob": eur(15_000),
    }
    answer(w, "bob", "accept")
    assert amounts(w) == [15_000, 15_000, 0]
    approve(w, "ada", attempt="2")
    approve(w, "bob", attempt="2")
    w.pass_time(w.now + MINUTE)
    assert w.saga.state == "COMPLETED"


def test_who_does_not_agree_to_more_sends_the_question_back() -> None:
    w = two_of_three()
    answer(w, "ada", "others")
    answer(w, "bob", "refuse")
    assert w.saga.state == "RESPLIT"
    assert w.saga.question is not None
    assert [option.id for option in w.saga.question.options] == ["cover", "drop", "cancel"]


def test_one_person_declining_for_good_asks_the_organiser_at_once() -> None:
    w = world()
    approve(w, "cy")
    w.put(Decline(user_id="cy"))
    w.settle()
    assert w.saga.state == "RESPLIT"
    assert [kept.status for kept in w.payments.values()] == ["cancelled"]
    before = w.saga
    w.put(Decline(user_id="cy"))
    assert w.saga is before


def test_an_answer_may_be_repeated_and_not_be_changed() -> None:
    w = two_of_three()
    answer(w, "ada", "others")
    question = w.saga.question
    assert question is not None
    old = Answer(user_id="ada", question_id="q1", option_id="cover")
    assert refused(w, old).code == "conflict"
    mine = Answer(user_id="ada", question_id=question.id, option_id="refuse")
    assert refused(w, mine).code == "conflict"
    strange = Answer(user_id="bob", question_id=question.id, option_id="maybe")
    assert refused(w, strange).code == "bad_request"
    before = w.saga
    w.put(Answer(user_id="ada", question_id=question.id, option_id="accept"))
    assert w.saga is before


@pytest.mark.parametrize("option_id", ["cover", "others", "drop", "cancel"])
def test_an_answer_that_closed_its_question_may_be_repeated(option_id: str) -> None:
    """Its `ok` may have been lost."""
    w = two_of_three()
    answer(w, "ada", option_id)
    before = w.saga
    w.put(Answer(user_id="ada", question_id="q1", option_id=option_id))
    assert w.saga is before
    other = Answer(user_id="ada", question_id="q1", option_id="maybe")
    assert refused(w, other).code == "conflict"


def test_nobody_decides_and_everything_is_let_go() -> None:
    w = two_of_three()
    w.pass_time(w.now + 12 * HOUR)
    assert w.saga.state == "CANCELLED"
    assert {kept.status for kept in w.payments.values()} == {"cancelled"}


def test_a_leap_of_four_days_runs_through_every_deadline_in_one_step() -> None:
    w = world(collect_until=T0 + HOUR)
    approve(w, "ada")
    w.now = T0 + 4 * DAY
    w.put(Wake())
    assert w.saga.state == "UNWINDING"
    assert w.saga.reason == "Nobody decided how to go on in time. Nobody pays."
    w.settle()
    assert w.saga.state == "CANCELLED"


def test_the_organiser_calls_off_for_free_while_money_is_collected() -> None:
    w = world()
    approve(w, "ada")
    w.put(CallOff(user_id="ada"))
    before = w.saga
    w.put(CallOff(user_id="ada"))
    assert w.saga is before
    w.settle()
    assert w.saga.state == "CANCELLED"
    assert states(w) == ["voided", "invited", "invited"]
    assert [step.notice.has_card for step in w.steps if step.notice].count(True) == 3


def test_a_payment_whose_making_was_not_answered_is_made_again_under_its_key() -> None:
    w = world()
    words = iter(["lost"])
    w.fault = lambda call: next(words, "reply")
    approve(w, "ada")
    w.pass_time(w.now + MINUTE)
    assert len(w.payments) == 1
    assert states(w)[0] == "authorized"
    assert [c.key for c in w.calls if isinstance(c, OpenPayment)] == ["cv:b1:s1:pi:v1"] * 2


def test_a_key_that_is_too_old_is_not_repeated_but_looked_for() -> None:
    w = world()
    w.fault = lambda call: "broken" if isinstance(call, OpenPayment) else "reply"
    w.put(Approve(user_id="ada", method=CARD, client_id="1"))
    w.perform(w.saga.pending[0].seq)
    w.now += 23 * HOUR
    w.put(Wake())
    w.settle()
    keys = [c.key for c in w.calls if isinstance(c, OpenPayment)]
    assert keys == ["cv:b1:s1:pi:v1", "cv:b1:s1:pi:v2"]
    assert w.saga.shares[0].payments[0].is_void


def test_a_stored_saga_says_money_exactly_as_before() -> None:
    w = two_of_three()
    saga = msgspec.json.decode(msgspec.json.encode(w.saga), type=type(w.saga))
    assert view(saga, "ada") == view(w.saga, "ada")
    assert view(saga, "ada").total == Money(amount=30_000, currency="EUR")


def test_who_approves_again_after_a_reservation_is_no_longer_honoured_pays_anew() -> None:
    """PayPal honours three days of 29: the payment is authorised still."""
    w = world()
    w._expire = lambda: None  # type: ignore[method-assign]
    w.lasts = HOUR
    approve(w, "bob")
    w.pass_time(T0 + HOUR + MINUTE)
    assert w.saga.state == "RESPLIT"
    assert states(w) == ["invited", "expired", "invited"]
    w.lasts = 7 * DAY
    approve(w, "bob", attempt="2")
    assert states(w) == ["invited", "authorized", "invited"]
    first, second = w.payments.values()
    assert (first.status, second.status) == ("cancelled", "authorized")


def test_whoever_has_agreed_to_pay_more_has_an_hour_though_a_reservation_ends_within_a_day() -> (
    None
):
    w = world()
    w.lasts = 30 * HOUR
    for user_id in ("ada", "bob"):
        approve(w, user_id)
    assert w.saga.deadlines["collect"] == T0 + 6 * HOUR
    w.pass_time(T0 + 7 * HOUR)
    assert w.saga.state == "RESPLIT"
    answer(w, "ada", "others")
    answer(w, "bob", "accept")
    assert w.saga.state == "COLLECTING"
    assert w.saga.deadlines["collect"] == w.now + HOUR
    w.pass_time(w.now + HOUR - 1)
    assert w.saga.state == "COLLECTING"
    for user_id in ("ada", "bob"):
        approve(w, user_id, attempt="2")
    assert run_to_end(w) == "COMPLETED"


def test_nobody_is_told_that_the_time_to_pay_was_over_before_they_heard_of_it() -> None:
    """Ada's bank answers late, and holds the money for less than a day."""
    w = world()
    approve(w, "ada", "pm_3ds")
    w.pass_time(T0 + 2 * HOUR)
    kept = next(iter(w.payments.values()))
    kept.status, kept.capture_before = "authorized", w.now + 20 * HOUR
    w.put(Wake(payment_id=kept.id))
    w.settle()
    assert (w.saga.state, w.saga.deadlines["collect"]) == ("COLLECTING", w.now + 15 * MINUTE)
    w.pass_time(w.now + 15 * MINUTE)
    assert w.saga.state == "RESPLIT"


def run_to_end(w: World) -> str:
    w.pass_time(w.now + 10 * MINUTE)
    return w.saga.state
