"""The catalogue is whole: every sentence that people may read, in every language."""

import string

import pytest
from extract_texts import read_po, texts_of_tree

from core import texts
from core.texts import LANGUAGES, LOCALES, first_spoken, language_of, translate

FOREIGN = [language for language in LANGUAGES if language != "en"]


@pytest.fixture(scope="module")
def found() -> set[str]:
    """What the sources say to people."""
    return set(texts_of_tree())


def placeholders(text: str) -> list[str]:
    return sorted(name for _, name, _, _ in string.Formatter().parse(text) if name is not None)


@pytest.mark.parametrize("language", FOREIGN)
def test_every_sentence_is_translated_and_none_is_left_over(language: str, found: set[str]) -> None:
    translated = set(texts._catalogue(language))
    assert found - translated == set(), "run tools/extract_texts.py and translate"
    assert translated - found == set(), "run tools/extract_texts.py"


@pytest.mark.parametrize("language", FOREIGN)
def test_a_translation_has_the_placeholders_of_its_sentence(language: str) -> None:
    for text, translation in texts._catalogue(language).items():
        assert placeholders(translation) == placeholders(text), text
        assert translation != text


def test_the_template_lists_what_there_is(found: set[str]) -> None:
    with (LOCALES / "caravan.pot").open("rb") as file:
        template = read_po(file)
    assert {message.id for message in template if message.id} == found


def test_arabic_is_written_in_arabic() -> None:
    for text, translation in texts._catalogue("ar").items():
        assert any("\u0600" <= letter <= "\u06ff" for letter in translation), text


@pytest.mark.parametrize(
    ("locale", "language"),
    [("de-AT", "de"), ("pt-BR", "en"), ("es_MX", "es"), ("AR", "ar"), ("", "en"), ("xx", "en")],
)
def test_a_locale_speaks_its_language_or_english(locale: str, language: str) -> None:
    assert language_of(locale) == language


def test_the_first_language_that_we_speak_is_taken() -> None:
    assert first_spoken(["pt-BR", "fr-CH", "de"]) == "fr"
    assert first_spoken([]) == "en"


def test_a_sentence_is_said_in_the_users_language_with_its_values() -> None:
    text = "Too many requests. Please try again in {seconds} seconds."
    assert translate(text, "de-CH", {"seconds": 3}) == (
        "Zu viele Anfragen. Bitte versuche es in 3 Sekunden noch einmal."
    )
    assert translate(text, "en", {"seconds": 3}).endswith("in 3 seconds.")


def test_what_has_no_translation_stays_english() -> None:
    assert translate("Nobody wrote {what}.", "fr", {"what": "this"}) == "Nobody wrote this."


@pytest.mark.parametrize("params", [{}, {"other": 1}, {"limit": object()}, None])
def test_a_mistake_in_filling_never_raises(params: dict[str, object] | None) -> None:
    for locale in LANGUAGES:
        assert translate("This text is longer than {limit} bytes.", locale, params)
        assert translate("{0} {} {limit!x} }", locale, params)


def test_a_latin_name_in_arabic_does_not_reorder_its_sentence() -> None:
    text = "Something went wrong here. Reference: {reference}"
    assert "\u2068abc\u2069" in translate(text, "ar", {"reference": "abc"})
    assert "\u2068" not in translate(text, "fr", {"reference": "abc"})
