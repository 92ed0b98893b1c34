"""What an offered message says: its round, and when it was to be sent. Who receives it may be another process."""

from typing import Final

MICROSECONDS: Final = 1e6


def offered_text(name: str, intended: float, size: int) -> str:
    """Of `size` characters at least. `name`: the round's; `intended`: its seconds."""
    return f"{name}:{round(intended * MICROSECONDS)}:".ljust(size, ".")


def intended_in(text: str, name: str) -> tuple[bool, float | None]:
    """Whether it is of the round `name` (else a straggler of an earlier one), and what it says; None when somebody
    changed it."""
    said, _, rest = text.partition(":")
    if said != name:
        return False, None
    digits = rest.partition(":")[0]
    is_number = digits.isascii() and digits.isdigit()
    return True, int(digits) / MICROSECONDS if is_number else None
