"""Personas in a terminal: what is typed, what is asked, what people read."""

from types import SimpleNamespace
from typing import Any

import pytest

from commands import terminal_personas
from commands.terminal_travel import TypedWrong

NOVA = {"id": "nova", "name": "Nova", "style": "explorer", "ownerId": "ada"}


class FakeServer:
    """A room with some personas and an owner with one; keeps what it was asked."""

    def __init__(self, *here: dict[str, Any]) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self._here = list(here)

    async def join(self, room_id: str) -> dict[str, Any]:
        return {"room": {"id": room_id, "personas": self._here}}

    async def ask(self, kind: str, **fields: Any) -> dict[str, Any]:
        self.asked.append((kind, fields))
        return {"seq": 3}

    async def token(self) -> str:
        return "token"

    async def call(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        return {"items": [NOVA]}


def a_talk(*here: dict[str, Any]) -> Any:
    shown: list[str] = []
    server = FakeServer(*here)
    return SimpleNamespace(
        session=server,
        account=SimpleNamespace(token=server.token, api=server),
        room={"id": "room"},
        shown=shown,
        screen=SimpleNamespace(show=lambda text, style="": shown.append(text)),
    )


async def test_one_that_is_here_already_is_said_to_be() -> None:
    talk = a_talk(NOVA)
    await terminal_personas.persona(talk, "nova")
    assert talk.shown == ["Nova is here already (explorer)."]


async def test_one_that_comes_in_is_told_by_its_event() -> None:
    talk = a_talk()
    await terminal_personas.persona(talk, "nova")
    assert talk.session.asked == [
        ("room.persona", {"roomId": "room", "personaId": "nova", "active": True})
    ]
    assert talk.shown == []


async def test_out_alone_makes_nobody_of_that_name() -> None:
    talk = a_talk()
    with pytest.raises(TypedWrong, match="/persona out NAME"):
        await terminal_personas.persona(talk, "out")
    assert talk.session.asked == []


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("", {"messageId": "newest"}),
        ("too far out", {"messageId": "newest", "reason": "too far out"}),
        ("1", {"messageId": "cards", "offerId": "offer"}),
        ("1 too far out", {"messageId": "cards", "offerId": "offer", "reason": "too far out"}),
    ],
)
async def test_an_answer_is_rated_with_or_without_a_card_and_a_reason(
    typed: str, sent: dict[str, str]
) -> None:
    talk = a_talk()
    cards = {"1": {"id": "card", "offerId": "offer"}}
    talk.answers = SimpleNamespace(card=cards.get, newest_message="newest", cards_message="cards")
    await terminal_personas.dislike(talk, typed)
    assert talk.session.asked == [("persona.feedback", {"value": -1, **sent})]
    with pytest.raises(TypedWrong, match="/dislike"):
        await terminal_personas.dislike(talk, "2 too far out")
