"""A model's tokens as text: what they spell, which of them may never be said, and speech piece by piece."""

import unicodedata
from collections.abc import Callable, Collection

import numpy as np
from tokenizers import Tokenizer
from tokenizers.decoders import DecodeStream

from inference.engine.sampler import FORBIDDEN, Mask

PART = "\ufffd"
"""What a token decodes to that is a part of a character."""


def has_figures(text: str) -> bool:
    """Whether it has a digit or number sign of any script, a currency sign, or per cent or mille."""
    return any(
        unicodedata.category(each)[0] == "N" or unicodedata.category(each) == "Sc" or each in "%‰٪"
        for each in text
    )


def speakable(
    tokenizer: Tokenizer,
    vocabulary: int,
    *,
    but: Callable[[str], bool] = has_figures,
    specials: Collection[int] = (),
) -> Mask:
    """The mask of tokens that may be said: not those whose text is `but`, nor special ones other than
    `specials` (the ends, placeholders), nor the numbers that no token has, nor parts of characters,
    by which anything could be spelled."""
    special = {
        number for number, token in tokenizer.get_added_tokens_decoder().items() if token.special
    }
    mask = np.full(vocabulary, FORBIDDEN, np.float32)
    known = sorted(number for number in tokenizer.get_vocab().values() if number < vocabulary)
    texts = tokenizer.decode_batch([[number] for number in known], skip_special_tokens=False)
    for number, text in zip(known, texts, strict=True):
        is_spelled = number not in special and PART not in text and not but(text)
        if is_spelled or number in specials:
            mask[number] = 0.0
    return mask


class Speech:
    """Tokens in, text out: as soon as its characters are whole. Special tokens stay as they are
    written, for placeholders are among them."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._stream = DecodeStream(skip_special_tokens=False)

    def take(self, token: int) -> str:
        return self._stream.step(self._tokenizer, token) or ""
