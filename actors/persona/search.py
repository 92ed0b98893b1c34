"""What is to be looked for: a search as the message and the trip that is talked of ask for it (pure)."""

from dataclasses import replace
from typing import Final

from actors.persona.company import NOBODY, with_company
from actors.persona.decisions import Heard
from actors.persona.dialogue import NOTHING_SAID, Dialogue, Seeking
from actors.persona.errands import Errand, party_of
from actors.persona.hints import Attribute
from actors.persona.line import Line
from actors.persona.picking import focused, picked
from actors.persona.when import Stay, default_stay, when
from protocol.frames import Money
from protocol.travel import Offer
from protocol.wording import Act

BEYOND_RECORDS: Final = frozenset[Attribute]({"surroundings", "amenities"})
"""Of these no record of a room says anything."""


class Search:
    """Of one decision; `before` and `now` as `Policy` has them."""

    def __init__(self, before: Dialogue, now: Dialogue, heard: Heard) -> None:
        self._before, self._now, self._heard = before, now, heard
        self._slots, self._hints = heard.understanding.slots, heard.hints
        self._defaults, self._trip = heard.defaults, now.trip

    def stay(self) -> Stay | None:
        today = self._heard.today
        stay = when(self._trip.dates, today)
        if stay is None and self._before.asked == "dates":
            return default_stay(self._trip.dates, today)
        if stay is not None and self._trip.is_one_way and self._trip.seeking == "flights":
            return replace(stay, is_lone=True)
        return stay

    def errand(self, seeking: Seeking, *, with_stays: bool = False) -> Errand:
        trip, defaults, twists, stay = (
            self._trip,
            self._defaults,
            self._hints.twists,
            self.stay(),
        )
        usual = defaults.party if trip.more == NOBODY else with_company(defaults.party, trip.more)
        party, ages_assumed = party_of(trip.party, usual, trip.rooms)
        for_rooms: Seeking = "hotels" if with_stays else seeking
        is_offers = for_rooms in ("flights", "hotels")
        is_cheaper = "cheaper" in twists and self._slots.budget is None
        # "Not that one" of none that was talked of turns down all that lie there.
        is_none_of_them = self._hints.is_not_this and not focused(self._before)
        table = self._before.table
        is_cheaper_place = "cheaper" in twists and table is not None and table.kind == "places"
        is_anew = "others" in twists or is_none_of_them or is_cheaper_place or self._is_better()
        seen = self._now.seen if is_anew else ()
        return Errand(
            tools=("places", "search_offers", "recommend")
            if is_offers
            else ("places", "recommend"),
            purpose="show",
            trip=replace(trip, origin=trip.origin or defaults.origin),
            seeking=seeking,
            stay=stay,
            with_stays=with_stays,
            party=party,
            is_party_known=bool(trip.party or usual or trip.rooms),
            ages_assumed=ages_assumed,
            asks_ages=ages_assumed and self._has_new_party(),
            is_beyond_records=not BEYOND_RECORDS.isdisjoint(self._hints.attributes),
            budget=trip.budget_of(for_rooms) or defaults.budget_of(for_rooms),
            home=defaults.home,
            cabin=trip.cabin or defaults.cabin,
            flying=trip.flying,
            twists=twists,
            not_these=frozenset((*self._now.disliked, *trip.refused, *seen)),
            below=self._ceiling() if is_cheaper else None,
            month=self.month(),
        )

    def _is_better(self) -> bool:
        """ "Something nicer" than what was seen, where the search is the same otherwise."""
        return "better" in self._hints.twists and self._slots == NOTHING_SAID

    def _has_new_party(self) -> bool:
        """Whether nothing was priced for those who travel yet."""
        table = self._before.table
        is_said = self._slots.party is not None or self._hints.company != NOBODY
        return is_said or table is None or table.kind == "places"

    def opening(self, errand: Errand) -> Line | None:
        """What is said while suppliers are asked: that something was learned, or what is searched."""
        if "search_offers" not in errand.tools:
            return None
        learned = self._now.learned
        if learned is not None:
            return Line(act="learned", because=learned.because)
        act: Act = "open_flights" if errand.seeking == "flights" else "open_hotels"
        return errand.line("open_places" if errand.with_stays else act)

    def _ceiling(self) -> Money | None:
        """What was called too dear: the item that was picked, else all that were shown."""
        table = self._now.table
        chosen = picked(table, self._hints, self._heard.text)
        items = chosen or (table.items if table is not None else ())
        prices = [item.source.total for item in items if isinstance(item, Offer)]
        return min(prices, key=lambda price: price.amount, default=None)

    def month(self) -> int | None:
        """Of the journey: as it was said, or that of its first day."""
        dates, stay = self._trip.dates, self.stay()
        if dates is not None and dates.month is not None and dates.from_ is None:
            return int(dates.month[5:])
        return None if stay is None else stay.start.month
