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
_RUN: Final = re.compile(r"[0-9]+(?:[ .\-_][0-9]+)*")
_GROUP: Final = re.compile(r"[0-9]+")
_IN_BYTES: Final = re.compile(rb"[0-9](?:[ .\-_]?[0-9]){12}")
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
"""What servers and clients make themselves: some of them look like a card's number by chance."""

_FIRST: Final = "23456"
"""Of payment cards (ISO/IEC 7812-1); books and parcels begin with others."""

_NO_CARDS: Final = re.compile(
    r"(^|_|[a-z])(id|ids|Id|Ids|key|password|otp|token|Token|phone|url|epoch)\Z"
)
"""Names of fields that hold what somebody made for machines, what is secret, or telephone numbers."""
MAX_DEPTH: Final = 32
_SHORTEST, _LONGEST = 13, 19


def may_hold_card(raw: bytes) -> bool:
    """Whether it is worth looking for one: what was sent, as it came. A microsecond."""
    return _IN_BYTES.search(raw) is not None


def demand_no_card(sent: msgspec.Struct) -> None:
    """Pass, or raise `Rejected("bad_request")` naming the first field in which a card's number stands."""
    for path, text in _texts(sent, "", MAX_DEPTH):
        if any(_is_card(number) for number in _numbers(text)):
            raise Rejected("bad_request", CARD_NUMBER, fields=[(path, CARD_NUMBER)])


def _is_card(number: str) -> bool:
    return number[0] in _FIRST and is_card_number_in(number)


def _numbers(text: str) -> Iterator[str]:
    """Groups of digits that stand side by side, as long as a card's number: what comes after it on the
    card may stand there too."""
    for run in _RUN.finditer(_UUID.sub("id", text)):
        groups = _GROUP.findall(run.group())
        for start in range(len(groups)):
            number = ""
            for group in groups[start:]:
                number += group
                if len(number) > _LONGEST:
                    break
                if len(number) >= _SHORTEST:
                    yield number


def _texts(value: object, path: str, depth: int) -> Iterator[tuple[str, str]]:
    """Every text that may hold one, with its camelCase path."""
    if depth < 0:
        return
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, msgspec.Struct):
        names = zip(value.__struct_fields__, value.__struct_encode_fields__, strict=True)
        for name, encoded in names:
            if not _NO_CARDS.search(name):
                yield from _texts(getattr(value, name), f"{path}.{encoded}".strip("."), depth - 1)
    elif isinstance(value, Mapping):
        for name, item in value.items():
            if not _NO_CARDS.search(str(name)):
                yield from _texts(item, f"{path}.{name}".strip("."), depth - 1)
    elif isinstance(value, list | tuple):
        for place, item in enumerate(value):
            yield from _texts(item, f"{path}[{place}]", depth - 1)
