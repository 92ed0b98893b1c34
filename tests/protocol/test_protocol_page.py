"""docs/protocol.md shows every frame with every field, and nothing that is no longer there.

Run this file to print the tables anew.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec

from protocol import frames, wire, wrong_values
from protocol.answers import ANSWERS
from protocol.cards import Card
from protocol.codec import MISSING, UNKNOWN_TYPE, WRONG, WRONG_REF
from protocol.free_form import NOT_PLAIN, ZERO_CHARACTER
from protocol.names import ONE_LINE
from protocol.text_rules import EMPTY, ONE_DIRECTION, ONE_MEMBER, TOO_LONG

PAGE = Path(__file__).parents[2] / "docs" / "protocol.md"
CLIENT = get_args(wire.ClientFrame)
SERVER = (*get_args(wire.ServerEvent), frames.Ping, frames.Pong, frames.ErrorFrame)
SENTENCES = (
    *(EMPTY, MISSING, NOT_PLAIN, ONE_DIRECTION, ONE_LINE, ONE_MEMBER, TOO_LONG),
    *(UNKNOWN_TYPE, WRONG, WRONG_REF, ZERO_CHARACTER),
    *wrong_values.SENTENCES,
)


def fields_of(kind: type) -> str:
    """Names as they travel; `?` where one may be absent."""
    names = [
        f"{field.encode_name}{'' if field.required or always(kind) else '?'}"
        for field in msgspec.structs.fields(kind)
        if field.name != "ref"
    ]
    return f"`{', '.join(names)}`" if names else ""


def always(kind: Any) -> bool:
    return not kind.__struct_config__.omit_defaults


def structs_in(info: Any) -> Iterator[type]:
    """The struct types that a type holds, itself included."""
    match info:
        case msgspec.inspect.StructType():
            yield info.cls
            for field in info.fields:
                yield from structs_in(field.type)
        case msgspec.inspect.UnionType():
            for member in info.types:
                yield from structs_in(member)
        case msgspec.inspect.ListType():
            yield from structs_in(info.item_type)
        case msgspec.inspect.DictType():
            yield from structs_in(info.value_type)
        case msgspec.inspect.Metadata():
            yield from structs_in(info.type)


def maps_in(kinds: Iterable[type]) -> list[type]:
    """The maps inside these frames, by name."""
    found = {inner for kind in kinds for inner in structs_in(msgspec.inspect.type_info(kind))}
    return sorted(found - {*CLIENT, *SERVER, *ANSWERS}, key=lambda kind: kind.__name__)


def table(kinds: Iterable[Any], *, by_tag: bool) -> list[str]:
    return [
        f"| `{kind.__struct_config__.tag if by_tag else kind.__name__}` | {fields_of(kind)} |"
        for kind in kinds
    ]


def rows() -> list[str]:
    """Every row of the page's tables of frames, in order."""
    return [
        *table(CLIENT, by_tag=True),
        *table(SERVER, by_tag=True),
        *table(ANSWERS, by_tag=False),
        *table(maps_in((*CLIENT, *SERVER, *ANSWERS, Card)), by_tag=False),
    ]


def test_the_page_shows_every_frame_and_every_field() -> None:
    shown = PAGE.read_text().partition("## Shapes")[2].partition("\n## ")[0]
    assert [line for line in shown.splitlines() if line.startswith("| `")] == rows()


def test_the_page_lists_every_sentence_of_a_refusal() -> None:
    text = PAGE.read_text()
    assert [sentence for sentence in SENTENCES if f"`{sentence}`" not in text] == []


if __name__ == "__main__":
    print("\n".join(rows()))
