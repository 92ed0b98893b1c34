"""Character cards come in as personas and go out again, as JSON or in a picture."""

from typing import Final, Literal

import msgspec
import trio

from core.card_refusal import demand_no_card
from core.identity import Permission
from core.ports.personas import NewPersona
from gateways.http.card_pictures import card_in, picture_of
from gateways.http.character_cards import (
    MAX_CARD_BYTES,
    BadCard,
    Card,
    Taken,
    given,
    read_card,
    taken,
    used,
)
from gateways.http.personas import ONE, PATH, OwnPersona, new_id, own, whole_view
from gateways.http.problems import FieldProblem, InvalidFields
from gateways.http.routes import Body, Call, Reply, Route, View, json_reply
from protocol.persona import Persona, Voice

JSON: Final = "application/json"
PNG: Final = "image/png"

_THREADS: Final = trio.CapacityLimiter(2)
"""Four megabytes take tens of milliseconds to read, and the loop has better to do."""


class CardStyle(Body, frozen=True):
    """How it is to talk; absent: as the card says, or its tags."""

    style: Voice | None = None


class CardKind(Body, frozen=True):
    """How it is to come."""

    format: Literal["json", "png"] = "json"


class Imported(View, frozen=True):
    """The persona, and which of its card's fields the loaded model uses."""

    persona: OwnPersona
    uses: list[str]


async def import_card(call: Call) -> Reply:
    """Make a persona of a card."""
    try:
        card, own_part = await trio.to_thread.run_sync(
            _read, call.raw, call.media_type, limiter=_THREADS
        )
    except BadCard as bad:
        raise _refused(bad) from None
    new = NewPersona(
        id=new_id(call, "imported"),
        owner_id=call.of().user_id,
        name=own_part.name,
        style=call.query.style or own_part.style,
        about=own_part.about,
        greeting=own_part.greeting,
        card=card.whole,
        created_at=call.ports.clock.now_ms(),
    )
    persona = await call.ports.personas.create(call.of().tenant_id, new)
    uses = used(card, call.ports.card_fields())
    return json_reply(Imported(persona=await whole_view(call, persona), uses=uses), 201)


async def export_card(call: Call) -> Reply:
    """The card of a persona."""
    persona, kind = await own(call), call.query.format
    try:
        body = await trio.to_thread.run_sync(_write, persona, kind, limiter=_THREADS)
    except BadCard as bad:
        raise _refused(bad) from None
    headers = {"Content-Disposition": f'attachment; filename="{persona.id}.{kind}"'}
    return Reply(status=200, body=body, headers=headers, media_type=PNG if kind == "png" else JSON)


def _read(raw: bytes, media_type: str) -> tuple[Card, Taken]:
    card = read_card(card_in(raw) if media_type == PNG else raw)
    demand_no_card(card.whole)
    return card, taken(card)


def _write(persona: Persona, kind: str) -> bytes:
    card = given(persona)
    return picture_of(card, persona.style) if kind == "png" else msgspec.json.encode(card)


def _refused(bad: BadCard) -> InvalidFields:
    return InvalidFields([FieldProblem("", bad.text, bad.params)])


ROUTES: Final = (
    Route(
        method="POST",
        path=f"{PATH}/import",
        name="importCard",
        summary="Make a persona of a character card, version 1 to 3, as JSON or in a PNG picture",
        handle=import_card,
        access=Permission.MANAGE_PERSONAS,
        query=CardStyle,
        answer=Imported,
        status=201,
        errors=("persona_limit",),
        keeps_answer=True,
        takes=(JSON, PNG),
        max_body=MAX_CARD_BYTES,
    ),
    Route(
        method="GET",
        path=f"{ONE}/card",
        name="exportCard",
        summary="The character card of a persona, as JSON or in a PNG picture",
        handle=export_card,
        access=Permission.MANAGE_PERSONAS,
        query=CardKind,
        also=(PNG,),
        errors=("not_found",),
    ),
)
