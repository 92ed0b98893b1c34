"""What would be wrong with a booking that went well, one thing at a time: so that the auditor is audited."""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace

import msgspec
from booking_audit import Evidence, findings


def unseen(seen: Evidence) -> list[str]:
    """What the auditor does not see. `seen`: of a flight that was paid and ticketed, without findings."""
    return [what for what, wrong in _wrong(seen) if not any(what in one for one in findings(wrong))]


def _wrong(seen: Evidence) -> Iterator[tuple[str, Evidence]]:
    """What is found, by its beginning, and where it is so."""
    capture = next(one for one in seen.effects if one["effect"] == "captured")
    order, issue = seen.orders[0], ("release", "confirm")
    yield "double charge", replace(seen, effects=[*seen.effects, capture])
    yield "ledger: psp", replace(seen, balances={**seen.balances, "psp:stripe": 1})
    yield "ledger: trip", replace(seen, balances={**seen.balances, "trip:x": 1})
    held = {**seen.payments[0], "status": "requires_capture"}
    yield "orphan hold", replace(seen, payments=[*seen.payments, held])
    yield "I4: ordered twice", replace(seen, orders=[order, order])
    yield "live orders", replace(seen, orders=[order, replace(order, id="another")])
    yield "I1: f is booked", replace(seen, orders=[replace(order, status="live")])
    yield "I1: f names", replace(seen, orders=[replace(order, id="another")])
    refund = {**capture, "effect": "refunded"}
    yield "I1: s", replace(seen, effects=[*seen.effects, refund])
    cancelled = msgspec.structs.replace(seen.saga, state="CANCELLED")
    yield "was kept", replace(seen, saga=cancelled)
    yield "still ordered", replace(seen, saga=cancelled)
    yield "it ended", replace(seen, saga=msgspec.structs.replace(seen.saga, state="HELD"))
    yield (
        "has no result",
        replace(seen, intents=[*seen.intents, {**seen.intents[0], "outcome": None}]),
    )
    early = [{**one, "committed_at": 0} if one["op"] in issue else one for one in seen.intents]
    yield "I3", replace(seen, intents=early)
    yield "I6", replace(seen, orders=[replace(order, made_at=order.made_at + 10**9)])
    for name in seen.watched:
        for what in ("lost", "doubled", "late"):
            watched = deepcopy(dict(seen.watched))
            updates = watched[name].updates
            last = updates.pop()
            updates += {"lost": [], "doubled": [last, last], "late": [last]}[what]
            if what == "late":
                updates.insert(0, updates.pop())
            yield f"{name} was told", replace(seen, watched=watched)
        watched = deepcopy(dict(seen.watched))
        watched[name].card_repeats += 1
        yield f"{name} saw cards", replace(seen, watched=watched)
        watched = deepcopy(dict(seen.watched))
        watched[name].cards.popitem()
        yield f"{name} saw cards", replace(seen, watched=watched)
