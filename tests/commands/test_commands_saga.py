"""What `main.py saga` prints of bookings that wait for an operator."""

import argparse
import io
from dataclasses import replace

import pytest
from rich.console import Console

from actors.booking.commands import left_word
from commands.saga import WIDTH, configure, leave_word, show_list, show_one, word_of
from commands.troubles import sentence_of
from core.errors import Rejected
from core.ports.bookings import BookingSummary, IntentRecord
from core.ports.fraud import ScreeningRow
from protocol.booking import OperateBooking
from protocol.frames import Money
from storage.postgres.durable_timers import PostgresDurableTimers
from storage.postgres.pool import Database
from storage.sharding import SHARDS

BOOKING_ID = "01999999-0000-7000-8000-00000000000b"
REVIEW = ScreeningRow(
    at=1_789_873_200_000,
    verdict="review",
    reasons=("many_declines", "[b]unusual[/b]"),
    score=0.61237,
    model="20260920-1a2b3c4d",
    features=(1.0,),
)
ALLOWED = ScreeningRow(
    at=1_789_873_300_000,
    verdict="allow",
    reasons=(),
    score=None,
    model="rules",
    features=(),
    by="olga",
)


def printer() -> tuple[Console, io.StringIO]:
    out = io.StringIO()
    return Console(file=out, width=WIDTH, color_system=None), out


def test_the_list_says_why_a_booking_is_in_review() -> None:
    waits = BookingSummary(
        booking_id="b1",
        room_id=None,
        creator_id="u1",
        status="booking",
        state="READY",
        step="Everything is reserved on your cards.",
        version=3,
        total=Money(amount=20_000, currency="EUR"),
        created_at=1,
        changed_at=2,
        needs_operator=True,
        screening=REVIEW,
    )
    console, out = printer()
    show_list([waits], {}, console)
    text = " ".join(out.getvalue().split())
    for word in ("READY", "review", "0.612", "many_declines,", "[b]unusual[/b]", "reserved"):
        assert word in text
    console, out = printer()
    show_list([waits], {"b1": "A refund failed"}, console)
    assert "A refund failed" in " ".join(out.getvalue().split())


def test_nothing_that_a_supplier_or_a_colleague_says_steers_the_terminal() -> None:
    steering = "\x1b]0;title\x07\x9b2J\u202e"
    call = IntentRecord(seq=1, op="book", key="k", committed_at=1, detail=steering)
    console, out = printer()
    show_one({"why": steering}, [call], [], [replace(ALLOWED, by=steering)], console)
    text = out.getvalue()
    assert text.count("·2J·") == 3
    assert not any(letter in text for letter in steering if not letter.isprintable())


def typed(*words: str) -> OperateBooking:
    parser = argparse.ArgumentParser()
    configure(parser)
    return word_of(parser.parse_args(words), "KWD")


def test_what_a_supplier_returned_is_typed_in_the_bookings_currency() -> None:
    word = typed("returned", "b1", "21.340", "--part", "f2", "--note", "by telephone")
    assert (word.action, word.part_id, word.note) == ("returned", "f2", "by telephone")
    assert word.amount == Money(amount=21_340, currency="KWD")
    assert typed("retry", "b1").amount is None
    for amount in ("21.3405", "all", "21,3", "{21}"):
        with pytest.raises(Rejected) as caught:
            typed("returned", "b1", amount)
        assert sentence_of(caught.value) == f"{amount} is no amount in KWD."


def test_what_was_done_by_hand_has_to_be_said() -> None:
    """Over HTTP as well."""
    assert typed("settle", "b1", "--note", "paid at the desk").note == "paid at the desk"
    with pytest.raises(Rejected, match="--note"):
        typed("settle", "b1", "--note", " ")


async def test_a_word_that_no_server_has_heard_yet_is_not_replaced_by_the_next(
    database: Database,
) -> None:
    """No server runs: that a supplier returned money would be lost without a word."""
    timers = PostgresDurableTimers(database)
    returned = OperateBooking(
        operator="terminal", action="returned", amount=Money(amount=21_340, currency="EUR")
    )
    await leave_word(database, BOOKING_ID, returned)
    with pytest.raises(Rejected, match="waits already"):
        await leave_word(database, BOOKING_ID, typed("retry", BOOKING_ID))
    claimed, _ = await timers.claim(dict.fromkeys(range(SHARDS), 0), now=1, until=2, most=9)
    [word] = [left_word(each.timer.payload) for each in claimed]
    assert word == returned
    # It may be what the booking cannot take: then another one is the way out.
    await leave_word(database, BOOKING_ID, typed("retry", BOOKING_ID))
    [claimed], _ = await timers.claim(dict.fromkeys(range(SHARDS), 0), now=3, until=4, most=9)
    assert left_word(claimed.timer.payload).action == "retry"


def test_one_is_shown_with_each_verdict_and_each_word_about_it() -> None:
    console, out = printer()
    booking = {"state": "READY", "screening": {"features": {"declines": 1.0}}}
    show_one(booking, [], [], [REVIEW, ALLOWED], console)
    text = out.getvalue()
    for words in ("declines", "Screenings", "20260920-1a2b3c4d", "olga", "0.612"):
        assert words in text
    console, out = printer()
    show_one(booking, [], [], [], console)
    assert "Screenings" not in out.getvalue()
