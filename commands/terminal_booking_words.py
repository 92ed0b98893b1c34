"""`/quote`, `/book`, `/traveller` and the rest in a terminal: what was typed. Pure."""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from commands.terminal_travel import TypedWrong
from protocol.card_numbers import holds_card_number
from protocol.frames import Money
from protocol.money import money

QUOTE: Final = (
    "/quote N [M …] [adults=2] [children=4,7] [rooms=1] [cabin=business]: N is an offer's number in the "
    "newest list; f1 is the first of the newest flights, h1 of the newest rooms; /quote poll: what has "
    "won the newest poll"
)
BOOK: Final = (
    "/book [equal] [with ada ben], or /book ada=40,ben=60.50: handles or names, each with a share"
)
TRAVELLER: Final = (
    "/traveller [t1] GIVEN FAMILY YYYY-MM-DD female|male EMAIL [PHONE], as the travel document has it: "
    "/traveller t1 Ada “de Lovelace” 1990-12-10 female ada@example.org +4930123456"
)
APPROVE: Final = "/approve [PAYMENT-METHOD], for example /approve pm_card_visa or /approve paypal"
CHOOSE: Final = "/choose N: N is the number of an option of the booking's question"
DEFAULT_METHOD: Final = "pm_card_visa"
"""What the sandbox takes for a card; live, the provider's own element makes an id instead."""

_NUMBER: Final = re.compile(r"[fh]?[1-9][0-9]{0,2}\Z")
_ID: Final = re.compile(r"t[1-9][0-9]?\Z")
_GENDERS: Final[Mapping[str, str]] = {
    "f": "female",
    "female": "female",
    "m": "male",
    "male": "male",
    "x": "unspecified",
    "unspecified": "unspecified",
    "undisclosed": "undisclosed",
}
_PARTY: Final = ("adults", "children", "rooms", "cabin")
_CURLY: Final = str.maketrans("“”„’", '"""\'')


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """`numbers`: of offers, `3` or `f3`; none of a poll's winner. What is None was not said."""

    numbers: tuple[str, ...]
    is_poll: bool = False
    adults: int | None = None
    children: tuple[int, ...] = ()
    rooms: int | None = None
    cabin: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """`shares`: by handle or name; None: equal. `people`: who takes part, where it was said."""

    shares: Mapping[str, Money] | None = None
    people: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Traveller:
    """`id` None: the first of mine that is not named yet."""

    id: str | None
    given_name: str
    family_name: str
    born_on: str
    gender: str
    email: str
    phone: str | None = None

    def fields(self) -> dict[str, Any]:
        """As `booking.traveller` has them."""
        return {
            "givenName": self.given_name,
            "familyName": self.family_name,
            "bornOn": self.born_on,
            "gender": self.gender,
            "email": self.email,
            "phone": self.phone,
        }


def quote_of(typed: str) -> Wanted:
    """Raises `TypedWrong`."""
    numbers, party = [], {}
    said = typed.lower().split()
    is_poll = said[:1] == ["poll"]
    for word in said[is_poll:]:
        name, is_said, value = word.partition("=")
        if is_said and name in _PARTY and value:
            party[name] = value
        elif _NUMBER.match(word):
            numbers.append(word)
        else:
            raise TypedWrong(QUOTE)
    if is_poll == bool(numbers):
        raise TypedWrong(QUOTE)
    return Wanted(
        numbers=tuple(dict.fromkeys(numbers)),
        is_poll=is_poll,
        adults=_whole(party.get("adults")),
        children=tuple(_age(age) for age in party.get("children", "").split(",") if age),
        rooms=_whole(party.get("rooms")),
        cabin=party.get("cabin"),
    )


def split_of(typed: str, currency: str) -> Split:
    """Raises `TypedWrong`."""
    before, is_said, names = f" {typed} ".partition(" with ")
    people = tuple(names.replace(",", " ").split())
    if is_said and not people:
        raise TypedWrong(BOOK)
    parts = before.replace(",", " ").split()
    if parts in ([], ["equal"]):
        return Split(people=people or None)
    shares: dict[str, Money] = {}
    for part in parts:
        name, is_share, amount = part.rpartition("=")
        if not is_share or not name or name in shares:
            raise TypedWrong(BOOK)
        shares[name] = _amount(amount, currency)
    return Split(shares=shares, people=people or None)


def traveller_of(typed: str) -> Traveller:
    """Raises `TypedWrong`."""
    try:
        words = shlex.split(typed.translate(_CURLY))
    except ValueError:
        raise TypedWrong(f"A quotation mark is missing. {TRAVELLER}") from None
    id = words.pop(0) if words and _ID.match(words[0]) else None
    if not 5 <= len(words) <= 6:
        raise TypedWrong(TRAVELLER)
    given, family, born, gender, email, *phone = words
    if gender.lower() not in _GENDERS or "@" not in email:
        raise TypedWrong(TRAVELLER)
    try:
        date.fromisoformat(born)
    except ValueError:
        raise TypedWrong(f"{born} is no day of the calendar. {TRAVELLER}") from None
    return Traveller(
        id=id,
        given_name=given,
        family_name=family,
        born_on=born,
        gender=_GENDERS[gender.lower()],
        email=email,
        phone=phone[0] if phone else None,
    )


def method_of(typed: str) -> str:
    """Raises `TypedWrong`, also for what looks like a card's number: that never leaves here."""
    if holds_card_number(typed):
        raise TypedWrong("Never type a card's number here; it was not sent. " + APPROVE)
    if len(typed.split()) > 1:
        raise TypedWrong(APPROVE)
    return typed or DEFAULT_METHOD


def choice_of(typed: str, options: int) -> int:
    """The place of the option, from 0. Raises `TypedWrong`."""
    if not (typed.isascii() and typed.isdigit() and 1 <= int(typed) <= options):
        raise TypedWrong(CHOOSE)
    return int(typed) - 1


def _amount(text: str, currency: str) -> Money:
    try:
        found = money(text, currency)
    except ValueError:
        raise TypedWrong(f"{text or 'Nothing'} is no amount in {currency}. {BOOK}") from None
    if found.amount < 0:
        raise TypedWrong(f"{text} is less than nothing. {BOOK}")
    return found


def _whole(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 50):
        raise TypedWrong(QUOTE)
    return int(text)


def _age(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= 17):
        raise TypedWrong(QUOTE)
    return int(text)
