"""Where somebody may like to go, by what they said and showed to like."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

from msgspec import UNSET, Meta, UnsetType

from core.identity import Principal
from core.ports.inference import Circumstances, Taste
from gateways.http.ports import HttpPorts
from gateways.http.routes import API, Body, Call, Reply, Route, View, json_reply
from gateways.http.wishes import has_all, liked_in, stated_in, tags_wished, words_of
from protocol.cards import PlaceCard, place_card
from protocol.travel import GeoPoint, Place

MAX_SHOWN: Final = 50
MOST_CONSIDERED: Final = 1_000
MOST_ALIKE: Final = 20
MOST_FEEDBACKS: Final = 200
_KINDS: Final = ("destination", "city")


class Recommend(Body, frozen=True):
    """`q`: what a place should be like (`beach`, `Berge`, `small town`), or its name; without it all
    destinations may be meant. What is neither is looked up by what it means, in English. `month`: 1 to 12, of the journey; without it the year's climate counts."""

    q: Annotated[str, Meta(min_length=1, max_length=200)] | UnsetType = UNSET
    month: Annotated[int, Meta(ge=1, le=12)] | UnsetType = UNSET
    limit: Annotated[int, Meta(ge=1, le=MAX_SHOWN)] = 10


class Recommendation(View, frozen=True):
    """`score`: 0 to 1, how surely it is liked. `because`: the feature that weighed most for it and is true
    of it, such as `tags.coast`, `climate`, `price` (a low one) or `distance`; null: nothing stood out."""

    place_id: str
    name: str
    score: float
    because: str | None
    card: PlaceCard


class Recommendations(View, frozen=True):
    """The best first."""

    recommendations: list[Recommendation]


async def recommend(call: Call) -> Reply:
    """By the caller's own profile and thumbs, given to their own personas."""
    who, query, ports = call.of(), call.query, call.ports
    user = await ports.users.get(who.tenant_id, who.user_id)
    preferences = user.preferences if user is not None else {}
    asked = "" if query.q is UNSET else query.q
    home = await _home(ports, preferences)
    places = await _candidates(ports, asked, call.locale)
    about = Circumstances(month=None if query.month is UNSET else query.month, home=home)
    stated = stated_in(preferences) | liked_in(asked)
    taste = await _taste(ports, who, stated)
    ranked = await ports.recommender.rank(
        places, tastes=[] if taste is None else [taste], about=about
    )
    shown = []
    for one in ranked[: query.limit]:
        place = places[one.index]
        km = None if home is None else round(home.km_to(place.at), 1)
        card = place_card(place, call.locale, km)
        shown.append(
            Recommendation(
                place_id=place.id,
                name=card.title,
                score=one.score,
                because=one.because,
                card=card,
            )
        )
    return json_reply(Recommendations(recommendations=shown))


async def _candidates(ports: HttpPorts, asked: str, language: str) -> Sequence[Place]:
    """Destinations that are as they were asked for; where nothing of that was said, those of that name, or else
    those that are like the words."""
    wished = tags_wished(asked)
    if asked and not wished and not liked_in(asked):
        found = await ports.catalogue.search(asked, language=language, limit=MAX_SHOWN)
        named = [place for place in found if place.kind in _KINDS]
        just_so = [place for place in named if _is_called(place, asked)]
        return just_so or named or await _alike(ports, asked)
    everywhere = await ports.catalogue.destinations(limit=MOST_CONSIDERED)
    return [place for place in everywhere if has_all(place, wished)]


def _is_called(place: Place, asked: str) -> bool:
    return words_of(asked) in [words_of(name) for name in place.names.values()]


async def _alike(ports: HttpPorts, asked: str) -> list[Place]:
    alike = await ports.meanings.nearest(asked, limit=MOST_ALIKE)
    if not alike:
        return []
    everywhere = await ports.catalogue.destinations(limit=MOST_CONSIDERED)
    by_id = {place.id: place for place in everywhere}
    return [by_id[one] for one, _ in alike if one in by_id]


async def _home(ports: HttpPorts, preferences: Mapping[str, Any]) -> GeoPoint | None:
    code = preferences.get("homeAirport")
    place = await ports.catalogue.by_iata(code) if isinstance(code, str) else None
    return None if place is None else place.at


async def _taste(ports: HttpPorts, who: Principal, stated: Mapping[str, float]) -> Taste | None:
    """Of all that this person said of what their own personas showed."""
    given = [
        feedback
        for persona in await ports.personas.of_owner(who.tenant_id, who.user_id)
        for feedback in await ports.feedbacks.latest(
            who.tenant_id, who.user_id, persona.id, limit=MOST_FEEDBACKS
        )
    ]
    given.sort(key=lambda feedback: feedback.at)
    return ports.recommender.taste_of(given[-MOST_FEEDBACKS:], stated=stated)


ROUTES: Final = (
    Route(
        method="GET",
        path=f"{API}/recommendations",
        name="recommend",
        summary="Destinations that the caller may like, as cards, with the reason",
        handle=recommend,
        access="login",
        query=Recommend,
        answer=Recommendations,
    ),
)
