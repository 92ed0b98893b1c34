"""A provider takes so much at once and no more: nobody is given a share that cannot be charged."""

import msgspec
import pytest
from booking_world import DAY, STRIPE, T0, World, flight, opening, stay, world
from msgspec.structs import replace
from test_booking_collecting import approve

from actors.booking.machine import open_saga
from actors.booking.state import Provider
from core.errors import Rejected

MOST = 99_999_999
LIMITED = replace(STRIPE, most=MOST)


@pytest.mark.parametrize("split", [{"ada": MOST + 1}, {"ada": MOST + 1, "bob": 50}])
def test_a_share_that_cannot_be_charged_is_refused_with_the_limit(split: dict[str, int]) -> None:
    dear = opening(flight(sum(split.values())), split=split, provider=LIMITED)
    with pytest.raises(Rejected) as refusal:
        open_saga(dear, T0)
    assert refusal.value.code == "bad_request"
    assert [name for name, _ in refusal.value.fields or ()] == ["split"]
    assert refusal.value.params == {"most": "999999.99 EUR"}


def test_the_most_that_can_be_charged_is_a_share() -> None:
    opened = open_saga(opening(flight(3 * MOST), provider=LIMITED), T0)
    assert [share.amount.amount for share in opened.saga.shares] == [MOST] * 3
    with pytest.raises(Rejected, match="more than"):
        open_saga(opening(flight(3 * MOST + 1), provider=LIMITED), T0)


def test_small_shares_that_the_organiser_takes_over_count_too() -> None:
    split = {"ada": MOST - 10, "bob": 20, "cy": 20}
    with pytest.raises(Rejected, match="more than"):
        open_saga(opening(flight(MOST + 30), split=split, provider=LIMITED), T0)


def test_a_currency_without_decimals_has_the_limit_of_its_own_units() -> None:
    yen = flight(MOST + 1, currency="JPY")
    with pytest.raises(Rejected) as refusal:
        open_saga(opening(yen, split={"ada": MOST + 1}, provider=LIMITED), T0)
    assert refusal.value.params == {"most": "99999999 JPY"}


def asked(*amounts: int, most: int) -> World:
    """Ada and Bob have paid, and Cy has not in time."""
    split = dict(zip(("ada", "bob", "cy"), amounts, strict=True))
    limited = replace(STRIPE, most=most)
    w = world(flight(sum(amounts)), split=split, provider=limited)
    approve(w, "ada")
    approve(w, "bob")
    w.pass_time(T0 + 5 * DAY)
    return w


def test_nobody_may_choose_shares_that_cannot_be_charged() -> None:
    for most, options in (
        (20_000, ["cover", "others", "drop", "cancel"]),
        (19_999, ["others", "drop", "cancel"]),
        (14_999, ["drop", "cancel"]),
    ):
        question = asked(10_000, 10_000, 10_000, most=most).saga.question
        assert question is not None
        assert [option.id for option in question.options] == options


def test_a_price_of_which_a_share_cannot_be_charged_is_not_asked_about() -> None:
    w = world(flight(30_000), provider=replace(STRIPE, most=10_100))
    w.prices["f"] = 30_303
    for user_id in ("ada", "bob", "cy"):
        approve(w, user_id)
    assert w.saga.state == "CANCELLED"
    assert w.saga.question is None


def test_a_booking_from_before_there_was_a_limit_has_none() -> None:
    before = {k: v for k, v in msgspec.to_builtins(STRIPE).items() if k != "most"}
    old = msgspec.convert(before, Provider)
    assert open_saga(opening(flight(4 * MOST), stay(), provider=old), T0).saga.total.amount > MOST
