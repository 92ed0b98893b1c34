"""Flight Offers Price v1: today's price of posted offers. It reserves nothing."""

from typing import Any, Final

from gateways.sandbox.amadeus_errors import answered, refused
from gateways.sandbox.amadeus_offers import Offered, dictionaries, priced, seats, understood
from gateways.sandbox.amadeus_params import Params, member, posted
from gateways.sandbox.exchange import Json, Request, Response, Setting
from gateways.sandbox.money import text

MAX_PRICED: Final = 6
INCLUDES: Final = ("credit-card-fees", "bags", "other-services", "detailed-fare-rules")


def price(request: Request, setting: Setting) -> Response:
    """`POST /v1/shopping/flight-offers/pricing`."""
    params = Params(request)
    include = params.listed("include", pattern="|".join(INCLUDES))
    params.flag("forceClass")
    data = member(posted(request), "data", dict, "")
    if member(data, "type", str, "/data") != "flight-offers-pricing":
        raise refused(477, "must be flight-offers-pricing", pointer="/data/type")
    offers = posted_offers(data, setting)
    for n, (_, offered) in enumerate(offers):
        _demand_seats(offered, setting, f"/data/flightOffers[{n}]")
    means = [offered for _, offered in offers]
    payload: Json = {
        "data": {
            "type": "flight-offers-pricing",
            "flightOffers": [priced(each, offered, setting) for each, offered in offers],
            "bookingRequirements": {
                "emailAddressRequired": True,
                "mobilePhoneNumberRequired": False,
                "travelerRequirements": [
                    {"travelerId": each.id, "documentRequired": False, "dateOfBirthRequired": True}
                    for each in means[0].payers
                ],
            },
        },
        "dictionaries": dictionaries(means, setting),
    }
    included = _included(include, offers)
    if included:
        payload["included"] = included
    return answered(payload)


def posted_offers(data: Json, setting: Setting) -> list[tuple[Json, Offered]]:
    """Of a body's `data`: 1 to 6, each as it came and as it is meant. Raises `RefusalError`."""
    offers = member(data, "flightOffers", list, "/data")
    if len(offers) > MAX_PRICED:
        raise refused(10661, f"at most {MAX_PRICED} offers", pointer="/data/flightOffers")
    return [
        (each, understood(each, setting, f"/data/flightOffers[{n}]"))
        for n, each in enumerate(offers)
    ]


def _demand_seats(offered: Offered, setting: Setting, at: str) -> None:
    if any(
        seats(setting, flight, fare.fare_class) < offered.seated for flight, fare in offered.legs
    ):
        raise refused(4926, "No fare applicable", pointer=at)


def _included(include: list[str], offers: list[tuple[Json, Offered]]) -> Json:
    found: Json = {}
    details = [
        (detail, fare)
        for posted_offer, offered in offers
        for detail, (_, fare) in zip(_details(posted_offer), offered.legs, strict=False)
    ]
    if "detailed-fare-rules" in include:
        found["detailed-fare-rules"] = {
            str(n): {
                "fareBasis": fare.basis,
                "segmentId": detail["segmentId"],
                "fareNotes": {
                    "descriptions": [
                        {
                            "descriptionType": "PENALTIES",
                            "text": "REFUNDABLE" if fare.is_refundable else "NON REFUNDABLE",
                        }
                    ]
                },
            }
            for n, (detail, fare) in enumerate(details, 1)
        }
    if "bags" in include:
        currency = offers[0][1].currency
        found["bags"] = {
            "1": {
                "quantity": 1,
                "name": "CHECKED_BAG",
                "price": {"amount": text(3_500, currency), "currencyCode": currency},
                "segmentIds": [detail["segmentId"] for detail, _ in details],
                "travelerIds": [each.id for each in offers[0][1].payers],
            }
        }
    for name in ("credit-card-fees", "other-services"):
        if name in include:
            found[name] = {}
    return found


def _details(posted_offer: Json) -> list[Any]:
    return list(posted_offer["travelerPricings"][0]["fareDetailsBySegment"])
