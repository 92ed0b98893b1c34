"""What one persona knows of its conversation with one asker in one room (pure).

What was said is kept message by message, and the trip is folded from it on demand: taking a message
away leaves exactly what would be there had it never been written.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeVar

from actors.persona.company import NOBODY, Company, with_company
from actors.persona.flying import ANYHOW, Flying, gone_on
from actors.persona.hints import Attribute, Wish
from actors.persona.when import Moved, begun_anew
from protocol.travel import Cabin, FlightDetails, HotelDetails, Offer, Place
from protocol.understanding import (
    ALWAYS_CONFIRMED,
    Budget,
    Dates,
    Intent,
    Language,
    PartySaid,
    PlaceMention,
    Question,
    Shown,
    Slots,
)

Seeking = Literal["places", "flights", "hotels", "activities"]
Item = Offer | Place
NOTHING_SAID: Final = Slots()

MOST_SAID: Final = 32
"""Messages that a dialogue rests on; older ones fade."""

MOST_DISLIKED: Final = 64
MOST_SEEN: Final = 200

_SEEKING: Final[dict[Intent, Seeking]] = {
    "ask_destination": "places",
    "search_flight": "flights",
    "search_hotel": "hotels",
    "search_activity": "activities",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What one message added to the trip. `is_from_elsewhere`: it was said to the persona in private, maybe
    in another room. `refused`: what it turned down, by `likeness_of`. `flying`: a new word on how to
    fly, see `gone_on`. `like`: texts that say what a place should be like, to be looked up by what they
    mean, each where the one before says too little. `rooms`: so many at least. `is_one_way`: whether nobody comes back, where
    that is told. `company`: who comes beside those of whom was spoken; `moved`: how the days do that were said. `asks_where`: it says in so many words that the place is still to be found."""

    message_id: str
    is_from_elsewhere: bool = False
    seeking: Seeking | None = None
    slots: Slots = NOTHING_SAID
    wishes: tuple[Wish, ...] = ()
    cabin: Cabin | None = None
    like: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    flying: Flying | None = None
    rooms: int | None = None
    is_one_way: bool | None = None
    asks_where: bool = False
    company: Company = NOBODY
    moved: Moved | None = None

    @property
    def is_empty(self) -> bool:
        is_wordless = (
            not self.wishes and self.cabin is None and not self.refused and self.flying is None
        )
        is_wordless = is_wordless and self.rooms is None and self.is_one_way is None
        is_wordless = is_wordless and self.company == NOBODY and self.moved is None
        return self.seeking is None and self.slots == NOTHING_SAID and is_wordless


@dataclass(frozen=True, slots=True, kw_only=True)
class Trip:
    """What is wanted so far. `budget_for`: what the budget was said about. `more`: who comes beside those who usually do,
    where nobody said who travels. `like` and `refused`: see `Said`."""

    seeking: Seeking | None = None
    destination: tuple[PlaceMention, ...] = ()
    origin: tuple[PlaceMention, ...] = ()
    dates: Dates | None = None
    budget: Budget | None = None
    budget_for: Seeking | None = None
    party: PartySaid | None = None
    more: Company = NOBODY
    wishes: tuple[Wish, ...] = ()
    cabin: Cabin | None = None
    like: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    flying: Flying = ANYHOW
    rooms: int | None = None
    is_one_way: bool = False

    def after(self, said: Said) -> "Trip":
        """Newer words win; those of dates and party that were not repeated stay. Who looked for a bed somewhere and
        now asks in so many words where to go is no longer bound for there."""
        slots, seeking = said.slots, said.seeking or self.seeking
        is_anew = said.seeking is not None and said.seeking != self.seeking
        flying = ANYHOW if is_anew else self.flying
        dates = slots.dates if said.moved is None else said.moved.of(self.dates, slots.dates)
        party, more = _party(self.party, slots.party), self.more.and_also(said.company)
        if party is not None:
            party, more = with_company(party, said.company), NOBODY
        stays_bound = not (is_anew and seeking == "places" and said.asks_where)
        return Trip(
            seeking=seeking,
            destination=slots.destination or (self.destination if stays_bound else ()),
            origin=slots.origin or self.origin,
            dates=_dates(self.dates, dates, is_elsewhere=bool(slots.destination)),
            budget=slots.budget or self.budget,
            budget_for=seeking if slots.budget else self.budget_for,
            party=party,
            more=more,
            wishes=tuple(dict.fromkeys((*(() if is_anew else self.wishes), *said.wishes))),
            cabin=said.cabin or self.cabin,
            like=said.like or (() if is_anew else self.like),
            flying=flying if said.flying is None else gone_on(flying, said.flying),
            refused=tuple(dict.fromkeys((*self.refused, *said.refused))),
            rooms=said.rooms or self.rooms,
            is_one_way=self.is_one_way if said.is_one_way is None else said.is_one_way,
        )

    def budget_of(self, seeking: Seeking | None) -> Budget | None:
        """What is to be spent at most on this: a night's budget says nothing of a flight."""
        own = self.budget_for in (None, seeking) or {self.budget_for, seeking} <= _STAYS
        is_of_nights = self.budget is not None and self.budget.per in ("night", "person_night")
        return self.budget if own and not (is_of_nights and seeking == "flights") else None


_STAYS: Final[set[Seeking | None]] = {"places", "hotels", "activities"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """What a persona showed last, in its order. `message_id`: its own. `because`: the feature that spoke for the
    first."""

    kind: Shown
    items: tuple[Item, ...]
    message_id: str
    because: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """Two readings of one message, one of which is to be picked."""

    readings: tuple[Intent, Intent]
    message_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """What waits for an answer to the open question, and the message that it was asked for. `item`: which one it is
    about, by `identity_of`; `attributes`: what was asked of it."""

    intent: Intent
    message_id: str
    item: str | None = None
    attributes: tuple[Attribute, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Focus:
    """The item that was talked of last, by `identity_of`, and the message that picked it."""

    item: str
    message_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """Why something else is shown next: a feature of what was turned down (None: no telling which), and
    the message that showed it."""

    because: str | None
    message_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """The language that the asker wrote last, and the message that was in it."""

    language: Language
    message_id: str


Held = TypeVar("Held", Pending, Doubt, Focus, Learned, Spoken)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialogue:
    """The state per (persona, room, asker). `asked` and `asked_in` (the asker's message): the open
    question. `disliked`: what is out of the conversation, by `likeness_of`. `seen`: what was shown
    since the search changed. `spoke_at`: when the persona last answered here (ms), 0: never."""

    said: tuple[Said, ...] = ()
    asked: Question | None = None
    asked_in: str = ""
    pending: Pending | None = None
    doubt: Doubt | None = None
    table: Table | None = None
    focus: Focus | None = None
    disliked: tuple[str, ...] = ()
    seen: tuple[str, ...] = ()
    learned: Learned | None = None
    spoken: Spoken | None = None
    spoke_at: int = 0

    @property
    def trip(self) -> Trip:
        trip = Trip()
        for said in self.said:
            trip = trip.after(said)
        return trip

    def heard(self, said: Said) -> "Dialogue":
        """One message more; of the same message only the last reading counts."""
        rest = tuple(one for one in self.said if one.message_id != said.message_id)
        if said.is_empty:
            return replace(self, said=rest)
        return replace(self, said=(*rest, said)[-MOST_SAID:])

    def without(self, message_id: str) -> "Dialogue":
        """As if the message had never been written."""
        is_asked = self.asked_in == message_id
        return replace(
            self,
            said=tuple(one for one in self.said if one.message_id != message_id),
            asked=None if is_asked else self.asked,
            asked_in="" if is_asked else self.asked_in,
            pending=_unless(self.pending, message_id),
            doubt=_unless(self.doubt, message_id),
            focus=_unless(self.focus, message_id),
            learned=_unless(self.learned, message_id),
            spoken=_unless(self.spoken, message_id),
        )

    def unconfirmed(self) -> "Dialogue":
        """Without the question whether to do what is always confirmed: a yes after other talk may be one to that."""
        if self.pending is None or self.pending.intent not in ALWAYS_CONFIRMED:
            return self
        return replace(self, asked=None, asked_in="", pending=None)

    def said_here(self) -> "Dialogue":
        """Without what was said elsewhere, and without reasons that a liking gave which nobody else saw: somebody else
        reads from now on."""
        table = None if self.table is None else replace(self.table, because=None)
        said = tuple(one for one in self.said if not one.is_from_elsewhere)
        return replace(self, said=said, table=table, learned=None)

    def asking(self, question: Question | None, message_id: str) -> "Dialogue":
        return replace(self, asked=question, asked_in=message_id if question else "")

    def showing(self, table: Table) -> "Dialogue":
        seen = (*self.seen, *(likeness_of(item) for item in table.items))
        return replace(
            self,
            table=table,
            focus=None,
            seen=tuple(dict.fromkeys(seen))[-MOST_SEEN:],
            learned=None,
        )

    def disliking(self, item: Item) -> "Dialogue":
        """Out of the conversation at once, however often it is offered anew."""
        disliked = tuple(dict.fromkeys((*self.disliked, likeness_of(item))))
        return replace(self, disliked=disliked[-MOST_DISLIKED:])

    def learning(self, because: str | None, message_id: str) -> "Dialogue":
        """The next answer says why it shows something else."""
        return replace(self, learned=Learned(because=because, message_id=message_id))

    def liking(self, item: Item) -> "Dialogue":
        """A thumb taken back."""
        likeness = likeness_of(item)
        return replace(self, disliked=tuple(one for one in self.disliked if one != likeness))


def seeking_of(intent: Intent) -> Seeking | None:
    return _SEEKING.get(intent)


def likeness_of(item: Item) -> str:
    """What stays the same when an offer is found anew, under another id: the flights, the room."""
    if isinstance(item, Place):
        return f"place:{item.id}"
    match item.source.details:
        case HotelDetails(hotel_id=hotel_id, name=name):
            return f"hotel:{hotel_id or name}"
        case FlightDetails(itineraries=ways):
            flights = (
                f"{one.carrier}{one.number}@{one.departs}" for way in ways for one in way.segments
            )
            return "flight:" + ",".join(flights)


def identity_of(item: Item) -> str:
    """What tells an item from the others that lie there: the same flights are sold at several fares."""
    details = None if isinstance(item, Place) else item.source.details
    if not isinstance(details, FlightDetails):
        return likeness_of(item)
    cabins = ",".join(one.cabin or "" for way in details.itineraries for one in way.segments)
    return f"{likeness_of(item)};{cabins};{details.checked_bags};{details.is_refundable}"


def kind_of(items: Sequence[Item]) -> Shown | None:
    if not items:
        return None
    first = items[0]
    if isinstance(first, Place):
        return "places"
    return "flights" if isinstance(first.source.details, FlightDetails) else "hotels"


def _unless(held: Held | None, message_id: str) -> Held | None:
    return None if held is None or held.message_id == message_id else held


def _dates(old: Dates | None, new: Dates | None, *, is_elsewhere: bool) -> Dates | None:
    """A number of nights alone keeps the days, and so does their month alone; new days keep the nights, unless both ends
    are said, and of the same journey its end."""
    if old is None or new is None:
        return new or old
    if old.from_ is not None and new == Dates(month=old.from_[:7]) and not is_elsewhere:
        return old
    if not is_elsewhere:
        new = begun_anew(old, new)
    if new.from_ is None and new.to is None and not (new.month or new.season or new.holiday):
        return Dates(
            from_=old.from_,
            to=None if new.nights else old.to,
            month=old.month,
            part=old.part,
            season=old.season,
            holiday=old.holiday,
            nights=new.nights or old.nights,
        )
    if new.to is not None and new.from_ is None:
        return Dates(from_=old.from_, to=new.to)
    keeps_nights = new.nights is None and new.to is None
    return Dates(
        from_=new.from_,
        to=new.to,
        month=new.month,
        part=new.part,
        season=new.season,
        holiday=new.holiday,
        nights=old.nights if keeps_nights else new.nights,
    )


def _party(old: PartySaid | None, new: PartySaid | None) -> PartySaid | None:
    """Children alone join the adults said before; adults count the party anew. As many children are as old as before."""
    if old is None or new is None:
        return new or old
    ages = new.ages or (old.ages if new.children == old.children else ())
    adults = old.adults if new.adults is None else new.adults
    return PartySaid(adults=adults, children=new.children, ages=ages)
