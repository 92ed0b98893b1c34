"""What professionals offer: characters that others take, and what those say of them. Scoped by tenant."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from core.identity import PERMISSIONS, Permission, Role
from protocol.persona import Voice

SELLERS: Final = frozenset(role for role in Role if Permission.SELL_AGENTS in PERMISSIONS[role])
"""Whose listings are on the market: who loses the role takes them off it by that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewListing:
    """What its owner says of it. The character itself is read from the persona as it is stored."""

    persona_id: str
    owner_id: str
    summary: str
    tags: Sequence[str]
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A character on offer. `version`: the persona's when it was published. `stars`: the sum of its
    `reviews`. `imports`: people who took it. `is_offered`: its owner has not withdrawn it.
    `suspended_for`: why an operator took it off the market; empty: nobody did."""

    id: str
    owner_id: str
    owner_name: str
    owner_handle: str
    name: str
    style: Voice
    summary: str
    tags: Sequence[str]
    version: int
    imports: int
    reviews: int
    stars: int
    is_offered: bool
    suspended_for: str
    published_at: int

    @property
    def rating(self) -> float | None:
        """The mean, to a tenth, half of one up; None: nobody has said anything."""
        if not self.reviews:
            return None
        return (20 * self.stars + self.reviews) // (2 * self.reviews) / 10

    @property
    def score(self) -> int:
        """What lists are ordered by: the mean in thousandths, with five reviews of 3.6 stars beside."""
        return (self.stars + 18) * 1_000 // (self.reviews + 5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Goods:
    """What somebody gets who takes it, as it was published."""

    listing: Listing
    about: str
    greeting: str
    card: dict[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """All of it has to hold. `query`: words of its name, summary, tags and description. `min_rating`: of
    the `rating` that is shown."""

    query: str = ""
    tags: Sequence[str] = ()
    min_rating: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """What one of those who took it says of it."""

    id: str
    user_id: str
    stars: int
    text: str
    written_at: int


class Listings(Protocol):
    """At most one for each persona; it goes with the persona, and its reviews with it.

    On the market is what is offered, not suspended, and of an owner who may sell.
    """

    async def publish(self, tenant_id: int, new: NewListing) -> Listing:
        """Offer the persona as it stands, in place of what was offered of it before; who took it and
        what they said stay. Raises `Rejected`: `not_found` unless it is the owner's, `conflict` where
        it is suspended."""

    async def withdraw(self, tenant_id: int, listing_id: str) -> None:
        """Its owner offers it no more. Harmless to repeat, and without one."""

    async def suspend(self, tenant_id: int, listing_id: str, why: str) -> Listing:
        """An operator takes it off the market, or (`why` empty) lets it back. Raises
        `Rejected("not_found")`."""

    async def of_persona(self, tenant_id: int, persona_id: str) -> Listing | None:
        """In whatever state."""

    async def find(
        self, tenant_id: int, wanted: Wanted, *, after: tuple[int, str] | None, limit: int
    ) -> Sequence[Listing]:
        """Those on the market, by score and then id, both descending, below the pair `after`."""

    async def get(self, tenant_id: int, listing_id: str) -> Goods | None:
        """None: it is not on the market."""

    async def took(self, tenant_id: int, listing_id: str, user_id: str, *, at: int) -> None:
        """Somebody has it. Counted once for each, and not for its owner; nothing where it is gone."""

    async def review(self, tenant_id: int, listing_id: str, review: Review) -> None:
        """In place of what its author said before. Raises `Rejected("forbidden")` unless they took it."""

    async def unreview(
        self, tenant_id: int, listing_id: str, *, review_id: str = "", user_id: str = ""
    ) -> bool:
        """Take one out, by its id or its author's; whether there was one. Harmless to repeat."""

    async def reviews(
        self, tenant_id: int, listing_id: str, *, before: str | None, limit: int
    ) -> Sequence[Review]:
        """Newest id first, below the id `before`."""
