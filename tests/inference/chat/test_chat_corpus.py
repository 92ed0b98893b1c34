"""The corpus keeps its laws: every reply may be said, none is a template's, few are said twice."""

import random
from collections.abc import Iterator
from functools import cache
from itertools import islice

import numpy as np
import pytest

from inference.training.chat.corpus import SPEECH, groups, load_speeches, say
from inference.training.chat.corpus_file import drawn_corpus, load_corpus, to_train, to_validate
from inference.training.chat.derivable import is_derivable
from inference.training.chat.held_out import is_held_out
from inference.training.chat.speaker import Speaker
from inference.training.chat.tokens import learned, spelled
from inference.wording.compact import END, MAX_REPLY, SAY, VOICES, compact_prompt
from inference.wording.filling import check
from inference.wording.grammar import IfThere, OneOf, Pattern, Text
from inference.wording.templates import Templates
from protocol.persona import Voice
from protocol.wording import ACTS, Plan

speeches = cache(load_speeches)


@cache
def drawn_replies() -> list[tuple[Plan, str]]:
    """Six thousand, each to a plan of its own."""
    return [(plan, said[0]) for plan, said in islice(groups(5, speeches()), 6_000)]


def test_every_voice_has_texts() -> None:
    assert set(speeches()) == set(VOICES), [path.name for path in SPEECH.iterdir()]


def test_every_reply_may_be_said() -> None:
    faults = [(text, found) for plan, text in drawn_replies() if (found := check(plan, text))]
    assert not faults, faults[:3]
    assert {plan.act for plan, _ in drawn_replies()} == set(ACTS)


def test_most_replies_are_said_once() -> None:
    assert len({text for _, text in drawn_replies()}) > 0.9 * len(drawn_replies())


def test_the_corpus_is_not_the_templates() -> None:
    templates = Templates.load()
    same = [
        text
        for plan, text in drawn_replies()[:1_500]
        if is_derivable(text, plan, templates.speech_of("en", plan.voice))
    ]
    assert len(same) <= 0.01 * 1_500, same[:3]


def test_the_same_seed_draws_the_same() -> None:
    again = [(plan, said[0]) for plan, said in islice(groups(5, speeches()), 50)]
    assert again == drawn_replies()[:50]


def test_a_speaker_says_what_the_grammar_says() -> None:
    dice, same = random.Random(3), random.Random(3)
    speakers = {voice: Speaker(spoken) for voice, spoken in speeches().items()}
    for plan, _ in drawn_replies()[:80]:
        assert speakers[plan.voice].say(plan, dice) == say(speeches()[plan.voice], plan, same)


def test_what_is_held_out_is_in_no_training_corpus() -> None:
    trained = list(islice(groups(1, speeches(), wanted=to_train), 600))
    assert not any(is_held_out(plan) for plan, _ in trained)
    held = [plan for plan, _ in drawn_replies() if is_held_out(plan)]
    assert 0.02 < len(held) / len(drawn_replies()) < 0.09
    assert all(to_validate(plan) for plan in held)


@pytest.fixture(scope="module")
def tokenizer():
    return learned((text for _, text in drawn_replies()), 1_500)


def test_a_corpus_as_numbers_spells_its_replies(tokenizer, tmp_path) -> None:
    corpus = drawn_corpus(speeches(), tokenizer, replies=90, seed=4, notes={"texts": "x"})
    corpus.save(tmp_path / "corpus.npz")
    corpus = load_corpus(tmp_path / "corpus.npz")
    drawn = {
        (" ".join(compact_prompt(plan)), text)
        for plan, said in islice(groups(4, speeches(), each=3, wanted=to_train), 30)
        for text in said
    }
    end = tokenizer.token_to_id(END)
    count = 0
    for group in corpus:
        prompt = " ".join(tokenizer.id_to_token(one) for one in group.prompt.tolist())
        assert prompt.endswith(SAY)
        for reply in group.replies:
            tokens = reply.tolist()
            assert tokens[-1] == end
            assert len(tokens) <= MAX_REPLY
            text = spelled(tokenizer, tokens[:-1])
            assert (prompt, text) in drawn
            assert corpus.has(text)
            count += len(tokens)
    assert count == corpus.reply_tokens
    assert not corpus.has("Nobody ever said this.")
    assert corpus.notes["seed"] == 4
    assert corpus.tokens.dtype == np.uint16


def texts_of(pattern: Pattern) -> Iterator[str]:
    for node in pattern:
        match node:
            case Text(text):
                yield text
            case OneOf(ways):
                for way in ways:
                    yield from texts_of(way)
            case IfThere(inner):
                yield from texts_of(inner)
            case _:
                pass


@pytest.mark.parametrize("voice", VOICES)
def test_no_word_of_any_pattern_belongs_into_a_value(voice: Voice) -> None:
    spoken = speeches()[voice]
    plan = Plan(act="greet", voice=voice, language="en", facts={})
    patterns = (*spoken.rules.values(), *(one for each in spoken.acts.values() for one in each))
    texts = {text for pattern in patterns for text in texts_of(pattern)}
    assert len(texts) > 500
    assert not [(text, found) for text in texts if (found := check(plan, text))]
