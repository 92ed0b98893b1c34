"""What both stores of the marketplace refuse."""

from core.errors import Rejected


def nothing_on_offer() -> Rejected:
    return Rejected("not_found", "This is not on offer.")


def is_suspended() -> Rejected:
    return Rejected("conflict", "An operator has taken this off the market.")


def has_not_taken() -> Rejected:
    return Rejected("forbidden", "Only those who have taken a character may review it.")
