"""Commands of personas that name no room: the session finds it, and who may ask there."""

from typing import Any, Final, assert_never

from actors.session.ports import RefTo, SessionPorts
from core.errors import Rejected
from core.identity import Permission, Principal, authorize
from core.ports.personas import Run
from protocol.chat import MessagePosted
from protocol.codec import decode_event
from protocol.persona import (
    PERSONA,
    Cancel,
    CancelRun,
    OpenCard,
    Opened,
    Rated,
    RatePersona,
    SwitchPersona,
)
from protocol.room import ROOM, ConfirmReader

PersonaCommand = SwitchPersona | CancelRun | OpenCard | RatePersona
_WITHIN: Final = 5.0


async def perform(
    ports: SessionPorts, ref_to: RefTo, principal: Principal, command: PersonaCommand
) -> None:
    """Done when this returns. Raises `Rejected`: what is another's is as unknown as what is not."""
    authorize(principal, Permission.CHAT)
    match command:
        case SwitchPersona():
            await _switch(ports, ref_to, principal, command)
        case CancelRun(run_id=run_id):
            run = await ports.runs.get(principal.tenant_id, run_id)
            await _tell(
                ref_to,
                principal,
                run,
                message=Cancel(run_id=run_id),
                reader=ConfirmReader(),
                unknown=_unknown("runId", "There is no such run."),
            )
        case OpenCard() | RatePersona():
            run = await ports.runs.of_message(principal.tenant_id, command.message_id)
            if run is None and isinstance(command, OpenCard):
                await _opened(ports, ref_to, principal, command)
                return
            await _tell(
                ref_to,
                principal,
                run,
                message=_of_message(command),
                reader=ConfirmReader(message_id=command.message_id),
                unknown=_no_message(),
            )
        case _:
            assert_never(command)


def _of_message(command: OpenCard | RatePersona) -> Opened | Rated:
    if isinstance(command, OpenCard):
        return Opened(message_id=command.message_id, card_id=command.card_id)
    return Rated(
        message_id=command.message_id,
        value=command.value,
        offer_id=command.offer_id,
        reason=command.reason,
    )


async def _opened(
    ports: SessionPorts, ref_to: RefTo, principal: Principal, command: OpenCard
) -> None:
    """A card that no persona showed, a poll's or a booking's: nobody learns from it."""
    found = await ports.log.of_member(principal.tenant_id, principal.user_id, command.message_id)
    if found is None:
        raise _no_message()
    room_id, row = found
    reader = ConfirmReader(message_id=command.message_id)
    await _confirm(ref_to, principal, room_id, reader, _no_message())
    posted = decode_event(row.body)
    cards = posted.cards if isinstance(posted, MessagePosted) else None
    if all(card.get("id") != command.card_id for card in cards or ()):
        raise _unknown("cardId", "There is no such card in this message.")


async def _switch(
    ports: SessionPorts, ref_to: RefTo, principal: Principal, command: SwitchPersona
) -> None:
    """A persona of one's own, in a room that one has joined, or everywhere."""
    persona = await ports.personas.get(principal.tenant_id, command.persona_id)
    if persona is None or persona.owner_id != principal.user_id:
        raise _unknown("personaId", "There is no such persona.")
    if command.room_id is not None:
        room = ref_to(ROOM.at(command.room_id))
        await room.ask(ConfirmReader(), principal=principal, timeout=_WITHIN)
    await ports.personas.switch(
        principal.tenant_id, principal.user_id, command.persona_id, command.room_id
    )


async def _tell(
    ref_to: RefTo,
    principal: Principal,
    run: Run | None,
    *,
    message: Cancel | Opened | Rated,
    reader: ConfirmReader,
    unknown: Rejected,
) -> None:
    """Ask the personas of the run's room, once the room says that this member may."""
    if run is None:
        raise unknown
    await _confirm(ref_to, principal, run.room_id, reader, unknown)
    personas: Any = ref_to(PERSONA.at(run.room_id))
    await personas.ask(message, principal=principal, timeout=_WITHIN)


async def _confirm(
    ref_to: RefTo, principal: Principal, room_id: str, reader: ConfirmReader, unknown: Rejected
) -> None:
    try:
        await ref_to(ROOM.at(room_id)).ask(reader, principal=principal, timeout=_WITHIN)
    except Rejected as refusal:
        raise unknown if refusal.code == "not_found" else refusal from None


def _no_message() -> Rejected:
    return _unknown("messageId", "There is no such message here.")


def _unknown(field: str, sentence: str) -> Rejected:
    return Rejected("not_found", sentence, fields=[(field, sentence)])
