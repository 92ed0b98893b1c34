"""The messages that judge, as data/messages/README.md describes them. Nothing is trained on them."""

from hashlib import sha256
from pathlib import Path
from typing import Final, Literal, get_args

import msgspec

from protocol.understanding import Budget, Dates, Intent, Language, PartySaid, Setting

Half = Literal["development", "locked"]
HALVES: Final[tuple[Half, ...]] = get_args(Half)
HERE: Final = Path(__file__).parents[3] / "data" / "messages"


class GoldSlots(msgspec.Struct, frozen=True, kw_only=True):
    """What the text says."""

    destination: tuple[str, ...] = ()
    origin: tuple[str, ...] = ()
    dates: Dates | None = None
    budget: Budget | None = None
    party: PartySaid | None = None


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A line."""

    id: str
    text: str
    setting: Setting
    to: Literal["persona", "people"]
    intent: Intent
    slots: GoldSlots


def path_of(half: Half, language: Language) -> Path:
    """A language's file."""
    return HERE / half / f"{language}.jsonl"


def messages(half: Half, language: Language) -> list[Message]:
    """All lines of a file."""
    lines = path_of(half, language).read_bytes().splitlines()
    return [msgspec.json.decode(line, type=Message) for line in lines]


def digests(half: Half) -> dict[str, str]:
    """sha256 by file name."""
    return {
        path.name: sha256(path.read_bytes()).hexdigest() for path in sorted((HERE / half).iterdir())
    }
