"""Travellers in suppliers' words, what all suppliers share: ages, phones, Latin letters, documents (pure)."""

import unicodedata
from dataclasses import dataclass
from datetime import date
from typing import Final

from protocol.travel import FlightDetails, SupplierOffer, Traveller

MAX_PHONE: Final = 15
_TWO_DIGITS: Final = frozenset(
    {20, 27, 36, 39, 40, 41, 81, 82, 84, 86, 98}
    | {*range(30, 35), *range(43, 50), *range(51, 59), *range(60, 67), *range(90, 96)}
)
"""Calling codes of two digits (ITU-T E.164); 1 and 7 have one, all others three."""

_LETTERS: Final = str.maketrans(
    {
        "ß": "ss",
        "æ": "ae",
        "Æ": "AE",
        "ø": "o",
        "Ø": "O",
        "œ": "oe",
        "Œ": "OE",
        "ð": "d",
        "Ð": "D",
        "þ": "th",
        "Þ": "TH",
        "ł": "l",
        "Ł": "L",
        "đ": "d",
        "Đ": "D",
        "ı": "i",
        "’": "'",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A traveller's, whole: countries are two letters, `expires_on` a day."""

    is_passport: bool
    number: str
    expires_on: str
    issuing_country: str
    nationality: str


def age_on(born_on: str, day: date) -> int:
    """Whole years. Raises `ValueError`."""
    born = date.fromisoformat(born_on)
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


def first_day(offer: SupplierOffer) -> date:
    """Of departure. Raises `ValueError` for what is no flight."""
    return date.fromisoformat(_flights(offer).itineraries[0].segments[0].departs[:10])


def last_day(offer: SupplierOffer) -> date:
    """Of the last flight's departure. Raises `ValueError` for what is no flight."""
    return date.fromisoformat(_flights(offer).itineraries[-1].segments[-1].departs[:10])


def digits(phone: str) -> str:
    """What can be dialled, without a plus; empty when that is too much."""
    found = "".join(letter for letter in phone if letter in "0123456789")
    return found if len(found) <= MAX_PHONE else ""


def calling_code(phone: str) -> tuple[str, str] | None:
    """`+33 6 00 00 00 01` is `("33", "600000001")`; None for a number without a country."""
    found = digits(phone)
    if not phone.strip().startswith("+") or len(found) < 5:
        return None
    length = 1 if found[0] in "17" else 2 if int(found[:2]) in _TWO_DIGITS else 3
    return found[:length], found[length:]


def latin(name: str) -> str:
    """As on a ticket: accents gone, capital letters. What is not Latin stays, for the supplier to refuse."""
    plain = unicodedata.normalize("NFKD", name.translate(_LETTERS))
    return "".join(letter for letter in plain if not unicodedata.combining(letter)).upper().strip()


def document(traveller: Traveller) -> Document | None:
    """None: there is none, or something of it is missing."""
    given = traveller.document or {}
    names = ("type", "number", "expiresOn", "issuingCountry", "nationality")
    said = [given.get(name) for name in names]
    kind, number, expires_on, issuing, nationality = (
        text if isinstance(text, str) else "" for text in said
    )
    if kind not in ("passport", "identity_card") or not (number and expires_on):
        return None
    if len(issuing) != 2 or len(nationality) != 2:
        return None
    return Document(
        is_passport=kind == "passport",
        number=number,
        expires_on=expires_on,
        issuing_country=issuing.upper(),
        nationality=nationality.upper(),
    )


def _flights(offer: SupplierOffer) -> FlightDetails:
    if not isinstance(offer.details, FlightDetails):
        raise ValueError("an offer without flights")
    return offer.details
