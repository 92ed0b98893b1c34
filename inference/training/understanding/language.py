"""Make inference/understanding/language_trigrams.txt: what three letters say of a language.

`python -m inference.training.understanding.language` counts them in the words of all phrasings and of
language_words.txt, once per word.
"""

import math
import re
import sys
from collections import Counter
from collections.abc import Iterator

from inference.training.understanding.phrasings import LANGUAGES, phrasings_of
from inference.understanding.folding import WORD
from inference.understanding.language import TRIGRAMS, WORD_LISTS, trigrams_of
from protocol.understanding import Language

LEAST = 5
"""So many words must have it, over all languages."""

SMOOTHING = 0.5


def words_of(language: Language) -> set[str]:
    """Of its phrasings and its list, in lower case with their accents."""
    texts = [re.sub(r"\{[^{}]*\}", " ", phrasing.text) for phrasing in phrasings_of(language)]
    listed = WORD_LISTS.read_text("utf-8").splitlines()
    texts += [line.partition(":")[2] for line in listed if line.startswith(f"{language}:")]
    return {word for text in texts for word in WORD.findall(text.lower()) if word.isalpha()}


def weighed() -> Iterator[tuple[str, list[int]]]:
    """Each with ten times its log odds against the mean of the languages, in their order."""
    counts = [
        Counter(piece for word in words_of(language) for piece in trigrams_of(word))
        for language in LANGUAGES
    ]
    totals = [sum(count.values()) for count in counts]
    for piece in sorted(set().union(*counts)):
        if sum(count[piece] for count in counts) >= LEAST:
            shares = [
                math.log((count[piece] + SMOOTHING) / total)
                for count, total in zip(counts, totals, strict=True)
            ]
            mean = sum(shares) / len(shares)
            yield piece, [round(10 * (share - mean)) for share in shares]


def main() -> int:
    """Write the file."""
    lines = [f"{piece} {' '.join(map(str, weights))}\n" for piece, weights in weighed()]
    TRIGRAMS.write_text("".join(lines), "utf-8")
    print(f"{len(lines)} of three letters, {TRIGRAMS.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
