"""People of a booking at their phones: they reconnect, repeat, and do what they see is to be done."""

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

import trio
from crash_run import Impatient

from loadtest.accounts import Account
from loadtest.client import Refused, Session
from loadtest.connection import dial_url

Frame = dict[str, Any]
ENDED: Final = frozenset({"booked", "cancelled", "manual"})
SECRETS: Final = ("Byronessa", "byronessa.test", "9876543", "1990-05-14", "X12345678")
"""What travellers say of themselves and no log may repeat."""

VISA: Final = "pm_card_visa"


@dataclass(frozen=True)
class Script:
    """`methods`: of one approval after another, the last for ever. `has_other_card`: pays with the next one instead
    of confirming with the bank. `gives_up`: declines for good once a payment was lost."""

    methods: tuple[str, ...] = (VISA,)
    has_other_card: bool = False
    gives_up: bool = False


@dataclass
class Watched:
    """What one person saw of one booking. `updates`: versions in the order received."""

    view: Frame = field(default_factory=dict)
    updates: list[int] = field(default_factory=list)
    statuses: list[str] = field(default_factory=list)
    cards: dict[int, str] = field(default_factory=dict)
    card_repeats: int = 0


def _has_ended(view: Frame) -> bool:
    return view["status"] in ENDED


class Participant:
    """One person, one session for all bookings. Owns: what was seen."""

    def __init__(self, name: str, account: Account, ws: str, rng: Impatient) -> None:
        self.name, self.account = name, account
        self.session = Session(dial=dial_url(ws), credentials=account, on_event=self._saw, rng=rng)
        self.seen: dict[str, Watched] = {}
        self.refusals: Counter[str] = Counter()
        self.inbox_resets = 0
        self.looks_again = True
        """Whether they look at what is on the screen once they are connected again."""
        self._connections = 0
        self._changed = trio.Event()

    @property
    def id(self) -> str:
        return str(self.account.user["id"])

    def of(self, booking_id: str) -> Watched:
        return self.seen.setdefault(booking_id, Watched())

    def _saw(self, event: Frame) -> None:
        match event["type"]:
            case "booking.update":
                watched = self.of(event["bookingId"])
                watched.updates.append(event["version"])
                watched.statuses.append(event["status"])
                self._newer(event)
            case "chat.message":
                for card in event.get("cards", ()):
                    if card["kind"] == "booking":
                        watched = self.of(card["id"])
                        watched.card_repeats += card["version"] in watched.cards
                        watched.cards[card["version"]] = card["status"]
            case "local.connected":
                self._connections += self.looks_again
                self._changed.set()
            case "local.inbox_reset":
                self.inbox_resets += 1

    def _newer(self, view: Frame) -> None:
        watched = self.of(view["bookingId"])
        if view["version"] >= watched.view.get("version", 0):
            watched.view = view
        self._changed.set()

    async def ask(self, kind: str, /, **fields: object) -> Frame:
        """However many lives of the server it takes. Raises `Refused` for good."""
        while True:
            try:
                answer = await self.session.ask(kind, within=None, **fields)
            except Refused as refusal:
                self.refusals[refusal.code] += 1
                if not refusal.is_temporary:
                    raise
                await trio.sleep(0.1)
            else:
                if isinstance(answer.get("booking"), dict):
                    self._newer(answer["booking"])
                return answer

    async def take_part(
        self,
        booking_id: str,
        script: Script,
        *,
        may_pay: Callable[[], bool],
        agree: Callable[[str], Awaitable[None]],
        votes: str = "",
        until: Callable[[Frame], bool] = _has_ended,
    ) -> None:
        """Until the booking has ended. `agree`: at PayPal's page, to an order. `votes`: what is chosen of
        what an airline's change leaves."""
        tries, looked_at = 0, self._connections
        agreed: set[str] = set()
        named: set[str] = set()
        voted: set[str] = set()
        while True:
            self._changed = trio.Event()
            if looked_at < self._connections:
                looked_at = self._connections
                await self.ask("booking.get", bookingId=booking_id)
            view = self.of(booking_id).view
            if view and until(view):
                return
            order = _order_to_agree_to(view)
            if order and order not in agreed:
                agreed.add(order)
                await agree(order)
            wish = self._wish(view, script, named, may_pay()) if view else None
            if view and votes:
                wish = self._vote(view, votes, voted) or wish
            if wish is None:
                with trio.move_on_after(0.2):
                    await self._changed.wait()
                continue
            kind, fields = wish
            if kind == "booking.approve":
                method = script.methods[min(tries, len(script.methods) - 1)]
                tries += 1
                fields = {"paymentMethod": method, "clientId": self.session.new_id()}
            try:
                await self.ask(kind, bookingId=booking_id, **fields)
            except Refused:
                # It is not as we saw it any more.
                await self.ask("booking.get", bookingId=booking_id)
                await trio.sleep(0.1)
            if kind == "booking.decide":
                voted.add(str(fields["questionId"]))
            if kind == "booking.traveller":
                named.add(str(fields["travellerId"]))

    def _vote(self, view: Frame, votes: str, voted: set[str]) -> tuple[str, Frame] | None:
        """Once in a question: it goes on when all have answered."""
        question = view.get("question")
        if question is None or question["kind"] != "supplier_change" or question["id"] in voted:
            return None
        options = [one["id"] for one in question["options"]]
        if votes not in options:
            return None
        return "booking.decide", {"questionId": question["id"], "optionId": votes}

    def _wish(
        self, view: Frame, script: Script, named: set[str], may_pay: bool
    ) -> tuple[str, Frame] | None:
        if view["status"] not in ("collecting", "action_needed"):
            return None
        for seat in view["travellers"]:
            if seat["payerId"] == self.id and not seat["complete"] and seat["id"] not in named:
                return "booking.traveller", {"travellerId": seat["id"], **_told_of(seat["id"])}
        question = view.get("question")
        if question is not None and self.id in question["to"]:
            options = [one["id"] for one in question["options"]]
            # Where somebody gave up, what is gone through here is that everything is undone.
            has_refused = any(one["state"] == "declined" for one in view["participants"])
            option = "cancel" if has_refused and "cancel" in options else options[0]
            chosen = {"questionId": question["id"], "optionId": option}
            return "booking.decide", chosen
        share = next((one for one in view["participants"] if one["userId"] == self.id), None)
        if share is None or share["amount"]["amount"] == 0 or not may_pay:
            return None
        is_asked = view.get("action") is not None and share["state"] == "action_required"
        is_open = share["state"] in ("invited", "declined", "expired", "voided")
        if not is_open and not (is_asked and script.has_other_card):
            return None
        if script.gives_up and view["status"] == "action_needed":
            return "booking.decline", {}
        return "booking.approve", {}


def _order_to_agree_to(view: Frame) -> str:
    """PayPal's, where its owner is sent there; else nothing."""
    url = str((view.get("action") or {}).get("url") or "")
    return url.partition("/checkoutnow?token=")[2]


def _told_of(seat: str) -> Frame:
    return {
        "givenName": "Ada" if seat == "1" else "Bob",
        "familyName": "Byronessa",
        "bornOn": "1990-05-14",
        "gender": "female",
        "email": f"seat{seat}@byronessa.test",
        "phone": "+49 30 9876543",
        "document": {
            "documentType": "PASSPORT",
            "number": "X12345678",
            "expiryDate": "2039-01-01",
            "issuanceCountry": "DE",
            "nationality": "DE",
            "holder": True,
        },
    }
