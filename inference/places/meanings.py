"""core/ports/inference.PlacesByMeaning: which destinations are like what somebody said, by the sentence encoder.

586 directions of 384 numbers in this process, compared in a tenth of a millisecond: no extension of a database does that
sooner, and any PostgreSQL will do (docs/adr/0013-recommending.md).
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Final

import numpy as np
import structlog
import trio
from numpy.typing import NDArray
from structlog.typing import FilteringBoundLogger

from inference.encoder.encoder import Encoder
from inference.understanding.folding import fold, words_of
from inference.understanding.ngrams import ModelDamaged
from inference.understanding.slots import MAX_LETTERS

ARTEFACT: Final = Path(__file__).parents[1] / "models" / "places"
FILE: Final = "places.npz"
WORDS: Final = Path(__file__).with_name("words.txt")

LEAST: Final = 0.30
"""Of the best likeness, for words to say anything of a place: "romantic" has 0.21, "sushi and cherry blossoms" 0.55. Chosen on
twenty wishes and the development half of data/messages."""

_NO: Final = re.compile(
    r"\b(no|not|never|none|without|nothing|avoid|hate|except|but|instead|rather than|less|enough of"
    r"|(done|over|fed up) with|(sick|tired|bored) of|anything but|(do|does|is|are|was|wo|ca|did|would|should)n'?t)\b"
)
"""To the encoder "no snow" is snow: what says how a place should not be is not looked up."""

_LOG: FilteringBoundLogger = structlog.get_logger("inference.places")

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class PlaceMeanings:
    """`ids` [n]; `directions` [n, 384], of what sets each apart from the others: its likeness to a text is the product
    with the text's own. `version`: of these."""

    encoder: Encoder
    ids: tuple[str, ...]
    directions: Floats
    version: str

    def nearest(
        self, text: str, *, limit: int, is_beyond_tags: bool = False
    ) -> list[tuple[str, float]]:
        """See the port; in the thread of the small models. About 3 ms."""
        text = text[:MAX_LETTERS]
        telling = telling_words(text) - (_words()["="] if is_beyond_tags else frozenset())
        if says_no(text) or not telling:
            return []
        likeness = self.directions @ self.encoder.encode(_kept(text)).emb
        best = np.argsort(-likeness, kind="stable")[:limit]
        if not len(best) or likeness[best[0]] < LEAST:
            return []
        return [(self.ids[at], float(likeness[at])) for at in best]


def telling_words(text: str) -> frozenset[str]:
    """Those that may say what a place is like, folded."""
    said = (word for word in words_of(text) if word.isalpha())
    return frozenset(said) - _words()["-"] - _words()["~"]


def _kept(text: str) -> str:
    """Without what leads astray: "hiking in spring for 600 euros" → "hiking in for"."""
    astray = _words()["~"]
    return " ".join(
        word
        for word in re.findall(r"[^\s,.;:!?()]+", text)
        if not astray.issuperset(words_of(word)) and not any(map(str.isdigit, word))
    )


@cache
def _words() -> dict[str, frozenset[str]]:
    """By the sign before them in words.txt."""
    found: dict[str, set[str]] = {"-": set(), "~": set(), "=": set()}
    for line in WORDS.read_text("utf-8").splitlines():
        sign, *words = line.split()
        if sign in found:
            found[sign].update(words)
    return {sign: frozenset(words) for sign, words in found.items()}


def says_no(text: str) -> bool:
    """Whether it also says, in English, what is not wanted."""
    return _NO.search(fold(text)) is not None


def load_place_meanings(encoder: Encoder, folder: Path = ARTEFACT) -> PlaceMeanings:
    """Raises `ModelDamaged` when the file is not the one that the manifest names, or was made by another encoder."""
    try:
        manifest = json.loads((folder / "manifest.json").read_bytes())
        found = sha256((folder / FILE).read_bytes()).hexdigest()
        if found != manifest["sha256"] or manifest["encoder"] != encoder.version:
            raise ModelDamaged(f"{FILE} is not by this encoder, or not what its manifest names")
        with np.load(folder / FILE, allow_pickle=False) as arrays:
            directions = arrays["steps"].astype(np.float32) * arrays["scales"][:, None]
            ids = tuple(str(one) for one in arrays["ids"])
    except (OSError, KeyError, ValueError) as error:
        raise ModelDamaged(f"no meanings of places in {folder.name}: {error}") from error
    return PlaceMeanings(encoder, ids, directions, str(manifest["version"]))


class LatePlaceMeanings:
    """The port from the first moment on; before they are loaded, and where there is no encoder, nothing is like
    anything. Borrows: `turn`, of the thread of the small models."""

    def __init__(self, turn: trio.CapacityLimiter) -> None:
        self._turn = turn
        self._meanings: PlaceMeanings | None = None
        self._asked = self._failed = 0

    def begin(self, meanings: PlaceMeanings) -> None:
        self._meanings = meanings

    async def nearest(
        self, text: str, *, limit: int = 20, is_beyond_tags: bool = False
    ) -> Sequence[tuple[str, float]]:
        """See `core.ports.inference.PlacesByMeaning`."""
        meanings = self._meanings
        if meanings is None:
            return []
        self._asked += 1
        try:
            return await trio.to_thread.run_sync(
                lambda: meanings.nearest(text, limit=limit, is_beyond_tags=is_beyond_tags),
                limiter=self._turn,
                abandon_on_cancel=True,
            )
        except Exception as error:
            # A bug or a bad file: as if there were no model, and operators see it.
            self._failed += 1
            _LOG.warning("places_by_meaning.failed", error=type(error).__name__)
            return []

    def statistics(self) -> dict[str, int]:
        return {"asked": self._asked, "failed": self._failed}
