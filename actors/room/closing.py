"""What becomes of a run that ends: a message, or nothing (pure; §5)."""

from msgspec.structs import replace

from actors.room.decisions import Decision, Given, KnowKey
from actors.room.memory import Memory
from actors.room.open_runs import OpenRuns, UnderWay
from actors.room.state import RoomState
from core.errors import Rejected
from protocol.chat import AiOrigin, MessagePosted, Sender
from protocol.limits import MAX_CARDS, MAX_CONTENT_BYTES
from protocol.persona import CloseRun, RunClosed

UNKNOWN_MODEL = "unknown"


def decide(
    room: RoomState, memory: Memory, runs: OpenRuns, command: CloseRun, given: Given
) -> Decision | KnowKey:
    """Judge a `CloseRun` by the decided fold. Raises `Rejected`; changes nothing.

    A repeat is answered with the first `seq`: the message's own id is its key.
    """
    run = runs.get(command.run_id)
    if run is None:
        if not runs.was_closed(command.run_id):
            raise Rejected("not_found", "There is no such run.")
        return Decision(answer=RunClosed(seq=runs.seq_of(command.run_id)))
    persona_id, message_id = run.opened.persona_id, run.opened.message_id
    stored = memory.stored(persona_id, message_id)
    if stored is not None:
        return Decision(answer=RunClosed(seq=stored.seq))
    if run.closing is not None:
        # One before it ends the run without a message, and is not through yet.
        return Decision(answer=RunClosed(seq=None))
    content = _content(run, command)
    if not content or content.isspace():
        return Decision(answer=RunClosed(seq=None))
    if not given.key_is_new and memory.may_have_forgotten(persona_id, message_id, given.now):
        return KnowKey(persona_id, message_id)
    event = MessagePosted(
        room_id=room.id,
        epoch=room.epoch,
        seq=room.head + 1,
        sent_at=max(given.now, room.sent_at),
        message_id=message_id,
        sender=Sender(id=persona_id, kind="persona", name=run.name),
        content=content,
        reply_to=run.opened.reply_to,
        cards=command.cards or None,
        ai=_origin(run, command),
    )
    return Decision(event=event, answer=RunClosed(seq=event.seq))


def _content(run: UnderWay, command: CloseRun) -> str:
    """A run that was cut short keeps what was streamed."""
    content = command.content
    if not content and command.reason != "done":
        content = run.text.decode()
    if len(content.encode(errors="replace")) > MAX_CONTENT_BYTES:
        raise Rejected(
            "too_large",
            "This text is longer than {limit} bytes.",
            params={"limit": MAX_CONTENT_BYTES},
        )
    if len(command.cards or ()) > MAX_CARDS:
        raise Rejected("too_large", "A field has a wrong value.")
    return content.encode(errors="replace").decode()


def _origin(run: UnderWay, command: CloseRun) -> AiOrigin:
    origin = (
        command.ai
        or run.ai
        or AiOrigin(
            model=UNKNOWN_MODEL,
            version="",
            persona_id=run.opened.persona_id,
            tier="template",
        )
    )
    return origin if command.reason == "done" else replace(origin, partial=True)
