"""`/plan`, `/poll`, `/expense` and the rest in a terminal: what was typed, what is shown. Pure."""

import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from commands.terminal_travel import TypedWrong
from commands.terminal_words import clean, money_text, person_text
from protocol.frames import Money
from protocol.money import minor_units

POLL: Final = (
    "/poll QUESTION | A | B [| quorum=2] [| until 2027-05-01 18:00]; an option may be offers of the "
    "newest list: /poll Which flight? | f1 | f2"
)
VOTE: Final = "/vote N: N is the number of an option of the newest open poll"
PLAN: Final = (
    "/plan shows the board; /plan add [day DATE|stop [10:00]|packing|budget 400 EUR] TEXT · /plan set N "
    "TEXT · /plan move N [after M] · /plan remove N · /plan close [N] · /plan calendar [end]"
)
EXPENSE: Final = (
    "/expense AMOUNT CURRENCY WHAT [for ada ben], for example /expense 42.50 EUR dinner"
)

_KINDS: Final = ("day", "stop", "packing", "budget")
_OFFER: Final = re.compile(r"[fh]?[1-9][0-9]{0,2}\Z")
_TIME: Final = re.compile(r"([01]?[0-9]|2[0-3]):[0-5][0-9]\Z")
_UNTIL: Final = re.compile(r"until\s+(\d{4}-\d{2}-\d{2})(?:[ T](\d{1,2}:\d{2}))?\Z")
_QUORUM: Final = re.compile(r"quorum\s*=\s*([1-9][0-9]{0,3})\Z")

MAX_TITLES: Final = 500

Item = Mapping[str, Any]
Names = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """`options`: texts, or numbers of offers. `until`: ms."""

    question: str
    options: tuple[str | tuple[str, ...], ...]
    quorum: int | None = None
    until: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Expense:
    """`sharers`: by handle or name; empty: everybody."""

    amount: Money
    title: str
    sharers: tuple[str, ...] = ()


class Titles:
    """Owns: what items of boards are called, as far as it was told here (bounded)."""

    def __init__(self) -> None:
        self.by_id: OrderedDict[str, str] = OrderedDict()

    def learn(self, id: str, fields: Mapping[str, Any] | None) -> None:
        if fields and "title" in fields:
            self.by_id[id] = str(fields["title"])
            if len(self.by_id) > MAX_TITLES:
                self.by_id.popitem(last=False)

    def told(self, event: Mapping[str, Any], who: str) -> list[str]:
        """Of a `plan.changed`."""
        for op in event["ops"]:
            self.learn(op["id"], op.get("fields"))
        return change_lines(event, who, self.by_id)


def poll_of(typed: str) -> Poll:
    """Raises `TypedWrong`."""
    question, *parts = (part.strip() for part in typed.split("|"))
    quorum = until = None
    options: list[str | tuple[str, ...]] = []
    for part in parts:
        if match := _QUORUM.match(part):
            quorum = int(match[1])
        elif match := _UNTIL.match(part):
            until = _moment(match[1], match[2] or "23:59")
        elif part and all(_OFFER.match(word) for word in part.split()):
            options.append(tuple(part.split()))
        elif part:
            options.append(part)
    if not question or len(options) < 2:
        raise TypedWrong(POLL)
    return Poll(question=question, options=tuple(options), quorum=quorum, until=until)


def expense_of(typed: str) -> Expense:
    """Raises `TypedWrong`."""
    head, _, rest = typed.partition(" for ")
    words = head.split(maxsplit=2)
    if len(words) < 3:
        raise TypedWrong(EXPENSE)
    amount = _money(words[0], words[1], EXPENSE)
    return Expense(
        amount=amount, title=words[2].strip(), sharers=tuple(rest.replace(",", " ").split())
    )


def added_of(typed: str) -> tuple[str, dict[str, Any]]:
    """The kind and the fields of what `/plan add` adds. Raises `TypedWrong`."""
    word, _, rest = typed.strip().partition(" ")
    kind = word if word in _KINDS else "stop"
    text = rest.strip() if word in _KINDS else typed.strip()
    fields: dict[str, Any] = {}
    first, _, more = text.partition(" ")
    if kind == "day":
        fields["date"] = _day(first)
        text = more or first
    elif kind == "stop" and _TIME.match(first):
        fields["startsAt"] = first.rjust(5, "0")
        text = more
    elif kind == "budget":
        currency, _, text = more.strip().partition(" ")
        amount = _money(first, currency, PLAN)
        fields["amount"] = {"amount": amount.amount, "currency": amount.currency}
        text = text or "Budget"
    if not text.strip():
        raise TypedWrong(PLAN)
    return kind, {"title": text.strip()} | fields


def number_of(typed: str, usage: str) -> int:
    """Raises `TypedWrong`."""
    if not typed.isdecimal() or int(typed) < 1:
        raise TypedWrong(usage)
    return int(typed)


def _money(amount: str, currency: str, usage: str) -> Money:
    try:
        value = minor_units(amount.replace(",", "."), currency.upper())
    except ValueError:
        raise TypedWrong(usage) from None
    if value <= 0 or not re.fullmatch(r"[A-Z]{3}", currency.upper()):
        raise TypedWrong(usage)
    return Money(amount=value, currency=currency.upper())


def _day(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise TypedWrong(PLAN) from None


def _moment(day: str, time: str) -> int:
    """In the local zone, as all that a terminal shows."""
    try:
        return int(datetime.fromisoformat(f"{day} {time.rjust(5, '0')}").timestamp() * 1_000)
    except ValueError:
        raise TypedWrong(POLL) from None


def newest_closed(items: Sequence[Item]) -> str:
    """The id of the poll that was asked last of those that are closed. Raises `TypedWrong`."""
    closed = [one for one in items if one["kind"] == "poll" and one["fields"].get("closed")]
    if not closed:
        raise TypedWrong("No poll is closed yet: /plan close closes the newest.")
    # Ids are UUIDv7: later ones are greater.
    return str(max(closed, key=lambda item: str(item["id"]))["id"])


# What is shown.


def board_lines(items: Sequence[Item], names: Names) -> list[str]:
    """The board, numbered; options stand below their poll with their votes."""
    if not items:
        return ["    Nothing is planned yet. " + PLAN]
    return [
        f"    {number:>3}  {_item_text(item, items, names)}" for number, item in enumerate(items, 1)
    ]


def poll_lines(poll: Item, options: Sequence[Item]) -> list[str]:
    """A poll as one votes in it."""
    fields = poll["fields"]
    lines = [f"    ? {clean(fields['title'])}{_poll_state(fields, options)}"]
    votes = list(fields.get("votes", {}).values())
    lines += [
        f"      {number}  {_priced(option)}  {votes.count(option['id']) or ''}".rstrip()
        for number, option in enumerate(options, 1)
    ]
    return lines


def change_lines(event: Mapping[str, Any], who: str, titles: Mapping[str, str]) -> list[str]:
    """A `plan.changed` in words. `titles`: by item, as far as they are known."""
    lines = []
    for op in event["ops"]:
        fields = op.get("fields") or {}
        title = clean(titles.get(op["id"], "something"))
        match op["op"]:
            case "add" if op["kind"] == "poll" or fields.get("pollId"):
                continue  # the room has a message with a card
            case "add" if op["kind"] == "expense" and "amount" in fields:
                lines.append(f"{who} notes an expense: {title}, {money_text(fields['amount'])}")
            case "add":
                lines.append(f"{who} added “{title}” to the plan.")
            case "set":
                lines.append(f"{who} changed “{title}” in the plan.")
            case "move":
                lines.append(f"{who} moved “{title}” in the plan.")
            case "remove":
                lines.append(f"{who} took “{title}” off the plan.")
            case "vote":
                chosen = titles.get(fields.get("optionId") or "")
                verdict = f"votes for “{clean(chosen)}”" if chosen else "takes a vote back"
                lines.append(f"{who} {verdict}: {title}")
            case _:
                continue  # the end of a poll, as its beginning
    return [f"    {line}" for line in lines]


def poll_card_lines(cards: Sequence[Mapping[str, Any]]) -> list[str]:
    """What can be voted for, below the message that tells of it."""
    return [
        f"      {number}  {clean(option['title'])}" + ("" if number > 1 else "  (/vote N)")
        for card in cards
        if card.get("kind") == "poll" and not card.get("isClosed")
        for number, option in enumerate(card.get("options") or (), 1)
    ]


def settlement_lines(answer: Mapping[str, Any], names: Names, me: str) -> list[str]:
    """Who gives whom how much."""
    lines = []
    for one in answer["settlements"]:
        currency = one["currency"]
        lines.append(f"    {money_text({'amount': one['total'], 'currency': currency})} in all")
        for person in one["balances"]:
            paid, share = (
                money_text({"amount": person[name], "currency": currency})
                for name in ("paid", "share")
            )
            lines.append(
                f"      {person_text(person['userId'], names, me)}: paid {paid}, share {share}"
            )
        for move in one["transfers"]:
            sender, receiver = (
                person_text(move[name], names, me) for name in ("senderId", "receiverId")
            )
            lines.append(f"    → {sender} to {receiver}: {money_text(move['amount'])}")
        if not one["transfers"]:
            lines.append("    All are even.")
        elif not one["isFewest"]:
            lines.append("      (too many people to prove that fewer transfers would not do)")
    return lines or ["    No expense is noted yet. " + EXPENSE]


def _item_text(item: Item, items: Sequence[Item], names: Names) -> str:
    fields, title = item["fields"], _title(item)
    match item["kind"]:
        case "day":
            return f"— {title} {fields.get('date', '')} —".replace("  ", " ")
        case "stop":
            return " ".join(word for word in (fields.get("startsAt", ""), title) if word)
        case "poll":
            options = options_of(item, items)
            return f"? {title}{_poll_state(fields, options)}"
        case "option":
            poll = next((one for one in items if one["id"] == fields.get("pollId")), None)
            votes = [] if poll is None else list(poll["fields"].get("votes", {}).values())
            count = votes.count(item["id"])
            return f"  · {_priced(item)}" + (f"  ({count})" if count else "")
        case "expense" if "amount" in fields:
            payer = clean(names.get(fields["paidBy"], "somebody"))
            return f"{title}: {money_text(fields['amount'])}, paid by {payer}"
        case "expense":
            return f"{title}: what the booking cost"
        case "budget":
            return f"{title}: at most {money_text(fields['amount'])}"
        case _:
            return f"[{'x' if fields.get('isPacked') else ' '}] {title}"


def options_of(poll: Item, items: Sequence[Item]) -> list[Item]:
    """In the order of the board."""
    return [one for one in items if one["fields"].get("pollId") == poll["id"]]


def _poll_state(fields: Mapping[str, Any], options: Sequence[Item]) -> str:
    if not fields.get("closed"):
        return ""
    winner = next((one for one in options if one["id"] == fields.get("winner")), None)
    return f"  (closed: {_title(winner)})" if winner else "  (closed: nothing has won)"


def _priced(option: Item) -> str:
    price = option["fields"].get("price")
    return f"{_title(option)}, {money_text(price)}" if price else _title(option)


def _title(item: Item) -> str:
    return clean(str(item["fields"].get("title", "")))
