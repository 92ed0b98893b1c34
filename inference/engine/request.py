"""What is asked of the engine, and what comes of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from inference.engine.arena import Prefix
from inference.engine.sampler import GREEDY, Mask, NothingAllowedError, Sampling
from protocol.wording import Plan


class Constraint(Protocol):
    """What one reply may say, token by token. One per request; called in the engine's thread, so it
    computes and does nothing else. What it raises fails its own request."""

    def start(self, plan: Plan) -> Mask | None:
        """The mask of the first token. None: everything is allowed."""

    def advance(self, token: int) -> Mask | None:
        """The mask of what follows `token`; the same object as long as it does not change."""


class Model(Protocol):
    """A loaded model, as the scheduler sees it: rows of a slot cache, each with how it draws.

    Rows that are stepped are 0, 1, … without a gap; the one that reads its prompt comes after them.
    Used by one thread. What its methods raise fails the requests whose rows they were called for.
    """

    name: str
    version: str
    slots: int
    positions: int
    chunk: int
    ends: frozenset[int]
    vocabulary: int

    def start(self, row: int, sampling: Sampling) -> None:
        """The row is empty and will draw like this; everything is allowed."""

    def allow(self, row: int, mask: Mask | None) -> None:
        """From the next draw on."""

    def read(self, row: int, tokens: Sequence[int]) -> None:
        """Append at most `chunk` prompt tokens."""

    def first(self, row: int) -> int | NothingAllowedError:
        """The row's first token, after its whole prompt was read."""

    def step(self, tokens: Sequence[int]) -> list[int | NothingAllowedError]:
        """Append `tokens[i]` to row i, and draw the next of each."""

    def move(self, source: int, target: int) -> None:
        """Row `target` is what row `source` was."""

    def keep(self, row: int) -> Prefix:
        """A copy of what the row holds."""

    def restore(self, row: int, prefix: Prefix) -> None:
        """The row, just started, holds the prefix."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What one model is to read and how it is to go on. `shared`: how many tokens at its start are the
    same for many prompts (a persona's), so that their keys and values are worth keeping; fewer than all.
    `is_personal`: it tells of people or of one persona, so that the reply is for nobody else.
    """

    tokens: Sequence[int]
    shared: int = 0
    sampling: Sampling = GREEDY
    max_tokens: int = 60
    plan: Plan | None = None
    constraint: Constraint | None = None
    is_personal: bool = False


@dataclass(eq=False, slots=True, kw_only=True)
class Request:
    """`prepare` makes the prompt when its turn comes, in the engine's thread: only then is it known which
    model will read it. `prefill_by`, `reply_by`: absolute (trio time)."""

    room_id: str
    prepare: Callable[[Any], Prompt]
    prefill_by: float
    reply_by: float
    is_cancelled: bool = field(default=False, init=False)
    """Set by whoever waited; the engine drops the row before its next step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """All that was said. `length`: it was cut off, after `max_tokens` or at the cache's end."""

    tokens: tuple[int, ...]
    ended: Literal["end", "length"]
    model: Model


@dataclass(frozen=True, slots=True)
class Progress:
    """What a turn brought one request: a token, and at last a reply or an error."""

    request: Request
    token: int | None = None
    outcome: Reply | Exception | None = None
    is_first: bool = False
    """It is the reply's first token."""

    @property
    def is_awaited(self) -> bool:
        """Somebody has a use for it now: a reply begins, or is over."""
        return self.is_first or self.outcome is not None
