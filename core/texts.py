"""What the server says to people, in their language.

The catalogue's key is the English sentence itself, with `{placeholders}`; the translations are
`core/locales/LANGUAGE/caravan.po` (gettext). English needs no file.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Final

import structlog
from babel.messages.pofile import read_po

LANGUAGES: Final = ("en", "de", "es", "fr", "ar")
RIGHT_TO_LEFT: Final = frozenset({"ar"})
LOCALES: Final = Path(__file__).with_name("locales")

_ISOLATE, _POP = "\N{FIRST STRONG ISOLATE}", "\N{POP DIRECTIONAL ISOLATE}"

log = structlog.get_logger("caravan.texts")


def sentence(text: str) -> str:
    """Mark a literal as a key of the catalogue where it does not stand in a raised outcome."""
    return text


def language_of(locale: str) -> str:
    """The language to speak for a BCP 47 tag: `de-AT` → `de`; what we do not speak → `en`."""
    return first_spoken((locale,))


def first_spoken(tags: Iterable[str]) -> str:
    """The language of the first BCP 47 tag whose language we speak, such as those of an
    Accept-Language header; else `en`."""
    return next((language for tag in tags if (language := _language(tag)) in LANGUAGES), "en")


def translate(text: str, locale: str, params: Mapping[str, object] | None = None) -> str:
    """`text` in the language of `locale`, its placeholders filled. Never raises: without a
    translation it stays English, and what cannot be filled keeps its placeholder."""
    language = language_of(locale)
    filled = _filled(_catalogue(language).get(text, text), language, params or {})
    if filled is None and language != "en":
        filled = _filled(text, "en", params or {})
    return text if filled is None else filled


def _language(tag: str) -> str:
    return tag.replace("_", "-").partition("-")[0].lower()


@cache
def _catalogue(language: str) -> Mapping[str, str]:
    """English sentence → translation. Read once per language, when it is first spoken."""
    if language == "en":
        return {}
    try:
        with (LOCALES / language / "caravan.po").open("rb") as file:
            catalogue = read_po(file, locale=language, abort_invalid=True)
    except (OSError, ValueError) as error:
        log.error("catalogue unreadable", language=language, error=repr(error))
        return {}
    return {
        message.id: message.string
        for message in catalogue
        if isinstance(message.id, str) and isinstance(message.string, str)
        if message.id and message.string  # an empty id is the file's header
    }


def _filled(text: str, language: str, params: Mapping[str, object]) -> str | None:
    if not params:
        return text
    values = params
    if language in RIGHT_TO_LEFT:
        # A Latin name inside Arabic must not reorder the words around it (UAX #9).
        values = {
            name: f"{_ISOLATE}{value}{_POP}" if isinstance(value, str) else value
            for name, value in params.items()
        }
    try:
        return text.format_map(values)
    except Exception:
        log.warning("text not filled", text=text, language=language, params=sorted(params))
        return None
