"""Seat maps: of an order, or of offers that are posted."""

from collections.abc import Iterator
from typing import Final

from gateways.sandbox.amadeus_errors import answered, refused
from gateways.sandbox.amadeus_lists import whole
from gateways.sandbox.amadeus_offers import understood
from gateways.sandbox.amadeus_orders import live_order
from gateways.sandbox.amadeus_params import member, posted
from gateways.sandbox.draw import share
from gateways.sandbox.exchange import Json, Request, Response, Setting
from gateways.sandbox.money import text

MAX_OFFERS: Final = 6
ROWS: Final = 24
EXIT_ROW: Final = 12
_COLUMNS: Final = "ABCDEF"
_TRAITS: Final = {"A": "W", "F": "W", "C": "A", "D": "A"}


def of_order(request: Request, setting: Setting) -> Response:
    """`GET /v1/shopping/seatmaps?flightOrderId=`; the old spelling `flight-orderId` too."""
    name = request.value("flightOrderId") or request.value("flight-orderId")
    if not name:
        raise refused(32171, "flightOrderId is mandatory", parameter="flightOrderId")
    order = live_order(setting, name) or live_order(setting, name.replace("=", "%3D"))
    if order is None:
        raise refused(1797, "No order with this id", status=404, parameter="flightOrderId")
    return _answer(request, order["data"]["flightOffers"], setting)


def of_offers(request: Request, setting: Setting) -> Response:
    """`POST /v1/shopping/seatmaps`."""
    offers = member(posted(request), "data", list, "")
    if len(offers) > MAX_OFFERS:
        raise refused(10661, f"at most {MAX_OFFERS} offers", pointer="/data")
    for n, each in enumerate(offers):
        understood(each, setting, f"/data[{n}]")
    return _answer(request, offers, setting)


def _answer(request: Request, offers: list[Json], setting: Setting) -> Response:
    maps = [each for offer in offers for each in _maps(offer, setting)]
    for n, each in enumerate(maps, 1):
        each["id"] = str(n)
    return answered(whole(request, maps))


def _maps(offer: Json, setting: Setting) -> Iterator[Json]:
    travelers = [each["travelerId"] for each in offer["travelerPricings"]]
    details = {
        each["segmentId"]: each for each in offer["travelerPricings"][0]["fareDetailsBySegment"]
    }
    for itinerary in offer["itineraries"]:
        for segment in itinerary["segments"]:
            detail = details[segment["id"]]
            currency = offer["price"]["currency"]
            yield {
                "type": "seatmap",
                "departure": segment["departure"],
                "arrival": segment["arrival"],
                "carrierCode": segment["carrierCode"],
                "number": segment["number"],
                "aircraft": segment.get("aircraft", {}),
                "class": detail["class"],
                "flightOfferId": str(offer.get("id", "1")),
                "segmentId": segment["id"],
                "decks": [_deck(segment, detail, travelers, currency, setting.world.seed)],
            }


def _deck(segment: Json, detail: Json, travelers: list[str], currency: str, seed: str) -> Json:
    flight = f"{segment['carrierCode']}{segment['number']}.{segment['departure']['at']}"
    return {
        "deckType": "MAIN",
        "deckConfiguration": {
            "width": 7,
            "length": ROWS + 1,
            "startSeatRow": 1,
            "endSeatRow": ROWS,
            "startWingsRow": 8,
            "endWingsRow": 16,
            "exitRowsX": [EXIT_ROW],
        },
        "facilities": [
            {"code": "LA", "column": "A", "position": "FRONT", "coordinates": {"x": 0, "y": 0}}
        ],
        "seats": [
            {
                "cabin": detail.get("cabin", "ECONOMY"),
                "number": f"{row}{column}",
                "characteristicsCodes": [_TRAITS.get(column, "9")],
                "travelerPricing": [
                    {
                        "travelerId": each,
                        "seatAvailabilityStatus": _status(seed, flight, row, column),
                        "price": {"currency": currency, "total": _price(row, currency)},
                    }
                    for each in travelers
                ],
                "coordinates": {"x": row, "y": y},
            }
            for row in range(1, ROWS + 1)
            for y, column in enumerate(_COLUMNS)
        ],
    }


def _status(seed: str, flight: str, row: int, column: str) -> str:
    chance = share(seed, "seat", flight, row, column)
    return "OCCUPIED" if chance < 0.35 else "BLOCKED" if chance < 0.4 else "AVAILABLE"


def _price(row: int, currency: str) -> str:
    return text(2_400 if row == EXIT_ROW else 1_400 if row < 8 else 900, currency)
