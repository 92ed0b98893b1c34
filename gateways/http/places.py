"""Places that exist: by name, by code, by nearness, by what they are like or should be."""

from collections.abc import Sequence
from typing import Annotated, Final

from msgspec import UNSET, Meta, UnsetType

from core.ports.catalogue import Catalogue
from core.texts import sentence
from gateways.http.ports import HttpPorts
from gateways.http.problems import FieldProblem, InvalidFields
from gateways.http.routes import API, Body, Call, Reply, Route, View, json_reply
from protocol.cards import PlaceCard, place_card
from protocol.travel import TAGS, GeoPoint, Iata, Place
from protocol.wrong_values import CHOICES

MAX_SHOWN: Final = 100
WITHIN_KM: Final = 100
"""Of `near`, unless said."""

MAX_SIFTED: Final = 1_000
"""Places that are looked at where several conditions are asked for at once."""

_LATITUDE: Final = r"-?(90(\.0{1,8})?|[1-8]?[0-9](\.[0-9]{1,8})?)"
_LONGITUDE: Final = r"-?(180(\.0{1,8})?|(1[0-7][0-9]|[1-9]?[0-9])(\.[0-9]{1,8})?)"
_TAGS: Final = r"[a-z_]{1,32}(,[a-z_]{1,32}){0,9}"

_NEEDS_NEAR: Final = sentence("This means something only beside `near`.")

Found = Sequence[tuple[Place, float | None]]


class FindPlaces(Body, frozen=True):
    """What all the places have: a name that `q` is or begins, this code, no more than `withinKm` from
    `near` (`LATITUDE,LONGITUDE` in degrees), all of these `tags` (with commas between). `like`: English words for
    what a destination should be like ("sushi and cherry blossoms"); none where these say too little, or also what it
    should not be. Without any of `q`, `iata`, `near`: destinations."""

    q: Annotated[str, Meta(min_length=1, max_length=100)] | UnsetType = UNSET
    iata: Iata | UnsetType = UNSET
    near: (
        Annotated[str, Meta(pattern=rf"^{_LATITUDE},{_LONGITUDE}(?!\n)$", examples=["38.72,-9.14"])]
        | UnsetType
    ) = UNSET
    within_km: Annotated[int, Meta(ge=1, le=20_100)] | UnsetType = UNSET
    like: Annotated[str, Meta(min_length=1, max_length=200)] | UnsetType = UNSET
    tags: (
        Annotated[str, Meta(pattern=rf"^{_TAGS}(?!\n)$", examples=["coast,mountains"])] | UnsetType
    ) = UNSET
    limit: Annotated[int, Meta(ge=1, le=MAX_SHOWN)] = 20


class PlaceItems(View, frozen=True):
    """The best first: the most alike where `like` was given; by distance where only nearness was asked for, by name
    where none of `q`, `iata` and `near` was. `suppliers` is empty and `partial` false: the catalogue is our own."""

    items: list[PlaceCard]
    partial: bool = False
    suppliers: tuple[()] = ()


async def find_places(call: Call) -> Reply:
    """Places for which all that was asked holds."""
    query: FindPlaces = call.query
    _judge(query)
    tags = [] if query.tags is UNSET else query.tags.split(",")
    at = None if query.near is UNSET else _point(query.near)
    language = call.locale
    found = await _candidates(call.ports.catalogue, query, at, tags, language)
    if query.like is not UNSET:
        found = await _alike(call.ports, query.like, found)
    shown = [
        place_card(place, language, None if km is None else round(km, 1))
        for place, km in found
        if query.iata in {UNSET, place.iata}
        and set(tags) <= set(place.tags)
        and (km is None or km <= _within(query))
    ]
    return json_reply(PlaceItems(items=shown[: query.limit]))


def _judge(query: FindPlaces) -> None:
    """Raises `InvalidFields` for what would silently find nothing, or change nothing."""
    wrong = []
    if query.within_km is not UNSET and query.near is UNSET:
        wrong.append(FieldProblem("withinKm", _NEEDS_NEAR))
    if query.tags is not UNSET and not TAGS.issuperset(query.tags.split(",")):
        wrong.append(FieldProblem("tags", CHOICES, {"choices": ", ".join(sorted(TAGS))}))
    if wrong:
        raise InvalidFields(wrong)


def _within(query: FindPlaces) -> int:
    return WITHIN_KM if query.within_km is UNSET else query.within_km


async def _candidates(
    catalogue: Catalogue, query: FindPlaces, at: GeoPoint | None, tags: list[str], language: str
) -> Found:
    """All that may be meant, by the condition that leaves the fewest."""
    if query.q is not UNSET:
        found = await catalogue.search(query.q, language=language, limit=MAX_SHOWN)
    elif query.iata is not UNSET:
        place = await catalogue.by_iata(query.iata)
        found = [place] if place else []
    elif at is None or tags or query.like is not UNSET:
        found = await catalogue.destinations(tags=tags, limit=MAX_SIFTED)
    else:
        return await catalogue.near(at, within_km=_within(query), limit=query.limit)
    if at is None:
        return [(place, None) for place in found]
    if query.q is UNSET:
        found = sorted(found, key=lambda place: at.km_to(place.at))
    return [(place, at.km_to(place.at)) for place in found]


async def _alike(ports: HttpPorts, like: str, found: Found) -> Found:
    """Of these, the most alike first."""
    alike = await ports.meanings.nearest(like, limit=MAX_SIFTED)
    by_id = {place.id: (place, km) for place, km in found}
    return [by_id[one] for one, _ in alike if one in by_id]


def _point(near: str) -> GeoPoint:
    latitude, longitude = near.split(",")
    return GeoPoint(latitude=float(latitude), longitude=float(longitude))


ROUTES: Final = (
    Route(
        method="GET",
        path=f"{API}/places",
        name="findPlaces",
        summary="Destinations, cities and airports, as cards",
        handle=find_places,
        access="login",
        query=FindPlaces,
        answer=PlaceItems,
    ),
)
