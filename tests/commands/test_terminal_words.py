"""Events in words."""

import pytest

from commands.terminal_answers import Answers
from commands.terminal_people import Numbers
from commands.terminal_words import change_line, clean, message_line

NAMES = {"1": "Ada", "2": "Bob"}
AT = 1_760_000_000_000


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ({"type": "room.changed", "change": "created"}, "Ada made this room."),
        ({"type": "room.changed", "change": "invited", "userIds": ["2"]}, "Ada invited Bob."),
        ({"type": "room.changed", "change": "joined"}, "Ada joined."),
        ({"type": "room.changed", "change": "left"}, "Ada left."),
        ({"type": "room.changed", "change": "removed", "userIds": ["9"]}, "Ada removed somebody."),
        (
            {"type": "room.changed", "change": "updated", "title": "Faro"},
            "Ada named this room “Faro”.",
        ),
        ({"type": "room.changed", "change": "updated", "settings": {}}, "Ada changed this room."),
        ({"type": "chat.deleted", "messageId": "m"}, "Ada deleted message 7."),
        ({"type": "chat.deleted", "messageId": "?"}, "Ada deleted an earlier message."),
        ({"type": "chat.pinned", "messageId": "m", "active": False}, "Ada unpinned message 7."),
        (
            {"type": "chat.reacted", "messageId": "m", "active": False, "emoji": "🎉"},
            "Ada took 🎉 off message 7.",
        ),
    ],
)
def test_a_change_is_a_sentence(event: dict, words: str):
    assert change_line({**event, "by": "1"}, NAMES, {"m": 7}) == words


def test_nobody_steers_a_terminal_by_what_they_write():
    assert clean("\x1b[2J\x07hi\u202e\x9b") == "·[2J·hi··"
    assert clean("👩\u200d🚀 a\tb\nc") == "👩\u200d🚀 a    b\nc"


def test_nobody_writes_lines_of_their_own_by_changing_a_message():
    event = {
        "type": "chat.edited",
        "by": "1",
        "messageId": "m",
        "content": "hi\n 12 09:41 Bob: yes",
    }
    first, second = change_line(event, NAMES, {"m": 7}).split("\n")
    assert first == "Ada changed message 7: hi"
    assert second == "          12 09:41 Bob: yes"


def test_a_message_shows_what_became_of_it():
    message = {"seq": 3, "sentAt": AT, "sender": {"name": "Ada"}, "content": "hi"}
    assert message_line(message).endswith("Ada: hi")
    assert message_line({**message, "edited": AT}).endswith("Ada: hi  (edited)")
    assert message_line({**message, "deleted": True, "content": ""}).endswith("Ada: (deleted)")


def test_a_persona_that_is_renamed_did_not_come_in_anew() -> None:
    event = {
        "type": "room.changed",
        "change": "persona",
        "by": "ada",
        "active": True,
        "persona": {"id": "p", "name": "Luna"},
    }
    assert "brought in Luna" in change_line(event, {"ada": "Ada", "p": "Luna"}, {})
    assert "brought in Luna" in change_line(event, {"ada": "Ada"}, {})
    said = change_line(event, {"ada": "Ada", "p": "Nova"}, {})
    assert said == "Ada calls Nova Luna from now on."


@pytest.mark.parametrize("names", [{}, {"p": "Luna"}])
def test_a_persona_of_somebody_who_is_forgotten_was_brought_in_all_the_same(
    names: dict[str, str],
) -> None:
    persona = {"id": "p", "name": ""}
    event = {"type": "room.changed", "change": "persona", "by": "ada", "active": True}
    line = change_line({**event, "persona": persona}, names, {})
    assert line.startswith("Somebody brought in …, an AI persona.")


@pytest.mark.parametrize("typed", ["²", "٣", "1" * 5_000, "-1", "0", "one", ""])
def test_what_is_no_number_finds_no_message_and_no_card(typed: str) -> None:
    numbers = Numbers()
    numbers.shown({"messageId": "m", "seq": 1}, is_mine=True)
    assert numbers.find(typed) is None
    assert numbers.find("1") == "m"
    assert Answers().card(typed) is None
