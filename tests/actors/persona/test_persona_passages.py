"""What a character card has to say, as passages of a plan."""

from time import process_time
from typing import Any

import pytest
from msgspec.structs import replace

from actors.persona import passages
from actors.persona.hints import MOST_READ, folded
from actors.persona.passages import (
    MOST_OF_A_FIELD,
    NO_PASSAGES,
    Passages,
    character_of,
    passages_of,
    spoken,
)
from protocol.persona import Persona
from protocol.wording import ACTS, MAX_PASSAGE, MAX_PASSAGES

EXAMPLES = """<START>
{{user}}: How are you today?
{{char}}: Dusty, dear {{user}}, and happy.
And you?
{{user}}: Thank you so much!
Juniper: *bows* It was an honour.
<START>
{{user}}: Where did you spend your childhood?
{{char}}: Between shelves, mostly.
"""
ENTRIES: list[dict[str, Any]] = [
    {"keys": ["library"], "content": "Libraries are my home.", "insertion_order": 1},
    {"keys": ["Sunken Library"], "content": "The Sunken Library sleeps under the lake."},
    {"keys": ["Verne"], "content": "Verne is a rival.", "case_sensitive": True},
    {"keys": ["dragon"], "secondary_keys": ["red"], "selective": True, "content": "Beware."},
    {"keys": ["tower"], "content": "A tower.", "enabled": False},
    {"keys": ["/(a+)+$/"], "content": "Regex.", "use_regex": True},
    {"keys": ["/b/i"], "content": "Regex in disguise."},
    {"keys": ["ship"], "content": "Regex like any word.", "use_regex": True},
    {"keys": ["gold"], "content": "Buy at https://evil.example now."},
]


def persona(greeting: str = "", **data: Any) -> Persona:
    card = {"spec": "chara_card_v2", "spec_version": "2.0", "data": {"name": "Juniper", **data}}
    return Persona(
        id="p", owner_id="u", name="Juniper", style="local", greeting=greeting, card=card
    )


def found(act: Any, said: str = "", has_spoken: bool = False, **data: Any) -> Passages:
    one = persona(data.pop("greeting", ""), **data)
    return passages_of(one, act, said=said, has_spoken=has_spoken, seed=data.get("seed", 1))


def lore(said: str) -> tuple[str, ...]:
    return found("smalltalk", said, character_book={"entries": ENTRIES}).texts


def test_a_greeting_is_the_persona_s_own_as_it_is_now() -> None:
    one = persona("Hello, {{user}}! {{Char}} at your <user>'s service.", first_mes="old")
    hello = "Hello, {user}! {persona} at your {user}'s service."
    assert passages_of(one, "greet", said="hi", has_spoken=False) == Passages((hello,), True)


def test_who_was_greeted_may_hear_another_greeting() -> None:
    greetings = {"greeting": "First.", "alternate_greetings": ["Second.", 7, "  "]}
    assert found("greet", **greetings).texts == ("First.", "Second.")
    assert found("greet", has_spoken=True, **greetings).texts == ("Second.", "First.")


def test_a_persona_without_a_card_greets_with_its_own_words_too() -> None:
    one = Persona(id="p", owner_id="u", name="Nova", style="local", greeting="Ahoy!")
    assert passages_of(one, "greet", said="", has_spoken=False).texts == ("Ahoy!",)
    assert passages_of(one, "smalltalk", said="ahoy", has_spoken=False) == NO_PASSAGES


@pytest.mark.parametrize(
    ("said", "answers"),
    [
        ("how are you doing today", ("Dusty, dear {user}, and happy. And you?",)),
        ("thanks, thank you so much", ("It was an honour.",)),
        ("tell me about your childhood", ("Between shelves, mostly.",)),
        ("what is the capital of france", ()),
        ("", ()),
    ],
)
def test_an_example_answers_what_is_like_its_question(said: str, answers: tuple[str, ...]) -> None:
    assert found("smalltalk", said, mes_example=EXAMPLES) == Passages(answers)


@pytest.mark.parametrize(
    ("said", "entries"),
    [
        ("What is a LIBRARY?", ("Libraries are my home.",)),
        (
            "the sunken   library!",
            ("The Sunken Library sleeps under the lake.", "Libraries are my home."),
        ),
        ("verne", ()),
        ("Jules Verne", ("Verne is a rival.",)),
        ("a dragon", ()),
        ("a red dragon", ("Beware.",)),
        ("librarybooks", ()),
        ("a tower", ()),
        ("aaaa a b i", ()),
        ("a ship", ()),
        ("gold", ()),
    ],
)
def test_an_entry_answers_when_its_key_occurs(said: str, entries: tuple[str, ...]) -> None:
    assert lore(said) == entries


def test_what_was_asked_for_by_name_goes_before_what_is_alike() -> None:
    both = found(
        "smalltalk",
        "how are you today, library?",
        mes_example=EXAMPLES,
        character_book={"entries": ENTRIES},
    )
    assert both.texts == ("Libraries are my home.", "Dusty, dear {user}, and happy. And you?")
    assert both.come_first


def test_version_1_has_its_fields_at_the_top() -> None:
    card = {"name": "Juniper", "mes_example": EXAMPLES}
    one = Persona(id="p", owner_id="u", name="Juniper", style="local", card=card)
    texts = passages_of(one, "smalltalk", said="how are you today", has_spoken=False).texts
    assert texts == ("Dusty, dear {user}, and happy. And you?",)


def test_only_talk_is_answered_by_a_card() -> None:
    """Acts that tell of offers, places, questions and confirmations are never a card's."""
    book = {"entries": ENTRIES}
    answered = {
        act for act in ACTS if found(act, "library", greeting="Hi!", character_book=book).texts
    }
    assert answered == {"greet", "smalltalk", "out_of_scope", "welcome_thanks", "ask_again"}


@pytest.mark.parametrize(
    ("text", "passage"),
    [
        ("*waves happily* Hello!", "Hello!"),
        ("You are *so* welcome.", "You are so welcome."),
        ("Hello!\n\n*smiles*\nCome in.", "Hello! Come in."),
        ("@@depth 4\nThe lake is deep.", "The lake is deep."),
        ("*nods*", None),
        ("a * b", None),
        ("{user}", None),
        ("{{random:a,b}}", None),
        ("{{user} hello", None),
        ("<b>bold</b>", None),
        ("see https://x.example", None),
        ("\u202eHello\u200b there.", "Hello there."),
        ("{{ user }}", "{user}"),
        ("   ", None),
    ],
)
def test_a_passage_is_one_plain_line(text: str, passage: str | None) -> None:
    assert spoken(text) == passage


def test_a_long_passage_ends_with_a_sentence() -> None:
    text = spoken("All is well that ends well. " * 400)
    assert text is not None
    assert len(text) <= MAX_PASSAGE
    assert text.endswith("well.")
    assert spoken("x" * 4_000) is None


HOW = {"keys": ["how"]}


@pytest.mark.parametrize(
    "data",
    [
        {"character_book": {"entries": [HOW | {"content": "*" * 3_000}] * 5_000}},
        {"character_book": {"entries": [HOW | {"content": "*a" * 2_000}] * 5_000}},
        {"character_book": {"entries": [{"keys": ["é" * 2_000] * 99, "content": "a"}] * 5_000}},
        {"character_book": {"entries": [{"keys": ["how é" * 9] * 99, "content": "a"}] * 5_000}},
        {"mes_example": "{{user}}: how are you my friend\n{{char}}: fine.\n" * 90_000},
        {"mes_example": "{{" * 90_000},
        {"alternate_greetings": ["{{user}}" * 9_000] * 9_000},
    ],
)
def test_a_card_of_megabytes_costs_no_more_than_a_small_one(data: Any) -> None:
    """Processor time, far above what it takes and far below what all of it would."""
    begun = process_time()
    for act in ("greet", "smalltalk"):
        found(act, "how are you " * 200, greeting="*" * 4_000, **data)
    assert process_time() - begun < 0.25


def test_letters_that_fold_to_many_make_a_message_no_longer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In which thousands of keys are looked for."""
    looked_through: list[str] = []

    def padded(text: str) -> str:
        looked_through.append(text)
        return f" {text} "

    monkeypatch.setattr(passages, "_padded", padded)
    lore("\ufdfa" * MOST_READ)
    assert max(map(len, looked_through)) == MOST_READ


def test_keys_of_nothing_are_not_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_for: list[str] = []

    def counted(text: str, at_most: int | None = None) -> str:
        looked_for.append(text)
        return folded(text, at_most)

    monkeypatch.setattr(passages, "folded", counted)
    entries = [{"keys": ["", "ship"], "content": "A ship."}] * 500
    assert found("smalltalk", "a ship", character_book={"entries": entries}).texts
    assert "" not in looked_for


def test_a_card_that_is_anything_else_says_nothing() -> None:
    for data in (
        {"character_book": []},
        {"character_book": {"entries": {"0": "x"}}},
        {"character_book": {"entries": [None, 7, {"keys": "library", "content": "x"}]}},
        {"character_book": {"entries": [{"keys": [1, None], "content": "x"}]}},
        {"mes_example": ["x"]},
        {"mes_example": "no turns at all"},
    ):
        assert found("smalltalk", "library", **data) == NO_PASSAGES
    many = {"entries": [{"keys": ["k"], "content": f"Entry {at}."} for at in range(5_000)]}
    assert len(found("smalltalk", "k", character_book=many).texts) == MAX_PASSAGES


def test_who_it_is_is_told_as_it_came_the_beginning_of_each_field() -> None:
    one = persona("Hi!", personality="warm <b>", scenario=["no text"])
    one = replace(one, about="Keeps a library. " * 100)
    told = character_of(one)
    assert told.startswith("Keeps a library. Keeps")
    assert told.endswith("\nwarm <b>")
    assert len(told) <= MOST_OF_A_FIELD + len("\nwarm <b>")
    assert character_of(Persona(id="p", owner_id="u", name="N", style="local")) == ""
