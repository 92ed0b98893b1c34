"""Which texts hold a card's number."""

import pytest

from protocol.card_numbers import holds_card_number, is_card_number_in

CARDS = ["4242424242424242", "378282246310005", "5555555555554444", "3566002020360505"]


@pytest.mark.parametrize("card", CARDS)
def test_a_card_number_is_found_however_it_is_written(card):
    for text in (card, " ".join(card), "-".join(card), f"pm_{card}x"):
        assert holds_card_number(text)
        assert is_card_number_in(text)
    assert holds_card_number("12" + card)
    assert is_card_number_in(int(card))
    assert is_card_number_in({"number": [{"is": card}]})
    assert is_card_number_in({card: 1})


@pytest.mark.parametrize("text", ["", "pm_card_visa", "pm_1MoBy5LkdIwHu7ixZhnattbh", "X1234567"])
def test_ids_hold_none(text):
    assert not holds_card_number(text)
    assert not is_card_number_in(text)


@pytest.mark.parametrize(
    "value", ["4242424242424241", "+33 6 12 34 56 78", "110101199003070011", True, None, 1.5]
)
def test_what_people_write_otherwise_is_let_through(value):
    assert not is_card_number_in({"number": value})


def test_what_is_too_deep_to_look_at_is_not_let_through():
    deep = "x"
    for _ in range(40):
        deep = [deep]
    assert is_card_number_in(deep)
