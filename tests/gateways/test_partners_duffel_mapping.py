"""Duffel's JSON and ours, without a network."""

import json
from typing import Any

import msgspec
import pytest
from duffel_samples import NOW, QUERY, VERBATIM, offer
from msgspec import Raw, structs

from gateways.partners.duffel_client import DuffelSettings
from gateways.partners.duffel_offers import MAX_TOKEN_BYTES, minutes, offer_request, supplier_offer
from protocol.frames import Money
from protocol.travel import FlightDetails, SupplierOffer


def mapped(**changes: object) -> SupplierOffer:
    return supplier_offer(Raw(json.dumps(offer(**changes)).encode()), NOW)


def test_an_offer_is_for_the_whole_party_and_keeps_the_suppliers_bytes() -> None:
    found = supplier_offer(Raw(VERBATIM), NOW)
    assert bytes(found.token) == VERBATIM
    assert found.total == Money(amount=41_206, currency="EUR")
    assert (found.supplier, found.fetched_at, found.can_hold) == ("duffel", NOW, True)
    assert found.expires_at == NOW + 30 * 60_000 + 120


def test_its_flights_are_in_order_with_the_marketing_carriers_numbers() -> None:
    details = supplier_offer(Raw(VERBATIM), NOW).details
    assert isinstance(details, FlightDetails)
    (way,) = details.itineraries
    assert way.minutes == 310
    assert [(one.carrier, one.number, one.cabin) for one in way.segments] == [
        ("ZZ", "0482", "economy"),
        ("Charter Nine", "9", "business"),
    ]
    assert (way.segments[0].origin, way.segments[1].destination) == ("LIS", "NCE")
    assert way.segments[0].departs == "2027-06-14T08:10:00"
    assert way.segments[0].fare_class == "OXZ0RO"


def test_bags_are_what_everybody_with_a_seat_has_on_every_flight() -> None:
    details = supplier_offer(Raw(VERBATIM), NOW).details
    assert isinstance(details, FlightDetails)
    assert (details.checked_bags, details.is_refundable, details.seats) == (1, True, None)


@pytest.mark.parametrize(
    ("conditions", "refundable"),
    [
        (None, None),
        ({}, None),
        ({"refund_before_departure": None}, None),
        ({"refund_before_departure": {"allowed": None}}, None),
        ({"refund_before_departure": {"allowed": False}}, False),
    ],
)
def test_money_back_is_known_or_not(conditions: object, refundable: bool | None) -> None:
    details = mapped(conditions=conditions).details
    assert isinstance(details, FlightDetails)
    assert details.is_refundable is refundable


def test_what_must_be_paid_at_once_or_says_nothing_cannot_be_held() -> None:
    assert not mapped(payment_requirements={"requires_instant_payment": True}).can_hold
    assert not mapped(payment_requirements=None).can_hold


@pytest.mark.parametrize(
    ("amount", "currency", "units"), [("52000", "JPY", 52_000), ("41.125", "KWD", 41_125)]
)
def test_amounts_follow_their_currency(amount: str, currency: str, units: int) -> None:
    total = mapped(total_amount=amount, total_currency=currency).total
    assert total == Money(amount=units, currency=currency)


@pytest.mark.parametrize(
    "changes",
    [
        {"total_amount": "1.005"},
        {"total_amount": 412.06},
        {"total_currency": "eur"},
        {"id": "../orders/ord_1"},
        {"expires_at": "2027-05-11T02:16:40"},
        {"slices": []},
        {"slices": [{"duration": None, "segments": []}]},
        {"passengers": []},
        {"padding": "x" * MAX_TOKEN_BYTES},
    ],
)
def test_an_offer_that_is_not_whole_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"."):
        mapped(**changes)


@pytest.mark.parametrize("end", ["departing_at", "arriving_at"])
@pytest.mark.parametrize(
    "time", ["2027-02-31T08:10:00", "2027-06-14T24:10:00", "0000-06-14T08:10:00"]
)
def test_a_flight_at_a_time_that_no_clock_shows_is_refused(end: str, time: str) -> None:
    """Whoever holds it against a calendar would break."""
    slices: list[dict[str, Any]] = offer()["slices"]
    slices[0]["segments"][1][end] = time
    with pytest.raises(ValueError, match=time):
        mapped(slices=slices)


def test_what_is_made_of_an_offer_is_valid_where_it_is_kept_token_and_all() -> None:
    found = supplier_offer(Raw(VERBATIM), NOW)
    kept = msgspec.json.decode(msgspec.json.encode(found), type=SupplierOffer)
    assert (kept, bytes(kept.token)) == (found, VERBATIM)


@pytest.mark.parametrize(
    ("duration", "expected"),
    [("PT02H26M", 146), ("PT45M", 45), ("P1DT2H5M", 1_565), ("P2D", 2_880), ("PT1H30M20S", 90)]
    + [(text, None) for text in (None, "", "P", "PT", "2h", "PT1.5H", "P1Y")],
)
def test_durations_are_minutes_or_not_known(duration: str | None, expected: int | None) -> None:
    assert minutes(duration) == expected


def test_a_search_names_every_traveller_children_by_age() -> None:
    assert json.loads(offer_request(QUERY)) == {
        "data": {
            "slices": [{"origin": "LIS", "destination": "NCE", "departure_date": "2027-06-14"}],
            "passengers": [{"type": "adult"}, {"type": "adult"}, {"age": 8}, {"age": 1}],
            "cabin_class": "economy",
        }
    }


def test_a_return_is_a_second_slice() -> None:
    both = json.loads(offer_request(structs.replace(QUERY, return_on="2027-06-20")))
    assert both["data"]["slices"][1] == {
        "origin": "NCE",
        "destination": "LIS",
        "departure_date": "2027-06-20",
    }


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({"mode": "live", "key": "k"}, "CARAVAN_DUFFEL_URL"),
        ({"mode": "live", "url": "https://api.duffel.com"}, "CARAVAN_DUFFEL_KEY"),
        ({"mode": "live", "url": "http://api.duffel.com", "key": "k"}, "https"),
        ({"mode": "sandbox"}, "sandbox's address"),
        ({"mode": "sandbox", "url": "http://127.0.0.1:1", "key": "k"}, "CARAVAN_DUFFEL_KEY"),
        ({"url": "http://127.0.0.1:1", "webhook_secrets": ("k",)}, "CARAVAN_DUFFEL_WEBHOOK_SECRET"),
        ({"url": "http://127.0.0.1:1", "most_offers": 201}, "most_offers"),
    ],
)
def test_settings_that_cannot_be_used_are_refused_by_name(
    settings: dict[str, object], names: str
) -> None:
    with pytest.raises(ValueError, match=names) as refused:
        DuffelSettings(**settings)  # type: ignore[arg-type]
    assert "'k'" not in str(refused.value)


def test_a_key_is_in_no_repr() -> None:
    url, hooks = "https://api.duffel.com", ("hook_secret",)
    settings = DuffelSettings(mode="live", url=url, key="duffel_live_secret", webhook_secrets=hooks)
    assert "secret" not in repr(settings)
