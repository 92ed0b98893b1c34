"""Travellers in suppliers' words: names, phones, documents and ages."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from orders_world import traveller

from gateways.partners.people import age_on, calling_code, digits, document, latin


@pytest.mark.parametrize(
    ("phone", "parts"),
    [
        ("+33 6 00 00 00 01", ("33", "600000001")),
        ("+1 202 555 0100", ("1", "2025550100")),
        ("+7 900 000 00 00", ("7", "9000000000")),
        ("+353 85 000 0000", ("353", "850000000")),
        ("+49 (151) 000-0000", ("49", "1510000000")),
        ("06 00 00 00 01", None),
        ("+12", None),
        ("+1234567890123456", None),
        ("", None),
    ],
)
def test_a_calling_code_is_told_from_the_number(phone: str, parts: object) -> None:
    assert calling_code(phone) == parts


@given(st.text(max_size=40))
def test_what_is_dialled_is_digits_and_not_too_many(phone: str) -> None:
    found = digits(phone)
    assert len(found) <= 15
    assert not found or (found.isascii() and found.isdecimal())
    parts = calling_code(phone)
    assert parts is None or "".join(parts) == found


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("Zoë", "ZOE"),
        ("Straße", "STRASSE"),
        ("Łukasz Ørsted", "LUKASZ ORSTED"),
        ("O’Neill-Açai", "O'NEILL-ACAI"),
        ("Ünal ı", "UNAL I"),
        ("李", "李"),
    ],
)
def test_names_are_as_on_a_ticket(name: str, written: str) -> None:
    assert latin(name) == written


def test_a_birthday_counts_from_its_day_on() -> None:
    assert age_on("2015-04-10", date(2027, 4, 9)) == 11
    assert age_on("2015-04-10", date(2027, 4, 10)) == 12


WHOLE = {
    "type": "passport",
    "number": "00AA00000",
    "expiresOn": "2031-01-01",
    "issuingCountry": "fr",
    "nationality": "FR",
}


def test_a_whole_document_is_sent_and_half_a_one_is_not() -> None:
    found = document(traveller("a", document=WHOLE))
    assert found is not None
    assert (found.is_passport, found.issuing_country) == (True, "FR")
    for name in WHOLE:
        assert document(traveller("a", document={**WHOLE, name: ""})) is None
        assert document(traveller("a", document={**WHOLE, name: ["x"]})) is None
    assert document(traveller("a")) is None
