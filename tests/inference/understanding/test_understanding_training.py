"""What is trained on: enough phrasings, in settings, seeded, and none of what judges; without scikit-learn."""

from collections import Counter
from itertools import islice

import pytest

from inference.training.understanding.examples import FOLDS, examples
from inference.training.understanding.held_out import messages
from inference.training.understanding.messing import slip
from inference.training.understanding.overlap import overlapping, runs_of, variants
from inference.training.understanding.phrasings import LANGUAGES, filled, fillings_of, phrasings_of
from inference.training.understanding.places import place_fillings
from protocol.understanding import INTENTS, Language

LEAST: dict[Language, int] = {"en": 60, "de": 25, "es": 25, "fr": 25}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_intent_has_enough_phrasings(language: Language) -> None:
    counts = Counter(phrasing.intent for phrasing in phrasings_of(language))
    assert set(counts) == set(INTENTS)
    assert min(counts.values()) >= LEAST[language]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_phrasing_can_be_filled(language: Language) -> None:
    from random import Random

    fillings = {**fillings_of(language), **place_fillings(language)}
    for phrasing in phrasings_of(language):
        text = "".join(piece.text for piece in filled(phrasing.text, fillings, Random(1)))
        assert text.strip(), phrasing
        assert "{" not in text
        assert "}" not in text


def test_the_same_seed_gives_the_same_examples() -> None:
    one, two = (list(examples("en", 60, seed=5)) for _ in range(2))
    assert one == two
    assert one != list(examples("en", 60, seed=6))


def test_a_third_is_chatter_and_it_has_no_slots() -> None:
    found = list(examples("en", 1_500))
    chatter = [example for example in found if example.intent == "human_chatter"]
    assert 0.28 < len(chatter) / len(found) < 0.38
    assert all(not example.is_meant and not example.spans for example in chatter)
    assert all(example.setting.people > 1 for example in chatter)


def test_spans_are_what_was_filled_in() -> None:
    for example in islice(examples("es", 800), 800):
        for span in example.spans:
            assert 0 <= span.start < span.end <= len(example.text)
            assert example.text[span.start : span.end].strip()


def test_what_is_left_out_is_not_trained_on() -> None:
    train = {example.phrasing for example in examples("de", 2_000, part="train", fold=1)}
    held = {example.phrasing for example in examples("de", 2_000, part="held", fold=1)}
    assert not train & held
    files = {phrasing.number: phrasing.file for phrasing in phrasings_of("de")}
    assert {files[number] % FOLDS for number in held} == {1}  # by whole hands


def test_a_slip_changes_one_or_two_letters() -> None:
    from random import Random

    chance = Random(3)
    slipped = {slip("barcelona", chance) for _ in range(50)}
    assert len(slipped) > 10
    assert all(abs(len(word) - len("barcelona")) <= 1 for word in slipped)


def test_no_phrasing_shares_four_words_in_a_row_with_what_judges() -> None:
    texts = (text for language in LANGUAGES for text in variants(language))
    assert list(overlapping(texts)) == []


def test_the_overlap_check_finds_what_was_copied() -> None:
    """Control: messages that judge, with other places and numbers, are found."""
    long = [
        message.text
        for language in LANGUAGES
        for message in messages("development", language)
        if len(runs_of(message.text)) > 2
    ]
    assert len(long) > 30
    assert len(list(overlapping(f"hey {text} in rome, 3 nights" for text in long))) == len(long)


def test_places_dates_and_numbers_do_not_hide_a_copy() -> None:
    one = runs_of("please compare museums opening hours in lisbon on 3 may")
    two = runs_of("compare the museums opening 12 hours tomorrow please new york")
    assert one & two
    assert not one & runs_of("please compare hotels opening hours in lisbon")
