"""Quotes and bookings in a terminal: what people type, what is asked, what they read."""

import itertools
import os
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from commands import terminal_bookings
from commands.terminal_booking_lines import booking_lines, card_line, quote_lines
from commands.terminal_booking_state import Bookings
from commands.terminal_booking_words import (
    Split,
    Traveller,
    Wanted,
    choice_of,
    method_of,
    quote_of,
    split_of,
    traveller_of,
)
from commands.terminal_travel import TypedWrong
from loadtest.client import Refused
from protocol.frames import Money

ROOM, ADA, BEN, CHEN = "room", "id-ada", "id-ben", "id-chen"
NAMES = {ADA: "Ada Lovelace", BEN: "Ben", CHEN: "Chen"}
UNTIL = 1_796_493_600_000  # Sat 2026-12-05 18:00 UTC


@pytest.fixture(autouse=True)
def in_utc() -> Iterator[None]:
    before = os.environ.get("TZ")
    os.environ["TZ"] = "UTC"
    time.tzset()
    yield
    os.environ.pop("TZ") if before is None else os.environ.update(TZ=before)
    time.tzset()


def eur(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "EUR"}


# What is typed.


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [
        ("3", Wanted(numbers=("3",))),
        ("f1 h2 f1", Wanted(numbers=("f1", "h2"))),
        (
            "1 2 adults=2 children=4,7 rooms=2 cabin=business",
            Wanted(numbers=("1", "2"), adults=2, children=(4, 7), rooms=2, cabin="business"),
        ),
    ],
)
def test_offers_are_quoted_by_their_numbers_and_for_a_party(typed: str, wanted: Wanted) -> None:
    assert quote_of(typed) == wanted


@pytest.mark.parametrize(
    "typed",
    ["", "0", "x1", "adults=2", "1 adults=0", "1 adults=two", "1 children=18", "1 beds=2", "1 -2"],
)
def test_what_is_no_quote_is_answered_by_how_to_type_it(typed: str) -> None:
    with pytest.raises(TypedWrong, match="/quote N"):
        quote_of(typed)


@pytest.mark.parametrize(
    ("typed", "split"),
    [
        ("", Split()),
        ("equal", Split()),
        ("with ada, ben", Split(people=("ada", "ben"))),
        ("equal with ada", Split(people=("ada",))),
        (
            "ada=40, ben=60.50",
            Split(
                shares={
                    "ada": Money(amount=4000, currency="EUR"),
                    "ben": Money(amount=6050, currency="EUR"),
                }
            ),
        ),
        (
            "ada=40,ben=0 with ada ben",
            Split(
                shares={
                    "ada": Money(amount=4000, currency="EUR"),
                    "ben": Money(amount=0, currency="EUR"),
                },
                people=("ada", "ben"),
            ),
        ),
    ],
)
def test_a_booking_is_split_equally_or_by_amounts(typed: str, split: Split) -> None:
    assert split_of(typed, "EUR") == split


@pytest.mark.parametrize(
    "typed",
    ["fair", "ada=", "=40", "ada=forty", "ada=-1", "ada=1.005", "ada=1,ada=2", "with", "ada"],
)
def test_what_is_no_split_is_answered_by_how_to_type_it(typed: str) -> None:
    with pytest.raises(TypedWrong, match="/book"):
        split_of(typed, "EUR")


def test_yen_have_no_decimals() -> None:
    assert split_of("ada=4000", "JPY").shares == {"ada": Money(amount=4000, currency="JPY")}


def test_a_traveller_is_named_as_the_document_has_it() -> None:
    typed = "t2 Ada “de Lovelace” 1990-12-10 F ada@example.org +4930123456"
    assert traveller_of(typed) == Traveller(
        id="t2",
        given_name="Ada",
        family_name="de Lovelace",
        born_on="1990-12-10",
        gender="female",
        email="ada@example.org",
        phone="+4930123456",
    )
    short = traveller_of("Ben O'Hara 1991-01-02 male ben@example.org".replace("O'", "“O'”"))
    assert (short.id, short.family_name, short.phone) == (None, "O'Hara", None)


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "t1 Ada Lovelace 1990-12-10 female",
        "Ada Lovelace 1990-13-10 female a@b.c",
        "Ada Lovelace 1990-12-10 lady a@b.c",
        "Ada Lovelace 1990-12-10 female nowhere",
        '"Ada Lovelace 1990-12-10 female a@b.c',
    ],
)
def test_what_names_nobody_is_answered_by_how_to_type_it(typed: str) -> None:
    with pytest.raises(TypedWrong, match="/traveller"):
        traveller_of(typed)


def test_a_cards_number_never_leaves_the_terminal() -> None:
    assert (method_of(""), method_of("pm_card_visa_debit")) == (
        "pm_card_visa",
        "pm_card_visa_debit",
    )
    for typed in ("4242424242424242", "4242 4242 4242 4242"):
        with pytest.raises(TypedWrong, match="not sent"):
            method_of(typed)
    with pytest.raises(TypedWrong, match="/approve"):
        method_of("my visa")


def test_an_option_is_chosen_by_its_number() -> None:
    assert choice_of("2", 2) == 1
    for typed in ("", "0", "3", "two"):
        with pytest.raises(TypedWrong, match="/choose"):
            choice_of(typed, 2)


# What is read.


def view(**fields: Any) -> dict[str, Any]:
    shown = {
        "bookingId": "b1",
        "roomId": ROOM,
        "version": 1,
        "status": "collecting",
        "step": "",
        "participants": [
            {"userId": ADA, "amount": eur(13_334), "state": "authorized"},
            {"userId": BEN, "amount": eur(13_333), "state": "declined"},
            {"userId": CHEN, "amount": eur(13_333), "state": "invited"},
        ],
        "travellers": [
            {"id": "t1", "payerId": ADA, "type": "adult", "complete": True},
            {"id": "t2", "payerId": BEN, "type": "adult", "complete": False},
        ],
        "total": eur(40_000),
        "deadline": UNTIL,
    }
    return shown | fields


def test_a_booking_says_who_pays_what_and_who_holds_it_up() -> None:
    assert booking_lines(view(), NAMES, BEN) == [
        "    Booking of 400.00 EUR: the shares are being collected; waiting for you, Chen "
        "until Sat 05 Dec 18:00.",
        "        133.34 EUR  Ada Lovelace: approved",
        "        133.33 EUR  you: declined",
        "        133.33 EUR  Chen: has not answered",
        "      t2 (adult, you pay) has no name yet",
        "      /traveller names them",
        "    Your share is 133.33 EUR: /approve pays it, /decline says no.",
    ]


def test_nobody_waits_for_whom_the_others_pay() -> None:
    shares = [
        {"userId": ADA, "amount": eur(40_000), "state": "authorized"},
        {"userId": BEN, "amount": eur(0), "state": "declined"},
    ]
    lines = booking_lines(view(participants=shares, travellers=[]), NAMES, ADA)
    assert "waiting" not in lines[0]
    assert lines[2] == "          0.00 EUR  Ben: pays nothing"


def test_a_share_says_how_much_of_it_came_back() -> None:
    back = {"userId": ADA, "amount": eur(20_000), "state": "part_refunded", "refunded": eur(1_500)}
    lines = booking_lines(view(participants=[back], travellers=[]), NAMES, ADA)
    assert lines[1].endswith("you: partly refunded, 15.00 EUR came back")


def test_a_question_has_numbered_options_and_says_whom_it_is_for() -> None:
    question = {
        "id": "q1",
        "kind": "resplit",
        "to": [ADA, CHEN],
        "expiresAt": UNTIL,
        "options": [
            {
                "id": "yes",
                "text": "Take over Ben's share",
                "shares": [
                    {"userId": ADA, "amount": eur(20_000)},
                    {"userId": CHEN, "amount": eur(20_000)},
                ],
            },
            {"id": "no", "text": "Call it\x1b\noff"},
        ],
    }
    asked = view(status="action_needed", question=question, travellers=[])
    lines = booking_lines(asked, NAMES, ADA)
    assert "waiting for you, Chen until" in lines[0]
    assert lines[4:] == [
        "    Question to you, Chen, until Sat 05 Dec 18:00:",
        "      1  Take over Ben's share (you 200.00 EUR, Chen 200.00 EUR)",
        "      2  Call it· off",
        "    /choose N answers.",
    ]
    others = booking_lines({**asked, "question": question | {"options": []}}, NAMES, BEN)
    assert "waiting for Ada Lovelace, Chen until" in others[0]
    assert others[4:] == [
        "    Question to Ada Lovelace, Chen, until Sat 05 Dec 18:00.",
        "    Your share is 133.33 EUR: /approve pays it, /decline says no.",
    ]
    assert "    /choose N answers." not in others
    answered = booking_lines({**asked, "question": question | {"answered": [ADA]}}, NAMES, ADA)
    assert "waiting for Chen until" in answered[0]
    assert answered[-1] == "    You have answered."


@pytest.mark.parametrize(
    ("action", "line"),
    [
        (
            {"kind": "redirect", "url": "http://127.0.0.1:9/3ds/pi_1", "expiresAt": UNTIL},
            "    You are asked to confirm, until Sat 05 Dec 18:00: http://127.0.0.1:9/3ds/pi_1",
        ),
        (
            {"kind": "card", "clientSecret": "pi_1_secret_2", "expiresAt": UNTIL},
            "    Another card is needed, until Sat 05 Dec 18:00: /approve PAYMENT-METHOD",
        ),
    ],
)
def test_what_the_bank_wants_is_said_to_whom_it_concerns(action: Any, line: str) -> None:
    shown = booking_lines(view(action=action), NAMES, BEN)
    assert shown[-1] == line
    assert "secret" not in " ".join(shown)


def flight_item(**fields: Any) -> dict[str, Any]:
    leg = {
        "carrier": "YY",
        "number": "482",
        "origin": "LIS",
        "destination": "OPO",
        "departs": "2027-05-14T08:10:00",
        "arrives": "2027-05-14T09:05:00",
    }
    item = {
        "partId": "f",
        "offerId": "o1",
        "title": "LIS → OPO",
        "supplier": "duffel",
        "total": eur(26_800),
        "previous": None,
        "canHold": True,
        "details": {"kind": "flight", "itineraries": [{"segments": [leg]}]},
    }
    return item | fields


def test_a_quote_says_what_it_costs_and_what_it_cost_before() -> None:
    quote = {"items": [flight_item(previous=eur(26_000))], "total": eur(26_800), "expiresAt": UNTIL}
    assert quote_lines(quote) == [
        "        268.00 EUR (was 260.00 EUR)  2027-05-14 LIS 08:10 → OPO 09:05, direct, YY482  "
        "(duffel, can be held)",
        "    Together 268.00 EUR, until Sat 05 Dec 18:00. /book splits it.",
    ]


def test_a_quote_for_a_large_group_says_for_how_many_each_order_is() -> None:
    items = [flight_item(travellers=6), flight_item(partId="f2", travellers=5)]
    quote = {"items": items, "total": eur(53_600), "expiresAt": UNTIL}
    lines = quote_lines(quote)
    assert [line.rpartition("  ")[2] for line in lines[:2]] == [
        "(duffel, for 6 of you, can be held)",
        "(duffel, for 5 of you, can be held)",
    ]
    assert lines[2:] == [
        "    So many fly on several orders: all of them are booked, or none is.",
        "    Together 536.00 EUR, until Sat 05 Dec 18:00. /book splits it.",
    ]


def test_a_booked_trip_ends_with_its_itinerary_and_tickets() -> None:
    part = flight_item() | {
        "locator": "ABC\n123",
        "tickets": ["125-1", "125\n-2"],
    }
    lines = booking_lines(view(status="booked", travellers=[], itinerary=[part]), NAMES, ADA)
    assert lines[0] == "    Booking of 400.00 EUR: booked."
    assert lines[-2:] == [
        "    ✓ 2027-05-14 LIS 08:10 → OPO 09:05, direct, YY482, booked as ABC 123",
        "      tickets 125-1, 125 -2",
    ]


def test_a_step_that_is_a_sentence_is_shown_instead_of_the_bare_status() -> None:
    lines = booking_lines(view(status="booking", step="The seats are being held."), NAMES, ADA)
    assert lines[0] == "    Booking of 400.00 EUR: The seats are being held."
    assert "being booked" in booking_lines(view(status="booking", step="held"), NAMES, ADA)[0]


def test_a_card_in_the_room_is_one_line() -> None:
    card = {
        "kind": "booking",
        "id": "b1",
        "title": "LIS → OPO",
        "price": eur(40_000),
        "status": "booked",
        "participants": [{"userId": ADA, "state": "captured"}],
    }
    shown = "      [LIS → OPO, 400.00 EUR: booked. /booking shows it]"
    assert card_line(card, ADA) == shown
    assert card_line(card, BEN) == shown.replace(". /booking shows it", "")


# What a terminal keeps in mind.


def message(text: str, version: int) -> dict[str, Any]:
    return {
        "roomId": ROOM,
        "messageId": f"m{version}",
        "seq": 40 + version,
        "sentAt": UNTIL,
        "sender": {"id": "system", "kind": "system", "name": "Caravan"},
        "content": text,
        "cards": [
            {"kind": "booking", "id": "b1", "title": "x", "status": "booked", "version": version}
        ],
    }


def update(version: int, note: str, **fields: Any) -> dict[str, Any]:
    return view(type="booking.update", version=version, note=note, inbox=version, **fields)


def lines_of(bookings: Bookings, event: dict[str, Any]) -> list[str]:
    return bookings.update_lines(event, NAMES, ADA, ROOM)


def test_what_comes_by_room_and_by_inbox_is_said_once_whichever_comes_first() -> None:
    bookings = Bookings()
    assert lines_of(bookings, update(2, "Ben's card was declined."))[0] == (
        "    — Ben's card was declined."
    )
    assert bookings.notice_lines(message("Ben's card was declined.", 2), ADA) == [
        " 42 18:00 (as above, for everybody here)"
    ]
    assert (
        bookings.notice_lines(message("All have paid.", 3), ADA)[0]
        == " 43 18:00 Caravan: All have paid."
    )
    [line] = lines_of(bookings, update(3, "All have paid.", status="booking"))
    assert line == "    Booking of 400.00 EUR: it is being booked."
    assert lines_of(bookings, update(3, "All have paid.", status="booking")) == []
    assert lines_of(bookings, update(2, "Your bank refused.")) == ["    — Your bank refused."]


def test_what_stands_on_the_screen_already_is_not_repeated() -> None:
    question = {"id": "q", "to": [ADA], "expiresAt": UNTIL, "options": [{"id": "y", "text": "Yes"}]}
    bookings = Bookings()
    first = lines_of(bookings, update(1, "Hm.", step="Shares are still open.", question=question))
    assert len(first) == 5
    again = update(2, "Shares are still open.", step="Shares are still open.", question=question)
    assert lines_of(bookings, again) == []
    other = update(3, "Ben is paying.", step="Shares are still open.", question=question)
    assert lines_of(bookings, other) == ["    — Ben is paying."]


def test_an_older_state_changes_nothing_and_one_of_another_room_is_a_word() -> None:
    bookings = Bookings()
    bookings.learn(view(version=5, status="booked"))
    bookings.learn(view(version=4))
    known = bookings.newest(ROOM)
    assert known is not None
    assert (known["version"], known["status"]) == (5, "booked")
    assert bookings.newest("elsewhere") is None
    other = update(9, "All have paid.", roomId="elsewhere", bookingId="b2")
    assert lines_of(bookings, other) == ["    (a booking in another room) All have paid."]


def test_the_current_booking_is_the_newest_that_goes_on() -> None:
    bookings = Bookings()
    for number, status in ((3, "booked"), (2, "collecting"), (1, "collecting")):
        bookings.learn(view(bookingId=f"b{number}", version=number, status=status))
    assert (bookings.newest(ROOM) or {})["bookingId"] == "b2"
    bookings.notice_lines(message("Done.", 9) | {"cards": [card_of("b2")]}, ADA)
    bookings.learn(view(bookingId="b1", version=4, status="cancelled"))
    assert (bookings.newest(ROOM) or {})["bookingId"] == "b3"


def card_of(booking_id: str) -> dict[str, Any]:
    card = {"kind": "booking", "id": booking_id, "title": "x", "status": "booked", "version": 9}
    return card | {"participants": [{"userId": ADA, "state": "captured"}]}


def test_offers_are_known_by_the_newest_list_and_by_their_kind() -> None:
    bookings = Bookings()
    flights = [{"kind": "flight.offer", "offerId": f"f-{n}"} for n in range(2)]
    hotels = [{"kind": "hotel.offer", "offerId": "h-0"}, {"kind": "place", "id": "p"}]
    bookings.offers_shown(flights)
    bookings.offers_shown(hotels)
    assert [bookings.offer_id(n) for n in ("1", "f2", "h1")] == ["h-0", "f-1", "h-0"]
    for number in ("2", "3", "f3"):
        with pytest.raises(TypedWrong, match="No offer"):
            bookings.offer_id(number)


# What is asked.


class Server:
    """Answers what a terminal asks, and remembers it."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.refusal: Refused | None = None
        self.version = 0
        self.user = {"id": ADA}
        self._ids = itertools.count(1)

    def new_id(self) -> str:
        return f"c{next(self._ids)}"

    async def join(self, room_id: str) -> dict[str, Any]:
        members = [{"id": id, "name": NAMES[id], "state": "joined"} for id in (BEN, ADA, CHEN)]
        guest = {"id": "id-dina", "name": "Dina", "state": "invited"}
        return {"room": {"id": room_id, "members": [*members, guest]}}

    async def ask(self, kind: str, /, *, within: float = 10.0, **fields: Any) -> dict[str, Any]:
        self.asked.append({"type": kind} | {k: v for k, v in fields.items() if v is not None})
        if self.refusal is not None:
            raise self.refusal
        if kind == "booking.quote":
            return {
                "quoteId": "q1",
                "items": [flight_item()],
                "total": eur(26_800),
                "expiresAt": UNTIL,
            }
        self.version += 1
        return {"booking": view(version=self.version)}

    async def user_by_handle(self, token: str, handle: str) -> dict[str, Any] | None:
        return {"id": BEN} if handle == "benny" else None

    async def token(self) -> str:
        return "t"


class Screen(list[str]):
    def show(self, text: str, style: str = "") -> None:
        self.append(text)


class Names(dict[str, str]):
    async def look_up(self, *user_ids: str) -> None:
        pass


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def talk(server: Server) -> Any:
    bookings = Bookings()
    bookings.offers_shown([{"kind": "flight.offer", "offerId": "o1"}])
    return SimpleNamespace(
        session=server,
        account=SimpleNamespace(api=server, token=server.token),
        screen=Screen(),
        room={"id": ROOM},
        names=Names(NAMES),
        bookings=bookings,
        learn_members=lambda room: None,
    )


async def test_a_quote_is_for_all_who_joined_and_a_booking_seats_each_of_them(
    talk: Any, server: Server
) -> None:
    await terminal_bookings.quote(talk, "1")
    await terminal_bookings.book(talk, "")
    assert server.asked == [
        {"type": "booking.quote", "offerIds": ["o1"], "roomId": ROOM, "adults": 3},
        {
            "type": "booking.create",
            "quoteId": "q1",
            "roomId": ROOM,
            "participants": [ADA, BEN, CHEN],
            "travellers": [
                {"id": "t1", "payerId": ADA, "type": "adult"},
                {"id": "t2", "payerId": BEN, "type": "adult"},
                {"id": "t3", "payerId": CHEN, "type": "adult"},
            ],
            "split": "equal",
            "clientId": "c1",
        },
    ]
    assert "/traveller names them" in talk.screen[-1]
    with pytest.raises(TypedWrong, match="Nothing is quoted"):
        await terminal_bookings.book(talk, "")


async def test_shares_are_said_by_handle_or_name_and_children_sit_with_the_first(
    talk: Any, server: Server
) -> None:
    await terminal_bookings.quote(talk, "f1 adults=1 children=1,8")
    with pytest.raises(TypedWrong, match="Nobody who has joined"):
        await terminal_bookings.book(talk, "ada=100,dina=168")
    await terminal_bookings.book(talk, "ada=100,benny=168")
    created = server.asked[-1]
    assert created["split"] == [
        {"userId": ADA, "amount": eur(10_000)},
        {"userId": BEN, "amount": eur(16_800)},
    ]
    assert created["participants"] == [ADA, BEN]
    assert [(one["payerId"], one["type"]) for one in created["travellers"]] == [
        (ADA, "adult"),
        (ADA, "infant"),
        (ADA, "child"),
    ]


async def test_a_price_that_rose_is_shown_and_may_be_booked(talk: Any, server: Server) -> None:
    quote = {
        "quoteId": "q2",
        "items": [flight_item(previous=eur(26_000))],
        "total": eur(26_800),
        "expiresAt": UNTIL,
    }
    frame = {"code": "price_changed", "message": "The price has changed.", "quote": quote}
    server.refusal = Refused(frame)
    await terminal_bookings.quote(talk, "1")
    server.refusal = None
    assert "The price has changed." in talk.screen
    await terminal_bookings.book(talk, "with ada ben")
    assert (server.asked[-1]["quoteId"], server.asked[-1]["participants"]) == ("q2", [ADA, BEN])
    assert "The quote is for 3 adults, and 2 take part" in talk.screen[-1]


async def test_answers_go_to_the_newest_booking_of_this_room(talk: Any, server: Server) -> None:
    with pytest.raises(TypedWrong, match="no booking here"):
        await terminal_bookings.approve(talk, "")
    question = {
        "id": "q1",
        "kind": "resplit",
        "to": [ADA],
        "expiresAt": UNTIL,
        "options": [{"id": "yes", "text": "Yes"}, {"id": "no", "text": "No"}],
    }
    talk.bookings.update_lines(update(1, "Hm.", question=question), NAMES, ADA, ROOM)
    await terminal_bookings.choose(talk, "2")
    with pytest.raises(TypedWrong, match="no open question"):
        await terminal_bookings.choose(talk, "2")
    await terminal_bookings.approve(talk, "pm_card_visa_debit")
    await terminal_bookings.decline(talk, "")
    await terminal_bookings.cancel(talk, "")
    await terminal_bookings.booking(talk, "")
    assert server.asked == [
        {"type": "booking.decide", "bookingId": "b1", "questionId": "q1", "optionId": "no"},
        {
            "type": "booking.approve",
            "bookingId": "b1",
            "paymentMethod": "pm_card_visa_debit",
            "clientId": "c2",
        },
        {"type": "booking.decline", "bookingId": "b1"},
        {"type": "booking.cancel", "bookingId": "b1"},
        {"type": "booking.get", "bookingId": "b1"},
    ]


async def test_a_changed_flight_is_shown_with_what_comes_back_and_answered_beside_another_booking(
    talk: Any, server: Server
) -> None:
    question = {
        "id": "q7",
        "kind": "supplier_change",
        "to": [ADA, BEN],
        "expiresAt": UNTIL,
        "options": [
            {"id": "accept", "text": "Fly at the new times: QF1 BER 2027-05-14 09:00 – LIS …."},
            {
                "id": "refund",
                "text": "Give the flight up: 200.00 EUR of 268.00 EUR come back.",
                "shares": [{"userId": ADA, "amount": eur(12_000)}],
            },
        ],
    }
    told = update(3, "The airline has moved your flight QF1.", status="booked", question=question)
    lines = talk.bookings.update_lines(told, NAMES, ADA, ROOM)
    assert lines[0] == "    — The airline has moved your flight QF1."
    assert any("1  Fly at the new times" in line for line in lines)
    assert any("come back. (you 120.00 EUR)" in line for line in lines)
    assert "    /choose N answers." in lines
    talk.bookings.learn(view(version=1, bookingId="b2"))
    await terminal_bookings.choose(talk, "1")
    assert server.asked == [
        {"type": "booking.decide", "bookingId": "b1", "questionId": "q7", "optionId": "accept"}
    ]


async def test_after_a_restart_the_rooms_card_says_which_booking_there_is(
    talk: Any, server: Server
) -> None:
    talk.bookings.notice_lines(message("All have paid.", 7), ADA)
    await terminal_bookings.traveller(talk, "Ada Lovelace 1990-12-10 f ada@example.org")
    assert [one["type"] for one in server.asked] == ["booking.get", "booking.traveller"]
    assert server.asked[-1]["travellerId"] == "t1"
    assert talk.screen[-1] == "    t1 is Ada; 1 without a name yet."
