"""Every word that people wrote for the corpus: what the model may say, and nothing else (`words.txt`).

.venv/bin/python -m inference.training.chat.corpus_words FOLDER     # into a folder that is there; seals it anew
"""

import sys
from itertools import islice
from pathlib import Path
from typing import Final

import msgspec

from inference.composing.compact import WORDS
from inference.engine.folder import OURS, Manifest
from inference.training.chat.corpus import replies
from inference.training.export.sealing import seal
from inference.wording.filling import words_in
from inference.wording.spelling import MONTHS

DRAWN: Final = 120_000
"""Replies: of 7,009 words, the last four came after 100,000."""


TIMES: Final = MONTHS | {"march"}
"""Never the model's own: they come with a plan. (May is a verb, too.)"""


def corpus_words(drawn: int = DRAWN, seed: int = 1) -> list[str]:
    """In small letters, in order."""
    return sorted(
        {
            word.lower().replace("'", "’")
            for _, text in islice(replies(seed), drawn)
            for word in words_in(text)
        }
        - TIMES
    )


def write_words(folder: Path) -> None:
    """Beside a model's other files, before it is sealed."""
    (folder / WORDS).write_text("\n".join(corpus_words()) + "\n", "utf-8")


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    manifest = msgspec.json.decode((folder / OURS).read_bytes(), type=Manifest)
    write_words(folder)
    seal(folder, manifest, [list(golden.prompt) for golden in manifest.golden])
    print(f"{folder / WORDS}: {len((folder / WORDS).read_text('utf-8').split())} words")
