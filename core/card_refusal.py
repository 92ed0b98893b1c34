"""Card numbers have no place in anything that is sent to us: refused before anybody else reads it."""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate
from typing import Final

import msgspec

from core.errors import Rejected
from core.texts import sentence
from protocol.card_numbers import DOUBLED, is_card_number_in

CARD_NUMBER: Final = sentence(
    "Never send a card's number. Send the id that the payment provider made."
)
_GROUP: Final = re.compile(r"([0-9]+)([ .\-_](?=[0-9]))?")
_IN_TEXT: Final = re.compile(r"[0-9](?:[ .\-_]?[0-9]){12}")
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
_LEAST: Final = 10 ** (_SHORTEST - 1)
"""The first whole number that is as long as a card's."""

_FIRST: Final = "23456"
_FEWEST: Final = 3
"""Digits of a group: cards show four and more, and the last of nineteen three."""

_MOST_GROUPS: Final = _LONGEST // _FEWEST
_AT_ONCE: Final = 512
"""Groups whose digits are counted in one go: persona's cards have megabytes, and are read beside the loop."""

_NO_GROUP: Final[tuple[str, str | None]] = ("", None)


def may_hold_card(raw: bytes) -> bool:
    """Whether it is worth looking for one: what was sent, as it came. A microsecond."""
    return _IN_BYTES.search(raw) is not None


def demand_no_card(sent: msgspec.Struct | Mapping[str, object]) -> None:
    """Pass, or raise `Rejected("bad_request")` naming the first field in which a card's number stands. What holds
    none costs little: it is looked at before anybody's rate is counted."""
    way = _way_to_card(sent, MAX_DEPTH)
    if way is not None:
        path = "".join(way).strip(".")
        raise Rejected("bad_request", CARD_NUMBER, fields=[(path, CARD_NUMBER)])


def _holds_card(text: str) -> bool:
    """Whether groups of three digits and more stand side by side with the same sign between them, as long as a
    card's number and beginning like one: what comes after it on the card may stand there too."""
    if _IN_TEXT.search(text) is None:
        return False
    # Of a longer group nobody needs more than that it is too long.
    found = _GROUP.finditer(_UUID.sub("id", text))
    groups = [(one[1][: _LONGEST + 1], one[2]) for one in found]
    portions = range(0, len(groups), _AT_ONCE)
    return any(_begins_card(groups[at : at + _AT_ONCE + _MOST_GROUPS]) for at in portions)


def _begins_card(groups: list[tuple[str, str | None]]) -> bool:
    """Whether one begins with any of the first `_AT_ONCE` groups."""
    digits = "".join(first for first, _ in groups)
    sums, begins = _sums(digits), 0
    for place, (first, sign) in enumerate(groups[:_AT_ONCE], 1):
        ends, between = begins + len(first), sign
        if first[0] in _FIRST and len(first) >= _FEWEST:
            for group, after in (*groups[place : place + _MOST_GROUPS], _NO_GROUP):
                if ends - begins > _LONGEST:
                    break
                sum_of = sums[ends & 1]
                is_right = (sum_of[ends] - sum_of[begins]) % 10 == 0
                if is_right and ends - begins >= _SHORTEST and _is_card(digits[begins:ends]):
                    return True
                if between is None or between != sign or len(group) < _FEWEST:
                    break
                ends, between = ends + len(group), after
        begins += len(first)
    return False


def _sums(digits: str) -> tuple[list[int], list[int]]:
    """Luhn's sums of the digits before each place, with those at even and at odd places doubled: of a number that
    ends before an even place, those at even ones are."""
    plain, doubled = [*map(int, digits)], [*map(int, digits.translate(DOUBLED))]
    even, odd = plain.copy(), plain
    even[::2], odd[1::2] = doubled[::2], doubled[1::2]
    return [0, *accumulate(even)], [0, *accumulate(odd)]


def _is_card(number: str) -> bool:
    return _CARD.fullmatch(number) is not None and is_card_number_in(number)


def _way_to_card(value: object, depth: int) -> list[str] | None:
    """The steps to the first text that holds one; free keys that are no words: `[...]`."""
    if depth < 0:
        return None
    if isinstance(value, str):
        return [] if _holds_card(value) else None
    if isinstance(value, int):
        return [] if value >= _LEAST and _is_card(str(value)) else None
    if isinstance(value, float):  # some encoders say every large number so
        is_whole = value >= _LEAST and value.is_integer()
        return [] if is_whole and _is_card(f"{value:.0f}") else None
    for name, item in _parts(value):
        if isinstance(name, str):
            if len(name) >= _SHORTEST and _holds_card(name):
                return [_step(name)]
            if _NO_CARDS.search(name):
                continue
        # Of many parts most are too short, which is seen here without a call for each.
        is_short = isinstance(item, str) and len(item) < _SHORTEST
        if is_short or (isinstance(item, int | float) and item < _LEAST):
            continue
        way = _way_to_card(item, depth - 1)
        if way is not None:
            return [_step(name), *way]
    return None


def _parts(value: object) -> Iterable[tuple[object, object]]:
    """What it holds, by name or place."""
    if isinstance(value, msgspec.Struct):
        return _fields(value)
    if isinstance(value, Mapping):
        return ((str(name), item) for name, item in value.items())
    return enumerate(value) if isinstance(value, list | tuple) else ()


def _fields(value: msgspec.Struct) -> Iterator[tuple[object, object]]:
    names = zip(value.__struct_fields__, value.__struct_encode_fields__, strict=True)
    for name, encoded in names:
        item = getattr(value, name)
        # Whole numbers have a meaning where they are declared; in free maps nobody knows it.
        if not isinstance(item, int | float) and not _NO_CARDS.search(name):
            yield encoded, item


def _step(name: object) -> str:
    if isinstance(name, int):
        return f"[{name}]"
    is_word = _WORD.fullmatch(str(name)) is not None
    return f".{name}" if is_word else "[...]"
