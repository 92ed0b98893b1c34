"""The same flights, or the same room, offered by several suppliers, are one offer."""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass

from protocol.travel import FlightDetails, SupplierOffer


@dataclass(frozen=True, slots=True)
class Merged:
    """`source` is the cheapest, the first of the equally cheap; `others` keep their order."""

    source: SupplierOffer
    others: tuple[SupplierOffer, ...] = ()


def likeness(offer: SupplierOffer) -> Hashable:
    """Equal for what a traveller would call the same: the same flights in the same cabins with as much
    baggage and the same right to money back; the same room of the same hotel with the same meals.

    What a supplier does not say is not promised: without a word of baggage or of money back, a fare is
    like one that has none.
    """
    details = offer.details
    if isinstance(details, FlightDetails):
        flights = tuple(
            (segment.carrier, segment.number.lstrip("0"), segment.departs, segment.cabin)
            for itinerary in details.itineraries
            for segment in itinerary.segments
        )
        return flights, details.checked_bags or 0, bool(details.is_refundable)
    is_free = details.free_until is not None
    names = details.name.casefold(), details.room.casefold()
    return names, details.board, details.check_in, details.check_out, is_free


def merge(offers: Iterable[SupplierOffer]) -> list[Merged]:
    """Cheapest first. Prices of different currencies are not compared: offers are alike only in the
    same one, and the currency that most are in comes first."""
    alike: dict[Hashable, list[SupplierOffer]] = {}
    currencies: dict[str, int] = {}
    for offer in offers:
        currency = offer.total.currency
        currencies[currency] = currencies.get(currency, 0) + 1
        alike.setdefault((currency, likeness(offer)), []).append(offer)
    merged = [_merged(same) for same in alike.values()]
    return sorted(merged, key=lambda one: _rank(one.source, currencies))


def _merged(same: list[SupplierOffer]) -> Merged:
    source = min(same, key=lambda offer: offer.total.amount)
    return Merged(source, tuple(offer for offer in same if offer is not source))


def _rank(offer: SupplierOffer, currencies: dict[str, int]) -> tuple[int, str, int]:
    total = offer.total
    return -currencies[total.currency], total.currency, total.amount
