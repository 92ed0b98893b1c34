"""One step in the making (pure): the saga as it becomes, and what goes out with it."""

from collections.abc import Iterable
from typing import Final

from msgspec.structs import replace

from actors.booking.calls import Call, Hold, OpenPayment
from actors.booking.state import (
    Part,
    Payment,
    Pending,
    Saga,
    SagaState,
    Screening,
    Seat,
    Share,
)
from actors.booking.steps import Attempt, Intent, Sentence
from actors.booking.timing import backoff
from protocol.ledger import Entry, Posting

MOST_REMEMBERED: Final = 32
"""Client ids of a share, closed questions and barred methods that are remembered."""


class Turn:
    """Owns: the saga while it changes; nothing of it is seen elsewhere before the step is returned.
    `now`: business time in milliseconds; a deadline that is past is dealt with at its own time, and `step_at`
    is when it is."""

    def __init__(self, saga: Saga, now: int) -> None:
        self.saga = saga
        self.now = self.step_at = now
        self.intents: list[Intent] = []
        self.ended: list[tuple[int, str, str]] = []
        self.postings: list[Posting] = []
        self.attempts: list[Attempt] = []
        self.screening: Screening | None = None
        self.note: Sentence | None = None
        self.notes: dict[str, Sentence] = {}
        self._is_news = False
        self.has_card = False
        """Whether the room is told of this step, though the booking's status stays."""
        self.is_reminder = False
        """Whether people hear of it though nothing has changed that they see."""

    # ── what is there ──

    def share(self, share_id: str) -> Share:
        return next(share for share in self.saga.shares if share.id == share_id)

    def part(self, part_id: str) -> Part:
        return next(part for part in self.saga.parts if part.id == part_id)

    def is_open(self, subject: str) -> bool:
        """Whether nothing keeps the subject waiting."""
        return self.saga.next_look_at.get(subject, self.now) <= self.now

    # ── how it changes ──

    def update(self, **changes: object) -> None:
        self.saga = replace(self.saga, **changes)

    def put_share(self, share: Share) -> None:
        self.update(shares=tuple(share if s.id == share.id else s for s in self.saga.shares))

    def put_part(self, part: Part) -> None:
        self.update(parts=tuple(part if p.id == part.id else p for p in self.saga.parts))

    def put_seat(self, seat: Seat) -> None:
        self.update(seats=tuple(seat if s.id == seat.id else s for s in self.saga.seats))

    def put_payment(self, share_id: str, payment: Payment) -> None:
        """The one of its version, or a new last one."""
        share = self.share(share_id)
        if any(p.version == payment.version for p in share.payments):
            payments = tuple(payment if p.version == payment.version else p for p in share.payments)
        else:
            payments = (*share.payments, payment)
        self.put_share(replace(share, payments=payments))

    def go(self, state: SagaState, **changes: object) -> None:
        """Into a state; what the one before waited for is forgotten."""
        if state != self.saga.state:
            changes = {"entered_at": self.now, "is_stuck": False, **changes}
        self.update(state=state, **changes)

    def set_deadline(self, name: str, at: int | None) -> None:
        """None: there is none any more."""
        deadlines = {key: value for key, value in self.saga.deadlines.items() if key != name}
        self.update(deadlines=deadlines if at is None else {**deadlines, name: at})

    def wait(self, subject: str, after: int) -> None:
        self.update(next_look_at={**self.saga.next_look_at, subject: self.now + after})

    def back_off(self, subject: str) -> int:
        """It failed once more; how often in a row by now."""
        tries = self.saga.tries.get(subject, 0) + 1
        self.update(tries={**self.saga.tries, subject: tries})
        self.wait(subject, backoff(tries))
        return tries

    def settled(self, subject: str) -> None:
        """It went well: nothing keeps it waiting."""
        self.at_once(subject)
        if subject in self.saga.tries:
            self.update(tries={k: v for k, v in self.saga.tries.items() if k != subject})

    def at_once(self, subject: str) -> None:
        if subject in self.saga.next_look_at:
            self.update(
                next_look_at={k: v for k, v in self.saga.next_look_at.items() if k != subject}
            )

    # ── what goes out ──

    def call(self, call: Call) -> int:
        """Its intent's number."""
        seq = self.saga.next_seq
        pending = Pending(seq=seq, call=call, at=self.now)
        self.update(pending=(*self.saga.pending, pending), next_seq=seq + 1)
        self.intents.append(Intent(seq=seq, call=call))
        return seq

    def judge(self, screening: Screening) -> None:
        """A verdict, or an operator's word about one: kept with the step. People are told nothing of it."""
        self.update(screening=screening)
        self.screening = screening

    def post(
        self, name: str, intent: int, entries: Iterable[tuple[str, int]], *, is_memo: bool = False
    ) -> None:
        """Debits positive; accounts that nothing is moved on are left out."""
        rows = tuple(Entry(account=account, amount=amount) for account, amount in entries if amount)
        if rows:
            self.postings.append(
                Posting(
                    name=name,
                    intent=intent,
                    currency=self.saga.total.currency,
                    entries=rows,
                    is_memo=is_memo,
                )
            )

    def say(self, text: str, **params: object) -> None:
        """To everybody. The last word of a step is the one that is told, unless there was news."""
        if not self._is_news:
            self.note = Sentence(text=text, params=params)

    def say_news(self, text: str, **params: object) -> None:
        """What people must hear of this step, whatever else comes of it."""
        self.note = Sentence(text=text, params=params)
        self._is_news = True

    def tell(self, user_id: str, text: str, **params: object) -> None:
        self.notes[user_id] = Sentence(text=text, params=params)


def payment_subject(share_id: str, version: int) -> str:
    """Keeps calls about a payment waiting."""
    return f"pay:{share_id}:{version}"


def payment_look(share_id: str, version: int) -> str:
    """Keeps looks at a payment waiting."""
    return f"see:{share_id}:{version}"


def order_subject(part_id: str) -> str:
    """Keeps calls about a part's order waiting."""
    return f"order:{part_id}"


def order_look(part_id: str) -> str:
    """Keeps looks at a part's order waiting."""
    return f"seek:{part_id}"


def price_subject(part_id: str) -> str:
    return f"price:{part_id}"


def quote_subject(part_id: str) -> str:
    """Keeps asking what would come back of a part waiting."""
    return f"quote:{part_id}"


def other_subject(part_id: str) -> str:
    """Keeps looking for another flight in a part's place waiting."""
    return f"other:{part_id}"


REPLACEMENT: Final = "replacement"
"""Keeps the call that opens another booking in this one's place waiting, and the one that tells the
booking that is replaced."""


FIND: Final = "find"
"""The subject of the list of all payments."""

SCREEN: Final = "screen"
"""The subject of looks at whether the booking may go on."""


def is_payment_busy(saga: Saga, share_id: str, payment: Payment) -> bool:
    """Whether a call about it is under way."""
    for pending in saga.pending:
        call = pending.call
        if isinstance(call, OpenPayment):
            if call.share_id == share_id and call.reference.version == payment.version:
                return True
        elif (
            payment.payment_id is not None
            and getattr(call, "payment_id", None) == payment.payment_id
        ):
            return True
    return False


def is_order_busy(saga: Saga, part: Part) -> bool:
    return any(getattr(pending.call, "part_id", None) == part.id for pending in saga.pending)


def is_hold_pending(saga: Saga, part: Part) -> bool:
    return any(isinstance(p.call, Hold) and p.call.part_id == part.id for p in saga.pending)
