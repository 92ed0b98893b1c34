"""What a terminal knows of offers, quotes and bookings, and what of them is on the screen. Pure."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from commands import terminal_booking_words as words
from commands.terminal_booking_lines import (
    card_line,
    concern_lines,
    itinerary_lines,
    sentence,
    standing_line,
)
from commands.terminal_travel import TypedWrong
from commands.terminal_words import clean, clock, message_line

Card = Mapping[str, Any]
View = Mapping[str, Any]

MAX_KNOWN: Final = 50
_OVER: Final = frozenset({"booked", "cancelled"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Quoted:
    """A quote and for whom it is."""

    view: View
    adults: int
    children: tuple[int, ...]


class Bookings:
    """Owns: the offers shown last, the newest quote, and the bookings heard of (bounded)."""

    def __init__(self) -> None:
        self.quoted: Quoted | None = None
        self.searched_adults = 1
        self._offers: dict[str, Sequence[Card]] = {"": (), "f": (), "h": ()}
        self._known: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._notes: OrderedDict[tuple[str, int], str] = OrderedDict()
        self._shown: dict[str, int] = {}
        self._standing: dict[str, tuple[str, ...]] = {}

    # Offers

    def offers_shown(self, cards: Sequence[Card], *, adults: int = 1) -> None:
        """What numbers refer to from now on. `adults`: for how many they were searched for."""
        self._offers[""], self.searched_adults = tuple(cards), adults
        for letter, kind in (("f", "flight.offer"), ("h", "hotel.offer")):
            if found := tuple(card for card in cards if card.get("kind") == kind):
                self._offers[letter] = found

    def offer_id(self, number: str) -> str:
        """As `offer`."""
        return str(self.offer(number)["offerId"])

    def offer(self, number: str) -> Card:
        """By `3`, `f3` or `h3`. Raises `TypedWrong`."""
        letter = number[0] if number[0] in "fh" else ""
        offers, place = self._offers[letter], int(number.removeprefix(letter)) - 1
        if place < len(offers) and offers[place].get("offerId"):
            return offers[place]
        raise TypedWrong(f"No offer “{number}” is shown. {words.QUOTE}")

    # Bookings

    def newest(self, room_id: str) -> dict[str, Any] | None:
        """The booking of this room, or of none, that was opened last, of those that go on if any does.
        It may have its `bookingId` alone."""
        here = [one for one in self._known.values() if one.get("roomId") in (room_id, None)]
        going_on = [one for one in here if one.get("status") not in _OVER]
        # Ids are UUIDv7: later ones are greater.
        return max(going_on or here, key=lambda one: str(one["bookingId"]), default=None)

    def asking(self, room_id: str) -> dict[str, Any] | None:
        """The newest booking of this room, or of none, that asks me something: a booked one may, beside
        another that is being collected."""
        here = [one for one in self._known.values() if one.get("roomId") in (room_id, None)]
        asking = [one for one in here if (one.get("question") or {}).get("options")]
        return max(asking, key=lambda one: str(one["bookingId"]), default=None)

    def learn(self, view: View, *, is_shown: bool = False) -> None:
        """A booking's state; an older one than is known changes nothing."""
        id = view["bookingId"]
        known = self._known.get(id, {})
        if view.get("version", 0) >= known.get("version", 0):
            self._known[id] = {**view}
            self._known.move_to_end(id)
        if is_shown:
            self._shown[id] = max(self._shown.get(id, 0), view["version"])
        while len(self._known) > MAX_KNOWN:
            oldest, _ = self._known.popitem(last=False)
            self._shown.pop(oldest, None)
            self._standing.pop(oldest, None)

    def learn_card(self, room_id: str | None, card: Card) -> None:
        if card["id"] not in self._known:
            self.learn({"bookingId": card["id"], "roomId": room_id, "version": 0})
        if card.get("version", 0) > self._known[card["id"]]["version"]:
            self._known[card["id"]]["status"] = card.get("status")

    def is_shown(self, booking_id: str, version: int) -> bool:
        """Whether the state after this version is on the screen."""
        return self._shown.get(booking_id, 0) >= version

    def _is_new_note(self, booking_id: str, version: int, text: str) -> bool:
        """False when the same was said of this version before; one comes from the room, one from the
        inbox, in either order."""
        key = booking_id, version
        if self._notes.get(key) == text:
            return False
        self._notes[key] = text
        if len(self._notes) > MAX_KNOWN:
            self._notes.popitem(last=False)
        return True

    # What arrives

    def update_lines(
        self, event: View, names: Mapping[str, str], me: str, room_id: str
    ) -> list[str]:
        """Of a `booking.update`, which is then known and shown."""
        id, version, note = event["bookingId"], event["version"], str(event.get("note") or "")
        lines = [f"    — {clean(note)}"] if note and self._is_new_note(id, version, note) else []
        if sentence(note) == sentence(event["step"]):
            lines = []  # where it stands says the same
        if event.get("roomId") not in (None, room_id):
            lines = [f"    (a booking in another room) {clean(note)}"] if note else []
        elif not self.is_shown(id, version):
            lines += self.new_lines(event, names, me)
        self.learn(event, is_shown=True)
        return lines

    def new_lines(self, view: View, names: Mapping[str, str], me: str) -> list[str]:
        """Where it stands, what is asked of me, by what I travel: what of that is not on the screen."""
        now = [
            "\n".join(lines)
            for lines in (
                [standing_line(view, names, me)],
                concern_lines(view, names, me),
                itinerary_lines(view),
            )
        ]
        before = self._standing.get(view["bookingId"], ())
        self._standing[view["bookingId"]] = tuple(now)
        return [line for text in now if text and text not in before for line in text.split("\n")]

    def notice_lines(self, message: View, me: str) -> list[str]:
        """Of a message of the server's own, with a booking's card or without."""
        lines = [message_line(message)]
        for card in message.get("cards") or ():
            if card.get("kind") != "booking":
                continue
            self.learn_card(message.get("roomId"), card)
            id, version = card["id"], card.get("version", 0)
            if not self._is_new_note(id, version, message["content"]):
                seq, at = message["seq"], clock(message["sentAt"])
                return [f"{seq:>3} {at} (as above, for everybody here)"]
            if not self.is_shown(id, version):
                lines.append(card_line(card, me))
        return lines


def people_in(view: View) -> list[str]:
    """Whose names its lines need."""
    people = [one["userId"] for one in view["participants"]]
    people += [one["payerId"] for one in view["travellers"]]
    return [*people, *(view.get("question") or {}).get("to", ())]
