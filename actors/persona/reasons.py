"""Why something was not liked, as far as records and a few words tell (pure)."""

from collections.abc import Sequence
from typing import Final

from actors.persona.dialogue import Item
from actors.persona.errands import minutes_of
from actors.persona.hints import Twist
from protocol.travel import FlightDetails, HotelDetails, Offer

_SAID: Final[dict[Twist, str]] = {
    "cheaper": "price",
    "direct": "stops",
    "shorter": "duration",
    "better": "stars",
}


def reason_against(item: Item, others: Sequence[Item], said: Sequence[Twist]) -> str | None:
    """The feature that was named, else the one in which it is worst of all that were shown with it:
    price, stops, duration, stars. None: nothing stands out."""
    for twist in said:
        if twist in _SAID:
            return _SAID[twist]
    offers = [other for other in others if isinstance(other, Offer)]
    if not isinstance(item, Offer) or not offers:
        return None
    for feature, worth in (
        ("price", _price),
        ("stops", _stops),
        ("duration", minutes_of),
        ("stars", _stars),
    ):
        if worth(item) > max(worth(other) for other in offers):
            return feature
    return None


def _price(offer: Offer) -> int:
    return offer.source.total.amount


def _stops(offer: Offer) -> int:
    details = offer.source.details
    if not isinstance(details, FlightDetails):
        return 0
    return sum(max(0, len(way.segments) - 1) for way in details.itineraries)


def _stars(offer: Offer) -> int:
    """Fewer are worse; what has none said is not."""
    details = offer.source.details
    stars = details.stars if isinstance(details, HotelDetails) else None
    return -99 if stars is None else -stars
