"""What a message may show beside its text (§5): the part that every kind of card has."""

from typing import Final, Literal

from msgspec import Meta

from protocol.frames import Money, Value
from protocol.ids import Millis

CardKind = Literal["hotel.offer", "flight.offer", "place", "poll", "booking"]

CARDS: Final = Meta(extra_json_schema={"items": {"$ref": "#/components/schemas/Card"}})
"""Messages hold cards as open maps: a typed one would lose, on its way through a store, the keys
that a kind adds."""


class Card(Value, frozen=True, kw_only=True):
    """`id` is unique in its message. `offer_id` and `price` where it can be quoted, `expires_at`
    where that ends. A kind adds its own keys."""

    kind: CardKind
    id: str
    title: str
    offer_id: str | None = None
    price: Money | None = None
    expires_at: Millis | None = None
