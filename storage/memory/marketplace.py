"""The `Listings` port in memory."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from core.ports.marketplace import SELLERS, Goods, Listing, NewListing, Review, Wanted
from core.ports.repositories import Users
from protocol.persona import Persona
from storage.marketplace import has_not_taken, is_suspended, nothing_on_offer
from storage.memory.stored_personas import StoredPersonas
from storage.personas import unknown


@dataclass(slots=True)
class _Row:
    """A listing, the persona that it is a copy of, and who took it and what they say."""

    listing: Listing
    persona: Persona
    takers: set[str] = field(default_factory=set)
    reviews: dict[str, Review] = field(default_factory=dict)


class MemoryListings:
    """Rows in a dictionary. Borrows: the personas, with which they go, and the users."""

    def __init__(self, stored: StoredPersonas, users: Users) -> None:
        self._stored, self._users = stored, users
        self._rows: dict[tuple[int, str], _Row] = {}

    async def publish(self, tenant_id: int, new: NewListing) -> Listing:
        persona = self._stored.personas.get((tenant_id, new.persona_id))
        if persona is None or persona.owner_id != new.owner_id:
            raise unknown()
        known = self._row(tenant_id, new.persona_id)
        if known is not None and known.listing.suspended_for:
            raise is_suspended()
        row = known or _Row(_fresh(persona, new), persona)
        row.persona = persona
        row.listing = replace(
            _fresh(persona, new),
            imports=row.listing.imports,
            reviews=row.listing.reviews,
            stars=row.listing.stars,
        )
        self._rows[tenant_id, new.persona_id] = row
        return await self._named(tenant_id, row.listing)

    async def withdraw(self, tenant_id: int, listing_id: str) -> None:
        row = self._row(tenant_id, listing_id)
        if row is not None:
            row.listing = replace(row.listing, is_offered=False)

    async def suspend(self, tenant_id: int, listing_id: str, why: str) -> Listing:
        row = self._row(tenant_id, listing_id)
        if row is None:
            raise nothing_on_offer()
        row.listing = replace(row.listing, suspended_for=why)
        return await self._named(tenant_id, row.listing)

    async def of_persona(self, tenant_id: int, persona_id: str) -> Listing | None:
        row = self._row(tenant_id, persona_id)
        return None if row is None else await self._named(tenant_id, row.listing)

    async def find(
        self, tenant_id: int, wanted: Wanted, *, after: tuple[int, str] | None, limit: int
    ) -> Sequence[Listing]:
        found = [
            row.listing
            for tenant, listing_id in list(self._rows)
            if tenant == tenant_id
            and (row := await self._on_market(tenant_id, listing_id)) is not None
            and _fits(row, wanted)
            and (after is None or (row.listing.score, row.listing.id) < after)
        ]
        found.sort(key=lambda one: (one.score, one.id), reverse=True)
        return [await self._named(tenant_id, one) for one in found[:limit]]

    async def get(self, tenant_id: int, listing_id: str) -> Goods | None:
        row = await self._on_market(tenant_id, listing_id)
        if row is None:
            return None
        listing = await self._named(tenant_id, row.listing)
        persona = row.persona
        return Goods(
            listing=listing, about=persona.about, greeting=persona.greeting, card=persona.card
        )

    async def took(self, tenant_id: int, listing_id: str, user_id: str, *, at: int) -> None:
        row = self._row(tenant_id, listing_id)
        if row is not None and user_id != row.listing.owner_id:
            row.takers.add(user_id)
            row.listing = replace(row.listing, imports=len(row.takers))

    async def review(self, tenant_id: int, listing_id: str, review: Review) -> None:
        row = self._row(tenant_id, listing_id)
        if row is None or review.user_id not in row.takers:
            raise has_not_taken()
        row.reviews[review.user_id] = review
        _recount(row)

    async def unreview(
        self, tenant_id: int, listing_id: str, *, review_id: str = "", user_id: str = ""
    ) -> bool:
        row = self._row(tenant_id, listing_id)
        if row is None:
            return False
        before = len(row.reviews)
        row.reviews = {
            author: review
            for author, review in row.reviews.items()
            if author != user_id and review.id != review_id
        }
        _recount(row)
        return len(row.reviews) < before

    async def reviews(
        self, tenant_id: int, listing_id: str, *, before: str | None, limit: int
    ) -> Sequence[Review]:
        row = self._row(tenant_id, listing_id)
        found = [] if row is None else list(row.reviews.values())
        found.sort(key=lambda review: review.id, reverse=True)
        return [review for review in found if before is None or review.id < before][:limit]

    def _row(self, tenant_id: int, listing_id: str) -> _Row | None:
        if (tenant_id, listing_id) not in self._stored.personas:
            self._rows.pop((tenant_id, listing_id), None)
        return self._rows.get((tenant_id, listing_id))

    async def _on_market(self, tenant_id: int, listing_id: str) -> _Row | None:
        row = self._row(tenant_id, listing_id)
        if row is None or not row.listing.is_offered or row.listing.suspended_for:
            return None
        owner = await self._users.get(tenant_id, row.listing.owner_id)
        return row if owner is not None and owner.role in SELLERS else None

    async def _named(self, tenant_id: int, listing: Listing) -> Listing:
        owner = await self._users.get(tenant_id, listing.owner_id)
        if owner is None:
            return listing
        return replace(listing, owner_name=owner.name, owner_handle=owner.handle)


def _fresh(persona: Persona, new: NewListing) -> Listing:
    return Listing(
        id=persona.id,
        owner_id=persona.owner_id,
        owner_name="",
        owner_handle="",
        name=persona.name,
        style=persona.style,
        summary=new.summary,
        tags=tuple(new.tags),
        version=persona.version,
        imports=0,
        reviews=0,
        stars=0,
        is_offered=True,
        suspended_for="",
        published_at=new.at,
    )


def _fits(row: _Row, wanted: Wanted) -> bool:
    one = row.listing
    said = _words(" ".join((one.name, one.summary, *one.tags, row.persona.about)))
    is_good = wanted.min_rating is None or (one.rating or 0) >= wanted.min_rating
    asked = _words(wanted.query)
    is_said = not wanted.query or (bool(asked) and asked <= said)
    return is_said and set(wanted.tags) <= set(one.tags) and is_good


def _recount(row: _Row) -> None:
    stars = [review.stars for review in row.reviews.values()]
    row.listing = replace(row.listing, reviews=len(stars), stars=sum(stars))


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))
