"""Searches over all suppliers: side by side, shared by who asks the same, shown as they come."""

import math
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import Final, Literal

import structlog
import trio

from core.errors import Overloaded, Rejected, Unavailable
from core.ports.clock import Clock, Ids
from core.ports.inventory import Inventory, Priced
from core.ports.offers import Offers
from core.ports.travel_search import Asked, Found, Repriced, SupplierState
from gateways.partners.merging import Merged, likeness, merge
from gateways.partners.search_cache import Answer, SearchCache
from protocol.suppliers import Refused
from protocol.travel import FlightQuery, Offer, OfferKind, Query, SupplierOffer

_log = structlog.get_logger()
ANSWER_WITHIN: Final = 10.0
"""Seconds that somebody who searches waits at most."""

PATIENCE: Final = 2.0
"""Seconds that they wait for the others once one supplier has answered."""

GIVE_UP_AFTER: Final = 30.0
"""Seconds after which a supplier that is searching is given up."""

PRICE_WITHIN: Final = 20.0
SUPPLIERS_WITHIN: Final = 10.0
MOST_SEARCHES: Final = 256
MOST_SHOWN: Final = 50


class _Search:
    """One supplier at work on one query, for everybody who waits for it. `answer`: what came; the
    cache may have forgotten it when somebody looks."""

    def __init__(self) -> None:
        self.over = trio.Event()
        self.state: Literal["late", "answered", "failed", "refused"] = "late"
        self.answer: Answer | None = None
        self.refusal: Rejected | None = None


class OfferSearch:
    """Implements `core.ports.travel_search.TravelSearch`.

    A search goes on when who asked has had what there was, so that the next who asks the same finds
    the rest; it ends after `GIVE_UP_AFTER`. Owns: the searches under way. Borrows: the offers' store
    and, while it runs, the suppliers, each of which sees to its own limits. Before there are
    any, who asks waits a little, and then hears `Unavailable`. `asked` is set once somebody asks.
    """

    def __init__(self, offers: Offers, *, clock: Clock, ids: Ids) -> None:
        self._suppliers: dict[str, Inventory] = {}
        self._offers = offers
        self._clock = clock
        self._ids = ids
        self._cache = SearchCache()
        self._searches: dict[tuple[str, Query], _Search] = {}
        self._nursery: trio.Nursery | None = None
        self._running = trio.Event()
        self.asked = trio.Event()

    async def run(
        self,
        suppliers: Sequence[Inventory],
        *,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Until cancelled."""
        async with trio.open_nursery() as nursery:
            self._suppliers = {supplier.name: supplier for supplier in suppliers}
            self._nursery = nursery
            self._running.set()
            task_status.started()
            try:
                await trio.sleep_forever()
            finally:  # before the nursery closes: who asks now waits for the next suppliers
                self._suppliers, self._nursery, self._running = {}, None, trio.Event()

    def statistics(self) -> Mapping[str, int | float]:
        return {"searches": len(self._searches), "cached": len(self._cache)}

    async def search(
        self, tenant_id: int, user_id: str | None, query: Query, *, within: float | None = None
    ) -> Found:
        until = math.inf if within is None else trio.current_time() + within
        await self._suppliers_there(until)
        kind: OfferKind = "flight" if isinstance(query, FlightQuery) else "hotel"
        names = [name for name, one in self._suppliers.items() if one.capabilities(kind)]
        if not names:
            raise Rejected("unavailable", "This server has no supplier for that.", temporary=False)
        searches = {name: self._searching(name, query) for name in names}
        await _enough(list(searches.values()), until)
        refusals = [search.refusal for search in searches.values()]
        if refusals[0] is not None and all(refusals):
            raise refusals[0]
        return await self._found(tenant_id, user_id, query, searches)

    async def price(self, tenant_id: int, offer_id: str, *, to_book: bool = False) -> Repriced:
        await self._suppliers_there()
        offer = await self._offers.get(tenant_id, offer_id)
        if offer is None:
            raise Rejected("not_found", "There is no such offer.")
        try:
            with trio.fail_after(PRICE_WITHIN):
                source = await self._today(offer, to_book=to_book)
        except trio.TooSlowError:
            raise Rejected("gds_timeout", "The supplier did not answer in time.") from None
        if source is None:
            raise Rejected("conflict", "This offer cannot be had any more. Please search again.")
        others = tuple(one for one in offer.others if one.supplier != source.supplier)
        priced = Offer(id=offer.id, query=offer.query, source=source, others=others)
        if not await self._offers.replace(tenant_id, priced):
            raise Rejected("not_found", "There is no such offer.")
        previous = offer.source.total
        return Repriced(offer=priced, previous=None if previous == source.total else previous)

    async def ready(self, within: float) -> bool:
        """Wait for suppliers that are about to begin, at most so many seconds; whether they are there."""
        with suppress(Unavailable):
            await self._suppliers_there(trio.current_time() + within)
        return self._running.is_set()

    async def reprice(
        self, offer: SupplierOffer, query: Query, *, anew: bool = False
    ) -> Priced | Refused:
        """At its own supplier, at today's price; an expired offer is searched again, and the same flights
        or room are taken; so is one that was made for another party (`anew`). Raises `Unavailable`."""
        await self._suppliers_there()
        try:
            with trio.fail_after(PRICE_WITHIN):
                found = await self._priced(offer, query, anew=anew)
        except trio.TooSlowError:
            raise Unavailable from None
        if found is None:
            return Refused(kind="sold_out", detail="it is not offered any more")
        previous = None if found.total == offer.total else offer.total
        return Priced(offer=found, previous=previous)

    def forget(self, supplier: str, query: Query) -> int:
        """What `SearchCache.forget` does: after this supplier let somebody wait in vain for a booking, what
        it said before about that route is not shown any more."""
        return self._cache.forget(supplier, query)

    async def _suppliers_there(self, until: float = math.inf) -> None:
        """Raises `Unavailable`."""
        self.asked.set()
        with trio.move_on_at(min(until, trio.current_time() + SUPPLIERS_WITHIN)):
            while not self._running.is_set():
                await self._running.wait()
        if not self._running.is_set():
            raise Unavailable

    # Searching.

    def _searching(self, name: str, query: Query) -> _Search:
        """The search that is under way, one that begins, or one that is over already: in the cache."""
        under_way = self._searches.get((name, query))
        if under_way is not None:
            return under_way
        search, now = _Search(), self._clock.now_ms()
        answer = self._cache.get(name, query, now)
        if answer is not None and answer.is_fresh(now):
            search.state, search.answer = "answered", answer
            search.over.set()
            return search
        if self._nursery is None:
            raise Unavailable
        if len(self._searches) >= MOST_SEARCHES:
            raise Overloaded
        self._searches[name, query] = search
        self._nursery.start_soon(self._ask, search, self._suppliers[name], query)
        return search

    async def _ask(self, search: _Search, supplier: Inventory, query: Query) -> None:
        """Never raises."""
        try:
            with trio.fail_after(GIVE_UP_AFTER):
                offers = await supplier.search(query)
            now = self._clock.now_ms()
            search.answer = self._cache.put(supplier.name, query, offers, now)
            search.state = "answered"
        except (Unavailable, Overloaded, trio.TooSlowError) as error:
            search.state = "failed"
            _log.info("search.failed", supplier=supplier.name, error=type(error).__name__)
        except Rejected as refusal:
            search.state, search.refusal = "refused", refusal
        except Exception:
            search.state = "failed"
            _log.exception("search.crashed", supplier=supplier.name)
        finally:
            del self._searches[supplier.name, query]
            search.over.set()

    async def _found(
        self, tenant_id: int, user_id: str | None, query: Query, searches: Mapping[str, _Search]
    ) -> Found:
        now = self._clock.now_ms()
        asked: list[Asked] = []
        found: list[SupplierOffer] = []
        for name, search in searches.items():
            answer = self._cache.get(name, query, now) or search.answer
            state = _state(search, answer)
            asked.append(Asked(name=name, state=state))
            if answer is not None and state in ("answered", "stale"):
                found += answer.offers
        stale = {one.name for one in asked if one.state == "stale"}
        offers = tuple(
            self._offer(query, merged, is_stale=_is_stale(merged.source, stale, now))
            for merged in merge(found)[:MOST_SHOWN]
        )
        if offers:
            await self._offers.add(tenant_id, user_id, offers)
        return Found(offers=offers, suppliers=tuple(asked))

    def _offer(self, query: Query, merged: Merged, *, is_stale: bool) -> Offer:
        return Offer(
            id=self._ids.uuid7(),
            query=query,
            source=merged.source,
            others=merged.others,
            is_stale=is_stale,
        )

    # Pricing.

    async def _today(self, offer: Offer, *, to_book: bool) -> SupplierOffer | None:
        """From the supplier that was cheapest, else from the next that has the same. Raises
        `Unavailable` when one of them could not be asked and nobody else has it."""
        failure: Unavailable | None = None
        for source in (offer.source, *offer.others):
            try:
                priced = await self._priced(source, offer.query, to_book=to_book)
            except Unavailable as error:
                failure = failure or error
                continue
            if priced is not None:
                return priced
        if failure is not None:
            raise failure
        return None

    async def _priced(
        self,
        source: SupplierOffer,
        query: Query,
        *,
        to_book: bool = False,
        anew: bool = False,
    ) -> SupplierOffer | None:
        """None: this supplier has it no more. An expired offer is searched again, and so is one of a
        search that others were shown who could book from it first, or of one for another party."""
        supplier = self._suppliers.get(source.supplier)
        if supplier is None:
            if not self._running.is_set():  # the next suppliers will be there in a moment
                raise Unavailable
            return None
        able = supplier.capabilities("flight" if isinstance(query, FlightQuery) else "hotel")
        is_shared = to_book and able is not None and able.sells_once
        if source.expires_at > self._clock.now_ms() and not is_shared and not anew:
            result = await supplier.reprice(source, query)
            if isinstance(result, Priced):
                return result.offer
            if result.kind != "expired":
                return None
        wanted = source.total.currency, likeness(source)
        try:
            found = await supplier.search(query)
        except Unavailable:
            raise
        except Rejected:  # it finds the search itself wrong by now: that day is over
            return None
        for again in found:
            if (again.total.currency, likeness(again)) == wanted:
                result = await supplier.reprice(again, query)
                return result.offer if isinstance(result, Priced) else None
        return None


def _is_stale(source: SupplierOffer, stale: Collection[str], now: int) -> bool:
    """An answer that came fresh may hold what expired while we waited for the others."""
    return source.supplier in stale or source.expires_at <= now


def _state(search: _Search, answer: Answer | None) -> SupplierState:
    if search.state in ("late", "failed") and answer is not None:
        return "stale"
    return search.state


async def _enough(searches: Sequence[_Search], until: float) -> None:
    """Wait for all of them, but not for ever; and not for long once one has answered."""
    with trio.move_on_at(min(until, trio.current_time() + ANSWER_WITHIN)) as limit:
        async with trio.open_nursery() as nursery:
            for search in searches:
                nursery.start_soon(_wait, search, limit)


async def _wait(search: _Search, limit: trio.CancelScope) -> None:
    await search.over.wait()
    if search.state == "answered":
        limit.deadline = min(limit.deadline, trio.current_time() + PATIENCE)
