"""Looking into MessagePack without building its values: the top-level pairs, how many, and how deep it nests.

The trick: only a container's header tells a map from an array. A map of n pairs with its header
replaced by that of an array of 2n items is an array, which msgspec splits into raw items in C.
"""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from msgspec import Raw
from msgspec.msgpack import Decoder

_ITEMS: Final = Decoder(list[Raw])
_STR_HEADER: Final = dict.fromkeys(range(0xA0, 0xC0), 1) | {0xD9: 2, 0xDA: 3, 0xDB: 5}
"""First byte of an encoded string → length of its header."""
_CONTAINERS: Final = frozenset((*range(0x80, 0xA0), *range(0xDC, 0xE0)))
_ARRAYS: Final = frozenset((*range(0x90, 0xA0), 0xDC, 0xDD))
"""First bytes of maps and arrays, and of arrays."""


def pairs(data: bytes) -> list[tuple[bytes, Raw]]:
    """(key as UTF-8, encoded value) of the one map that `data` is, in order, duplicates included.

    Raises ValueError when it is not one complete map, or a key is no string; RecursionError when
    it nests deeper than the interpreter can follow.
    """
    if not data or not (0x80 <= data[0] <= 0x8F or data[0] in (0xDE, 0xDF)):
        raise ValueError("not a map")
    count, body = _opened(data)
    if count > len(data):
        raise ValueError("lengths beyond the frame")
    items = _ITEMS.decode(_array(count, [data[body:]]))
    try:
        names = [key[_STR_HEADER[key[0]] :] for key in map(bytes, items[::2])]
    except KeyError:
        raise ValueError("a key is no string") from None
    return list(zip(names, items[1::2], strict=True))


def count_said(data: bytes) -> int:
    """How many pairs a map says it has; 0 for what is no map, or has no whole header."""
    is_map = len(data) > 4 and (0x80 <= data[0] <= 0x8F or data[0] in (0xDE, 0xDF))
    return _opened(data)[0] // 2 if is_map else 0


class Layer(NamedTuple):
    """What stands in the containers of the layer above: how many items each of them has (a key and a value are
    two), whether it is a map, and all these items."""

    held: list[tuple[int, bool]]
    items: list[bytes]


def layers(values: Sequence[Raw], levels: int, *, most_items: int) -> tuple[list[Layer], bool]:
    """Through all encoded values at once, `levels` deep at most. Ends before it has looked at more than
    `most_items`, and whether it did: a bomb must not buy more of our time than an honest frame."""
    found: list[Layer] = []
    items = [bytes(value) for value in values]
    while len(found) < levels:
        held, bodies, total = [], [], 0
        for item in [item for item in items if item[0] in _CONTAINERS]:
            count, body = _opened(item)
            total += count
            held.append((count, item[0] not in _ARRAYS))
            bodies.append(item[body:])
        most_items -= total
        if most_items < 0:
            return found, True
        if not total:
            break
        items = [bytes(item) for item in _ITEMS.decode(_array(total, bodies))]
        found.append(Layer(held, items))
    return found, False


def nests_deeper(found: Sequence[Layer], levels: int) -> bool:
    """Whether a value holds more than `levels` containers within one another, as far as was looked."""
    return len(found) >= levels and any(item[0] in _CONTAINERS for item in found[levels - 1].items)


def has_odd_keys(found: Sequence[Layer], most: int) -> bool:
    """Whether a map in a value has more than `most` keys that are no text, as far as was looked."""
    for held, items in found:
        begin = 0
        for count, is_map in held:
            keys = items[begin : begin + count : 2] if is_map else ()
            if len(keys) > most and sum(key[0] not in _STR_HEADER for key in keys) > most:
                return True
            begin += count
    return False


def _opened(container: bytes) -> tuple[int, int]:
    """How many items a container holds (two per pair of a map), and where the first begins."""
    first = container[0]
    if first <= 0x8F:
        return (first & 0x0F) * 2, 1
    if first <= 0x9F:
        return first & 0x0F, 1
    end = 5 if first in (0xDD, 0xDF) else 3
    return int.from_bytes(container[1:end], "big") * (2 if first >= 0xDE else 1), end


def _array(count: int, bodies: Iterable[bytes]) -> bytes:
    return b"\xdd" + count.to_bytes(4, "big") + b"".join(bodies)
