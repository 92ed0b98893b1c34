"""What goes into a decision and what comes out of it (pure)."""

from dataclasses import dataclass, field
from datetime import date

from actors.persona.errands import Defaults, Errand
from actors.persona.hints import NO_HINTS, Hints
from actors.persona.line import Line
from protocol.understanding import Understanding


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A message that is to be answered. `text` is searched for names of what lies on the
    table, and says what places should be like; nothing else is read from it.
    `is_explicit`: it names the persona or replies to it. `is_aside`: it does not, and follows what one of several
    people said."""

    message_id: str
    understanding: Understanding
    today: date
    text: str = ""
    hints: Hints = NO_HINTS
    is_explicit: bool = False
    is_aside: bool = False
    defaults: Defaults = field(default_factory=Defaults)


@dataclass(frozen=True, slots=True, kw_only=True)
class Silent:
    """Nothing is said, on purpose."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Say:
    """One segment, at once."""

    line: Line


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Something is to be looked up; `opening` is said meanwhile, where that may take long."""

    errand: Errand
    opening: Line | None = None


Decision = Silent | Say | Look
