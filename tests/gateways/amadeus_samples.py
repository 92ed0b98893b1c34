"""Answers in Amadeus' form, and the adapter beside a server on loopback that says them."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import trio
from duffel_samples import Scripted, scripted

from gateways.partners.amadeus import Amadeus
from gateways.partners.amadeus_settings import AmadeusSettings
from gateways.partners.resilience import GuardPolicy
from protocol.travel import FlightQuery, HotelQuery, Party

NOW = 1_810_000_000_000  # 2027-05-11T01:46:40Z
VND = "application/vnd.amadeus+json"
FLIGHTS = FlightQuery(
    origin="PAR", destination="NCE", depart_on="2027-05-14", party=Party(adults=1)
)
HOTELS = HotelQuery(
    city="NCE", check_in="2027-05-14", check_out="2027-05-17", party=Party(adults=2)
)

FLIGHT = b"""{"type":"flight-offer","id":"1","source":"GDS","instantTicketingRequired":false,"nonHomogeneous":false,"oneWay":false,
  "lastTicketingDate":"2027-04-30","lastTicketingDateTime":"2027-04-30T23:59:00","numberOfBookableSeats":6,
  "itineraries":[{"duration":"PT1H35M","segments":[{"id":"11","departure":{"iataCode":"ORY","terminal":"2","at":"2027-05-14T08:10:00"},"arrival":{"iataCode":"NCE","terminal":"1","at":"2027-05-14T09:45:00"},"carrierCode":"YY","number":"4821","aircraft":{"code":"32N"},"operating":{"carrierCode":"YY"},"duration":"PT1H35M","numberOfStops":0,"blacklistedInEU":false}]}],
  "price":{"currency":"EUR","total":"213.40","base":"160.00","fees":[{"amount":"0.00","type":"SUPPLIER"},{"amount":"0.00","type":"TICKETING"}],"grandTotal":"213.40"},
  "pricingOptions":{"fareType":["PUBLISHED"],"includedCheckedBagsOnly":false},
  "validatingAirlineCodes":["YY"],
  "travelerPricings":[{"travelerId":"1","fareOption":"STANDARD","travelerType":"ADULT","price":{"currency":"EUR","total":"213.40","base":"160.00"},"fareDetailsBySegment":[{"segmentId":"11","cabin":"ECONOMY","fareBasis":"QLTOW","brandedFare":"LIGHT","class":"Q","includedCheckedBags":{"quantity":0}}]}]}"""

PRICED = b"""{"type":"flight-offer","id":"1","source":"GDS","lastTicketingDate":"2027-04-30","paymentCardRequired":false,
   "itineraries":[],"price":{"currency":"EUR","total":"218.90","base":"165.00","fees":[{"amount":"0.00","type":"SUPPLIER"},{"amount":"0.00","type":"TICKETING"},{"amount":"0.00","type":"FORM_OF_PAYMENT"}],"grandTotal":"218.90","billingCurrency":"EUR"},
   "travelerPricings":[{"travelerId":"1","fareOption":"STANDARD","travelerType":"ADULT","price":{"currency":"EUR","total":"218.90","base":"165.00","taxes":[{"amount":"30.10","code":"FR"},{"amount":"23.80","code":"QX"}],"refundableTaxes":"53.90"},"fareDetailsBySegment":[]}]}"""

ROOM = b"""{"id":"SBX9K2M4QA","checkInDate":"2027-05-14","checkOutDate":"2027-05-17","rateCode":"RAC","rateFamilyEstimated":{"code":"PRO","type":"P"},
   "room":{"type":"A1K","typeEstimated":{"category":"STANDARD_ROOM","beds":1,"bedType":"KING"},"description":{"text":"STANDARD ROOM","lang":"EN"}},
   "guests":{"adults":2},
   "price":{"currency":"EUR","base":"390.00","total":"402.60","taxes":[{"code":"CITY_TAX","amount":"12.60","currency":"EUR","included":false,"pricingFrequency":"PER_STAY","pricingMode":"PER_PRODUCT"}],"variations":{"average":{"base":"130.00"},"changes":[{"startDate":"2027-05-14","endDate":"2027-05-17","base":"130.00"}]}},
   "policies":{"paymentType":"guarantee","guarantee":{"acceptedPayments":{"creditCards":["VI","CA"],"methods":["CREDIT_CARD"]}},"cancellation":{"amount":"130.00","deadline":"2027-05-12T18:00:00+02:00","type":"FULL_STAY","description":{"text":"1 night if late","lang":"EN"}}},
   "self":"http://127.0.0.1:8701/v3/shopping/hotel-offers/SBX9K2M4QA"}"""

HOTEL = b"""{"type":"hotel","hotelId":"ZZNCE001","chainCode":"ZZ","dupeId":"700000001","name":"SANDBOX PALACE","cityCode":"NCE","latitude":43.69,"longitude":7.26}"""


def answer(payload: object, status: int = 200, *, content_type: str = VND) -> bytes:
    """A whole HTTP response. `payload`: bytes as they are, else JSON."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    head = f"HTTP/1.1 {status} Said\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}"
    return head.encode() + b"\r\n\r\n" + body


def token(value: str = "Qm7sX2", **changes: object) -> bytes:
    granted = {"type": "amadeusOAuth2Token", "access_token": value, "expires_in": 1_799}
    return answer(granted | changes, content_type="application/json")


def fault(status: int, code: object, title: str = "TITLE", *, said: object = None) -> bytes:
    error = {"status": said or status, "code": code, "title": title, "detail": f"about {code}"}
    return answer({"errors": [error]}, status)


def flights(*offers: bytes) -> bytes:
    return answer(b'{"meta":{"count":1},"data":[' + b",".join(offers) + b'],"dictionaries":{}}')


def pricing(*offers: bytes) -> bytes:
    listed = b",".join(offers)
    return answer(
        b'{"data":{"type":"flight-offers-pricing","flightOffers":[' + listed + b"]},"
        b'"dictionaries":{"locations":{}}}'
    )


def listed(*ids: str) -> bytes:
    return answer({"data": [{"chainCode": "ZZ", "hotelId": one} for one in ids], "meta": {}})


def rooms_of(
    hotel: bytes = HOTEL, offers: Sequence[bytes] = (ROOM,), available: str = "true"
) -> bytes:
    return (
        b'{"type":"hotel-offers","hotel":' + hotel + b',"available":' + available.encode()
        + b',"offers":[' + b",".join(offers) + b"]}"
    )  # fmt: skip


def rooms(*hotels: bytes) -> bytes:
    return answer(b'{"data":[' + b",".join(hotels) + b"]}")


class Clock:
    def now_ms(self) -> int:
        return NOW

    def monotonic(self) -> float:
        return trio.current_time()


class Chance:
    def random(self) -> float:
        return 0.0

    def getrandbits(self, k: int, /) -> int:
        return 0


@dataclass
class Pair:
    """The adapter and the server that it speaks to."""

    amadeus: Amadeus
    server: Scripted

    def path(self, index: int) -> str:
        return urlsplit(self.server.heads[index].split(" ")[1]).path

    def params(self, index: int) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.server.heads[index].split(" ")[1]).query)

    def body(self, index: int) -> Any:
        return json.loads(self.server.bodies[index])


@asynccontextmanager
async def paired(settings: Any = None, **policy: Any) -> AsyncIterator[Pair]:
    """`settings`: of `AmadeusSettings`; the rest of `GuardPolicy`."""
    quick = GuardPolicy(**{"call_within": 5.0, "first_backoff": 0.001} | policy)
    async with scripted() as server:
        chosen = AmadeusSettings(**{"url": server.url, "per_second": 2_000.0} | (settings or {}))
        amadeus = Amadeus(chosen, clock=Clock(), chance=Chance(), policy=quick)
        with trio.fail_after(10):
            yield Pair(amadeus, server)
