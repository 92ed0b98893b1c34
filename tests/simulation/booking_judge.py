"""What must be true of every play of a booking, whatever was broken (APIS §10.9, docs/booking.md).

I1 booked: one live issued order per part, each share paid exactly. I2 cancelled: no order, no hold, no
money. I3 no ticket before all captures. I4 one order per part and attempt, never two live. I5 the shares
are the total. I6 no capture without a live hold. S no order, no capture before its cards are allowed. I7 what is booked is given up, or flown at other times, only
after those concerned were asked, and for what they were told; a replaced flight after the other is booked. And: the ledger says what the provider says, nobody is
told of money that did not move, or of what concerns another alone.
"""

import re
import traceback
from collections import Counter
from typing import Final

from booking_faults import SILENCES, Scenario
from booking_performing import ODD_CARD
from booking_stage import Watch
from booking_stories import DAY
from booking_trial import World
from fake_orders import Order
from fake_payments import Payment

from actors.booking.calls import (
    AcceptChange,
    Call,
    CancelOrder,
    Capture,
    Confirm,
    Hold,
    Release,
    TellReplaced,
)
from actors.booking.finishing import COMES_BACK, DECLINED
from actors.booking.state import Asked, Part, Saga, Share
from actors.booking.steps import Notice, Sentence, Step
from protocol.frames import Money

_OF_ONE_ALONE: Final = re.compile(
    r"insufficient|funds|stolen|\blost\b|card_declined|processing_error|limit_exceeded|expired_card",
    re.I,
)
COLLECT: Final = 5 * DAY
_BOOKED: Final = ("COMPLETED", "ADJUSTING")
MAY_BE_MANUAL: Final = {
    "confirm:": ("refused", *SILENCES),
    "release:": ("refused", *SILENCES),
    "cancel_order:": ("refused",),
    "cancel_payment:": ("refused",),
    "refund:": ("refused", "fails_later"),
    "capture:": ("refused",),
}
"""By beginning of a site: faults after which only a person may be able to go on. And: a hotel that was not
heard of (`_asked_in_vain`)."""


class Judge(Watch):
    """Looks at each step and each call while a world plays, and at the end."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self._names: set[str] = set()
        self._most: dict[str, int] = {}
        self._asked: dict[str, Asked] = {}

    # ── while it plays ──

    def stepped(self, world: World, before: Saga | None, step: Step) -> None:
        saga = step.saga
        self._numbers(before, step)
        shares = sum(share.amount.amount for share in saga.shares)
        if shares != saga.total.amount:
            self._say(f"I5: the shares are {shares}, the total is {saga.total.amount}")
        if (
            sum(part.total.amount for part in saga.parts if not part.is_dropped)
            != saga.total.amount
        ):
            self._say("I5: the parts are not the total")
        for posting in step.postings:
            if posting.name in self._names:
                self._say(f"ledger: {posting.name} was posted twice")
            self._names.add(posting.name)
            if sum(entry.amount for entry in posting.entries) != 0:
                self._say(f"ledger: {posting.name} does not balance")
            if posting.intent not in world.journal.intents:
                self._say(f"ledger: {posting.name} names no intent")
        if step.notice is not None:
            self._told(world, saga, step.notice)
        for share in saga.shares:
            self._true_of(world, share)
        self._decided(world, before, saga)
        self._left(world, before, saga)

    def _left(self, world: World, before: Saga | None, saga: Saga) -> None:
        """Who has not even begun to pay, and has time to, is left behind by nobody."""
        if before is None or before.state != "RESPLIT" or world.now >= saga.created_at + COLLECT:
            return
        for share in before.shares:
            is_waited_for = (
                share.state == "invited" and not world.people[share.user_id].has_declined
            )
            if is_waited_for and share.user_id in {*saga.left} - {*before.left}:
                self._say(f"{share.user_id} is left behind, and could have paid")

    def executing(self, world: World, call: Call) -> None:
        """Whatever happens at a supplier's, also late, happens once."""
        if isinstance(call, Hold):
            part = world.part(call.part_id)
            if any(order.reference == call.reference for order in _orders(world, part)):
                self._say(f"I4: {part.id} is ordered twice under {call.reference}")

    def executed(self, world: World) -> None:
        for part in world.saga.parts:
            if sum(order.is_live for order in _orders(world, part)) > 1:
                self._say(f"I4: {part.id} has two live orders")
            told = self._told_back()
            for order in _orders(world, part):
                if told is not None and order.returned is not None and order.returned < told:
                    self._say(
                        f"I7: {order.id} returned {order.returned}, and people were told {told}"
                    )

    def leaving(self, world: World, call: Call) -> None:
        """What is asked for must be allowed at the moment when it is asked for."""
        if isinstance(call, Hold | Capture) and _cards(world) not in world.allowed:
            self._say(f"S: {call} before these cards were allowed: {sorted(_cards(world))}")
        match call:
            case Hold():
                part = world.part(call.part_id)
                if not part.holds and not _all_captured(world):
                    self._say(f"I3: {part.id} is bought before all captures")
            case Confirm() | Release():
                if not _all_captured(world):
                    self._say(f"I3: {call.part_id} is ticketed before all captures")
            case Capture():
                held = [part for part in world.saga.parts if part.holds and not part.is_dropped]
                if not all(any(o.is_live for o in _orders(world, part)) for part in held):
                    self._say(f"I6: {call.share_id} is captured without a live order")
            case CancelOrder():
                order = world._core(call.part_id).orders[call.order_id]
                is_bought = order.status in ("ticketed", "confirmed")
                if is_bought and not world.saga.by_operator and not self._is_agreed(world):
                    self._say(f"I7: {order.id} is given up, and nobody has agreed")
            case AcceptChange():
                if not self._has_won("accept", world):
                    self._say(f"I7: {call.part_id} is accepted, and nobody has agreed")
            case TellReplaced() if call.is_booked:
                if not all(any(o.is_live for o in _orders(world, p)) for p in world.saga.parts):
                    self._say("I7: another booking is given up before this one is booked")
            case _:
                pass

    def _decided(self, world: World, before: Saga | None, saga: Saga) -> None:
        """What was asked and answered; and new times are nobody's before that."""
        if saga.question is not None and saga.question.kind in ("refund", "supplier_change"):
            self._asked[saga.question.id] = saga.question
        for was, part in zip(before.parts if before is not None else (), saga.parts, strict=False):
            is_moved = was.offer.details != part.offer.details and saga.state in _BOOKED
            if is_moved and not self._has_won("accept", world):
                self._say(f"I7: {part.id} is flown at other times, and nobody has agreed")

    def _is_agreed(self, world: World) -> bool:
        return (
            any("agree" in said.values() for said in world.answers.values())
            or self._has_won("refund", world)
            or (world.is_replaced and self._has_won("rebook", world))
        )

    def _has_won(self, option_id: str, world: World) -> bool:
        """Nobody had more votes, or nobody voted in time."""
        for asked in self._asked.values():
            if asked.kind != "supplier_change":
                continue
            votes = Counter(world.answers.get(asked.id, {}).values())
            if votes and votes[option_id] == max(votes.values()):
                return True
            if not votes and world.now >= asked.expires_at:
                return True
        return False

    def _told_back(self) -> int | None:
        """What comes back by the newest question, where it says so."""
        newest = next(reversed(self._asked.values()), None)
        for option in newest.options if newest is not None else ():
            if option.id in ("agree", "refund") and option.shares is not None:
                return sum(option.shares.values())
        return None

    def _numbers(self, before: Saga | None, step: Step) -> None:
        was = 0 if before is None else before.version
        if step.saga.version not in (was, was + 1):
            self._say(f"version {was} became {step.saga.version}")
        if (step.notice is not None) != (step.saga.version == was + 1):
            self._say("what people are told and the version do not go together")

    def _true_of(self, world: World, share: Share) -> None:
        """What a share says of money is so."""
        payments = _payments(world, share.id)
        net = sum(payment.net for payment in payments)
        self._most[share.id] = max(self._most.get(share.id, 0), share.amount.amount)
        if net > self._most[share.id]:
            self._say(f"double charge: {share.id} paid {net} of {self._most[share.id]}")
        taken = sum(payment.captured for payment in payments)
        if share.state == "captured" and taken < share.amount.amount:
            self._say(f"{share.id} is said to be captured, and {taken} were")
        if share.state == "refunded" and net != 0 and not any(p.refund_failed for p in payments):
            self._say(f"{share.id} is said to be refunded, and {net} were not")
        if share.state == "voided" and any(p.capturable for p in payments):
            self._say(f"{share.id} is said to be let go, and is not")
        if share.state == "authorized" and not any(
            p.capturable or p.captured or p.has_expired for p in payments
        ):
            self._say(f"{share.id} is said to be authorised, and is not")

    def _told(self, world: World, saga: Saga, notice: Notice) -> None:
        if _leaks(notice.note):
            self._say(f"everybody is told why a card was declined: {notice.note}")
        if ODD_CARD in str(notice):
            self._say(f"people are told why it is looked at: {notice.note}")
        paid = sum(payment.net for payment in world.payments.payments.values())
        paid -= sum(payment.by_hand for share in saga.shares for payment in share.payments)
        if paid and any(word in notice.note.text for word in ("Nobody has paid", "that was paid")):
            self._say(f"everybody is told that nobody has paid, and {paid} were")
        for share in saga.shares:
            said = notice.notes.get(share.user_id)
            if said is not None and said.text == COMES_BACK:
                self._comes_back(world, share, said)
        states = {share.user_id: share.state for share in saga.shares}
        for user_id, sentence in notice.notes.items():
            if _leaks(sentence) and states.get(user_id) != "declined":
                self._say(f"{user_id} is told of another's card: {sentence}")
        for user_id in sorted(states):
            seen = world.view(user_id)
            if seen.action is not None:
                mine = [
                    p for s in saga.shares if s.user_id == user_id for p in _payments(world, s.id)
                ]
                urls = {p.action.url for p in mine if p.action is not None} | {
                    q.seen.action.url
                    for s in saga.shares
                    if s.user_id == user_id
                    for q in s.payments
                    if q.seen is not None and q.seen.action is not None
                }
                if seen.action.url not in urls:
                    self._say(f"{user_id} sees another's action")
            if seen.version != saga.version:
                self._say("a view has another version")
        if world.view(None).action is not None:
            self._say("everybody sees an action")

    def _comes_back(self, world: World, share: Share, said: Sentence) -> None:
        """No more than did, unless it was taken back since."""
        payments = _payments(world, share.id)
        back = sum(payment.refunded for payment in payments)
        back += sum(payment.by_hand for payment in share.payments)
        told = said.params["back_money"]
        assert isinstance(told, Money)
        if told.amount > back and not any(payment.refund_failed for payment in payments):
            self._say(f"{share.id} is told that {told.amount} come back, and {back} do")

    # ── at the end ──

    def ended(self, world: World) -> None:
        saga = world.saga
        missed = world.faults.keys() - world.fired
        planted = dict(world.story.planted)
        added = world.faults.keys() - planted.keys()
        if missed and (not added or (added == missed and len(added) == 1)):
            self._say(f"a site was never hit: {sorted(missed)}")
        if saga.state == "MANUAL":
            if not _may_be_manual(world):
                self._say(f"manual without need: {saga.manual_reason}")
        elif saga.state not in ("COMPLETED", "CANCELLED"):
            self._say(f"it hangs in {saga.state}")
        if not added and world.scenario.seed is None and saga.state not in world.story.ends:
            self._say(f"without faults it ended {saga.state}: {saga.reason}{saga.manual_reason}")
        if saga.pending:
            self._say(f"calls are still open: {[p.call for p in saga.pending]}")
        self._money(world)
        self._ledger(world)
        if world.settled:
            return  # the rest was done by hand, at no sandbox and in no ledger
        if saga.state == "COMPLETED":
            self._booked(world)
        elif saga.state == "CANCELLED":
            self._undone(world)

    def _money(self, world: World) -> None:
        for payment in world.payments.payments.values():
            world.payments.read(payment.id)
            if payment.capturable:
                self._say(f"orphan hold: {payment.id} of {payment.reference.share_id}")
            if payment.has_expired and world.saga.state != "MANUAL":
                self._expired(world, payment)
        for share in world.saga.shares:
            net = sum(payment.net for payment in _payments(world, share.id))
            if net > share.amount.amount and world.saga.state != "MANUAL":
                self._say(f"double charge: {share.id} paid {net} of {share.amount.amount}")
        known = {share.id for share in world.saga.shares}
        for payment in world.payments.payments.values():
            if payment.reference.share_id not in known and payment.net:
                self._say(f"{payment.reference.share_id} is nobody's share, and paid")

    def _expired(self, world: World, payment: Payment) -> None:
        """An authorisation that ran out by itself, days after the end, was an orphan until then."""
        if payment.capture_before is not None and payment.capture_before - payment.made_at >= (
            7 * 86_400_000
        ):
            self._say(f"orphan hold: {payment.id} was never let go and ran out")

    def _ledger(self, world: World) -> None:
        balances: Counter[str] = Counter()
        memos: Counter[str] = Counter()
        for posting in world.journal.postings:
            for entry in posting.entries:
                (memos if posting.is_memo else balances)[entry.account] += entry.amount
        has_ended = world.saga.state in ("COMPLETED", "CANCELLED")
        psp = sum(amount for name, amount in balances.items() if name.startswith("psp:"))
        net = sum(payment.net for payment in world.payments.payments.values())
        if psp != net and not world.settled:
            self._say(f"ledger: psp is {psp}, the provider has {net}")
        for name, amount in balances.items():
            kind = name.split(":")[0]
            is_open = kind == "participant" and has_ended and not world.settled
            if amount and (kind in ("trip", "suspense") or is_open):
                self._say(f"ledger: {name} is {amount} at the end")
        for name, amount in memos.items():
            if amount and has_ended:
                self._say(f"ledger: {name} still has {amount} reserved")

    def _booked(self, world: World) -> None:
        for part in world.saga.parts:
            if part.is_dropped or part.is_given_back:
                if any(order.is_live for order in _orders(world, part)):
                    self._say(f"I1: {part.id} was dropped, and is booked")
                continue
            live = [order for order in _orders(world, part) if order.is_live]
            wanted = "ticketed" if part.kind == "flight" else "confirmed"
            if [order.status for order in live] != [wanted]:
                self._say(f"I1: {part.id} is booked with {[(o.id, o.status) for o in live]}")
            ids = {order.id for order in live} | {f"by-hand:{part.id}:{part.attempt}"}
            if part.order is None or part.order.order_id not in ids:
                self._say(f"I1: {part.id} names another order")
        for share in world.saga.shares:
            net = sum(payment.net for payment in _payments(world, share.id))
            if net != share.amount.amount:
                self._say(f"I1: {share.id} paid {net} of {share.amount.amount}")
        self._everybody_flies(world)

    def _everybody_flies(self, world: World) -> None:
        """And nobody else."""
        flights = [p for p in world.saga.parts if p.kind == "flight" and not p.is_dropped]
        flying = sum(o.travellers for p in flights for o in _orders(world, p) if o.is_live)
        travelling = sum(payer not in world.gone for payer in world.seats.values())
        is_whole = flights and not any(part.is_given_back for part in flights)
        if is_whole and flying != travelling:
            self._say(f"I1: {flying} fly of the {travelling} who travel")
        if any(seat.payer_id in world.gone for seat in world.saga.seats):
            self._say("somebody travels who has left")

    def _undone(self, world: World) -> None:
        for part in world.saga.parts:
            for order in _orders(world, part):
                if order.is_live:
                    self._say(f"I2: {order.id} lives on")
        net = sum(payment.net for payment in world.payments.payments.values())
        kept = sum(
            order.total.amount - order.returned
            for part in world.saga.parts
            for order in _orders(world, part)
            if order.returned is not None
        )
        if net != kept:
            self._say(f"I2: {net} are kept, and suppliers have {kept}")

    def _say(self, problem: str) -> None:
        if problem not in self.problems:
            self.problems.append(problem)


def judge(scenario: Scenario, *, keeps_log: bool = False) -> tuple[World, list[str]]:
    """Play it and say what was wrong with it."""
    watch = Judge()
    world = World(scenario, watch, keeps_log=keeps_log)
    # Whatever the machine raises is a problem of this scenario, not the end of the suite.
    try:
        world.play()
    except Exception as error:
        watch.problems.append(f"raised {type(error).__name__}: {error}")
        world.log.append(traceback.format_exc())
    else:
        watch.ended(world)
    return world, watch.problems


def _asked_in_vain(world: World) -> bool:
    """Whether an order went out to somebody who keeps no list, and was not answered; or what a supplier
    gives back for what was paid."""
    in_vain = [
        world.journal.intents[seq] for seq, word in world.journal.ended.items() if word == "unknown"
    ]
    return any(
        (isinstance(call, Hold) and not world.part(call.part_id).finds)
        or (isinstance(call, CancelOrder) and world.saga.by_policy)
        for call in in_vain
    )


def _may_be_manual(world: World) -> bool:
    return (
        _asked_in_vain(world)
        or _lapsed_beside_what_stays(world)
        or any(
            site.startswith(beginning) and fault in faults
            for site, fault in world.faults.items()
            if site in world.fired
            for beginning, faults in MAY_BE_MANUAL.items()
        )
    )


def _lapsed_beside_what_stays(world: World) -> bool:
    """An airline has let the seats go while something else was booked that nobody takes back: a room, or
    another order of the flight that has its tickets already."""
    has_lapsed = any(
        fault == "lapsed" and site.startswith("read_order:f") and site in world.fired
        for site, fault in world.faults.items()
    )
    return has_lapsed and any(
        order.is_live and not world.suppliers[part.offer.supplier].takes_back(order)
        for part in world.saga.parts
        for order in _orders(world, part)
    )


def _orders(world: World, part: Part) -> list[Order]:
    """All that were ever made for this part, as they are now."""
    core = world.suppliers[part.offer.supplier]
    mine = world.references.get(part.id, set())
    return [
        core.orders[order_id]
        for order_id in core.orders
        if core.orders[order_id].reference in mine and core.get(order_id) is not Ellipsis
    ]


def _cards(world: World) -> frozenset[tuple[str, str]]:
    """By the provider: the method that was tried last with the newest payment of each share."""
    tried = [payment for payment in world.payments.payments.values() if payment.method]
    newest = {p.reference.share_id: p for p in sorted(tried, key=lambda p: p.reference.version)}
    costs = {share.id for share in world.saga.shares if share.amount.amount}
    return frozenset((one, payment.method) for one, payment in newest.items() if one in costs)


def _payments(world: World, share_id: str) -> list[Payment]:
    return [p for p in world.payments.payments.values() if p.reference.share_id == share_id]


def _all_captured(world: World) -> bool:
    return all(
        sum(payment.net for payment in _payments(world, share.id)) >= share.amount.amount
        for share in world.saga.shares
    )


def _leaks(sentence: Sentence) -> bool:
    """Whether it says why a card was refused."""
    text = f"{sentence.text} {sentence.params}"
    return sentence.text in DECLINED.values() or bool(_OF_ONE_ALONE.search(text))
