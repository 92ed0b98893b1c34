"""Whatever a model prefers, what it says under the constraint may be said."""

import os
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import islice

import numpy as np
import pytest
from small_vocabulary import END, KNOWN, LEXICON, LISTED, TEXTS, some_plans
from template_plans import FACTS

from inference.engine.sampler import FORBIDDEN
from inference.wording import lexicon
from inference.wording.claims import folded, is_forbidden_word
from inference.wording.compact import MAX_REPLY
from inference.wording.completeness import Completeness, UnwordableError
from inference.wording.filling import Filler, WordingError, check, words_in
from inference.wording.lexicon import MASKED, Lexicon
from protocol.wording import Plan

Choose = Callable[[np.ndarray], int]
"""Of the tokens that are allowed, [vocabulary]."""


def said(
    plan: Plan, choose: Choose, lexicon: Lexicon = LEXICON, budget: int = MAX_REPLY
) -> list[int]:
    """A reply as the engine draws one: the end, or the last token that there is room for."""
    constraint = Completeness(lexicon, budget)
    mask = constraint.start(plan)
    reply: list[int] = []
    while True:
        allowed = mask == 0
        assert allowed.any(), f"nothing may follow {spelled(reply)!r}"
        token = choose(allowed)
        if token in lexicon.ends:
            return reply
        reply.append(token)
        if len(reply) == budget:
            return reply
        mask = constraint.advance(token)


def spelled(tokens: Sequence[int]) -> str:
    return "".join(TEXTS[token] for token in tokens)


def faults(plan: Plan, tokens: Sequence[int]) -> list[str]:
    """What is wrong with it, whole and piece by piece."""
    found = list(check(plan, spelled(tokens)))
    filler = Filler(plan)
    try:
        filled = "".join(filler.take(TEXTS[token]) for token in tokens) + filler.end()
    except WordingError as fault:
        return [*found, str(fault)]
    return found if filled.strip() else [*found, "nothing was said"]


def one_of(dice: random.Random, tokens: np.ndarray) -> int:
    return int(dice.choice(np.flatnonzero(tokens)))


def anything(dice: random.Random) -> Choose:
    return lambda allowed: one_of(dice, allowed)


def among(judged: Callable[[str], bool]) -> np.ndarray:
    return np.array([judged(text) for text in TEXTS])


NO_END = among(lambda text: text != TEXTS[END])
CLAIMING = among(lambda text: is_forbidden_word(text.strip(" .") or "a", "en"))
LIKED = [
    among(lambda text: text[:1] == "{"),
    CLAIMING,
    CLAIMING,
    among(lambda text: text.isalpha() and len(text) < 4),
    among(str.isalpha),
    among(lambda text: bool({"-", "’", "'"} & {*text})),
]


def worst(dice: random.Random) -> Choose:
    """Prefers, always or by turns, what is likeliest to go wrong: placeholders, pieces of claims, words
    without an end; anything but an end."""
    mood, is_steady = dice.choice(LIKED), dice.random() < 0.5

    def choose(allowed: np.ndarray) -> int:
        likes = allowed & (mood if is_steady else dice.choice(LIKED))
        for able in (likes, allowed & NO_END, allowed):
            if able.any():
                return one_of(dice, able)
        raise AssertionError

    return choose


KNOWN_WORDS = {folded(word) for word in LISTED}


@pytest.mark.parametrize("lexicon", [LEXICON, KNOWN], ids=["unforbidden", "known"])
@pytest.mark.parametrize("adversary", [anything, worst])
@pytest.mark.parametrize("seed", range(1 + int(os.environ.get("CARAVAN_SEEDS", "0")) // 500))
def test_whatever_is_preferred_the_reply_may_be_said(
    adversary: Callable[[random.Random], Choose], seed: int, lexicon: Lexicon
) -> None:
    dice = random.Random(seed)
    lengths: Counter[int] = Counter()
    for plan in islice(some_plans(seed), 600):
        reply = said(plan, adversary(dice), lexicon)
        assert faults(plan, reply) == [], spelled(reply)
        if lexicon is KNOWN:
            assert {folded(word) for word in words_in(spelled(reply))} <= KNOWN_WORDS
        lengths[len(reply)] += 1
    assert max(lengths) <= MAX_REPLY
    assert adversary is anything or lengths[MAX_REPLY] > 200, "the budget was never used up"


def test_without_the_mask_the_same_adversaries_fail() -> None:
    dice, wrong = random.Random(3), 0
    everything = np.ones(len(TEXTS), bool)
    for plan in islice(some_plans(3), 200):
        choose = worst(dice)
        tokens = [choose(everything) for _ in range(MAX_REPLY)]
        wrong += bool(faults(plan, tokens))
    assert wrong > 190


def tokens_of(text: str) -> list[int]:
    """The longest pieces first."""
    found: list[int] = []
    numbers = {piece: at for at, piece in reversed(list(enumerate(TEXTS)))}
    while text:
        piece = next(text[:size] for size in range(len(text), 0, -1) if text[:size] in numbers)
        found.append(numbers[piece])
        text = text[len(piece) :]
    return found


PLAN = Plan(
    act="show_hotels",
    voice="local",
    language="en",
    facts={
        name: FACTS[name]
        for name in ("user", "offer.1.name", "offer.1.price", "offer.2.name", "offer.2.price")
    },
)


def is_sayable(text: str, plan: Plan = PLAN, lexicon: Lexicon = LEXICON) -> bool:
    constraint = Completeness(lexicon, MAX_REPLY)
    mask = constraint.start(plan)
    for token in tokens_of(text):
        if mask[token] != 0:
            return False
        mask = constraint.advance(token)
    return bool(mask[END] == 0)


WHOLE = "Look, {offer.1.name}: {offer.1.price}, {offer.2.name} {offer.2.price}"


@pytest.mark.parametrize(
    "text",
    [
        WHOLE,
        f"{WHOLE}. I like the hotel, {{user}}",
        "{user}, start with {offer.1.name} {offer.1.price} {offer.2.name} {offer.2.price}",
        f"The hotly-old viewpoint is stopping there – {WHOLE}",
    ],
)
def test_what_a_good_model_says_is_allowed(text: str) -> None:
    assert check(PLAN, text) == ()
    assert is_sayable(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Look",
        "Look, {offer.1.name}",
        "{offer.1.price} {offer.1.name} {offer.2.name} {offer.2.price}",
        "{offer.2.name} {offer.1.name} {offer.1.price} {offer.2.price}",
        "{offer.1.name} {offer.1.price} {offer.2.name} {offer.1.price} {offer.2.price}",
        "{offer.1.name} {destination} {offer.1.price} {offer.2.name} {offer.2.price}",
        f"Hot, {WHOLE}",
        f"The hot. {WHOLE}",
        f"{{offer.1.name}} {WHOLE}",
        WHOLE.replace(": {", ":{"),
        WHOLE.replace("Look,", "look ,"),
        WHOLE.replace("Look,", "look,  "),
        WHOLE.replace(", {", "{"),
        f"{WHOLE} for.me",
        f"{WHOLE}for",
        WHOLE.replace(", {offer.2.name}", ", hot{offer.2.name}"),
        f"t-en {WHOLE}",
        f"non-stop {WHOLE}",
        f"Like plumbers in august, {WHOLE}",
        f"{WHOLE} for half",
        f"{WHOLE} for 7",
        f"{WHOLE} for €",
        f"{WHOLE} а",
        f"{WHOLE}*",
    ],
)
def test_what_is_wrong_is_not_allowed(text: str) -> None:
    assert not is_sayable(text)


@pytest.mark.parametrize(
    ("words", "may"),
    [
        ("the hotelier", True),
        ("The Hotelier", True),
        ("I’ll look, don’t you", True),
        ("look-alike", True),
        ("Paris", False),
        ("hotelie", False),
        ("don’", False),
        ("look-a", False),
        ("looklook", False),
        ("loOk", False),
        ("look-", False),
        ("hot", False),
        ("best", False),
        ("July", False),
    ],
)
def test_where_words_are_listed_no_other_is_said(words: str, may: bool) -> None:
    text = WHOLE.replace("Look", words)
    assert is_sayable(text, lexicon=KNOWN) is may
    assert is_sayable(f"{WHOLE} for {words}", lexicon=KNOWN) is may


def test_a_plan_that_lacks_a_fact_or_room_is_refused() -> None:
    lacking = Plan(act="show_hotels", voice="local", language="en", facts={"offer.1.name": "Casa"})
    markup = Plan(act="not_yet", voice="local", language="en", facts={"what": "**"})
    nameless = Plan(
        act="show_hotels",
        voice="local",
        language="en",
        facts={**PLAN.facts, "offer.3.price": "€9"},
    )
    for plan in (lacking, markup, nameless):
        with pytest.raises(UnwordableError):
            Completeness(LEXICON, MAX_REPLY).start(plan)
    with pytest.raises(UnwordableError):
        Completeness(LEXICON, 12).start(PLAN)


def test_a_reply_that_runs_long_ends_with_a_sentence() -> None:
    plan = Plan(act="smalltalk", voice="local", language="en", facts={})
    dice = random.Random(5)
    stop = TEXTS.index(". ")
    words = [at for at, text in enumerate(TEXTS) if text in ("look ", "the ", "hotel")]

    def rambling(allowed: np.ndarray) -> int:
        able = [token for token in (*words, stop) if allowed[token]]
        return dice.choice(able or np.flatnonzero(allowed).tolist())

    for _ in range(50):
        reply = said(plan, rambling)
        assert MAX_REPLY - 8 < len(reply) <= MAX_REPLY
        assert spelled(reply).rstrip()[-1] in ".!?…"


def test_the_mask_is_the_same_object_while_nothing_changes() -> None:
    the, look, comma = (TEXTS.index(text) for text in ("the ", "look ", ", "))
    constraint = Completeness(LEXICON, MAX_REPLY)
    constraint.start(PLAN)
    assert len({id(constraint.advance(token)) for token in (the, look, comma, the, look)}) == 1
    again = Completeness(LEXICON, MAX_REPLY)
    again.start(PLAN)
    assert again.advance(the) is constraint.advance(the)


def test_a_mask_costs_little() -> None:
    """Some 10 µs each; the bound is for a machine that others use."""
    dice = random.Random(8)
    replies = [(plan, said(plan, anything(dice))) for plan in islice(some_plans(8), 100)]
    best = float("inf")
    for _ in range(3):
        begun = time.process_time()
        for plan, reply in replies:
            constraint = Completeness(LEXICON, MAX_REPLY)
            constraint.start(plan)
            for token in reply:
                constraint.advance(token)
        best = min(best, time.process_time() - begun)
    assert best / sum(len(reply) for _, reply in replies) < 60e-6


def test_masks_are_the_engine_s() -> None:
    assert MASKED == FORBIDDEN
    mask = Completeness(LEXICON, MAX_REPLY).start(PLAN)
    assert (mask.shape, mask.dtype) == ((len(TEXTS),), np.float32)
    assert not mask.flags.writeable
    assert set(np.unique(mask)) == {np.float32(0), np.float32(FORBIDDEN)}


def test_masks_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lexicon, "MAX_MASK_BYTES", 40 * 4 * len(TEXTS))
    small = Lexicon(LEXICON.texts, spellings=LEXICON.spellings, ends=LEXICON.ends)
    dice = random.Random(2)
    for plan in islice(some_plans(2), 40):
        said(plan, worst(dice), small)
    assert len(small._masks) == 40
