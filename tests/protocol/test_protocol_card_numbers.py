"""Which texts hold a card's number."""

import pytest

from protocol.card_numbers import holds_card_number

CARDS = ["4242424242424242", "378282246310005", "5555555555554444", "6304000000000000", "3566002020360505"]  # fmt: skip


@pytest.mark.parametrize("card", CARDS)
def test_a_card_number_is_found_however_it_is_wrapped(card):
    assert holds_card_number(card)
    assert holds_card_number(" ".join(card))
    assert holds_card_number("-".join(card))
    assert holds_card_number(f"pm_{card}x")
    assert holds_card_number(int(card))
    assert holds_card_number({"number": [{"is": card}]})
    assert holds_card_number({card: 1})
    assert holds_card_number("12" + card)


@pytest.mark.parametrize(
    "text",
    ["", "pm_card_visa", "pm_1MoBy5LkdIwHu7ixZhnattbh", "X1234567", "+33 6 12 34 56 78", "4242424242424241", True, None, 1.5],
)  # fmt: skip
def test_ids_passports_and_wrong_check_digits_are_none(text):
    assert not holds_card_number(text)


def test_what_is_too_deep_to_look_at_is_not_let_through():
    deep = "x"
    for _ in range(40):
        deep = [deep]
    assert holds_card_number(deep)
