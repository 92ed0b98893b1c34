"""What `/words` do with the trip board in a terminal conversation."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from commands import terminal_plan_words as words
from commands.terminal_bookings import joined, member_called
from commands.terminal_talk import Talk
from commands.terminal_travel import TypedWrong, offer_text
from loadtest.client import Refused

TRIES: Final = 3
_NO_POLL: Final = "There is no open poll here. " + words.POLL

Item = Mapping[str, Any]


async def plan(talk: Talk, rest: str) -> None:
    """Show the board, or change it."""
    word, _, more = rest.strip().partition(" ")
    more = more.strip()
    match word:
        case "":
            items = (await _board(talk))["items"]
            await talk.names.look_up(*_people_in(items))
            for line in words.board_lines(items, talk.names):
                talk.screen.show(line)
        case "add":
            kind, fields = words.added_of(more)
            await _apply(talk, 0, [_add(talk, kind, fields)])
        case "calendar":
            await _calendar(talk, more)
        case "set" | "move" | "remove" | "close":
            await _change(talk, word, more)
        case _:
            raise TypedWrong(words.PLAN)


async def poll(talk: Talk, rest: str) -> None:
    """Ask everybody."""
    typed = words.poll_of(rest)
    asked = {"title": typed.question, "quorum": typed.quorum, "deadline": typed.until}
    question = _add(talk, "poll", {k: v for k, v in asked.items() if v is not None})
    options = [
        _add(talk, "option", {"pollId": question["id"]} | _option(talk, option))
        for option in typed.options
    ]
    await _apply(talk, 0, [question, *options])
    await _show_poll(talk, question["id"])


async def vote(talk: Talk, rest: str) -> None:
    """For an option of the newest open poll."""
    board = await _board(talk)
    asked = _newest_poll(board["items"])
    options = words.options_of(asked, board["items"])
    if not rest:
        for line in words.poll_lines(asked, options):
            talk.screen.show(line)
        return
    number = words.number_of(rest, words.VOTE)
    if number > len(options):
        raise TypedWrong(words.VOTE)
    choice = {"optionId": options[number - 1]["id"]}
    done = await _apply(
        talk, board["version"], [{"op": "vote", "id": asked["id"], "fields": choice}]
    )
    if not done["ops"]:
        talk.screen.show("    Too late: the poll is closed.")
    await _show_poll(talk, asked["id"])


async def expense(talk: Talk, rest: str) -> None:
    """Note what I have paid for several."""
    typed = words.expense_of(rest)
    fields: dict[str, Any] = {
        "title": typed.title,
        "amount": {"amount": typed.amount.amount, "currency": typed.amount.currency},
    }
    if typed.sharers:
        members = await joined(talk)
        named = [await member_called(talk, name, members) for name in typed.sharers]
        fields["sharedBy"] = list(dict.fromkeys(named))
    await _apply(talk, 0, [_add(talk, "expense", fields)])


async def settle(talk: Talk, rest: str) -> None:
    """Who gives whom how much."""
    answer = await _http(talk, "GET", "settlement")
    people = {one["userId"] for each in answer["settlements"] for one in each["balances"]}
    await talk.names.look_up(*people)
    me = str(talk.session.user.get("id"))
    for line in words.settlement_lines(answer, talk.names, me):
        talk.screen.show(line)


async def _board(talk: Talk) -> Any:
    board = await talk.session.ask("plan.open", roomId=talk.room["id"])
    for item in board["items"]:
        talk.titles.learn(item["id"], item["fields"])
    return board


async def _apply(talk: Talk, version: int, ops: Sequence[Mapping[str, Any]]) -> Any:
    return await talk.session.ask(
        "plan.apply",
        roomId=talk.room["id"],
        version=version,
        ops=list(ops),
        clientId=talk.session.new_id(),
    )


def _add(talk: Talk, kind: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    return {"op": "add", "id": talk.session.new_id(), "kind": kind, "fields": dict(fields)}


def _option(talk: Talk, option: str | tuple[str, ...]) -> dict[str, Any]:
    if isinstance(option, str):
        return {"title": option}
    cards = [talk.bookings.offer(number) for number in option]
    title = " + ".join(_called(card) for card in cards)
    fields = {"title": title[:200], "offerIds": [str(card["offerId"]) for card in cards]}
    prices = [card["price"] for card in cards if card.get("price")]
    return fields | ({"price": prices[0]} if len(prices) == len(cards) == 1 else {})


def _called(card: Mapping[str, Any]) -> str:
    """Two flights of a day have one title: what tells them apart is better."""
    return offer_text(card["details"]) if card.get("details") else str(card["title"])


async def _change(talk: Talk, word: str, typed: str) -> None:
    """What happens to an item by its number. Somebody else's change since it was read: once more."""
    for left in reversed(range(TRIES)):
        board = await _board(talk)
        try:
            await _apply(talk, board["version"], [_changing(word, typed, board["items"])])
        except Refused as refusal:
            if refusal.code != "conflict" or not left:
                raise
        else:
            return


def _changing(word: str, typed: str, items: Sequence[Item]) -> dict[str, Any]:
    number, _, rest = typed.partition(" ")
    if word == "close" and not number:
        return {"op": "close", "id": _newest_poll(items)["id"]}
    id = _numbered(items, number)["id"]
    match word:
        case "set":
            if not rest.strip():
                raise TypedWrong(words.PLAN)
            return {"op": "set", "id": id, "fields": {"title": rest.strip()}}
        case "move" if rest.startswith("after "):
            after = _numbered(items, rest.removeprefix("after ").strip())["id"]
            return {"op": "move", "id": id, "after": after}
        case _:
            return {"op": word, "id": id}


def _numbered(items: Sequence[Item], typed: str) -> Item:
    number = words.number_of(typed, words.PLAN)
    if number > len(items):
        raise TypedWrong(f"The board has {len(items)} items. {words.PLAN}")
    return items[number - 1]


def _newest_poll(items: Sequence[Item]) -> Item:
    """The open one that was asked last. Raises `TypedWrong`."""
    open = [item for item in items if item["kind"] == "poll" and not item["fields"].get("closed")]
    if not open:
        raise TypedWrong(_NO_POLL)
    # Ids are UUIDv7: later ones are greater.
    return max(open, key=lambda item: str(item["id"]))


async def _show_poll(talk: Talk, poll_id: str) -> None:
    items = (await _board(talk))["items"]
    for item in items:
        if item["id"] == poll_id:
            for line in words.poll_lines(item, words.options_of(item, items)):
                talk.screen.show(line)


async def _calendar(talk: Talk, rest: str) -> None:
    if rest == "end":
        ended = (await _http(talk, "DELETE", "calendar"))["ended"]
        talk.screen.show("    Your address shows nothing any more." if ended else "    None yet.")
        return
    answer = await _http(talk, "POST", "calendar")
    talk.screen.show(f"    {answer['url']}")
    talk.screen.show("    Whoever knows it sees the itinerary: /plan calendar end revokes it.")


async def _http(talk: Talk, method: str, what: str) -> Any:
    token = await talk.account.token()
    path = f"/chat/rooms/{talk.room['id']}/{what}"
    return await talk.account.api.call(method, path, token=token)


def _people_in(items: Sequence[Item]) -> set[str]:
    return {item["fields"]["paidBy"] for item in items if "paidBy" in item["fields"]}
