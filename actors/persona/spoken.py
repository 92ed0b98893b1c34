"""The languages that personas speak, and what places are called in them (pure)."""

from collections.abc import Mapping
from typing import Final

from babel import Locale

from actors.persona.phrases import Phrases
from actors.persona.phrases_de import GERMAN
from actors.persona.phrases_en import ENGLISH
from actors.persona.phrases_es import SPANISH
from actors.persona.phrases_fr import FRENCH
from protocol.travel import Place
from protocol.understanding import Language
from protocol.wording import cleaned

PHRASES: Final[Mapping[Language, Phrases]] = {
    "en": ENGLISH,
    "de": GERMAN,
    "es": SPANISH,
    "fr": FRENCH,
}

Facts = dict[str, str]
"""Placeholder of `protocol/wording.py` → its value."""

Atlas = Mapping[str, Place]
"""Places that may be named, by id and by IATA code; where one is missing, its code stands."""

MAX_NAME: Final = 60


def name_of_place(place: Place, language: Language) -> str:
    """In the language, else in English."""
    name = place.names.get(language) or place.names.get("en") or place.id
    return cleaned(name, MAX_NAME) or place.id


def name_of_country(code: str, language: Language) -> str:
    """Without an article; the code itself when it is not known."""
    return str(Locale.parse(PHRASES[language].day.locale).territories.get(code, code))
