"""Rules of bookings broken on purpose, one at a time, to see that the judge notices.

Each names the scenarios in which it must be found, and a word of the problem that finds it. Unbroken, the same
scenarios have no problem.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import fake_orders
from booking_journal import Journal
from booking_trial import World
from msgspec.structs import replace
from mutants import Patches

from actors.booking import (
    capturing,
    cards,
    finishing,
    machine,
    ordering,
    orders,
    payment_sights,
    payments,
    pricing,
    resplitting,
    screening,
    supplier_changes,
    unwinding,
    views,
)
from actors.booking.calls import (
    Authorise,
    Call,
    Capture,
    Confirm,
    Hold,
    OpenPayment,
    Release,
    TellReplaced,
)
from actors.booking.moves import capture
from actors.booking.state import Saga, Share
from actors.booking.steps import Sentence
from actors.booking.turn import Turn
from protocol.payments import PaymentState
from protocol.suppliers import Created, NotSent, Unknown

_execute = World.execute
_outcome = World.outcome


def double_capture() -> Patches:
    """Whoever is charged is charged once more, with another payment."""

    def twice(self: World, call: Call, *asked: Any) -> Any:
        if isinstance(call, Capture):
            payment = self.payments.payments[call.payment_id]
            again = self.payments.open(payment.amount, payment.reference, key=f"{call.key}/again")
            assert isinstance(again, PaymentState)
            self.payments.authorise(again.payment_id, "pm_card_visa", key=f"{call.key}/hold")
            self.payments.capture(again.payment_id, call.amount, key=f"{call.key}/take")
        return _execute(self, call, *asked)

    yield World, "execute", twice


def create_and_confirm() -> Patches:
    """A payment is made and confirmed in one call."""

    def at_once(self: World, call: Call, *asked: Any) -> Any:
        answer = _execute(self, call, *asked)
        if isinstance(call, OpenPayment) and isinstance(answer, PaymentState):
            return self.payments.authorise(
                answer.payment_id, "pm_card_visa", key=f"{call.key}/confirm"
            )
        return answer

    yield World, "execute", at_once


def order_sent_again() -> Patches:
    """An order whose outcome is not known is sent once more."""

    def stubborn(self: World, call: Call, fault: str | None) -> Any:
        answer = _outcome(self, call, fault)
        if isinstance(call, Hold) and isinstance(answer, Unknown):
            return self.execute(call)
        return answer

    yield World, "outcome", stubborn


def ticket_before_capture() -> Patches:
    """What is held is issued at once."""

    def hasty(self: World, call: Call, *asked: Any) -> Any:
        answer = _execute(self, call, *asked)
        if isinstance(call, Hold) and isinstance(answer, Created):
            kind = Release if self.part(call.part_id).issues == "explicit" else Confirm
            order_id = answer.order.order_id
            issue = kind(part_id=call.part_id, order_id=order_id, reference=call.reference)
            if self.watch is not None:
                self.watch.leaving(self, issue)
            self.execute(issue)
        return answer

    yield World, "execute", hasty


def no_dead_man() -> Patches:
    """What is held is held for ever."""
    yield fake_orders, "HOLDS_FOR_MS", dict.fromkeys(fake_orders.HOLDS_FOR_MS, 1 << 60)


def new_keys() -> Patches:
    """Each call has a key of its own, also when it is a repeat."""

    def fresh(self: World, call: Call, *asked: Any) -> Any:
        if isinstance(call, OpenPayment | Authorise | Capture):
            call = replace(call, key=f"{call.key}#{self.payments.calls}")
        return _execute(self, call, *asked)

    yield World, "execute", fresh


def old_fence() -> Patches:
    """What is stored is stored, whoever owns the booking by now."""
    init = Journal.__init__

    def trusting(self: Journal, *args: Any, **more: Any) -> None:
        init(self, *args, **more)
        self.checks = False

    yield Journal, "__init__", trusting


def unknown_is_not_done() -> Patches:
    """An order that was not answered counts as one that never left."""
    route = machine._route

    def hopeful(turn: Any, call: Call, outcome: Any) -> None:
        route(turn, call, NotSent() if isinstance(outcome, Unknown) else outcome)

    yield machine, "_route", hopeful


def proven_at_once() -> Patches:
    """A list that does not have an order proves that it was never made, however young it is."""
    yield orders, "PROVEN_AFTER", 0


def captured_first() -> Patches:
    """Money is taken before anything is held for it."""
    yield pricing, "order", capture


def reasons_for_all() -> Patches:
    """Whatever one person is told is told everybody."""
    plain = finishing._plain

    def loud(before: Saga, saga: Saga) -> Sentence:
        for sentence in finishing._personal(before, saga, None).values():
            return sentence
        return plain(before, saga)

    yield finishing, "_plain", loud


def reasons_for_another() -> Patches:
    """Why a card was declined is told the next one in the list."""
    personal = finishing._personal

    def mixed_up(before: Saga, saga: Saga, note: Sentence | None) -> dict[str, Sentence]:
        users = [share.user_id for share in saga.shares]
        found = personal(before, saga, note)
        return {users[users.index(one) - 1]: sentence for one, sentence in found.items()}

    yield finishing, "_personal", mixed_up


def actions_for_all() -> Patches:
    """Everybody may confirm everybody's payment."""
    action = views._action

    def open_door(saga: Saga, user_id: str | None) -> Any:
        found = [action(saga, share.user_id) for share in saga.shares]
        return next((one for one in found if one is not None), None)

    yield views, "_action", open_door


def posted_twice() -> Patches:
    """What moved is written down twice."""
    post = Turn.post

    def generous(self: Turn, *args: Any, **more: Any) -> None:
        post(self, *args, **more)
        post(self, *args, **more)

    yield Turn, "post", generous


def not_posted() -> Patches:
    """Nothing of it is written down."""
    yield Turn, "post", lambda *args, **more: None


def holds_not_let_go() -> Patches:
    """What was reserved stays written down as reserved."""
    yield payment_sights, "post_let_go", lambda *args: None


def said_too_early() -> Patches:
    """What is held on a card is said to be taken."""
    standing = finishing.standing

    def hasty(*args: Any) -> Any:
        found = standing(*args)
        return "captured" if found == "authorized" else found

    yield finishing, "standing", hasty


def money_kept() -> Patches:
    """Nothing is ever left to be given back."""
    for module in (payments, payment_sights, ordering):
        yield module, "left_to_refund", lambda *args: 0


def more_told_than_comes() -> Patches:
    """Whatever comes back, people are told that it is all."""

    def generous(share: Share) -> dict[str, object]:
        paid = replace(share.amount, amount=payments.taken(share))
        return {"back_money": paid, "paid_money": paid}

    yield finishing, "_comes_back", generous


def holds_kept() -> Patches:
    """What is undone is undone at the suppliers alone."""
    yield unwinding, "_undo_share", lambda *args: True
    yield machine, "_let_go_strays", lambda turn: None


def unscreened() -> Patches:
    """Nobody waits for a screener's word."""
    yield screening, "verdict_of", lambda saga: "allow"


def carried_over() -> Patches:
    """What was said of one card is said of the next."""

    def careless(saga: Saga) -> str | None:
        return None if saga.screening is None else saga.screening.found.verdict

    for module in (cards, capturing, screening):
        yield module, "verdict_of", careless


def reasons_told() -> Patches:
    """People hear what operators hear."""
    unwind = screening.unwind

    def frank(turn: Turn, reason: str) -> None:
        unwind(turn, f"{reason} {turn.saga.screening}")

    yield screening, "unwind", frank


def blind() -> Patches:
    """Nobody looks at anything again."""
    yield machine, "looks_wanted", lambda saga, now: ()


def refund_unasked() -> Patches:
    """A flight that its airline changes is given up at once."""
    yield supplier_changes, "_ask", supplier_changes.give_up


def times_unasked() -> Patches:
    """New times are everybody's at once."""
    yield supplier_changes, "_ask", supplier_changes.take_times


def any_refund_will_do() -> Patches:
    """Suppliers return what they like, whatever people were told."""
    yield orders, "_promised", lambda part: None


def replaced_too_early() -> Patches:
    """The booking that is replaced is given up as soon as somebody pays for the other."""
    capturing = machine.advance_capturing

    def hasty(turn: Turn) -> None:
        if turn.saga.replaces is not None and not turn.saga.pending:
            turn.call(TellReplaced(booking_id=turn.saga.replaces, is_booked=True, key="k"))
        capturing(turn)

    yield machine, "advance_capturing", hasty


def first_order_is_all() -> Patches:
    """Of a flight that takes several orders the first is the whole."""
    yield ordering, "flights_of", lambda saga: orders.flights_of(saga)[:1]


def first_share_is_all() -> Patches:
    """Once one person has paid everything counts as paid."""
    unpaid = capturing.unpaid

    def hasty(saga: Saga) -> Any:
        left = unpaid(saga)
        return left[:1] if len(left) == len(saga.shares) else ()

    yield capturing, "unpaid", hasty
    yield ordering, "is_paid", lambda share: True


def seats_kept() -> Patches:
    """Whoever leaves is ordered for as before."""
    leave = resplitting.leave

    def forgetful(turn: Turn, out: Any) -> None:
        before = turn.saga.seats
        leave(turn, out)
        turn.update(seats=before)

    yield resplitting, "leave", forgetful


def all_left_behind() -> Patches:
    """Whoever has not paid yet goes with who said no."""
    yield resplitting, "given_up", resplitting.missing_shares


def order_kept() -> Patches:
    """What is ordered for fewer is ordered beside what was ordered for all."""
    yield capturing, "undo_order", lambda turn, part: True


MUTANTS: Final[Mapping[str, tuple[str, Callable[[], Patches], tuple[str, ...]]]] = {
    "double_capture": ("double charge", double_capture, ("amadeus3",)),
    "create_and_confirm": (
        "orphan hold",
        create_and_confirm,
        ("gives_up+open_payment:s1:1=latest",),
    ),
    "order_sent_again": ("I4", order_sent_again, ("duffel3+hold:f:1=lost",)),
    "ticket_before_capture": ("I3", ticket_before_capture, ("duffel3",)),
    "no_dead_man": ("I2", no_dead_man, ("called_off_unknown+hold:f:1=latest",)),
    "old_fence": (
        "",
        old_fence,
        ("amadeus3+hold:f:1=usurped", "duffel3+capture:s1:1=usurped"),
    ),
    "unknown_is_not_done": ("I4", unknown_is_not_done, ("amadeus3+hold:f:1=crash_done",)),
    "proven_at_once": ("I4", proven_at_once, ("duffel3+hold:f:1=late",)),
    "captured_first": ("I6", captured_first, ("duffel3",)),
    "reasons_for_all": ("why a card was declined", reasons_for_all, ("tour3",)),
    "reasons_for_another": ("is told of another", reasons_for_another, ("tour3",)),
    "actions_for_all": ("sees", actions_for_all, ("banks",)),
    "posted_twice": ("posted twice", posted_twice, ("hotel3",)),
    "not_posted": ("the provider has", not_posted, ("hotel3",)),
    "holds_not_let_go": ("reserved", holds_not_let_go, ("gives_up",)),
    "said_too_early": ("is said to be captured", said_too_early, ("duffel3",)),
    "money_kept": ("I2", money_kept, ("sold_out_hotel",)),
    "more_told_than_comes": ("come back, and", more_told_than_comes, ("less_back",)),
    "holds_kept": ("orphan hold", holds_kept, ("gives_up",)),
    "refund_unasked": ("I7", refund_unasked, ("rebooks",)),
    "times_unasked": ("flown at other times", times_unasked, ("moved",)),
    "any_refund_will_do": ("were told", any_refund_will_do, ("less_back",)),
    "replaced_too_early": ("before this one is booked", replaced_too_early, ("replaces",)),
    "unscreened": ("S: ", unscreened, ("duffel3",)),
    "carried_over": ("S: ", carried_over, ("repair_denied",)),
    "reasons_told": ("is looked at", reasons_told, ("denied",)),
    "first_order_is_all": ("I6", first_order_is_all, ("group",)),
    "first_share_is_all": ("I3", first_share_is_all, ("group",)),
    "ticket_one_before_capture": ("I3", ticket_before_capture, ("group",)),
    "seats_kept": ("who travel", seats_kept, ("leaves", "leaves_held")),
    "all_left_behind": ("left behind", all_left_behind, ("leaves",)),
    "order_kept": ("I4", order_kept, ("leaves_held",)),
    "blind": ("hangs", blind, ("lost_order",)),
}
"""By name: a word of the problem that finds it, the rule broken, the scenarios in which it is found."""
