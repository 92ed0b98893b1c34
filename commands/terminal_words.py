"""Events in words, for a terminal. Pure; times in the local zone."""

import time
from collections.abc import Mapping
from typing import Any, Final

from protocol.frames import Money
from protocol.money import decimal_text

Event = Mapping[str, Any]

HELP: Final = """\
/invite HANDLE        bring somebody in        /react N EMOJI    react to message N
/rooms                my rooms                 /edit N TEXT      change my message N
/join ROOM            go there, or accept      /delete N         take message N away
/history [COUNT]      earlier messages         /pin N            pin message N
/search WORDS         find messages            /who              who is in this room
/leave                leave this room          /quit             end (also Ctrl-D)
/flights [FROM] TO DATE [BACK] [ADULTS]        flights on offer (FROM: else my home airport)
/hotels PLACE FROM TO [ADULTS] [ROOMS]         rooms on offer
/personas             my AI personas           /persona NAME [STYLE]   bring one in (out NAME: take it out)
/like [N] [WHY]       more like card N         /dislike [N] [WHY]      not that
/reprice N            card N's price today     /stop                   end the answer being given
/quote N [M …]        what offers cost now     /book [equal|ada=40,ben=60] [with ada ben]   split and book it
/traveller [t1] GIVEN FAMILY BORN GENDER EMAIL [PHONE]    who travels, as the document has it
/approve [METHOD]     pay my share             /decline         say no to it
/choose N             answer its question      /cancel          call the booking off
/booking              where it stands
/plan                 the trip board           /plan add|set|move|remove|close|calendar …
/poll QUESTION | A | B  ask everybody          /vote N          for option N of the newest poll
/expense 42.50 EUR WHAT [for ada ben]          what I have paid for several
/settle               who gives whom how much  /quote poll      what the newest poll's winner costs now
N is the number before a message (or a card, in the newest answer); `last` is the newest one (for /edit and /delete: my newest).\
"""


MAX_DIGITS: Final = 19
KEPT: Final = "\n\u00a0\u200c\u200d"
BELOW: Final = "\n         "
"""Where the next line of a text begins: not where a message does."""


def clean(text: str) -> str:
    """Text that cannot steer the terminal: other control characters than new lines and the
    joiners that emoji and scripts need become '·'.
    """
    text = text.replace("\t", "    ")
    return "".join(c if c.isprintable() or c in KEPT else "·" for c in text)


def one_line(text: str) -> str:
    """As `clean`, for what stands amid a line: what begins one looks like somebody's message."""
    return clean(text).replace("\n", " ")


def whole(word: str) -> int:
    """A number that was typed; 0: it is none."""
    return int(word) if word.isascii() and word.isdigit() and len(word) < MAX_DIGITS else 0


def clock(ms: int) -> str:
    return time.strftime("%H:%M", time.localtime(ms / 1000))


def day(ms: int) -> str:
    return time.strftime("%A, %d %B %Y", time.localtime(ms / 1000))


def money_text(amount: Mapping[str, Any]) -> str:
    """`42.50 EUR`."""
    money = Money(amount=amount["amount"], currency=amount["currency"])
    return f"{decimal_text(money)} {money.currency}"


def person_text(user_id: str, names: Mapping[str, str], me: str) -> str:
    """What somebody is called where `me` reads it. `names` by user id."""
    return "you" if user_id == me else clean(names.get(user_id, "somebody"))


def message_line(message: Event) -> str:
    """`12 09:41 Ada: text`, with what became of it behind."""
    text = "(deleted)" if message.get("deleted") else clean(message["content"])
    text = text.replace("\n", BELOW)
    marks = ["(edited)"] if message.get("edited") and not message.get("deleted") else []
    marks += ["(pinned)"] if message.get("pinned") else []
    marks += [f"{clean(r['emoji'])} {r['count']}" for r in message.get("reactions", ())]
    sender = clean(message["sender"]["name"])
    return f"{message['seq']:>3} {clock(message['sentAt'])} {sender}: {'  '.join([text, *marks])}"


def change_line(event: Event, name: Mapping[str, str], number: Mapping[str, int]) -> str:
    """Any other durable event as a sentence. `name` by user id, `number` (seq) by message id."""
    by = clean(name.get(event.get("by", ""), "Somebody"))
    seq = number.get(event.get("messageId", ""))
    what = f"message {seq}" if seq else "an earlier message"
    match event["type"]:
        case "chat.edited":
            return f"{by} changed {what}: {clean(event['content'])}".replace("\n", BELOW)
        case "chat.deleted":
            return f"{by} deleted {what}."
        case "chat.reacted" if event["active"]:
            return f"{by} reacted to {what} with {clean(event['emoji'])}"
        case "chat.reacted":
            return f"{by} took {clean(event['emoji'])} off {what}."
        case "chat.pinned":
            return f"{by} {'pinned' if event['active'] else 'unpinned'} {what}."
        case _:
            return _room_line(event, by, name)


def _room_line(event: Event, by: str, name: Mapping[str, str]) -> str:
    whom = ", ".join(clean(name.get(user, "somebody")) for user in event.get("userIds") or ())
    match event.get("change"):
        case "created":
            return f"{by} made this room."
        case "invited":
            return f"{by} invited {whom}."
        case "joined":
            return f"{by} joined."
        case "left":
            return f"{by} left."
        case "removed":
            return f"{by} removed {whom}."
        case "persona":
            return _persona_line(event, by, name)
        case "updated" if event.get("title"):
            return f"{by} named this room “{clean(event['title'])}”."
        case _:
            return f"{by} changed this room."


def _persona_line(event: Event, by: str, name: Mapping[str, str]) -> str:
    persona = event.get("persona") or {}
    known = name.get(persona.get("id", ""))
    if known and persona.get("name") not in (None, "", known):
        return f"{by} calls {clean(known)} {clean(persona['name'])} from now on."
    if persona:
        called = clean(persona["name"]) or "…"  # its owner's account is no more
        return f"{by} brought in {called}, an AI persona. It reads what is written here."
    return f"{by} took a persona out."


def room_line(room: Event) -> str:
    """One line of `/rooms`."""
    state = "  (invited: /join to accept)" if room.get("state") == "invited" else ""
    unread = f"  {room['unread']} new" if room.get("unread") else ""
    return f"{clean(room['title']) or '(untitled)'}{unread}{state}  {room['id']}"
