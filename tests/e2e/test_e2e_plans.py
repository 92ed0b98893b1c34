"""Three people plan a weekend over real sockets: a poll with a deadline, its winner quoted, an expense,
settling up, its booking, an airline that moves the flight, and the itinerary in a calendar."""

import json
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
import trio
from http_client import Caller
from raw_client import Frame, Person, RawClient, Stage, newcomers, uuid7
from server_process import ServerProcess
from test_e2e_bookings import NAMES, VISA, approves
from test_e2e_bookings_of_three import Trip, sandbox

FLIGHT = {"kind": "flight", "from": "LIS", "to": "BER", "start": "2027-06-18", "adults": 3}


@pytest.fixture(scope="module")
def people(protocol_server: ServerProcess) -> dict[str, Person]:
    return newcomers(protocol_server.http)


@pytest.fixture
def by_ada(protocol_server: ServerProcess, people: dict[str, Person]) -> Caller:
    return Caller(protocol_server.http, people["ada"])


async def applied(client: RawClient, room: Frame, *ops: Frame, version: int = 0) -> Frame:
    return await client.ask(
        "plan.apply", roomId=room["id"], version=version, ops=list(ops), clientId=uuid7()
    )


def add(kind: str, **fields: Any) -> Frame:
    return {"op": "add", "id": uuid7(), "kind": kind, "fields": fields}


def poll_of(offers: list[str], **fields: Any) -> list[Frame]:
    asked = add("poll", title="Which flight?", **fields)
    return [
        asked,
        *(
            add("option", title=f"flight {number}", pollId=asked["id"], offerIds=[offer])
            for number, offer in enumerate(offers, 1)
        ),
    ]


def vote(poll: Frame, option: Frame) -> Frame:
    return {"op": "vote", "id": poll["id"], "fields": {"optionId": option["id"]}}


async def read(url: str) -> httpx.Response:
    """As a calendar does it: nobody is logged in."""
    return await trio.to_thread.run_sync(lambda: httpx.get(url, trust_env=False))


async def closed(client: RawClient, room: Frame) -> Frame:
    return await client.find(
        lambda frame: (
            frame["type"] == "plan.changed"
            and frame["roomId"] == room["id"]
            and [op["op"] for op in frame["ops"]] == ["close"]
        )
    )


async def closing_card(client: RawClient, poll: Frame) -> Frame:
    """What the room's message says of the poll's end."""
    message = await client.find(
        lambda frame: (
            frame["type"] == "chat.message"
            and any(
                card["id"] == poll["id"] and card["isClosed"] for card in frame.get("cards", ())
            )
        )
    )
    found: Frame = message["cards"][0]
    return found


def business_ms(server: ServerProcess) -> int:
    """The suppliers' time, by which deadlines are judged: other tests of this server let it leap."""
    sandbox = json.loads((server.data_dir / "sandbox.json").read_text())
    told = httpx.get(f"{sandbox['control']}/_sandbox/clock", trust_env=False).json()
    return int(told["business"])


async def test_three_people_plan_a_weekend(
    stage: Stage,
    ada: RawClient,
    bob: RawClient,
    chen: RawClient,
    by_ada: Caller,
    protocol_server: ServerProcess,
) -> None:
    found = await trio.to_thread.run_sync(lambda: by_ada.get("offers", **FLIGHT).json())
    at_duffel = [one for one in found["items"] if one["supplier"] == "duffel" and one["canHold"]]
    offers = [one["offerId"] for one in at_duffel][:2]
    room = await stage.room(ada, bob, chen)
    # Two days to vote, however busy the machine is; with every vote in, three seconds are left.
    now = await trio.to_thread.run_sync(business_ms, protocol_server)
    asked, first, second = poll_of(offers, deadline=now + 172_800_000)
    done = await applied(ada, room, asked, first, second)
    assert done["version"] == 1
    for client, option in ((ada, second), (bob, first), (chen, second)):
        # All at the version in which it was asked: votes are rebased.
        await applied(client, room, vote(asked, option), version=1)
    now = await trio.to_thread.run_sync(business_ms, protocol_server)
    sooner = {"op": "set", "id": asked["id"], "fields": {"deadline": now + 3_000}}
    await applied(ada, room, sooner, version=4)
    end = await closed(chen, room)
    assert (end["by"], end["ops"][0]["fields"]) == ("system", {"winner": second["id"]})
    versions = [frame["version"] for frame in chen.seen("plan.changed", roomId=room["id"])]
    assert versions == list(range(1, 7))
    card = await closing_card(bob, asked)
    assert (card["kind"], card["winner"]) == ("poll", second["id"])
    assert [(each["id"], each["votes"]) for each in card["options"]] == [
        (first["id"], 1),
        (second["id"], 2),
    ]
    late = await applied(bob, room, vote(asked, first), version=5)
    assert late["ops"] == []
    asking = {"pollId": asked["id"], "roomId": room["id"], "adults": 3}
    quoted = await ada.answer(await ada.send("booking.quote", **asking))
    if quoted["type"] == "error":
        assert quoted["code"] == "price_changed", quoted
        quoted = quoted["quote"]
    assert [item["offerId"] for item in quoted["items"]] == [offers[1]]

    day, stop = add("day", title="Friday", date="2027-06-18"), add("stop", title="Zoo; bears")
    dinner = add("expense", title="dinner", amount={"amount": 4_250, "currency": "EUR"})
    taxi = add(
        "expense",
        title="taxi",
        amount={"amount": 1_000, "currency": "EUR"},
        sharedBy=[ada.id, {"userId": bob.id, "weight": 3}],
    )
    await applied(bob, room, day, stop, dinner)
    board = await applied(chen, room, taxi)
    settlement = by_ada.get(f"chat/rooms/{room['id']}/settlement").json()
    [euros] = settlement["settlements"]
    assert (settlement["version"], euros["currency"]) == (board["version"], "EUR")
    balances = {one["userId"]: one["balance"] for one in euros["balances"]}
    assert sorted(balances) == sorted([ada.id, bob.id, chen.id])
    assert sum(balances.values()) == 0
    assert (euros["total"], euros["isFewest"]) == (5_250, True)
    plan = by_ada.get(f"chat/rooms/{room['id']}/plan").json()
    opened = await ada.ask("plan.open", roomId=room["id"])
    assert plan == {"version": opened["version"], "items": opened["items"]}
    since = await ada.ask("plan.open", roomId=room["id"], after=board["version"] - 1)
    assert [op["id"] for op in since["ops"]] == [taxi["id"]]
    trip = await booked(quoted, [ada, bob, chen])
    await applied(ada, room, add("expense", title="flight", bookingId=trip.id), version=9)
    settlement = by_ada.get(f"chat/rooms/{room['id']}/settlement").json()
    [euros] = settlement["settlements"]
    assert euros["total"] == 5_250 + trip.booking["total"]["amount"]
    await live_through_a_change(protocol_server, trip, by_ada, room)


async def booked(quoted: Frame, people: list[RawClient]) -> Trip:
    """What has won, paid by all of them alike."""
    made = await people[0].ask(
        "booking.create",
        quoteId=quoted["quoteId"],
        participants=[one.id for one in people],
        travellers=[
            {"id": f"t{number}", "payerId": one.id, "type": "adult"}
            for number, one in enumerate(people, 1)
        ],
        split="equal",
        clientId=uuid7(),
    )
    trip = Trip(made["booking"], people)
    for number, one in enumerate(people, 1):
        told = {"email": f"{number}@caravan.test", "phone": "+49 30 123456", **NAMES}
        await one.ask("booking.traveller", bookingId=trip.id, travellerId=f"t{number}", **told)
        await approves(one, trip.booking, VISA)
    await trip.ended("booked")
    return trip


async def live_through_a_change(
    server: ServerProcess, trip: Trip, by_ada: Caller, room: Frame
) -> None:
    """The airline moves the flight: its supplier's webhook says so, all three are asked, two agree, and it is
    in their calendar."""
    [part] = (await trip.people[0].ask("booking.get", bookingId=trip.id))["booking"]["itinerary"]
    before = departure(part)
    await trio.to_thread.run_sync(sandbox, server, "change", part["locator"], "--minutes", "95")
    told = await trip.sees(trip.people[2], lambda view: "has moved your flight" in view["note"])
    assert told["status"] == "booked"
    for client, option in zip(trip.people, ("accept", "refund", "accept"), strict=True):
        question = await trip.asked(client, "supplier_change")
        refund = question["options"][-1]
        assert sum(share["amount"]["amount"] for share in refund["shares"]) > 0
        await trip.answers(client, question, option)
    seen = await trip.sees(
        trip.people[1],
        lambda view: view.get("itinerary") and departure(view["itinerary"][0]) != before,
    )
    after = departure(seen["itinerary"][0])
    moved = datetime.fromisoformat(after) - datetime.fromisoformat(before)
    assert moved == timedelta(minutes=95)
    assert len(seen["itinerary"][0]["tickets"]) == 3
    url = by_ada.post(f"chat/rooms/{room['id']}/calendar").json()["url"]
    assert f"DTSTART:{after.replace('-', '').replace(':', '')}" in (await read(url)).text


def departure(part: Frame) -> str:
    at = part["details"]["itineraries"][0]["segments"][0]["departs"]
    return str(at)


async def test_an_itinerary_is_read_by_its_secret_address_until_that_is_revoked(
    stage: Stage, ada: RawClient, bob: RawClient, by_ada: Caller, protocol_server: ServerProcess
) -> None:
    room = await stage.room(ada, bob)
    day = add("day", title="Friday", date="2027-06-18")
    await applied(ada, room, day, add("stop", title="Zoo", startsAt="10:00"))
    shared = by_ada.post(f"chat/rooms/{room['id']}/calendar")
    assert shared.status_code == 201
    url = shared.json()["url"]
    answer = await read(url)
    assert answer.headers["content-type"].startswith("text/calendar")
    assert "DTSTART;VALUE=DATE:20270618\r\n" in answer.text
    assert "DTSTART:20270618T100000\r\n" in answer.text
    ended = by_ada._call("DELETE", f"chat/rooms/{room['id']}/calendar")
    assert ended.json() == {"ended": True}
    gone = await read(url)
    assert gone.status_code == 404
    assert url.rsplit("/", 1)[1].removesuffix(".ics") not in protocol_server.log.read_text()


async def test_to_a_stranger_there_is_no_board_and_commands_of_a_room_keep_their_order(
    stage: Stage, ada: RawClient, bob: RawClient, dina: RawClient
) -> None:
    room = await stage.room(ada, bob)
    for kind, fields in (
        ("plan.open", {}),
        ("plan.apply", {"version": 0, "ops": [add("stop", title="x")], "clientId": uuid7()}),
    ):
        refused = await dina.refused(kind, roomId=room["id"], **fields)
        assert (refused["code"], refused["fields"][0]["field"]) == ("not_found", "roomId")
    refs = []
    for number in range(20):
        content = {"roomId": room["id"], "content": f"{number}", "clientId": uuid7()}
        refs.append(await ada.send("chat.message", **content))
        ops = [add("stop", title=f"{number}")]
        refs.append(
            await ada.send("plan.apply", roomId=room["id"], version=0, ops=ops, clientId=uuid7())
        )
    await ada.answer(refs[-1])
    answers = [frame["ref"] for frame in ada.log if frame.get("ref") in refs]
    assert answers == refs
