"""A trip for three over real sockets: a declined card and shares that are split anew; a price that rises; and
somebody who says no for good. Nobody is charged but for what is booked."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
import trio
from http_client import Caller
from raw_client import Frame, Person, RawClient, Stage, newcomers, uuid7
from server_process import ROOT, ServerProcess
from test_e2e_bookings import BAD, NAMES, VISA, approves, offer_of

WITHIN = 60.0
DEARER = (
    '{"match": {"api": "duffel"}, "action": {"type": "price_drift", "percent": 12}, "times": null}'
)


def sandbox(server: ServerProcess, *words: str) -> None:
    """`main.py sandbox …`: the foreign side."""
    kept = {name: value for name, value in os.environ.items() if "CARAVAN" not in name}
    subprocess.run(
        [sys.executable, "main.py", "sandbox", *words],
        cwd=ROOT,
        env=kept | {"CARAVAN_DATA_DIR": str(server.data_dir)},
        capture_output=True,
        timeout=20,
        check=True,
    )


@pytest.fixture
def calm(protocol_server: ServerProcess) -> Iterator[None]:
    """Prices are afterwards what they were."""
    yield
    sandbox(protocol_server, "calm")


class Trip:
    """Ada's booking with Bob and Chen: what each of them sees of it."""

    def __init__(self, booking: Frame, people: Sequence[RawClient]) -> None:
        self.id, self.booking, self.people = booking["bookingId"], booking, people

    async def sees(self, client: RawClient, fits: Callable[[Frame], bool]) -> Frame:
        """Their first unread update that fits, however long nothing else is heard."""
        with trio.fail_after(WITHIN):
            while True:
                try:
                    return await client.find(
                        lambda frame: (
                            frame["type"] == "booking.update"
                            and frame["bookingId"] == self.id
                            and fits(frame)
                        )
                    )
                except trio.TooSlowError:
                    await trio.lowlevel.checkpoint()

    async def share(self, client: RawClient, state: str) -> Frame:
        return await self.sees(client, lambda view: share_of(view, client)["state"] == state)

    async def asked(self, client: RawClient, kind: str) -> Frame:
        """The question that waits for them."""
        seen = await self.sees(
            client,
            lambda view: (
                (question := view.get("question")) is not None
                and question["kind"] == kind
                and client.id in question["to"]
            ),
        )
        question: Frame = seen["question"]
        return question

    async def answers(self, client: RawClient, question: Frame, option: str) -> None:
        assert option in [one["id"] for one in question["options"]]
        await client.ask(
            "booking.decide", bookingId=self.id, questionId=question["id"], optionId=option
        )

    async def pays_more(self, client: RawClient) -> None:
        """Once all have agreed to new amounts."""
        before = share_of(self.booking, client)["amount"]["amount"]
        await self.sees(
            client,
            lambda view: (
                view["status"] == "collecting"
                and share_of(view, client)["amount"]["amount"] > before
            ),
        )
        await approves(client, self.booking, VISA)

    async def ended(self, status: str) -> list[Frame]:
        """What each of them read last."""
        return [await self.sees(one, lambda view: view["status"] == status) for one in self.people]


def share_of(view: Frame, client: RawClient) -> Frame:
    [share] = [one for one in view["participants"] if one["userId"] == client.id]
    found: Frame = share
    return found


async def trip(stage: Stage, by_ada: Caller, day: str, people: Sequence[RawClient]) -> Trip:
    """Searched for, quoted, split equally, and everybody named."""

    def searched() -> str:
        return offer_of(by_ada, "duffel", start=day, adults=3)

    offer_id = await trio.to_thread.run_sync(searched)
    ada, *_ = people
    room = await stage.room(*people)
    quote = await ada.answer(
        await ada.send("booking.quote", offerIds=[offer_id], roomId=room["id"], adults=3)
    )
    quote = quote.get("quote", quote)
    made = await ada.ask(
        "booking.create",
        quoteId=quote["quoteId"],
        participants=[one.id for one in people],
        travellers=[
            {"id": str(number), "payerId": one.id, "type": "adult"}
            for number, one in enumerate(people, 1)
        ],
        split="equal",
        clientId=uuid7(),
    )
    booked = Trip(made["booking"], people)
    for number, one in enumerate(people, 1):
        told: dict[str, Any] = {"email": f"{number}@caravan.test", "phone": "+49 30 123456"}
        fields = {"bookingId": booked.id, "travellerId": str(number)}
        await one.ask("booking.traveller", **fields, **told, **NAMES)
    shares = [share["amount"]["amount"] for share in booked.booking["participants"]]
    assert sum(shares) == booked.booking["total"]["amount"]
    assert max(shares) - min(shares) <= 1
    return booked


@pytest.fixture(scope="module")
def people(protocol_server: ServerProcess) -> dict[str, Person]:
    return newcomers(protocol_server.http)


@pytest.fixture
def by_ada(protocol_server: ServerProcess, people: dict[str, Person]) -> Caller:
    return Caller(protocol_server.http, people["ada"])


async def test_a_declined_card_and_then_shares_for_two(
    stage: Stage, ada: RawClient, bob: RawClient, chen: RawClient, by_ada: Caller
) -> None:
    mine = await trip(stage, by_ada, "2027-06-21", [ada, bob, chen])
    await approves(ada, mine.booking, VISA)
    await approves(chen, mine.booking, VISA)
    await approves(bob, mine.booking, BAD)
    declined = await mine.share(bob, "declined")
    for other in (ada, chen):
        seen = await mine.sees(other, lambda view: share_of(view, bob)["state"] == "declined")
        assert seen["note"] != declined["note"], "why is nobody else's business"
    await bob.ask("booking.decline", bookingId=mine.id)
    question = await mine.asked(ada, "resplit")
    waits = await mine.sees(bob, lambda view: view["status"] == "action_needed")
    assert waits["question"] == {**question, "options": []}, "they see whom it waits for"
    await mine.answers(ada, question, "others")
    for one in (ada, chen):
        again = await mine.asked(one, "reconsent")
        await mine.answers(one, again, "accept")
    for one in (ada, chen):
        await mine.pays_more(one)
    for view in await mine.ended("booked"):
        paid = {one["userId"]: one["amount"]["amount"] for one in view["participants"]}
        assert sum(paid.values()) == mine.booking["total"]["amount"]
        assert paid[bob.id] == 0
        [part] = view["itinerary"]
        assert len(part["tickets"]) == 3


@pytest.mark.usefixtures("calm")
async def test_a_price_that_rises_is_asked_of_everybody_and_then_paid(
    protocol_server: ServerProcess,
    stage: Stage,
    ada: RawClient,
    bob: RawClient,
    chen: RawClient,
    by_ada: Caller,
) -> None:
    mine = await trip(stage, by_ada, "2027-06-22", [ada, bob, chen])
    await trio.to_thread.run_sync(sandbox, protocol_server, "rule", DEARER)
    for one in mine.people:
        await approves(one, mine.booking, VISA)
    for one in mine.people:
        question = await mine.asked(one, "reconsent")
        await mine.answers(one, question, "accept")
    for one in mine.people:
        await mine.pays_more(one)
    for view in await mine.ended("booked"):
        assert view["total"]["amount"] > mine.booking["total"]["amount"]
        assert {one["state"] for one in view["participants"]} == {"captured"}


async def test_somebody_who_says_no_for_good_and_nobody_pays(
    stage: Stage, ada: RawClient, bob: RawClient, chen: RawClient, by_ada: Caller
) -> None:
    mine = await trip(stage, by_ada, "2027-06-23", [ada, bob, chen])
    for one in (ada, chen):
        await approves(one, mine.booking, VISA)
        await mine.share(one, "authorized")  # else the question is put anew when it is
    await bob.ask("booking.decline", bookingId=mine.id)
    question = await mine.asked(ada, "resplit")
    await mine.answers(ada, question, "cancel")
    for view in await mine.ended("cancelled"):
        assert {one["state"] for one in view["participants"]} <= {"voided", "declined", "invited"}
        assert "Nobody has paid" in view["note"]


async def test_another_flight_is_booked_in_place_of_one_that_the_airline_moved_by_hours(
    protocol_server: ServerProcess,
    stage: Stage,
    ada: RawClient,
    bob: RawClient,
    chen: RawClient,
    by_ada: Caller,
) -> None:
    first = await trip(stage, by_ada, "2027-06-24", [ada, bob, chen])
    for one in first.people:
        await approves(one, first.booking, VISA)
    [part] = (await first.ended("booked"))[0]["itinerary"]
    moved = ("change", part["locator"], "--minutes", "600")
    await trio.to_thread.run_sync(sandbox, protocol_server, *moved)
    for one in first.people:
        question = await first.asked(one, "supplier_change")
        await first.answers(one, question, "rebook")
    offered = await ada.find(
        lambda frame: (
            frame["type"] == "booking.update"
            and frame["bookingId"] != first.id
            and frame["roomId"] == first.booking["roomId"]
        )
    )
    assert all(one["complete"] for one in offered["travellers"]), "who travels is known"
    other = Trip(offered, first.people)
    for one in other.people:
        await approves(one, offered, VISA)
    [instead] = (await other.ended("booked"))[0]["itinerary"]
    assert instead["details"] != part["details"]
    for view in await first.ended("cancelled"):
        assert {one["state"] for one in view["participants"]} == {"refunded"}
        assert "You fly on the other one" in view["note"]
