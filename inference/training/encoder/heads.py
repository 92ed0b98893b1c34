"""Fit the encoder's heads: `python -m inference.training.encoder.heads [--examples 75000]`.

On what the quantised encoder says of generated English examples (torch): its tokens in the middle layer tell intents and whether a
message is meant for a persona (`token_head.py`). Seven minutes, most of them the encoder's. How much they count beside the
n-grams was chosen on phrasings left out. MiniLM reads English; for the other languages the n-grams alone are better. Where
`addressed` begins is then chosen by `threshold.py`.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from inference.encoder.encoder import load_encoder
from inference.encoder.intents import ARTEFACT
from inference.encoder.token_head import EMB_SCALE
from inference.training.artefacts import identity, packed, save
from inference.training.understanding.examples import Example, Part, examples
from inference.training.where import models_folder
from inference.understanding.intents import SETTING_FEATURES, setting_vector
from protocol.understanding import INTENTS, Language

if TYPE_CHECKING:
    from inference.training.encoder.token_head import Messages

FILE: Final = "heads.npz"
EXAMPLES: Final = 75_000
MEMBERS: Final = 2
SHARE: Final = 0.5
MEANT_SHARE: Final = 2.0
"""Of its log odds, beside those of the n-grams' own model; of their sum the reader takes a half."""
LANGUAGES: Final[tuple[Language, ...]] = ("en",)


def english(count: int, *, part: Part, seed: int, fold: int = 0) -> list[Example]:
    """So many, of the languages that the encoder reads."""
    return [
        one
        for language in LANGUAGES
        for one in examples(language, count, part=part, seed=seed, fold=fold)
    ]


def encoded(found: Sequence[Example]) -> "Messages":
    """What the encoder says of them, beside what is right; says every minute how far it is."""
    from inference.training.encoder.token_head import Messages

    encoder = load_encoder(models_folder() / "encoder")
    tokens, whole, told = [], [], time.monotonic()
    for number, example in enumerate(found):
        said = encoder.encode(example.text)
        tokens.append(said.tap.astype(np.float16))
        whole.append(np.concatenate([said.emb * EMB_SCALE, setting_vector(example.setting)]))
        if time.monotonic() - told > 60:
            told = time.monotonic()
            print(f"{number} of {len(found)} encoded", flush=True)
    return Messages(
        tokens=np.concatenate(tokens),
        starts=np.cumsum([0, *map(len, tokens)]),
        whole=np.array(whole, np.float32),
        meant=np.array([example.is_meant for example in found]),
        intents=np.array([INTENTS.index(example.intent) for example in found]),
    )


def manifest_of(count: int) -> dict[str, Any]:
    """What stands beside the heads of so many examples, but for their file; the shift comes later."""
    return {
        "version": "",
        "languages": list(LANGUAGES),
        "share": SHARE,
        "meant_share": MEANT_SHARE,
        "shift": 0.0,
        "examples": count,
        "made_by": "python -m inference.training.encoder.heads",
    }


def fit(found: Sequence[Example]) -> dict[str, Any]:
    """The head on tokens, as it is stored."""
    from inference.training.encoder import token_head

    return token_head.fit(encoded(found), setting=len(SETTING_FEATURES), members=MEMBERS)


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=EXAMPLES)
    count = parser.parse_args(arguments).examples
    found = english(count, part="all", seed=1)
    body = packed(fit(found))
    save(ARTEFACT, FILE, body, {**manifest_of(count), "file": FILE, **identity(body)})
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
