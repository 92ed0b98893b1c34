"""The model's vocabulary: `SPECIALS` from 0 on, then pieces of words learned from the corpus (BPE).

A word is cut with the space behind it ("at ", "Hello", ", "): what stands before a placeholder then needs no
token that is a space alone, which would cost a step each. Every token is whole characters, so that what may
be said can be judged token by token; a text is what its tokens spell, one after the other.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from inference.wording.compact import SPECIALS

VOCABULARY: Final = 3_072
LETTERS: Final = sorted(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZéèêàáâçñóöüïí’'-–—…,.;:!?()“”\"& "
)
WORDS: Final = r" ?[\p{L}\p{M}'’]+(?:-[\p{L}\p{M}'’]+)* ?| ?[^\p{L}\p{M}\s]+ ?|\s+"
"""A word or signs, with a space before them only where a text or the part behind a placeholder begins."""


_SLOT: Final = re.compile(r"\{[^{}]*\}")


def learned(texts: Iterable[str], vocabulary: int = VOCABULARY) -> Tokenizer:
    """A tokenizer of at most `vocabulary` tokens. The same texts give the same one."""
    tokenizer = _empty()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        min_frequency=2,
        special_tokens=[AddedToken(one, special=True, normalized=False) for one in SPECIALS],
        initial_alphabet=LETTERS,
        show_progress=False,
    )
    # Cut at placeholders here: a trainer would learn how they are spelled.
    parts = (part for text in texts for part in _SLOT.split(text) if part)
    tokenizer.train_from_iterator(parts, trainer)
    return tokenizer


def _empty() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(WORDS), "isolated")
    tokenizer.decoder = decoders.Fuse()
    return tokenizer


def read_tokens(json: str) -> Tokenizer:
    """Raises `ValueError` when the special tokens are not those of today."""
    tokenizer = Tokenizer.from_str(json)
    numbers = [tokenizer.token_to_id(one) for one in SPECIALS]
    if numbers != list(range(len(SPECIALS))):
        raise ValueError("its special tokens are not SPECIALS")
    return tokenizer


def ids_of(tokenizer: Tokenizer, specials: Sequence[str]) -> list[int]:
    """Numbers of a compact prompt's tokens."""
    return [number for one in specials if (number := tokenizer.token_to_id(one)) is not None]


def spelled(tokenizer: Tokenizer, tokens: Sequence[int]) -> str:
    """The text of tokens, special ones as they are written."""
    return str(tokenizer.decode(list(tokens), skip_special_tokens=False))
