"""One's personas: making, changing and removing them, and choosing the active one."""

import hashlib
import uuid
from collections.abc import Sequence
from typing import Annotated, ClassVar, Final

import trio
from msgspec import UNSET, Meta, UnsetType

from core.errors import Rejected
from core.identity import Permission
from core.ports.personas import NewPersona, PersonaPatch
from core.texts import sentence
from gateways.http.character_cards import card_of, used
from gateways.http.checked import text_problems
from gateways.http.cursors import cursor_of, cursor_pattern, place_of
from gateways.http.persona_texts import (
    MAX_NAME_BYTES,
    MAX_TEXT_BYTES,
    shown,
)
from gateways.http.problems import FieldProblem, InvalidFields
from gateways.http.rooms import MAX_PAGE
from gateways.http.routes import API, Body, Call, Reply, Route, View, json_reply
from protocol.ids import Id
from protocol.names import proper_name
from protocol.persona import Persona, SetRoomPersona, Voice
from protocol.room import ROOM

PATH: Final = f"{API}/personas"
ONE: Final = f"{PATH}/{{id}}"
ROOMS_AT_ONCE: Final = 8

_NO_NAME: Final = sentence("A name has visible characters and no line breaks.")


class OwnPersona(View, frozen=True, omit_defaults=True):
    """A persona as its owner sees it. `is_active`: chosen for everywhere. `uses`: which of its card's
    fields the loaded model uses; absent in lists, and where it has no card."""

    id: str
    name: str
    style: Voice
    about: str
    greeting: str
    is_favourite: bool
    is_paid: bool
    version: int
    created_at: int
    is_active: bool | None = None
    uses: list[str] | None = None


class FindPersonas(Body, frozen=True):
    """Which part of one's list. `cursor`: the last answer's `nextCursor`."""

    limit: Annotated[int, Meta(ge=1, le=MAX_PAGE)] = 50
    cursor: Annotated[str, Meta(pattern=cursor_pattern(16))] | None = None


class PersonaItems(View, frozen=True):
    """Oldest first."""

    items: list[OwnPersona]
    next_cursor: str | None


class OnePersona(View, frozen=True):
    """The answer to what makes, shows or changes one."""

    persona: OwnPersona


class MakePersona(Body, frozen=True):
    """`about`: who it is; `greeting`: how it begins. Both lose control and direction characters."""

    name: str
    style: Voice
    about: str = ""
    greeting: str = ""


class ChangePersona(Body, frozen=True):
    """What is absent stays."""

    name: str | UnsetType = UNSET
    style: Voice | UnsetType = UNSET
    about: str | UnsetType = UNSET
    greeting: str | UnsetType = UNSET
    is_favourite: bool | UnsetType = UNSET


class Activate(Body, frozen=True):
    """Where it is to be the active one: in a room, or (absent) everywhere else."""

    may_be_empty: ClassVar[bool] = True
    room_id: Id | None = None


async def list_personas(call: Call) -> Reply:
    """One's own."""
    who, page = call.of(), call.query
    found = await call.ports.personas.of_owner(who.tenant_id, who.user_id)
    after = place_of(page.cursor)
    # By its place, not by itself: the last one that was shown may have been removed since.
    rest = [one for one in found if after is None or (one.created_at, one.id) > after]
    active = await _active(call)
    items = [view(persona, active) for persona in rest[: page.limit]]
    more = cursor_of(items[-1].created_at, items[-1].id) if len(rest) > page.limit else None
    return json_reply(PersonaItems(items=items, next_cursor=more))


async def make_persona(call: Call) -> Reply:
    """Make one of at most five."""
    body: MakePersona = call.body
    name, about, greeting = _judged(body.name, body.about, body.greeting)
    new = NewPersona(
        id=new_id(call, "made"),
        owner_id=call.of().user_id,
        name=name or "",
        style=body.style,
        about=about or "",
        greeting=greeting or "",
        created_at=call.ports.clock.now_ms(),
    )
    persona = await call.ports.personas.create(call.of().tenant_id, new)
    return json_reply(OnePersona(persona=await whole_view(call, persona)), 201)


async def read_persona(call: Call) -> Reply:
    """One of one's own."""
    return json_reply(OnePersona(persona=await whole_view(call, await own(call))))


async def change_persona(call: Call) -> Reply:
    """All of what is sent or nothing. Its rooms know it by its new name when this is answered; cut off
    halfway, a repeat tells those that do not."""
    body: ChangePersona = call.body
    persona = await own(call)
    name, about, greeting = _judged(body.name, body.about, body.greeting)
    patch = PersonaPatch(
        name=name,
        style=None if body.style is UNSET else body.style,
        about=about,
        greeting=greeting,
        is_favourite=None if body.is_favourite is UNSET else body.is_favourite,
    )
    changed = await call.ports.personas.patch(call.of().tenant_id, persona.id, patch)
    if name is not None:
        # Also where it is the name that it has: a repeat reaches the rooms that were not told.
        rooms = await call.ports.personas.rooms(call.of().tenant_id, persona.id)
        await _tell(call, persona.id, rooms, active=True)
    return json_reply(OnePersona(persona=await whole_view(call, changed)))


async def remove_persona(call: Call) -> Reply:
    """Out of its rooms first: cut off halfway, it is still there to be removed again. Who took it into
    another one meanwhile finds it gone from there too."""
    persona, tenant_id = await own(call), call.of().tenant_id
    ports = call.ports.personas
    await _tell(call, persona.id, await ports.rooms(tenant_id, persona.id), active=False)
    await _tell(call, persona.id, await ports.remove(tenant_id, persona.id), active=False)
    return json_reply({})


async def activate_persona(call: Call) -> Reply:
    """Make one the active one, in a room or everywhere else."""
    persona, who = await own(call), call.of()
    room_id = call.body.room_id
    if room_id is not None and not await call.ports.rooms.is_member(
        who.tenant_id, room_id, who.user_id
    ):
        raise Rejected("not_found", "There is no such room.")
    await call.ports.personas.switch(who.tenant_id, who.user_id, persona.id, room_id)
    return json_reply(OnePersona(persona=await whole_view(call, persona)))


async def own(call: Call) -> Persona:
    """The persona of the path. Raises `Rejected("not_found")` for somebody else's."""
    who = call.of()
    persona = await call.ports.personas.get(who.tenant_id, call.path["id"])
    if persona is None or persona.owner_id != who.user_id:
        raise Rejected("not_found", "There is no such persona.")
    return persona


async def whole_view(call: Call, persona: Persona) -> OwnPersona:
    """With what the loaded model uses of its card."""
    uses = None
    if persona.card is not None:
        uses = used(card_of(persona.card), call.ports.card_fields())
    return view(persona, await _active(call), uses)


def view(persona: Persona, active: str | None, uses: list[str] | None = None) -> OwnPersona:
    return OwnPersona(
        id=persona.id,
        name=persona.name,
        style=persona.style,
        about=persona.about,
        greeting=persona.greeting,
        is_favourite=persona.is_favourite,
        is_paid=persona.is_paid,
        version=persona.version,
        created_at=persona.created_at,
        is_active=persona.id == active,
        uses=uses,
    )


def new_id(call: Call, how: str) -> str:
    """The same call under the same key makes the same persona, also when the first answer was never
    stored. `how`: by which route, for a key is its own."""
    if call.key is None:
        return call.ports.ids.uuid7()
    said = "/".join((how, str(call.of().tenant_id), call.of().user_id, call.key, call.digest.hex()))
    bits = int.from_bytes(hashlib.sha256(said.encode()).digest()[:16])
    bits = bits & ~(0xF << 76) & ~(0x3 << 62) | (0x7 << 76) | (0x2 << 62)
    return str(uuid.UUID(int=bits))


async def _active(call: Call) -> str | None:
    """That of no room in particular."""
    who = call.of()
    choice = await call.ports.personas.active(who.tenant_id, who.user_id, "")
    return None if choice is None else choice.persona_id


async def _tell(call: Call, persona_id: str, rooms: Sequence[str], *, active: bool) -> None:
    """Have these rooms seat it as it is by now, or take it out of them, on its owner's behalf."""
    limiter = trio.CapacityLimiter(ROOMS_AT_ONCE)
    refusals: list[Rejected] = []

    async def tell(room_id: str) -> None:
        command = SetRoomPersona(room_id=room_id, persona_id=persona_id, active=active)
        async with limiter:
            try:
                await call.ports.ref(ROOM.at(room_id)).ask(command, principal=call.of())
            except Rejected as refused:
                if refused.code not in ("not_found", "conflict"):  # it sits there no more
                    refusals.append(refused)

    async with trio.open_nursery() as nursery:
        for room_id in rooms:
            nursery.start_soon(tell, room_id)
    if refusals:
        raise refusals[0]


def _judged(
    name: str | UnsetType, about: str | UnsetType, greeting: str | UnsetType
) -> tuple[str | None, str | None, str | None]:
    """In normal form, None for what is absent. Raises `InvalidFields`, which names all that is wrong."""
    wrong: list[FieldProblem] = []
    normal = {
        "name": None if name is UNSET else proper_name(name),
        "about": None if about is UNSET else shown(about),
        "greeting": None if greeting is UNSET else shown(greeting),
    }
    if name is not UNSET and normal["name"] is None:
        wrong.append(FieldProblem("name", _NO_NAME))
    for field, text in normal.items():
        limit = MAX_NAME_BYTES if field == "name" else MAX_TEXT_BYTES
        if text is not None:
            wrong += text_problems(field, text, limit)
    if wrong:
        raise InvalidFields(wrong)
    return normal["name"], normal["about"], normal["greeting"]


ROUTES: Final = (
    Route(
        method="GET",
        path=PATH,
        name="listPersonas",
        summary="One's personas, oldest first",
        handle=list_personas,
        access=Permission.MANAGE_PERSONAS,
        query=FindPersonas,
        answer=PersonaItems,
    ),
    Route(
        method="POST",
        path=PATH,
        name="makePersona",
        summary="Make a persona, one of at most five",
        handle=make_persona,
        access=Permission.MANAGE_PERSONAS,
        body=MakePersona,
        answer=OnePersona,
        status=201,
        errors=("persona_limit",),
        keeps_answer=True,
    ),
    Route(
        method="GET",
        path=ONE,
        name="readPersona",
        summary="One of one's personas",
        handle=read_persona,
        access=Permission.MANAGE_PERSONAS,
        answer=OnePersona,
        errors=("not_found",),
    ),
    Route(
        method="PATCH",
        path=ONE,
        name="changePersona",
        summary="Change a persona; what is absent stays",
        handle=change_persona,
        access=Permission.MANAGE_PERSONAS,
        body=ChangePersona,
        answer=OnePersona,
        errors=("not_found",),
        keeps_answer=True,
    ),
    Route(
        method="DELETE",
        path=ONE,
        name="removePersona",
        summary="Take a persona out of its rooms and remove it with all that it remembers",
        handle=remove_persona,
        access=Permission.MANAGE_PERSONAS,
        errors=("not_found", "overloaded"),
        keeps_answer=True,
    ),
    Route(
        method="POST",
        path=f"{ONE}/activate",
        name="activatePersona",
        summary="Make a persona the active one, in a room or everywhere else",
        handle=activate_persona,
        access=Permission.MANAGE_PERSONAS,
        body=Activate,
        answer=OnePersona,
        errors=("not_found",),
        keeps_answer=True,
    ),
)
