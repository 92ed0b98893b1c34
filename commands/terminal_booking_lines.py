"""Quotes and bookings in lines for a terminal: what they cost, where they stand, who is waited for. Pure.

`names`: users' names by id; `me`: my id. Times are in the local zone.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from commands.terminal_travel import offer_text
from commands.terminal_words import clean, money_text, one_line, person_text

View = Mapping[str, Any]
Names = Mapping[str, str]

_STATUS: Final[Mapping[str, str]] = {
    "collecting": "the shares are being collected",
    "action_needed": "something is needed of you or of others",
    "booking": "it is being booked",
    "booked": "booked",
    "cancelling": "it is being called off, and money is given back",
    "cancelled": "called off",
    "manual": "a person is looking into it",
}
_STATE: Final[Mapping[str, str]] = {
    "invited": "has not answered",
    "accepted": "agreed",
    "action_required": "must confirm with the bank",
    "authorized": "approved",
    "capturing": "is being charged",
    "captured": "paid",
    "declined": "declined",
    "expired": "did not answer in time",
    "voiding": "is being released",
    "voided": "released",
    "part_refunded": "partly refunded",
    "refunded": "refunded",
    "refund_failed": "refund failed",
}
_WAITED_FOR: Final = frozenset({"invited", "action_required", "declined", "expired"})
_TO_PAY: Final = frozenset({"invited", "declined", "expired"})
_OPEN: Final = frozenset({"collecting", "action_needed"})


def quote_lines(quote: View) -> list[str]:
    """What is quoted, with what it cost before where that was another price."""
    lines = [_item_line(item) for item in quote["items"]]
    if any(item.get("travellers") for item in quote["items"]):
        lines.append("    So many fly on several orders: all of them are booked, or none is.")
    until = moment(quote["expiresAt"])
    return [*lines, f"    Together {money_text(quote['total'])}, until {until}. /book splits it."]


def booking_lines(view: View, names: Names, me: str) -> list[str]:
    """All of it: where it stands, who pays what, who travels, what is asked."""
    return [
        standing_line(view, names, me),
        *(_share_line(one, names, me) for one in view["participants"]),
        *_traveller_lines(view, names, me),
        *concern_lines(view, names, me),
        *itinerary_lines(view),
    ]


def standing_line(view: View, names: Names, me: str) -> str:
    """`    Booking of 402.00 EUR: …; waiting for Ben until Sat 05 Dec 18:00.`"""
    step = sentence(view.get("step"))
    where = one_line(step) if " " in step else _STATUS.get(view["status"], clean(view["status"]))
    waited = ", ".join(holding_up(view, names, me))
    for_whom = f"; waiting for {waited}" if waited else ""
    deadline = view.get("deadline")
    until = f" until {moment(deadline)}" if deadline and view["status"] in _OPEN else ""
    return f"    Booking of {money_text(view['total'])}: {where}{for_whom}{until}."


def sentence(text: object) -> str:
    """Without its full stop."""
    return str(text or "").strip().rstrip(".")


def holding_up(view: View, names: Names, me: str) -> list[str]:
    """Names of those without whose word, card or names it does not go on."""
    if view["status"] not in _OPEN:
        return []
    question = view.get("question")
    if question:
        waited = [one for one in question["to"] if one not in question.get("answered", ())]
    else:
        open_shares = [one for one in view["participants"] if one["state"] in _WAITED_FOR]
        waited = [one["userId"] for one in open_shares if one["amount"]["amount"]]
        waited += [one["payerId"] for one in view["travellers"] if not one["complete"]]
    return [person_text(user_id, names, me) for user_id in dict.fromkeys(waited)]


def concern_lines(view: View, names: Names, me: str) -> list[str]:
    """What I am asked, what I must do at the payment provider, and how my share is paid."""
    question = view.get("question") or {}
    lines = [*_question_lines(view, names, me), *_action_lines(view)]
    # While the organiser decides what becomes of a missing share, its payer may still pay it.
    is_others = question.get("kind") == "resplit" and me not in question["to"]
    return lines + _payment_lines(view, me) if is_others or not lines else lines


def itinerary_lines(view: View) -> list[str]:
    """Where it goes and by what tickets, once that is known."""
    lines = []
    for part in view.get("itinerary") or ():
        known = f", booked as {one_line(part['locator'])}" if part.get("locator") else ""
        tickets = ", ".join(one_line(number) for number in part["tickets"])
        lines.append(f"    ✓ {offer_text(part['details'])}{known}")
        lines += [f"      ticket{'s' if len(part['tickets']) > 1 else ''} {tickets}"] * bool(
            tickets
        )
    return lines


def card_line(card: View, me: str) -> str:
    """A booking's card in a room; there it is for those too who take no part."""
    is_mine = any(one["userId"] == me for one in card.get("participants") or ())
    price = f", {money_text(card['price'])}" if card.get("price") else ""
    where = _STATUS.get(card.get("status", ""), clean(str(card.get("status", ""))))
    return f"      [{one_line(card['title'])}{price}: {where}{'. /booking shows it' if is_mine else ''}]"


def moment(ms: int) -> str:
    """`Sat 05 Dec 18:00`: an advanced sandbox is days ahead of the day on the wall."""
    return time.strftime("%a %d %b %H:%M", time.localtime(ms / 1_000))


def _item_line(item: View) -> str:
    before = item.get("previous")
    was = f" (was {money_text(before)})" if before else ""
    held = ["can be held"] if item["canHold"] else []
    some = [f"for {item['travellers']} of you"] if item.get("travellers") else []
    marks = ", ".join([one_line(item["supplier"]), *some, *held])
    return f"    {money_text(item['total']):>14}{was}  {offer_text(item['details'])}  ({marks})"


def _share_line(one: View, names: Names, me: str) -> str:
    name, is_free = person_text(one["userId"], names, me), not one["amount"]["amount"]
    state = "pays nothing" if is_free else _STATE.get(one["state"], clean(one["state"]))
    back = f", {money_text(one['refunded'])} came back" if one.get("refunded") else ""
    return f"    {money_text(one['amount']):>14}  {name}: {state}{back}"


def _traveller_lines(view: View, names: Names, me: str) -> list[str]:
    """Those who are not named yet; nobody else is of interest here."""
    if view["status"] not in _OPEN:
        return []
    missing = [one for one in view["travellers"] if not one["complete"]]
    lines = []
    for one in missing:
        payer = (
            "you pay" if one["payerId"] == me else f"{clean(names.get(one['payerId'], '…'))} pays"
        )
        lines.append(f"      {clean(one['id'])} ({one['type']}, {payer}) has no name yet")
    return [*lines, "      /traveller names them"] if missing else []


def _question_lines(view: View, names: Names, me: str) -> list[str]:
    question = view.get("question")
    if not question:
        return []
    until = moment(question["expiresAt"])
    is_mine = me in question["to"]
    whom = ", ".join(person_text(user_id, names, me) for user_id in question["to"])
    lines = [f"    Question to {whom}, until {until}" + (":" if question["options"] else ".")]
    for number, option in enumerate(question["options"], 1):
        lines.append(f"      {number}  {one_line(option['text'])}{_shares(option, names, me)}")
    if me in question.get("answered", ()):
        return [*lines, "    You have answered."]
    return [*lines, "    /choose N answers."] if is_mine else lines


def _shares(option: View, names: Names, me: str) -> str:
    shares: Sequence[View] = option.get("shares") or ()
    if not shares:
        return ""
    each = [
        f"{person_text(one['userId'], names, me)} {money_text(one['amount'])}" for one in shares
    ]
    return f" ({', '.join(each)})"


def _payment_lines(view: View, me: str) -> list[str]:
    if view["status"] not in _OPEN:
        return []
    for one in view["participants"]:
        if one["userId"] == me and one["state"] in _TO_PAY and one["amount"]["amount"]:
            amount = money_text(one["amount"])
            return [f"    Your share is {amount}: /approve pays it, /decline says no."]
    return []


def _action_lines(view: View) -> list[str]:
    action = view.get("action")
    if not action:
        return []
    until = moment(action["expiresAt"])
    if action["kind"] == "redirect" and action.get("url"):
        return [f"    You are asked to confirm, until {until}: {clean(action['url'])}"]
    return [f"    Another card is needed, until {until}: /approve PAYMENT-METHOD"]
