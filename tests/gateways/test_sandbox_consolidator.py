"""The sandbox's consolidator as a machine: its words, its bounds, its queue."""

import json
from datetime import timedelta
from typing import Any

import pytest
from sandbox_stage import Stage

from gateways.sandbox.consolidator import ConsolidatorMachine

Json = dict[str, Any]


class Desk:
    """The consolidator beside an Amadeus whose orders it has."""

    def __init__(self) -> None:
        self.amadeus = Stage()
        self.desk = Stage(machine=ConsolidatorMachine())
        self.desk.records, self.desk.volatile = self.amadeus.records, self.amadeus.volatile

    def ordered(self, remark: str) -> Json:
        offers = self.amadeus.offers(self.amadeus.today + timedelta(days=40))[:1]
        remarks = {"general": [{"subType": "GENERAL_MISCELLANEOUS", "text": remark}]}
        agreement = {"option": "DELAY_TO_CANCEL", "delay": "2D"}
        made = self.amadeus.order(offers, remarks=remarks, ticketingAgreement=agreement)
        assert made.status == 201, made.body
        return dict(json.loads(made.body)["data"])

    def ask(self, method: str, path: str, body: Any = None, **query: Any) -> tuple[int, Json]:
        done = self.desk.perform(method, path, body=body, token="key", **query)
        return done.response.status, dict(json.loads(done.response.body))

    def queue(self, **query: Any) -> Json:
        status, found = self.ask("GET", "/v1/records", **query)
        assert status == 200, found
        return found


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_record_says_what_the_order_says(desk: Desk) -> None:
    order = desk.ordered("SAGA 1")
    (record,) = desk.queue()["data"]
    assert record["orderId"] == order["id"]
    assert record["locator"] == order["associatedRecords"][0]["reference"]
    assert (record["status"], record["remarks"][0], record["tickets"]) == ("live", "SAGA 1", [])
    assert record["price"]["total"] == order["flightOffers"][0]["price"]["grandTotal"]
    assert record["cancelsAt"].startswith(order["ticketingAgreement"]["dateTime"])


def test_pages_are_as_long_as_asked_and_none_claims_what_is_on_the_next(desk: Desk) -> None:
    for number in range(3):
        desk.ordered(f"SAGA {number}")
        desk.amadeus.wall += 60_000
        desk.desk.wall = desk.amadeus.wall
    first = desk.queue(limit=2)
    assert [each["remarks"][0] for each in first["data"]] == ["SAGA 0", "SAGA 1"]
    last = desk.queue(limit=2, since=first["meta"]["next"])
    (third,) = last["data"]
    assert first["meta"]["completeUntil"] == third["createdAt"] < last["meta"]["completeUntil"]
    assert desk.queue(since=last["meta"]["next"])["data"] == []


def test_what_nobody_issued_in_time_is_gone_from_it_too(desk: Desk) -> None:
    order = desk.ordered("SAGA 1")
    desk.desk.advance(timedelta(days=3))
    (record,) = desk.queue()["data"]
    assert (record["status"], record["cancelsAt"]) == ("cancelled", None)
    posted = {"orderId": order["id"], "reference": "SAGA 1"}
    status, said = desk.ask("POST", "/v1/releases", posted)
    assert (status, said["error"]["code"]) == (409, "cancelled")


def test_a_refusal_to_ticket_passes(desk: Desk) -> None:
    posted = {"orderId": desk.ordered("SAGA 1")["id"], "reference": "SAGA 1"}
    desk.desk.rule({"type": "ticket_refuse", "reason": "NO"})
    status, said = desk.ask("POST", "/v1/releases", posted)
    assert (status, said["error"]) == (409, {"code": "ticketing_refused", "message": "NO"})
    status, said = desk.ask("POST", "/v1/releases", posted)
    assert (status, said["data"]["status"]) == (200, "ticketed")
    desk.desk.rule({"type": "ticket_refuse"})
    assert desk.ask("POST", "/v1/releases", posted) == (200, said)


@pytest.mark.parametrize(
    ("method", "path", "body", "query", "said"),
    [
        ("POST", "/v1/releases", None, {}, (400, "invalid")),
        ("POST", "/v1/releases", b"{", {}, (400, "invalid")),
        ("POST", "/v1/releases", {"orderId": "x"}, {}, (400, "invalid")),
        ("POST", "/v1/releases", {"orderId": 1, "reference": "x"}, {}, (400, "invalid")),
        ("POST", "/v1/releases", {"orderId": "x", "reference": "x"}, {}, (404, "not_found")),
        ("GET", "/v1/records", None, {"since": "-1"}, (400, "invalid")),
        ("GET", "/v1/records", None, {"limit": "many"}, (400, "invalid")),
        ("GET", "/v1/other", None, {}, (404, "not_found")),
        ("DELETE", "/v1/records", None, {}, (404, "not_found")),
    ],
)
def test_what_it_does_not_understand_it_refuses(
    desk: Desk, method: str, path: str, body: Any, query: Json, said: tuple[int, str]
) -> None:
    status, answer = desk.ask(method, path, body, **query)
    assert (status, answer["error"]["code"]) == said


@pytest.mark.parametrize("token", [None, "", "wrong"])
def test_without_a_key_it_says_nothing(desk: Desk, token: str | None) -> None:
    done = desk.desk.perform("GET", "/v1/records", token=token)
    assert done.response.status == 401
