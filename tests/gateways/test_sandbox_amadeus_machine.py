"""The sandbox's Amadeus as a machine: what it sells, takes back, and lets go by itself."""

import json
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from sandbox_stage import Stage, code_of

from gateways.sandbox.stock import SEATS

AGREEMENT = {"option": "DELAY_TO_CANCEL", "delay": "2D"}
ORDERS = "/v1/booking/flight-orders"


def seats_sold(stage: Stage) -> dict[str, int]:
    return {key: value["sold"] for key, value in stage.records.scan(SEATS)}


def created(stage: Stage, **members: Any) -> dict[str, Any]:
    offer = stage.offers(stage.today + timedelta(days=60), max=1)[0]
    answer = stage.order([offer], **members)
    assert answer.status == 201, answer.body
    return dict(json.loads(answer.body)["data"])


def test_seats_are_taken_by_an_order_and_come_back_by_its_deletion() -> None:
    stage = Stage()
    day = stage.today + timedelta(days=60)
    offer = stage.offers(day, adults=2, children=1, infants=1, max=1)[0]
    order = json.loads(stage.order([offer]).body)["data"]
    assert list(seats_sold(stage).values()) == [3]
    assert stage.ask("DELETE", f"{ORDERS}/{order['id']}").status == 204
    assert seats_sold(stage) == {}
    assert stage.ask("DELETE", f"{ORDERS}/{order['id']}").status == 404
    assert seats_sold(stage) == {}


def test_what_is_sold_out_is_neither_found_nor_sold() -> None:
    stage = Stage()
    day = stage.today + timedelta(days=60)
    offer = stage.offers(day, max=1)[0]
    answers = [stage.order([offer]).status for _ in range(45)]
    assert answers == sorted(answers)
    assert set(answers) == {201, 400}
    assert code_of(stage.order([offer])) == 34651
    number = offer["itineraries"][0]["segments"][0]["number"]
    letter = offer["travelerPricings"][0]["fareDetailsBySegment"][0]["class"]
    for each in stage.offers(day):
        same = each["itineraries"][0]["segments"][0]["number"] == number
        classes = each["travelerPricings"][0]["fareDetailsBySegment"]
        assert not (same and classes[0]["class"] == letter)


def test_an_unissued_order_goes_at_midnight_of_its_day() -> None:
    stage = Stage()
    order = created(stage, ticketingAgreement=AGREEMENT)
    assert order["ticketingAgreement"]["dateTime"] == str(stage.today + timedelta(days=2))
    stage.advance(timedelta(days=1, hours=23, minutes=58))
    assert stage.ask("GET", f"{ORDERS}/{order['id']}").status == 200
    stage.advance(timedelta(minutes=2))
    assert stage.ask("GET", f"{ORDERS}/{order['id']}").status == 404
    assert seats_sold(stage) == {}


def test_a_cancelled_order_can_be_shown_where_that_is_switched_on() -> None:
    stage = Stage()
    order = created(stage)
    stage.ask("DELETE", f"{ORDERS}/{order['id']}")
    stage.control("POST", "amadeus/options", {"cancelledOrders": 200})
    shown = stage.get(f"{ORDERS}/{order['id']}")["data"]
    segments = shown["flightOffers"][0]["itineraries"][0]["segments"]
    assert {each["bookingStatus"] for each in segments} == {"CANCELLED"}


def test_a_ticketed_order_stays_and_cannot_be_deleted() -> None:
    stage = Stage()
    order = created(stage, ticketingAgreement=AGREEMENT)
    locator = order["associatedRecords"][0]["reference"]
    issued = [
        json.loads(stage.control("POST", f"orders/{n}/issue").body) for n in (locator, order["id"])
    ]
    assert issued[0] == issued[1]
    stage.advance(timedelta(days=10))
    tickets = stage.get(f"{ORDERS}/{order['id']}")["data"]["tickets"]
    assert [each["documentStatus"] for each in tickets] == ["ISSUED"]
    assert code_of(stage.ask("DELETE", f"{ORDERS}/{order['id']}")) == 4926
    assert len(seats_sold(stage)) == 1


def test_rules_cancel_move_and_hide_orders() -> None:
    stage = Stage()
    order = created(stage, ticketingAgreement=AGREEMENT)
    before = order["flightOffers"][0]["itineraries"][0]["segments"][0]["departure"]["at"]
    stage.rule({"type": "schedule_change", "minutes": 60}, method="GET")
    for _ in range(2):
        shown = stage.get(f"{ORDERS}/{order['id']}")["data"]
        after = shown["flightOffers"][0]["itineraries"][0]["segments"][0]["departure"]["at"]
        assert after > before
    locator = order["associatedRecords"][0]["reference"]
    stage.rule({"type": "pnr_autocancel_now", "locator": locator})
    assert stage.ask("GET", f"{ORDERS}/{order['id']}").status == 404


def test_a_refused_order_changes_nothing() -> None:
    stage = Stage()
    offer = stage.offers(stage.today + timedelta(days=60), max=1)[0]
    before = seats_sold(stage)
    wrong: list[dict[str, Any]] = [
        {"travelers": []},
        {"ticketingAgreement": {"option": "NEVER"}},
        {"ticketingAgreement": {"option": "DELAY_TO_CANCEL", "delay": "soon"}},
        {"remarks": {"general": [{"subType": "SONG", "text": "la"}]}},
        {"contacts": [{"phones": [{"number": "+33"}]}]},
        {"flightOffers": [{}]},
        {"flightOffers": [offer] * 7},
        {"type": "hotel-order"},
    ]
    for members in wrong:
        assert stage.order([offer], **members).status == 400, members
    assert seats_sold(stage) == before
    assert json.loads(stage.control("GET", "pnrs").body)["data"] == []


def test_prices_that_moved_are_refused_and_priced_anew() -> None:
    stage = Stage()
    day = stage.today + timedelta(days=61)
    offer = stage.offers(day, max=1)[0]
    stage.rule({"type": "price_drift", "percent": 12}, times=None)
    assert code_of(stage.order([offer])) == 37200
    body = {"data": {"type": "flight-offers-pricing", "flightOffers": [offer]}}
    answer = stage.ask("POST", "/v1/shopping/flight-offers/pricing", body=body)
    priced = json.loads(answer.body)["data"]["flightOffers"][0]
    assert priced["price"]["grandTotal"] > offer["price"]["grandTotal"]
    assert priced["itineraries"] == offer["itineraries"]
    assert stage.order([priced]).status == 201


def test_members_that_nobody_knows_come_back() -> None:
    stage = Stage()
    offer = {**stage.offers(stage.today + timedelta(days=60), max=1)[0], "ourNote": "kept"}
    body = {"data": {"type": "flight-offers-pricing", "flightOffers": [offer]}}
    answer = stage.ask("POST", "/v1/shopping/flight-offers/pricing", body=body)
    assert json.loads(answer.body)["data"]["flightOffers"][0]["ourNote"] == "kept"


@pytest.mark.parametrize("currency", ["EUR", "USD", "JPY", "JOD"])
def test_totals_are_the_sum_of_their_parts(currency: str) -> None:
    stage = Stage()
    day = stage.today + timedelta(days=60)
    offers = stage.offers(day, adults=2, children=1, infants=1, currencyCode=currency)
    for offer in offers:
        parts = sum(float(each["price"]["total"]) for each in offer["travelerPricings"])
        assert float(offer["price"]["grandTotal"]) == pytest.approx(parts)


def test_a_second_is_a_window_that_slides() -> None:
    stage = Stage()
    token = stage.token()
    path = "/v1/reference-data/locations"

    def status() -> int:
        return stage.perform(
            "GET", path, token=token, keyword="PAR", subType="CITY"
        ).response.status

    assert [status() for _ in range(12)] == [200] * 10 + [429] * 2
    stage.wall += 999
    assert status() == 429
    stage.wall += 1
    assert status() == 200


def test_a_token_lives_by_the_wall_and_not_by_the_business_clock() -> None:
    stage = Stage()
    token = stage.token()
    path = "/v1/reference-data/locations"
    stage.advance(timedelta(days=30))
    query = {"keyword": "PAR", "subType": "CITY"}
    assert stage.perform("GET", path, token=token, **query).response.status == 200
    stage.wall += 1_799_000
    assert code_of(stage.perform("GET", path, token=token, **query).response) == 38192


class Desk(RuleBasedStateMachine):
    """Travellers, a consolidator and time, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.stage = Stage()
        self.day: date = self.stage.today + timedelta(days=40)
        self.offer = self.stage.offers(self.day, adults=3, max=1)[0]
        self.live: dict[str, int] = {}
        self.ticketed: set[str] = set()

    @rule(days=st.integers(1, 3))
    def book(self, days: int) -> None:
        agreement = {"option": "DELAY_TO_CANCEL", "delay": f"{days}D"}
        answer = self.stage.order([self._today()], ticketingAgreement=agreement)
        if answer.status == 201:
            order = json.loads(answer.body)["data"]
            self.live[order["id"]] = days
        else:
            assert code_of(answer) in (34651, 4926)

    @rule(choice=st.integers(0, 99))
    def delete(self, choice: int) -> None:
        if self.live:
            name = sorted(self.live)[choice % len(self.live)]
            status = self.stage.ask("DELETE", f"{ORDERS}/{name}").status
            assert status == (400 if name in self.ticketed else 204)
            if status == 204:
                del self.live[name]

    @rule(choice=st.integers(0, 99))
    def issue(self, choice: int) -> None:
        if self.live:
            name = sorted(self.live)[choice % len(self.live)]
            assert self.stage.control("POST", f"orders/{name}/issue").status == 200
            self.ticketed.add(name)

    @rule()
    def a_day_later(self) -> None:
        self.stage.advance(timedelta(days=1))
        self.stage.get("/v1/reference-data/locations", keyword="PAR", subType="CITY")
        later = {name: days - 1 for name, days in self.live.items()}
        self.live = {
            name: days for name, days in later.items() if days > 0 or name in self.ticketed
        }

    @invariant()
    def what_is_sold_is_what_is_live_and_no_more_than_there_is(self) -> None:
        sold = seats_sold(self.stage)
        assert sum(sold.values()) == 3 * len(self.live)
        for key, number in sold.items():
            carrier_number, airports, day, letter = key.split(".")
            flight = self.stage.world.flight(
                carrier_number[:2],
                carrier_number[2:],
                airports[:3],
                airports[3:],
                date.fromisoformat(day),
            )
            assert flight is not None
            assert 0 < number <= self.stage.world.capacity(flight, letter)

    def _today(self) -> dict[str, Any]:
        body = {"data": {"type": "flight-offers-pricing", "flightOffers": [self.offer]}}
        answer = self.stage.ask("POST", "/v1/shopping/flight-offers/pricing", body=body)
        if answer.status != 200:
            return self.offer | {"price": {**self.offer["price"], "margin": "100"}}
        return dict(json.loads(answer.body)["data"]["flightOffers"][0])


Desk.TestCase.settings = settings(max_examples=12, stateful_step_count=20, deadline=None)
TestDesk = Desk.TestCase
