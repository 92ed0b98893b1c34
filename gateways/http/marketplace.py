"""The marketplace: characters that professionals offer, to be found, taken and reviewed."""

from typing import Annotated, Final

from msgspec import Meta
from msgspec.structs import asdict

from core.errors import Rejected
from core.identity import Permission
from core.ports.marketplace import Goods, Listing, Review, Wanted
from core.ports.personas import NewPersona
from gateways.http.checked import checked_text, normal_tags
from gateways.http.cursors import cursor_of, cursor_pattern, place_of
from gateways.http.personas import OnePersona, new_id, whole_view
from gateways.http.rooms import MAX_PAGE, Page
from gateways.http.routes import API, Body, Call, Reply, Route, View, json_reply

PATH: Final = f"{API}/marketplace"
ONE: Final = f"{PATH}/{{id}}"
REVIEWS: Final = f"{ONE}/reviews"

MAX_REVIEW_BYTES: Final = 1_000


class Seller(View, frozen=True):
    """Whose it is. A direct room with them is the way to ask them."""

    id: str
    handle: str
    name: str


class ListingItem(View, frozen=True):
    """A character on offer. `rating`: the mean of its `reviews`; null: there is none. `imports`: people
    who took it."""

    id: str
    name: str
    style: str
    summary: str
    tags: list[str]
    professional: Seller
    rating: float | None
    reviews: int
    imports: int
    published_at: int


class ListingItems(View, frozen=True):
    """The best first. `next_cursor` None: this was all."""

    items: list[ListingItem]
    next_cursor: str | None


class WholeListing(ListingItem, frozen=True):
    """With what it says of itself."""

    about: str
    greeting: str


class OneListing(View, frozen=True):
    """The answer to what shows one."""

    listing: WholeListing


class FindListings(Body, frozen=True):
    """What all of them have: the words of `q` in name, summary, tags or description; all of these `tags`
    (with commas between); a `rating` of at least `minRating`. `cursor`: the last answer's `nextCursor`."""

    q: Annotated[str, Meta(max_length=100)] = ""
    tags: Annotated[str, Meta(max_length=500, examples=["lisbon,food"])] = ""
    min_rating: Annotated[float, Meta(ge=1, le=5)] | None = None
    limit: Annotated[int, Meta(ge=1, le=MAX_PAGE)] = 50
    cursor: Annotated[str, Meta(pattern=cursor_pattern(4))] | None = None


class WriteReview(Body, frozen=True):
    """What one thinks of it, in place of what one thought before."""

    stars: Annotated[int, Meta(ge=1, le=5)]
    text: str = ""


class ReviewItem(View, frozen=True):
    """What somebody who took it says of it; nobody is told who. `is_own`: the caller."""

    id: str
    stars: int
    text: str
    written_at: int
    is_own: bool


class ReviewItems(View, frozen=True):
    """Newest first. `next_cursor` None: this was all."""

    items: list[ReviewItem]
    next_cursor: str | None


class OneReview(View, frozen=True):
    """The answer to what writes one."""

    review: ReviewItem


async def list_listings(call: Call) -> Reply:
    """What is on the market."""
    query: FindListings = call.query
    wanted = Wanted(
        query=query.q, tags=normal_tags(query.tags.split(",")), min_rating=query.min_rating
    )
    found = await call.ports.listings.find(
        call.of().tenant_id, wanted, after=place_of(query.cursor), limit=query.limit + 1
    )
    shown_ones = found[: query.limit]
    more = cursor_of(shown_ones[-1].score, shown_ones[-1].id) if len(found) > query.limit else None
    return json_reply(ListingItems(items=[item_of(one) for one in shown_ones], next_cursor=more))


async def read_listing(call: Call) -> Reply:
    """One that is on the market."""
    goods = await _goods(call)
    item = item_of(goods.listing)
    whole = WholeListing(**asdict(item), about=goods.about, greeting=goods.greeting)
    return json_reply(OneListing(listing=whole))


async def take_listing(call: Call) -> Reply:
    """Make a persona of one's own of it, as it was published."""
    who, goods = call.of(), await _goods(call)
    at = call.ports.clock.now_ms()
    new = NewPersona(
        id=new_id(call, "taken"),
        owner_id=who.user_id,
        name=goods.listing.name,
        style=goods.listing.style,
        about=goods.about,
        greeting=goods.greeting,
        card=goods.card,
        created_at=at,
    )
    persona = await call.ports.personas.create(who.tenant_id, new)
    await call.ports.listings.took(who.tenant_id, goods.listing.id, who.user_id, at=at)
    return json_reply(OnePersona(persona=await whole_view(call, persona)), 201)


async def list_reviews(call: Call) -> Reply:
    """What is said of one that is on the market."""
    page, who, goods = call.query, call.of(), await _goods(call)
    found = await call.ports.listings.reviews(
        who.tenant_id, goods.listing.id, before=page.cursor, limit=page.limit + 1
    )
    items = [_review(one, who.user_id) for one in found[: page.limit]]
    more = items[-1].id if len(found) > page.limit else None
    return json_reply(ReviewItems(items=items, next_cursor=more))


async def write_review(call: Call) -> Reply:
    """Say what one thinks of what one has taken."""
    who, goods = call.of(), await _goods(call)
    text = checked_text("text", call.body.text, MAX_REVIEW_BYTES)
    review = Review(
        id=call.ports.ids.uuid7(),
        user_id=who.user_id,
        stars=call.body.stars,
        text=text,
        written_at=call.ports.clock.now_ms(),
    )
    await call.ports.listings.review(who.tenant_id, goods.listing.id, review)
    return json_reply(OneReview(review=_review(review, who.user_id)))


async def remove_review(call: Call) -> Reply:
    """Take one's own back, also where it is not on the market any more."""
    who, listings = call.of(), call.ports.listings
    if await listings.of_persona(who.tenant_id, call.path["id"]) is None:
        raise _not_on_offer()
    await listings.unreview(who.tenant_id, call.path["id"], user_id=who.user_id)
    return json_reply({})


async def _goods(call: Call) -> Goods:
    goods = await call.ports.listings.get(call.of().tenant_id, call.path["id"])
    if goods is None:
        raise _not_on_offer()
    return goods


def _not_on_offer() -> Rejected:
    return Rejected("not_found", "This is not on offer.")


def item_of(listing: Listing) -> ListingItem:
    """As everybody sees it."""
    return ListingItem(
        id=listing.id,
        name=listing.name,
        style=listing.style,
        summary=listing.summary,
        tags=list(listing.tags),
        professional=Seller(
            id=listing.owner_id, handle=listing.owner_handle, name=listing.owner_name
        ),
        rating=listing.rating,
        reviews=listing.reviews,
        imports=listing.imports,
        published_at=listing.published_at,
    )


def _review(review: Review, viewer: str) -> ReviewItem:
    return ReviewItem(
        id=review.id,
        stars=review.stars,
        text=review.text,
        written_at=review.written_at,
        is_own=review.user_id == viewer,
    )


ROUTES: Final = (
    Route(
        method="GET",
        path=PATH,
        name="listMarketplace",
        summary="Characters that professionals offer, the best first",
        handle=list_listings,
        access="login",
        query=FindListings,
        answer=ListingItems,
    ),
    Route(
        method="GET",
        path=ONE,
        name="readListing",
        summary="A character on offer",
        handle=read_listing,
        access="login",
        answer=OneListing,
        errors=("not_found",),
    ),
    Route(
        method="POST",
        path=f"{ONE}/import",
        name="importListing",
        summary="Make a persona of one's own of a character on offer",
        handle=take_listing,
        access=Permission.MANAGE_PERSONAS,
        answer=OnePersona,
        status=201,
        errors=("not_found", "persona_limit"),
        keeps_answer=True,
    ),
    Route(
        method="GET",
        path=REVIEWS,
        name="listReviews",
        summary="What those say of a character who took it, newest first",
        handle=list_reviews,
        access="login",
        query=Page,
        answer=ReviewItems,
        errors=("not_found",),
    ),
    Route(
        method="POST",
        path=REVIEWS,
        name="writeReview",
        summary="Say what one thinks of a character that one has taken",
        handle=write_review,
        access=Permission.MANAGE_PERSONAS,
        body=WriteReview,
        answer=OneReview,
        errors=("not_found",),
        keeps_answer=True,
    ),
    Route(
        method="DELETE",
        path=REVIEWS,
        name="removeReview",
        summary="Take one's own review back",
        handle=remove_review,
        access=Permission.MANAGE_PERSONAS,
        keeps_answer=True,
        errors=("not_found",),
    ),
)
