"""What must never happen to who searches for travel, looked for in what a journey left behind.

Safety, over the whole of it:

1. Every caller is answered within the deadline: a search after `ANSWER_WITHIN`, a price after
   `PRICE_WITHIN`, plus what the store takes and, while there are no suppliers, `SUPPLIERS_WITHIN`; or
   after what the caller said. With offers, or with a refusal that the port names; no other error
   reaches them. Nor is anybody called late who was not waited for.
2. What is shown was stored first, as it is shown, with its expiry: the supplier's own (Duffel), or 20
   minutes after it was asked for (Amadeus). So is a new price.
3. No offer that is shown as fresh is stale: none has expired, none came from an answer older than
   `FRESH_FOR_MS` and the wait. What is marked stale is so for a reason.
4. Who is said to have answered has what it answered among the offers, all of it, and who refused has
   nothing: merged duplicates keep all their sources, the cheapest in front. All who sell such a thing
   are asked, and a query is refused when all of them refuse it.
5. A priced offer's total is the machine's at the moment when the machine named it, for the same
   flights or room; `previous` is what was stored before. That an offer cannot be had was said by
   every supplier that had it.
6. Retries stay within the budget and their number, after a pause that grows; and nothing is repeated
   that must not be (`may_retry`).
7. No more calls at once than a bulkhead has places.
8. Nobody is asked while its breaker is open, and after the pause one probe at a time.

Liveness, after the calm:

9. Nothing is left over: no search, no place, no call, no task.
10. No search is lost: each query finds what all suppliers sell, and its offers have a price.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from travel_ledger import Call, Door, Returned, Step
from travel_oracle import total
from travel_simulation import Journey

from core.errors import Rejected
from core.ports.travel_search import Found, Repriced
from gateways.partners.breaker import BreakerPolicy
from gateways.partners.offer_search import (
    ANSWER_WITHIN,
    MOST_SHOWN,
    PATIENCE,
    PRICE_WITHIN,
    SUPPLIERS_WITHIN,
)
from gateways.partners.search_cache import FRESH_FOR_MS
from protocol.travel import FlightDetails, FlightQuery, Offer, SupplierOffer

AMADEUS_GOOD_FOR_MS: Final = 1_200_000
EARLY: Final = 1e-6
REFUSALS: Final = {
    "search": {"bad_request", "unavailable", "overloaded"},
    "price": {"conflict", "gds_timeout", "unavailable"},
}


def judge(journey: Journey) -> list[str]:
    """Every broken promise, in words; none is the right answer."""
    problems = list(journey.troubles)
    for call in journey.ledger.calls:
        problems += [f"{call.traveller}: {problem}" for problem in _call(call, journey)]
    for door in journey.ledger.doors:
        problems += [f"{door.name}: {problem}" for problem in _door(door)]
    problems += [
        f"{number:g} {what} are left over" for what, number in journey.left_behind.items() if number
    ]
    return problems


def _call(call: Call, journey: Journey) -> Iterator[str]:
    yield from _in_time(call, journey)
    if isinstance(call.outcome, Found):
        yield from _stored_first(call.outcome.offers, call, journey)
        yield from _fresh(call.outcome, call, journey)
        yield from _whole(call.outcome, call, journey)
    elif isinstance(call.outcome, Repriced):
        yield from _stored_first([call.outcome.offer], call, journey)
        yield from _price(call.outcome, call, journey)
    elif isinstance(call.outcome, Rejected):
        yield from _refusal(call.outcome, call, journey)
    elif call.outcome is not None:
        yield f"a {call.what} crashed: {call.outcome!r}"
    if call.is_last:
        yield from _not_lost(call)


# 1. In time.


def _in_time(call: Call, journey: Journey) -> Iterator[str]:
    """A search makes one call of the store, a price two."""
    within = ANSWER_WITHIN if call.what == "search" else PRICE_WITHIN
    within += SUPPLIERS_WITHIN if call.is_away else 0.0
    least = PATIENCE if call.within is None else min(PATIENCE, call.within)
    most = min(within, call.within or within) + 2 * journey.weather.rates.slow
    lasted = call.ended_at - call.began_at
    if lasted > most + EARLY:
        yield f"a {call.what} was answered after {lasted:.1f} s"
    if isinstance(call.outcome, Found) and lasted < least - EARLY:
        for one in call.outcome.suppliers:
            if one.state == "late" and not _is_renewed(call, journey):
                yield f"was told after {lasted:.1f} s that {one.name} is late"


def _refusal(refused: Rejected, call: Call, journey: Journey) -> Iterator[str]:
    if refused.code not in REFUSALS[call.what]:
        yield f"a {call.what} was refused as {refused.code}"
    if call.what == "price" and refused.code == "conflict" and call.row is not None:
        said_no = {no.supplier for no in journey.ledger.denied if no.call is call}
        said_no |= {one.supplier for one in journey.ledger.returned if one.call is call}
        had_it = {call.row.source.supplier, *(one.supplier for one in call.row.others)}
        if had_it - said_no:
            yield f"was told that an offer is gone, and nobody asked {sorted(had_it - said_no)}"
    if call.what == "search" and refused.code == "bad_request":
        said_no = {no.supplier for no in journey.ledger.denied if no.query == call.query}
        if said_no != _sellers(call):
            yield f"was refused a search that only {sorted(said_no)} refused"
    is_excused = call.is_away or call.is_store_down or _is_renewed(call, journey)
    if call.what == "search" and refused.code == "unavailable" and not is_excused:
        yield "was told that a search is unavailable, and nothing was"


def _is_renewed(call: Call, journey: Journey) -> bool:
    """Whether the suppliers were exchanged meanwhile."""
    return any(call.began_at <= at <= call.ended_at for at in journey.ledger.renewals)


def _sellers(call: Call) -> set[str]:
    return {"amadeus", "duffel"} if isinstance(call.query, FlightQuery) else {"amadeus"}


# 2. Stored first.


def _stored_first(offers: Iterable[Offer], call: Call, journey: Journey) -> Iterator[str]:
    for offer in offers:
        rows = journey.ledger.rows.get(offer.id, [])
        if not any(row == offer for number, row in rows if number < call.ended):
            yield f"was shown {offer.id}, which was not stored like that before"
        for source in (offer.source, *offer.others):
            if source.expires_at != _expiry(source):
                yield f"was shown an offer of {source.supplier} with an expiry that nobody named"


def _expiry(source: SupplierOffer) -> int:
    if source.supplier == "amadeus":
        return source.fetched_at + AMADEUS_GOOD_FOR_MS
    moment = datetime.fromisoformat(json.loads(bytes(source.token))["expires_at"])
    return round(moment.timestamp() * 1_000)


# 3. Fresh is fresh.


def _fresh(found: Found, call: Call, journey: Journey) -> Iterator[str]:
    states = {one.name: one.state for one in found.suppliers}
    answers = {name: _shown_answer(journey, name, found, call) for name in states}
    for offer in found.offers:
        composed = journey.ledger.composed[offer.id]
        source = offer.source
        has_expired = source.expires_at <= composed.now
        if offer.is_stale:
            if states[source.supplier] != "stale" and not has_expired:
                yield f"was shown a fresh offer of {source.supplier} as stale"
            continue
        if has_expired:
            yield f"was shown an offer of {source.supplier} as fresh that has expired"
        answer = answers[source.supplier]
        if answer is not None and composed.now - answer.now > FRESH_FOR_MS + 1_000 * ANSWER_WITHIN:
            age = (composed.now - answer.now) / 1_000
            yield f"was shown an offer of {source.supplier} as fresh that is {age:.0f} s old"


def _shown_answer(journey: Journey, supplier: str, found: Found, call: Call) -> Returned | None:
    """What a supplier answered last to that query, for everybody; or, where the cache forgot that, an
    earlier answer for which this call had waited, or which was the last when it began."""
    before = journey.ledger.composed[found.offers[0].id].number if found.offers else call.ended
    answers = [
        one
        for one in journey.ledger.returned
        if one.number < before
        and one.call is None
        and (one.supplier, one.query) == (supplier, call.query)
    ]
    at_first = [one for one in answers if one.number < call.began][-1:]
    candidates = [*at_first, *(one for one in answers if one.number > call.began)]
    tokens = {bytes(one.token) for one in _sources(found) if one.supplier == supplier}
    for one in reversed(candidates):
        if {bytes(offer.token) for offer in one.offers} == tokens:
            return one
    return candidates[-1] if candidates else None


def _sources(found: Found) -> list[SupplierOffer]:
    return [one for offer in found.offers for one in (offer.source, *offer.others)]


# 4. Nothing is lost in merging.


def _whole(found: Found, call: Call, journey: Journey) -> Iterator[str]:
    if {one.name for one in found.suppliers} != _sellers(call):
        yield f"was not told of all who sell that: {found.suppliers}"
    expected: list[SupplierOffer] = []
    shown = _sources(found)
    for asked in found.suppliers:
        theirs = [one for one in shown if one.supplier == asked.name]
        answer = _shown_answer(journey, asked.name, found, call)
        if asked.state in ("answered", "stale"):
            if answer is None:
                yield f"was told that {asked.name} had answered, and it never did"
                continue
            expected += answer.offers
        elif theirs:
            yield f"was shown offers of {asked.name}, which is {asked.state}"
    groups: dict[object, list[SupplierOffer]] = {}
    for one in expected:
        groups.setdefault(_means(one), []).append(one)
    wanted = Counter(_names(group) for group in groups.values())
    got = Counter(_names([offer.source, *offer.others]) for offer in found.offers)
    if len(groups) <= MOST_SHOWN and got != wanted:
        lost, new = sum((wanted - got).values()), sum((got - wanted).values())
        yield f"{lost} offers are not shown with all their sources, and {new} are that nobody made"
    prices = [offer.source.total.amount for offer in found.offers]
    if prices != sorted(prices):
        yield "was not shown the cheapest first"
    for offer in found.offers:
        if any(one.total.amount < offer.source.total.amount for one in offer.others):
            yield f"was shown {offer.id} at more than another supplier asks"


def _names(offers: Sequence[SupplierOffer]) -> frozenset[bytes]:
    """All that their suppliers said of them."""
    return frozenset(map(msgspec.json.encode, offers))


def _means(offer: SupplierOffer, at: int = 0) -> object:
    """What a traveller would call the same, at that moment of business time (milliseconds): a right to
    cancel that has ended is none."""
    details = offer.details
    if isinstance(details, FlightDetails):
        flights = [
            (one.carrier, int(one.number), one.departs, one.cabin)
            for way in details.itineraries
            for one in way.segments
        ]
        return (*flights, details.checked_bags or 0, details.is_refundable or False)
    room = (details.name, details.room, details.board, details.check_in, details.check_out)
    return (*room, details.free_until is not None and details.free_until > at)


# 5. A price is the machine's.


def _price(priced: Repriced, call: Call, journey: Journey) -> Iterator[str]:
    source = priced.offer.source
    told = [one for one in journey.ledger.told if one.call is call and one.offer == source]
    if not told:
        yield f"was told a price that {source.supplier} did not name"
        return
    machines = total(journey.world, source, call.query.party, told[-1].moment)
    if machines != source.total.amount:
        yield f"was told {source.total.amount} where {source.supplier} sells for {machines}"
    row = call.row
    if row is None:
        yield "was told the price of an offer that was not stored"
        return
    at = told[-1].moment.business
    if _means(source, at) != _means(row.source, at):
        yield f"was told the price of something else than {row.id}"
    before = row.source.total
    if priced.previous != (None if before == source.total else before):
        yield f"was told that {row.id} was {priced.previous} before"
    if priced.offer.id != row.id or priced.offer.is_stale:
        yield f"a new price of {row.id} came under another name, or as stale"


# 6 to 8. The doors.


def _door(door: Door) -> Iterator[str]:
    yield from _within_the_budget(door)
    yield from _places(door)
    yield from _breaker(door.steps, door.policy.breaker)


def _within_the_budget(door: Door) -> Iterator[str]:
    reads = retries = 0
    ends: dict[int, list[Step]] = {}
    policy = door.policy
    for step in door.steps:
        if step.what == "read":
            reads += 1
        elif step.what == "end":
            ends.setdefault(step.read, []).append(step)
        elif before := ends.get(step.read):
            retries += 1
            if not before[-1].may_repeat:
                yield "a call was repeated that must not be"
            if len(before) > policy.most_retries:
                yield f"a call was repeated {len(before)} times"
            if step.at - before[-1].at < policy.first_backoff * 2 ** (len(before) - 2) - EARLY:
                yield f"a call was repeated after {step.at - before[-1].at:.2f} s"
            if retries > policy.saved_retries + policy.retry_share * reads + EARLY:
                yield f"{retries} retries of {reads} reads are more than the budget"


def _places(door: Door) -> Iterator[str]:
    running = 0
    for step in door.steps:
        running += {"read": 0, "begin": 1, "end": -1}[step.what]
        if running > door.policy.most_running:
            yield f"{running} calls were under way at once"


def _breaker(steps: Sequence[Step], policy: BreakerPolicy) -> Iterator[str]:
    """A breaker by the book, beside which ours is held. `since` are the attempts of its present
    state: what began before says nothing about it."""
    failures, pause = 0, 0.0
    open_until: float | None = None
    since: set[int] = set()
    for step in steps:
        if step.what == "begin":
            if open_until is not None and step.at < open_until:
                yield f"it was asked {open_until - step.at:.1f} s before its breaker's pause was over"
            elif open_until is not None and since:
                yield "it was probed twice at once"
            since.add(step.attempt)
        elif step.what == "end" and step.attempt in since:
            since.discard(step.attempt)
            if step.outcome in ("answered", "limited"):
                failures = 0
                if open_until is not None:
                    open_until, pause, since = None, 0.0, set()
            elif step.outcome == "fault":
                failures += 1
                if open_until is not None or failures >= policy.opens_after:
                    pause = min(policy.most_pause, pause * 2 or policy.first_pause)
                    open_until, failures, since = step.at + pause, 0, set()


# 10. After the calm.


def _not_lost(call: Call) -> Iterator[str]:
    outcome: Any = call.outcome
    if isinstance(outcome, Found):
        late = [one for one in outcome.suppliers if one.state not in ("answered", "refused")]
        for one in late:
            yield f"{one.name} is {one.state} in quiet times"
    elif call.what == "price" and not isinstance(outcome, Repriced):
        yield f"an offer has no price in quiet times: {outcome}"
    elif isinstance(outcome, Rejected) and outcome.code != "bad_request":
        yield f"a search is refused in quiet times: {outcome}"
