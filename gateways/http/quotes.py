"""What a trip costs now."""

from typing import Annotated, ClassVar, Final

from msgspec import Meta
from msgspec.structs import asdict

from core.identity import Permission
from gateways.http.routes import API, Body, Call, Reply, Route, View, json_reply
from protocol.booking import DESK, QuoteAnswered, QuoteItem, QuoteTrip
from protocol.frames import Money
from protocol.ids import Id, Millis

QUOTE_WITHIN: Final = 60.0
"""Seconds: suppliers are asked."""


class NewQuote(Body, frozen=True):
    """As the command `booking.quote`."""

    one_of: ClassVar[tuple[str, ...]] = ("offerIds", "pollId")

    adults: Annotated[int, Meta(ge=1, le=50)]
    offer_ids: Annotated[list[Id], Meta(max_length=20)] | None = None
    poll_id: Id | None = None
    room_id: Id | None = None
    rooms: Annotated[int, Meta(ge=1, le=50)] | None = None
    children_ages: (
        Annotated[list[Annotated[int, Meta(ge=0, le=17)]], Meta(max_length=50)] | None
    ) = None
    cabin: Annotated[str, Meta(max_length=32)] | None = None


class OneQuote(View, frozen=True):
    """A quote, as it was shown."""

    quote_id: str
    items: list[QuoteItem]
    total: Money
    expires_at: Millis


async def make_quote(call: Call) -> Reply:
    """Ask the suppliers."""
    body, who = call.body, call.of()
    command = QuoteTrip(**asdict(body))
    ref = call.ports.ref(DESK.at(who.user_id))
    answer = await ref.ask(command, principal=who, timeout=QUOTE_WITHIN)
    if not isinstance(answer, QuoteAnswered):
        raise TypeError(f"expected a quote, got {type(answer).__name__}")
    return json_reply(
        OneQuote(
            quote_id=answer.quote_id,
            items=answer.items,
            total=answer.total,
            expires_at=answer.expires_at,
        )
    )


ROUTES: Final = (
    Route(
        method="POST",
        path=f"{API}/quotes",
        name="makeQuote",
        summary="What offers cost now, for these travellers",
        handle=make_quote,
        access=Permission.BOOK_TRAVEL,
        body=NewQuote,
        answer=OneQuote,
        errors=("not_found", "conflict", "price_changed", "gds_timeout", "unavailable"),
        answer_within=QUOTE_WITHIN + 2.0,
    ),
)
