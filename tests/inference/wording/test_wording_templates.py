"""Every template may be said with whatever facts there are, voices differ, and the judge is no sham."""

import itertools
import re
from collections import Counter
from math import log
from pathlib import Path

import pytest
from template_plans import FACTS, SPEECHES, all_facts, required

from inference.wording.filling import WordingError, check, fill
from inference.wording.grammar import GrammarError, Pattern, Rules, expanded, is_sayable, parsed
from inference.wording.templates import (
    FOLDER,
    LANGUAGES,
    MOODY,
    VOICES,
    Templates,
    speech,
)
from protocol.persona import Voice
from protocol.understanding import Language
from protocol.wording import ACTS, Act, Plan

TEMPLATES = Templates.load()
SEEDS = range(60)
UNTIDY = re.compile(r"  |\n|[,;:] *[,;:.!?]|[!?.]{2}(?!\.)[,;:]|\?!| [,.]|\.\.\.\.|…")
"""What careless joining leaves behind."""

MOST_WAYS = 8
"""Alternatives that stand side by side, at most."""


def plan(act: Act, voice: Voice, language: Language, facts: dict[str, str], seed: int = 0) -> Plan:
    return Plan(act=act, voice=voice, language=language, facts=facts, seed=seed)


def ways(pattern: Pattern, rules: Rules, facts: dict[str, str]) -> set[str]:
    """With each alternative at least once."""
    return {
        expanded(pattern, rules, facts, lambda count, turn=turn: turn % count)
        for turn in range(MOST_WAYS)
    }


@pytest.mark.parametrize(("language", "voice"), SPEECHES)
def test_every_template_may_be_said_with_whatever_facts_there_are(
    language: Language, voice: Voice
) -> None:
    spoken, said = TEMPLATES.speech_of(language, voice), 0
    for act in ACTS:
        for facts in all_facts(act, spoken):
            some = plan(act, voice, language, facts)
            sayable = [one for one in spoken.acts[act] if is_sayable(one, spoken.rules, facts)]
            assert sayable, (act, facts)
            for text in itertools.chain.from_iterable(
                ways(one, spoken.rules, facts) for one in sayable
            ):
                assert check(some, text) == (), (act, text)
                assert text == text.strip(), (act, text)
                assert not UNTIDY.search(text), (act, text)
                said += 1
    assert said > 27 * 6


@pytest.mark.parametrize(("language", "voice"), SPEECHES)
def test_each_act_has_several_ways_even_with_the_fewest_facts(
    language: Language, voice: Voice
) -> None:
    at_least = 6 if language == "en" else 3
    for act in ACTS:
        texts = {TEMPLATES.write(plan(act, voice, language, required(act), seed)) for seed in SEEDS}
        assert len(texts) >= at_least, (act, texts)


@pytest.mark.parametrize(("language", "voice"), SPEECHES)
def test_moods_go_before_where_they_fit(language: Language, voice: Voice) -> None:
    for mood, acts in MOODY.items():
        for act in ACTS:
            plain = plan(act, voice, language, required(act))
            moody = Plan(
                act=act,
                voice=voice,
                language=language,
                facts=required(act),
                mood="glad" if mood == "glad" else "sad",
            )
            text = TEMPLATES.write(moody)
            assert check(moody, text) == ()
            assert (text == TEMPLATES.write(plain)) == (act not in acts)


AGREEING: dict[Language, str] = {
    "en": r"\b(?:an?|the|these|this)",
    "de": r"\b(?:de[rmns]|die|das|eine?[nmrs]?|zum|zur|im|in|nach|vom|beim|mit|von|zu)",
    "es": r"\b(?:el|la|los|las|un|una|del|al|y|e)",
    "fr": r"(?:\b(?:le|la|les|un|une|de|du|des|au|aux|à|que|si|je|ne|et à)|’)",
}
"""What would have to agree with the value after it, or be contracted with it."""


@pytest.mark.parametrize(("language", "voice"), SPEECHES)
def test_no_word_before_a_value_would_have_to_agree_with_it(
    language: Language, voice: Voice
) -> None:
    source = (FOLDER / language / f"{voice}.txt").read_text("utf-8").replace("'", "’")
    found = re.findall(rf"(?:{AGREEING[language]}) ?[|>]?\{{[a-z.0-9]+\}}", source, re.IGNORECASE)
    assert not found


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_two_voices_say_the_same(language: Language) -> None:
    for act in ACTS:
        owners: dict[str, Voice] = {}
        for voice, seed in itertools.product(VOICES, SEEDS):
            text = TEMPLATES.write(plan(act, voice, language, required(act), seed))
            assert owners.setdefault(text, voice) == voice, (act, text)


@pytest.mark.parametrize("language", LANGUAGES)
def test_voices_are_told_apart_by_ear(language: Language) -> None:
    """A reader who knows half of the acts names the voice of what is said in the other half: his words
    carry over. (By chance it would be one in eight.)"""

    def words(voice: Voice, acts: tuple[Act, ...]) -> list[list[str]]:
        return [
            " ".join(
                TEMPLATES.write(plan(act, voice, language, required(act), seed)) for act in acts
            )
            .casefold()
            .split()
            for seed in range(12)
        ]

    known = {voice: Counter(itertools.chain(*words(voice, ACTS[::2]))) for voice in VOICES}
    vocabulary = len(set(itertools.chain(*known.values())))
    right = total = 0
    for voice in VOICES:
        for text in words(voice, ACTS[1::2]):
            scores = {
                one: sum(
                    log((count[word] + 0.5) / (count.total() + 0.5 * vocabulary)) for word in text
                )
                for one, count in known.items()
            }
            right += max(scores, key=lambda one: scores[one]) == voice
            total += 1
    assert right / total >= 0.8, f"{right} of {total}"


def test_the_same_plan_gets_the_same_words_and_another_seed_mostly_others() -> None:
    texts = [TEMPLATES.write(plan("greet", "local", "en", {}, seed)) for seed in SEEDS]
    again = Templates.load()
    assert texts == [again.write(plan("greet", "local", "en", {}, seed)) for seed in SEEDS]
    assert again.version == TEMPLATES.version
    assert len(set(texts)) > 6


def test_all_that_is_listed_is_said_in_order_with_its_own_price() -> None:
    facts = {name: FACTS[name] for name in FACTS if name.startswith(("offer.", "because"))}
    some = plan("show_hotels", "family", "en", facts)
    text = fill(some, TEMPLATES.write(some))
    places = [
        text.index(f"Casa {n} at €{n}40 for 2 nights") for n in (1, 2, 3) if f"Casa {n}" in text
    ]
    assert places == sorted(places)
    assert len(places) == 3


def test_without_a_required_fact_nothing_is_said() -> None:
    for act in ("ask", "show_hotels", "compare"):
        with pytest.raises(WordingError):
            TEMPLATES.write(plan(act, "local", "en", {}))


def planted(tmp_path: Path, language: Language, old: str, new: str) -> Templates:
    """All templates, with a change in those of `local`."""
    for path in FOLDER.rglob("*.txt"):
        copy = tmp_path / path.relative_to(FOLDER)
        copy.parent.mkdir(exist_ok=True)
        copy.write_text(path.read_text("utf-8"), "utf-8")
    path = tmp_path / language / "local.txt"
    source = path.read_text("utf-8")
    assert old in source
    path.write_text(source.replace(old, new, 1), "utf-8")
    return Templates.load(tmp_path)


WRONG: list[tuple[Language, str]] = [
    ("en", "The 3 of them."),
    ("en", "It is the cheapest."),
    ("en", "Breakfast is included."),
    ("en", "It costs {offer.2.price}."),
    ("de", "Es ist kostenlos."),
    ("es", "Los dos."),
    ("fr", "C'est gratuit."),
]


@pytest.mark.parametrize(("language", "wrong"), WRONG)
def test_a_template_with_a_number_or_a_claim_is_caught(
    tmp_path: Path, language: Language, wrong: str
) -> None:
    mutant = planted(tmp_path, language, "@ nothing_found\n", f"@ nothing_found\n{wrong} ")
    spoken = mutant.speech_of(language, "local")
    facts = required("nothing_found") | {
        "offer.2.price": "€1",
        "destination": "Lisbon",
        "dates": "in May",
    }
    some = plan("nothing_found", "local", language, facts)
    found = [
        check(some, text)
        for one in spoken.acts["nothing_found"]
        for text in ways(one, spoken.rules, facts)
    ]
    assert any(found)


def test_a_template_that_leaves_out_what_is_demanded_is_caught() -> None:
    pattern = parsed("Look: {offer.1.name}.")
    some = plan("show_hotels", "local", "en", required("show_hotels"))
    assert check(some, expanded(pattern, {}, some.facts, lambda count: 0)) == (
        "offer.1.price is not said",
    )


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("Hello <there", "'<' is not closed"),
        ("Hello there>", "'>' closes nothing"),
        ("[Hello] {user}", "no fact is needed for '[Hello]'"),
        ("Hello {usher}", "no placeholder at '{usher}'"),
        ("Hello {user", "no placeholder at '{user'"),
    ],
)
def test_a_pattern_that_cannot_be_read_says_where(source: str, fault: str) -> None:
    with pytest.raises(GrammarError) as caught:
        parsed(source)
    assert fault in str(caught.value)


def test_a_file_must_have_every_act_and_every_rule_that_it_names(tmp_path: Path) -> None:
    source = (FOLDER / "en" / "local.txt").read_text("utf-8")
    with pytest.raises(GrammarError, match="nothing for greet"):
        speech(source.replace("@ greet", "@ compare"), "en")
    with pytest.raises(GrammarError, match="no such act: grete"):
        speech(source + "\n@ grete\nHello.", "en")
    with pytest.raises(GrammarError, match="no rule hum"):
        speech(source + "\n@ greet\n$hum, hello.", "en")
    with pytest.raises(GrammarError, match=r"line \d+: "):
        speech(source + "\n@ greet\n<Hello.", "en")
    with pytest.raises(GrammarError, match=r"en/explorer\.txt"):
        Templates.load(tmp_path)


def test_what_is_in_brackets_is_said_when_its_facts_are_there_and_then_always() -> None:
    pattern = parsed("Off[ to {destination}[ {dates}]]<!|, {user}!>")

    def said(**facts: str) -> set[str]:
        return ways(pattern, {}, facts)

    assert said() == {"Off!"}
    assert said(destination="x") == {"Off to {destination}!"}
    assert said(dates="x") == {"Off!"}
    assert said(user="x") == {"Off!", "Off, {user}!"}
    assert said(destination="x", dates="y") == {"Off to {destination} {dates}!"}
