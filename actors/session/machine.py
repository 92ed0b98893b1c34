"""What a hello is answered with (pure)."""

from dataclasses import dataclass

from core.identity import Principal
from protocol.limits import MAX_REPLAY_EVENTS, Limits
from protocol.session import Resume, RoomVerdict, Self, Welcome

GONE = RoomVerdict(epoch="", head=0, verdict="gone")


@dataclass(frozen=True, slots=True)
class InboxPlan:
    """From where the inbox is told again, or whether it must be read anew."""

    after: int
    is_reset: bool


def plan_inbox(resume: Resume | None, *, head: int, first: int) -> InboxPlan:
    """More than 1,000 behind, before what is kept, or ahead of what there is: read it anew, live from
    the head."""
    if resume is None or resume.inbox is None:
        return InboxPlan(head, False)
    if max(first - 1, head - MAX_REPLAY_EVENTS) <= resume.inbox <= head:
        return InboxPlan(resume.inbox, False)
    return InboxPlan(head, True)


def welcome(
    *,
    session_id: str,
    principal: Principal,
    now: int,
    heartbeat_ms: int,
    limits: Limits,
    inbox_head: int,
    inbox: InboxPlan,
    resumed: bool,
    rooms: dict[str, RoomVerdict],
) -> Welcome:
    return Welcome(
        session_id=session_id,
        user=Self(
            id=principal.user_id,
            handle=principal.handle,
            name=principal.name,
            role=principal.role.value,
            locale=principal.locale,
            created_at=principal.created_at,
        ),
        server_time=now,
        heartbeat_ms=heartbeat_ms,
        limits=limits,
        inbox=inbox_head,
        inbox_reset=True if inbox.is_reset else None,
        resumed=resumed,
        rooms=rooms,
    )
