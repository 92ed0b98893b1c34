"""The stable words: addresses, close codes and error codes say what the contract says."""

import re
from pathlib import Path

import pytest

from protocol.addresses import Address
from protocol.close_codes import CloseCode
from protocol.errors import ERROR_CODES, TEMPORARY
from protocol.limits import DEFAULT_LIMITS
from protocol.room import ROOM

CONTRACT = (Path(__file__).parents[2] / "docs" / "protocol-v1.md").read_text()


def test_an_address_is_a_kind_and_a_key() -> None:
    assert ROOM.at("lisbon") == Address("room", "lisbon")
    assert str(ROOM.at("lisbon")) == "room/lisbon"


@pytest.mark.parametrize("code", [code for code in CloseCode if code >= 4000])
def test_every_close_code_is_in_the_contract_with_its_word(code: CloseCode) -> None:
    assert f"`{int(code)} {code.reason}`" in CONTRACT


@pytest.mark.parametrize(
    ("code", "is_announced", "may_resume"),
    [(1001, False, True), (4002, False, True), (4101, True, False), (4304, True, False)],
)
def test_the_range_of_a_close_code_says_what_to_do(
    code: int, is_announced: bool, may_resume: bool
) -> None:
    assert CloseCode(code).is_announced == is_announced
    assert CloseCode(code).may_resume == may_resume


def test_the_error_codes_are_those_of_the_contract() -> None:
    listed = re.search(r"Codes are stable words: `([^`]*)`", CONTRACT)
    assert listed
    assert tuple(listed[1].split(", ")) == ERROR_CODES
    assert set(ERROR_CODES) >= TEMPORARY


def test_the_limits_announced_are_those_of_the_contract() -> None:
    listed = re.search(r"`limits = \{([^}]*)\}`", CONTRACT)
    assert listed
    promised = dict(pair.split(": ") for pair in listed[1].split(", "))
    names = DEFAULT_LIMITS.__struct_encode_fields__
    values = (getattr(DEFAULT_LIMITS, name) for name in DEFAULT_LIMITS.__struct_fields__)
    assert dict(zip(names, map(str, values), strict=True)) == promised
