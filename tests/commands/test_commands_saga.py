"""What `main.py saga` prints of bookings that wait for an operator."""

import io

from rich.console import Console

from commands.saga import WIDTH, is_in_review, show_list, show_one
from core.ports.bookings import BookingSummary
from core.ports.fraud import ScreeningRow
from protocol.frames import Money

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
    show_list([waits], console)
    text = " ".join(out.getvalue().split())
    for word in ("READY", "review", "0.612", "many_declines,", "[b]unusual[/b]"):
        assert word in text


def test_a_word_is_left_only_where_a_verdict_waits_for_it() -> None:
    review, allow = {"verdict": "review"}, {"verdict": "allow"}
    assert is_in_review({"state": "READY", "screening": review})
    assert is_in_review({"state": "CAPTURE_REPAIR", "screening": review})
    assert not is_in_review({"state": "READY", "screening": allow})
    assert not is_in_review({"state": "READY", "screening": None})
    assert not is_in_review({"state": "CANCELLED", "screening": review})


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
