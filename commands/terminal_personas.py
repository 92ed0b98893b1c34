"""What `/words` do with personas in a terminal conversation."""

from typing import Any, Final, get_args

from commands.terminal_talk import Talk
from commands.terminal_travel import TypedWrong, offer_line
from commands.terminal_words import clean, money_text
from protocol.persona import Voice

STYLES: Final = tuple(get_args(Voice))
PERSONA: Final = (
    f"/persona NAME [STYLE], to bring one in; /persona out NAME. Styles: {', '.join(STYLES)}"
)
RATED: Final = (
    "[N] [WHY]: N is a card's number in the newest answer; without it the answer is meant"
)


async def personas(talk: Talk, rest: str) -> None:
    """Mine, and those in this room."""
    here = {persona["id"]: persona for persona in await _here(talk)}
    mine = await _mine(talk)
    for persona in mine:
        marks = [persona["style"], *(["here"] if persona["id"] in here else [])]
        talk.screen.show(f"    {clean(persona['name'])} ({', '.join(marks)})")
    for persona in here.values():
        if persona["id"] not in {one["id"] for one in mine}:
            owner = talk.names.get(persona["ownerId"], "somebody")
            talk.screen.show(f"    {clean(persona['name'])} (here, {clean(owner)}'s)")
    if not mine and not here:
        talk.screen.show(f"No personas yet. {PERSONA}", "dim")


async def persona(talk: Talk, rest: str) -> None:
    """Bring one of mine in, made if absent; or take one out."""
    words = rest.split()
    if words[1:] and words[0] == "out":
        await _take_out(talk, " ".join(words[1:]))
        return
    style = words[-1].lower() if words and words[-1].lower() in STYLES else None
    name = " ".join(words[:-1] if style and len(words) > 1 else words)
    if not name or words == ["out"]:
        raise TypedWrong(PERSONA)
    found = _called(await _mine(talk), name) or await _made(talk, name, style)
    here = {one["id"]: one["name"] for one in await _here(talk)}
    await _seat(talk, found, is_active=True)
    if here.get(found["id"]) == found["name"]:
        # Nothing changed, so that no event will tell of it.
        talk.screen.show(f"{clean(found['name'])} is here already ({found['style']}).", "dim")


async def like(talk: Talk, rest: str) -> None:
    await _rate(talk, rest, 1, "/like")


async def dislike(talk: Talk, rest: str) -> None:
    await _rate(talk, rest, -1, "/dislike")


async def reprice(talk: Talk, rest: str) -> None:
    """Today's price of a card's offer."""
    card = talk.answers.card(rest)
    if card is None or not card.get("offerId"):
        raise TypedWrong("/reprice N: N is the number of an offer in the newest answer.")
    answer = await _call(talk, "POST", f"/offers/{card['offerId']}/price")
    talk.screen.show(offer_line(int(rest), answer["offer"]))
    before = answer.get("previous")
    word = f"It was {money_text(before)}." if answer["changed"] and before else "The price stands."
    talk.screen.show(f"    {word}", "dim")


async def stop(talk: Talk, rest: str) -> None:
    """Cancel the answer that is being given."""
    run = talk.answers.newest_run
    if run is None:
        talk.screen.show("Nobody is answering.", "dim")
    else:
        await talk.session.ask("persona.cancel", runId=run)


async def _rate(talk: Talk, rest: str, value: int, command: str) -> None:
    number, _, reason = rest.partition(" ")
    if not number.isdigit():
        number, reason = "", rest
    card = talk.answers.card(number)
    if card is None and number:
        raise TypedWrong(f"{command} {RATED}")
    if not talk.answers.newest_message:
        raise TypedWrong("No persona has answered here yet.")
    fields: dict[str, Any] = {"messageId": talk.answers.newest_message, "value": value}
    if card is not None:
        fields["offerId"] = card.get("offerId") or card["id"]
        fields["messageId"] = talk.answers.cards_message
    if reason.strip():
        fields["reason"] = reason.strip()[:500]
    await talk.session.ask("persona.feedback", **fields)
    talk.screen.show("Noted.", "dim")


async def _take_out(talk: Talk, name: str) -> None:
    found = _called(await _here(talk), name)
    if found is None:
        raise TypedWrong(f"No persona here is called “{name}”.")
    await _seat(talk, found, is_active=False)


async def _seat(talk: Talk, found: dict[str, Any], *, is_active: bool) -> None:
    await talk.session.ask(
        "room.persona", roomId=talk.room["id"], personaId=found["id"], active=is_active
    )


async def _made(talk: Talk, name: str, style: str | None) -> dict[str, Any]:
    """A new one; without a word on its style, the one that it is called by, else an explorer."""
    by_name = name.lower() if name.lower() in STYLES else "explorer"
    body = {"name": name, "style": style or by_name}
    made: dict[str, Any] = (await _call(talk, "POST", "/personas", body))["persona"]
    return made


async def _mine(talk: Talk) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await _call(talk, "GET", "/personas"))["items"]
    return items


async def _here(talk: Talk) -> list[dict[str, Any]]:
    room = (await talk.session.join(talk.room["id"]))["room"]
    personas: list[dict[str, Any]] = room["personas"]
    return personas


def _called(personas: list[dict[str, Any]], name: str) -> dict[str, Any] | None:
    return next((one for one in personas if one["name"].casefold() == name.casefold()), None)


async def _call(talk: Talk, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    token = await talk.account.token()
    return await talk.account.api.call(method, path, token=token, body=body)
