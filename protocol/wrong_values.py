"""What msgspec says of a wrong value, as a sentence of the catalogue that says what would be right."""

import re
from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

import msgspec

NO_FORM: Final = "This does not have the right form."
LIKE: Final = "This does not have the right form. An example: {example}."
NO_CHOICE: Final = "This is not one of the possible values."
CHOICES: Final = "Choose one of these: {choices}."
WRONG_TYPE: Final = "This has the wrong type."
AT_MOST: Final = "Give at most {number} entries."

_TYPES: Final = {
    "int": "This must be a whole number.",
    "float": "This must be a number.",
    "str": "This must be a text.",
    "bool": "This must be true or false.",
    "array": "This must be a list.",
    "object": "This must be a map of names and values.",
}
_SENTENCES: Final = tuple(
    (re.compile(pattern), text)
    for pattern, text in (
        (r"`(?:str|array|object)` of length >= 1\b", "This must not be empty."),
        (r"`str` of length >= (\d+)", "Write at least {number} characters."),
        (r"`str` of length <= (\d+)", "Write at most {number} characters."),
        (r"`(?:array|object)` of length >= (\d+)", "Give at least {number} entries."),
        (r"`(?:array|object)` of length <= (\d+)", AT_MOST),
        (r"`(?:int|float)` >= (-?\d+)", "The number must be at least {number}."),
        (r"`(?:int|float)` <= (-?\d+)", "The number must be at most {number}."),
        (r"matching regex", NO_FORM),
        (r"[Ii]nvalid enum value", NO_CHOICE),
        *((rf"Expected `{name}(?: \| null)?`, got", text) for name, text in _TYPES.items()),
        (r"Expected `", WRONG_TYPE),
    )
)
SENTENCES: Final = (CHOICES, LIKE, *(text for _, text in _SENTENCES))
_PATH: Final = re.compile(r" - at `\$([^`]*)`\Z")
_STEP: Final = re.compile(r"\.(\w+)|\[[^]]*\]")


def reading(problem: str, kind: Any) -> tuple[str, dict[str, object]] | None:
    """The sentence for msgspec's `problem` with a value that should be a `kind`, and what fills it;
    None for a problem of another sort, such as text that is not UTF-8."""
    found = ((pattern.search(problem), text) for pattern, text in _SENTENCES)
    match, text = next(((match, text) for match, text in found if match), (None, ""))
    if match is None:
        return None
    if (text is NO_CHOICE or text in _TYPES.values()) and (choices := _choices(problem, kind)):
        return CHOICES, {"choices": ", ".join(map(str, choices))}
    if text is NO_FORM and (example := _example(problem, kind)):
        return LIKE, {"example": example}
    return text, {"number": int(match[1])} if match.groups() else {}


def _choices(problem: str, kind: Any) -> list[object]:
    """The values that a field may have, when they are few."""
    kinds = _kinds_at(problem, kind)
    return [value for each in kinds if get_origin(each) is Literal for value in get_args(each)]


def _example(problem: str, kind: Any) -> object | None:
    """Of a value that has the form that the field asks for."""
    metas = (meta for each in _kinds_at(problem, kind) for meta in get_args(each)[1:])
    examples = (meta.examples for meta in metas if isinstance(meta, msgspec.Meta) and meta.pattern)
    return next((given[0] for given in examples if given), None)


def _kinds_at(problem: str, kind: Any) -> list[Any]:
    """What may stand at the place inside a `kind` that the problem names."""
    place = _PATH.search(problem)
    kinds = list(_members(kind))
    for step in _STEP.finditer(place[1] if place else ""):
        kinds = [
            member
            for each in kinds
            for inner in _inside(each, step[1])
            for member in _members(inner)
        ]
    return kinds


def _members(kind: Any) -> Iterator[Any]:
    """It, and what it may be."""
    yield kind
    if get_origin(kind) is Annotated:
        yield from _members(get_args(kind)[0])
    elif get_origin(kind) in {Union, UnionType}:
        for member in get_args(kind):
            yield from _members(member)


def _inside(kind: Any, name: str | None) -> Iterator[Any]:
    """The field of this name, or without one what a list or a map holds."""
    if name is None:
        if get_origin(kind) in {list, tuple, dict}:
            yield from (held for held in get_args(kind) if held is not ...)
    elif isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        fields = msgspec.structs.fields(kind)
        yield from (field.type for field in fields if field.encode_name == name)
