"""Rules of searching and of the suppliers' doors broken on purpose, one at a time.

Each mutant names within how many seeds it must be found, and a word of the problem that finds it.
The last ones are what the simulation found when it was built.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import trio
from msgspec import structs
from mutants import Mutant, Patches

from core.errors import Rejected, Unavailable
from core.ports.travel_search import Repriced
from gateways.partners import merging, offer_search
from gateways.partners.breaker import Breaker, Permit, RetryBudget
from gateways.partners.merging import Merged
from gateways.partners.offer_search import OfferSearch
from gateways.partners.resilience import CallFailed, Guard
from gateways.partners.search_cache import FRESH_FOR_MS, Answer
from protocol.travel import Offer, Query, SupplierOffer


def no_expiry_check() -> Patches:
    """A young answer is fresh, whatever in it has expired."""
    yield Answer, "is_fresh", lambda self, now: now - self.at < FRESH_FOR_MS
    yield offer_search, "_is_stale", lambda source, stale, now: source.supplier in stale


def never_stale() -> Patches:
    """An answer is fresh for as long as it is kept."""
    yield Answer, "is_fresh", lambda *_: True


def not_marked() -> Patches:
    """Who is late or failed is said to have answered when there is an earlier answer."""

    def hopeful(search: Any, answer: Answer | None) -> str:
        return "answered" if answer is not None else search.state

    yield offer_search, "_state", hopeful


def shown_before_stored() -> Patches:
    """What is shown is stored as soon as there is time."""
    found = OfferSearch._found

    async def eager(self: Any, tenant_id: int, user_id: str | None, *args: Any) -> Any:
        offers = self._offers

        class Later:
            async def add(self, *rows: Any) -> None:
                nursery.start_soon(offers.add, *rows)

        nursery, self._offers = self._nursery, Later()
        try:
            return await found(self, tenant_id, user_id, *args)
        finally:
            self._offers = offers

    yield OfferSearch, "_found", eager


def renewed_expiry() -> Patches:
    """What is shown is good for 20 minutes from then."""
    offer = OfferSearch._offer

    def generous(self: Any, query: Query, merged: Merged, **more: Any) -> Offer:
        until = self._clock.now_ms() + 1_200_000
        return offer(
            self,
            query,
            replace(merged, source=structs.replace(merged.source, expires_at=until)),
            **more,
        )

    yield OfferSearch, "_offer", generous


def one_refusal_is_enough() -> Patches:
    """A query that one supplier finds wrong is refused, whatever the others say."""
    found = OfferSearch._found

    async def strict(self: Any, *args: Any) -> Any:
        for search in args[-1].values():
            if search.refusal is not None:
                raise search.refusal
        return await found(self, *args)

    yield OfferSearch, "_found", strict


def first_alone() -> Patches:
    """When the first supplier answers, nobody else is asked."""
    search = OfferSearch.search

    async def lazy(self: Any, *args: Any, **more: Any) -> Any:
        await self._suppliers_there()
        whole = self._suppliers
        self._suppliers = dict(list(whole.items())[:1])
        try:
            return await search(self, *args, **more)
        finally:
            self._suppliers = whole

    yield OfferSearch, "search", lazy


def lost_source() -> Patches:
    """Of the same flight from two suppliers only the cheapest is kept."""
    yield merging, "_merged", lambda same: Merged(min(same, key=lambda one: one.total.amount))


def dearest_first() -> Patches:
    """Of the same flight the first that came is sold, not the cheapest."""
    yield merging, "_merged", lambda same: Merged(same[0], tuple(same[1:]))


def a_cent_less() -> Patches:
    """Whatever is found is shown for less than its supplier asks."""
    merged = merging._merged

    def cheap(same: list[SupplierOffer]) -> Merged:
        less = [structs.replace(one.total, amount=one.total.amount - 1) for one in same]
        return merged([structs.replace(a, total=b) for a, b in zip(same, less, strict=True)])

    yield merging, "_merged", cheap


def yesterdays_price() -> Patches:
    """What has not expired costs what it cost."""
    priced = OfferSearch._priced

    async def trusting(
        self: Any, source: SupplierOffer, query: Query, **more: Any
    ) -> SupplierOffer | None:
        now = await priced(self, source, query, **more)
        return source if source.expires_at > self._clock.now_ms() and now is not None else now

    yield OfferSearch, "_priced", trusting


def no_price_before() -> Patches:
    """Nobody is told that a price has moved."""
    yield offer_search, "Repriced", lambda offer, **_: Repriced(offer=offer)


def something_like_it() -> Patches:
    """Of a search that is made again the first offer is taken."""
    yield offer_search, "likeness", lambda _: None


def no_deadline() -> Patches:
    """Whoever searches waits until all suppliers have been heard or given up."""

    async def patient(searches: Sequence[Any], until: float) -> None:
        for search in searches:
            await search.over.wait()

    yield offer_search, "_enough", patient


def all_have_ten_seconds() -> Patches:
    """Who says how long a search may take waits as long as everybody."""
    search = OfferSearch.search

    async def deaf(self: Any, *args: Any, **_: Any) -> Any:
        return await search(self, *args)

    yield OfferSearch, "search", deaf


def dies_with_its_caller() -> Patches:
    """When one of those who wait for a search goes away, it is over for all of them."""
    search = OfferSearch.search

    async def selfish(self: Any, *args: Any, **more: Any) -> Any:
        query = args[-1]
        try:
            return await search(self, *args, **more)
        except trio.Cancelled:
            for (_, wanted), under_way in self._searches.items():
                if wanted == query:
                    under_way.over.set()
            raise

    yield OfferSearch, "search", selfish


def never_over() -> Patches:
    """A search that failed stays under way."""
    ask = OfferSearch._ask

    async def forgetful(self: Any, search: Any, supplier: Any, query: Query) -> None:
        await ask(self, search, supplier, query)
        if search.state == "failed":
            self._searches[supplier.name, query] = search

    yield OfferSearch, "_ask", forgetful


def repeats_all() -> Patches:
    """Whatever failed is tried again, also what must not be repeated."""
    pause = Guard._pause_before_retry

    def stubborn(self: Any, failure: CallFailed, attempt: int) -> float | None:
        failure.may_retry = True
        return pause(self, failure, attempt)

    yield Guard, "_pause_before_retry", stubborn


def no_back_off() -> Patches:
    """What failed is tried again at once."""
    pause = Guard._pause_before_retry

    def hasty(self: Any, failure: CallFailed, attempt: int) -> float | None:
        return None if pause(self, failure, attempt) is None else 0.0

    yield Guard, "_pause_before_retry", hasty


def no_budget() -> Patches:
    """Each failure may be tried again, however many there are."""
    yield RetryBudget, "spend", lambda _: True


def probe_storm() -> Patches:
    """After the pause everybody probes."""
    admit = Breaker.admit

    def generous(self: Breaker, now: float) -> Permit | None:
        self._is_probing = False
        return admit(self, now)

    yield Breaker, "admit", generous


def no_pause() -> Patches:
    """A breaker that opens lets the next call probe at once."""
    opened = Breaker._open

    def hasty(self: Breaker, now: float) -> None:
        opened(self, now)
        self._open_until = now

    yield Breaker, "_open", hasty


def probe_for_ever() -> Patches:
    """A probe that is given up stays the one probe."""
    yield Breaker, "abandoned", lambda *_: None


def leaking_bulkhead() -> Patches:
    """A call that is cancelled keeps its place."""
    attempt = Guard._attempt

    async def leaky(self: Any, call: Callable[[], Awaitable[Any]]) -> Any:
        try:
            return await attempt(self, call)
        except trio.Cancelled:
            if self._places.available_tokens:
                self._places.acquire_on_behalf_of_nowait(object())
            raise

    yield Guard, "_attempt", leaky


def no_bulkhead() -> Patches:
    """There is always room for one more."""
    init = Guard.__init__

    def wide(self: Any, *args: Any, **more: Any) -> None:
        init(self, *args, **more)
        self._places = trio.CapacityLimiter(1_000)

    yield Guard, "__init__", wide


# What was found.


def refused_but_shown() -> Patches:
    """Of who refuses a query its earlier answer is shown, as if it were fresh."""
    found = OfferSearch._found

    async def careless(
        self: Any, tenant_id: int, user_id: str | None, query: Query, searches: Mapping[str, Any]
    ) -> Any:
        for name, search in searches.items():
            if search.state == "refused" and self._cache.get(name, query, self._clock.now_ms()):
                search.state = "answered"
        return await found(self, tenant_id, user_id, query, searches)

    yield OfferSearch, "_found", careless


def expired_as_fresh() -> Patches:
    """What expires while we wait for another supplier, or had when it came, is shown as fresh."""
    yield offer_search, "_is_stale", lambda source, stale, now: source.supplier in stale


def answer_forgotten() -> Patches:
    """What came is looked for in the cache alone, which may have forgotten it."""
    found = OfferSearch._found

    async def trusting(self: Any, *args: Any) -> Any:
        for search in args[-1].values():
            search.answer = None
        return await found(self, *args)

    yield OfferSearch, "_found", trusting


def gone_for_now_is_gone() -> Patches:
    """While the suppliers begin anew, what they sell cannot be had any more."""
    priced = OfferSearch._priced

    async def hasty(
        self: Any, source: SupplierOffer, query: Query, **more: Any
    ) -> SupplierOffer | None:
        if source.supplier not in self._suppliers:
            return None
        return await priced(self, source, query, **more)

    yield OfferSearch, "_priced", hasty


def day_that_is_over() -> Patches:
    """A supplier that finds an old search wrong answers for all of them, and in words of a search."""

    async def strict(self: Any, offer: Offer, **more: Any) -> SupplierOffer | None:
        for source in (offer.source, *offer.others):
            supplier = self._suppliers[source.supplier]
            if source.expires_at <= self._clock.now_ms():
                try:
                    await supplier.search(offer.query)
                except Unavailable:
                    continue
                except Rejected:
                    raise
        return await today(self, offer, **more)

    today = OfferSearch._today
    yield OfferSearch, "_today", strict


MUTANTS: Mapping[str, Mutant] = {
    "no_expiry_check": Mutant(no_expiry_check, 40, "as fresh that has expired"),
    "never_stale": Mutant(never_stale, 20, "s old"),
    "not_marked": Mutant(not_marked, 40, "as fresh that is"),
    "shown_before_stored": Mutant(shown_before_stored, 10, "not stored like that"),
    "renewed_expiry": Mutant(renewed_expiry, 10, "an expiry that nobody named"),
    "one_refusal_is_enough": Mutant(one_refusal_is_enough, 40, "was refused a search that only"),
    "first_alone": Mutant(first_alone, 10, "was not told of all"),
    "lost_source": Mutant(lost_source, 10, "with all their sources"),
    "dearest_first": Mutant(dearest_first, 60, "more than another supplier asks", {"rule": 0.9}),
    "a_cent_less": Mutant(a_cent_less, 10, "with all their sources"),
    "yesterdays_price": Mutant(yesterdays_price, 20, "did not name"),
    "no_price_before": Mutant(no_price_before, 40, "before"),
    "something_like_it": Mutant(something_like_it, 40, "something else"),
    "no_deadline": Mutant(no_deadline, 20, "was answered after"),
    "all_have_ten_seconds": Mutant(all_have_ten_seconds, 40, "was answered after"),
    "dies_with_its_caller": Mutant(dies_with_its_caller, 60, "is late", {"hurry": 0.6, "far": 1.5}),
    "never_over": Mutant(never_over, 20, "in quiet times"),
    "repeats_all": Mutant(repeats_all, 20, "must not be"),
    "no_back_off": Mutant(no_back_off, 20, "was repeated after"),
    "no_budget": Mutant(no_budget, 60, "more than the budget"),
    "probe_storm": Mutant(probe_storm, 40, "probed twice", {"rule": 0.9, "kill": 0.0}),
    "no_pause": Mutant(no_pause, 20, "pause was over"),
    "probe_for_ever": Mutant(
        probe_for_ever, 60, "in quiet times", {"hurry": 0.8, "far": 0.6, "rule": 0.9, "slow": 0.0}
    ),
    "leaking_bulkhead": Mutant(leaking_bulkhead, 20, "places are left over"),
    "no_bulkhead": Mutant(no_bulkhead, 40, "were under way at once"),
    "refused_but_shown": Mutant(
        refused_but_shown, 120, "as fresh that is", {"rule": 0.9, "kill": 0.0}
    ),
    "expired_as_fresh": Mutant(
        expired_as_fresh, 60, "as fresh that has expired", {"far": 0.6, "rule": 0.9}
    ),
    "answer_forgotten": Mutant(answer_forgotten, 20, "with all their sources"),
    "gone_for_now_is_gone": Mutant(
        gone_for_now_is_gone,
        100,
        "nobody asked",
        {"kill": 0.9, "slow": 2.0, "rule": 0.0, "hurry": 0.0},
    ),
    "day_that_is_over": Mutant(day_that_is_over, 60, "was refused as bad_request", {"leap": 0.3}),
}
