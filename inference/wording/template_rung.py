"""The rung that never waits: templates."""

import re
from typing import Final

import trio

from inference.wording.rung import Patience, Send, Written
from inference.wording.templates import Templates
from protocol.wording import Plan, Tier

MODEL: Final = "templates"

_CLAUSE: Final = re.compile(r"(?:\{[^}]*\}|[^{,;:.!?…])*[,;:.!?…]*\s*")


class TemplateRung:
    """Says a template clause by clause: the first one at once, and the others as fast as somebody else
    may have a turn between them."""

    name: str = "templates"
    tier: Tier = "template"
    patience: Patience = Patience()

    def __init__(self, templates: Templates) -> None:
        self._templates = templates

    def can_word(self, plan: Plan) -> bool:
        return True

    async def write(self, plan: Plan, *, by: float, send: Send, room_id: str) -> Written:
        for clause in clauses(self._templates.write(plan)):
            send(clause)
            await trio.lowlevel.checkpoint()
        return Written(model=MODEL, version=self._templates.version)


def clauses(text: str) -> list[str]:
    """The text in natural pieces; no placeholder is cut."""
    return [piece for piece in _CLAUSE.findall(text) if piece]
