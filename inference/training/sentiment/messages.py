"""The messages of data/sentiment, as its README describes them."""

from hashlib import sha256
from pathlib import Path
from typing import Final, Literal, NamedTuple

from inference.sentiment.head import Mood
from protocol.understanding import Language

Half = Literal["train", "held_out"]
HERE: Final = Path(__file__).parents[3] / "data" / "sentiment"
LANGUAGES: Final[tuple[Language, ...]] = ("en", "de", "es", "fr")
_MOODS: Final[dict[str, Mood]] = {"-": "negative", "0": "neutral", "+": "positive"}


class Labelled(NamedTuple):
    """A line."""

    language: Language
    mood: Mood
    text: str


def labelled(half: Half) -> list[Labelled]:
    """All of a half, in the order of the files. Raises `KeyError` for a line without a label."""
    return [
        Labelled(language, _MOODS[line[0]], line[2:].strip())
        for language in LANGUAGES
        for line in path_of(half, language).read_text("utf-8").splitlines()
        if line and not line.startswith("#")
    ]


def path_of(half: Half, language: Language) -> Path:
    return HERE / half / f"{language}.txt"


def digests(half: Half) -> dict[Language, str]:
    """sha256 of each file."""
    return {one: sha256(path_of(half, one).read_bytes()).hexdigest() for one in LANGUAGES}
