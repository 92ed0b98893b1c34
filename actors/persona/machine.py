"""The policy: what a persona does about a message (pure).

`hear` takes in what was said, `decide` chooses an act or an errand, `conclude` turns what came of an
errand into an answer (`conclusions.py`). No model takes part in any of it: a reading comes in, words
are made after it.
"""

import re
from dataclasses import replace
from typing import Final

from msgspec import structs

from actors.persona.company import NOBODY
from actors.persona.decisions import Decision, Heard, Say, Silent
from actors.persona.dialogue import (
    NOTHING_SAID,
    Dialogue,
    Doubt,
    Said,
    Spoken,
    likeness_of,
    seeking_of,
)
from actors.persona.line import Line, Subject
from actors.persona.meant import (
    ABOUT_TRIPS,
    ASK_BELOW,
    SEARCHES,
    SURE_FROM,
    TALK,
    TO_A_PLACE,
    flying_meant,
    is_another_one,
    meant,
)
from actors.persona.picking import at_of, focused, picked, place_of, turned_down
from actors.persona.policy import Policy
from actors.persona.when import Moved
from protocol.understanding import (
    ALWAYS_CONFIRMED,
    MEANT_FROM,
    Intent,
    Slots,
)
from protocol.wording import Act

MOST_LIKE: Final = 300
"""Characters of what says how a place should be."""

ASKING_BACK: Final = frozenset[Act]({"ask_again", "clarify", "noted", "welcome_thanks"})
"""And what is answered to a "nice!" that was for somebody else."""

_CALLS: Final = re.compile(r"@\S+")


def hear(dialogue: Dialogue, heard: Heard) -> Dialogue:
    """Take in what was said. Also by personas that do not answer, while they are in the room."""
    reading = heard.understanding
    if reading.intent not in ABOUT_TRIPS:
        return dialogue
    return _taken_in(dialogue, heard, reading.intent if reading.confidence >= SURE_FROM else None)


def decide(dialogue: Dialogue, heard: Heard) -> tuple[Dialogue, Decision]:
    """The act for a message that was heard, and the state after it. A question that was open is
    closed by it, whatever it was, unless it was not for a persona at all. What people said among themselves, as
    far as can be told, is not asked back about, nor are they told what was noted of it."""
    after, decision = _decided(dialogue, heard)
    if heard.understanding.intent != "human_chatter":
        spoken = Spoken(language=heard.understanding.language, message_id=heard.message_id)
        after = replace(after, spoken=spoken)
    if heard.is_aside and isinstance(decision, Say) and _is_intrusive(decision.line, heard):
        return dialogue.unconfirmed(), Silent()
    return after, decision


def passed_by(dialogue: Dialogue) -> Dialogue:
    """The state after a message of the asker's that was for nobody here: what was to be booked waits no longer for a
    yes, which may be said to somebody else from now on."""
    return dialogue.unconfirmed()


def _is_intrusive(line: Line, heard: Heard) -> bool:
    is_weak = heard.understanding.confidence < SURE_FROM
    return line.act in ASKING_BACK or (is_weak and line in TALK.values())


def _decided(dialogue: Dialogue, heard: Heard) -> tuple[Dialogue, Decision]:
    before, now = dialogue, replace(dialogue, asked=None, asked_in="", pending=None, doubt=None)
    reading = heard.understanding
    intent, confidence = meant(before, heard)
    if intent == "human_chatter":
        return passed_by(before), _chatter(heard)
    if before.doubt is not None and heard.hints.is_no:
        return now, Say(line=Line(act="ask_again"))
    if before.pending is not None and _takes_back(before, heard):
        about = _waited_for(before)
        return now, Say(line=Line(act="stopped", subject=about))
    if heard.hints.is_no and intent in ALWAYS_CONFIRMED and before.pending is None:
        # A no to what was shown, and to nothing that we asked, calls nothing off that was booked.
        line = (
            Line(act="ask_again")
            if before.table is None
            else Line(act="stopped", subject=Subject())
        )
        return now, Say(line=line)
    if intent != reading.intent or (confidence >= SURE_FROM > reading.confidence):
        now = _taken_in(now, heard, intent)
    if intent in TALK and confidence >= ASK_BELOW:
        return now, Say(line=TALK[intent])
    if confidence < ASK_BELOW:
        return now, Say(line=Line(act="ask_again"))
    is_second_reading = intent in ALWAYS_CONFIRMED and before.pending is not None
    if confidence < SURE_FROM and not is_second_reading:
        search = _only_search(before, heard, intent)
        if search is None:
            return _in_doubt(now, heard, intent)
        now = _taken_in(now, heard, search)
        return Policy(before, now, heard, search, is_sure=False).act()
    if intent in ALWAYS_CONFIRMED and not _is_called_for(before, heard, intent):
        return now, Say(line=Line(act="ask_again"))
    return Policy(before, now, heard, intent, is_sure=confidence >= SURE_FROM).act()


def _is_called_for(before: Dialogue, heard: Heard, intent: Intent) -> bool:
    """Whether it may be proposed at all: it is named, it was asked about, or one of what lies there may be booked."""
    is_named, pending = intent in heard.hints.deeds, before.pending
    if pending is not None and pending.intent in ALWAYS_CONFIRMED:
        return True
    if pending is not None or before.table is not None:
        return intent == "book" or is_named
    # Where nothing lies there, people who speak with one another pay rents and book tables.
    return is_named and not heard.is_aside


def _only_search(before: Dialogue, heard: Heard, intent: Intent) -> Intent | None:
    """Of two readings the search, where the other is to do something that nobody has called for: "I want to go on holiday"
    is no payment, and "change the dates to 10 to 15" calls nothing off."""
    second = heard.understanding.second
    readings = (intent,) if second is None else (intent, second[0])
    deeds = [one for one in readings if one in ALWAYS_CONFIRMED]
    is_change = heard.understanding.slots != NOTHING_SAID
    rest = [one for one in readings if one in SEARCHES or (one == "refine" and is_change)]
    if len(deeds) != 1 or len(rest) != 1 or _is_called_for(before, heard, deeds[0]):
        return None
    return rest[0]


def _taken_in(dialogue: Dialogue, heard: Heard, intent: Intent | None) -> Dialogue:
    talked_of = dialogue
    dialogue = dialogue.without(
        heard.message_id
    )  # as it was before, whatever was read of it at first
    seeking = None if intent is None else seeking_of(intent)
    slots = _with_place_on_table(dialogue, heard, intent)
    if heard.hints.company != NOBODY:
        slots = structs.replace(slots, party=None)  # "and her husband" are not two
    said = Said(
        message_id=heard.message_id,
        seeking=seeking,
        slots=slots,
        company=heard.hints.company,
        moved=_moved(heard),
        wishes=heard.hints.wishes,
        cabin=heard.hints.cabin,
        like=_like(heard, intent),
        asks_where=heard.hints.is_elsewhere,
        flying=flying_meant(talked_of, heard)
        if (seeking or dialogue.trip.seeking) == "flights"
        else None,
        rooms=heard.hints.rooms,
        is_one_way=_is_one_way(heard),
        refused=tuple(likeness_of(item) for item in turned_down(talked_of, heard.hints)),
    )
    return dialogue.heard(said)


def _with_place_on_table(dialogue: Dialogue, heard: Heard, intent: Intent | None) -> Slots:
    """What was said; "flights to the second one" names the place that lies there."""
    slots = heard.understanding.slots
    if intent not in TO_A_PLACE or slots.destination:
        return slots
    items = picked(dialogue.table, heard.hints, heard.text)[:1]
    if (
        not items and len(dialogue.trip.destination) != 1
    ):  # "flights there": where was talked of last
        table = dialogue.table
        is_one = table is not None and len(table.items) == 1
        items = table.items if table is not None and is_one else focused(dialogue)
    found = [place_of(item) for item in items]
    return structs.replace(slots, destination=tuple(place for place in found if place is not None))


def _moved(heard: Heard) -> Moved | None:
    """ "A week later" than what was said, or "one night more"; "back on sunday" is the one after the departure that was
    said."""
    hints, dates = heard.hints, heard.understanding.slots.dates
    is_return = hints.is_of_weekday and dates is not None and dates.from_ is None
    if not (hints.days_later or hints.nights_more or is_return):
        return None
    return Moved(
        today=heard.today,
        days=hints.days_later,
        nights=hints.nights_more,
        on_weekday=is_return,
    )


def _is_one_way(heard: Heard) -> bool | None:
    """Who says when they come back does."""
    dates = heard.understanding.slots.dates
    return False if dates is not None and dates.to is not None else heard.hints.is_one_way


def _like(heard: Heard, intent: Intent | None) -> tuple[str, ...]:
    """The words themselves, where they ask for places, and what the model of meanings knows better by other words; it
    reads English, and would take the town that one leaves for one that is wished."""
    reading = heard.understanding
    own = _CALLS.sub("", heard.text[:MOST_LIKE]).strip()
    is_readable = reading.language == "en" and not reading.slots.origin
    match intent:
        case "ask_destination":
            return (*([own] if own and is_readable else []), *heard.hints.likes)
        case "search_activity":
            return heard.hints.likes
        case _:
            return ()


def _takes_back(before: Dialogue, heard: Heard) -> bool:
    """A no to a question of ours. To "shall I book?", "cancel" is one as well."""
    waits = before.pending.intent if before.pending is not None else None
    if is_another_one(before, heard):
        return False
    return heard.hints.is_no or (heard.understanding.intent == "cancel" and waits != "cancel")


def _waited_for(before: Dialogue) -> Subject:
    """What is not done then; with the item where one was picked."""
    if before.pending is None or before.pending.intent not in ALWAYS_CONFIRMED:
        return Subject()
    at = at_of(before.table, before.pending.item)
    kind = before.table.kind if before.table is not None else None
    return Subject(intent=before.pending.intent, at=at, kind=kind)


def _chatter(heard: Heard) -> Decision:
    """Silence; but who was named and does not understand says so."""
    if heard.is_explicit and heard.understanding.addressed >= MEANT_FROM:
        return Say(line=Line(act="ask_again"))
    return Silent()


def _in_doubt(now: Dialogue, heard: Heard, intent: Intent) -> tuple[Dialogue, Decision]:
    second = heard.understanding.second
    # A yes or a no to nothing that was asked is read as both of what is always confirmed.
    is_neither = second is not None and {intent, second[0]} <= ALWAYS_CONFIRMED
    if second is None or second[0] == intent or is_neither:
        return now, Say(line=Line(act="ask_again"))
    readings = (intent, second[0])
    doubt = Doubt(readings=readings, message_id=heard.message_id)
    return replace(now, doubt=doubt), Say(line=Line(act="clarify", readings=readings))
