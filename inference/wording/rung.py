"""What the ladder of wording asks of a rung: something that puts plans into words with placeholders."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from core.errors import Unavailable
from protocol.wording import Plan, Tier

Send = Callable[[str], None]


class TooLate(Unavailable):
    """The rung could not begin in time, and has not said anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Seconds after the prompt was read, or after a later segment was asked for: by when a rung must have
    begun to work (a quick rung that comes second may begin later), and by when somebody must have said
    the first word. `stalled_after`: without a further piece, once it speaks."""

    begin_within: float = 0.120
    first_within: float = 0.150
    stalled_after: float = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What wrote it. `tokens`: of a model; 0 where none was asked. `is_personal`: of words that tell of people or
    of one persona, so that they are for nobody else."""

    model: str
    version: str
    tokens: int = 0
    is_personal: bool = False


class Rung(Protocol):
    """A way to word plans. `name`: for statistics. `patience`: as of now; with another model, another."""

    name: str
    tier: Tier

    @property
    def patience(self) -> Patience: ...

    def can_word(self, plan: Plan) -> bool:
        """Whether it knows the plan's language and act at all. Neither slow nor ever wrong about it."""

    async def write(self, plan: Plan, *, by: float, send: Send, room_id: str) -> Written:
        """Call `send`, in the trio thread, with pieces of text that hold placeholders; return when all
        is said. The pieces are judged and filled by whoever called.

        `by`: trio time by which the work must have begun; raises `TooLate` when that passes, `Overloaded`
        at once when there is no place. Any other error is the rung's failure. `send` never raises.
        Cancelled: `send` is not called any more, from one step of the model on.
        """
