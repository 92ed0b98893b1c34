"""What a tokenizer's tokens spell, for the rules of wording: one `Lexicon` per model."""

from collections.abc import Collection, Mapping
from typing import Final

from tokenizers import Tokenizer

from inference.engine.servable import UnservableError
from inference.engine.vocabulary import PART
from inference.wording.compact import SPECIALS, token_of
from inference.wording.lexicon import Lexicon
from protocol.wording import PLACEHOLDERS

_BEFORE: Final = "so"
"""Some tokenizers spell a text's first token otherwise than the others."""

_FEWEST_SAYABLE: Final = 50


def compact_lexicon(
    tokenizer: Tokenizer, vocabulary: int, ends: frozenset[int], words: Collection[str] | None
) -> Lexicon:
    """For models whose placeholders are tokens. `words`: all that may be said, where they are listed.
    Raises `UnservableError` when one of `SPECIALS` is missing."""
    numbers = special_numbers(tokenizer)
    spellings = {name: ((numbers[token_of(name)],),) for name in PLACEHOLDERS}
    return _lexicon(tokenizer, vocabulary, ends, spellings, words)


def special_numbers(tokenizer: Tokenizer) -> dict[str, int]:
    """The number of each of `SPECIALS`. Raises `UnservableError` when one is missing."""
    found: dict[str, int] = {}
    for special in SPECIALS:
        number = tokenizer.token_to_id(special)
        if number is None:
            raise UnservableError(
                f"the tokenizer has no token '{special}': it was not made for the compact form of now"
            )
        found[special] = number
    return found


def written_lexicon(tokenizer: Tokenizer, vocabulary: int, ends: frozenset[int]) -> Lexicon:
    """For models that write placeholders as text. Raises `UnservableError` when their tokens cannot."""
    texts = _texts(tokenizer, vocabulary)
    spellings: dict[str, tuple[tuple[int, ...], ...]] = {}
    for name in PLACEHOLDERS:
        ways = {
            tuple(tokenizer.encode(f"{space}{token_of(name)}", add_special_tokens=False).ids)
            for space in ("", " ")
        }
        able = tuple(way for way in sorted(ways) if _spells(tokenizer, texts, way, name))
        if not able:
            raise UnservableError(f"its tokens cannot write '{token_of(name)}'")
        spellings[name] = able
    return _lexicon(tokenizer, vocabulary, ends, spellings)


def _lexicon(
    tokenizer: Tokenizer,
    vocabulary: int,
    ends: frozenset[int],
    spellings: Mapping[str, tuple[tuple[int, ...], ...]],
    words: Collection[str] | None = None,
) -> Lexicon:
    texts = _texts(tokenizer, vocabulary)
    lexicon = Lexicon(texts, spellings=spellings, ends=ends, words=words)
    if len(lexicon.sayable) < _FEWEST_SAYABLE:
        raise UnservableError(
            f"of its tokens {len(lexicon.sayable)} may be said: that is no language"
        )
    return lexicon


def _spells(tokenizer: Tokenizer, texts: list[str | None], way: tuple[int, ...], name: str) -> bool:
    """Whether these tokens write the placeholder and nothing else, the first of them with its brace."""
    if not way or any(token >= len(texts) for token in way):
        return False
    first = (texts[way[0]] or "").lstrip(" ")
    return first[:1] == "{" and _after(tokenizer, way).lstrip(" ") == token_of(name)


def _after(tokenizer: Tokenizer, tokens: tuple[int, ...]) -> str:
    before = tokenizer.encode(_BEFORE, add_special_tokens=False).ids
    whole = tokenizer.decode([*before, *tokens], skip_special_tokens=False)
    return str(whole)[len(tokenizer.decode(before, skip_special_tokens=False)) :]


def _texts(tokenizer: Tokenizer, vocabulary: int) -> list[str | None]:
    """What each token spells in the midst of a text. None: a special one, a part of a character, or a
    number that no token has."""
    special = {
        number for number, token in tokenizer.get_added_tokens_decoder().items() if token.special
    }
    known = sorted(
        number
        for number in tokenizer.get_vocab(with_added_tokens=True).values()
        if number < vocabulary and number not in special
    )
    before = tokenizer.encode(_BEFORE, add_special_tokens=False).ids
    skipped = len(tokenizer.decode(before, skip_special_tokens=False))
    decoded = tokenizer.decode_batch(
        [[*before, number] for number in known], skip_special_tokens=False
    )
    texts: list[str | None] = [None] * vocabulary
    for number, text in zip(known, decoded, strict=True):
        if PART not in text:
            texts[number] = text[skipped:]
    return texts
