"""What a flight search asks for: read from a query string, or from a body."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from gateways.sandbox.amadeus_errors import refused
from gateways.sandbox.amadeus_offers import AGES, MAX_SEATED, Payer
from gateways.sandbox.amadeus_params import FLIGHTS_AHEAD, Params, member, one_of, parsed_day
from gateways.sandbox.exchange import Json, Setting
from gateways.sandbox.money import RATES

CABINS: Final = ("ECONOMY", "PREMIUM_ECONOMY", "BUSINESS", "FIRST")
MAX_OFFERS: Final = 250
MAX_BOUNDS: Final = 6
MAX_TRAVELERS: Final = 18
_CARRIER: Final = r"[A-Z0-9]{2}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One direction that is searched. `earliest`, `latest`: local times of departure on any of
    `days`."""

    origin: str
    destination: str
    days: tuple[date, ...]
    cabin: str | None = None
    earliest: time = time.min
    latest: time = time.max


@dataclass(frozen=True, slots=True, kw_only=True)
class Criteria:
    """`max_price` per traveller, in whole units of the currency."""

    ways: tuple[Way, ...]
    payers: tuple[Payer, ...]
    currency: str = "EUR"
    most_stops: int = 1
    included: frozenset[str] = frozenset()
    excluded: frozenset[str] = frozenset()
    max_price: int | None = None
    most: int = MAX_OFFERS


def from_query(params: Params, setting: Setting) -> Criteria:
    """Of `GET /v2/shopping/flight-offers`. Raises `RefusalError`."""
    today = setting.now.today
    origin, destination = params.iata("originLocationCode"), params.iata("destinationLocationCode")
    if origin == destination:
        raise refused(
            4926, "origin and destination are the same", parameter="destinationLocationCode"
        )
    depart = params.needed_day("departureDate", today)
    back = params.day("returnDate", today)
    if back is not None and back < depart:
        raise refused(2668, "returnDate is before departureDate", parameter="returnDate")
    cabin = params.choice("travelClass", CABINS)
    included = params.listed("includedAirlineCodes", pattern=_CARRIER)
    excluded = params.listed("excludedAirlineCodes", pattern=_CARRIER)
    if included and excluded:
        raise refused(
            2668,
            "includedAirlineCodes and excludedAirlineCodes exclude each other",
            parameter="excludedAirlineCodes",
        )
    ways = [Way(origin=origin, destination=destination, days=(depart,), cabin=cabin)]
    if back is not None:
        ways.append(Way(origin=destination, destination=origin, days=(back,), cabin=cabin))
    return Criteria(
        ways=tuple(ways),
        payers=_counted(params),
        currency=known_currency(
            params.text("currencyCode", pattern="[A-Z]{3}"), parameter="currencyCode"
        ),
        most_stops=0 if params.flag("nonStop") else 1,
        included=frozenset(included),
        excluded=frozenset(excluded),
        max_price=params.integer("maxPrice", low=1, high=999_999_999),
        most=params.count("max", low=1, high=MAX_OFFERS, default=MAX_OFFERS),
    )


def _counted(params: Params) -> tuple[Payer, ...]:
    if params.text("adults") is None:
        params.needed("adults")
    adults = params.count("adults", low=1, high=MAX_SEATED, default=1)
    children = params.count("children", low=0, high=MAX_SEATED, default=0)
    infants = params.count("infants", low=0, high=MAX_SEATED, default=0)
    if adults + children > MAX_SEATED:
        raise refused(2668, f"at most {MAX_SEATED} seated travelers", parameter="children")
    if infants > adults:
        raise refused(2668, "more infants than adults", parameter="infants")
    kinds = ["ADULT"] * adults + ["CHILD"] * children + ["HELD_INFANT"] * infants
    return tuple(
        Payer(
            id=str(n),
            kind=kind,
            with_adult=str(n - adults - children) if kind == "HELD_INFANT" else None,
        )
        for n, kind in enumerate(kinds, 1)
    )


def known_currency(
    code: str | None, *, parameter: str | None = None, pointer: str | None = None
) -> str:
    """EUR when absent. Raises `RefusalError` for one that has no rate here."""
    if code is not None and code not in RATES:
        raise refused(
            4926, f"currency {code[:3]} is not sold in", parameter=parameter, pointer=pointer
        )
    return code or "EUR"


def from_body(body: Json, setting: Setting) -> Criteria:
    """Of the POST. Raises `RefusalError`."""
    wanted = member(body, "originDestinations", list, "")
    travelers = member(body, "travelers", list, "")
    if member(body, "sources", list, "") != ["GDS"]:
        raise refused(572, 'only ["GDS"]', pointer="/sources")
    for name, found, most in (
        ("originDestinations", wanted, MAX_BOUNDS),
        ("travelers", travelers, MAX_TRAVELERS),
    ):
        if len(found) > most:
            raise refused(10661, f"at most {most}", pointer=f"/{name}")
    criteria = _object(body, "searchCriteria", "")
    filters = _object(criteria, "flightFilters", "/searchCriteria")
    at = "/searchCriteria/flightFilters"
    carriers = _object(filters, "carrierRestrictions", at)
    changes = _object(filters, "connectionRestriction", at)
    cabins = _cabins(filters.get("cabinRestrictions") or [], f"{at}/cabinRestrictions")
    included, excluded = (
        _codes(carriers, name, f"{at}/carrierRestrictions")
        for name in ("includedCarrierCodes", "excludedCarrierCodes")
    )
    if included and excluded:
        raise refused(2668, "included and excluded carriers exclude each other", pointer=at)
    stops = _whole(changes, "maxNumberOfConnections", f"{at}/connectionRestriction", 0, 2)
    return Criteria(
        ways=tuple(
            _way(each, cabins, setting, f"/originDestinations[{n}]")
            for n, each in enumerate(wanted)
        ),
        payers=_listed(travelers),
        currency=known_currency(
            member(body, "currencyCode", str, "") if "currencyCode" in body else None,
            pointer="/currencyCode",
        ),
        most_stops=min(1, 1 if stops is None else stops),
        included=included,
        excluded=excluded,
        max_price=_whole(criteria, "maxPrice", "/searchCriteria", 1, 999_999_999),
        most=_whole(criteria, "maxFlightOffers", "/searchCriteria", 1, MAX_OFFERS) or MAX_OFFERS,
    )


def _way(posted: Any, cabins: dict[str, str], setting: Setting, at: str) -> Way:
    name = member(posted, "id", str, at)
    codes = [
        member(posted, key, str, at) for key in ("originLocationCode", "destinationLocationCode")
    ]
    for key, code in zip(("originLocationCode", "destinationLocationCode"), codes, strict=True):
        if len(code) != 3 or not code.isalpha() or not code.isupper():
            raise refused(477, "must be an IATA code", pointer=f"{at}/{key}", example="PAR")
    here = f"{at}/departureDateTimeRange"
    window = member(posted, "departureDateTimeRange", dict, at)
    day = parsed_day(member(window, "date", str, here))
    today = setting.now.today
    if day is None:
        raise refused(477, "must be a day, YYYY-MM-DD", pointer=f"{here}/date")
    if not today <= day <= today + timedelta(days=FLIGHTS_AHEAD):
        raise refused(425, "Date/Time is in the past or too far ahead", pointer=f"{here}/date")
    earliest, latest = _times(window, here)
    return Way(
        origin=codes[0],
        destination=codes[1],
        days=tuple(each for each in _days(window, day, here) if each >= today),
        cabin=cabins.get(name, cabins.get("")),
        earliest=earliest,
        latest=latest,
    )


def _days(window: Json, day: date, at: str) -> Sequence[date]:
    """`I3D`: three days before and after; `P3D`, `M3D`: after, before."""
    text = window.get("dateWindow")
    if text is None:
        return [day]
    if not isinstance(text, str) or len(text) != 3 or text[0] not in "IPM" or text[2] != "D":
        raise refused(477, "must be like I3D", pointer=f"{at}/dateWindow")
    if text[1] not in "123":
        raise refused(477, "1 to 3 days", pointer=f"{at}/dateWindow")
    n = int(text[1])
    before, after = (n if text[0] in "IM" else 0), (n if text[0] in "IP" else 0)
    return [day + timedelta(days=offset) for offset in range(-before, after + 1)]


def _times(window: Json, at: str) -> tuple[time, time]:
    """A `time` without `timeWindow` is a wish, not a limit."""
    text, width = window.get("time"), window.get("timeWindow")
    if text is None or width is None:
        return time.min, time.max
    hours = width[:-1] if isinstance(width, str) and width.endswith("H") else ""
    if not hours.isdecimal() or not 1 <= int(hours) <= 12:
        raise refused(477, "must be 1H to 12H", pointer=f"{at}/timeWindow")
    try:
        middle = datetime.combine(date(2000, 1, 2), time.fromisoformat(str(text)))
    except ValueError:
        raise refused(477, "must be hh:mm:ss", pointer=f"{at}/time") from None
    span = timedelta(hours=int(hours))
    low, high = middle - span, middle + span
    return (
        low.time() if low.day == middle.day else time.min,
        high.time() if high.day == middle.day else time.max,
    )


def _listed(travelers: Sequence[Any]) -> tuple[Payer, ...]:
    payers = []
    for n, each in enumerate(travelers):
        at = f"/travelers[{n}]"
        name = member(each, "id", str, at)
        kind = one_of(member(each, "travelerType", str, at), AGES, f"{at}/travelerType")
        adult = None
        if kind == "HELD_INFANT":
            adult = member(each, "associatedAdultId", str, at)
        payers.append(Payer(id=name, kind=kind, with_adult=adult))
    ids = [each.id for each in payers]
    adults = {each.id for each in payers if each.age == "adult"}
    laps = [each.with_adult for each in payers if each.with_adult is not None]
    if len(set(ids)) < len(ids):
        raise refused(4926, "ids must differ", pointer="/travelers")
    if not set(laps) <= adults or len(set(laps)) < len(laps):
        raise refused(2668, "each infant needs an adult of its own", pointer="/travelers")
    if not adults:
        raise refused(2668, "no adult", pointer="/travelers")
    if len(ids) - len(laps) > MAX_SEATED:
        raise refused(10661, f"at most {MAX_SEATED} seated travelers", pointer="/travelers")
    return tuple(payers)


def _cabins(restrictions: Any, at: str) -> dict[str, str]:
    """By the direction's id; "" for all."""
    if not isinstance(restrictions, list):
        raise refused(477, "must be a list", pointer=at)
    found: dict[str, str] = {}
    for n, each in enumerate(restrictions):
        here = f"{at}[{n}]"
        cabin = one_of(member(each, "cabin", str, here), CABINS, f"{here}/cabin")
        names = each.get("originDestinationIds") or [""]
        if not isinstance(names, list):
            raise refused(477, "must be a list", pointer=f"{here}/originDestinationIds")
        found |= {str(name): cabin for name in names}
    return found


def _codes(parent: Json, name: str, at: str) -> frozenset[str]:
    found = parent.get(name) or []
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise refused(477, "must be a list of codes", pointer=f"{at}/{name}")
    return frozenset(found)


def _object(parent: Json, name: str, at: str) -> Json:
    found = parent.get(name)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise refused(477, "must be an object", pointer=f"{at}/{name}")
    return found


def _whole(parent: Json, name: str, at: str, low: int, high: int) -> int | None:
    found = parent.get(name)
    if found is None:
        return None
    if isinstance(found, bool) or not isinstance(found, int) or not low <= found <= high:
        raise refused(477, f"must be {low} to {high}", pointer=f"{at}/{name}")
    return found
