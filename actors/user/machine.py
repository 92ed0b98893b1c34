"""What a new room shall be, judged before anything is looked up (pure)."""

from collections.abc import Mapping
from dataclasses import dataclass

from core.errors import Rejected
from core.identity import Permission, Principal, authorize
from protocol.chat import SYSTEM, MessagePosted
from protocol.limits import MAX_TITLE_BYTES
from protocol.names import ONE_LINE, is_one_line
from protocol.room import CreateRoom, HistoryFor, PersonaView, RoomChanged, RoomKind


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRoom:
    """A room to be made. `invited` without its creator, and like `personas` without repeats."""

    kind: RoomKind
    title: str
    history: HistoryFor
    creator_id: str
    client_id: str
    invited: tuple[str, ...]
    personas: tuple[str, ...] = ()

    @property
    def direct_key(self) -> str | None:
        """Names the pair of a direct room, whichever of the two makes it."""
        if self.kind != "direct":
            return None
        return ":".join(sorted((self.creator_id, *self.invited)))

    def created(self, *, room_id: str, epoch: str, at: int) -> RoomChanged:
        """The first event of the room's log."""
        return RoomChanged(
            room_id=room_id,
            epoch=epoch,
            seq=1,
            sent_at=at,
            by=self.creator_id,
            change="created",
            user_ids=list(self.invited) or None,
            title=self.title or None,
        )

    def seated(
        self, created: RoomChanged, personas: Mapping[str, PersonaView], words: str, message_id: str
    ) -> list[RoomChanged | MessagePosted]:
        """The events after it, by which its personas come; the first of them is announced."""
        events: list[RoomChanged | MessagePosted] = []
        for persona_id in self.personas:
            events.append(_came(created, len(events) + 2, personas[persona_id]))
            if len(events) == 1:
                events.append(_announced(created, len(events) + 2, words, message_id))
        return events


def plan_room(command: CreateRoom, principal: Principal) -> PlannedRoom:
    """Raises `Rejected`. A direct room has exactly one partner, no title, and nothing to hide."""
    authorize(principal, Permission.CHAT)
    title = command.title or ""
    if len(title.encode()) > MAX_TITLE_BYTES:
        sentence = "This text is longer than {limit} bytes."
        raise Rejected(
            "too_large",
            sentence,
            fields=[("title", sentence)],
            params={"limit": MAX_TITLE_BYTES},
        )
    if not is_one_line(title):
        raise Rejected("bad_request", ONE_LINE, fields=[("title", ONE_LINE)])
    invited = tuple(id for id in dict.fromkeys(command.members) if id != principal.user_id)
    if command.kind == "direct":
        _demand_pair(invited, title)
    return PlannedRoom(
        kind=command.kind,
        title=title,
        history=command.history,
        creator_id=principal.user_id,
        client_id=command.client_id.lower(),
        invited=invited,
        personas=tuple(dict.fromkeys(command.personas)),
    )


def _demand_pair(invited: tuple[str, ...], title: str) -> None:
    if len(invited) != 1:
        sentence = "A direct room has exactly one other member."
        raise Rejected("bad_request", sentence, fields=[("members", sentence)])
    if title:
        sentence = "A direct room has no title."
        raise Rejected("bad_request", sentence, fields=[("title", sentence)])


def demand_known(command: CreateRoom, planned: PlannedRoom, known: Mapping[str, object]) -> None:
    """Every invited user exists. Raises `Rejected("not_found")` naming each that does not."""
    sentence = "There is no such user."
    fields = [
        (f"members[{place}]", sentence)
        for place, user_id in enumerate(command.members)
        if user_id in planned.invited and user_id not in known
    ]
    if fields:
        raise Rejected("not_found", sentence, fields=fields)


def demand_own(command: CreateRoom, own: Mapping[str, object]) -> None:
    """Every persona is the creator's own. Raises `Rejected("not_found")` naming each that is not."""
    sentence = "There is no such persona."
    fields = [
        (f"personas[{place}]", sentence)
        for place, persona_id in enumerate(command.personas)
        if persona_id not in own
    ]
    if fields:
        raise Rejected("not_found", sentence, fields=fields)


def _came(created: RoomChanged, seq: int, persona: PersonaView) -> RoomChanged:
    return RoomChanged(
        room_id=created.room_id,
        epoch=created.epoch,
        seq=seq,
        sent_at=created.sent_at,
        by=created.by,
        change="persona",
        persona_id=persona.id,
        persona=persona,
        active=True,
    )


def _announced(created: RoomChanged, seq: int, words: str, message_id: str) -> MessagePosted:
    return MessagePosted(
        room_id=created.room_id,
        epoch=created.epoch,
        seq=seq,
        sent_at=created.sent_at,
        message_id=message_id,
        sender=SYSTEM,
        content=words,
    )
