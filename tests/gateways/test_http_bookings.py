"""Quotes and bookings over HTTP: what reaches the actors, and what comes back."""

from typing import Any

import msgspec
import pytest
from http_fakes import World
from msgspec import Raw

from actors.booking.calls import Card
from actors.booking.journal import packed
from actors.booking.state import Part, Payment, Provider, Saga, Screening, Seat, Share
from core.errors import PriceChanged, Rejected
from core.identity import Role
from core.ports.bookings import (
    BookingEventRow,
    IntentRow,
    JournalStep,
    NewBooking,
    ParticipantRow,
    ResultRow,
)
from core.ports.fraud import ScreeningRow
from protocol.addresses import Address
from protocol.booking import (
    BOOKING,
    DESK,
    ApproveBooking,
    BookingAnswered,
    BookingView,
    CancelBooking,
    CreateBooking,
    DecideBooking,
    DeclineBooking,
    NameTraveller,
    OperateBooking,
    ParticipantView,
    PaymentAction,
    QuoteAnswered,
    QuoteItem,
    QuoteTrip,
    QuoteView,
)
from protocol.frames import Done, Money
from protocol.fraud import Screened
from protocol.ledger import Entry, Posting
from protocol.payments import PaymentState
from protocol.travel import HotelDetails, HotelQuery, Party, SupplierOffer
from storage.sharding import shard_of

EUR = Money(amount=20_000, currency="EUR")
A_KEY = "0190a000-0000-7000-8000-00000000000a"
DETAILS = HotelDetails(
    hotel_id="H1", name="Hotel Tejo", check_in="2027-05-14", check_out="2027-05-16"
)
ITEM = QuoteItem(
    part_id="h1",
    offer_id="o",
    kind="hotel",
    title="Hotel Tejo",
    supplier="amadeus",
    total=EUR,
    expires_at=1,
    can_hold=False,
    details=msgspec.to_builtins(DETAILS),
)
VIEW = BookingView(
    booking_id="b",
    version=1,
    status="collecting",
    step="One share is still open.",
    participants=[ParticipantView(user_id="user-1", amount=EUR, state="invited")],
    travellers=[],
    total=EUR,
)


def answering(answer: Any) -> World:
    world = World()
    world.actors.answer = lambda _address, _message: answer
    return world


def asked(world: World) -> tuple[Address, Any]:
    [(address, message, principal)] = world.actors.asked
    assert principal is not None
    assert principal.user_id == "user-1"
    return address, message


async def test_a_quote_is_asked_of_ones_own_desk() -> None:
    world = answering(QuoteAnswered(quote_id="q", items=[ITEM], total=EUR, expires_at=1))
    body = {"offerIds": ["o"], "adults": 2, "childrenAges": [4], "rooms": 1}
    answer = await world.call("POST", "/api/v1/quotes", json=body, token=world.token())
    assert answer.status == 200
    assert answer.json["quoteId"] == "q"
    assert answer.json["items"][0]["details"]["name"] == "Hotel Tejo"
    expected = QuoteTrip(offer_ids=["o"], adults=2, children_ages=[4], rooms=1)
    assert asked(world) == (DESK.at("user-1"), expected)


@pytest.mark.parametrize("given", [{}, {"offerIds": None}, {"pollId": None}])
async def test_a_quote_of_nothing_is_told_all_that_is_missing(given: dict[str, Any]) -> None:
    world = World()
    answer = await world.call("POST", "/api/v1/quotes", json=given, token=world.token())
    assert answer.json["errors"] == [
        {"field": "adults", "message": "This field is required."},
        {"field": "offerIds", "message": "Give one of these: offerIds, pollId."},
    ]
    given = {**given, "adults": 2}
    answer = await world.call("POST", "/api/v1/quotes", json=given, token=world.token())
    assert [wrong["field"] for wrong in answer.json["errors"]] == ["offerIds"]
    assert world.actors.asked == []


async def test_a_changed_price_is_409_with_the_new_quote() -> None:
    new = QuoteView(quote_id="q", items=[ITEM], total=EUR, expires_at=1)
    world = answering(PriceChanged(new, "The price has changed."))
    body = {"offerIds": ["o"], "adults": 2}
    answer = await world.call("POST", "/api/v1/quotes", json=body, token=world.token())
    assert (answer.status, answer.json["code"]) == (409, "price_changed")
    assert answer.json["quote"]["total"] == {"amount": 20_000, "currency": "EUR"}


@pytest.mark.parametrize("path", ["/api/v1/bookings", "/api/bookings"])
async def test_a_booking_is_created_at_ones_own_desk_by_both_names_of_the_path(path: str) -> None:
    world = answering(BookingAnswered(booking=VIEW))
    body = {
        "quoteId": "q",
        "participants": ["user-1"],
        "travellers": [{"id": "1", "payerId": "user-1", "type": "adult"}],
    }
    answer = await world.call(
        "POST", path, json=body, token=world.token(), headers={"Idempotency-Key": A_KEY}
    )
    assert (answer.status, answer.json["booking"]["bookingId"]) == (202, "b")
    address, message = asked(world)
    assert address == DESK.at("user-1")
    assert isinstance(message, CreateBooking)
    assert (message.split, message.client_id) == ("equal", A_KEY)


@pytest.mark.parametrize(
    ("word", "body", "command"),
    [
        (
            "approve",
            {"paymentMethod": "pm_card_visa", "clientId": A_KEY},
            ApproveBooking(booking_id="b", payment_method="pm_card_visa", client_id=A_KEY),
        ),
        ("decline", {}, DeclineBooking(booking_id="b")),
        (
            "decide",
            {"questionId": "q", "optionId": "o"},
            DecideBooking(booking_id="b", question_id="q", option_id="o"),
        ),
        ("cancel", {}, CancelBooking(booking_id="b")),
        (
            "travellers",
            {
                "travellerId": "1",
                "givenName": "Ada",
                "familyName": "Byron",
                "bornOn": "1990-05-14",
                "gender": "female",
                "email": "ada@caravan.test",
            },
            NameTraveller(
                booking_id="b",
                traveller_id="1",
                given_name="Ada",
                family_name="Byron",
                born_on="1990-05-14",
                gender="female",
                email="ada@caravan.test",
            ),
        ),
    ],
)
async def test_each_change_is_the_command_of_its_name(word: str, body: Any, command: Any) -> None:
    world = answering(BookingAnswered(booking=VIEW))
    answer = await world.call("POST", f"/api/v1/bookings/b/{word}", json=body, token=world.token())
    assert (answer.status, answer.json["booking"]["status"]) == (202, "collecting")
    assert asked(world) == (BOOKING.at("b"), command)


@pytest.mark.parametrize(
    "number",
    [
        "4242 4242 4242 4242",
        r"4242\u00204242\u00204242\u00204242",
        r"4242\u002D4242\u002D4242\u002D4242",
        "".join(rf"\u00{ord(digit):02x}" for digit in "4242424242424242"),
    ],
)
async def test_a_card_s_number_gets_no_further_than_the_door(number: str) -> None:
    world = answering(BookingAnswered(booking=VIEW))
    answer = await world.call(
        "POST",
        "/api/v1/bookings/b/approve",
        data=f'{{"paymentMethod": "{number}"}}'.encode(),
        headers={"Content-Type": "application/json"},
        token=world.token(),
    )
    assert answer.status == 400
    assert answer.json["errors"][0]["field"] == "paymentMethod"
    assert world.actors.asked == []


@pytest.mark.parametrize(
    ("number", "status"),
    [("x" * 16_000, 202), ("x" * 16_384, 400), (2**64 - 1, 202), (2**64, 400)],
    ids=["long", "too long", "large", "too large"],
)
async def test_a_document_has_the_bounds_that_it_has_in_a_frame(number: Any, status: int) -> None:
    world = answering(BookingAnswered(booking=VIEW))
    body = {
        "travellerId": "1",
        "givenName": "Ada",
        "familyName": "Byron",
        "bornOn": "1990-05-14",
        "gender": "female",
        "email": "ada@caravan.test",
        "document": {"number": number},
    }
    path = "/api/v1/bookings/b/travellers"
    answer = await world.call("POST", path, json=body, token=world.token())
    assert answer.status == status
    assert [one["field"] for one in answer.json.get("errors", [])] == ["document"] * (status == 400)


async def test_travellers_data_leave_no_trace_under_an_idempotency_key() -> None:
    world = answering(BookingAnswered(booking=VIEW))
    body = {
        "travellerId": "1",
        "givenName": "Ada",
        "familyName": "Byron",
        "bornOn": "1990-05-14",
        "gender": "female",
        "email": "ada@caravan.test",
    }
    answer = await world.call(
        "POST",
        "/api/v1/bookings/b/travellers",
        json=body,
        token=world.token(),
        headers={"Idempotency-Key": A_KEY},
    )
    assert answer.status == 202
    assert world.idempotency.begun == {}


async def stored(world: World) -> Saga:
    """A booking of user 1 with a call, its money, and one thing that was told."""
    now = 1_795_521_600_000
    offer = SupplierOffer(
        supplier="amadeus",
        token=Raw(b'{"secret":"zanzibar"}'),
        total=EUR,
        fetched_at=now,
        expires_at=now,
        can_hold=False,
        details=DETAILS,
    )
    seen = PaymentState(
        payment_id="pi_1",
        status="action_required",
        amount=EUR,
        action=PaymentAction(kind="card", client_secret="zanzibar", expires_at=now),
    )
    payment = Payment(
        version=1, amount=EUR, split_version=1, opened_at=now, payment_id="pi_1", seen=seen
    )
    query = HotelQuery(
        city="LIS", check_in="2027-05-14", check_out="2027-05-16", party=Party(adults=1)
    )
    saga = Saga(
        booking_id="b",
        tenant_id=1,
        room_id=None,
        organiser_id="user-1",
        created_at=now,
        revision=1,
        version=1,
        state="MANUAL",
        step="Somebody of our team is looking into this booking.",
        manual_reason="A refund failed",
        split_version=1,
        shares=(
            Share(id="s1", user_id="user-1", amount=EUR, payments=(payment,), method="zanzibar"),
        ),
        parts=(
            Part(
                id="h1",
                kind="hotel",
                query=query,
                offer=offer,
                total=EUR,
                holds=False,
                cancels="none",
                issues="by_supplier",
                finds=False,
                offer_id="o",
            ),
        ),
        seats=(Seat(id="1", payer_id="user-1", type="adult"),),
        total=EUR,
        provider=Provider(name="stripe", unit=1, least=50, holds_for=1, replays_for=1),
        screening=Screening(
            cards=(Card(share_id="s1", provider="stripe", method="zanzibar"),),
            found=Screened(verdict="review", reasons=("many_declines",), features=(1.0,)),
        ),
    )
    told = {
        "organiserId": "user-1",
        "view": msgspec.to_builtins(VIEW),
        "note": {"text": "One share is still open."},
        "notes": {},
        "actions": {},
        "options": {},
        "question": None,
        "titles": ["Hotel Tejo"],
        "hasCard": True,
    }
    step = JournalStep(
        tenant_id=1,
        booking_id="b",
        fence=world.shards.take(shard_of("b"), "node"),
        revision=1,
        version=1,
        state="MANUAL",
        status="manual",
        step=saga.step,
        snapshot=packed(saga),
        at=now,
        is_terminal=False,
        needs_operator=True,
        participants=[ParticipantRow(user_id="user-1", amount=EUR, state="invited")],
        intents=[IntentRow(seq=1, op="capture", key="k", body=b"", committed_at=now)],
        results=[ResultRow(seq=1, outcome="unknown", detail="restart", at=now)],
        postings=[
            Posting(
                name="p",
                intent=1,
                currency="EUR",
                entries=(
                    Entry(account="psp:stripe", amount=5),
                    Entry(account="suspense", amount=-5),
                ),
            )
        ],
        event=BookingEventRow(version=1, at=now, body=msgspec.json.encode(told)),
        screening=ScreeningRow(
            at=now,
            verdict="review",
            reasons=("many_declines",),
            score=0.5,
            model="v1",
            features=(1.0,),
        ),
    )
    new = NewBooking(
        quote_id="q",
        creator_id="user-1",
        client_id=A_KEY,
        room_id=None,
        total=EUR,
        created_at=now,
    )
    await world.bookings.open(new, step)
    return saga


async def test_ones_bookings_are_listed_and_told_in_ones_own_language() -> None:
    world = answering(BookingAnswered(booking=VIEW))
    await stored(world)
    listed = await world.call("GET", "/api/v1/bookings", token=world.token())
    [item] = listed.json["items"]
    assert (item["bookingId"], item["status"], item["organiserId"]) == ("b", "manual", "user-1")
    told = await world.call("GET", "/api/v1/bookings/b/timeline", token=world.token())
    [happened] = told.json["items"]
    assert (happened["version"], happened["note"]) == (1, "One share is still open.")
    assert told.json["nextCursor"] is None
    for word in (b"screening", b"review", b"many_declines"):
        assert word not in listed.raw + told.raw


async def test_a_stranger_gets_no_timeline() -> None:
    world = answering(Rejected("not_found", "There is no such booking."))
    await stored(world)
    told = await world.call("GET", "/api/v1/bookings/b/timeline", token=world.token())
    assert told.status == 404


async def test_operators_see_what_is_stuck_and_nothing_that_is_secret() -> None:
    world = answering(Done())
    await stored(world)
    token = world.token(Role.ADMIN)
    stuck = await world.call("GET", "/api/v1/admin/bookings", token=token)
    [item] = stuck.json["items"]
    assert (item["bookingId"], item["state"], item["needsOperator"]) == ("b", "MANUAL", True)
    assert item["why"] == "A refund failed"
    shown = await world.call("GET", "/api/v1/admin/bookings/b", token=token)
    assert shown.json["booking"]["shares"][0]["payments"][0]["paymentId"] == "pi_1"
    assert shown.json["intents"][0]["outcome"] == "unknown"
    assert {one["account"]: one["amount"] for one in shown.json["balances"]} == {
        "psp:stripe": 5,
        "suspense": -5,
    }
    assert b"zanzibar" not in shown.raw
    said = {
        "at": 1_795_521_600_000,
        "verdict": "review",
        "reasons": ["many_declines"],
        "score": 0.5,
        "model": "v1",
        "by": "",
    }
    assert item["screening"] == said
    assert shown.json["screenings"] == [said]
    assert shown.json["booking"]["screening"]["features"] == {"0": 1.0}
    assert (await world.call("GET", "/api/v1/admin/bookings/x", token=token)).status == 404


async def test_an_operators_word_reaches_the_booking() -> None:
    world = answering(Done())
    await stored(world)
    token = world.token(Role.ADMIN)
    for word in ("retry", "compensate", "allow"):
        answer = await world.call("POST", f"/api/v1/admin/bookings/b/{word}", token=token)
        assert answer.status == 202
    empty = await world.call("POST", "/api/v1/admin/bookings/b/settle", token=token)
    assert (empty.status, empty.json["errors"][0]["field"]) == (400, "note")
    body = {"note": "refunded by hand"}
    await world.call("POST", "/api/v1/admin/bookings/b/settle", json=body, token=token)
    back = {"amount": {"amount": 21_340, "currency": "EUR"}, "partId": "f"}
    await world.call("POST", "/api/v1/admin/bookings/b/returned", json=back, token=token)
    words = [message for _, message, _ in world.actors.asked]
    returned = words.pop()
    assert (returned.action, returned.part_id) == ("returned", "f")
    assert returned.amount == Money(amount=21_340, currency="EUR")
    assert [(word.action, word.note) for word in words] == [
        ("retry", ""),
        ("compensate", ""),
        ("allow", ""),
        ("settle", "refunded by hand"),
    ]
    assert all(isinstance(word, OperateBooking) for word in words)
    refused = await world.call(
        "POST", "/api/v1/admin/bookings/b/retry", token=world.token(Role.USER)
    )
    assert refused.status == 403


async def test_operators_see_whose_breaker_is_open() -> None:
    world = World()
    answer = await world.call("GET", "/api/v1/admin/suppliers", token=world.token(Role.ADMIN))
    [item] = answer.json["items"]
    assert (item["name"], item["breaker"], item["numbers"]["calls"]) == ("amadeus", "open", 7.0)
