"""Eleven travel: no supplier books so many at once, and they fly on two orders or not at all."""

from typing import Any

import pytest
import trio
from http_client import Caller
from raw_client import Frame, Person, RawClient, Stage, newcomers, uuid7
from server_process import ServerProcess
from test_e2e_bookings import FLIGHT, NAMES, VISA, approves

ELEVEN = 11
DAYS = {"amadeus": "2027-06-21", "duffel": "2027-06-22"}


@pytest.fixture(scope="module")
def people(protocol_server: ServerProcess) -> dict[str, Person]:
    return newcomers(protocol_server.http)


@pytest.fixture
def by_ada(protocol_server: ServerProcess, people: dict[str, Person]) -> Caller:
    return Caller(protocol_server.http, people["ada"])


async def quoted(client: RawClient, room: Frame, supplier: str, card: Frame) -> Frame | None:
    """Where this supplier is the cheapest for all of them, and says nothing of too few seats."""
    # Amadeus counts to nine; Duffel does not count, and has seats enough in its dearest class.
    details = card["details"]
    has_enough = details.get("seats") == 9 or details.get("isRefundable")
    if card["supplier"] != supplier or not has_enough:
        return None
    asked = {"offerIds": [card["offerId"]], "roomId": room["id"], "adults": ELEVEN}
    answer = await client.answer(await client.send("booking.quote", **asked))
    answer = answer.get("quote", answer)
    theirs = {one["supplier"] for one in answer.get("items", ())} == {supplier}
    return answer if theirs else None


async def ended(ada: RawClient, bob: RawClient, quote: Frame) -> Frame:
    """The booking of a quote, when it is booked or cancelled."""
    made = await ada.ask(
        "booking.create",
        quoteId=quote["quoteId"],
        participants=[ada.id, bob.id],
        travellers=[
            {"id": f"t{n}", "payerId": (ada.id, bob.id)[n % 2], "type": "adult"}
            for n in range(ELEVEN)
        ],
        split="equal",
        clientId=uuid7(),
    )
    booking: Frame = made["booking"]
    for n in range(ELEVEN):
        told = {"email": f"{n}@caravan.test", "phone": "+49 30 123456", **NAMES}
        await ada.ask(
            "booking.traveller", bookingId=booking["bookingId"], travellerId=f"t{n}", **told
        )
    for client in (ada, bob):
        await approves(client, booking, VISA)
    return await ada.find(
        lambda frame: (
            frame["type"] == "booking.update"
            and frame["bookingId"] == booking["bookingId"]
            and frame["status"] in ("booked", "cancelled")
        )
    )


@pytest.mark.parametrize("supplier", DAYS)
async def test_eleven_people_fly_on_two_orders(
    supplier: str, stage: Stage, ada: RawClient, bob: RawClient, by_ada: Caller
) -> None:
    """What has nine seats left may have no eleven: then nobody pays, and the next flight is tried."""
    query: dict[str, Any] = FLIGHT | {"start": DAYS[supplier], "adults": ELEVEN}
    found = await trio.to_thread.run_sync(lambda: by_ada.get("offers", **query).json())
    assert "for 6 of your 11" in found["note"]
    room = await stage.room(ada, bob)
    booking: Frame = {"status": "never begun"}
    for card in found["items"]:
        quote = await quoted(ada, room, supplier, card)
        if quote is None:
            continue
        parts = [(one["partId"], one["travellers"]) for one in quote["items"]]
        assert parts == [("f", 6), ("f2", 5)]
        with trio.fail_after(30):
            booking = await ended(ada, bob, quote)
        if booking["status"] == "booked":
            break
    orders = booking["itinerary"]
    assert [(one["partId"], one["supplier"], len(one["tickets"])) for one in orders] == [
        ("f", supplier, 6),
        ("f2", supplier, 5),
    ]
    assert len({one["locator"] for one in orders}) == 2
