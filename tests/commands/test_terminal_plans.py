"""The trip board in a terminal: what people type, what is asked, what they read."""

from types import SimpleNamespace
from typing import Any

import pytest

from commands import terminal_plans
from commands.terminal_booking_state import Bookings
from commands.terminal_plan_words import (
    Expense,
    Poll,
    Titles,
    added_of,
    board_lines,
    expense_of,
    newest_closed,
    poll_card_lines,
    poll_of,
    settlement_lines,
)
from commands.terminal_travel import TypedWrong
from protocol.frames import Money

ADA, BEN = "id-ada", "id-ben"
NAMES = {ADA: "Ada Lovelace", BEN: "Ben"}


def item(id: str, kind: str, title: str, **fields: Any) -> dict[str, Any]:
    return {"id": id, "kind": kind, "fields": {"title": title} | fields}


BOARD = [
    item("d", "day", "Arrival", date="2027-05-14"),
    item("s", "stop", "Belém", startsAt="10:00"),
    item("p1", "poll", "Where to?", votes={ADA: "o2", BEN: "o2"}),
    item("o1", "option", "Rome", pollId="p1", price={"amount": 9_000, "currency": "EUR"}),
    item("o2", "option", "Oslo", pollId="p1"),
    item("p0", "poll", "When?", closed=True, winner="o9"),
    item("o9", "option", "May", pollId="p0"),
    item("e", "expense", "dinner", amount={"amount": 4_250, "currency": "EUR"}, paidBy=BEN),
    item("f", "expense", "flight", bookingId="b"),
    item("b", "budget", "Food", amount={"amount": 40_000, "currency": "EUR"}),
    item("t", "packing", "Tent", isPacked=True),
]


class FakeSession:
    """Answers `plan.open` with the board, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.user = {"id": ADA}
        self._ids = 0

    def new_id(self) -> str:
        self._ids += 1
        return f"new-{self._ids}"

    async def ask(self, kind: str, **fields: Any) -> dict[str, Any]:
        self.asked.append((kind, fields))
        if kind == "plan.open":
            return {"version": 7, "items": BOARD}
        return {"version": 8, "ops": fields["ops"]}


def a_talk() -> Any:
    shown: list[str] = []
    bookings = Bookings()
    bookings.offers_shown([{"kind": "flight.offer", "title": "Lisbon", "offerId": "offer-1"}])

    async def look_up(*ids: str) -> None: ...

    names = SimpleNamespace(get=NAMES.get, look_up=look_up)
    return SimpleNamespace(
        session=FakeSession(),
        bookings=bookings,
        titles=Titles(),
        room={"id": "room"},
        names=names,
        shown=shown,
        screen=SimpleNamespace(show=lambda text, style="": shown.append(text)),
    )


def test_a_poll_has_a_question_options_and_perhaps_a_quorum_and_an_end() -> None:
    assert poll_of("Where to? | Rome | Oslo in May | quorum=2") == Poll(
        question="Where to?", options=("Rome", "Oslo in May"), quorum=2
    )
    timed = poll_of("Which? | f1 h2 | 3 | until 2027-05-01 18:00")
    assert (timed.options, timed.until is not None) == ((("f1", "h2"), ("3",)), True)


@pytest.mark.parametrize("typed", ["", "Where?", "Where? | Rome", "| Rome | Oslo", "W? | a | "])
def test_what_is_no_poll_is_answered_by_how_to_type_it(typed: str) -> None:
    with pytest.raises(TypedWrong, match="/poll"):
        poll_of(typed)


def test_an_expense_is_an_amount_what_for_and_perhaps_who_shares_it() -> None:
    assert expense_of("42.50 EUR dinner at Ada's for ben, chen") == Expense(
        amount=Money(amount=4_250, currency="EUR"), title="dinner at Ada's", sharers=("ben", "chen")
    )
    assert expense_of("900 jpy sushi").amount == Money(amount=900, currency="JPY")
    for typed in ("", "42.50 EUR", "dinner 4 EUR", "0 EUR x", "1.234 EUR x", "4 EURO x"):
        with pytest.raises(TypedWrong, match="/expense"):
            expense_of(typed)


def test_what_is_added_is_of_a_kind() -> None:
    assert added_of("day 2027-05-14 Arrival") == ("day", {"title": "Arrival", "date": "2027-05-14"})
    assert added_of("day 2027-05-14") == ("day", {"title": "2027-05-14", "date": "2027-05-14"})
    assert added_of("stop 9:30 Belém") == ("stop", {"title": "Belém", "startsAt": "09:30"})
    assert added_of("Castle walk") == ("stop", {"title": "Castle walk"})
    assert added_of("packing Tent") == ("packing", {"title": "Tent"})
    amount = {"amount": 40_000, "currency": "EUR"}
    assert added_of("budget 400 EUR food") == ("budget", {"title": "food", "amount": amount})
    for typed in ("", "day tomorrow", "stop 10:00", "budget food"):
        with pytest.raises(TypedWrong, match="/plan"):
            added_of(typed)


def test_the_board_is_numbered_and_says_what_is_voted_for() -> None:
    lines = [line.strip() for line in board_lines(BOARD, NAMES)]
    assert lines == [
        "1  — Arrival 2027-05-14 —",
        "2  10:00 Belém",
        "3  ? Where to?",
        "4    · Rome, 90.00 EUR",
        "5    · Oslo  (2)",
        "6  ? When?  (closed: May)",
        "7    · May",
        "8  dinner: 42.50 EUR, paid by Ben",
        "9  flight: what the booking cost",
        "10  Food: at most 400.00 EUR",
        "11  [x] Tent",
    ]
    assert newest_closed(BOARD) == "p0"
    with pytest.raises(TypedWrong, match="closed"):
        newest_closed(BOARD[:5])


def test_a_settlement_says_who_gives_whom_how_much() -> None:
    euros = {
        "currency": "EUR",
        "total": 4_250,
        "balances": [
            {"userId": ADA, "paid": 0, "share": 2_125, "balance": -2_125},
            {"userId": BEN, "paid": 4_250, "share": 2_125, "balance": 2_125},
        ],
        "transfers": [
            {"senderId": ADA, "receiverId": BEN, "amount": {"amount": 2_125, "currency": "EUR"}}
        ],
        "isFewest": True,
    }
    lines = settlement_lines({"settlements": [euros]}, NAMES, ADA)
    assert lines[-1] == "    → you to Ben: 21.25 EUR"
    many = settlement_lines({"settlements": [euros | {"isFewest": False}]}, NAMES, ADA)
    assert "too many people" in many[-1]
    even = settlement_lines({"settlements": [euros | {"transfers": []}]}, NAMES, ADA)
    assert even[-1] == "    All are even."
    assert "/expense" in settlement_lines({"settlements": []}, NAMES, ADA)[0]


async def test_a_poll_of_offers_is_one_call_with_its_options() -> None:
    talk = a_talk()
    await terminal_plans.poll(talk, "Which? | f1 | stay home")
    _, sent = talk.session.asked[0]
    assert [(op["op"], op["kind"]) for op in sent["ops"]] == [
        ("add", "poll"),
        ("add", "option"),
        ("add", "option"),
    ]
    question, first, second = (op["fields"] for op in sent["ops"])
    assert question == {"title": "Which?"}
    assert first == {"title": "Lisbon", "offerIds": ["offer-1"], "pollId": "new-1"}
    assert second == {"title": "stay home", "pollId": "new-1"}


async def test_a_vote_is_for_an_option_of_the_open_poll_by_its_number() -> None:
    talk = a_talk()
    await terminal_plans.vote(talk, "2")
    applied = [fields for kind, fields in talk.session.asked if kind == "plan.apply"]
    assert applied[0]["ops"] == [{"op": "vote", "id": "p1", "fields": {"optionId": "o2"}}]
    assert applied[0]["version"] == 7
    assert talk.shown == ["    ? Where to?", "      1  Rome, 90.00 EUR", "      2  Oslo  2"]
    with pytest.raises(TypedWrong, match="/vote"):
        await terminal_plans.vote(talk, "3")


@pytest.mark.parametrize(
    ("typed", "op"),
    [
        ("set 2 Sintra", {"op": "set", "id": "s", "fields": {"title": "Sintra"}}),
        ("move 2", {"op": "move", "id": "s"}),
        ("move 2 after 8", {"op": "move", "id": "s", "after": "e"}),
        ("remove 11", {"op": "remove", "id": "t"}),
        ("close", {"op": "close", "id": "p1"}),
    ],
)
async def test_items_are_changed_by_their_numbers(typed: str, op: dict[str, Any]) -> None:
    talk = a_talk()
    await terminal_plans.plan(talk, typed)
    assert talk.session.asked[-1][1]["ops"] == [op]


async def test_what_makes_no_sense_asks_nothing() -> None:
    talk = a_talk()
    for typed in ("fly", "set 2", "move", "remove 99"):
        with pytest.raises(TypedWrong, match="/plan"):
            await terminal_plans.plan(talk, typed)
    assert {kind for kind, _ in talk.session.asked} <= {"plan.open"}


def test_others_changes_are_told_in_words() -> None:
    titles = Titles()
    add = {"op": "add", "id": "p", "kind": "poll", "fields": {"title": "Where?"}}
    option = {"op": "add", "id": "o", "kind": "option", "fields": {"title": "Rome", "pollId": "p"}}
    assert titles.told({"ops": [add, option]}, "Ben") == []
    choices = [{"title": "Rome"}, {"title": "Oslo"}]
    card = {"kind": "poll", "isClosed": False, "options": choices}
    assert poll_card_lines([card]) == ["      1  Rome  (/vote N)", "      2  Oslo"]
    assert poll_card_lines([card | {"isClosed": True}, {"kind": "booking"}]) == []
    vote = {"op": "vote", "id": "p", "fields": {"by": BEN, "optionId": "o"}}
    assert titles.told({"ops": [vote]}, "Ben") == ["    Ben votes for “Rome”: Where?"]
    close = {"op": "close", "id": "p", "fields": {"winner": "o"}}
    assert titles.told({"ops": [close]}, "x") == []
    gone = {"op": "remove", "id": "unheard"}
    assert titles.told({"ops": [gone]}, "Ben") == ["    Ben took “something” off the plan."]
