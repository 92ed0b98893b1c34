"""What a message means, by its reading and by what the state knows (pure)."""

from dataclasses import replace
from typing import Final

from actors.persona.company import NOBODY
from actors.persona.decisions import Heard
from actors.persona.dialogue import NOTHING_SAID, Dialogue, seeking_of
from actors.persona.flying import ANYHOW, Flying
from actors.persona.line import Line
from actors.persona.picking import focused, picked, picks_another, turned_down
from actors.persona.regions import countries_of
from actors.persona.shown_before import is_of_what_was_shown, shifted
from protocol.understanding import INTENTS, Intent, Question, Understanding

SURE_FROM: Final = 0.7
"""Below, the two best readings are offered."""

ASK_BELOW: Final = 0.4

TALK: Final[dict[Intent, Line]] = {
    "greet": Line(act="greet", mood="glad"),
    "thanks": Line(act="welcome_thanks", mood="glad"),
    "complaint": Line(act="sorry", mood="sad"),
    "smalltalk": Line(act="smalltalk"),
    "out_of_scope": Line(act="out_of_scope"),
}
"""What needs no tool and no slot; harmless, so that a weak reading of it is enough."""

ABOUT_TRIPS: Final = frozenset(INTENTS) - set(TALK) - {"pay", "cancel", "human_chatter"}
"""Whose slots are about the trip that is talked of."""

TO_A_PLACE: Final = frozenset[Intent]({"search_flight", "search_hotel", "search_activity"})
"""Where one of what lies on the table may be the place."""

MAY_SHIFT: Final = frozenset[Intent]({"refine", "ask_detail", "complaint", "search_flight"})
"""What a wish for a later flight is read as."""

TO_BOOK: Final = frozenset[Intent]({"search_flight", "search_hotel"})
SEARCHES: Final = TO_A_PLACE | {"ask_destination"}


def meant(before: Dialogue, heard: Heard) -> tuple[Intent, float]:
    """The reading, with what the state knows: one of two readings that were offered was picked, an
    open question was answered, or an item was picked for what waited for it."""
    reading, hints, pending = heard.understanding, heard.hints, before.pending
    is_sure = reading.confidence >= SURE_FROM
    if before.doubt is not None:
        readings = before.doubt.readings
        if hints.picks[:1] in ((0,), (1,)) and (hints.is_pick or not is_sure):
            return readings[0 if hints.picks[0] == 0 else 1], 1.0
        if reading.intent in readings and reading.confidence >= ASK_BELOW:
            return reading.intent, 1.0
        if reading.intent == "refine" and (reading.slots != NOTHING_SAID or hints.twists):
            # Who goes on with it takes the likelier one for granted.
            return readings[0], 1.0
    is_of_table = hints.is_terse and before.table is not None
    if reading.intent == "human_chatter" and not is_of_table:
        return reading.intent, reading.confidence
    if _is_elsewhere(heard):
        return "ask_destination", reading.confidence
    if hints.is_bye and reading.intent in TALK:
        return "thanks", 1.0
    if hints.is_weather and reading.intent in ("weather", "ask_detail"):
        return "weather", 1.0
    if is_of_what_was_shown(before, heard):
        return "ask_detail", 1.0
    is_open = before.asked is not None
    if before.asked == "which":  # but nothing was picked: it is something else
        is_open = bool(picked(before.table, hints, heard.text))
    by_words = None if is_open else _by_words(before, heard, is_sure=is_sure)
    if by_words is not None:
        return by_words, 1.0
    settled = None if is_sure or heard.is_aside else _settled(before, heard)
    if is_another_one(before, heard):
        return "book", 1.0
    if pending is None:
        return (settled, 1.0) if settled else (reading.intent, reading.confidence)
    if before.asked == "which" and picked(before.table, hints, heard.text):
        return _deed_called_for(heard) or pending.intent, 1.0
    if _fills(before.asked, heard):
        is_another = reading.intent in ABOUT_TRIPS - {"refine"} and is_sure
        return (reading.intent if is_another else pending.intent), 1.0
    return (settled, 1.0) if settled else (reading.intent, reading.confidence)


def _deed_called_for(heard: Heard) -> Intent | None:
    """ "Book the second one" is more than the answer to which one it is."""
    second, deeds = heard.understanding.second, heard.hints.deeds
    is_read = second is not None and second[0] in deeds and second[1] >= SURE_FROM
    return second[0] if second is not None and is_read else None


def is_another_one(before: Dialogue, heard: Heard) -> bool:
    """ "No wait, the second one": not what we are about to book, but another of those that lie there."""
    pending, hints = before.pending, heard.hints
    if pending is None or pending.intent != "book" or set(hints.deeds) - {"book"}:
        return False
    is_little = heard.understanding.slots == NOTHING_SAID and not hints.attributes
    is_little = is_little and not hints.twists and "?" not in heard.text
    return is_little and picks_another(before, hints, heard.text, pending.item)


def _settled(before: Dialogue, heard: Heard) -> Intent | None:
    """Of two readings between which nobody needs to be asked: a change, where nothing is sought, is none; a search that
    may be a change is one; and what says a place, days or people, or asks of something by its name, is more than talk.
    None: that cannot be told."""
    reading, hints = heard.understanding, heard.hints
    second = None if reading.second is None else reading.second[0]
    if reading.confidence < ASK_BELOW or second is None:
        return None
    if {reading.intent, second} == TO_BOOK:
        if len(hints.kinds) == 1:
            return hints.kinds[0]
        if not hints.kinds and (of_a_trip := _of_a_trip(before, heard)):
            return of_a_trip
    pair = {reading.intent, second}
    if "refine" in pair and before.trip.seeking is None and before.table is None:
        (other,) = pair - {"refine"}
        return other if other in SEARCHES | {"weather"} else None
    is_search = reading.intent in SEARCHES | {"refine"}
    is_either = (
        is_search and second in SEARCHES | {"refine"} and "refine" in (reading.intent, second)
    )
    is_less = second in TALK or (second == "weather" and not hints.is_weather)
    is_more = reading.intent in SEARCHES | {"refine"} and reading.slots != NOTHING_SAID
    is_more |= reading.intent == "ask_detail" and bool(hints.attributes)
    is_more |= reading.intent == "refine" and "amenities" in hints.attributes
    return reading.intent if is_either or (is_less and is_more) else None


def _of_a_trip(before: Dialogue, heard: Heard) -> Intent | None:
    """Where neither flight nor bed is named: "a beach holiday" is still to be found, and who says for how many nights
    sleeps there. None: that cannot be told."""
    slots, hints = heard.understanding.slots, heard.hints
    if not (slots.destination or before.trip.destination):
        return "ask_destination" if hints.wishes or hints.likes else None
    is_stay = slots.dates is not None and slots.dates.nights is not None and not slots.origin
    return "search_hotel" if is_stay else None


def _is_elsewhere(heard: Heard) -> bool:
    """Whether it asks for a place that is still to be found, though it was read as a change, or for a bed."""
    reading, hints = heard.understanding, heard.hints
    may_be = reading.intent in ("refine", "search_flight")
    may_be = may_be or (reading.intent == "search_hotel" and bool(hints.wishes))
    return may_be and hints.is_elsewhere and not reading.slots.destination


def _by_words(before: Dialogue, heard: Heard, *, is_sure: bool) -> Intent | None:
    """What rules are surer of than a weak model is. None: of nothing. What only picks one of what lies there is told
    of it, however it was read; nobody books by a number alone."""
    reading, hints = heard.understanding, heard.hints
    is_of_one = bool(picked(before.table, hints, ""))
    if reading.intent == "complaint" and _is_put_right(before, heard):
        return "refine"
    is_liked = hints.is_praise and not hints.deeds
    if is_of_one and (hints.is_pick or is_liked):
        return "ask_detail"
    if hints.is_the_other and focused(before) and not hints.deeds:
        return "ask_detail"
    is_of_price = "price" in hints.attributes or hints.is_of_price
    if (is_of_one or is_of_price) and _is_for_other_days(before, reading):
        return "search_hotel"
    if reading.intent in MAY_SHIFT and shifted(before, hints, heard.text) is not None:
        return "refine"
    if before.table is not None and hints.is_terse and hints.is_why:
        return "ask_detail"
    if before.table is not None and (turned_down(before, hints) or hints.is_not_this):
        return "refine"
    if before.table is not None and _is_change(before, heard):
        return "refine"
    is_of_any = not is_of_one and not focused(before) and before.trip.seeking == "hotels"
    if reading.intent == "ask_detail" and "breakfast" in hints.twists and is_of_any:
        return "refine"  # "anything with breakfast?"
    is_talk = reading.intent == "human_chatter" or (reading.intent in TALK and not heard.is_aside)
    if is_sure and not (is_talk and hints.is_terse):
        return None
    if is_of_one and reading.intent == "compare" and len(hints.picks) == 1:
        return "ask_detail"
    is_read = reading.confidence >= ASK_BELOW
    is_detail = is_of_one and is_read and reading.intent == "ask_detail" and len(hints.picks) == 1
    is_of_other = any(_is_of_another_kind(before, kind) for kind in hints.kinds)
    if is_detail and not is_of_other:
        return "ask_detail"
    if not heard.is_aside and _is_choice_of_places(before, heard):
        return "ask_detail"
    if is_read and reading.intent == "ask_detail" and focused(before) and not is_of_other:
        return "ask_detail"
    is_journey = bool(reading.slots.origin and reading.slots.destination)
    if is_read and reading.intent == "search_flight" and is_journey:
        return "search_flight"
    if is_read and not heard.is_aside and _is_place_or_talk(reading):
        return "ask_destination"
    if is_read and reading.intent == "compare" and len(reading.slots.destination) > 1:
        return "compare"
    is_named = before.table is not None and len(hints.kinds) == 1
    if is_named and is_read and _is_of_another_kind(before, hints.kinds[0]):
        return hints.kinds[0]
    if is_read and _is_bed_or_idea(reading):
        return "search_hotel" if _is_bound(before, reading) else "ask_destination"
    if is_read and _is_flight_or_idea(heard) and not _is_bound(before, reading):
        return "ask_destination"
    if is_read and reading.intent in TO_BOOK and _is_of_another_kind(before, reading.intent):
        return reading.intent
    # "Cheaper", or bare days, of what lies on the table; a place, or who comes along, where nothing does.
    is_hinting = bool(hints.twists or hints.wishes or hints.cabin or hints.days_later)
    is_hinting |= bool(hints.nights_more)
    is_hinting |= reading.intent == "refine" and "amenities" in hints.attributes
    is_hinting |= hints.rooms is not None or hints.company != NOBODY
    is_hinting |= before.trip.seeking == "flights" and hints.is_one_way is not None
    is_hinting |= before.trip.seeking == "flights" and flying_meant(before, heard) is not None
    is_said = reading.slots != NOTHING_SAID
    # Where nothing is sought yet, it is only noted.
    is_harmless = before.trip.seeking is None and not (hints.wishes or hints.is_open)
    is_refining = reading.intent == "refine" and (
        bool(reading.slots.destination) or (is_said and (is_read or is_harmless))
    )
    goes_on = before.table is not None and (is_hinting or is_said)
    return "refine" if is_refining or goes_on else None


def _is_change(before: Dialogue, heard: Heard) -> bool:
    """Of what lies there: "that's too expensive for me" is no question where prices go, and "can my friend join? then we
    are two" or "is there a cheaper one?" ask nothing of what was talked of."""
    reading, hints = heard.understanding, heard.hints
    if reading.intent in ("price_trend", "complaint"):
        return hints.is_dear and "?" not in heard.text
    is_of_people = reading.slots.party is not None or hints.company != NOBODY
    is_asked = bool(hints.attributes) or hints.is_of_price or bool(hints.picks)
    is_detail = reading.intent == "ask_detail" and before.trip.seeking in ("flights", "hotels")
    return is_detail and not is_asked and (is_of_people or "cheaper" in hints.twists)


def _is_for_other_days(before: Dialogue, reading: Understanding) -> bool:
    """ "The cheapest one for five nights": what lies there is priced for others."""
    is_of_hotels = before.table is not None and before.table.kind == "hotels"
    return reading.intent == "ask_detail" and is_of_hotels and reading.slots.dates is not None


def _is_choice_of_places(before: Dialogue, heard: Heard) -> bool:
    """ "Ok, Porto then": one of the places that lie there, and nothing else that anybody could tell."""
    reading, table = heard.understanding, before.table
    is_little = reading.intent in TALK or reading.confidence < ASK_BELOW
    is_of_places = table is not None and table.kind == "places"
    return is_little and is_of_places and len(picked(table, heard.hints, heard.text)) == 1


def _is_put_right(before: Dialogue, heard: Heard) -> bool:
    """ "That's wrong, I said march": the complaint says what to do."""
    slots, is_read = heard.understanding.slots, heard.understanding.confidence >= ASK_BELOW
    is_clear = slots != NOTHING_SAID and len(slots.destination) <= 1
    return before.trip.seeking is not None and is_read and is_clear


def _is_place_or_talk(reading: Understanding) -> bool:
    """A place is shown, of which the climate is told too, rather than asked whether it was only talk."""
    second = None if reading.second is None else reading.second[0]
    return reading.intent == "ask_destination" and (second in TALK or second == "weather")


def _is_of_another_kind(before: Dialogue, intent: Intent) -> bool:
    """ "And hotels there?" asks nothing of the flights that lie there."""
    return before.table is not None and before.table.kind != seeking_of(intent)


def _is_bed_or_idea(reading: Understanding) -> bool:
    """A bed, or ideas where to go: which of both is wanted is told by whether a place was said."""
    readings = {reading.intent, reading.second[0] if reading.second is not None else None}
    return readings == {"ask_destination", "search_hotel"}


def _is_flight_or_idea(heard: Heard) -> bool:
    """A journey of which no flight is named."""
    reading = heard.understanding
    readings = {reading.intent, reading.second[0] if reading.second is not None else None}
    return readings == {"ask_destination", "search_flight"} and not heard.hints.kinds


def _is_bound(before: Dialogue, reading: Understanding) -> bool:
    """For a town; a whole country, or a part of the world, leaves open where in it."""
    mentions = reading.slots.destination or before.trip.destination
    return any(not (one.country or countries_of(one)) for one in mentions)


def _fills(asked: Question | None, heard: Heard) -> bool:
    """Whether the message has what was asked for."""
    match asked:
        case "destination" | "origin" | "dates" | "budget" | "party":
            return bool(getattr(heard.understanding.slots, asked)) or heard.hints.is_open
        case _:
            return False


def flying_meant(dialogue: Dialogue, heard: Heard) -> Flying | None:
    """ "Any airline" takes back what was said before."""
    if heard.hints.flying != ANYHOW:
        return heard.hints.flying
    if (window := shifted(dialogue, heard.hints, heard.text)) is not None:
        return replace(dialogue.trip.flying, windows=(window,))
    return ANYHOW if heard.hints.is_open else None
