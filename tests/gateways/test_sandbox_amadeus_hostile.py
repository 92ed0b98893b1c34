"""Whatever is posted, the machine answers in its own shape; and what it refuses changes nothing."""

import copy
import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sandbox_stage import Stage

from gateways.sandbox.amadeus import ROUTES

ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.sampled_from(["", "9999-12-31", "0001-01-01", "1e9999", "NaN", "-1", "A" * 300, "\x00é"]),
    st.just([]),
    st.just({}),
    st.just([None]),
    st.just([{"id": []}]),
)
STAGE = Stage()
OFFER = STAGE.offers(
    STAGE.today + timedelta(days=60),
    adults=2,
    infants=1,
    returnDate=STAGE.today + timedelta(days=64),
    max=1,
)[0]


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every member of every object and list."""
    pairs: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        pairs = list(value.items())
    if isinstance(value, list):
        pairs = list(enumerate(value))
    return [(*at, key) for key, _ in pairs] + [
        place for key, each in pairs for place in places(each, (*at, key))
    ]


def spoiled(body: Any, place: tuple[Any, ...], value: Any) -> Any:
    body = copy.deepcopy(body)
    parent = body
    for key in place[:-1]:
        parent = parent[key]
    parent[place[-1]] = value
    return body


ORDER = {
    "data": {
        "type": "flight-order",
        "flightOffers": [{**OFFER, "price": {**OFFER["price"], "margin": "1"}}],
        "travelers": [
            {
                "id": str(n),
                "dateOfBirth": "2026-02-03" if n == 3 else "1990-02-03",
                "gender": "FEMALE",
                "name": {"firstName": "ANA", "lastName": "TEST"},
                "contact": {"emailAddress": "a@example.test", "phones": [{"number": "6"}]},
                "documents": [{"documentType": "PASSPORT", "expiryDate": "2031-01-01"}],
            }
            for n in (1, 2, 3)
        ],
        "remarks": {"general": [{"subType": "INVOICE", "text": "x"}]},
        "ticketingAgreement": {"option": "DELAY_TO_CANCEL", "delay": "2D"},
        "contacts": [{"purpose": "STANDARD", "emailAddress": "a@example.test"}],
    }
}
SEARCH = {
    "currencyCode": "EUR",
    "originDestinations": [
        {
            "id": "1",
            "originLocationCode": "PAR",
            "destinationLocationCode": "NCE",
            "departureDateTimeRange": {
                "date": str(STAGE.today + timedelta(days=9)),
                "time": "08:00:00",
                "timeWindow": "6H",
                "dateWindow": "P1D",
            },
        }
    ],
    "travelers": [
        {"id": "1", "travelerType": "ADULT"},
        {"id": "2", "travelerType": "HELD_INFANT", "associatedAdultId": "1"},
    ],
    "sources": ["GDS"],
    "searchCriteria": {
        "maxFlightOffers": 2,
        "maxPrice": 900,
        "flightFilters": {
            "carrierRestrictions": {"excludedCarrierCodes": ["ZZ"]},
            "cabinRestrictions": [{"cabin": "ECONOMY", "originDestinationIds": ["1"]}],
            "connectionRestriction": {"maxNumberOfConnections": 1},
        },
    },
}
STAY = {
    "data": {
        "type": "hotel-order",
        "guests": [{"tid": 1, "firstName": "ANA", "lastName": "TEST"}],
        "travelAgent": {"contact": {"email": "a@example.test"}},
        "roomAssociations": [{"guestReferences": [{"guestReference": "1"}], "hotelOfferId": "ABC"}],
        "payment": {
            "method": "CREDIT_CARD",
            "paymentCard": {
                "paymentCardInfo": {
                    "vendorCode": "VI",
                    "cardNumber": "4111111111111111",
                    "expiryDate": "2099-08",
                }
            },
        },
    }
}
BODIES = {
    "/v1/booking/flight-orders": ORDER,
    "/v2/shopping/flight-offers": SEARCH,
    "/v1/shopping/flight-offers/pricing": {
        "data": {"type": "flight-offers-pricing", "flightOffers": [OFFER]}
    },
    "/v1/shopping/seatmaps": {"data": [OFFER]},
    "/v2/booking/hotel-orders": STAY,
}


@pytest.mark.parametrize("path", sorted(BODIES))
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_a_spoiled_body_is_answered_in_amadeus_words(path: str, data: st.DataObject) -> None:
    body = BODIES[path]
    place = data.draw(st.sampled_from(places(body)))
    stage = Stage()
    answer = stage.ask("POST", path, body=spoiled(body, place, data.draw(ODD)))
    assert answer.status in (200, 201, 400)
    assert answer.content_type == "application/vnd.amadeus+json"
    if answer.status == 400:
        for error in json.loads(answer.body)["errors"]:
            assert {"status", "code", "title", "detail"} <= set(error)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff", b'"x"'])
@pytest.mark.parametrize("path", sorted(BODIES))
def test_what_is_no_object_is_refused(path: str, body: bytes) -> None:
    assert STAGE.ask("POST", path, body=body).status == 400


NAMES = [
    "originLocationCode",
    "destinationLocationCode",
    "departureDate",
    "returnDate",
    "adults",
    "origin",
    "destination",
    "duration",
    "keyword",
    "subType",
    "page[offset]",
    "latitude",
    "longitude",
    "radius",
    "cityCode",
    "cityCodes",
    "hotelIds",
    "checkInDate",
    "checkOutDate",
    "priceRange",
    "currency",
    "maxPrice",
    "flightOrderId",
]
VALUES = [
    "",
    "PAR",
    "NCE",
    "1",
    "0",
    "-1",
    "9" * 30,
    "2027-05-01",
    "2027-02-30",
    "1,2",
    "é%\x00",
    "NaN",
]


@settings(max_examples=80, deadline=None)
@given(
    path=st.sampled_from([path for method, path in ROUTES if method == "GET"]),
    query=st.dictionaries(st.sampled_from(NAMES), st.sampled_from(VALUES)),
)
def test_any_query_is_answered_in_amadeus_words(path: str, query: dict[str, str]) -> None:
    answer = STAGE.ask("GET", path, **query)
    assert answer.status in (200, 400, 404)
    assert answer.content_type == "application/vnd.amadeus+json"
