"""The people of a booking, who do what their story says; and the desk and its clerk."""

from collections.abc import Callable
from typing import Final

from booking_journal import Crash
from booking_stage import Actor, Stage
from booking_stories import HOUR, MINUTE
from msgspec.structs import replace

from actors.booking import views
from actors.booking.cards import is_in_review
from actors.booking.state import Asked
from actors.booking.steps import (
    Answer,
    Approve,
    CallOff,
    Decline,
    Input,
    Operate,
    TravellerNamed,
    Wake,
)
from core.errors import Rejected
from protocol.booking import BookingView

SETTLED: Final = ("authorized", "capturing", "captured", "part_refunded")
"""Of a share: its money is there."""
PEOPLE_STATUSES: Final = ("collecting", "action_needed")


class Crowd(Stage):
    """Everybody who says something to a booking."""

    def act(self) -> bool:
        """Somebody does something that they have waited long enough to do."""
        for actor in self.people.values():
            command = self._wish(actor)
            if command is None:
                actor.ready_at = None
            elif actor.ready_at is None:
                actor.ready_at = self.now + actor.person.waits
            elif actor.ready_at <= self.now:
                actor.ready_at = None
                self._say(actor, command)
                return True
        return False

    def _wish(self, actor: Actor) -> Callable[[], Input] | None:
        """What they would say, made when it is said."""
        saga, person = self.saga, actor.person
        if actor.rejected > 4:
            return None
        if (
            actor.user_id == saga.organiser_id
            and saga.state in person.calls_off
            and not actor.has_called_off
        ):
            return lambda: CallOff(user_id=actor.user_id)
        seen = self.view(actor.user_id)
        question = seen.question
        if (
            question is not None
            and actor.user_id in question.to
            and saga.question is not None
            and actor.user_id not in saga.question.answers
        ):
            return lambda: Answer(
                user_id=actor.user_id,
                question_id=question.id,
                option_id=person.choice(question),
            )
        if seen.status not in PEOPLE_STATUSES:
            return None
        if question is not None and question.kind == "reconsent" and actor.user_id in question.to:
            return None
        if person.mood == "silent":
            return None
        for seat in saga.seats:
            if seat.payer_id == actor.user_id and seat.id not in actor.named:
                return lambda: TravellerNamed(
                    user_id=actor.user_id, traveller_id=seat.id, digest="d" * 64
                )
        share = next((one for one in seen.participants if one.user_id == actor.user_id), None)
        if share is None or share.amount.amount == 0:
            return None
        has_no_other = person.mood == "once" and actor.tries > 0 and share.state == "expired"
        if (
            person.mood == "declines"
            or has_no_other
            or (person.mood == "hesitates" and not actor.has_declined)
        ):
            return None if actor.has_declined else lambda: Decline(user_id=actor.user_id)
        if seen.action is not None:
            return Wake
        if share.state in ("invited", "declined", "expired") and actor.tries < 8:
            return lambda: self._approval(actor)
        return None

    def _approval(self, actor: Actor) -> Approve:
        methods = actor.person.methods
        method = methods[actor.tries] if actor.tries < len(methods) else "pm_card_visa"
        actor.tries += 1
        return Approve(
            user_id=actor.user_id, method=method, client_id=f"{actor.user_id}-{actor.tries}"
        )

    def _say(self, actor: Actor, make: Callable[[], Input]) -> None:
        command = make()
        if isinstance(command, Wake):
            self._confirm(actor)
            return
        fault = self.reach("person", f"{type(command).__name__}/{actor.user_id}")
        if fault == "crash_before":
            self.later(30_000, lambda: self._command(actor, command))
            raise Crash
        self._command(actor, command)
        if fault == "doubled":
            self._command(actor, command)
        if fault == "crash_after":
            self.later(30_000, lambda: self._command(actor, command))
            raise Crash

    def _command(self, actor: Actor, command: Input) -> None:
        if isinstance(command, Answer):
            said = self.answers.setdefault(command.question_id, {})
            said[command.user_id] = command.option_id
        seen = self.view(None).participants
        asked = self.saga.question
        try:
            self.feed(command)
        except Rejected as refusal:
            self.note("  {} is told: {}", actor.user_id, refusal)
            actor.rejected += 1
            return
        match command:
            case Decline():
                actor.has_declined = True
            case CallOff():
                actor.has_called_off = True
            case Answer(option_id="drop"):
                out = {p.user_id for p in seen if p.state not in SETTLED}
                said_no = {p.user_id for p in seen if self.people[p.user_id].has_declined}
                self.gone |= out & (_named(asked) | said_no)
            case TravellerNamed():
                actor.named.add(command.traveller_id)
            case _:
                pass

    def _confirm(self, actor: Actor) -> None:
        """At the provider's page."""
        says = actor.person.confirms
        ok = says[actor.confirmed] if actor.confirmed < len(says) else True
        actor.confirmed += 1
        for payment in list(self.payments.payments.values()):
            if payment.status == "action_required" and self.payer(payment.reference.share_id) == (
                actor.user_id
            ):
                self.note("  {} confirms {}: {}", actor.user_id, payment.id, ok)
                self.payments.finish_action(payment.id, ok=ok)

    def operate(self) -> bool:
        """The desk and its clerk, when they have waited for two hours; a reviewer sooner."""
        word = self._word()
        if word is None:
            self.desk_at = None
            return False
        if self.desk_at is None:
            self.desk_at = self.now + (20 * MINUTE if word.action == "allow" else 2 * HOUR)
        if self.now < self.desk_at:
            return False
        self.desk_at = None
        if word.operator == "clerk":
            self.clerk_words += 1
        if word.action == "compensate":
            self._call_hotels_off()
        if word.action == "returned":
            self._call_flight_off(word)
        if word.action == "allow":
            self.allowed.add(self.in_doubt)
        try:
            self.feed(word)
            self.settled = self.settled or (word.operator, word.action) == ("clerk", "settle")
        except Rejected as refusal:
            self.note("  the desk is told: {}", refusal)
        return True

    def _word(self) -> Operate | None:
        """What an operator would say now. The desk asks a hotel that did not answer by telephone, after the
        hour in which the call may still take effect; the clerk tries again, undoes, and settles by hand; and of
        a flight that was given up, gives it up by telephone."""
        if self.story.has_clerk and self.state == "MANUAL":
            for part in self.saga.parts:
                is_given_up = part.change is not None and part.change.decision == "refund"
                if is_given_up and part.returned is None:
                    back = replace(part.total, amount=part.total.amount * 2 // 3)
                    return Operate(operator="clerk", action="returned", amount=back)
            words = ("retry", "compensate", "settle")
            self.clerk_words = min(self.clerk_words, len(words) - 1)
            return Operate(operator="clerk", action=words[self.clerk_words], note="by hand")
        if self.story.has_reviewer and is_in_review(self.saga):
            return Operate(operator="reviewer", action="allow")
        unknown = [
            p for p in self.saga.parts if p.is_doubtful and p.kind == "hotel" and not p.finds
        ]
        if not self.story.has_desk or not unknown or self.state != "HOTEL_UNKNOWN":
            return None
        mine = {ref for p in unknown for ref in self.references.get(p.id, ())}
        is_there = any(
            order.is_live and order.reference in mine
            for p in unknown
            for order in self._core(p.id).orders.values()
        )
        return Operate(operator="desk", action="settle" if is_there else "retry", note="asked")

    def _call_flight_off(self, word: Operate) -> None:
        for core in self.suppliers.values():
            for order in core.orders.values():
                if core.kind != "hotel" and order.is_live:
                    order.status, order.returned = "cancelled", word.amount and word.amount.amount

    def _call_hotels_off(self) -> None:
        """By telephone, before everything is undone."""
        for core in self.suppliers.values():
            for order in core.orders.values():
                if core.kind == "hotel":
                    order.status = "cancelled"

    def payer(self, share_id: str) -> str | None:
        return next((share.user_id for share in self.saga.shares if share.id == share_id), None)

    def view(self, user_id: str | None) -> BookingView:
        return views.view(self.saga, user_id)


def _named(question: Asked | None) -> set[object]:
    """Without whom the organiser was told that it goes on."""
    options = () if question is None else question.options
    drop = next((option for option in options if option.id == "drop"), None)
    params = {} if drop is None else drop.params
    return {value for name, value in params.items() if name.endswith("_user")}
