"""A room's trip board: judge, make it durable, answer, then tell everybody."""

from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

import msgspec
import structlog

from actors.plan import pieces
from actors.plan.board import Board
from actors.plan.fields import wrong
from actors.plan.machine import Given, next_deadline, overdue
from actors.plan.polls import NOBODY, polls_in, polls_shown, said, winner_of
from actors.plan.ports import PlanPorts
from actors.plan.settling import Paid
from core.actor import Actor, ActorSpec
from core.envelope import Envelope
from core.errors import Rejected, Unavailable
from core.identity import Principal
from core.ids import derived_uuid7
from core.ports.durable_timers import CancelTimer, SetTimer, TimerChange, TimerDue
from core.ports.plans import PlanChange, PlanStep, StalePlan
from core.texts import sentence
from protocol.chat import SYSTEM
from protocol.codec import encode
from protocol.frames import Done
from protocol.persona import GlimpseRoom, RoomGlimpsed
from protocol.plan import (
    PLAN,
    ApplyPlan,
    FindWinner,
    OpenPlan,
    PlanApplied,
    PlanChanged,
    PlanOp,
    PlanOpened,
    ReadItinerary,
    SettledUp,
    SettleUp,
)
from protocol.room import ROOM, PostNotice

SNAPSHOT_EVERY: Final = 16
MAX_CHANGES_TOLD: Final = 200
MAX_TOLD_BYTES: Final = 131_072
"""Who is further behind gets the board."""

ROOM_WITHIN: Final = 5.0
TRIES: Final = 3
DEADLINE: Final = "deadline"
POLLS: Final = "polls:"
"""Timers that a board sets itself: when the next poll ends; at once, that the room hears of the polls of a
version."""

log: Final = structlog.get_logger("caravan.plans")

_NO_BOOKING: Final = sentence("There is no such booking of yours in this room.")
_OPS: Final = msgspec.msgpack.Decoder(list[PlanOp])


def spec(ports: PlanPorts) -> ActorSpec:
    """Boards: transient in memory, permanent in their log."""
    return ActorSpec(
        kind=PLAN,
        make=lambda room_id: PlanActor(room_id, ports),
        idle_after=60.0,
        mailbox_limit=512,
    )


class PlanActor(Actor[Any]):
    """The one writer of a room's board.

    Owns: the board as it was last stored, its newest changes. Borrows: the ports; who has joined, from
    the room by message. Lets crash: what it does not know. What was stored and not told, its successor
    tells.
    """

    def __init__(self, room_id: str, ports: PlanPorts) -> None:
        self._room_id = room_id
        self._ports = ports
        self._board: Board | None = None
        self._fence: int | None = None
        self._snapshot_version = 0
        self._changes: deque[PlanChange] = deque(maxlen=MAX_CHANGES_TOLD)
        self._timer: int | None = None
        self._is_timer_known = False
        self._joined: frozenset[str] = frozenset()  # as last seen

    async def handle(self, envelope: Envelope[Any]) -> None:
        if isinstance(envelope.message, TimerDue):
            with suppress(Rejected):  # into a room that cannot be reached nobody is on the way
                await self._glimpse()
        match envelope.message:
            case ApplyPlan() as command:
                await self._apply(envelope, command)
            case OpenPlan(after=after):
                await self._people(envelope.of())
                envelope.answer(self._opened(await self._present(), after))
            case FindWinner(poll_id=poll_id):
                await self._people(envelope.of())
                envelope.answer(winner_of(await self._present(), poll_id))
            case SettleUp():
                await self._people(envelope.of())
                envelope.answer(await self._settled(await self._present()))
            case ReadItinerary(user_id=user_id):
                await self._demand_joined(user_id)
                envelope.answer(self._opened(await self._present(), None))
            case TimerDue(name=name) if name.startswith(POLLS):
                self.context.start_soon(self._tell_room, envelope, await self._present())
            case TimerDue():
                await self._present()
                await self._set_timer_anew()
                envelope.answer(Done())
            case unexpected:
                raise TypeError(f"a plan understands no {type(unexpected).__name__}")

    async def stopping(self) -> None:
        # Not knowing what is stored, we leave it to whoever comes next to tell.
        if self._board is not None:
            self._ports.told.pop(self._room_id, None)

    def redacted_state(self) -> object:
        board = self._board
        if board is None:
            return None
        return {"version": board.version, "items": len(board.order), "bytes": board.size}

    # Who may.

    async def _people(self, principal: Principal) -> frozenset[str]:
        """Who has joined. Raises `Rejected`: to all others there is no room."""
        if principal.tenant_id != self._ports.tenant_id:
            raise _unknown()
        return await self._demand_joined(principal.user_id)

    async def _demand_joined(self, user_id: str) -> frozenset[str]:
        await self._glimpse()
        if user_id not in self._joined:
            raise _unknown()
        return self._joined

    async def _glimpse(self) -> None:
        self._joined = frozenset()
        ref = self.context.ref_to(ROOM.at(self._room_id))
        glimpsed = await ref.ask(GlimpseRoom(), timeout=ROOM_WITHIN)
        if not isinstance(glimpsed, RoomGlimpsed):
            raise TypeError(f"a room answered {type(glimpsed).__name__}")
        self._joined = frozenset(glimpsed.room.people)

    # Changing.

    async def _apply(self, envelope: Envelope[Any], command: ApplyPlan) -> None:
        principal = envelope.of()
        people = await self._people(principal)
        client_id = command.client_id.lower()
        for _ in range(TRIES):
            board = await self._present()
            first = await self._first(principal.user_id, client_id)
            if first is not None:
                envelope.answer(_applied(first))
                return
            await self._demand_own_bookings(principal, command.ops)
            now = self._ports.business.business_ms()
            given = Given(by=principal.user_id, people=people, now=now)
            ops = await pieces.rebase(board, command.version, command.ops, given)
            change = await self._commit(board, ops, by=principal.user_id, client_id=client_id)
            if change is not None:
                # The caller's own answer first; the board is told to all after it.
                envelope.answer(_applied(change))
                self._tell(change)
                return
        raise Unavailable

    async def _first(self, by: str, client_id: str) -> PlanChange | None:
        """The change that this client id has made before."""
        for change in self._changes:
            if (change.by, change.client_id) == (by, client_id):
                return change
        return await self._ports.plans.by_client_id(
            self._ports.tenant_id, self._room_id, by, client_id
        )

    async def _demand_own_bookings(self, principal: Principal, ops: Sequence[PlanOp]) -> None:
        """What others have paid for a booking is not for whoever knows its id."""
        for place, op in enumerate(ops):
            booking_id = (op.fields or {}).get("bookingId")
            if op.op != "add" or op.kind != "expense" or not isinstance(booking_id, str):
                continue
            is_own = await self._ports.shares.is_of(
                principal.tenant_id, self._room_id, booking_id, principal.user_id
            )
            if not is_own:
                raise wrong(f"ops[{place}].fields.bookingId", _NO_BOOKING)

    async def _commit(
        self, board: Board, ops: list[PlanOp], *, by: str, client_id: str | None
    ) -> PlanChange | None:
        """None: it is not stored, or nobody knows; then we have forgotten what the board is."""
        if self._fence is None:
            return None
        after = board.copy()
        await pieces.apply(after, board.version + 1, ops)
        change = PlanChange(
            version=after.version,
            by=by,
            client_id=client_id,
            at=self._ports.clock.now_ms(),
            body=msgspec.msgpack.encode(ops),
        )
        is_due = after.version - self._snapshot_version >= SNAPSHOT_EVERY
        due = next_deadline(after)
        is_set = self._is_timer_known and due == self._timer
        timers = () if is_set else (self._timer_at(due),)
        if polls_in(ops):
            timers = (*timers, self._news_of(after.version))
        step = PlanStep(
            tenant_id=self._ports.tenant_id,
            room_id=self._room_id,
            fence=self._fence,
            change=change,
            snapshot=after.packed() if is_due else None,
            timers=timers,
        )
        self._forget()
        try:
            await self._ports.plans.commit(step)
        except (StalePlan, Unavailable):
            return None
        self._board, self._timer, self._is_timer_known = after, due, True
        self._changes.append(change)
        if is_due:
            self._snapshot_version = after.version
        return change

    def _timer_at(self, due: int | None) -> TimerChange:
        tenant_id, address = self._ports.tenant_id, PLAN.at(self._room_id)
        if due is None:
            return CancelTimer(tenant_id=tenant_id, address=address, name=DEADLINE)
        return SetTimer(tenant_id=tenant_id, address=address, name=DEADLINE, due_at=due)

    def _news_of(self, version: int) -> TimerChange:
        """What the room is told of a change's polls: a timer, because that survives a crash."""
        return SetTimer(
            tenant_id=self._ports.tenant_id,
            address=PLAN.at(self._room_id),
            name=f"{POLLS}{version}",
            due_at=self._ports.business.business_ms(),
        )

    async def _set_timer_anew(self) -> None:
        """The one that fired goes once it is answered; one that was set with a change stays."""
        due = None if self._board is None else next_deadline(self._board)
        if due is not None:
            await self._ports.timers.apply(self._timer_at(due))
        self._timer, self._is_timer_known = due, due is not None

    def _tell(self, change: PlanChange) -> None:
        """To all connections that have joined, and to those on their way: no replay brings this."""
        event = PlanChanged(
            room_id=self._room_id,
            version=change.version,
            ops=_OPS.decode(change.body),
            by=change.by,
        )
        topic = f"room:{self._room_id}"
        self._ports.fanout.publish_nowait(topic, encode(event), coming=self._joined)
        self._ports.told[self._room_id] = change.version

    async def _tell_room(self, envelope: Envelope[TimerDue], board: Board) -> None:
        """A child task, which must not load: changes are made meanwhile. One message for all polls that
        began or ended with a change; the room takes it once, however often the timer comes."""
        version = int(envelope.message.name.removeprefix(POLLS))
        try:
            notice = await self._notice(version, board)
            if notice is not None:
                room = self.context.ref_to(ROOM.at(self._room_id))
                await room.ask(notice, timeout=ROOM_WITHIN)
        except Rejected as refusal:
            if refusal.temporary:
                envelope.answer(refusal)
                return
            log.error(
                "plan.room_not_told", room_id=self._room_id, version=version, code=refusal.code
            )
        envelope.answer(Done())

    async def _notice(self, version: int, board: Board) -> PostNotice | None:
        """None: its polls are gone again."""
        ports = self._ports
        changes = await ports.plans.changes(
            ports.tenant_id, self._room_id, after=version - 1, limit=1
        )
        for change in changes:
            shown = polls_shown(board, polls_in(_OPS.decode(change.body)))
            if shown:
                users = await ports.users.many(ports.tenant_id, [change.by])
                author = users.get(change.by)
                return PostNotice(
                    message_id=derived_uuid7(change.at, f"{self._room_id}:{version}:polls"),
                    content=said(
                        shown,
                        NOBODY if author is None else author.name,
                        "en" if author is None else author.locale,
                    ),
                    cards=[msgspec.to_builtins(poll) for poll in shown],
                )
        return None

    # The board as it is.

    async def _present(self) -> Board:
        """As it stands now: polls whose deadline has come are closed. Raises `Unavailable`."""
        for _ in range(TRIES):
            board = await self._current()
            ops = overdue(board, self._ports.business.business_ms())
            if not ops:
                return board
            change = await self._commit(board, ops, by=SYSTEM.id, client_id=None)
            if change is not None:
                self._tell(change)
        raise Unavailable

    async def _current(self) -> Board:
        """As it is stored, under the fence that is valid now."""
        fence = self._ports.leases.fence(self._room_id)
        if self._board is None or fence != self._fence:
            await self._load()
            self._fence = fence
        if self._board is None:
            raise Unavailable
        return self._board

    def _forget(self) -> None:
        self._board, self._is_timer_known = None, False

    async def _load(self) -> None:
        self._forget()
        ports = self._ports
        stored = await ports.plans.load(ports.tenant_id, self._room_id)
        board = Board.empty()
        self._snapshot_version = 0
        self._changes.clear()
        if stored is not None:
            if stored.snapshot is not None:
                board = Board.unpacked(stored.snapshot)
            self._snapshot_version = stored.snapshot_version
            for change in stored.changes:
                await pieces.apply(board, change.version, _OPS.decode(change.body))
            if board.version != stored.version:
                raise LookupError(f"the changes of {self._room_id} end before its version")
            recent = await ports.plans.changes(
                ports.tenant_id,
                self._room_id,
                after=max(0, board.version - MAX_CHANGES_TOLD),
                limit=MAX_CHANGES_TOLD,
            )
            self._changes.extend(recent)
        told = ports.told.setdefault(self._room_id, board.version)
        self._board = board
        for change in list(self._changes):
            if change.version > told:
                self._tell(change)

    def _opened(self, board: Board, after: int | None) -> PlanOpened:
        """What has changed since `after`, if that much is at hand; else all of it."""
        if after is not None and after <= board.version:
            since = [change for change in self._changes if change.version > after]
            if (
                len(since) == board.version - after
                and sum(len(change.body) for change in since) <= MAX_TOLD_BYTES
            ):
                ops = [op for change in since for op in _OPS.decode(change.body)]
                return PlanOpened(version=board.version, ops=ops)
        return PlanOpened(version=board.version, items=board.shown())

    async def _settled(self, board: Board) -> SettledUp:
        items = board.shown()
        ids = [item.fields["bookingId"] for item in items if "bookingId" in item.fields]
        captured = await self._ports.shares.captured(self._ports.tenant_id, self._room_id, ids)
        paid: dict[tuple[str, str], dict[str, int]] = {}
        for share in captured:
            paid.setdefault((share.booking_id, share.currency), {})[share.user_id] = share.amount
        bookings = [
            Paid(booking_id=booking_id, currency=currency, by=by)
            for (booking_id, currency), by in paid.items()
        ]
        settlements, unknown = await pieces.settle(items, bookings)
        return SettledUp(version=board.version, settlements=settlements, unknown=unknown)


def _applied(change: PlanChange) -> PlanApplied:
    return PlanApplied(version=change.version, ops=_OPS.decode(change.body))


def _unknown() -> Rejected:
    text = "There is no such room."
    return Rejected("not_found", text, fields=[("roomId", text)])
