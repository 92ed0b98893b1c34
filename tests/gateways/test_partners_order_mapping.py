"""Suppliers' orders as ours: flights, changes and refunds, also where a supplier says less than it should."""

import json
from typing import Any

import pytest
from amadeus_samples import FLIGHT
from duffel_samples import offer

from gateways.partners import amadeus_orders, duffel_orders
from gateways.partners.duffel_orders import confirmed_refund, order_state
from protocol.frames import Money
from protocol.travel import OrderState

EUR_100 = Money(amount=10_000, currency="EUR")
NOTHING = Money(amount=0, currency="EUR")


def duffel(**changes: Any) -> OrderState:
    order = {
        "id": "ord_1",
        "type": "instant",
        "total_amount": "412.06",
        "total_currency": "EUR",
        "payment_status": {"awaiting_payment": False, "paid_at": "2027-05-11T01:46:40Z"},
        "documents": [{"type": "electronic_ticket", "unique_identifier": "1", "passenger_ids": []}],
        "passengers": [],
        "slices": offer()["slices"],
        **changes,
    }
    return order_state(json.dumps({"data": order}).encode())


def change(id_: str = "aic_1", at: str = "2027-05-12T00:00:00Z", **changes: Any) -> dict[str, Any]:
    return {
        "id": id_,
        "action_taken": None,
        "available_actions": ["accept", "cancel"],
        "created_at": at,
        "travel_agent_ticket": None,
        **changes,
    }


def refund(amount: str | None, to: str = "balance", **changes: Any) -> dict[str, Any]:
    return {
        "order_id": "ord_1",
        "confirmed_at": "2027-05-12T00:00:00Z",
        "refund_amount": amount,
        "refund_currency": None if amount is None else "EUR",
        "refund_to": to,
        **changes,
    }


def test_an_order_of_duffels_flies_as_its_offer() -> None:
    (way,) = duffel().itineraries
    assert way.minutes == 310
    assert [(one.number, one.departs) for one in way.segments] == [
        ("0482", "2027-06-14T08:10:00"),
        ("9", "2027-06-14T12:20:00"),
    ]


IMPOSSIBLE: list[dict[str, Any]] = offer()["slices"]
IMPOSSIBLE[0]["segments"][0]["departing_at"] = "2027-02-31T08:10:00"


@pytest.mark.parametrize(
    "slices", [None, [], [{"segments": []}], [{"segments": [{}]}], "soon", IMPOSSIBLE]
)
def test_flights_that_cannot_be_read_keep_nobody_from_reading_the_order(slices: Any) -> None:
    order = duffel(slices=slices)
    assert (order.order_id, order.itineraries) == ("ord_1", ())


@pytest.mark.parametrize(
    ("changes", "waits"),
    [
        (None, None),
        ([], None),
        ([change()], "aic_1"),
        ([change(action_taken="accepted")], None),
        ([change(available_actions=["update"])], None),
        ([change(travel_agent_ticket={"id": "tat_1"})], None),
        ([change("aic_2", "2027-05-13T00:00:00Z"), change()], "aic_2"),
        ([change(), change("aic_2", "2027-05-13T00:00:00Z", action_taken="changed")], None),
        ([change(created_at=None)], "aic_1"),
    ],
)
def test_a_change_waits_if_it_is_the_latest_and_nobody_acted_on_it(
    changes: Any, waits: str | None
) -> None:
    assert duffel(airline_initiated_changes=changes).change_id == waits


@pytest.mark.parametrize(
    ("said", "returned"),
    [
        (None, None),
        (refund("100.00"), EUR_100),
        (refund("100.00", confirmed_at=None), None),
        (refund(None), None),
        (refund("100.00", "voucher"), NOTHING),
        (refund("0.00", "awaiting_payment"), NOTHING),
    ],
)
def test_what_came_back_is_money_that_was_confirmed(said: Any, returned: Money | None) -> None:
    gone = duffel(
        cancelled_at="2027-05-12T00:00:00Z",
        cancellation=said,
        airline_initiated_changes=[change()],
    )
    assert (gone.status, gone.returned) == ("cancelled", returned)
    assert (gone.itineraries, gone.change_id) == ((), None)
    assert duffel(cancellation=said).returned is None


def test_of_many_cancellations_the_orders_confirmed_one_counts() -> None:
    several = [
        refund("1.00", order_id="ord_2"),
        refund("2.00", confirmed_at=None),
        refund("100.00", confirmed_at="2027-05-13T00:00:00Z"),
        refund("3.00"),
    ]
    answer = json.dumps({"data": several}).encode()
    assert confirmed_refund(answer, "ord_1") == EUR_100
    assert confirmed_refund(b'{"data":[]}', "ord_1") is None


def amadeus(*statuses: str, **changes: Any) -> OrderState:
    """An order of as many flights, a day apart."""
    flight = json.loads(FLIGHT)
    (segment,) = flight["itineraries"][0]["segments"]
    ways = [{"segments": [{**segment, "bookingStatus": status}]} for status in statuses]
    order = {"id": "eJz1", "flightOffers": [{**flight, "itineraries": ways, **changes}]}
    return amadeus_orders.order_state(json.dumps({"data": order}).encode())


def test_an_order_of_amadeus_flies_as_its_offer() -> None:
    (way,) = amadeus("CONFIRMED").itineraries
    (one,) = way.segments
    assert (one.carrier, one.number, one.origin, one.departs) == (
        "YY",
        "4821",
        "ORY",
        "2027-05-14T08:10:00",
    )
    assert (one.cabin, one.fare_class) == ("economy", "Q")


def test_a_flight_that_was_cancelled_is_not_flown_and_the_others_are() -> None:
    order = amadeus("CONFIRMED", "CANCELLED")
    assert (order.status, len(order.itineraries)) == ("pending", 1)
    gone = amadeus("CANCELLED", "DENIED")
    assert (gone.status, gone.itineraries) == ("cancelled", ())


def test_flights_of_amadeus_that_cannot_be_read_keep_nobody_from_reading_the_order() -> None:
    ways = [{"segments": [{"bookingStatus": "CONFIRMED", "departure": "tomorrow"}]}]
    order = amadeus(itineraries=ways)
    assert (order.status, order.itineraries) == ("held", ())
    ways = json.loads(FLIGHT)["itineraries"]
    ways[0]["segments"][0]["departure"]["at"] = "2027-02-31T08:10:00"
    order = amadeus(itineraries=ways)
    assert (order.order_id, order.itineraries) == ("eJz1", ())


def test_only_what_was_given_out_stands_in_a_path() -> None:
    assert not any(map(duffel_orders.is_order_id, ["", "../x", "aic_1", "ord_1\n"]))
