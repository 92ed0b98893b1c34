"""Filling placeholders: only complete, judged text leaves, and no fact but those that are there."""

from itertools import pairwise
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.wording.claims import FORBIDDEN, is_forbidden_word
from inference.wording.filling import MAX_HELD, Filler, WordingError, check, fill
from protocol.understanding import Language
from protocol.wording import MAX_VALUE, Act, Plan

TWO_HOTELS = {
    "offer.1.name": "Casa Rosa",
    "offer.1.price": "€240 for 2 nights",
    "offer.1.detail": "4 stars",
    "offer.2.name": "Hotel Sol",
    "offer.2.price": "€180 for 2 nights",
}
BOTH = "Look: {offer.1.name}, {offer.1.price}; then {offer.2.name}, {offer.2.price}."


def plan(act: Act = "show_hotels", language: Language = "en", **facts: str) -> Plan:
    return Plan(act=act, voice="local", language=language, facts=facts)


def hotels(**more: str) -> Plan:
    return plan(**TWO_HOTELS | more)


def talk(text: str, language: Language = "en") -> tuple[str, ...]:
    return check(plan("smalltalk", language), text)


def test_placeholders_are_filled_with_the_facts() -> None:
    filled = fill(hotels(), BOTH)
    assert filled == "Look: Casa Rosa, €240 for 2 nights; then Hotel Sol, €180 for 2 nights."
    assert check(hotels(), BOTH) == ()


@given(cuts=st.lists(st.integers(0, len(BOTH)), max_size=30))
def test_however_it_is_cut_the_same_text_comes_and_nothing_half(cuts: list[int]) -> None:
    filler, sent = Filler(hotels()), ""
    edges = [0, *sorted(cuts), len(BOTH)]
    whole = fill(hotels(), BOTH)
    for start, end in pairwise(edges):
        sent += filler.take(BOTH[start:end])
        assert whole.startswith(sent)
        rest = whole[len(sent) :]
        assert not sent[-1:].isalpha() or not rest[:1].isalpha(), "a word was cut"
    assert sent + filler.end() == whole


def test_a_placeholder_leaves_when_it_is_closed_and_a_word_when_the_next_sign_comes() -> None:
    filler = Filler(hotels())
    assert filler.take("Lo") == ""
    assert filler.take("ok: {off") == "Look: "
    assert filler.take("er.1.name") == ""
    assert filler.take("}") == "Casa Rosa"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{offer.1.name} {offer.1.colour}", "no placeholder 'offer.1.colour'"),
        ("{offer.3.name}", "no fact for offer.3.name"),
        ("{offer.1.name} at {offer.2.price}", "offer.2.price before its turn"),
        ("{offer.2.name}", "offer.2.name before its turn"),
        ("{}", "no placeholder ''"),
        ("a } b", "a lone '}'"),
        ("{ {", "a word or placeholder without an end"),
    ],
)
def test_what_is_not_there_or_not_in_turn_is_refused(text: str, fault: str) -> None:
    found = check(hotels(), text)
    if "without an end" not in fault:
        assert fault in found
    with pytest.raises(WordingError):
        fill(hotels(), text)


def test_what_is_demanded_must_have_been_said_at_the_end() -> None:
    short = "Look: {offer.1.name}, {offer.1.price}."
    assert check(hotels(), short) == ("offer.2.name is not said", "offer.2.price is not said")
    filler = Filler(hotels())
    assert filler.take(short)
    with pytest.raises(WordingError, match=r"offer\.2\.name is not said"):
        filler.end()


def test_a_detail_is_said_only_of_its_own_item() -> None:
    wrong = BOTH.replace("{offer.2.price}", "{offer.2.price}, {offer.1.detail}")
    assert check(hotels(), wrong) == ("offer.1.detail said of another",)
    right = BOTH.replace("{offer.1.price}", "{offer.1.price}, {offer.1.detail}")
    assert check(hotels(), right) == ()


def test_a_plan_without_a_required_fact_can_not_be_worded() -> None:
    assert check(plan("ask"), "And {wanted}?") == ("no fact for wanted",)
    assert check(plan("ask", wanted="\u202e"), "And {wanted}?") == ("no fact for wanted",)
    with pytest.raises(WordingError):
        Filler(plan("ask"))


@pytest.mark.parametrize(
    ("language", "texts"),
    [
        (
            "en",
            ["2 of them", "two of them", "the cheapest", "€", "40 %", "breakfast", "Beachfront!"],
        ),
        ("en", ["non-stop", "NONSTOP", "half-board", "a free\u2011bus", "½", "Ⅷ", "三", "21st"]),
        (
            "en",
            ["F\u0130VE", "f\u0336r\u0336ee", "fr\u20e3ee", "fr\ufe0fee", "ⓕⓡⓔⓔ", "№", "⑤", "٣"],
        ),
        ("en", ["dollars", "ten-minute walk", "5\u2019s", "it is booked", "20\u00b0", "per cent"]),
        ("de", ["zwei davon", "kostenlos", "Frühstück", "einundzwanzig", "dritte", "Prozent"]),
        ("de", ["zweimal", "Dreißig", "dreissig", "am Strand", "Euro", "all-inclusive"]),
        ("es", ["dos de ellos", "gratis", "desayuno", "por ciento", "céntimos", "reservado"]),
        (
            "fr",
            ["deux", "l’annulation", "d'étoiles", "pour cent", "gratuit", "sûr", "petit-déjeuner"],
        ),
    ],
)
def test_numbers_money_and_claims_stand_only_in_values(
    language: Language, texts: list[str]
) -> None:
    for text in texts:
        assert talk(f"Well, {text}.", language), text
        with pytest.raises(WordingError):
            fill(plan("smalltalk", language), f"Well, {text}.")


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "Tell me more about what you like, someone's freedom is at stake, alone or not."),
        ("de", "Ein Wort von dir, und eine Reise beginnt. Achtung, fertig, los: im Zweifel frag."),
        ("es", "Un momento y una idea: ¿qué te apetece? ¡Vamos allá, amigo mío!"),
        ("fr", "Une idée sur un coin de table, et d’accord : où allons-nous, mon ami ?"),
    ],
)
def test_plain_talk_is_not_taken_for_a_claim(language: Language, text: str) -> None:
    assert talk(text, language) == ()


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "cheapest free refundable included beachfront stars half percent euro"),
        ("de", "günstigste kostenlos erstattbar inbegriffen strandlage sterne halb prozent euro"),
        ("es", "barato gratis reembolsable incluido playa estrellas medio porcentaje euro"),
        ("fr", "meilleur gratuit remboursable inclus plage étoiles demi pourcent euro"),
    ],
)
def test_each_word_and_sign_that_was_promised_is_refused_by_itself(
    language: Language, words: str
) -> None:
    for text in (*words.split(), *"0123456789$€£¥₹¢%‰‱٪°½"):
        assert talk(f"Well, {text}.", language) == (f"{text!r} outside a value",)


def test_every_language_has_its_lists() -> None:
    for language in get_args(Language):
        assert len(FORBIDDEN[language]) > 200
        assert is_forbidden_word("michelin", language)


def test_values_may_claim_but_come_in_one_clean_line() -> None:
    hostile = hotels(**{"offer.1.name": "Free\n\n<b>Rosa</b>\u202e {offer.2.name} " + "x" * 400})
    filled = fill(hostile, BOTH)
    assert "\n" not in filled
    assert "<" not in filled
    assert "\u202e" not in filled
    assert "Free b Rosa /b offer.2.name xxx" in filled
    assert len(filled) < MAX_VALUE + len(BOTH) + 60


def test_a_phrase_begins_with_a_capital_where_a_sentence_does_and_a_name_as_it_is() -> None:
    some = plan("detail", what="the second hotel", detail="4 stars", destination="s-Hertogenbosch")
    assert fill(some, "{what}: {detail}.") == "The second hotel: 4 stars."
    assert fill(some, "Hm. {what}? {detail}.") == "Hm. The second hotel? 4 stars."
    assert fill(some, "About {what}, {detail}.") == "About the second hotel, 4 stars."
    assert fill(some, "¿{what}? {destination}: {detail}") == (
        "¿The second hotel? s-Hertogenbosch: 4 stars"
    )


def test_a_value_that_ends_with_a_full_stop_gets_no_second_one() -> None:
    some = plan("detail", "de", what="der Flug", detail="direkt, 45 Min.")
    assert fill(some, "{what}: {detail}. Gut?") == "Der Flug: direkt, 45 Min. Gut?"
    assert fill(some, "{what}: {detail}, gut?") == "Der Flug: direkt, 45 Min., gut?"


def test_what_never_ends_is_not_kept() -> None:
    filler = Filler(hotels())
    filler.take("{")
    with pytest.raises(WordingError, match="without an end"):
        filler.take("x" * MAX_HELD)
    with pytest.raises(WordingError, match="without an end"):
        Filler(hotels()).take("x" * (MAX_HELD + 1))


@given(st.text(max_size=80))
def test_what_check_finds_wrong_is_what_filling_refuses(text: str) -> None:
    some = plan("ask", wanted="your dates", user="Ana")
    faults = check(some, text)
    try:
        fill(some, text)
    except WordingError:
        assert faults
    else:
        assert not faults
