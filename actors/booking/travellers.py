"""Whether what is said of a traveller can be true, field by field (pure)."""

import re
from datetime import UTC, date, datetime
from typing import Final, Literal, cast, get_args

from actors.booking.state import Saga, Seat
from core.errors import Rejected
from core.texts import sentence
from protocol.booking import NameTraveller, TravellerType
from protocol.card_numbers import is_card_number_in
from protocol.ids import Millis
from protocol.travel import Traveller

Gender = Literal["female", "male", "unspecified", "undisclosed"]
GENDERS: Final = get_args(Gender)
_EMAIL: Final = re.compile(r"[^@\s]{1,64}@[^@\s.]+(\.[^@\s.]+)+\Z")
_PHONE: Final = re.compile(r"\+?[0-9][0-9 ()/.-]{3,30}\Z")
_AGES: Final[dict[TravellerType, tuple[int, int]]] = {
    "adult": (12, 130),
    "child": (2, 17),
    "infant": (0, 1),
}
_NAME: Final = sentence("This needs a name as it stands in the travel document.")
_BORN: Final = sentence("This needs a day of birth, such as 1990-05-14, of somebody that age.")
_GENDER: Final = sentence("Choose one of these: {choices}.")
_ADDRESS: Final = sentence("This needs an e-mail address.")
_NUMBER: Final = sentence("This needs a telephone number, such as +49 30 123456.")
_CARD: Final = sentence("Never send a card's number here.")


def traveller_of(saga: Saga, user_id: str, command: NameTraveller, now: Millis) -> Traveller:
    """What is to be stored. `now`: business time. Raises `Rejected`: for a seat that is not there or
    not theirs to fill, and naming all fields that cannot be right."""
    seat = _seat(saga, command.traveller_id)
    if user_id not in (seat.payer_id, saga.organiser_id):
        raise Rejected(
            "forbidden", "Only who pays for this traveller and the organiser may do that."
        )
    wrong = _wrong(seat, command, datetime.fromtimestamp(now / 1_000, UTC).date())
    if wrong:
        raise Rejected(
            "bad_request", wrong[0][1], fields=wrong, params={"choices": ", ".join(GENDERS)}
        )
    return Traveller(
        id=seat.id,
        kind=seat.type,
        given_name=command.given_name.strip(),
        family_name=command.family_name.strip(),
        born_on=command.born_on,
        gender=cast(Gender, command.gender),
        email=command.email,
        phone=command.phone,
    )


def _seat(saga: Saga, traveller_id: str) -> Seat:
    for seat in saga.seats:
        if seat.id == traveller_id:
            return seat
    text = "There is no such traveller."
    raise Rejected("not_found", text, fields=[("travellerId", text)])


def _wrong(seat: Seat, command: NameTraveller, today: date) -> list[tuple[str, str]]:
    right = {
        "givenName": (_is_name(command.given_name), _NAME),
        "familyName": (_is_name(command.family_name), _NAME),
        "bornOn": (_fits(command.born_on, seat.type, today), _BORN),
        "gender": (command.gender in GENDERS, _GENDER),
        "email": (_EMAIL.match(command.email) is not None, _ADDRESS),
        "phone": (command.phone is None or _PHONE.match(command.phone) is not None, _NUMBER),
        "document": (not is_card_number_in(command.document), _CARD),
    }
    return [(name, text) for name, (is_right, text) in right.items() if not is_right]


def _is_name(text: str) -> bool:
    return any(letter.isalpha() for letter in text) and not any(
        letter.isdigit() or not letter.isprintable() for letter in text
    )


def _fits(born_on: str, kind: TravellerType, today: date) -> bool:
    """Of that age when they are named. Who has a birthday before the journey is the supplier's to
    judge, by its own rules."""
    try:
        born = date.fromisoformat(born_on)
    except ValueError:
        return False
    age = today.year - born.year - ((today.month, today.day) < (born.month, born.day))
    least, most = _AGES[kind]
    return least <= age <= most
