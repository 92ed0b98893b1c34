"""What `/words` do with quotes and bookings in a terminal conversation."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from commands import terminal_booking_words as words
from commands.terminal_booking_lines import (
    booking_lines,
    quote_lines,
)
from commands.terminal_booking_state import Quoted, View, people_in
from commands.terminal_plan_words import newest_closed
from commands.terminal_talk import Talk
from commands.terminal_travel import TypedWrong
from commands.terminal_words import clean
from loadtest.client import Refused
from protocol.frames import Money

QUOTE_WITHIN: Final = 65.0
"""Seconds; suppliers are asked, for up to a minute."""
INFANT_BELOW: Final = 2
_NONE_YET: Final = "There is no booking here yet: /flights or /hotels, then /quote N, then /book."


async def quote(talk: Talk, rest: str) -> None:
    """Ask what offers cost now, together."""
    wanted = words.quote_of(rest)
    offers = [talk.bookings.offer_id(number) for number in wanted.numbers]
    poll_id = await _decided_poll(talk) if wanted.is_poll else None
    searched = talk.bookings.searched_adults
    adults = wanted.adults or (searched if searched > 1 else len(await joined(talk)))
    talk.screen.show("Asking what it costs now …", "dim")
    try:
        view: View = await talk.session.ask(
            "booking.quote",
            within=QUOTE_WITHIN,
            offerIds=None if wanted.is_poll else offers,
            pollId=poll_id,
            roomId=talk.room["id"],
            adults=adults,
            childrenAges=list(wanted.children) or None,
            rooms=wanted.rooms,
            cabin=wanted.cabin,
        )
    except Refused as refusal:
        if not refusal.quote:
            raise
        talk.screen.show(clean(refusal.message), "bold")
        view = refusal.quote
    talk.bookings.quoted = Quoted(view=view, adults=adults, children=wanted.children)
    for line in quote_lines(view):
        talk.screen.show(line)


async def book(talk: Talk, rest: str) -> None:
    """Open a booking on the newest quote."""
    quoted = talk.bookings.quoted
    if quoted is None:
        raise TypedWrong(f"Nothing is quoted yet. {words.QUOTE}")
    split = words.split_of(rest, quoted.view["total"]["currency"])
    members = await joined(talk)
    shares = {
        await member_called(talk, name, members): amount
        for name, amount in (split.shares or {}).items()
    }
    named = [await member_called(talk, name, members) for name in split.people or ()]
    people = list(dict.fromkeys(named or shares or members))
    answer = await talk.session.ask(
        "booking.create",
        quoteId=quoted.view["quoteId"],
        roomId=talk.room["id"],
        participants=people,
        travellers=seats(people, quoted.adults, quoted.children),
        split="equal" if split.shares is None else _wire_shares(shares),
        clientId=talk.session.new_id(),
    )
    talk.bookings.quoted = None
    await _show_whole(talk, answer["booking"])
    if quoted.adults != len(people):
        whole = f"The quote is for {quoted.adults} adults, and {len(people)} take part"
        talk.screen.show(f"    {whole}: /quote N adults={len(people)} is for these alone.", "dim")


async def traveller(talk: Talk, rest: str) -> None:
    """Say who travels."""
    typed = words.traveller_of(rest)
    view = await _current(talk)
    missing = [one for one in view["travellers"] if not one["complete"]]
    mine = [one["id"] for one in (*missing, *view["travellers"]) if one["payerId"] == _me(talk)]
    id = typed.id or next(iter(mine), None)
    if id is None:
        raise TypedWrong(f"None of the travellers is yours: say which. {words.TRAVELLER}")
    answer = await talk.session.ask(
        "booking.traveller", bookingId=view["bookingId"], travellerId=id, **typed.fields()
    )
    talk.bookings.learn(answer["booking"])
    left = sum(not one["complete"] for one in answer["booking"]["travellers"])
    more = f"{left} without a name yet" if left else "all have names now"
    talk.screen.show(f"    {clean(id)} is {clean(typed.given_name)}; {more}.")


async def approve(talk: Talk, rest: str) -> None:
    """Authorise my share; whether the bank does comes as news."""
    method = words.method_of(rest)
    await _answered(talk, "booking.approve", paymentMethod=method, clientId=talk.session.new_id())


async def decline(talk: Talk, rest: str) -> None:
    """Say no to my share."""
    await _answered(talk, "booking.decline")


async def choose(talk: Talk, rest: str) -> None:
    """Answer a booking's question."""
    view = talk.bookings.asking(talk.room["id"]) or await _current(talk)
    question = view.get("question")
    if not question:
        raise TypedWrong("This booking has no open question.")
    if not question["options"]:
        raise TypedWrong("This question is for others.")
    option = question["options"][words.choice_of(rest, len(question["options"]))]
    answer = {"questionId": question["id"], "optionId": option["id"]}
    await _answered(talk, "booking.decide", view, **answer)


async def cancel(talk: Talk, rest: str) -> None:
    """Call the booking off."""
    await _answered(talk, "booking.cancel")


async def booking(talk: Talk, rest: str) -> None:
    """Where the booking stands, whole."""
    await _show_whole(talk, await _current(talk, is_fresh=True))


def seats(people: Sequence[str], adults: int, children: Sequence[int]) -> list[dict[str, str]]:
    """`travellers` of `booking.create`: an adult for each participant in turn, children on the first."""
    payers = [people[number % len(people)] for number in range(adults)]
    types = ["infant" if age < INFANT_BELOW else "child" for age in children]
    seated = [*((payer, "adult") for payer in payers), *((people[0], type) for type in types)]
    return [
        {"id": f"t{number}", "payerId": payer, "type": type}
        for number, (payer, type) in enumerate(seated, 1)
    ]


async def _answered(talk: Talk, kind: str, of: View | None = None, **fields: Any) -> None:
    """Ask it of a booking, the current one unless another is named, and show where that stands then."""
    view = of or await _current(talk)
    answer = await talk.session.ask(kind, bookingId=view["bookingId"], **fields)
    after = answer["booking"]
    await _learn_names(talk, after)
    lines = talk.bookings.new_lines(after, talk.names, _me(talk))
    talk.bookings.learn(after, is_shown=True)
    for line in lines or ["    Noted."]:
        talk.screen.show(line)


async def _show_whole(talk: Talk, view: View) -> None:
    talk.bookings.learn(view, is_shown=True)
    await _learn_names(talk, view)
    talk.bookings.new_lines(view, talk.names, _me(talk))
    for line in booking_lines(view, talk.names, _me(talk)):
        talk.screen.show(line)


async def _current(talk: Talk, *, is_fresh: bool = False) -> dict[str, Any]:
    """The newest booking here. Raises `TypedWrong` where there is none."""
    known = talk.bookings.newest(talk.room["id"])
    if known is None:
        raise TypedWrong(_NONE_YET)
    if is_fresh or "participants" not in known:
        answer = await talk.session.ask("booking.get", bookingId=known["bookingId"])
        known = answer["booking"]
        talk.bookings.learn(known)
    return known


async def _decided_poll(talk: Talk) -> str:
    """The newest that is closed. Raises `TypedWrong`."""
    board = await talk.session.ask("plan.open", roomId=talk.room["id"])
    return newest_closed(board["items"])


async def joined(talk: Talk) -> list[str]:
    """Who has joined this room, I first."""
    room = (await talk.session.join(talk.room["id"]))["room"]
    talk.learn_members(room)
    joined = [one["id"] for one in room["members"] if one["state"] == "joined"]
    return sorted(joined, key=lambda user_id: user_id != _me(talk))


async def member_called(talk: Talk, name: str, members: Sequence[str]) -> str:
    """By handle, else by a name that nobody else here has. Raises `TypedWrong`."""
    if name.lower() in ("me", "i"):
        return _me(talk)
    user = await talk.account.api.user_by_handle(await talk.account.token(), name)
    if user is not None and user["id"] in members:
        return str(user["id"])
    wanted = name.casefold()
    called = [
        one
        for one in members
        if wanted in (full := talk.names.get(one, "").casefold()).split() or wanted == full
    ]
    if len(called) == 1:
        return called[0]
    raise TypedWrong(f"Nobody who has joined this room is called “{name}”. /who lists them.")


async def _learn_names(talk: Talk, view: View) -> None:
    await talk.names.look_up(*people_in(view))


def _wire_shares(shares: Mapping[str, Money]) -> list[dict[str, Any]]:
    return [
        {"userId": user_id, "amount": {"amount": share.amount, "currency": share.currency}}
        for user_id, share in shares.items()
    ]


def _me(talk: Talk) -> str:
    return str(talk.session.user.get("id"))
