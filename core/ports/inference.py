"""The seams to what understands, words and ranks: models, in this process, and what stands in for them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from protocol.understanding import Setting, Understanding
from protocol.wording import Plan, Tier


class Reader(Protocol):
    """Understands messages."""

    def may_be_prompt(self, text: str) -> bool:
        """Whether it is worth reading at all: a filter of microseconds, never wrong about what is
        addressed to a persona; by its own rules, without a model."""

    async def read(self, text: str, setting: Setting) -> Understanding:
        """What it means. Never refuses: when no model can answer, rules do, with their confidence.
        Cancelled: the model's work is thrown away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Worded:
    """What became of a segment. `tier`: the rung that wrote it, from its first word to its last."""

    tier: Tier
    model: str
    version: str
    tokens: int = 0
    is_stale: bool = False


class Writer(Protocol):
    """Puts plans into words."""

    async def write(
        self, plan: Plan, *, read_at: float, send: Callable[[str], None], room_id: str
    ) -> Worded:
        """Call `send` with pieces of text, placeholders filled, as they come (at once and in the trio
        thread); return when it is all said. `read_at` (trio time): when the prompting frame was read; the
        first piece comes within 150 ms of it, by the next rung if need be, or for a later segment (a
        further call with the same room and `read_at`) of 150 ms of this call. `room_id`: rooms share the
        model fairly. After the first piece the same rung goes on; when it fails, `Unavailable` is raised
        and what was sent stands. Cancelled: nothing is sent any more, within one step of the model. Raises
        `Rejected("model_failed")` when every rung failed, or when the plan lacks a fact that its act
        requires."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A candidate in its place. `because`: the schema's name of the feature that weighed most for it and
    is true of it (`tags.beach`, `price`, `stops`); None: nothing stood out."""

    index: int
    score: float
    because: str | None = None


class Ranker(Protocol):
    """Orders candidates by a person's taste. Features are those of docs/adr on recommending."""

    async def rank(
        self, candidates: Sequence[Any], *, tastes: Sequence["Taste"], how: str = "own"
    ) -> Sequence[Choice]:
        """Best first. `how`: "own" (one taste), "least_misery" or "average" (several)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taste:
    """What one person showed one persona to like: weights over the item tower's output. `version`: of
    the tower that they belong to; `seen`: how many feedbacks they rest on."""

    version: str
    weights: tuple[float, ...]
    seen: int = 0
