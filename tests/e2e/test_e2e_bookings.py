"""A trip for two, end to end: a served search, a quote, two shares, a declined card, tickets; over real
sockets and HTTP, to the sandbox that the server itself began."""

import json
import os
import subprocess
import sys
from typing import Any

import httpx
import pytest
import trio
from http_client import Caller, refusal
from raw_client import Frame, Person, RawClient, Stage, newcomers, uuid7
from server_process import ROOT, ServerProcess

FLIGHT = {"kind": "flight", "from": "LIS", "to": "BER", "start": "2027-06-11", "adults": 2}
VISA, BAD = "pm_card_visa", "pm_card_visa_chargeDeclined"
NAMES = {"givenName": "Ada", "familyName": "Byron", "bornOn": "1990-05-14", "gender": "female"}


@pytest.fixture(scope="module")
def people(protocol_server: ServerProcess) -> dict[str, Person]:
    return newcomers(protocol_server.http)


@pytest.fixture
def by_ada(protocol_server: ServerProcess, people: dict[str, Person]) -> Caller:
    return Caller(protocol_server.http, people["ada"])


def offer_of(caller: Caller, supplier: str, **query: Any) -> str:
    """One that can be held."""
    answer = caller.get("offers", **(FLIGHT | query)).json()
    cards = [one for one in answer["items"] if one["supplier"] == supplier and one["canHold"]]
    return str(cards[0]["offerId"])


async def quote(client: RawClient, room: Frame, offer_id: str) -> Frame:
    asked = {"offerIds": [offer_id], "roomId": room["id"], "adults": 2}
    answer = await client.answer(await client.send("booking.quote", **asked))
    if answer["type"] == "error":
        assert answer["code"] == "price_changed", answer
        answer = answer["quote"]
    return answer


async def opened(ada: RawClient, bob: RawClient, room: Frame, offer_id: str) -> Frame:
    found = await quote(ada, room, offer_id)
    made = await ada.ask(
        "booking.create",
        quoteId=found["quoteId"],
        participants=[ada.id, bob.id],
        travellers=[
            {"id": "1", "payerId": ada.id, "type": "adult"},
            {"id": "2", "payerId": bob.id, "type": "adult"},
        ],
        split="equal",
        clientId=uuid7(),
    )
    booking: Frame = made["booking"]
    assert booking["total"] == found["total"]
    assert booking["status"] == "collecting"
    return booking


async def updated(client: RawClient, booking: Frame, status: str) -> Frame:
    """The first unread update of that status."""
    return await client.find(
        lambda frame: (
            frame["type"] == "booking.update"
            and frame["bookingId"] == booking["bookingId"]
            and frame["status"] == status
        )
    )


async def approves(client: RawClient, booking: Frame, method: str) -> None:
    await client.ask(
        "booking.approve",
        bookingId=booking["bookingId"],
        paymentMethod=method,
        clientId=uuid7(),
    )


@pytest.mark.parametrize("supplier", ["amadeus", "duffel"])
async def test_two_people_book_a_flight(
    supplier: str,
    protocol_server: ServerProcess,
    stage: Stage,
    ada: RawClient,
    bob: RawClient,
    by_ada: Caller,
) -> None:
    day = {"amadeus": "2027-06-11", "duffel": "2027-06-12"}[supplier]
    offer_id = await trio.to_thread.run_sync(lambda: offer_of(by_ada, supplier, start=day))
    room = await stage.room(ada, bob)
    booking = await opened(ada, bob, room, offer_id)
    for client, seat in ((ada, "1"), (bob, "2")):
        told = {"email": f"{seat}@caravan.test", "phone": "+49 30 123456", **NAMES}
        await client.ask(
            "booking.traveller", bookingId=booking["bookingId"], travellerId=seat, **told
        )
    await approves(bob, booking, BAD)
    declined = await bob.find(
        lambda frame: (
            frame["type"] == "booking.update"
            and "declined" in [one["state"] for one in frame["participants"]]
        )
    )
    assert declined["note"]
    await approves(ada, booking, VISA)
    await approves(bob, booking, VISA)
    with trio.fail_after(60):
        booked = await patient(ada, booking, "booked")
    assert {one["state"] for one in booked["participants"]} == {"captured"}
    read = await bob.ask("booking.get", bookingId=booking["bookingId"])
    assert read["booking"]["version"] >= booked["version"]
    timeline = by_ada.get(f"bookings/{booking['bookingId']}/timeline").json()["items"]
    assert [one["version"] for one in timeline] == list(range(1, len(timeline) + 1))
    assert all(one["note"] for one in timeline)
    last = await bob.find(
        lambda frame: "cards" in frame and frame["cards"][0]["status"] == "booked"
    )
    assert last["sender"]["kind"] == "system"
    cards = [frame["cards"][0] for frame in bob.seen("chat.message") if "cards" in frame]
    assert {(card["kind"], card["id"]) for card in cards} == {("booking", booking["bookingId"])}
    statuses = [card["status"] for card in cards]
    assert statuses == list(dict.fromkeys(statuses))
    listed = by_ada.get("bookings").json()["items"]
    assert listed[0]["bookingId"] == booking["bookingId"]
    if supplier == "duffel":
        await is_told_what_an_airline_moves(protocol_server, booking)


async def is_told_what_an_airline_moves(server: ServerProcess, booking: Frame) -> None:
    note = json.loads((server.data_dir / "sandbox.db").with_suffix(".json").read_text())
    url, taken = f"{note['control']}/_sandbox", "supplier_webhooks_taken "
    async with httpx.AsyncClient(base_url=url, trust_env=False) as played:

        async def told() -> int:
            lines = (await played.get(f"{server.http}/metrics")).text.splitlines()
            return int(next(each for each in lines if each.startswith(taken)).split()[1])

        before = await told()
        orders = (await played.get("/duffel/orders")).json()["data"]
        (order,) = (each for each in orders if booking["bookingId"] in str(each["metadata"]))
        moved = await played.post(f"/orders/{order['id']}/change")
        assert moved.is_success, moved.text
        with trio.fail_after(10):
            while await told() == before:
                await trio.sleep(0.05)


async def patient(client: RawClient, booking: Frame, status: str) -> Frame:
    """As `updated`, however long nothing else is heard."""
    while True:
        try:
            return await updated(client, booking, status)
        except trio.TooSlowError:
            continue


async def test_the_same_over_http_and_to_strangers_there_is_nothing(
    protocol_server: ServerProcess, people: dict[str, Person], by_ada: Caller
) -> None:
    offer_id = await trio.to_thread.run_sync(lambda: offer_of(by_ada, "duffel", start="2027-06-13"))
    asked = by_ada.post("quotes", {"offerIds": [offer_id], "adults": 2})
    found = asked.json() if asked.status_code == 200 else asked.json()["quote"]
    body = {
        "quoteId": found["quoteId"],
        "participants": [people["ada"].id],
        "travellers": [
            {"id": str(n), "payerId": people["ada"].id, "type": "adult"} for n in (1, 2)
        ],
    }
    made = by_ada.post("bookings", body, Idempotency_Key="the-same-key-" + uuid7())
    assert made.status_code == 202, made.text
    booking_id = made.json()["booking"]["bookingId"]
    one = f"bookings/{booking_id}"
    assert by_ada.get(one).json()["booking"]["status"] == "collecting"
    card = by_ada.post(f"{one}/approve", {"paymentMethod": "4242424242424242"})
    assert card.json()["errors"][0]["field"] == "paymentMethod"
    by_bob = Caller(protocol_server.http, people["bob"])
    for path in (one, f"{one}/timeline"):
        refusal(by_bob.get(path), 404, "not_found")
    for word, sent in (
        ("approve", {"paymentMethod": VISA}),
        ("decline", {}),
        ("decide", {"questionId": "q", "optionId": "o"}),
        ("cancel", {}),
    ):
        refusal(by_bob.post(f"{one}/{word}", sent), 404, "not_found")
    cancelled = by_ada.post(f"{one}/cancel", {})
    assert cancelled.status_code == 202
    refusal(by_ada.get("admin/bookings"), 403, "forbidden")


def saga(server: ServerProcess, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """`main.py saga …` beside the running server."""
    kept = {name: value for name, value in os.environ.items() if "CARAVAN" not in name}
    kept.pop("DATABASE_URL", None)
    return subprocess.run(
        [sys.executable, "main.py", "saga", *arguments],
        cwd=ROOT,
        env=kept | {"CARAVAN_DATA_DIR": str(server.data_dir)},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


async def test_an_operator_looks_at_a_booking_and_calls_it_off_from_a_terminal(
    protocol_server: ServerProcess, stage: Stage, ada: RawClient, bob: RawClient, by_ada: Caller
) -> None:
    offer_id = await trio.to_thread.run_sync(lambda: offer_of(by_ada, "duffel", start="2027-06-14"))
    booking = await opened(ada, bob, await stage.room(ada, bob), offer_id)
    await approves(ada, booking, VISA)
    await ada.find(
        lambda frame: (
            frame["type"] == "booking.update"
            and "authorized" in [one["state"] for one in frame["participants"]]
        )
    )
    listed = await trio.to_thread.run_sync(saga, protocol_server, "list")
    assert (listed.returncode, listed.stderr) == (0, "")
    shown = await trio.to_thread.run_sync(saga, protocol_server, "show", booking["bookingId"])
    assert shown.returncode == 0, shown.stderr
    for word in ("COLLECTING", "open_payment", "authorise"):
        assert word in shown.stdout
    assert "clientSecret" not in shown.stdout
    left = await trio.to_thread.run_sync(saga, protocol_server, "compensate", booking["bookingId"])
    assert left.returncode == 0, left.stderr
    with trio.fail_after(30):
        cancelled = await patient(ada, booking, "cancelled")
    assert {one["state"] for one in cancelled["participants"]} <= {"voided", "invited"}
