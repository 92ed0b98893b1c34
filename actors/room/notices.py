"""What the server itself says in a room (pure)."""

from actors.room.decisions import Decision, Given, KnowKey
from actors.room.memory import Memory
from actors.room.rules import checked_content
from actors.room.state import RoomState
from core.errors import Rejected
from protocol.chat import SYSTEM, MessagePosted
from protocol.limits import MAX_CARDS
from protocol.room import PostNotice, Sequenced


def decide(
    room: RoomState, memory: Memory, command: PostNotice, given: Given
) -> Decision | KnowKey:
    """Judge a `PostNotice` by the decided fold. Raises `Rejected`; changes nothing.

    A repeat is answered with the first `seq`: the message's own id is its key.
    """
    stored = memory.stored(SYSTEM.id, command.message_id)
    if stored is not None:
        return Decision(answer=Sequenced(seq=stored.seq))
    content = checked_content(command.content)
    if len(command.cards or ()) > MAX_CARDS:
        raise Rejected("too_large", "A field has a wrong value.")
    is_unsure = memory.may_have_forgotten(SYSTEM.id, command.message_id, given.now)
    if is_unsure and not given.key_is_new:
        return KnowKey(SYSTEM.id, command.message_id)
    event = MessagePosted(
        room_id=room.id,
        epoch=room.epoch,
        seq=room.head + 1,
        sent_at=max(given.now, room.sent_at),
        message_id=command.message_id,
        sender=SYSTEM,
        content=content,
        cards=command.cards or None,
    )
    return Decision(event=event, answer=Sequenced(seq=event.seq))
