"""What msgspec says of a wrong value, as a sentence of the catalogue that says what would be right."""

import re
from typing import Any, Final, Literal, get_args, get_origin

NO_CHOICE: Final = "This is not one of the possible values."
CHOICES: Final = "Choose one of these: {choices}."
WRONG_TYPE: Final = "This has the wrong type."

_SENTENCES: Final = tuple(
    (re.compile(pattern), text)
    for pattern, text in (
        (r"`str` of length >= (\d+)", "Write at least {number} characters."),
        (r"`str` of length <= (\d+)", "Write at most {number} characters."),
        (r"`(?:array|object)` of length >= (\d+)", "Give at least {number} entries."),
        (r"`(?:array|object)` of length <= (\d+)", "Give at most {number} entries."),
        (r"`int` >= (-?\d+)", "The number must be at least {number}."),
        (r"`int` <= (-?\d+)", "The number must be at most {number}."),
        (r"matching regex", "This does not have the right form."),
        (r"[Ii]nvalid enum value", NO_CHOICE),
        (r"Expected `", WRONG_TYPE),
    )
)
SENTENCES: Final = (CHOICES, *(text for _, text in _SENTENCES))


def reading(problem: str, kind: Any) -> tuple[str, dict[str, object]] | None:
    """The sentence for msgspec's `problem` with a value that should be a `kind`, and what fills it;
    None for a problem of another sort, such as text that is not UTF-8."""
    found = ((pattern.search(problem), text) for pattern, text in _SENTENCES)
    match, text = next(((match, text) for match, text in found if match), (None, ""))
    if match is None:
        return None
    if text is NO_CHOICE and " - at `$" not in problem and (choices := _choices(kind)):
        return CHOICES, {"choices": ", ".join(map(str, choices))}
    return text, {"number": int(match[1])} if match.groups() else {}


def _choices(kind: Any) -> list[object]:
    """The values that a field may have, when they are few."""
    kinds = [kind, *get_args(kind)]
    return [value for each in kinds if get_origin(each) is Literal for value in get_args(each)]
