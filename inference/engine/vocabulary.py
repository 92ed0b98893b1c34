"""A model's tokens as text, piece by piece."""

from tokenizers import Tokenizer
from tokenizers.decoders import DecodeStream

PART = "\ufffd"
"""What a token decodes to that is a part of a character."""


class Speech:
    """Tokens in, text out: as soon as its characters are whole. Special tokens stay as they are
    written, for placeholders are among them."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._stream = DecodeStream(skip_special_tokens=False)

    def take(self, token: int) -> str:
        return self._stream.step(self._tokenizer, token) or ""
