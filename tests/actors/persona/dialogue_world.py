"""Records, readings and a conversation for tests of the policy."""

from dataclasses import dataclass, field
from datetime import date
from typing import Any

from msgspec import Raw

from actors.persona.conclusions import Answer, conclude, table_of
from actors.persona.decisions import Decision, Heard, Look, Say
from actors.persona.dialogue import Dialogue, Item
from actors.persona.errands import Defaults, Findings
from actors.persona.hints import hints
from actors.persona.line import Line
from actors.persona.machine import decide, hear
from protocol.frames import Money
from protocol.travel import (
    FlightDetails,
    FlightQuery,
    GeoPoint,
    HotelDetails,
    HotelQuery,
    Itinerary,
    MonthClimate,
    Offer,
    Party,
    Place,
    Segment,
    SupplierOffer,
)
from protocol.understanding import Dates, Intent, PlaceMention, Slots, Understanding

TODAY = date(2026, 11, 24)
MADE = 1_795_500_000_000


def place(name: str = "Lisbon", **changes: Any) -> Place:
    whole: dict[str, Any] = {
        "id": f"{name.lower()}-pt",
        "kind": "destination",
        "names": {"en": name},
        "country": "PT",
        "at": GeoPoint(latitude=38.7, longitude=-9.1),
        "time_zone": "Europe/Lisbon",
        "iata": name[:3].upper(),
        "climate": tuple(MonthClimate(mean=10.0 + month, rain=50.0) for month in range(12)),
        "tags": ("coast",),
    }
    return Place(**whole | changes)


def hotel(number: int, price: int = 24_000, **changes: Any) -> Offer:
    whole: dict[str, Any] = {
        "hotel_id": f"H{number}",
        "name": f"Casa {('Alba', 'Branca', 'Celeste', 'Dourada', 'Estrela')[number % 5]}",
        "check_in": "2027-02-05",
        "check_out": "2027-02-07",
        "stars": 3,
    }
    details = HotelDetails(**whole | changes)
    query = HotelQuery(
        city="LIS",
        check_in=details.check_in,
        check_out=details.check_out,
        party=Party(adults=2),
    )
    return _offer(f"hotel-{number}", query, details, price)


def flight(number: int, price: int = 20_000, stops: int = 0, **changes: Any) -> Offer:
    """`changes`: of each segment."""
    legs = tuple(
        Segment(
            **{
                "carrier": "YY",
                "number": f"{number}{leg}",
                "origin": "DUB",
                "destination": "LIS",
                "departs": f"2027-02-05T{8 + leg:02}:10:00",
                "arrives": f"2027-02-05T{9 + leg:02}:05:00",
            }
            | changes
        )
        for leg in range(stops + 1)
    )
    details = FlightDetails(itineraries=(Itinerary(segments=legs, minutes=60 * (stops + 1)),))
    query = FlightQuery(
        origin="DUB", destination="LIS", depart_on="2027-02-05", party=Party(adults=1)
    )
    return _offer(f"flight-{number}", query, details, price)


def _offer(offer_id: str, query: Any, details: Any, price: int) -> Offer:
    source = SupplierOffer(
        supplier="amadeus",
        token=Raw(b"{}"),
        total=Money(amount=price, currency="EUR"),
        fetched_at=MADE,
        expires_at=MADE + 1_200_000,
        can_hold=False,
        details=details,
    )
    return Offer(id=offer_id, query=query, source=source)


def mention(name: str, **changes: Any) -> PlaceMention:
    return PlaceMention(**{"name": name, "place_id": f"{name.lower()}-pt"} | changes)


FEBRUARY = Dates(month="2027-02")
LISBON = (mention("Lisbon"),)


def reading(intent: Intent, confidence: float = 0.9, **changes: Any) -> Understanding:
    whole: dict[str, Any] = {
        "language": "en",
        "intent": intent,
        "confidence": confidence,
        "addressed": 0.9,
        "slots": Slots(),
        "reader": "rules",
    }
    return Understanding(**whole | changes)


@dataclass
class Talk:
    """A conversation with one persona: readings in, lines out. Errands are run against `places`,
    `offers` and `repriced`."""

    dialogue: Dialogue = field(default_factory=Dialogue)
    defaults: Defaults = field(default_factory=Defaults)
    places: tuple[Place, ...] = (place(),)
    items: tuple[Item, ...] = (hotel(1), hotel(2), hotel(3))
    late: bool = False
    least: Offer | None = None
    said: int = 0
    decision: Decision | None = None
    answer: Answer | None = None

    def hears(self, understanding: Understanding, text: str = "", **changes: Any) -> list[Line]:
        """What is said to it, segment by segment."""
        self.said += 1
        heard = Heard(
            message_id=f"m{self.said}",
            understanding=understanding,
            today=TODAY,
            text=text,
            hints=hints(text),
            defaults=self.defaults,
            **changes,
        )
        dialogue, self.decision = decide(hear(self.dialogue, heard), heard)
        self.dialogue, self.answer = dialogue, None
        match self.decision:
            case Say(line=line):
                return [line]
            case Look(errand=errand, opening=opening):
                found = Findings(
                    places=self.places,
                    items=tuple(self.items) if "search_offers" in errand.tools else self.places,
                    is_late=self.late,
                    least=self.least,
                )
                self.answer = conclude(errand, found)
                table = table_of(self.answer, f"a{self.said}")
                if table is not None:
                    self.dialogue = self.dialogue.showing(table)
                return [line for line in (opening, self.answer.line) if line is not None]
            case _:
                return []

    def says(self, understanding: Understanding, text: str = "", **changes: Any) -> list[str]:
        return [line.act for line in self.hears(understanding, text, **changes)]

    @property
    def errand(self) -> Any:
        assert isinstance(self.decision, Look)
        return self.decision.errand
