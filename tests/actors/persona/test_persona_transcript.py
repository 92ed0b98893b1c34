"""What of what was said before a persona may have in mind: said since it came, readable for all who read now."""

from typing import Any

import pytest
from actors_world import user_id
from hypothesis import given
from hypothesis import strategies as st
from persona_world import ADA, BEN, LUXA, NOVA

from actors.persona.transcript import HEARD_FOR, MOST_LINES, Line, Transcript
from protocol.chat import MessagePosted, Sender
from protocol.persona import RoomGlimpse
from protocol.wording import MAX_HEARD, MAX_HEARD_BYTES, MAX_UTTERED, Uttered


def message(seq: int, text: str, by: int = ADA) -> MessagePosted:
    return MessagePosted(
        room_id="r",
        epoch="e",
        seq=seq,
        sent_at=seq,
        message_id=f"m{seq}",
        sender=Sender(id=user_id(by), kind="user", name="Any"),
        content=text,
    )


def answer(seq: int, text: str, by: str = NOVA, to: int = ADA) -> Line:
    return Line(seq=seq, at=seq, message_id=f"a{seq}", by=by, text=text, asker=user_id(to))


def room(**changes: Any) -> RoomGlimpse:
    whole: dict[str, Any] = {
        "kind": "group",
        "speaking": "auto",
        "personas": (),
        "people": {user_id(ADA): "Ada", user_id(BEN): "Ben"},
        "seated": {NOVA: 1, LUXA: 1},
    }
    return RoomGlimpse(**whole | changes)


def talk() -> Transcript:
    """Four lines, to which Ada's last one is to be answered by Nova."""
    transcript = Transcript()
    transcript.hear(message(1, "hi"))
    transcript.answered(answer(2, "Hello!"))
    transcript.hear(message(3, "I am off", BEN))
    transcript.answered(answer(4, "Bye!", LUXA, BEN))
    transcript.hear(message(5, "somewhere warm?"))
    return transcript


def heard(transcript: Transcript, *, now: int = 10, asked: str = "m5", **changes: Any) -> list[str]:
    found = transcript.heard_by(
        NOVA, room(**changes), asker_id=user_id(ADA), message_id=asked, now=now
    )
    return [one.text for one in found]


def test_it_says_who_said_what_and_no_name() -> None:
    found = talk().heard_by(NOVA, room(), asker_id=user_id(ADA), message_id="m5", now=10)
    assert found == (
        Uttered(by="asker", text="hi"),
        Uttered(by="self", text="Hello!"),
        Uttered(by="other", text="I am off"),
        Uttered(by="persona", text="Bye!"),
        Uttered(by="asker", text="somewhere warm?"),
    )


@pytest.mark.parametrize(
    ("changes", "kept"),
    [
        ({"seated": {NOVA: 3}}, ["I am off", "Bye!", "somewhere warm?"]),
        ({"read_from": 4}, ["Bye!", "somewhere warm?"]),
        ({"read_from": 6}, []),
        ({"seated": {LUXA: 1}}, []),
        ({"people": {user_id(ADA): "Ada"}}, ["hi", "Hello!", "somewhere warm?"]),
        ({"now": HEARD_FOR + 3}, ["I am off", "Bye!", "somewhere warm?"]),
        ({"asked": "m3"}, ["hi", "Hello!", "I am off"]),
        ({"asked": "unknown"}, []),
    ],
)
def test_what_is_older_than_the_persona_or_a_reader_and_of_who_left_is_not_there(
    changes: dict[str, Any], kept: list[str]
) -> None:
    assert heard(talk(), **changes) == kept


def test_what_it_said_since_comes_before_the_message_that_is_answered() -> None:
    transcript = talk()
    transcript.hear(message(6, "and cheap?"))
    transcript.answered(answer(7, "Faro!"))
    transcript.answered(answer(8, "Rome!", LUXA))
    texts = ["hi", "Hello!", "I am off", "Bye!", "somewhere warm?", "Faro!", "and cheap?"]
    assert heard(transcript, asked="m6") == texts


@pytest.mark.parametrize(
    ("gone", "was_used", "kept"),
    [
        ("m1", False, ["I am off", "somewhere warm?"]),
        ("m3", False, ["hi", "Hello!", "somewhere warm?"]),
        ("a2", False, ["hi", "I am off", "somewhere warm?"]),
        ("m5", False, []),
        ("elsewhere", True, ["hi", "I am off", "somewhere warm?"]),
        ("elsewhere", False, ["hi", "Hello!", "I am off", "Bye!", "somewhere warm?"]),
    ],
)
def test_what_is_unsaid_goes_with_what_personas_may_have_said_because_of_it(
    gone: str, was_used: bool, kept: list[str]
) -> None:
    transcript = talk()
    transcript.unsay(gone, was_used=was_used)
    assert heard(transcript) == kept


def test_who_left_takes_their_words_along_and_comes_back_without() -> None:
    transcript = talk()
    transcript.keep_only({user_id(ADA)})
    assert heard(transcript) == ["hi", "Hello!", "somewhere warm?"]


@given(st.lists(st.text(max_size=1_000), max_size=60))
def test_it_is_bounded_and_keeps_the_newest(texts: list[str]) -> None:
    transcript = Transcript()
    for seq, text in enumerate(texts, 1):
        transcript.hear(message(seq, text))
    transcript.hear(message(99, "asked"))
    assert len(transcript) <= MOST_LINES
    found = heard(transcript, asked="m99")
    assert len(found) <= MAX_HEARD
    assert sum(len(text.encode()) for text in found) <= MAX_HEARD_BYTES
    assert found[-1] == "asked"
    lines = [line.text for line in transcript._lines]
    assert found == lines[len(lines) - len(found) :]
    assert max(map(len, found)) <= MAX_UTTERED
