"""A reply is spelled exactly by its tokens, each of which is whole characters."""

from functools import cache
from itertools import islice
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from inference.engine.vocabulary import PART, Speech
from inference.training.chat.corpus import groups, load_speeches
from inference.training.chat.tokens import ids_of, learned, read_tokens, spelled
from inference.wording.compact import SPECIALS, compact_prompt
from protocol.wording import Plan

COMMITTED = Path(__file__).parents[3] / "inference" / "models" / "chat" / "tokenizer.json"


@cache
def drawn_replies() -> list[tuple[Plan, str]]:
    """Two thousand, each to a plan of its own."""
    return [(plan, said[0]) for plan, said in islice(groups(6, load_speeches()), 2_000)]


@pytest.fixture(scope="module", params=["learned", "committed"])
def tokenizer(request: pytest.FixtureRequest) -> Tokenizer:
    if request.param == "learned":
        return read_tokens(learned((text for _, text in drawn_replies()), 1_200).to_str())
    return read_tokens(COMMITTED.read_text("utf-8"))


def test_special_tokens_have_their_numbers(tokenizer: Tokenizer) -> None:
    assert ids_of(tokenizer, SPECIALS) == list(range(len(SPECIALS)))


def test_replies_come_back_as_they_were(tokenizer: Tokenizer) -> None:
    for plan, text in drawn_replies():
        tokens = tokenizer.encode(text, add_special_tokens=False).ids
        assert spelled(tokenizer, tokens) == text
        prompt = ids_of(tokenizer, compact_prompt(plan))
        assert [tokenizer.id_to_token(one) for one in prompt] == list(compact_prompt(plan))


@pytest.mark.parametrize(
    "text",
    [
        "{user}, look: {offer.1.name} ({offer.1.price}){offer.1.detail}",
        "“{destination}”… {dates} {party}",
        "Hello, {user}! - I’m {persona}.",
        "{because}",
    ],
)
def test_spaces_around_placeholders_are_kept(tokenizer: Tokenizer, text: str) -> None:
    assert spelled(tokenizer, tokenizer.encode(text).ids) == text


def test_the_engine_says_them_piece_by_piece(tokenizer: Tokenizer) -> None:
    for _, text in drawn_replies()[:200]:
        speech = Speech(tokenizer)
        assert "".join(map(speech.take, tokenizer.encode(text).ids)) == text


def test_every_token_is_whole_characters(tokenizer: Tokenizer) -> None:
    size = tokenizer.get_vocab_size()
    assert sorted(tokenizer.get_vocab().values()) == list(range(size))
    assert not any(PART in spelled(tokenizer, [number]) for number in range(size))


def test_a_placeholder_after_a_word_takes_no_token_for_the_space(tokenizer: Tokenizer) -> None:
    tokens = [spelled(tokenizer, [one]) for one in tokenizer.encode("for {destination}, I").ids]
    assert tokens == ["for ", "{destination}", ", ", "I"]


def test_other_special_tokens_are_refused() -> None:
    tokenizer = Tokenizer.from_str(learned(["a b c a b c"], 100).to_str())
    changed = tokenizer.to_str().replace('"<say>"', '"<tell>"')
    with pytest.raises(ValueError, match="special"):
        read_tokens(changed)
