"""Personas' answers in a terminal: what people see of what grows."""

from typing import Any

from commands.terminal_answers import Answers, card_lines

AT = 1_760_000_000_000
OFFER = {
    "kind": "hotel.offer",
    "id": "o1",
    "title": "Casa Azul",
    "offerId": "o1",
    "supplier": "amadeus",
    "canHold": False,
    "price": {"amount": 12_300, "currency": "EUR"},
    "details": {
        "kind": "hotel",
        "hotelId": "h",
        "name": "Casa Azul",
        "checkIn": "2027-02-05",
        "checkOut": "2027-02-07",
    },
}
PLACE = {"kind": "place", "id": "p1", "title": "Funchal", "country": "PT", "about": "An island."}


def begun(answers: Answers) -> None:
    event = {"type": "run.started", "runId": "r", "messageId": "m", "personaId": "p"}
    assert answers.started(event, "Explorer") == []


def grows(answers: Answers, offset: int, text: str) -> list[str]:
    return answers.grew({"type": "chat.delta", "runId": "r", "offset": offset, "text": text})


def message(content: str, **more: Any) -> dict[str, Any]:
    return {
        "type": "chat.message",
        "messageId": "m",
        "seq": 12,
        "sentAt": AT,
        "sender": {"id": "p", "kind": "persona", "name": "Explorer"},
        "content": content,
        "ai": {"tier": "template"},
        **more,
    }


def test_sentences_are_shown_as_they_are_whole_and_only_once():
    answers = Answers()
    begun(answers)
    assert grows(answers, 0, "Warm in Feb") == []
    assert grows(answers, 11, "ruary? Yes. Let me") == ["    Explorer (AI): Warm in February? Yes."]
    assert grows(answers, 29, " look.") == ["      Let me look."]
    [line] = answers.message_lines(message("Warm in February? Yes. Let me look."))
    assert line.endswith("Explorer (AI, template): …")
    assert line.startswith(" 12 ")


def test_a_gap_shows_nothing_more_until_the_message_brings_the_whole():
    answers = Answers()
    begun(answers)
    assert grows(answers, 0, "One. ") == ["    Explorer (AI): One."]
    assert grows(answers, 9, "three.") == []
    assert grows(answers, 5, "two. ") == []
    [line] = answers.message_lines(message("One. two three."))
    assert line.endswith("…  two three.".replace("  ", " "))


def test_an_answer_that_nobody_saw_grow_is_shown_whole_with_its_cards_numbered():
    answers = Answers()
    lines = answers.message_lines(message("Two ideas.", cards=[OFFER, PLACE]))
    assert lines[0].endswith("Explorer (AI, template): Two ideas.")
    assert "123.00 EUR" in lines[1]
    assert lines[2] == "  2 Funchal, PT: An island."
    card = answers.card("2")
    assert card is not None
    assert card["id"] == "p1"
    assert answers.card("3") is answers.card("0") is answers.card("x") is None


def test_numbers_refer_to_the_newest_answer_that_has_cards():
    answers = Answers()
    answers.message_lines(message("Here.", cards=[PLACE]))
    answers.message_lines(message("Thank you.", messageId="n"))
    assert (answers.newest_message, answers.cards_message) == ("n", "m")


def test_a_run_without_a_message_says_that_it_did_not_finish_if_it_began():
    answers = Answers()
    begun(answers)
    assert answers.newest_run == "r"
    grows(answers, 0, "I think.")
    assert answers.ended({"runId": "r", "reason": "failed"}) == ["    — Explorer did not finish —"]
    assert answers.newest_run is None
    begun(answers)
    assert answers.ended({"runId": "r", "reason": "failed"}) == []


def test_what_a_persona_writes_steers_no_terminal():
    answers = Answers()
    begun(answers)
    [line] = grows(answers, 0, "\x1b[2Jhi.")
    assert "\x1b" not in line
    assert "\x1b" not in "".join(card_lines([{**PLACE, "title": "\x1b[2J"}]))
    assert "\n" not in "".join(card_lines([{**PLACE, "title": "a\nb", "about": "c\nd"}]))


def test_unfinished_and_old_answers_are_marked():
    [line] = Answers().message_lines(
        message("So.", ai={"tier": "generated", "partial": True, "stale": True})
    )
    assert "(AI, generated, unfinished, from an earlier search)" in line
