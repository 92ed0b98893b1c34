"""What a persona remembers of somebody: for that somebody to see, correct and delete."""

from typing import Final

from msgspec import UNSET, UnsetType

from core.errors import Rejected
from core.identity import Permission
from core.ports.personas import MemoryItem
from gateways.http.checked import checked_text
from gateways.http.personas import ONE
from gateways.http.rooms import Page
from gateways.http.routes import Body, Call, Reply, Route, View, json_reply

MAX_MEMORY_BYTES: Final = 1_000
PATH: Final = f"{ONE}/memories"


class OwnMemory(View, frozen=True):
    """One thing that a persona remembers. `about`: me, or nobody (a room, or the persona itself).
    `room_id` None: it was said in private. `source_message`: where it was learned, and with which it
    goes. `in_groups`: it may be used where others read."""

    id: str
    kind: str
    text: str
    about: str | None
    room_id: str | None
    source_message: str | None
    in_groups: bool
    created_at: int
    expires_at: int | None

    @classmethod
    def of(cls, item: MemoryItem) -> "OwnMemory":
        return cls(**{name: getattr(item, name) for name in cls.__struct_fields__})


class MemoryItems(View, frozen=True):
    """Newest id first. `next_cursor` None: this was all."""

    items: list[OwnMemory]
    next_cursor: str | None


class OneMemory(View, frozen=True):
    """A memory as it stands."""

    memory: OwnMemory


class ChangeMemory(Body, frozen=True):
    """What is absent stays."""

    text: str | UnsetType = UNSET
    in_groups: bool | UnsetType = UNSET


async def list_memories(call: Call) -> Reply:
    """What the persona remembers of the caller, whoever's persona it is; of its owner also what is
    about nobody."""
    page = call.query
    found = sorted(await _known(call), key=lambda item: item.id, reverse=True)
    rest = [item for item in found if page.cursor is None or item.id < page.cursor]
    items = [OwnMemory.of(item) for item in rest[: page.limit]]
    more = items[-1].id if len(rest) > page.limit else None
    return json_reply(MemoryItems(items=items, next_cursor=more))


async def change_memory(call: Call) -> Reply:
    """Correct its text, or say whether it may be used where others read."""
    body: ChangeMemory = call.body
    memory_id, text = await _the(call), None
    if body.text is not UNSET:
        text = checked_text("text", body.text, MAX_MEMORY_BYTES, may_be_empty=False)
    who = call.of()
    item = await call.ports.memories.change(
        who.tenant_id,
        memory_id,
        who.user_id,
        text=text,
        in_groups=None if body.in_groups is UNSET else body.in_groups,
    )
    return json_reply(OneMemory(memory=OwnMemory.of(item)))


async def remove_memory(call: Call) -> Reply:
    """Nothing is left of it."""
    who = call.of()
    await call.ports.memories.remove(who.tenant_id, await _the(call), who.user_id)
    return json_reply({})


async def _known(call: Call) -> list[MemoryItem]:
    """Raises `Rejected("not_found")` where the persona is another's and knows nothing of the caller."""
    who, persona_id = call.of(), call.path["id"]
    found = await call.ports.memories.of_person(who.tenant_id, persona_id, who.user_id)
    if not found:
        persona = await call.ports.personas.get(who.tenant_id, persona_id)
        if persona is None or persona.owner_id != who.user_id:
            raise Rejected("not_found", "There is no such persona.")
    return list(found)


async def _the(call: Call) -> str:
    """The memory of the path, where it is this persona's and the caller's."""
    memory_id = call.path["memoryId"]
    if all(item.id != memory_id for item in await _known(call)):
        raise Rejected("not_found", "There is no such memory.")
    return memory_id


ROUTES: Final = (
    Route(
        method="GET",
        path=PATH,
        name="listMemories",
        summary="What a persona remembers of the caller, newest first",
        handle=list_memories,
        access=Permission.MANAGE_PERSONAS,
        query=Page,
        answer=MemoryItems,
        errors=("not_found",),
    ),
    Route(
        method="PATCH",
        path=f"{PATH}/{{memoryId}}",
        name="changeMemory",
        summary="Correct what a persona remembers, or say whether it may be used where others read",
        handle=change_memory,
        access=Permission.MANAGE_PERSONAS,
        body=ChangeMemory,
        answer=OneMemory,
        errors=("not_found",),
        keeps_answer=True,
    ),
    Route(
        method="DELETE",
        path=f"{PATH}/{{memoryId}}",
        name="removeMemory",
        summary="Make a persona forget one thing",
        handle=remove_memory,
        access=Permission.MANAGE_PERSONAS,
        errors=("not_found",),
        keeps_answer=True,
    ),
)
