"""The sandbox's Duffel as a pure machine: searches, offers, orders, and its words for what is wrong."""

import json
import re
from decimal import Decimal
from typing import Any

import pytest
from duffel_world import HEADERS, WALL, DuffelWorld, balance, order, payload, search, traveller
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw

from gateways.partners.duffel_offers import supplier_offer
from gateways.sandbox.duffel import DuffelMachine
from gateways.sandbox.duffel_search import MOST_SLICES
from gateways.sandbox.faults import (
    PnrAutocancelNow,
    PriceDrift,
    SellOut,
    TicketRefuse,
    TokenExpire,
    TokenRevoke,
)
from protocol.travel import FlightDetails


@pytest.fixture
def duffel() -> DuffelWorld:
    return DuffelWorld()


# Searches.


def test_a_search_has_offers_that_our_adapter_can_read(duffel: DuffelWorld) -> None:
    found = duffel.search()
    assert len(found["offers"]) > 10
    for each in found["offers"]:
        offer = supplier_offer(Raw(json.dumps(each).encode()), WALL)
        assert isinstance(offer.details, FlightDetails)
        (way,) = offer.details.itineraries
        assert way.segments[0].departs.startswith("2027-06-14T")
        assert way.segments[-1].destination == "NCE"
        assert offer.can_hold


def test_totals_are_sums_for_the_whole_party(duffel: DuffelWorld) -> None:
    party = [{"type": "adult"}, {"age": 8}, {"age": 1}]
    alone = duffel.search(passengers=[{"type": "adult"}])["offers"]
    family = {flights(each): each for each in duffel.search(passengers=party)["offers"]}
    for one in alone:
        many = family.get(flights(one))
        if many is not None:
            total = Decimal(many["total_amount"])
            assert total == Decimal(many["base_amount"]) + Decimal(many["tax_amount"])
            assert Decimal(one["total_amount"]) < total < 3 * Decimal(one["total_amount"])
    assert family


def flights(offer: dict[str, Any]) -> tuple[str, ...]:
    return tuple(
        f"{segment['departing_at']}{segment['passengers'][0]['fare_basis_code']}"
        for way in offer["slices"]
        for segment in way["segments"]
    )


def test_ages_become_what_airlines_call_them(duffel: DuffelWorld) -> None:
    party = [{"type": "adult"}, {"age": 14}, {"age": 11}, {"age": 1}]
    kinds = [each["type"] for each in duffel.search(passengers=party)["passengers"]]
    assert kinds == ["adult", "adult", "child", "infant_without_seat"]


def test_a_return_has_two_slices_in_order(duffel: DuffelWorld) -> None:
    both = [
        {"origin": "PAR", "destination": "NCE", "departure_date": "2027-06-14"},
        {"origin": "NCE", "destination": "PAR", "departure_date": "2027-06-14"},
    ]
    found = duffel.search(slices=both)["offers"]
    assert found
    for each in found:
        out, back = each["slices"]
        assert out["segments"][-1]["arriving_at"] < back["segments"][0]["departing_at"]


@pytest.mark.parametrize("cabin", ["economy", "business"])
def test_a_cabin_is_kept_to(duffel: DuffelWorld, cabin: str) -> None:
    found = duffel.search(cabin_class=cabin)["offers"]
    assert {
        segment["passengers"][0]["cabin_class"]
        for each in found
        for way in each["slices"]
        for segment in way["segments"]
    } == {cabin}


def test_no_connections_means_one_flight_a_slice(duffel: DuffelWorld) -> None:
    found = duffel.search(max_connections=0)["offers"]
    assert {len(way["segments"]) for each in found for way in each["slices"]} == {1}


def test_where_nobody_flies_the_answer_is_empty(duffel: DuffelWorld) -> None:
    nowhere = [{"origin": "PAR", "destination": "PAR", "departure_date": "2027-06-14"}]
    assert duffel.search(slices=nowhere)["offers"] == []


def test_the_longest_search_is_bounded(duffel: DuffelWorld) -> None:
    there = {"origin": "PAR", "destination": "LON"}
    back = {"origin": "LON", "destination": "PAR"}
    days = [f"2027-06-{10 + index}" for index in range(MOST_SLICES)]
    ways = [{**(back if i % 2 else there), "departure_date": day} for i, day in enumerate(days)]
    assert 0 < len(duffel.search(slices=ways)["offers"]) < 1_000


def test_the_same_seed_and_requests_give_the_same_bytes() -> None:
    first, second = DuffelWorld(), DuffelWorld()
    for each in (first, second):
        each.search()
    body = search(passengers=[{"age": 30}])
    assert first.send("POST", "/air/offer_requests", body) == second.send(
        "POST", "/air/offer_requests", body
    )


def test_without_its_offers_a_search_is_small_and_they_are_listed(duffel: DuffelWorld) -> None:
    made = duffel.ask("POST", "/air/offer_requests", search(), return_offers="false")
    assert "offers" not in made
    response = duffel.send(
        "GET", "/air/offers", offer_request_id=made["id"], sort="total_amount", limit="5"
    )
    totals = [Decimal(each["total_amount"]) for each in payload(response)["data"]]
    assert totals == sorted(totals)
    assert len(totals) == 5


def test_pages_together_are_the_whole_list_once(duffel: DuffelWorld) -> None:
    made = duffel.search()
    seen: list[str] = []
    query = {"offer_request_id": made["id"], "sort": "-total_duration", "limit": "7"}
    cursor: dict[str, str] = {}
    while True:
        page = payload(duffel.send("GET", "/air/offers", **query, **cursor))
        seen += [each["id"] for each in page["data"]]
        if page["meta"]["after"] is None:
            break
        cursor = {"after": page["meta"]["after"]}
    assert sorted(seen) == sorted(each["id"] for each in made["offers"])


def test_a_search_can_be_read_again_and_is_forgotten_after_a_day(duffel: DuffelWorld) -> None:
    made = duffel.search()
    assert duffel.ask("GET", f"/air/offer_requests/{made['id']}") == made
    duffel.advance(24 * 60 + 31)
    path = f"/air/offer_requests/{made['id']}"
    assert duffel.refused("GET", path) == (404, "not_found")


@pytest.mark.parametrize(
    ("changes", "code", "pointer"),
    [
        ({"slices": None}, "validation_required", "/slices"),
        ({"slices": []}, "validation_length", "/slices"),
        ({"slices": ["PAR"]}, "validation_type", "/slices/0"),
        ({"passengers": None}, "validation_required", "/passengers"),
        ({"passengers": [{}]}, "validation_required", "/passengers/0/type"),
        ({"passengers": [{"type": "cat"}]}, "validation_inclusion", "/passengers/0/type"),
        (
            {"passengers": [{"type": "child", "age": 8}]},
            "validation_inclusion",
            "/passengers/0/type",
        ),
        ({"passengers": [{"type": "adult"}] * 10}, "validation_length", "/passengers"),
        ({"passengers": [{"age": 1}]}, "validation_inclusion", "/passengers"),
        ({"cabin_class": "hold"}, "validation_inclusion", "/cabin_class"),
        ({"max_connections": 3}, "validation_inclusion", "/max_connections"),
    ],
)
def test_what_is_wrong_with_a_search_is_said_where(
    duffel: DuffelWorld, changes: dict[str, Any], code: str, pointer: str
) -> None:
    response = duffel.send("POST", "/air/offer_requests", search(**changes))
    (fault,) = payload(response)["errors"]
    assert (response.status, fault["code"], fault["source"]["pointer"]) == (422, code, pointer)
    assert fault["type"] == "validation_error"


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("origin", "par", "validation_format"),
        ("destination", None, "validation_required"),
        ("destination", "QQQ", "validation_inclusion"),
        ("departure_date", "2027-05-10", "validation_format"),
        ("departure_date", "2027-02-30", "validation_format"),
        ("departure_date", "2029-01-01", "validation_format"),
    ],
)
def test_a_slice_is_a_place_another_place_and_a_day_to_come(
    duffel: DuffelWorld, field: str, value: str | None, code: str
) -> None:
    (way,) = search()["slices"]
    found = duffel.send("POST", "/air/offer_requests", search(slices=[{**way, field: value}]))
    (fault,) = payload(found)["errors"]
    assert (fault["code"], fault["source"]) == (
        code,
        {"field": field, "pointer": f"/slices/0/{field}"},
    )


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"},
        {"limit": "201"},
        {"limit": "9" * 5_000},
        {"limit": "٣"},
        {"sort": "price"},
        {"after": "orq_other.1"},
    ],
)
def test_a_list_is_asked_for_within_bounds(duffel: DuffelWorld, query: dict[str, str]) -> None:
    made = duffel.search()
    status, code = duffel.refused("GET", "/air/offers", offer_request_id=made["id"], **query)
    assert (status, code[:10]) == (422, "validation")


# Offers.


def test_an_offer_is_the_same_when_it_is_asked_for_again(duffel: DuffelWorld) -> None:
    for each in duffel.search()["offers"][:5]:
        assert duffel.ask("GET", f"/air/offers/{each['id']}") == each


def test_an_offer_lives_half_an_hour_of_business_time(duffel: DuffelWorld) -> None:
    path = f"/air/offers/{duffel.search()['offers'][0]['id']}"
    duffel.advance(29.9)
    duffel.ask("GET", path)
    duffel.advance(0.2)
    assert duffel.refused("GET", path) == (422, "offer_expired")


def test_prices_drift_and_seats_run_out_by_rule(duffel: DuffelWorld) -> None:
    before = duffel.search()["offers"][0]
    path = f"/air/offers/{before['id']}"
    after = duffel.ask("GET", path, faults=(PriceDrift(percent=10),))
    assert Decimal(after["base_amount"]) > Decimal(before["base_amount"])
    gone = (422, "offer_no_longer_available")
    assert duffel.refused("GET", path, faults=(SellOut(),)) == gone


@pytest.mark.parametrize(
    "offer_id", ["off_x", "off_1_1", "orq_1", "off_", "off__9999999999", f"off_1_{'9' * 5_000}"]
)
def test_an_offer_that_never_was_is_not_found(duffel: DuffelWorld, offer_id: str) -> None:
    assert duffel.refused("GET", f"/air/offers/{offer_id}") == (404, "not_found")


def test_a_number_past_the_last_offer_is_not_found(duffel: DuffelWorld) -> None:
    known = duffel.search()["offers"][0]["id"].rpartition("_")[0]
    assert duffel.refused("GET", f"/air/offers/{known}_99999") == (404, "not_found")
    assert duffel.refused("GET", f"/air/offers/{known}_01") == (404, "not_found")


# What every request needs.


@pytest.mark.parametrize(
    ("header", "value", "refusal"),
    [
        ("authorization", None, (401, "missing_authorization_header")),
        ("authorization", "Basic x", (401, "invalid_authorization_header")),
        ("authorization", "Bearer ", (401, "invalid_authorization_header")),
        ("authorization", "Bearer duffel_live_x", (401, "access_token_not_found")),
        ("duffel-version", None, (400, "missing_version_header")),
        ("duffel-version", "v1", (400, "unsupported_version")),
        ("duffel-version", "7", (400, "invalid_version_header")),
        ("accept", "text/html", (406, "unsupported_format")),
        ("content-type", None, (400, "missing_content_type_header")),
        ("content-type", "text/plain", (400, "invalid_content_type_header")),
    ],
)
def test_headers_are_asked_for(
    duffel: DuffelWorld, header: str, value: str | None, refusal: tuple[int, str]
) -> None:
    headers = {name: text for name, text in HEADERS.items() if name != header}
    if value is not None:
        headers[header] = value
    assert duffel.refused("POST", "/air/offer_requests", search(), headers=headers) == refusal


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", "malformed_data_param"),
        (b"\xff\xfe", "malformed_data_param"),
        (b"[]", "missing_data_param"),
        (b"{}", "missing_data_param"),
        (b'{"data":[]}', "invalid_data_param"),
    ],
)
def test_a_body_is_an_object_under_data(duffel: DuffelWorld, body: bytes, code: str) -> None:
    assert duffel.refused("POST", "/air/offer_requests", body=body) == (400, code)


def test_an_error_is_said_with_every_documented_key(duffel: DuffelWorld) -> None:
    response = duffel.send("GET", "/air/nothing")
    found = payload(response)
    assert found["meta"]["status"] == response.status == 404
    assert dict(response.headers)["x-request-id"] == found["meta"]["request_id"]
    (fault,) = found["errors"]
    assert fault.keys() == {"type", "title", "message", "documentation_url", "code"}


def test_too_many_requests_of_a_minute_are_refused_until_its_end() -> None:
    duffel = DuffelWorld(machine=DuffelMachine(searches_per_minute=2))
    for _ in range(2):
        duffel.search()
    response = duffel.send("POST", "/air/offer_requests", search())
    headers = dict(response.headers)
    assert response.status == 429
    assert (headers["ratelimit-limit"], headers["ratelimit-remaining"]) == ("2", "0")
    assert headers["ratelimit-reset"] == "Tue, 11 May 2027 01:47:00 GMT"
    duffel.wall += 20_000
    duffel.search()


def test_a_token_is_revoked_or_expires_by_rule(duffel: DuffelWorld) -> None:
    for fault in (TokenRevoke(), TokenExpire()):
        refusal = duffel.refused("GET", "/air/orders", faults=(fault,))
        assert refusal == (401, "expired_access_token")


def test_answers_are_gzipped_for_those_who_accept_it(duffel: DuffelWorld) -> None:
    plain = duffel.send("GET", "/air/orders")
    small = duffel.send("GET", "/air/orders", headers={**HEADERS, "accept-encoding": "gzip"})
    assert payload(small) == payload(plain)
    assert ("content-encoding", "gzip") in small.headers


@pytest.mark.parametrize("status", [400, 401, 403, 404, 406, 422, 429, 500, 502, 503, 504])
def test_a_rule_can_make_it_say_any_documented_status(duffel: DuffelWorld, status: int) -> None:
    response = duffel.machine.refusal(status, None)
    assert payload(response)["meta"]["status"] == response.status == status


# Orders.


def test_a_held_order_waits_for_its_payment_with_its_seats_taken(duffel: DuffelWorld) -> None:
    made = duffel.search()
    held = duffel.hold(made["offers"][0])
    assert held["payment_status"]["awaiting_payment"]
    assert held["payment_status"]["payment_required_by"] == "2027-05-14T01:46:40.000Z"
    assert (held["documents"], held["metadata"]) == ([], {"reference": "saga-1"})
    assert re.fullmatch(r"[A-Z2-9]{6}", held["booking_reference"])
    assert duffel.ask("GET", f"/air/orders/{held['id']}") == held
    again = order(made["offers"][1])
    refusal = duffel.refused("POST", "/air/orders", again)
    assert refusal == (422, "offer_request_already_booked")


def test_seats_run_out_and_come_back(duffel: DuffelWorld) -> None:
    made = duffel.search(passengers=[{"type": "adult"}] * 5)
    offer = made["offers"][0]
    taken = []
    while True:
        again = duffel.search(passengers=[{"type": "adult"}] * 5)
        same = [each for each in again["offers"] if flights(each) == flights(offer)]
        if not same:
            break
        people = [
            traveller(each, given_name=f"A{i}") for i, each in enumerate(same[0]["passengers"])
        ]
        taken.append(duffel.hold(same[0], passengers=people))
    assert taken
    path = f"/air/offers/{offer['id']}"
    assert duffel.refused("GET", path) == (422, "offer_no_longer_available")
    cancel(duffel, taken[0])
    duffel.ask("GET", path)


def cancel(duffel: DuffelWorld, held: dict[str, Any]) -> dict[str, Any]:
    quote = duffel.ask("POST", "/air/order_cancellations", {"order_id": held["id"]})
    return dict(duffel.ask("POST", f"/air/order_cancellations/{quote['id']}/actions/confirm"))


def test_paying_a_held_order_gives_its_tickets(duffel: DuffelWorld) -> None:
    held = duffel.hold(duffel.search()["offers"][0])
    body = {"order_id": held["id"], "payment": balance(held)}
    paid = duffel.ask("POST", "/air/payments", body)
    assert (paid["amount"], paid["status"]) == (held["total_amount"], "succeeded")
    now = duffel.ask("GET", f"/air/orders/{held['id']}")
    assert now["payment_status"]["paid_at"] is not None
    assert len({each["unique_identifier"] for each in now["documents"]}) == 2
    assert duffel.refused("POST", "/air/payments", body) == (422, "already_paid")


def test_another_amount_or_currency_pays_nothing(duffel: DuffelWorld) -> None:
    held = duffel.hold(duffel.search()["offers"][0])
    for change, code in (
        ({"amount": "1.00"}, "payment_amount_does_not_match_order_amount"),
        ({"currency": "GBP"}, "payment_currency_does_not_match_order_currency"),
        ({"amount": "x"}, "validation_format"),
        ({"type": "card"}, "validation_inclusion"),
    ):
        body = {"order_id": held["id"], "payment": {**balance(held), **change}}
        assert duffel.refused("POST", "/air/payments", body) == (422, code)
    assert duffel.ask("GET", f"/air/orders/{held['id']}") == held


def test_a_hold_that_nobody_pays_lets_its_seats_go(duffel: DuffelWorld) -> None:
    offer = duffel.search()["offers"][0]
    held = duffel.hold(offer)
    duffel.advance(72 * 60)
    now = duffel.ask("GET", f"/air/orders/{held['id']}")
    assert (now["payment_status"]["awaiting_payment"], now["cancelled_at"]) == (False, None)
    body = {"order_id": held["id"], "payment": balance(held)}
    refusal = duffel.refused("POST", "/air/payments", body)
    assert refusal == (422, "past_payment_required_by_date")
    quote = duffel.refused("POST", "/air/order_cancellations", {"order_id": held["id"]})
    assert quote == (422, "order_not_cancellable")
    assert not [key for key, _ in duffel.records.scan("world.seats")]


def test_a_rule_lets_holds_go_at_once(duffel: DuffelWorld) -> None:
    held = duffel.hold(duffel.search()["offers"][0])
    other = PnrAutocancelNow(locator="XXXXXX")
    assert duffel.ask("GET", f"/air/orders/{held['id']}", faults=(other,)) == held
    now = duffel.ask("GET", f"/air/orders/{held['id']}", faults=(PnrAutocancelNow(),))
    assert not now["payment_status"]["awaiting_payment"]


def test_an_instant_order_is_paid_and_ticketed_or_is_not_made(duffel: DuffelWorld) -> None:
    offer = duffel.search()["offers"][0]
    body = order(offer, type="instant", payments=[balance(offer)])
    refusal = duffel.refused("POST", "/air/orders", body, faults=(TicketRefuse(),))
    assert refusal == (422, "order_not_created")
    assert duffel.ask("GET", "/air/orders") == []
    made = duffel.ask("POST", "/air/orders", body)
    assert (made["payment_status"]["awaiting_payment"], len(made["documents"])) == (False, 2)


def test_cancelling_takes_two_steps_and_says_what_comes_back(duffel: DuffelWorld) -> None:
    held = duffel.hold(duffel.search()["offers"][0])
    quote = duffel.ask("POST", "/air/order_cancellations", {"order_id": held["id"]})
    assert (quote["refund_amount"], quote["refund_to"]) == ("0.00", "awaiting_payment")
    assert duffel.ask("GET", f"/air/orders/{held['id']}")["cancelled_at"] is None
    path = f"/air/order_cancellations/{quote['id']}"
    done = duffel.ask("POST", f"{path}/actions/confirm")
    assert done["confirmed_at"] is not None
    assert duffel.ask("GET", path) == done
    assert duffel.ask("GET", f"/air/orders/{held['id']}")["cancelled_at"] is not None
    assert duffel.refused("POST", f"{path}/actions/confirm") == (422, "already_cancelled")


def test_a_paid_order_gives_back_what_its_fare_allows(duffel: DuffelWorld) -> None:
    refunds = {}
    for is_refundable in (True, False):
        offer = next(
            each
            for each in duffel.search()["offers"]
            if each["conditions"]["refund_before_departure"]["allowed"] is is_refundable
        )
        paid = duffel.hold(offer, type="instant", payments=[balance(offer)])
        refunds[is_refundable] = cancel(duffel, paid)["refund_amount"]
        if is_refundable:
            expected = Decimal(offer["total_amount"]) - Decimal("40.00")
            assert Decimal(refunds[True]) == expected
    assert refunds[False] == "0.00"


def test_a_quote_is_good_for_an_hour(duffel: DuffelWorld) -> None:
    held = duffel.hold(duffel.search()["offers"][0])
    quote = duffel.ask("POST", "/air/order_cancellations", {"order_id": held["id"]})
    duffel.advance(60)
    path = f"/air/order_cancellations/{quote['id']}/actions/confirm"
    assert duffel.refused("POST", path) == (422, "order_cancellation_expired")


def test_orders_are_found_by_what_the_airline_calls_them(duffel: DuffelWorld) -> None:
    first, second = (duffel.hold(duffel.search()["offers"][0]) for _ in range(2))
    assert duffel.ask("GET", "/air/orders") == [second, first]
    one = duffel.ask("GET", "/air/orders", booking_reference=first["booking_reference"])
    assert one == [first]
    assert duffel.ask("GET", "/air/orders", awaiting_payment="false") == []
    assert len(duffel.ask("GET", "/air/orders", limit="1")) == 1


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"type": "later"}, "/type"),
        ({"type": "instant"}, "/payments"),
        ({"passengers": []}, "/passengers"),
        ({"metadata": {"n": 7}}, "/metadata"),
        ({"metadata": {str(n): "" for n in range(51)}}, "/metadata"),
        ({"selected_offers": []}, "/selected_offers"),
    ],
)
def test_an_order_that_is_not_whole_is_refused(
    duffel: DuffelWorld, changes: dict[str, Any], pointer: str
) -> None:
    offer = duffel.search()["offers"][0]
    response = duffel.send("POST", "/air/orders", order(offer, **changes))
    assert payload(response)["errors"][0]["source"]["pointer"] == pointer
    assert duffel.ask("GET", "/air/orders") == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("given_name", ""),
        ("born_on", "2021-01-01"),
        ("born_on", "1990-02-30"),
        ("gender", "x"),
        ("title", "king"),
        ("phone_number", "0600"),
        ("email", None),
    ],
)
def test_a_passenger_must_be_who_was_searched_for(
    duffel: DuffelWorld, field: str, value: object
) -> None:
    offer = duffel.search()["offers"][0]
    first, *rest = (traveller(each) for each in offer["passengers"])
    body = order(offer, passengers=[{**first, field: value}, *rest])
    (fault,) = payload(duffel.send("POST", "/air/orders", body))["errors"]
    assert fault["source"]["pointer"] == f"/passengers/0/{field}"


def test_an_infant_sits_with_an_adult(duffel: DuffelWorld) -> None:
    offer = duffel.search(passengers=[{"type": "adult"}, {"age": 1}])["offers"][0]
    adult, infant = offer["passengers"]
    alone = order(offer, passengers=[traveller(adult), traveller(infant, born_on="2026-01-01")])
    assert duffel.refused("POST", "/air/orders", alone) == (422, "validation_inclusion")
    together = [
        traveller(adult, infant_passenger_id=infant["id"]),
        traveller(infant, born_on="2026-01-01"),
    ]
    assert duffel.hold(offer, passengers=together)["passengers"][0]["infant_passenger_id"]


# Whatever a client sends.

SHARED = DuffelWorld()
_HELD = SHARED.hold(SHARED.search()["offers"][0])
GOOD: dict[str, Any] = {
    "offer_requests": search(),
    "orders": order(SHARED.search()["offers"][0]),
    "payments": {"order_id": _HELD["id"], "payment": balance(_HELD)},
    "order_cancellations": {"order_id": _HELD["id"]},
}

WORDS = st.sampled_from(
    [
        "slices",
        "passengers",
        "origin",
        "destination",
        "departure_date",
        "type",
        "age",
        "id",
        "selected_offers",
        "payments",
        "payment",
        "order_id",
        "metadata",
        "born_on",
        "title",
    ]
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(["PAR", "NCE", "2027-06-14", "adult", "hold", "instant", "balance"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=6),
    max_leaves=12,
)
PATHS = ["offer_requests", "orders", "payments", "order_cancellations"]


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(PATHS), st.data())
def test_whatever_is_posted_is_answered_in_duffels_words(path: str, data: st.DataObject) -> None:
    mutated = {**GOOD[path], **data.draw(st.dictionaries(st.sampled_from([*GOOD[path]]), VALUES))}
    response = SHARED.send("POST", f"/air/{path}", mutated)
    assert response.status in (201, 400, 404, 422)
    assert {"data"} == payload(response).keys() or payload(response)["errors"][0]["code"]


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_whatever_a_passenger_is_said_to_be_is_answered(data: st.DataObject) -> None:
    first, *rest = GOOD["orders"]["passengers"]
    changed = {**first, **data.draw(st.dictionaries(st.sampled_from([*first]), VALUES))}
    body = {**GOOD["orders"], "passengers": [changed, *rest]}
    assert SHARED.send("POST", "/air/orders", body).status in (201, 422)


def test_a_list_of_orders_goes_on_after_a_cursor_however_many_are_made_meanwhile(
    duffel: DuffelWorld,
) -> None:
    made = [duffel.hold(duffel.search()["offers"][0])["id"] for _ in range(3)]
    first = payload(duffel.send("GET", "/air/orders", limit="2"))
    assert [each["id"] for each in first["data"]] == [made[2], made[1]]
    duffel.hold(duffel.search()["offers"][0])
    rest = payload(duffel.send("GET", "/air/orders", limit="2", after=first["meta"]["after"]))
    assert ([each["id"] for each in rest["data"]], rest["meta"]["after"]) == ([made[0]], None)
    assert duffel.refused("GET", "/air/orders", after="ord_x") == (422, "validation_format")
