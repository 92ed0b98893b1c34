"""What an order must be before anything is sold: seats, price, remarks, a ticketing agreement."""

import re
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from gateways.sandbox.amadeus_errors import refused
from gateways.sandbox.amadeus_offers import Offered, costs, seats, total
from gateways.sandbox.amadeus_params import member, one_of, parsed_day
from gateways.sandbox.exchange import Json, Setting
from gateways.sandbox.money import amount
from protocol.money import minor_units

AGREEMENTS: Final = ("CONFIRM", "DELAY_TO_QUEUE", "DELAY_TO_CANCEL")
REMARKS: Final = (
    "GENERAL_MISCELLANEOUS",
    "CONFIDENTIAL",
    "INVOICE",
    "QUALITY_CONTROL",
    "BACKOFFICE",
    "FULFILLMENT",
    "ITINERARY",
    "TICKETING_MISCELLANEOUS",
    "TOUR_CODE",
)
MAX_MARGIN: Final = 100
_DELAY: Final = re.compile(r"(\d{1,3})D")


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """`day`: when it cancels itself or goes to a queue; None: never."""

    option: str | None
    day: datetime | None


def demand_seats(offers: list[Offered], setting: Setting) -> None:
    """For all offers together: they may share a flight. Raises `RefusalError` 34651."""
    needed = Counter[tuple[str, str]]()
    for n, offered in enumerate(offers):
        for b, bound in enumerate(offered.bounds):
            for s, (flight, fare) in enumerate(bound):
                needed[flight.key, fare.fare_class] += offered.seated
                left = seats(setting, flight, fare.fare_class)
                if left < needed[flight.key, fare.fare_class]:
                    raise refused(
                        34651,
                        f"Could not sell segment {s + 1}",
                        pointer=f"/data/flightOffers[{n}]/itineraries[{b}]/segments[{s}]",
                    )


def demand_price(offer: Json, offered: Offered, setting: Setting, at: str) -> None:
    """Today's is the asked one, or within its margin. Raises `RefusalError` 37200."""
    price = offer["price"]
    asked = member(price, "grandTotal", str, at)
    try:
        units = minor_units(asked, offered.currency)
    except ValueError:
        raise refused(477, "must be an amount", pointer=f"{at}/grandTotal") from None
    now = total(costs(offered, setting))
    if abs(now - units) * 100 > units * _margin(price.get("margin", "0"), f"{at}/margin"):
        raise refused(
            37200,
            f"Current grandTotal price ({amount(now, offered.currency)}) is different from "
            f"request one ({asked})",
            pointer=f"{at}/grandTotal",
        )


def checked_agreement(agreement: Any, setting: Setting) -> Agreement:
    """Of a body's `ticketingAgreement`, which may be absent. Raises `RefusalError`."""
    at = "/data/ticketingAgreement"
    if agreement is None:
        return Agreement(option=None, day=None)
    option = one_of(member(agreement, "option", str, at), AGREEMENTS, f"{at}/option")
    if option == "CONFIRM":
        return Agreement(option=option, day=None)
    today = setting.now.today
    if "delay" in agreement:
        delay = _DELAY.fullmatch(str(agreement["delay"]))
        if delay is None:
            raise refused(477, "must be days, as 2D", pointer=f"{at}/delay", example="2D")
        day = today + timedelta(days=int(delay[1]))
    else:
        found = parsed_day(str(member(agreement, "dateTime", str, at))[:10])
        if found is None or found < today:
            raise refused(425, "must be a day to come", pointer=f"{at}/dateTime")
        day = found
    return Agreement(option=option, day=datetime.combine(day, time(), UTC))


def check_remarks(remarks: Any) -> None:
    """Of a body, which may have none. Raises `RefusalError`."""
    if remarks is None:
        return
    at = "/data/remarks"
    if not isinstance(remarks, dict):
        raise refused(477, "must be an object", pointer=at)
    general = remarks.get("general", [])
    if not isinstance(general, list):
        raise refused(477, "must be a list", pointer=f"{at}/general")
    for n, each in enumerate(general):
        here = f"{at}/general[{n}]"
        one_of(member(each, "subType", str, here), REMARKS, f"{here}/subType")
        if len(member(each, "text", str, here)) > 199:
            raise refused(2781, "at most 199 characters", pointer=f"{here}/text")


def _margin(text: Any, at: str) -> Decimal:
    try:
        found = Decimal(text) if isinstance(text, str) else Decimal(-1)
    except InvalidOperation:
        found = Decimal(-1)
    if not found.is_finite() or not 0 <= found <= MAX_MARGIN:
        raise refused(477, f"must be percent, as text, at most {MAX_MARGIN}", pointer=at)
    return found
