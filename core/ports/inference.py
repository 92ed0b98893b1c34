"""The seams to what understands, words and ranks: models, in this process, and what stands in for them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, Protocol

from core.ports.personas import Feedback
from protocol.travel import GeoPoint, Offer, Place
from protocol.understanding import Budget, Setting, Understanding
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
class Taste:
    """What one person showed one persona to like: weights over the item tower's output. `version`: of
    the tower that they belong to; `seen`: how many feedbacks they rest on; `prior`: what they began from,
    as `Recommender.prior_of` names it."""

    version: str
    weights: tuple[float, ...]
    seen: int = 0
    prior: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What features are measured against. `month`: 1…12, of the journey. `home`: where it begins."""

    month: int | None = None
    budget: Budget | None = None
    home: GeoPoint | None = None


How = Literal["own", "average", "least_misery"]
"""By one taste; by the mean of several; by whom each item pleases least."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """An item in its place: `index` among the candidates, the features that it was ranked by, and the
    name of the one that weighed most for it and is true of it (`tags.coast`, `price`, `stops`; None:
    nothing stood out). `score`: 0 to 1, how surely it is liked. `how`: whose liking that is."""

    index: int
    because: str | None = None
    features: tuple[float, ...] = ()
    score: float = 0.0
    how: How = "own"


class Recommender(Protocol):
    """Orders items by taste, and learns tastes. Features and weights: docs/adr/0013-recommending.md."""

    async def rank(
        self,
        items: Sequence[Offer | Place],
        *,
        tastes: Sequence[Taste],
        about: Circumstances,
    ) -> Sequence[Ranked]:
        """Best first, each candidate at most once. No taste: by what most like; several: for a group
        that none of it suffers. Tastes of another tower than `tower` do not count. Changes nothing.

        Raises `Unavailable` when the model fails: the order that they came in is an answer, too."""

    def taste_of(
        self, feedbacks: Sequence[Feedback], *, stated: Mapping[str, float] = MappingProxyType({})
    ) -> Taste | None:
        """What these feedbacks, oldest first, make of a taste that was what `stated` says (a feature's
        name → how much it is liked, -1 to 1), else what most like; None: there is nothing to learn of. Raises `Unavailable` while weights
        are being loaded, and when the model fails."""

    def prior_of(self, stated: Mapping[str, float] = MappingProxyType({})) -> str:
        """A short name of what a taste begins from now, with what is `stated`: another one as soon as
        either changes. A taste with another `prior` is to be made anew of its feedbacks."""

    @property
    def tower(self) -> str:
        """The version of the features and weights that are in use."""


class PlacesByMeaning(Protocol):
    """Destinations by what words say they should be like."""

    async def nearest(
        self, text: str, *, limit: int = 20, is_beyond_tags: bool = False
    ) -> Sequence[tuple[str, float]]:
        """Their ids with their likeness, the most alike first. Understands English. Empty where the words say too
        little of a place, or also what it should not be, or while there is no model: so that whoever asks goes on
        without. `is_beyond_tags`: also where they say no more than tags, climate and prices can."""


class Moods(Protocol):
    """How content rooms are. In the background: what cannot be judged now never is. About rooms of several people
    who agreed, never about one, and kept nowhere."""

    def heard_nowait(
        self, room_id: str, message_id: str, person_id: str, text: str, *, agrees: bool
    ) -> None:
        """A person's message to a room. Who does not agree (any more) is not counted, and what was counted of them
        is forgotten."""

    def agreed_nowait(self, person_id: str, *, agrees: bool) -> None:
        """What this person's profile says from now on. Without a yes all that was counted of them is forgotten at
        once, in every room, and nothing of theirs is counted by who still has the profile in mind as it was."""

    def forget_nowait(self, room_id: str, message_id: str) -> None:
        """The message is not there any more, or says something else."""
