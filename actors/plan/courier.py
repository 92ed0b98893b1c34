"""Tells a room of its polls: one message when some begin or end, with a card of each."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from actors.plan.polls import polls_in
from core.delivery import Delivery
from core.errors import Rejected
from core.ids import derived_uuid7
from core.ports.outbox import OutboxEvent
from core.ports.plans import PLAN_POLLED, PlanChange, Plans
from core.ports.repositories import Users
from core.reference import Ref
from core.texts import sentence, translate
from protocol.addresses import Address
from protocol.cards import PollCard
from protocol.chat import SYSTEM
from protocol.plan import PLAN, PlanOp, PollsShown, ShowPolls
from protocol.room import PostNotice

BOARD_WITHIN: Final = 10.0
NOBODY: Final = "…"
_OPS: Final = msgspec.msgpack.Decoder(list[PlanOp])

_ASKED: Final = sentence("{who} asks: {title}")
_WON: Final = sentence("The poll “{title}” is closed: {winner} has won.")
_LOST: Final = sentence("The poll “{title}” is closed, and nothing has won.")
_SEVERAL: Final = sentence("Polls that have begun or ended: {count}")


class PollCourier:
    """An outbox `Subscriber`. Idempotent, because a room takes each message id once.

    Borrows: changes, users, references to boards. What a card shows is the poll as it stands when
    the card is made.
    """

    name = "polls"

    def __init__(
        self,
        plans: Plans,
        users: Users,
        ref_to: Callable[[Address], Ref[Any]],
        delivery: Delivery,
    ) -> None:
        self._plans, self._users = plans, users
        self._ref_to, self._delivery = ref_to, delivery

    async def receive(self, events: Sequence[OutboxEvent]) -> None:
        """Raises `Unavailable` when a board or a room cannot be reached: the batch comes again."""
        for event in events:
            if event.topic == PLAN_POLLED:
                await self._carry(event)

    async def rebuild(self) -> None:
        """Rooms are kept: what comes again finds its place taken."""

    async def _carry(self, event: OutboxEvent) -> None:
        changes = await self._plans.changes(
            event.tenant_id, event.key, after=event.first - 1, limit=event.last - event.first + 1
        )
        for change in changes:
            polls = await self._polls(event.key, polls_in(_OPS.decode(change.body)))
            if polls:
                who, locale = await self._author(event.tenant_id, change)
                notice = PostNotice(
                    message_id=derived_uuid7(change.at, f"{event.key}:{change.version}:polls"),
                    content=said(polls, who, locale),
                    cards=[msgspec.to_builtins(poll) for poll in polls],
                )
                await self._delivery.post(event.key, notice)

    async def _polls(self, room_id: str, poll_ids: list[str]) -> list[PollCard]:
        """None, where the board refuses for good: the room is gone."""
        if not poll_ids:
            return []
        board = self._ref_to(PLAN.at(room_id))
        try:
            shown = await board.ask(ShowPolls(poll_ids=poll_ids), timeout=BOARD_WITHIN)
        except Rejected as refusal:
            if refusal.temporary:
                raise
            return []
        if not isinstance(shown, PollsShown):
            raise TypeError(f"a board answered {type(shown).__name__}")
        return shown.polls

    async def _author(self, tenant_id: int, change: PlanChange) -> tuple[str, str]:
        """Their name and language; of a change that time has made, English."""
        if change.by == SYSTEM.id:
            return SYSTEM.name, "en"
        found = (await self._users.many(tenant_id, [change.by])).get(change.by)
        return (NOBODY, "en") if found is None else (found.name, found.locale)


def said(polls: Sequence[PollCard], who: str, locale: str) -> str:
    """What the room reads above the cards. `who` has changed the board."""
    if len(polls) > 1:
        return translate(_SEVERAL, locale, {"count": len(polls)})
    [poll] = polls
    if not poll.is_closed:
        return translate(_ASKED, locale, {"who": who, "title": poll.title})
    winner = next((each.title for each in poll.options if each.id == poll.winner), None)
    if winner is None:
        return translate(_LOST, locale, {"title": poll.title})
    return translate(_WON, locale, {"title": poll.title, "winner": winner})
