"""What is known of an item becomes numbers; what is not, a flag."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recommender_items import a_flight, a_place, a_room

from core.ports.inference import Circumstances
from inference.recommender.features import features_of
from inference.recommender.schema import AT, FEATURES, SCHEMA, unknown
from protocol.travel import GeoPoint, Offer, Place
from protocol.understanding import Budget

LISBON = a_place()
NOWHERE = Circumstances()


def number(
    item: Offer | Place, name: str, about: Circumstances = NOWHERE, *peers: Offer
) -> float | None:
    """None: flagged as not known."""
    vector = features_of([item, *peers], about, places={"LIS": LISBON})[0]
    if f"{name}.unknown" in AT and vector[AT[f"{name}.unknown"]]:
        assert vector[AT[name]] == 0.0
        return None
    return vector[AT[name]]


def test_the_schema_of_stored_features_is_what_it_was() -> None:
    """Whoever changes a meaning or an order raises `SCHEMA`, and this test with it."""
    assert SCHEMA == 1
    assert len(FEATURES) == 43
    assert FEATURES[:4] == ("kind.place", "kind.hotel", "kind.flight", "tags.coast")
    assert FEATURES[16:19] == ("tags.unknown", "climate.warmth", "climate.warmth.unknown")
    assert FEATURES[-2:] == ("size", "size.unknown")


def test_climate_is_that_of_the_month_asked_about() -> None:
    assert number(LISBON, "climate.warmth", Circumstances(month=1)) == -1.0
    assert number(LISBON, "climate.warmth", Circumstances(month=12)) == pytest.approx(0.1)
    assert number(LISBON, "climate.warmth") == pytest.approx(-0.45)


def test_an_offer_has_the_climate_of_its_own_month_and_the_tags_of_its_city() -> None:
    assert number(a_room(), "climate.warmth", Circumstances(month=1)) == pytest.approx(-0.6)
    assert number(a_room(), "tags.coast") == 1.0
    assert number(a_room(), "tags.unknown") == 0.0


def test_an_offer_of_an_unknown_city_says_so() -> None:
    (vector,) = features_of([a_room()], NOWHERE, places={})
    assert vector[AT["tags.unknown"]] == vector[AT["climate.warmth.unknown"]] == 1.0


def test_price_is_measured_against_the_budget_in_what_it_is_per() -> None:
    room, flight = a_room(50_000), a_flight(20_000)
    for budget, about in (
        (Budget(amount=100, per="night"), room),
        (Budget(amount=100), room),
        (Budget(amount=500, per="total"), room),
        (Budget(amount=100, per="person"), flight),
        (Budget(amount=200), flight),
    ):
        assert number(about, "price.budget", Circumstances(budget=budget)) == 0.0, budget
    dear = Circumstances(budget=Budget(amount=250, per="total"))
    assert number(room, "price.budget", dear) == pytest.approx(0.6931)


@pytest.mark.parametrize(
    "budget",
    [None, Budget(amount=100, currency="USD", per="night"), Budget(amount=0, per="night")],
)
def test_a_budget_that_cannot_be_compared_says_nothing(budget: Budget | None) -> None:
    assert number(a_room(), "price.budget", Circumstances(budget=budget)) is None


def test_price_is_measured_against_others_of_its_kind_and_currency() -> None:
    room, twice, yen = a_room(50_000), a_room(100_000), a_room(1, currency="JPY")
    assert number(room, "price.peers") is None
    assert number(room, "price.peers", NOWHERE, yen, a_flight(1)) is None
    assert number(room, "price.peers", NOWHERE, twice, twice) == pytest.approx(-0.6931)


def test_distance_is_from_home_where_that_is_known() -> None:
    home = Circumstances(home=GeoPoint(latitude=38.725, longitude=-9.15))
    assert number(LISBON, "distance") is None
    assert number(LISBON, "distance", home) == -1.0


def test_what_a_flight_says() -> None:
    assert number(a_flight(stops=0), "stops") == -0.5
    assert number(a_flight(stops=5), "stops") == 1.5
    assert number(a_flight(minutes=240), "duration") == 0.0
    assert number(a_flight(minutes=None), "duration") is None
    assert number(a_flight(), "bags") is None
    assert number(a_flight(checked_bags=1, is_refundable=False), "refundable") == 0.0
    assert number(a_flight(), "stars") is None


def test_what_a_room_says() -> None:
    assert number(a_room(stars=5), "stars") == 1.0
    assert number(a_room(), "stars") is None
    assert number(a_room(board="ALL_INCLUSIVE"), "board") == 1.0
    assert number(a_room(board="what the cook likes"), "board") is None
    assert number(a_room(free_until=1), "refundable") == 1.0
    assert number(a_room(), "refundable") is None


@given(
    total=st.integers(0, 2**53),
    amount=st.floats(0.01, 1e9),
    month=st.none() | st.integers(1, 12),
    stops=st.integers(0, 6),
    minutes=st.none() | st.integers(0, 10**6),
)
def test_every_number_is_small_whatever_a_supplier_says(
    total: int, amount: float, month: int | None, stops: int, minutes: int | None
) -> None:
    about = Circumstances(
        month=month,
        budget=Budget(amount=amount),
        home=GeoPoint(latitude=-38.0, longitude=170.0),
    )
    items = [a_flight(total, stops=stops, minutes=minutes), a_flight(1), a_room(total), LISBON]
    for vector in features_of(items, about, places={"LIS": LISBON}):
        assert len(vector) == len(FEATURES)
        assert all(-3.0 <= one <= 3.0 for one in vector)


def test_of_nothing_everything_is_unknown() -> None:
    assert sum(unknown()) == sum(name.endswith(".unknown") for name in FEATURES)
