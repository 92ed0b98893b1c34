"""A world in which anything may happen to a booking, from a seed: for the machine's property tests."""

from random import Random
from typing import Any

from booking_world import CARD, DAY, HOUR, MINUTE, T0, World, flight, stay, world
from msgspec.structs import replace

from actors.booking.cards import is_in_review
from actors.booking.state import TERMINAL, Part
from actors.booking.steps import Answer, Approve, CallOff, Decline, Operate
from core.errors import Rejected
from protocol.suppliers import Refused

WORDS = ("reply", "lost", "late", "unsent", "broken")
METHODS = (CARD, CARD, CARD, "pm_chargeDeclined", "pm_chargeDeclinedLost", "pm_3ds")


def chaotic(random: Random) -> World:
    """Any trip, any people."""
    people = tuple(random.sample(["ada", "bob", "cy", "dora"], random.randint(1, 4)))
    parts = []
    if random.random() < 0.85:
        explicit = random.random() < 0.5
        holds = len(people) > 1 or random.random() < 0.6
        whole = flight(
            random.choice([30_000, 30_001, 9_999]),
            issues="explicit" if explicit else "by_supplier",
            finds=random.random() < 0.8 or not holds,
            holds=holds,
            cancels=random.choice(["pre_ticket", "policy"]),
        )
        parts.append(whole)
        if len(people) > 2 and random.random() < 0.4:
            some = tuple(f"t{number}" for number in range(len(people)))
            parts = [replace(whole, seats=some[:2]), replace(whole, id="f2", seats=some[2:])]
    for number in range(1, random.randint(0 if parts else 1, 2) + 1):
        policy = random.random() < 0.3
        parts.append(
            stay(number, 9_000 + number, finds=policy, cancels="policy" if policy else "none")
        )
    w = world(*parts, participants=people, organiser_id=people[0])
    rate = random.choice([0.0, 0.05, 0.15, 0.4])
    w.fault = lambda call: random.choice(WORDS) if random.random() < rate else "reply"
    w.sees = lambda look: random.random() >= rate / 2
    w.hold_for = random.choice([5 * HOUR, DAY, 3 * DAY])
    if random.random() < 0.2:
        kind: Any = random.choice(["sold_out", "price_changed", "quota", "invalid"])
        w.hold_refusals = [None] * random.randint(0, 2) + [Refused(kind=kind, detail="")]
    if random.random() < 0.1:
        w.issue = "refused"
    w.policy_refund = random.choice(["some", "some", "refused", "silent"])
    screener = Random(repr(people))
    w.verdict = lambda look: screener.choices(["allow", "review", "deny"], [80, 15, 5])[0]
    return w


def act(random: Random, w: World, number: int) -> None:
    """Somebody does something, sensible or not; a refused command changes nothing."""
    saga = w.saga
    people = [share.user_id for share in saga.shares] + ["eve"]
    who = random.choice(people)
    kind = random.random()
    command: Any
    if saga.question is not None and kind < 0.6:
        question = saga.question
        options = [option.id for option in question.options]
        who = random.choice([*question.to, *people[-1:]])
        command = Answer(user_id=who, question_id=question.id, option_id=random.choice(options))
    elif kind < 0.9:
        command = Approve(user_id=who, method=random.choice(METHODS), client_id=str(number))
    elif kind < 0.94:
        command = Decline(user_id=who)
    elif kind < 0.96:
        command = CallOff(user_id=who)
    else:
        if saga.parts:
            part = random.choice(saga.parts)
            change = random.choice([-500, 500, 1])
            w.prices[part.id] = max(1_000, part.total.amount + change)
        return
    try:
        w.put(command)
    except Rejected:
        assert w.saga is saga


def confirm_some(random: Random, w: World) -> None:
    """People come back from their bank."""
    for kept in w.payments.values():
        if kept.status == "action_required" and random.random() < 0.7:
            if random.random() < 0.7:
                kept.status, kept.capture_before = "authorized", w.now + 7 * DAY
            else:
                from protocol.payments import Declined

                kept.status, kept.decline = "open", Declined(code="authentication_failed")
        elif kept.status == "authorized" and random.random() < 0.01:
            kept.status, kept.capture_before = "cancelled", w.now


def live(seed: int) -> World:
    """One booking from its opening to its end, or to the point where only a person can help."""
    random = Random(seed)
    w = chaotic(random)
    for number in range(random.randint(2, 40)):
        act(random, w, number)
        if random.random() < 0.7:
            w.settle()
        elif w.saga.pending and random.random() < 0.5:
            w.perform(random.choice(w.saga.pending).seq)
        confirm_some(random, w)
        if is_in_review(w.saga) and number % 2:
            word: Any = ("allow", "compensate", "retry", "allow")[number // 2 % 4]
            w.put(Operate(operator="olga", action=word))
        w.pass_time(w.now + random.choice([1, 1_000, MINUTE, 10 * MINUTE, HOUR, 7 * HOUR]))
    w.settle()
    w.fault = lambda call: "reply"
    w.sees = lambda look: True
    if random.random() < 0.5:
        w.pass_time(w.now + 4 * DAY, leaps=True)
        w.pass_time(w.now + HOUR)
    w.pass_time(T0 + 9 * DAY)
    w.pass_time(T0 + 20 * DAY, leaps=True)
    w.pass_time(T0 + 20 * DAY + HOUR)
    return w


def is_beyond_us(w: World, part: Part) -> bool:
    """Whether something was made that the saga cannot find."""
    mine = f"{w.saga.booking_id} {part.id} ATT {part.attempt}"
    return part.is_doubtful and any(mine in str(o.reference) for o in w.orders.values())


def by_hand(w: World) -> None:
    """What is booked is called off on the telephone."""
    for order_id, order in w.orders.items():
        w.orders[order_id] = replace(order, status="cancelled")


def help_out(w: World) -> None:
    """What an operator does with a booking that waits for one."""
    for action in ("retry", "compensate", "settle"):
        if w.saga.state in TERMINAL:
            return
        if action == "compensate":
            by_hand(w)
        elif action == "retry" and any(is_beyond_us(w, part) for part in w.saga.parts):
            continue  # the operator knows that it is booked
        w.is_audited = action != "settle"  # then the rest is done by hand
        try:
            w.put(Operate(operator="op", action=action, note="by hand"))  # type: ignore[arg-type]
        except Rejected:
            continue
        w.settle()
        w.pass_time(w.now + DAY)
