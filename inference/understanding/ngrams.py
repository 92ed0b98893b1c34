"""Intents by hashed n-grams of words and letters: a linear model in numpy, under a millisecond a message.

What the rules recognised is one word each ("LOC", "DATE", …), so that a city it never saw changes nothing.
Weights are eight-bit with one scale per output (weights/SCALE = float), 131,072 rows of 20 columns: the intents
and `addressed`.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Literal
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from inference.understanding.cues import NAMES
from inference.understanding.folding import WORD, fold
from inference.understanding.intents import Mark, Scores, setting_features
from inference.understanding.signs import PERSONA, persona_in, signs_with_setting
from protocol.understanding import INTENTS, Language, Setting, SlotName

BUCKETS: Final = 1 << 17
MAX_WORDS: Final = 60
ARTEFACT: Final = Path(__file__).parents[1] / "models" / "ngrams"
_STANDS_FOR: Final[dict[SlotName, str]] = {
    "destination": "LOC",
    "origin": "LOC",
    "dates": "DATE",
    "budget": "MONEY",
    "party": "PARTY",
}
_SETTING_WORDS: Final = 8
"""So many first words are looked at together with the setting."""


class ModelDamaged(Exception):
    """The files are not those that the manifest speaks of; the sentence says which."""


@dataclass(frozen=True, slots=True)
class NgramModel:
    """`weights` [BUCKETS, 20] int8; `scales` and `biases` [20]; `temperature`: what intents' logits are
    divided by, `shift`: what is added to the logit of `addressed`."""

    weights: NDArray[np.int8]
    scales: NDArray[np.float32]
    biases: NDArray[np.float32]
    temperature: float
    shift: float
    version: str
    languages: frozenset[Language]
    name: Literal["ngrams"] = "ngrams"

    def scores(self, text: str, setting: Setting, *, marks: Sequence[Mark] = ()) -> Scores:
        """See `IntentModel`."""
        rows = np.fromiter(set(buckets(text, setting, marks)), dtype=np.int64)
        # Rows are few (some 200) and narrow: summed as integers, then scaled once.
        total = self.weights[rows].sum(axis=0, dtype=np.int64)
        logits = total * (self.scales / np.sqrt(len(rows))) + self.biases
        intents = logits[: len(INTENTS)] / self.temperature
        odds = np.exp(intents - intents.max())
        meant = 1.0 / (1.0 + np.exp(-(logits[-1] + self.shift)))
        return Scores(tuple((odds / odds.sum()).tolist()), float(meant))


def buckets(text: str, setting: Setting, marks: Sequence[Mark] = ()) -> Iterator[int]:
    """The rows of a message, some more than once."""
    for feature in features(text, setting, marks):
        yield crc32(feature.encode()) % BUCKETS


def features(text: str, setting: Setting, marks: Sequence[Mark] = ()) -> Iterator[str]:
    """Words, pairs of words, pieces of words of three to five letters; the setting, and words in it; signs
    of whom it is for."""
    called = persona_in(text, setting)
    words = list(_words(text, marks, called))[:MAX_WORDS]
    about = setting_features(setting)
    yield from about
    yield f"{about[0]} {about[1]}"
    yield from signs_with_setting(text, setting, marks)
    yield f"length {min(len(words), 12)}"
    if "?" in text:
        yield "asks"
        yield f"asks {about[0]} {about[1]}"
    for at, word in enumerate(words):
        yield f"w {word}"
        if at < _SETTING_WORDS:
            for feature in (about[1], *about[2:4]):
                yield f"{feature} {word}"
    for one, two in zip(["^", *words], [*words, "$"], strict=True):
        yield f"p {one} {two}"
    for one, two in zip(words, words[2:], strict=False):
        yield f"s {one} {two}"
    for word in words:
        if word.islower():
            padded = f"<{word}>"
            for size in (3, 4, 5):
                for start in range(len(padded) - size + 1):
                    yield padded[start : start + size]


def _words(text: str, marks: Sequence[Mark], called: tuple[int, int] | None) -> Iterator[str]:
    """Folded words, and what stands for slots and for a persona's name."""
    folded, at = fold(text), 0
    spans = [(mark.start, mark.end, _STANDS_FOR[mark.slot]) for mark in marks]
    if called is not None:
        spans.append((*called, PERSONA))
    for start, end, word in sorted(spans):
        if start < at:
            continue
        yield from _plain(folded[at:start])
        yield word
        at = end
    yield from _plain(folded[at:])


def _plain(text: str) -> Iterator[str]:
    for word in WORD.findall(text.replace("'", "")):
        yield "0" if word.isdigit() else "NAME" if word in NAMES else word
    if any(ord(letter) > 0x2600 for letter in text):
        yield "EMOJI"


def load_ngrams(folder: Path = ARTEFACT) -> NgramModel:
    """From a folder as training leaves it. Raises `ModelDamaged`."""
    try:
        manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_text("utf-8"))
        packed = (folder / manifest["file"]).read_bytes()
    except (OSError, KeyError, ValueError) as error:
        raise ModelDamaged(f"no n-gram model in {folder.name}: {error}") from error
    if sha256(packed).hexdigest() != manifest["sha256"]:
        raise ModelDamaged(f"{manifest['file']} is not the file that the manifest speaks of")
    with np.load(folder / manifest["file"], allow_pickle=False) as arrays:
        return NgramModel(
            weights=arrays["weights"],
            scales=arrays["scales"],
            biases=arrays["biases"],
            temperature=float(manifest["temperature"]),
            shift=float(manifest["shift"]),
            version=manifest["version"],
            languages=frozenset(manifest["languages"]),
        )
