"""A recorded crash, once more: the same envelopes, in order, to the same actor in a world of its own."""

import importlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, is_dataclass
from typing import Any, Final

import msgspec
import trio
import trio.testing

from commands.replay_room import restore_room
from commands.replay_world import Nobody, ReplayWorld
from core.envelope import AnyEnvelope, Envelope, Lane
from core.errors import Rejected
from core.identity import Principal, Role
from core.ports.crash_records import CrashRecord, RecordedEnvelope, RecordedPrincipal
from protocol.addresses import Address
from protocol.presence import PRESENCE
from protocol.room import ROOM
from protocol.user import USER

WAIT_FOR: Final = 120.0
"""Virtual seconds in which the crash must come: timers and flushes need some."""

_OURS: Final = re.compile(r"(protocol|core|actors)(\.\w+)+")
_ID: Final = re.compile(r"[0-9a-f-]{36}")


class UnreplayableError(RuntimeError):
    """This record cannot be replayed here; the sentence says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """`delivered`: how many envelopes it took, 0 when it did not crash the same way. `others`: what
    crashed instead, as `error at place`."""

    delivered: int
    others: Sequence[str]


def replay(record: CrashRecord) -> Replayed:
    """All its envelopes, then the last one alone: the state is that of the crash, and an earlier
    envelope may have brought it about already. Raises `UnreplayableError`."""
    if record.kind not in (ROOM, USER, PRESENCE):
        raise UnreplayableError(
            f"Crashes of the kind {record.kind!r} cannot be replayed: those of rooms, users and "
            "presence can; of others, what they hang on (a login's token, a booking's calls) is not kept."
        )
    if not record.envelopes:
        raise UnreplayableError("It crashed before it took a message: there is nothing to deliver.")
    others: list[str] = []
    for envelopes in (record.envelopes, record.envelopes[-1:]):
        clock = trio.testing.MockClock(autojump_threshold=0)
        crashes = trio.run(_attempt, record, envelopes, clock=clock)
        if any((crash.error, crash.place) == (record.error, record.place) for crash in crashes):
            return Replayed(delivered=len(envelopes), others=())
        others += [f"{crash.error} at {crash.place}" for crash in crashes]
    return Replayed(delivered=0, others=tuple(dict.fromkeys(others)))


async def _attempt(record: CrashRecord, recorded: Sequence[RecordedEnvelope]) -> list[CrashRecord]:
    clients: dict[int, Nobody] = {}
    envelopes = [_envelope(each, clients) for each in recorded]
    tenant_id = next((each.principal.tenant_id for each in envelopes if each.principal), 1)
    world = ReplayWorld(record, tenant_id)
    await _restore(world, record)
    ref = world.system.ref(Address(record.kind, record.key))
    async with world.running():
        for envelope in envelopes:
            try:
                ref.deliver_nowait(envelope)
            except Rejected:
                continue
            await trio.testing.wait_all_tasks_blocked()
        await trio.sleep(WAIT_FOR)
    return list(world.crashes.records)


async def _restore(world: ReplayWorld, record: CrashRecord) -> None:
    if record.kind == ROOM:
        if record.state is None:
            raise UnreplayableError("Its state was not recorded: the room cannot be put back.")
        try:
            await restore_room(world, record.key, record.state)
        except msgspec.ValidationError as error:
            raise UnreplayableError(f"Its state is not that of a room here: {error}.") from None
    for user_id in _ids([each.fields for each in record.envelopes]):
        world.add_user(user_id)
    for each in record.envelopes:
        if each.principal is not None:
            world.add_user(each.principal.user_id, each.principal.name)


def _ids(value: object) -> Iterator[str]:
    """Everything that may name a user: one too many does no harm."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _ids(item)
    elif isinstance(value, str) and _ID.fullmatch(value):
        yield value


def _envelope(recorded: RecordedEnvelope, clients: dict[int, Nobody]) -> AnyEnvelope:
    principal = None if recorded.principal is None else _principal(recorded.principal)
    client = None
    if recorded.connection is not None:
        client = clients.setdefault(recorded.connection, Nobody(recorded.connection, principal))
    return Envelope(
        message_of(recorded),
        principal=principal,
        client=client,
        reply=_unheard if recorded.was_asked else None,
        lane=Lane(recorded.lane),
    )


def _unheard(_: object) -> None:
    """Nobody waits in a replay."""


def message_of(recorded: RecordedEnvelope) -> Any:
    """Raises `UnreplayableError` for a type that this server does not know."""
    module_name, _, name = recorded.type.rpartition(".")
    try:
        if not _OURS.fullmatch(module_name):
            raise ImportError
        kind = getattr(importlib.import_module(module_name), name)
    except (ImportError, AttributeError):
        raise UnreplayableError(f"This server knows no message {recorded.type}.") from None
    is_message = isinstance(kind, type) and (issubclass(kind, msgspec.Struct) or is_dataclass(kind))
    if not is_message or recorded.fields is None:
        raise UnreplayableError(f"{recorded.type} is no message whose fields are recorded.")
    try:
        return msgspec.convert(recorded.fields, kind)
    except msgspec.ValidationError as error:
        raise UnreplayableError(
            f"A recorded {name} has not the fields of this server's: {error}."
        ) from None


def _principal(recorded: RecordedPrincipal) -> Principal:
    return Principal(
        tenant_id=recorded.tenant_id,
        user_id=recorded.user_id,
        login_id=recorded.login_id,
        role=Role(recorded.role),
        name=recorded.name,
        handle=recorded.handle,
        locale=recorded.locale,
        expires_at=recorded.expires_at,
    )
