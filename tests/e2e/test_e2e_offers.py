"""Offers end to end: a served search over real HTTP to the sandbox that the server itself began."""

import json
import os
import signal
from typing import Any

import httpx
import pytest
import trio
from http_client import Caller, refusal
from raw_client import Person
from server_process import ServerProcess

from commands.wire_travel import AGAIN_AFTER

FLIGHT = {"kind": "flight", "from": "LIS", "to": "ROM", "start": "2027-06-01", "adults": 2}
UNKNOWN = "00000000-0000-7000-8000-000000000000"


@pytest.fixture
def by_ada(protocol_server: ServerProcess, people: dict[str, Person]) -> Caller:
    return Caller(protocol_server.http, people["ada"])


def sandbox_of(server: ServerProcess) -> dict[str, Any]:
    """What the sandbox said when it was ready."""
    said: dict[str, Any] = json.loads((server.data_dir / "sandbox.json").read_text())
    return said


def steer(server: ServerProcess, method: str, path: str, body: object = None) -> Any:
    url = f"{sandbox_of(server)['control']}/_sandbox/{path}"
    answer = httpx.request(method, url, json=body, trust_env=False)
    assert answer.is_success, answer.text
    return answer.json()


def found(caller: Caller, **query: Any) -> dict[str, Any]:
    answer = caller.get("offers", **(FLIGHT | query))
    assert answer.status_code == 200, answer.text
    said: dict[str, Any] = answer.json()
    return said


def states(answer: dict[str, Any]) -> dict[str, str]:
    return {one["name"]: one["state"] for one in answer["suppliers"]}


def test_flights_and_rooms_are_found_and_priced_again(by_ada: Caller) -> None:
    answer = found(by_ada)
    assert states(answer) == {"amadeus": "answered", "duffel": "answered"}
    assert not answer["partial"]
    prices = [card["price"]["amount"] for card in answer["items"]]
    assert prices == sorted(prices)
    assert {card["supplier"] for card in answer["items"]} == {"amadeus", "duffel"}
    for supplier in ("amadeus", "duffel"):
        card = next(card for card in answer["items"] if card["supplier"] == supplier)
        assert card["details"]["itineraries"][0]["segments"][0]["origin"] == "LIS"
        priced = by_ada.post(f"offers/{card['offerId']}/price", {}).json()
        assert priced["offer"]["offerId"] == card["offerId"]
        assert priced["changed"] == (priced["offer"]["price"] != card["price"])
        assert priced["previous"] == (card["price"] if priced["changed"] else None)
    rooms = by_ada.get("offers", kind="hotel", place="PAR", start="2027-06-01", end="2027-06-04")
    assert {card["kind"] for card in rooms.json()["items"]} == {"hotel.offer"}
    refusal(by_ada.post(f"offers/{UNKNOWN}/price", {}), 404, "not_found")


def test_an_offer_that_expired_is_searched_again(
    protocol_server: ServerProcess, by_ada: Caller
) -> None:
    card = found(by_ada, start="2027-06-09")["items"][0]
    steer(protocol_server, "POST", "clock", {"advanceMs": 3_600_000})
    priced = by_ada.post(f"offers/{card['offerId']}/price", {})
    assert priced.status_code == 200, priced.text
    assert priced.json()["offer"]["details"] == card["details"]


def test_one_supplier_hangs_or_resets_and_the_search_answers(
    protocol_server: ServerProcess, by_ada: Caller
) -> None:
    found(by_ada)
    bad = {"amadeus": "hang_before_effect", "duffel": "reset_before"}
    rules = {
        api: {"match": {"api": api}, "action": {"type": action}, "times": None}
        for api, action in bad.items()
    }
    try:
        steer(protocol_server, "POST", "rules", rules["amadeus"])
        answer = found(by_ada, start="2027-06-02")
        assert states(answer) == {"amadeus": "late", "duffel": "answered"}
        assert answer["partial"]
        assert {card["supplier"] for card in answer["items"]} == {"duffel"}
        steer(protocol_server, "DELETE", "rules")
        steer(protocol_server, "POST", "rules", rules["duffel"])
        answer = found(by_ada, start="2027-06-03")
        assert states(answer) == {"amadeus": "answered", "duffel": "failed"}
        assert {card["supplier"] for card in answer["items"]} == {"amadeus"}
    finally:
        steer(protocol_server, "DELETE", "rules")
    fired = {entry["action"] for entry in steer(protocol_server, "GET", "journal")["data"]}
    assert fired >= set(bad.values())


async def test_a_sandbox_that_is_killed_comes_back(
    protocol_server: ServerProcess, by_ada: Caller
) -> None:
    found(by_ada)
    before = sandbox_of(protocol_server)["pid"]
    os.kill(before, signal.SIGKILL)
    with trio.fail_after(AGAIN_AFTER + 40):
        while not await trio.to_thread.run_sync(is_answered, by_ada):
            await trio.sleep(0.1)
    assert sandbox_of(protocol_server)["pid"] != before


def is_answered(caller: Caller) -> bool:
    """Whether both suppliers answer a search that nobody made while they did before."""
    answer = caller.get("offers", **(FLIGHT | {"start": "2027-06-04"}))
    said = answer.json()
    return answer.status_code == 200 and set(states(said).values()) == {"answered"}
