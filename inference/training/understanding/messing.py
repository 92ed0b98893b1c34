"""What thumbs do to a text: lower case, slips, missing accents and marks, short forms, trimmings."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import Final

from inference.training.understanding.phrasings import Piece
from protocol.understanding import Language

_NEIGHBOURS: Final[Mapping[str, str]] = {
    "q": "wa",
    "w": "qe",
    "e": "wr",
    "r": "et",
    "t": "ry",
    "y": "tu",
    "u": "yi",
    "i": "uo",
    "o": "ip",
    "p": "o",
    "a": "qs",
    "s": "ad",
    "d": "sf",
    "f": "dg",
    "g": "fh",
    "h": "gj",
    "j": "hk",
    "k": "jl",
    "l": "k",
    "z": "zs",
    "x": "xs",
    "c": "cx",
    "v": "vc",
    "b": "bv",
    "n": "nb",
    "m": "mn",
}
_SHORT: Final[Mapping[Language, Mapping[str, Sequence[str]]]] = {
    "en": {
        "you": ("u", "ya"),
        "are": ("r",),
        "please": ("pls", "plz"),
        "pls": ("please", "plz"),
        "tomorrow": ("tmrw", "tmr"),
        "tonight": ("tonite", "2nite"),
        "with": ("w", "w/"),
        "something": ("smth", "sth"),
        "about": ("abt",),
        "people": ("ppl",),
        "because": ("cuz", "bc"),
        "want": ("wanna",),
        "what": ("wat", "wot"),
        "the": ("teh", "da"),
        "to": ("2",),
        "for": ("4",),
        "and": ("n", "&"),
        "hotel": ("hotl",),
        "flights": ("flites", "fligths"),
        "night": ("nite",),
        "going to": ("gonna",),
        "i": ("I",),
        "im": ("i'm", "I'm"),
        "whats": ("what's", "wats"),
        "dont": ("don't",),
        "cant": ("can't",),
        "id": ("i'd", "I'd"),
        "lets": ("let's",),
        "thats": ("that's",),
    },
    "de": {
        "nicht": ("ned", "nich", "net"),
        "ist": ("is",),
        "eine": ("ne", "'ne"),
        "einen": ("nen", "'nen"),
        "ein": ("n", "'n"),
        "etwas": ("was",),
        "bitte": ("pls", "bidde", "bitteee"),
        "wir": ("wia",),
        "und": ("u", "u."),
        "mit": ("m",),
        "haben": ("ham",),
        "habe": ("hab",),
        "danke": ("thx", "dankee"),
        "vielleicht": ("vllt", "vlt"),
        "morgen": ("morgn",),
        "Personen": ("Pers.", "Leute"),
        "Euro": ("€", "Eur"),
        "für": ("fuer", "fürn"),
        "keine": ("kein",),
        "gibt es": ("gibts", "gibt's"),
    },
    "es": {
        "que": ("q", "k"),
        "qué": ("q", "que", "ke"),
        "por": ("x",),
        "porque": ("xq", "pq"),
        "para": ("pa", "xa"),
        "también": ("tb", "tmb"),
        "mucho": ("muxo",),
        "favor": ("fa", "fv"),
        "personas": ("pers",),
        "de": ("d",),
        "gracias": ("grax", "graciass"),
        "fin de semana": ("finde",),
        "vacaciones": ("vacas",),
        "está": ("sta", "esta"),
    },
    "fr": {
        "que": ("k", "ke"),
        "quoi": ("koi",),
        "pas": ("po", "pa"),
        "vous": ("vs",),
        "je suis": ("chuis", "jsuis"),
        "je": ("j",),
        "s'il vous plaît": ("svp", "stp"),
        "svp": ("stp", "s'il te plaît"),
        "pour": ("pr",),
        "avec": ("ac", "avc"),
        "beaucoup": ("bcp",),
        "toujours": ("tjs",),
        "week-end": ("we", "weekend"),
        "merci": ("mercii", "mci"),
        "c'est": ("c", "cest"),
        "qu'est-ce que": ("keske", "quesque"),
        "aujourd'hui": ("ajd",),
        "rendez-vous": ("rdv",),
    },
}
_BEFORE: Final[Mapping[Language, Sequence[str]]] = {
    "en": [
        "hey, ",
        "ok so ",
        "so ",
        "btw ",
        "hmm ",
        "um ",
        "well ",
        "right, ",
        "hi! ",
        "ok ",
        "oh ",
        "and ",
        "hey ",
        "quick q: ",
        "yo ",
        "lol ",
    ],
    "de": [
        "hey, ",
        "also ",
        "ähm ",
        "hm ",
        "ok ",
        "ach, ",
        "übrigens ",
        "hallo, ",
        "na ",
        "sag mal, ",
        "und ",
        "hi! ",
        "so, ",
        "mal ne frage: ",
    ],
    "es": [
        "oye, ",
        "bueno ",
        "pues ",
        "a ver ",
        "eh ",
        "hola, ",
        "ok ",
        "y ",
        "mira, ",
        "una cosa: ",
        "venga ",
        "ay ",
        "jaja ",
    ],
    "fr": [
        "dis, ",
        "bon ",
        "alors ",
        "euh ",
        "salut, ",
        "ok ",
        "et ",
        "au fait ",
        "bonjour, ",
        "hm ",
        "ah ",
        "petite question : ",
    ],
}
_AFTER: Final[Mapping[Language, Sequence[str]]] = {
    "en": [
        "?",
        "??",
        "!",
        "!!",
        "..",
        "...",
        " :)",
        " 😊",
        " lol",
        " haha",
        " ok?",
        " thx",
        " please",
        " asap",
        " tho",
        " then",
        " 😅",
        " 🙈",
        " cheers",
    ],
    "de": [
        "?",
        "??",
        "!",
        "!!",
        "..",
        "...",
        " :)",
        " 😊",
        " lol",
        " haha",
        " ok?",
        " danke",
        " bitte",
        " oder?",
        " halt",
        " mal",
        " 😅",
        " 🙈",
        " ne?",
    ],
    "es": [
        "?",
        "??",
        "!",
        "!!",
        "..",
        "...",
        " :)",
        " 😊",
        " jaja",
        " jajaja",
        " vale?",
        " gracias",
        " porfa",
        " no?",
        " pues",
        " 😅",
        " 🙈",
        " eh",
    ],
    "fr": [
        " ?",
        "??",
        "!",
        " !!",
        "..",
        "...",
        " :)",
        " 😊",
        " mdr",
        " lol",
        " ok ?",
        " merci",
        " svp",
        " non ?",
        " quoi",
        " 😅",
        " 🙈",
        " hein",
    ],
}


def messed(pieces: Sequence[Piece], language: Language, chance: Random) -> list[Piece]:
    """The pieces as somebody in a hurry types them."""
    pieces = list(pieces)
    if chance.random() < 0.3:
        pieces = [piece if piece.slot else _shortened(piece, language, chance) for piece in pieces]
    if chance.random() < 0.15:
        pieces.insert(0, Piece(chance.choice(_BEFORE[language])))
    if chance.random() < 0.2:
        pieces.append(Piece(chance.choice(_AFTER[language])))
    if chance.random() < 0.25:
        pieces = _slipped(pieces, chance)
    how = chance.random()
    if how < 0.45:
        pieces = [replace(piece, text=piece.text.lower()) for piece in pieces]
    elif how < 0.8:
        first = pieces[0].text
        pieces[0] = replace(pieces[0], text=first[:1].upper() + first[1:])
    elif how < 0.82:
        pieces = [replace(piece, text=piece.text.upper()) for piece in pieces]
    if language != "en" and chance.random() < 0.35:
        pieces = [replace(piece, text=_bare(piece.text)) for piece in pieces]
    if chance.random() < 0.3:
        pieces = [replace(piece, text=re.sub(r"[?!,;¿¡']", "", piece.text)) for piece in pieces]
    return [piece for piece in pieces if piece.text]


def _shortened(piece: Piece, language: Language, chance: Random) -> Piece:
    text = piece.text
    for long, shorts in _SHORT[language].items():
        if long in text and chance.random() < 0.6:
            text = re.sub(rf"(?<!\w){re.escape(long)}(?!\w)", chance.choice(shorts), text)
    return replace(piece, text=text)


def _slipped(pieces: list[Piece], chance: Random) -> list[Piece]:
    """One slip in a word of some length; places mostly keep theirs."""
    able = [
        at
        for at, piece in enumerate(pieces)
        if len(piece.text) >= 4 and (piece.slot is None or chance.random() < 0.2)
    ]
    if not able:
        return pieces
    at = chance.choice(able)
    pieces[at] = replace(pieces[at], text=slip(pieces[at].text, chance))
    return pieces


def slip(text: str, chance: Random) -> str:
    """A letter left out, doubled, swapped with the next, or hit beside."""
    letters = [
        at for at in range(1, len(text) - 1) if text[at].isalpha() and text[at + 1].isalpha()
    ]
    if not letters:
        return text
    at = chance.choice(letters)
    letter = text[at]
    kind = chance.randrange(4)
    if kind == 0:
        return text[:at] + text[at + 1 :]
    if kind == 1:
        return text[:at] + letter + text[at:]
    if kind == 2:
        return text[:at] + text[at + 1] + letter + text[at + 2 :]
    return text[:at] + chance.choice(_NEIGHBOURS.get(letter.lower(), letter)) + text[at + 1 :]


def _bare(text: str) -> str:
    decomposed = unicodedata.normalize("NFD", text)
    return unicodedata.normalize(
        "NFC", "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    )
