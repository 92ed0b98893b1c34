"""Hotel Search v3: rooms at today's price. An offer's id says all about it, so none is stored."""

import base64
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from gateways.sandbox import faults
from gateways.sandbox.amadeus_errors import answered, error, refused
from gateways.sandbox.amadeus_hotels import HOTEL_ID
from gateways.sandbox.amadeus_options import options
from gateways.sandbox.amadeus_params import Params
from gateways.sandbox.amadeus_query import known_currency
from gateways.sandbox.draw import draw
from gateways.sandbox.exchange import Json, Request, Response, Setting
from gateways.sandbox.hotels import ROOMS, Hotel, Room, night_cents, nights
from gateways.sandbox.money import amount, minor
from gateways.sandbox.stock import rooms_left

MAX_HOTELS: Final = 20
AHEAD: Final = 359
MAX_NIGHTS: Final = 60
CITY_TAX_CENTS: Final = 210
_POLICIES: Final = {"GUARANTEE": "guarantee", "DEPOSIT": "deposit", "NONE": "none"}
_BOARDS: Final = ("ROOM_ONLY", "BREAKFAST", "HALF_BOARD", "FULL_BOARD", "ALL_INCLUSIVE")
_PACKED: Final = struct.Struct(">8sBIHBBIQ3s")
_CHECK_BYTES: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Stay:
    """What an offer is for. `quantity` rooms, `adults` in each; `units`: the price of one room for the
    whole stay in minor units, as it was offered at `issued_at` (business milliseconds)."""

    hotel: Hotel
    room: Room
    check_in: date
    check_out: date
    adults: int
    quantity: int
    currency: str
    units: int = 0
    issued_at: int = 0

    @property
    def nights(self) -> list[date]:
        return list(nights(self.check_in, self.check_out))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    check_in: date
    check_out: date
    adults: int
    quantity: int
    currency: str | None
    policy: str | None
    low: int
    high: int | None
    is_best_only: bool


def search(request: Request, setting: Setting) -> Response:
    """`GET /v3/shopping/hotel-offers`."""
    params = Params(request)
    names = params.listed("hotelIds", pattern=HOTEL_ID, most=MAX_HOTELS)
    if not names:
        params.needed("hotelIds")
    wanted = _wanted(params, setting)
    hotels = {name: setting.world.hotel(name) for name in names}
    known = [each for each in hotels.values() if each is not None]
    if not known:
        raise refused(1257, "no such hotel", parameter="hotelIds")
    include_closed = params.flag("includeClosed")
    has_board = params.choice("boardType", _BOARDS, _BOARDS[0]) == _BOARDS[0]
    data = []
    for hotel in known:
        stays = list(_stays(hotel, wanted, setting)) if has_board else []
        if stays or include_closed:
            data.append(
                _offers(request, hotel, stays[:1] if wanted.is_best_only else stays, setting)
            )
    payload: Json = {"data": data}
    lost = [name for name, hotel in hotels.items() if hotel is None]
    if lost:
        payload["warnings"] = [
            error(1257, f"no hotel {name}", parameter="hotelIds") for name in lost
        ]
    return answered(payload)


def show(request: Request, setting: Setting, offer_id: str) -> Response:
    """`GET /v3/shopping/hotel-offers/{offerId}`: the same room at today's price; `data` is one object."""
    stay = unpacked(offer_id, setting)
    if stay is None or is_expired(stay, setting):
        raise refused(1797, "no such offer, or it has expired", status=404)
    if free(stay, setting) < stay.quantity:
        raise refused(3664, "no room of this kind is left", status=400)
    return answered(
        {"data": _offers(request, stay.hotel, [at_todays_price(stay, setting)], setting)}
    )


def unpacked(offer_id: str, setting: Setting) -> Stay | None:
    """What an id says; None: it is none of ours."""
    try:
        raw = base64.b32decode(offer_id + "=" * (-len(offer_id) % 8))
    except ValueError:
        return None
    body, check = raw[:-_CHECK_BYTES], raw[-_CHECK_BYTES:]
    if len(body) != _PACKED.size or check != _check(body, setting):
        return None
    name, room, first, length, adults, quantity, units, issued, currency = _PACKED.unpack(body)
    hotel = setting.world.hotel(name.decode())
    if hotel is None:
        return None
    check_in = date.fromordinal(first)
    return Stay(
        hotel=hotel,
        room=ROOMS[room],
        check_in=check_in,
        check_out=check_in + timedelta(days=length),
        adults=adults,
        quantity=quantity,
        currency=currency.decode(),
        units=units,
        issued_at=issued,
    )


def is_expired(stay: Stay, setting: Setting) -> bool:
    """On the business clock."""
    lives = options(setting.records).hotel_offer_minutes * 60_000
    return setting.now.business >= stay.issued_at + lives or stay.check_in < setting.now.today


def free(stay: Stay, setting: Setting) -> int:
    """How many rooms of the kind are left for the whole stay."""
    return rooms_left(setting.world, setting.records, stay.hotel, stay.room, stay.nights)


def at_todays_price(stay: Stay, setting: Setting) -> Stay:
    """As if it were offered now."""
    return replace(
        stay,
        units=minor(sum(_by_night(stay, setting)) + _tax_cents(stay), stay.currency),
        issued_at=setting.now.business,
    )


def offer(request: Request, stay: Stay, setting: Setting) -> Json:
    """As Hotel Search writes it; the price is of one room."""
    tax = minor(_tax_cents(stay), stay.currency)
    base = stay.units - tax
    average = amount(base // len(stay.nights), stay.currency)
    name = _packed(stay, setting)
    return {
        "id": name,
        "checkInDate": str(stay.check_in),
        "checkOutDate": str(stay.check_out),
        "rateCode": "RAC" if stay.room.is_refundable else "PRO",
        "rateFamilyEstimated": {"code": "PRO", "type": "P"},
        "boardType": _BOARDS[0],
        "room": {
            "type": stay.room.code,
            "typeEstimated": {
                "category": stay.room.category,
                "beds": stay.room.beds,
                "bedType": stay.room.bed_type,
            },
            "description": {"text": stay.room.text, "lang": "EN"},
        },
        "guests": {"adults": stay.adults},
        "roomQuantity": stay.quantity,
        "price": {
            "currency": stay.currency,
            "base": amount(base, stay.currency),
            "total": amount(stay.units, stay.currency),
            "taxes": [
                {
                    "code": "CITY_TAX",
                    "amount": amount(tax, stay.currency),
                    "currency": stay.currency,
                    "included": False,
                    "pricingFrequency": "PER_STAY",
                    "pricingMode": "PER_PRODUCT",
                }
            ],
            "variations": {
                "average": {"base": average},
                "changes": [
                    {
                        "startDate": str(stay.check_in),
                        "endDate": str(stay.check_out),
                        "base": average,
                    }
                ],
            },
        },
        "policies": _policies(stay, average),
        "self": f"{request.base}/v3/shopping/hotel-offers/{name}",
    }


def described(hotel: Hotel) -> Json:
    """A hotel within an offer."""
    return {
        "type": "hotel",
        "hotelId": hotel.id,
        "chainCode": hotel.chain,
        "dupeId": str(hotel.dupe_id),
        "name": hotel.name,
        "cityCode": hotel.city.code,
        "latitude": hotel.latitude,
        "longitude": hotel.longitude,
    }


def _offers(request: Request, hotel: Hotel, stays: list[Stay], setting: Setting) -> Json:
    return {
        "type": "hotel-offers",
        "hotel": described(hotel),
        "available": bool(stays),
        "offers": [offer(request, each, setting) for each in stays],
        "self": f"{request.base}/v3/shopping/hotel-offers?hotelIds={hotel.id}",
    }


def _policies(stay: Stay, night: str) -> Json:
    found: Json = {"paymentType": stay.room.policy}
    card = {"creditCards": ["VI", "CA"], "methods": ["CREDIT_CARD"]}
    found[stay.room.policy] = {"acceptedPayments": card}
    if not stay.room.is_refundable:
        found["cancellation"] = {
            "type": "FULL_STAY",
            "description": {"text": "NON REFUNDABLE RATE", "lang": "EN"},
        }
        return found
    free_until = datetime.combine(
        stay.check_in - timedelta(days=2), time(18), ZoneInfo(stay.hotel.city.time_zone)
    )
    found["cancellation"] = {
        "amount": night,
        "deadline": free_until.isoformat(),
        "numberOfNights": 1,
        "description": {"text": "1 night if late", "lang": "EN"},
    }
    return found


def _stays(hotel: Hotel, wanted: _Wanted, setting: Setting) -> Iterator[Stay]:
    """Cheapest first: rooms are in that order."""
    currency = wanted.currency or "EUR"
    for room in ROOMS:
        stay = Stay(
            hotel=hotel,
            room=room,
            check_in=wanted.check_in,
            check_out=wanted.check_out,
            adults=wanted.adults,
            quantity=wanted.quantity,
            currency=currency,
        )
        if (
            room.sleeps < wanted.adults
            or wanted.policy not in (None, room.policy)
            or free(stay, setting) < wanted.quantity
        ):
            continue
        stay = at_todays_price(stay, setting)
        whole = stay.units / minor(100, currency)
        if whole >= wanted.low and (wanted.high is None or whole <= wanted.high):
            yield stay


def _by_night(stay: Stay, setting: Setting) -> list[int]:
    percent = sum(each.percent for each in faults.only(setting.faults, faults.PriceDrift))
    seed, now = setting.world.seed, setting.now.business
    return [
        round(night_cents(seed, stay.hotel, stay.room, night, now) * (1 + percent / 100))
        for night in stay.nights
    ]


def _tax_cents(stay: Stay) -> int:
    return CITY_TAX_CENTS * stay.adults * len(stay.nights)


def _packed(stay: Stay, setting: Setting) -> str:
    body = _PACKED.pack(
        stay.hotel.id.encode(),
        ROOMS.index(stay.room),
        stay.check_in.toordinal(),
        len(stay.nights),
        stay.adults,
        stay.quantity,
        stay.units,
        stay.issued_at,
        stay.currency.encode(),
    )
    return base64.b32encode(body + _check(body, setting)).decode().rstrip("=")


def _check(body: bytes, setting: Setting) -> bytes:
    return draw(setting.world.seed, "offer", body.hex()).to_bytes(8, "big")[:_CHECK_BYTES]


def _wanted(params: Params, setting: Setting) -> _Wanted:
    today = setting.now.today
    check_in = params.day("checkInDate", today, ahead=AHEAD, code=381) or today
    check_out = params.day("checkOutDate", today, ahead=AHEAD + MAX_NIGHTS, code=382)
    check_out = check_out or check_in + timedelta(days=1)
    if check_out <= check_in:
        raise refused(404, "checkOutDate must be after checkInDate", parameter="checkOutDate")
    if (check_out - check_in).days > MAX_NIGHTS:
        raise refused(377, f"at most {MAX_NIGHTS} nights", parameter="checkOutDate")
    currency = params.text("currency", pattern="[A-Z]{3}", example="EUR")
    if currency is not None:
        known_currency(currency, parameter="currency")
    low, high = _range(params.text("priceRange", pattern=r"\d{0,7}-?\d{0,7}", example="100-200"))
    if high is not None and currency is None:
        raise refused(2668, "priceRange needs currency", parameter="priceRange")
    policy = params.choice("paymentPolicy", tuple(_POLICIES))
    return _Wanted(
        check_in=check_in,
        check_out=check_out,
        adults=params.count("adults", low=1, high=9, default=1),
        quantity=params.count("roomQuantity", low=1, high=9, default=1),
        currency=currency,
        policy=None if policy in (None, "NONE") else _POLICIES[policy or "NONE"],
        low=low,
        high=high,
        is_best_only=params.flag("bestRateOnly", default=True),
    )


def _range(words: str | None) -> tuple[int, int | None]:
    """`100-200`, `-200`, `100`: of one room for the whole stay, in whole units."""
    if words is None:
        return 0, None
    low, _, high = words.partition("-")
    return int(low or 0), int(high) if high else 9_999_999
