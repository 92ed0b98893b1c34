"""A vocabulary like a trained one's, without a tokenizer: letters, pieces of words, words with their spaces."""

import random
from collections.abc import Iterator

from template_plans import FACTS

from inference.wording.claims import CLAIMS, MONEY, NUMBERS
from inference.wording.compact import MOODS, VOICES, token_of
from inference.wording.lexicon import Lexicon
from protocol.wording import ACTS, MAX_LISTED, PLACEHOLDERS, REQUIRED, Plan

END = 0
_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZéßİ"
_SIGNS = " .,:;!?'’-‑–…\"(&+7½²€$%<{}_*/@\n\t\u0301\u202e\ufffdⅣªﬁа٣"
_WORDS = [
    "the",
    "a",
    "look",
    "I",
    "like",
    "you",
    "it",
    "is",
    "at",
    "for",
    "and",
    "or",
    "with",
    "there",
    "here",
    "start",
    "stopping",
    "hotel",
    "hot",
    "old",
    "er",
    "el",
    "ten",
    "der",
    "ton",
    "e",
    "on",
    "ly",
    "self",
    "th",
    "st",
    "best",
    "ow",
    "news",
    "w",
    "ing",
    "s",
    "ed",
    "free",
    "dom",
    "half",
    "hearted",
    "t",
    "re",
    "view",
    "point",
    "non",
    "top",
    "five-star",
    "non-",
    "-stop",
    "’s",
    "n’t",
    "-r",
    "on-e",
    "ot",
    "warmly",
]


def texts_of_all() -> list[str]:
    """What each token spells, the ends and placeholders first."""
    forbidden = sorted(NUMBERS["en"] | MONEY["en"] | CLAIMS["en"])[::6]
    words = [
        *_WORDS,
        *forbidden,
        *(word[:3] for word in forbidden),
        *(word[-3:] for word in forbidden),
    ]
    spaced = [form for word in words for form in (word, f"{word} ", f" {word}", f"{word}.")]
    signs = [". ", ", ", " – ", "? ", "!", "… "]
    capital = [form.capitalize() for form in spaced if form[0].isalpha()]
    return ["</s>", *map(token_of, PLACEHOLDERS), *_LETTERS, *_SIGNS, *signs, *spaced, *capital]


TEXTS = texts_of_all()
LEXICON = Lexicon(
    [None if at <= len(PLACEHOLDERS) else text for at, text in enumerate(TEXTS)],
    spellings={name: ((at,),) for at, name in enumerate(PLACEHOLDERS, 1)},
    ends=[END],
)

LISTED = [
    *(word for word in _WORDS if word.strip("-’'")),
    "don’t",
    "Hotelier",
    "I’ll",
    "look-alike",
    "o’clock",
    "july",
]
KNOWN = Lexicon(LEXICON.texts, spellings=LEXICON.spellings, ends=LEXICON.ends, words=LISTED)


def some_plans(seed: int) -> Iterator[Plan]:
    """Of all acts, with any facts beyond those they require; without an end."""
    dice = random.Random(seed)
    while True:
        act = dice.choice(ACTS)
        there = set(REQUIRED[act])
        there |= {name for name in PLACEHOLDERS[:15] if dice.random() < 0.4}
        for kind, fields in (("offer", ("price", "detail")), ("place", ("country", "detail"))):
            for number in range(1, dice.randint(0, MAX_LISTED) + 1):
                there.add(f"{kind}.{number}.name")
                there |= {f"{kind}.{number}.{one}" for one in fields if dice.random() < 0.7}
        yield Plan(
            act=act,
            voice=dice.choice(VOICES),
            language="en",
            facts={name: FACTS[name] for name in PLACEHOLDERS if name in there},
            mood=dice.choice(MOODS),
            seed=dice.randrange(2**32),
        )
