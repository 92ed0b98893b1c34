"""What is done about each intent, once it is clear (pure)."""

from dataclasses import replace
from typing import Final

from actors.persona.company import NOBODY
from actors.persona.decisions import Decision, Heard, Look, Say
from actors.persona.dialogue import (
    Dialogue,
    Focus,
    Item,
    Pending,
    Said,
    Seeking,
    Trip,
    identity_of,
    seeking_of,
)
from actors.persona.errands import Errand, Purpose
from actors.persona.hints import Attribute, Pick
from actors.persona.line import Line, Subject
from actors.persona.picking import at_of, focused, picked, place_of
from actors.persona.regions import countries_of
from actors.persona.search import Search
from protocol.travel import Offer, Place
from protocol.understanding import Intent, PlaceMention, Question, Shown
from protocol.wording import MAX_LISTED, Act

CONFIRMATIONS: Final[dict[Intent, Question]] = {
    "book": "confirm_book",
    "pay": "confirm_pay",
    "cancel": "confirm_cancel",
}
TOLD_OF_EACH: Final = frozenset[Attribute]({"board", "refund", "bags", "stops", "duration"})
"""What a list says of whatever it shows: "which one has breakfast?" asks it of all of them."""

UTMOST: Final = frozenset[Pick]({"cheapest", "dearest"})
"""Picks by what they cost."""

Decided = tuple[Dialogue, Decision]


class Policy:
    """One decision. `before`: the state with the question that was open; `now`: without it, and with
    what the message said. `is_sure`: the reading is; a weak one confirms nothing."""

    def __init__(
        self, before: Dialogue, now: Dialogue, heard: Heard, intent: Intent, *, is_sure: bool
    ) -> None:
        self._before, self._now, self._heard = before, now, heard
        self._intent, self._is_sure = intent, is_sure
        self._slots, self._hints = heard.understanding.slots, heard.hints
        self._defaults = heard.defaults
        self._trip = now.trip
        self._search = Search(before, now, heard)

    def act(self) -> Decided:
        """Never called with talk or chatter."""
        match self._intent:
            case "refine":
                return self._refine()
            case "compare":
                return self._compare()
            case "ask_detail":
                return self._detail()
            case "weather":
                return self._weather()
            case "price_trend":
                return self._trend()
            case "plan_add":
                return self._say(
                    Line(act="not_yet", subject=self._subject(self._one_item(), to_do=self._intent))
                )
            case "book" | "pay" | "cancel":
                return self._confirm()
            case intent:
                return self._seek(seeking_of(intent) or "places")

    # Searching.

    def _seek(self, seeking: Seeking) -> Decided:
        mentions = self._trip.destination
        if mentions and all(countries_of(mention) for mention in mentions):
            # A whole part of the world: where in it comes first.
            return self._look("places")
        match seeking:
            case "flights":
                return self._ask_first("destination", "origin", "dates") or self._look(seeking)
            case "hotels":
                return self._ask_first("destination", "dates") or self._look(seeking)
            case "activities" if mentions and not all(one.country for one in mentions):
                return self._now, Look(errand=self._place_errand("detail"))
            case _:
                return self._look(seeking)

    def _refine(self) -> Decided:
        """What was sought, with what is new; where nothing was, a place begins a search, and the rest is
        noted."""
        seeking, slots, hints = self._trip.seeking, self._slots, self._hints
        if seeking is not None:
            return self._seek(seeking)
        if slots.destination or hints.wishes or hints.is_open:
            return self._seek("places")
        if slots.dates or slots.party or slots.budget or slots.origin:
            said = Trip().after(Said(message_id=self._heard.message_id, slots=slots))
            return self._say(Line(act="noted", trip=said))
        return self._say(Line(act="ask_again"))

    def _ask_first(self, *needed: Question) -> Decided | None:
        """The first slot that is missing is asked for; not the same one twice in a row where there is a
        sensible default."""
        for slot in needed:
            if self._has(slot):
                continue
            if slot == "destination" and (self._was_asked(slot) or self._says_where_to_look()):
                return self._look("places")
            return self._ask(slot)
        return None

    def _says_where_to_look(self) -> bool:
        """ "Flights to a beach": what the place should be like is told, so that ideas come first."""
        return bool(self._trip.wishes or self._hints.likes)

    def _has(self, slot: Question) -> bool:
        match slot:
            case "destination":
                return bool(self._trip.destination)
            case "origin":
                return bool(self._trip.origin or self._defaults.origin or self._defaults.home)
            case _:
                return self._search.stay() is not None

    def _was_asked(self, slot: Question) -> bool:
        return self._before.asked == slot

    def _look(self, seeking: Seeking) -> Decided:
        trip = self._trip
        has_stay = self._search.stay() is not None
        with_stays = (
            seeking == "places"
            and has_stay
            and bool(trip.budget or trip.party or trip.more != NOBODY)
        )
        with_stays = with_stays and trip.seeking != "flights"
        errand = self._search.errand(seeking, with_stays=with_stays)
        return self._now, Look(errand=errand, opening=self._search.opening(errand))

    def _asks_for_whom(self) -> bool:
        return self._hints.is_of_price and "people" in self._hints.attributes

    # What lies on the table, or a place.

    def _compare(self) -> Decided:
        table = self._now.table
        if len(self._slots.destination) > 2:
            return self._seek("places")  # three do not stand side by side, but below each other
        if len(self._slots.destination) == 2:
            return self._now, Look(errand=self._place_errand("compare"))
        if table is None or len(table.items) < 2:
            return self._say(Line(act="ask_again"))
        chosen = picked(table, self._hints, self._heard.text)
        if len(chosen) == 1 and UTMOST.intersection(self._hints.picks):
            return self._detail_of(chosen[0])  # among all that lie there, and told already
        is_of_all = not chosen and table.kind != "places" and len(table.items) > 2
        if is_of_all and TOLD_OF_EACH.intersection(self._hints.attributes):
            return self._told_again(table.items, table.kind)
        identities = {identity_of(item) for item in chosen}
        rest = [item for item in table.items if identity_of(item) not in identities]
        pair = (*chosen, *rest)[:2]
        line = Line(
            act="compare",
            items=pair,
            month=self._search.month(),
            attributes=self._compared_by(),
        )
        # "The second one is better" compares, and "book it" is that one from then on.
        return self._talking_of(chosen[0] if len(chosen) == 1 else None), Say(line=line)

    def _compared_by(self) -> tuple[Attribute, ...]:
        """ "Which is cheaper?" asks for prices."""
        is_by_price = "cheaper" in self._hints.twists
        return ("price",) if is_by_price else self._hints.attributes

    def _detail(self) -> Decided:
        item, table = self._one_item(), self._now.table
        if table is not None and self._hints.is_why:
            return self._detail_of(item or table.items[0])
        if table is not None and self._hints.is_again:
            is_all = item is None or (self._hints.is_all and not self._hints.picks)
            return self._told_again(table.items if is_all or item is None else (item,), table.kind)
        if table is not None and table.kind != "places" and self._asks_for_whom():
            return self._detail_of(item or table.items[0])  # all were searched for the same
        if table is not None and item is None and self._hints.is_of_price:
            return self._told_again(table.items, table.kind)
        if item is not None:
            return self._detail_of(item)
        if self._slots.destination or (table is None and self._trip.destination):
            return self._now, Look(errand=self._place_errand("detail"))
        if table is None:
            return self._say(Line(act="ask_again"))
        return self._ask("which")

    def _told_again(self, items: tuple[Item, ...], kind: Shown) -> Decided:
        """What lies there already, with nothing looked up anew."""
        acts: dict[Shown, Act] = {"flights": "show_flights", "hotels": "show_hotels"}
        return self._say(
            Line(
                act=acts.get(kind, "show_places"),
                trip=self._trip,
                items=items[:MAX_LISTED],
                month=self._search.month(),
                per=self._hints.per,
            )
        )

    def _detail_of(self, item: Item) -> Decided:
        waited = self._before.pending.attributes if self._before.pending is not None else ()
        now, attributes = self._talking_of(item), self._asked_of_it() or waited
        line = Line(
            act="detail",
            subject=self._subject(item, to_do=None),
            items=(item,),
            attributes=attributes,
            per=self._hints.per,
            month=self._search.month(),
            because=self._reason_for(item),
        )
        if "price" in (*self._hints.attributes, *waited) and isinstance(item, Offer):
            errand = Errand(
                tools=("reprice",),
                purpose="price",
                trip=self._trip,
                items=(item,),
                subject=line.subject,
            )
            return now, Look(errand=errand, opening=line)
        return now, Say(line=line)

    def _reason_for(self, item: Item) -> str | None:
        """What spoke for it, where that is asked and known: it is, of the first."""
        table = self._now.table
        is_asked = self._hints.is_why and table is not None
        return table.because if is_asked and table and item == table.items[0] else None

    def _asked_of_it(self) -> tuple[Attribute, ...]:
        """ "Is it near the beach?" asks what is around it."""
        asked = self._hints.attributes
        if self._hints.wishes and not asked:
            return ("surroundings",)
        is_of_price = self._hints.per is not None or "people" in asked
        if UTMOST.intersection(self._hints.picks) and not asked:
            is_of_price = True  # which one it is, is asked for what it costs
        return (*asked, "price") if is_of_price and "price" not in asked else asked

    def _weather(self) -> Decided:
        """Of one that lies there, which is then what is talked of."""
        if not self._where():
            return self._ask("destination")
        item = None if self._slots.destination else self._one_item()
        return self._talking_of(item), Look(errand=self._place_errand("weather"))

    def _talking_of(self, item: Item | None) -> Dialogue:
        if item is None:
            return self._now
        focus = Focus(item=identity_of(item), message_id=self._heard.message_id)
        return replace(self._now, focus=focus)

    def _trend(self) -> Decided:
        table = self._now.table
        item = self._one_item() or (table.items[0] if table else None)
        if item is None and self._heard.is_aside and not self._where():
            # Of nowhere nothing is known, which people who talk with each other need not be told.
            return self._say(Line(act="ask_again"))
        errand = replace(
            self._search.errand("flights" if self._trip.seeking == "flights" else "hotels"),
            tools=("places", "price_trend"),
            purpose="trend",
            items=(item,) if isinstance(item, Offer) else (),
        )
        return self._now, Look(errand=errand)

    def _place_errand(self, purpose: Purpose) -> Errand:
        """About the places of this message, else the one on the table, else those talked of."""
        on_table = None if self._slots.destination else self._place_on_table()
        mentions = self._where()
        return Errand(
            tools=("places", "weather") if purpose == "weather" else ("places",),
            purpose=purpose,
            trip=replace(self._trip, destination=mentions),
            stay=self._search.stay(),
            items=() if on_table is None else (on_table,),
            attributes=self._compared_by() if purpose == "compare" else self._hints.attributes,
            month=self._search.month() or self._heard.today.month,
        )

    def _where(self) -> tuple[PlaceMention, ...]:
        """The places of this message, else where the one on the table is, else those talked of, else the one town of all
        on the table."""
        item = self._one_item()
        at = None if item is None else place_of(item)
        talked_of = (
            self._slots.destination or (() if at is None else (at,)) or self._trip.destination
        )
        if talked_of or self._now.table is None:
            return talked_of
        towns = {place_of(one) for one in self._now.table.items}
        return tuple(town for town in towns if town is not None) if len(towns) == 1 else ()

    def _place_on_table(self) -> Place | None:
        item = self._one_item()
        return item if isinstance(item, Place) else None

    def _one_item(self) -> Item | None:
        """The one that is named, else the one that was talked of, else the only one."""
        table = self._now.table
        if table is None:
            return None
        chosen = picked(table, self._hints, self._heard.text)
        if chosen:
            return chosen[0]
        if talked_of := focused(self._now):
            rest = [item for item in table.items if item not in talked_of]
            if self._hints.is_the_other:
                return rest[0] if len(rest) == 1 else None
            return talked_of[0]
        return table.items[0] if len(table.items) == 1 else None

    # What is never done from one reading.

    def _confirm(self) -> Decided:
        pending, table = self._before.pending, self._now.table
        is_asked = self._before.asked == CONFIRMATIONS[self._intent]
        is_pick = self._hints.picks or picked(table, self._hints, self._heard.text)
        is_yes = is_asked and self._is_sure and not is_pick
        if pending is not None and pending.intent == self._intent and is_yes:
            return self._say(Line(act="not_yet", subject=self._of_pending(pending)))
        item = self._one_item()
        if item is None and self._intent == "book" and table is not None and len(table.items) > 1:
            return self._ask("which")
        identity = None if item is None else identity_of(item)
        asking = self._now.asking(CONFIRMATIONS[self._intent], self._heard.message_id)
        focus = (
            None if identity is None else Focus(item=identity, message_id=self._heard.message_id)
        )
        now = replace(asking, pending=self._pending(identity), focus=focus or asking.focus)
        return now, Say(line=Line(act="confirm", subject=self._subject(item, to_do=self._intent)))

    def _of_pending(self, pending: Pending) -> Subject:
        table = self._now.table
        kind = table.kind if table is not None else None
        return Subject(intent=pending.intent, at=at_of(table, pending.item), kind=kind)

    def _subject(self, item: Item | None, *, to_do: Intent | None) -> Subject:
        """The item, and what is to be done with it."""
        table = self._now.table
        if item is None or table is None:
            return Subject(intent=to_do)
        return Subject(intent=to_do, at=at_of(table, identity_of(item)), kind=table.kind)

    def _pending(self, item: str | None = None) -> Pending:
        return Pending(
            intent=self._intent,
            message_id=self._heard.message_id,
            item=item,
            attributes=self._asked_of_it(),
        )

    def _ask(self, question: Question) -> Decided:
        """Whatever it is for waits for the answer."""
        asking = self._now.asking(question, self._heard.message_id)
        line = Line(act="ask", wanted=question, trip=self._trip)
        return replace(asking, pending=self._pending()), Say(line=line)

    def _say(self, line: Line) -> Decided:
        return self._now, Say(line=line)
