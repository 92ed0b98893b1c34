"""Where `addressed` begins: `python -m inference.training.encoder.threshold [--write]`.

Models that were trained without some hands read what those wrote: that is how strangers will be read. Over the shift
of `addressed` that gives both gates at once, chatter answered and wishes missed, first for the n-grams in all
languages, then for the encoder beside them in its own. --write puts the shifts whose worse gate has the most room into
both manifests. Half an hour; the encoder's needs `make models`. No message that judges is read.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from inference.encoder.encoder import load_encoder
from inference.encoder.intents import ARTEFACT as HEADS
from inference.encoder.intents import EncoderHeads, made_of
from inference.reader import ModelReader
from inference.training.encoder import heads
from inference.training.understanding.examples import Example
from inference.training.understanding.judging import is_answered
from inference.training.understanding.phrasings import LANGUAGES
from inference.training.understanding.places import gazetteer
from inference.training.where import models_folder
from inference.understanding.dialogue import odds_of
from inference.understanding.ngrams import ARTEFACT as NGRAMS
from inference.understanding.ngrams import NgramModel

SHIFTS: Final = np.round(np.arange(-12.0, 6.01, 0.1), 1)
NEVER: Final = -400.0
"""A shift with which only rules answer."""
NEAR: Final = -4.0
"""About where it will begin: there what is read is exact, while odds far beyond are cut off (dialogue.odds_of)."""
MOST_ANSWERED: Final = 0.02
MOST_MISSED: Final = 0.10
FOLDS: Final = (2, 0)
"""Of the hands: those that are left out in turns."""
TEMPERATURE: Final = 1.0
"""Of intents: they do not move `addressed` much, and hands of their own would be needed for it."""

Margins = Any
"""[messages]: a message is answered from the shift on that is its opposite."""


def margins_of(model: NgramModel | EncoderHeads, said: Sequence[Example]) -> Margins:
    """Where `addressed` of each stands without a shift; infinite where rules answer whatever it says."""
    plain, never = (ModelReader([shifted(model, shift)], gazetteer()) for shift in (NEAR, NEVER))
    return np.array(
        [
            np.inf
            if is_answered(never.read_sync(one.text, one.setting))
            # (The reader takes the mean of two log odds, of which the shift is added to one.)
            else 2.0 * odds_of(plain.read_sync(one.text, one.setting).addressed) - NEAR
            for one in said
        ]
    )


def shifted(model: NgramModel | EncoderHeads, shift: float) -> NgramModel | EncoderHeads:
    return replace(model, shift=shift)


def curve(margins: Margins, chatter: Any) -> Any:
    """[shifts, 2]: chatter answered, wishes missed."""
    rows = [margins + shift >= 0 for shift in SHIFTS]
    return np.array([(row[chatter].mean(), (~row[~chatter]).mean()) for row in rows])


def best(found: Any) -> int:
    """The shift whose worse gate has the most room; the middle one of several."""
    worse = np.maximum(found[:, 0] / MOST_ANSWERED, found[:, 1] / MOST_MISSED)
    equal = np.flatnonzero(worse <= worse.min() + 1e-9)
    return int(equal[len(equal) // 2])


def ngrams_without(fold: int, count: int) -> NgramModel:
    from inference.training.understanding import ngrams

    weights, biases = ngrams.fit(ngrams.generated(count, part="train", seed=1, fold=fold))
    arrays = ngrams.packed_arrays(weights, biases)
    return NgramModel(
        **arrays,
        temperature=TEMPERATURE,
        shift=0.0,
        version=f"without {fold}",
        languages=frozenset(LANGUAGES),
    )


def heads_without(fold: int, count: int, beside: NgramModel) -> EncoderHeads:
    trained = heads.english(count, part="train", seed=1, fold=fold)
    encoder = load_encoder(models_folder() / "encoder")
    return made_of(heads.fit(trained), heads.manifest_of(count), encoder=encoder, ngrams=beside)


def told(name: str, margins: Sequence[Margins], chatter: Sequence[Any]) -> float:
    """The shift, with what it does on all hands together."""
    found = curve(np.concatenate(margins), np.concatenate(chatter))
    at = best(found)
    for one in sorted({*range(max(at - 20, 0), min(at + 21, len(SHIFTS)), 5), at}):
        answered, missed = found[one]
        mark = "  <- best" if one == at else ""
        print(
            f"{name}  {SHIFTS[one]:5.1f}  chatter answered {answered:.3f}  wishes missed {missed:.3f}{mark}"
        )
    return float(SHIFTS[at])


def main(arguments: Sequence[str]) -> int:
    """Print the curves; write the best shifts if that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--examples", type=int, default=220_000, help="that n-grams learn from")
    parser.add_argument("--english", type=int, default=heads.EXAMPLES, help="that heads learn from")
    parser.add_argument("--held", type=int, default=8_000, help="that are read")
    chosen = parser.parse_args(arguments)
    from inference.training.understanding.ngrams import generated

    began = time.monotonic()
    by_ngrams, in_all, by_heads, in_english = [], [], [], []
    for fold in FOLDS:
        plain = ngrams_without(fold, chosen.examples)
        held = generated(chosen.held, part="held", seed=2, fold=fold)
        by_ngrams.append(margins_of(plain, held))
        in_all.append(np.array([not one.is_meant for one in held]))
        print(f"without hands {fold}: n-grams after {time.monotonic() - began:.0f} s", flush=True)
        both = heads_without(fold, chosen.english, plain)
        english = [one for one in held if one.language in both.languages]
        by_heads.append(margins_of(both, english))
        in_english.append(np.array([not one.is_meant for one in english]))
        print(f"without hands {fold}: heads after {time.monotonic() - began:.0f} s", flush=True)
    shift = told("n-grams", by_ngrams, in_all)
    # The n-grams' own shift is in what the heads add to.
    of_heads = told("encoder", by_heads, in_english) - shift
    if chosen.write:
        write(NGRAMS, shift)
        write(HEADS, of_heads)
    return 0


def write(folder: Path, shift: float) -> None:
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text("utf-8")) | {"shift": round(shift, 1)}
    path.write_text(json.dumps(manifest, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
