"""Card numbers have no place in anything that is sent to us: refused before anybody else reads it."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from core.errors import Rejected
from core.texts import sentence
from protocol.card_numbers import is_card_number_in

CARD_NUMBER: Final = sentence(
    "Never send a card's number. Send the id that the payment provider made."
)
_GROUP: Final = re.compile(r"([0-9]+)([ .\-_](?=[0-9]))?")
_IN_BYTES: Final = re.compile(
    rb"[0-9](?:[ .\-_]?[0-9]){12}|\\u00(?:2[0dDeE]|3[0-9]|5[fF])|"
    rb"[\xcf\xd3][\x00-\xff]{8}|\xcb[\x42\x43][\x00-\xff]{7}",
    re.DOTALL,
)
"""Digits in words; a sign of one as JSON may write it too; in MessagePack a number of 64 bits, or one with a
point that is as large as a card's."""

_UUID: Final = re.compile(r"[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}")
"""What servers and clients make themselves: some of them look like a card's number by chance."""

_CARD: Final = re.compile(
    r"4(?:[0-9]{12}|[0-9]{15}|[0-9]{18})|5[1-5][0-9]{14}|"
    r"2(?:22[1-9]|2[3-9][0-9]|[3-6][0-9]{2}|7[01][0-9]|720)[0-9]{12}|"
    r"3[0-9]{13,18}|(?:50|5[6-9]|6[0-9])[0-9]{11,17}"
)
"""How payment cards begin, and how long they are then (ISO/IEC 7812-1, the schemes' own ranges): dates of
this century begin otherwise."""

_NO_CARDS: Final = re.compile(
    r"(^|_|[a-z])(id|ids|Id|Ids|key|password|otp|token|Token|phone|url|epoch)\Z"
)
"""Names of fields that hold what somebody made for machines, what is secret, or telephone numbers."""
_WORD: Final = re.compile(r"[A-Za-z_]{1,32}")
"""What is named of keys that people choose: whoever reads a refusal finds the field, and it stays short."""

MAX_DEPTH: Final = 64
"""As deeply as a character card nests; nothing else that is sent to us does."""
_SHORTEST, _LONGEST = 13, 19
_FIRST: Final = "23456"
_FEWEST: Final = 3
"""Digits of a group: cards show four and more, and the last of nineteen three."""


def may_hold_card(raw: bytes) -> bool:
    """Whether it is worth looking for one: what was sent, as it came. A microsecond."""
    return _IN_BYTES.search(raw) is not None


def demand_no_card(sent: msgspec.Struct | Mapping[str, object]) -> None:
    """Pass, or raise `Rejected("bad_request")` naming the first field in which a card's number stands."""
    for path, text in _texts(sent, "", MAX_DEPTH):
        if any(_is_card(number) for number in _numbers(text)):
            raise Rejected("bad_request", CARD_NUMBER, fields=[(path, CARD_NUMBER)])


def _is_card(number: str) -> bool:
    return _CARD.fullmatch(number) is not None and is_card_number_in(number)


def _numbers(text: str) -> Iterator[str]:
    """Groups of three digits and more that stand side by side with the same sign between them, as long as a
    card's number and beginning like one: what comes after it on the card may stand there too."""
    groups = [found.groups() for found in _GROUP.finditer(_UUID.sub("id", text))]
    for start, (first, sign) in enumerate(groups):
        if first[0] not in _FIRST or not _FEWEST <= len(first) <= _LONGEST:
            continue
        number, between = first, sign
        for group, after in groups[start + 1 :]:
            if between is None or between != sign or len(group) < _FEWEST:
                break
            if len(number) >= _SHORTEST:
                yield number
            number, between = number + group, after
            if len(number) > _LONGEST:
                break
        if _SHORTEST <= len(number) <= _LONGEST:
            yield number


def _texts(value: object, path: str, depth: int) -> Iterator[tuple[str, str]]:
    """Every text that may hold one, with its camelCase path; free keys that are no words: `[...]`."""
    if depth < 0:
        return
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, int) and not isinstance(value, bool) and value > 0:
        yield path, str(value)
    elif isinstance(value, float) and value > 0 and value.is_integer():
        yield path, f"{value:.0f}"  # some encoders say every large number so
    elif isinstance(value, msgspec.Struct):
        names = zip(value.__struct_fields__, value.__struct_encode_fields__, strict=True)
        for name, encoded in names:
            item = getattr(value, name)
            # Numbers have a meaning where they are declared; in free maps nobody knows it.
            if not _NO_CARDS.search(name) and not isinstance(item, int | float):
                yield from _texts(item, f"{path}.{encoded}".strip("."), depth - 1)
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield _below(path, name), str(name)
            if not _NO_CARDS.search(str(name)):
                yield from _texts(item, _below(path, name), depth - 1)
    elif isinstance(value, list | tuple):
        for place, item in enumerate(value):
            yield from _texts(item, f"{path}[{place}]", depth - 1)


def _below(path: str, name: object) -> str:
    is_word = _WORD.fullmatch(str(name)) is not None
    return f"{path}.{name}".strip(".") if is_word else f"{path}[...]"
