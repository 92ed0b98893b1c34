"""What a persona may look up, under the asker's rights: nothing is looked up that the policy did not ask
for, and what does not answer in time is left out."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import chain, zip_longest
from typing import Final, TypeVar

import trio

from actors.persona.dialogue import Item, likeness_of
from actors.persona.errands import Errand, Findings, city_of, least, queries, sifted
from actors.persona.place_book import PlaceBook
from actors.persona.ports import Circumstances, PersonaPorts, Ranked
from actors.persona.regions import countries_of
from core.errors import Rejected
from core.headroom import Work
from core.ports.inference import Taste
from core.ports.travel_search import Found
from protocol.travel import FlightQuery, HotelQuery, Offer, Place, Query
from protocol.wording import MAX_LISTED

SEARCH_WITHIN: Final = 4.0
"""Seconds from when the prompt was read in which an answer is looked for."""

STORED_WITHIN: Final = 0.3
"""Seconds before that, in which what was found by then is stored and handed over."""

AT_LEAST: Final = 1.0
"""Seconds for a prompt that waited long behind others of its asker."""

AT_ONCE: Final = MAX_LISTED
"""Searches side by side in one run: mostly each town has something, and then no more are asked than are shown."""

SPARE: Final = 1.5
"""Seconds before the deadline after which no further searches begin."""

ROOMS_WITHIN_KM: Final = 60.0
"""From a place to the town that lends it its code."""

RANK_WITHIN: Final = 0.5
TREND_WITHIN: Final = 0.5
MOST_RANKED: Final = 20
MOST_KEPT_PLACES: Final = 30
_T = TypeVar("_T")
Tastes = Callable[[], Awaitable[Sequence[Taste]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What an errand found, and how its items were ranked."""

    findings: Findings
    ranked: Sequence[Ranked] = ()
    searches: int = 0


class Tools:
    """For one run. `asker_id`: on whose behalf. `tastes`: whose count, asked for when it comes to
    ranking. `deadline`: trio time after which only what is there
    counts. Never raises `Rejected`: a tool that fails has found nothing."""

    def __init__(
        self,
        ports: PersonaPorts,
        book: PlaceBook,
        *,
        asker_id: str,
        tastes: Tastes,
        deadline: float,
    ) -> None:
        self._ports, self._book = ports, book
        self._asker_id, self._tastes = asker_id, tastes
        self._deadline = deadline

    async def run(self, errand: Errand) -> Looked:
        """In the order of `errand.tools`."""
        if "reprice" in errand.tools:
            return Looked(findings=await self._repriced(errand))
        meant = await self._within(self._places(errand), None)
        if meant is None:
            # The catalogue is away, or is only being filled: that is not the same as nothing there.
            return Looked(findings=Findings(is_late=True))
        places, origin = meant
        findings = Findings(places=tuple(places), origin=origin)
        if "price_trend" in errand.tools:
            return Looked(findings=await self._trend(errand, findings))
        if "recommend" not in errand.tools:
            return Looked(findings=findings)
        if "search_offers" in errand.tools:
            return await self._offers(errand, findings)
        fresh = [place for place in places if likeness_of(place) not in errand.not_these]
        return await self._ranked(errand, findings, fresh)

    # Places.

    async def _places(self, errand: Errand) -> tuple[Sequence[Place], Place | None]:
        """Those that are meant, and where a journey begins."""
        origin = await self._origin(errand)
        mentions = errand.trip.destination
        on_table = tuple(item for item in errand.items if isinstance(item, Place))
        if on_table:
            return on_table, origin
        is_precise = bool(mentions) and all(
            mention.place_id or not (mention.country or countries_of(mention))
            for mention in mentions
        )
        if (
            errand.purpose == "show"
            and errand.seeking in (None, "places", "activities")
            and not is_precise
        ):
            found = await self._book.wished(errand, origin.at if origin else None)
        else:
            found = [
                place for mention in mentions for place in (await self._book.named(mention))[:1]
            ]
        for place in found[:MOST_KEPT_PLACES]:
            self._book.keep(place)
        return found, origin

    async def _origin(self, errand: Errand) -> Place | None:
        for mention in errand.trip.origin:
            for place in await self._book.named(mention):
                return place
        return None if errand.home is None else await self._book.by_iata(errand.home)

    # Offers.

    async def _with_rooms(self, errand: Errand, places: Sequence[Place]) -> Sequence[Place]:
        """A place without a code of its own has that of an airport, which may be Seville's for Cádiz, or lie abroad:
        whoever flies may land there, nobody who goes to the one sleeps in the other unless it is near."""
        if errand.seeking == "flights":
            return places
        lent = {p.id: city_of(p) for p in places if p.iata is None}
        towns = {at: await self._book.by_iata(code) for at, code in lent.items() if code}
        return [
            place
            for place in places
            if (town := towns.get(place.id)) is None
            or (town.country == place.country and town.at.km_to(place.at) <= ROOMS_WITHIN_KM)
        ]

    async def _offers(self, errand: Errand, findings: Findings) -> Looked:
        """Some cities at a time, until enough of them have something, or time is short."""
        places = await self._with_rooms(errand, findings.places)
        wanted = queries(errand, places, findings.origin)
        if not errand.with_stays:
            wanted = wanted[:MAX_LISTED]
        begin = 0
        answers: dict[Query, Found | Rejected] = {}
        found: list[Found] = []
        offers: list[Offer] = []
        fitting: list[Offer] = []
        for begin in range(0, len(wanted), AT_ONCE):
            async with trio.open_nursery() as nursery:
                for query in wanted[begin : begin + AT_ONCE]:
                    nursery.start_soon(self._search, query, answers)
            found = [answer for answer in answers.values() if isinstance(answer, Found)]
            offers = [offer for answer in found for offer in answer.offers]
            fitting = sifted(errand, offers)
            is_enough = len({_city(offer) for offer in fitting}) >= MAX_LISTED
            if is_enough or trio.current_time() > self._deadline - SPARE:
                break
        asked = min(len(wanted), begin + AT_ONCE) if wanted else 0
        is_late = len(answers) < asked or any(map(_is_to_come, answers.values()))
        findings = replace(
            findings, is_late=is_late, least=None if fitting else least(errand, offers)
        )
        looked = await self._ranked(errand, findings, fitting)
        return replace(looked, searches=len(found))

    async def _search(self, query: Query, answers: dict[Query, Found | Rejected]) -> None:
        """Without headroom it is as if nobody had answered in time."""
        if not self._ports.headroom.take(Work.SEARCH):
            return
        with trio.move_on_at(self._deadline):
            try:
                answers[query] = await self._ports.travel.search(
                    self._ports.tenant_id,
                    self._asker_id,
                    query,
                    within=max(0.0, self._deadline - STORED_WITHIN - trio.current_time()),
                )
            except Rejected as refusal:
                answers[query] = refusal
        if isinstance(query, HotelQuery) and _is_sold_nowhere(answers.get(query)):
            self._book.note_unsold(query.city)

    async def _ranked(self, errand: Errand, findings: Findings, items: Sequence[Item]) -> Looked:
        """The best first; of offers of several places, first the best of each."""
        candidates = _spread(items)[:MOST_RANKED]
        about = Circumstances(
            month=errand.month,
            budget=errand.budget,
            home=findings.origin.at if findings.origin else None,
        )
        ranked: Sequence[Ranked] = [Ranked(index=at) for at in range(len(candidates))]
        # Without a model the order is the suppliers': the cheapest first.
        with trio.move_on_after(RANK_WITHIN), suppress(Rejected):
            ranked = await self._ports.recommender.rank(
                candidates, tastes=await self._tastes(), about=about
            )
        ordered = _best_of_each(ranked, candidates)
        best = tuple(candidates[one.index] for one in ordered)
        first = ordered[0] if ordered else None
        how = first.how if first is not None else "own"
        findings = replace(
            findings,
            items=best,
            because=first.because if first is not None else None,
            together=None if how == "own" else how,
        )
        return Looked(findings=findings, ranked=tuple(ordered[:MAX_LISTED]))

    # One item.

    async def _repriced(self, errand: Errand) -> Findings:
        item = errand.items[0] if errand.items else None
        if not isinstance(item, Offer):
            return Findings()
        pricing = self._ports.travel.price(self._ports.tenant_id, item.id)
        repriced = await self._within(pricing, None)
        return Findings(repriced=repriced.offer if repriced is not None else None)

    async def _trend(self, errand: Errand, findings: Findings) -> Findings:
        item = errand.items[0] if errand.items else None
        asked = (
            [item.query]
            if isinstance(item, Offer)
            else queries(errand, findings.places, findings.origin)
        )
        if not asked:
            return findings
        trend = None
        with trio.move_on_after(TREND_WITHIN):
            trend = await self._within(
                self._ports.trends.trend(self._ports.tenant_id, asked[0]), None
            )
        return replace(findings, trend=trend)

    async def _within(self, asked: Awaitable[_T], otherwise: _T) -> _T:
        """What it answers before the deadline; a refusal is no answer."""
        answer = otherwise
        with trio.move_on_at(self._deadline), suppress(Rejected):
            answer = await asked
        return answer


def _is_to_come(answer: Found | Rejected) -> bool:
    """Whether the same question may be answered by more in a moment."""
    return answer.temporary if isinstance(answer, Rejected) else answer.is_partial


def _is_sold_nowhere(answer: Found | Rejected | None) -> bool:
    """Refused for good, or answered by all with nothing."""
    if isinstance(answer, Rejected):
        return not answer.temporary
    return answer is not None and not answer.offers and not answer.is_partial


def _spread(items: Sequence[Item]) -> list[Item]:
    """One of each city after the other, so that none is missing among the candidates."""
    by_city: dict[str, list[Item]] = {}
    for item in items:
        by_city.setdefault(_city(item), []).append(item)
    rows = chain.from_iterable(zip_longest(*by_city.values()))
    return [item for item in rows if item is not None]


def _best_of_each(ranked: Sequence[Ranked], candidates: Sequence[Item]) -> list[Ranked]:
    """By rank, the first of each city before the second of any, as far as they are listed."""
    seen: dict[str, int] = {}
    rows: list[tuple[int, int, Ranked]] = []
    for rank, one in enumerate(ranked):
        city = _city(candidates[one.index])
        rows.append((seen.get(city, 0), rank, one))
        seen[city] = seen.get(city, 0) + 1
    return [one for _, _, one in sorted(rows, key=lambda row: row[:2])]


def _city(item: Item) -> str:
    """Where it is; places stand for themselves."""
    if isinstance(item, Place):
        return item.id
    query = item.query
    return query.destination if isinstance(query, FlightQuery) else query.city
