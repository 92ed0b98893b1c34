"""The gate passes who words plans in a voice of its own, and finds out who does not."""

import itertools
import random
from collections.abc import Mapping
from functools import cache
from itertools import islice

import pytest

from inference.training.chat.corpus import groups, load_speeches, say
from inference.training.chat.gate import Broken, broken_by, ears
from inference.training.chat.held_out import is_held_out
from inference.training.chat.judging import (
    LIMITS,
    MEANINGS,
    TAKEN,
    Evidence,
    figures,
    held_out_plans,
    is_illegal,
    reacted,
    revoiced,
    table,
    verdicts,
)
from inference.training.chat.memory import Memory
from inference.training.chat.pairs import blind
from inference.training.chat.telling import GAP, learned, taken_out, without, words
from inference.wording.compact import VOICES
from inference.wording.templates import Templates
from protocol.wording import ACTS, Plan

TEMPLATES = Templates.load()
SPOKEN = {voice: TEMPLATES.speech_of("en", voice) for voice in VOICES}

speeches = cache(load_speeches)


@cache
def memory() -> Memory:
    """Of a corpus of three thousand replies."""
    trained = list(islice(groups(2, speeches(), each=3), 1_000))
    in_corpus = {text for _, said in trained for text in said}
    return Memory(
        lambda text: text in in_corpus,
        {(plan.voice, plan.act): said[0] for plan, said in trained},
    )


heard = cache(lambda: ears(speeches(), 6_000))


@cache
def of_a_talker(count: int = 200) -> Evidence:
    """Somebody who speaks as the texts do, of all voices that have some, and remembers nothing."""
    dice = random.Random(3)
    plans = [plan for plan in held_out_plans(count, 1) if plan.voice in speeches()]

    def said(asked: list[Plan]) -> list[tuple[Plan, str]]:
        return [(plan, say(speeches()[plan.voice], plan, dice)) for plan in asked]

    voiced = [plan for plan in (revoiced(one, dice) for one in plans) if plan.voice in speeches()]
    return Evidence(
        free=said(plans),
        said=said(plans),
        again=said(plans),
        revoiced=said(voiced),
        reacted=said([reacted(one, dice) for one in plans]),
    )


def judged(evidence: Evidence) -> Mapping[str, float]:
    return figures(evidence, has=memory().has, spoken=SPOKEN, ears=heard())


def test_the_limits_are_what_was_promised() -> None:
    assert {limit.figure: (limit.least, limit.most) for limit in LIMITS} == {
        "illegal": (None, 0.01),
        "faulty": (None, 0.0),
        "copied": (None, 0.30),
        "templated": (None, 0.05),
        "differing": (0.80, None),
        "voice": (0.80, None),
        "voice_swapped": (0.80, None),
        "act_swapped": (0.80, None),
    }
    assert TAKEN == 20


def test_a_talker_passes() -> None:
    found = judged(of_a_talker())
    assert verdicts(found) == [], table(found)
    assert set(found) == set(MEANINGS)


@pytest.mark.parametrize(
    ("broken", "figure"), [("copy", "copied"), ("template", "templated"), ("free", "illegal")]
)
def test_a_broken_one_fails(broken: Broken, figure: str) -> None:
    found = judged(broken_by(of_a_talker(), broken, memory()))
    assert figure in verdicts(found), table(found)
    assert "FAILS" in table(found)


def test_who_says_the_same_for_every_seed_fails() -> None:
    found = judged(
        Evidence(
            free=of_a_talker().free,
            said=of_a_talker().said,
            again=of_a_talker().said,
            revoiced=of_a_talker().revoiced,
            reacted=of_a_talker().reacted,
        )
    )
    assert verdicts(found) == ["differing"]


def test_who_does_not_hear_the_control_tokens_fails() -> None:
    by_seed = dict(enumerate(text for _, text in of_a_talker().said))
    deaf = Evidence(
        free=of_a_talker().free,
        said=of_a_talker().said,
        again=of_a_talker().again,
        revoiced=[(plan, by_seed[n]) for n, (plan, _) in enumerate(of_a_talker().revoiced)],
        reacted=[(plan, by_seed[n]) for n, (plan, _) in enumerate(of_a_talker().reacted)],
    )
    assert {"voice_swapped", "act_swapped"} <= set(verdicts(judged(deaf)))


def test_who_says_what_may_not_be_said_fails() -> None:
    said = [(plan, text + " It is free.") for plan, text in of_a_talker().said]
    found = judged(
        Evidence(
            free=of_a_talker().free,
            said=said,
            again=of_a_talker().again,
            revoiced=of_a_talker().revoiced,
            reacted=of_a_talker().reacted,
        )
    )
    assert "faulty" in verdicts(found)


def test_every_limit_can_fail() -> None:
    for limit in LIMITS:
        good = 1.0 if limit.most is None else 0.0
        assert limit.is_kept({limit.figure: good})
        assert not limit.is_kept({limit.figure: 1.0 - good})


def test_plans_of_the_gate_are_held_out() -> None:
    plans = held_out_plans(216, 1)
    assert {(plan.voice, plan.act) for plan in plans} == set(itertools.product(VOICES, ACTS))
    assert all(map(is_held_out, plans))
    assert plans == held_out_plans(216, 1)
    assert plans != held_out_plans(216, 2)


def test_a_swap_changes_what_it_says_it_changes() -> None:
    dice = random.Random(1)
    for plan in held_out_plans(40, 1):
        other = revoiced(plan, dice)
        assert (other.voice != plan.voice, other.act, other.facts) == (True, plan.act, plan.facts)
        other = reacted(plan, dice)
        assert (other.act != plan.act, other.voice) == (True, plan.voice)
        assert other.facts.items() <= plan.facts.items()
        other.demanded()


def test_what_is_illegal() -> None:
    plan = held_out_plans(4, 1)[0]
    named = next(iter(plan.facts))
    assert not is_illegal(plan, f"Hello {{{named}}}.")
    for text in ("{trend}", "{nothing}", "Hello <say>", "<voice:luxury> dear"):
        assert is_illegal(plan, text)


def test_taken_out_n_grams_leave_no_trace() -> None:
    found = words("At your service, {user}: at your leisure.")
    left = without(found, taken_out(["leisure", "at your"]))
    assert left == [GAP, "service", ",", "{user}", ":", GAP, GAP, "."]


def test_a_teller_tells_what_it_learned() -> None:
    said = [(words("ahoy my friend"), "a"), (words("good day sir"), "b")] * 3
    teller = learned(said)
    assert teller.accuracy(said) == 1.0
    assert "ahoy" in teller.most_telling(3)["a"]
    assert set(teller.most_telling(2)) == {"a", "b"}


def test_the_table_is_blind_and_its_key_right() -> None:
    said = list(of_a_talker().said)[:20]
    rows, key = blind(said, TEMPLATES, 4)
    letters = [one.split()[1] for one in key.split(", ")]
    assert {"A", "B"} == set(letters)
    for (_, text), row, letter in zip(said, rows.splitlines(), letters, strict=True):
        first = text.split("{")[0]
        assert first in row.split(" | ")[2 if letter == "A" else 3]
