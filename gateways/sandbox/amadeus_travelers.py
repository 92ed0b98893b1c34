"""Who is in an order: names, ages and contacts, as Flight Create Orders checks them."""

import re
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, Final

from gateways.sandbox.amadeus_errors import refused
from gateways.sandbox.amadeus_offers import Offered, Payer
from gateways.sandbox.amadeus_params import member, one_of, parsed_day
from gateways.sandbox.exchange import Json

MAX_TRAVELERS: Final = 18
GENDERS: Final = ("MALE", "FEMALE", "UNSPECIFIED", "UNDISCLOSED")
DOCUMENTS: Final = ("VISA", "PASSPORT", "IDENTITY_CARD", "KNOWN_TRAVELER", "REDRESS")
PURPOSES: Final = ("STANDARD", "INVOICE", "STANDARD_WITHOUT_TRANSMISSION")
DEVICES: Final = ("MOBILE", "LANDLINE", "FAX")
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z '.-]{0,55}")
_EMAIL: Final = re.compile(r"[^@\s]{1,64}@[^@\s]{1,190}")
_CHILD_UNDER: Final = 12
_INFANT_UNDER: Final = 2
_SENIOR_FROM: Final = 60


def checked_travelers(data: Json, offers: Sequence[Offered]) -> list[Json]:
    """The body's travelers, each of whom the offers price. Raises `RefusalError`."""
    posted = member(data, "travelers", list, "/data")
    if len(posted) > MAX_TRAVELERS:
        raise refused(10661, f"at most {MAX_TRAVELERS}", pointer="/data/travelers")
    payers = {each.id: each for offered in offers for each in offered.payers}
    leaves = min(flight.day for offered in offers for flight, _ in offered.legs)
    seen: set[str] = set()
    for n, each in enumerate(posted):
        at = f"/data/travelers[{n}]"
        name = member(each, "id", str, at)
        if name not in payers or name in seen:
            raise refused(4926, "the offers price no such traveler", pointer=f"{at}/id")
        seen.add(name)
        _check(each, payers[name], leaves, at)
    if seen != set(payers):
        raise refused(32171, "a priced traveler is missing", pointer="/data/travelers")
    contacts = _contacts(data)
    if not any(_email(each.get("contact")) for each in posted) and not any(map(_email, contacts)):
        raise refused(
            32171,
            "emailAddress is mandatory",
            pointer="/data/travelers[0]/contact/emailAddress",
        )
    return list(posted)


def _check(posted: Json, payer: Payer, leaves: date, at: str) -> None:
    name = member(posted, "name", dict, at)
    for part in ("firstName", "lastName"):
        if _NAME.fullmatch(member(name, part, str, f"{at}/name")) is None:
            raise refused(477, "letters of the Latin alphabet", pointer=f"{at}/name/{part}")
    born = parsed_day(member(posted, "dateOfBirth", str, at))
    if born is None:
        raise refused(477, "must be a day, YYYY-MM-DD", pointer=f"{at}/dateOfBirth")
    if not _has_age(payer.kind, born, leaves):
        raise refused(4926, f"no age of a {payer.kind}", pointer=f"{at}/dateOfBirth")
    if "gender" in posted:
        one_of(posted["gender"], GENDERS, f"{at}/gender")
    if "contact" in posted:
        _check_contact(posted["contact"], f"{at}/contact")
    for n, document in enumerate(_list(posted, "documents", at)):
        here = f"{at}/documents[{n}]"
        one_of(member(document, "documentType", str, here), DOCUMENTS, f"{here}/documentType")
        if "expiryDate" in document and (parsed_day(document["expiryDate"]) or date.min) < leaves:
            raise refused(4926, "it expires before departure", pointer=f"{here}/expiryDate")


def _has_age(kind: str, born: date, leaves: date) -> bool:
    if born > leaves:
        return False
    years = leaves.year - born.year - ((leaves.month, leaves.day) < (born.month, born.day))
    match kind:
        case "HELD_INFANT" | "SEATED_INFANT":
            return years < _INFANT_UNDER
        case "CHILD":
            return _INFANT_UNDER <= years < _CHILD_UNDER or leaves - born < timedelta(days=730)
        case "SENIOR":
            return years >= _SENIOR_FROM
        case _:
            return years >= _CHILD_UNDER


def _contacts(data: Json) -> list[Any]:
    contacts = _list(data, "contacts", "/data")
    for n, each in enumerate(contacts):
        at = f"/data/contacts[{n}]"
        _check_contact(each, at)
        if "purpose" in each:
            one_of(each["purpose"], PURPOSES, f"{at}/purpose")
    return contacts


def _check_contact(contact: Any, at: str) -> None:
    if not isinstance(contact, dict):
        raise refused(477, "must be an object", pointer=at)
    if "emailAddress" in contact and _email(contact) is None:
        raise refused(477, "must be an e-mail address", pointer=f"{at}/emailAddress")
    for n, phone in enumerate(_list(contact, "phones", at)):
        here = f"{at}/phones[{n}]"
        number = member(phone, "number", str, here)
        if not number.isdecimal() or len(number) > 15:
            raise refused(477, "digits only, at most 15", pointer=f"{here}/number")
        if "deviceType" in phone:
            one_of(phone["deviceType"], DEVICES, f"{here}/deviceType")


def _email(contact: Any) -> str | None:
    found = contact.get("emailAddress") if isinstance(contact, dict) else None
    return found if isinstance(found, str) and _EMAIL.fullmatch(found) else None


def _list(parent: Json, name: str, at: str) -> list[Any]:
    found = parent.get(name, [])
    if not isinstance(found, list):
        raise refused(477, "must be a list", pointer=f"{at}/{name}")
    return found
