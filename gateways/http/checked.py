"""What people write in a field: in its normal form, or refused by the field's name."""

from typing import Annotated, Final

from msgspec import Meta

from core.texts import sentence
from gateways.http.persona_texts import is_longer, shown
from gateways.http.problems import FieldProblem, InvalidFields
from protocol.names import proper_name

MAX_TAGS: Final = 10

TOO_LONG: Final = sentence("A field may have at most {limit} bytes.")
EMPTY: Final = sentence("A text must not be empty.")
_NO_TAG: Final = sentence("A tag has visible characters, no comma and no line breaks.")

Tags = Annotated[list[Annotated[str, Meta(min_length=1, max_length=40)]], Meta(max_length=MAX_TAGS)]


def checked_text(field: str, text: str, limit: int, *, may_be_empty: bool = True) -> str:
    """As `shown`, without spaces around it. Raises `InvalidFields` for what `text_problems` finds."""
    said = shown(text).strip()
    wrong = text_problems(field, said, limit, may_be_empty=may_be_empty)
    if wrong:
        raise InvalidFields(wrong)
    return said


def text_problems(
    field: str, text: str, limit: int, *, may_be_empty: bool = True
) -> list[FieldProblem]:
    """That it is empty, or has more than `limit` bytes."""
    if not text and not may_be_empty:
        return [FieldProblem(field, EMPTY)]
    if is_longer(text, limit):
        return [FieldProblem(field, TOO_LONG, {"limit": limit})]
    return []


def tag_problems(tags: list[str]) -> list[FieldProblem]:
    """That one of them is no tag."""
    if any("," in tag or proper_name(tag) is None for tag in tags):
        return [FieldProblem("tags", _NO_TAG)]
    return []


def normal_tags(tags: list[str]) -> list[str]:
    """Whatever their case and the spaces around them; each once, in their order."""
    normal = (" ".join(tag.lower().split()) for tag in tags)
    return list(dict.fromkeys(tag for tag in normal if tag))
