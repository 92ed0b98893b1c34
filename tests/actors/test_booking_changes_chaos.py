"""Airlines that do what they like with booked flights, people who vote as they like, suppliers that do not answer:
the sums hold after each step, nobody gets back less than they agreed to, and each trip ends booked, given back, or
with a person.

Each story is a seed.
"""

import os
from random import Random
from typing import Any

import pytest
from booking_chaos import WORDS
from booking_world import DAY, HOUR, MINUTE, World, eur, stay
from msgspec.structs import replace
from test_booking_changes import EVEN_LATER, LATER, LEAVES, booked, other, timed, ways

from actors.booking.calls import CancelOrder, OpenReplacement
from actors.booking.machine import wake_at
from actors.booking.state import TERMINAL
from actors.booking.steps import Answer, CallOff, Replaced, ReplacementOpened, Wake
from core.errors import Rejected
from protocol.suppliers import Refused, Unsupported

SEEDS = int(os.environ.get("CARAVAN_CHANGES", "80"))


class Airlines(World):
    """Remembers what each order that was bought gave back, and what people had agreed to."""

    def execute(self, call: Any) -> Any:
        before = None
        if isinstance(call, CancelOrder):
            before = self.orders[call.order_id].status
        answer = super().execute(call)
        if before == "ticketed" and self.orders[call.order_id].status == "cancelled":
            part = next(part for part in self.saga.parts if part.id == call.part_id)
            assert call.at_least is None or self._back(part).amount >= call.at_least.amount
            if self.policy_refund == "some":
                order = self.orders[call.order_id]
                self.orders[call.order_id] = replace(order, returned=self._back(part))
        return answer


def trip(random: Random) -> World:
    """Booked: one flight or two orders of it, and stays that may be given back or not."""
    parts = [timed(cancels=random.choice(["policy", "policy", "pre_ticket"]))]
    if random.random() < 0.3:
        parts[0] = replace(parts[0], seats=("t0", "t2"))
        parts.append(replace(timed(total=15_003), id="f2", seats=("t1",)))
    if random.random() < 0.6:
        parts.append(stay(1, 9_001, cancels=random.choice(["none", "policy"])))
    w = booked(*parts, organiser_id=random.choice(["ada", "cy"]))
    w.__class__ = Airlines
    w.is_audited = False  # until everything is seen
    w.alternative = other() if random.random() < 0.6 else None
    rate = random.choice([0.0, 0.1, 0.3])
    w.fault = lambda call: random.choice(WORDS) if random.random() < rate else "reply"
    w.sees = lambda look: random.random() >= rate / 2
    w.policy_refund = random.choice(["some", "some", "some", "silent", "refused"])
    w.quote = random.choice(["some", "some", Unsupported()])
    if random.random() < 0.2:
        w.opens = [Refused(kind="sold_out", detail=""), ReplacementOpened(booking_id="b2")]
    return w


def happen(random: Random, w: World) -> None:
    """Something, sensible or not."""
    flown = random.choice([part for part in w.saga.parts if part.kind == "flight"])
    question = w.saga.question
    kind = random.random()
    assert flown.order is not None
    id_ = flown.order.order_id
    order = w.orders[id_]
    command: Any = Wake(order_id=id_)
    if question is not None and kind < 0.6:
        chosen = random.choice([option.id for option in question.options])
        command = Answer(
            user_id=random.choice(question.to), question_id=question.id, option_id=chosen
        )
    elif kind < 0.75 and order.status == "ticketed":
        departs = random.choice([LEAVES, LATER, EVEN_LATER])
        change_id = random.choice([None, f"ch{random.randint(1, 9)}"])
        w.orders[id_] = replace(order, itineraries=ways(departs), change_id=change_id)
    elif kind < 0.8 and order.status == "ticketed":
        back = random.choice([None, eur(30_000), eur(12_345)])
        w.orders[id_] = replace(order, status="cancelled", returned=back)
    elif kind < 0.85:
        w.keeps = random.randint(0, 10)
    elif kind < 0.9:
        command = CallOff(user_id=w.saga.organiser_id)
    elif any(isinstance(call, OpenReplacement) for call in w.calls):
        command = Replaced(by="b2", is_booked=random.random() < 0.7)
    before = w.saga
    try:
        w.put(command)
    except Rejected:
        assert w.saga is before


def live(seed: int) -> World:
    random = Random(seed)
    w = trip(random)
    for _ in range(random.randint(3, 40)):
        happen(random, w)
        if random.random() < 0.7:
            w.settle()
        w.pass_time(w.now + random.choice([1_000, MINUTE, 10 * MINUTE, HOUR, 7 * HOUR]))
    w.fault = lambda call: "reply"
    w.sees = lambda look: True
    w.settle()
    w.pass_time(w.now + 4 * DAY, leaps=random.random() < 0.5)
    w.pass_time(w.now + 3 * DAY)
    return w


@pytest.mark.parametrize("seed", range(SEEDS))
def test_whatever_airlines_do_a_booked_trip_ends_as_its_people_decided(seed: int) -> None:
    w = live(seed)
    waits = [part.change for part in w.saga.parts if part.change and part.change.replacement]
    assert w.saga.state in (*TERMINAL, "MANUAL")
    if w.saga.state == "MANUAL":
        return
    w.check_end()
    assert w.saga.question is None
    assert all(part.change is None or part.change in waits for part in w.saga.parts) or (
        w.saga.state == "CANCELLED"
    )
    if seed % 20 == 0:
        w.pass_time(w.now + 90 * DAY)
        assert wake_at(w.saga) is None
