"""What one offers on the marketplace, as its professional and as an operator see it."""

from typing import Annotated, Final

from msgspec import Meta, field
from msgspec.structs import asdict

from core.errors import Rejected
from core.identity import Permission
from core.ports.marketplace import Listing, NewListing
from gateways.http.checked import EMPTY, Tags, normal_tags, tag_problems, text_problems
from gateways.http.marketplace import ListingItem, item_of
from gateways.http.persona_texts import shown
from gateways.http.personas import ONE, own
from gateways.http.problems import FieldProblem, InvalidFields
from gateways.http.routes import API, Body, Call, Reply, Route, View, json_reply

PATH: Final = f"{ONE}/listing"
ADMIN: Final = f"{API}/admin/marketplace/{{id}}"
MAX_SUMMARY_BYTES: Final = 500


class OwnListing(ListingItem, frozen=True):
    """As its owner sees it, on the market or not. `version`: the persona's when it was published; where
    that has grown since, publishing it anew shows the change. `suspended_for`: why an operator took it
    off the market; empty: nobody did."""

    version: int
    is_offered: bool
    suspended_for: str


class OneOwnListing(View, frozen=True):
    """The answer to what publishes, shows or judges one."""

    listing: OwnListing


class PublishPersona(Body, frozen=True):
    """What to say of it on the market. `tags`: what it knows, places, languages; they find it whatever
    their case."""

    summary: str
    tags: Tags = field(default_factory=list)


class SuspendListing(Body, frozen=True):
    """`note`: why; its owner reads it."""

    note: Annotated[str, Meta(max_length=1_000)]


async def publish(call: Call) -> Reply:
    """Offer a persona of one's own as it stands."""
    body: PublishPersona = call.body
    summary = shown(body.summary).strip()
    wrong = text_problems("summary", summary, MAX_SUMMARY_BYTES, may_be_empty=False)
    wrong += tag_problems(body.tags)
    if wrong:
        raise InvalidFields(wrong)
    new = NewListing(
        persona_id=call.path["id"],
        owner_id=call.of().user_id,
        summary=summary,
        tags=normal_tags(body.tags),
        at=call.ports.clock.now_ms(),
    )
    return _reply(await call.ports.listings.publish(call.of().tenant_id, new))


async def read_own(call: Call) -> Reply:
    """How what one offers is doing."""
    persona = await own(call)
    listing = await call.ports.listings.of_persona(call.of().tenant_id, persona.id)
    if listing is None:
        raise _nothing()
    return _reply(listing)


async def withdraw(call: Call) -> Reply:
    """Offer it no more. Those who took it keep it, and what they said stays."""
    persona = await own(call)
    await call.ports.listings.withdraw(call.of().tenant_id, persona.id)
    return json_reply({})


async def suspend(call: Call) -> Reply:
    """Take it off the market, whatever its owner does."""
    why = shown(call.body.note).strip()
    if not why:
        raise InvalidFields([FieldProblem("note", EMPTY)])
    return await _judged(call, why)


async def restore(call: Call) -> Reply:
    """Let it back."""
    return await _judged(call, "")


async def strike_review(call: Call) -> Reply:
    """Take somebody's review out."""
    tenant_id, listing_id, review_id = call.of().tenant_id, call.path["id"], call.path["reviewId"]
    if not await call.ports.listings.unreview(tenant_id, listing_id, review_id=review_id):
        raise Rejected("not_found", "There is no such review.")
    return json_reply({})


async def _judged(call: Call, why: str) -> Reply:
    return _reply(await call.ports.listings.suspend(call.of().tenant_id, call.path["id"], why))


def _reply(listing: Listing) -> Reply:
    return json_reply(
        OneOwnListing(
            listing=OwnListing(
                **asdict(item_of(listing)),
                version=listing.version,
                is_offered=listing.is_offered,
                suspended_for=listing.suspended_for,
            )
        )
    )


def _nothing() -> Rejected:
    return Rejected("not_found", "This is not on offer.")


ROUTES: Final = (
    Route(
        method="POST",
        path=PATH,
        name="publishPersona",
        summary="Offer a persona on the marketplace as it stands",
        handle=publish,
        access=Permission.SELL_AGENTS,
        body=PublishPersona,
        answer=OneOwnListing,
        errors=("not_found", "conflict"),
        keeps_answer=True,
    ),
    Route(
        method="GET",
        path=PATH,
        name="readOwnListing",
        summary="How a persona that one offers is doing",
        handle=read_own,
        access=Permission.MANAGE_PERSONAS,
        answer=OneOwnListing,
        errors=("not_found",),
    ),
    Route(
        method="DELETE",
        path=PATH,
        name="withdrawPersona",
        summary="Offer a persona no more",
        handle=withdraw,
        access=Permission.MANAGE_PERSONAS,
        errors=("not_found",),
        keeps_answer=True,
    ),
    Route(
        method="POST",
        path=f"{ADMIN}/suspend",
        name="suspendListing",
        summary="Take a character off the market, and say why",
        handle=suspend,
        access=Permission.CONFIGURE_SYSTEM,
        body=SuspendListing,
        answer=OneOwnListing,
        errors=("not_found",),
    ),
    Route(
        method="POST",
        path=f"{ADMIN}/restore",
        name="restoreListing",
        summary="Let a character back on the market",
        handle=restore,
        access=Permission.CONFIGURE_SYSTEM,
        answer=OneOwnListing,
        errors=("not_found",),
    ),
    Route(
        method="DELETE",
        path=f"{ADMIN}/reviews/{{reviewId}}",
        name="strikeReview",
        summary="Take a review of a character out",
        handle=strike_review,
        access=Permission.CONFIGURE_SYSTEM,
        errors=("not_found",),
    ),
)
