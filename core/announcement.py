"""The words by which a room is told that an AI has come into it, and reads along."""

from typing import Final

from core.texts import sentence, translate
from protocol.wording import cleaned

ANNOUNCEMENT: Final = sentence(
    "{persona} is an AI persona, not a person. {owner} brought it here. It reads what is written in"
    " this room while it is here, and may answer."
)
MAX_NAME: Final = 100
_NAMELESS: Final = "…"


def announcement(persona: str, owner: str, locale: str) -> str:
    """In the language of `locale`. Both are names, which may hold anything: neither adds a line nor
    turns the words around it."""
    names = {
        "persona": cleaned(persona, MAX_NAME) or _NAMELESS,
        "owner": cleaned(owner, MAX_NAME) or _NAMELESS,
    }
    return translate(ANNOUNCEMENT, locale, names)
