"""A server that breaks one rule on purpose, to see that the crash suite notices.

`python broken_server.py RULE`: serves as `main.py serve` does, but for the rule.
"""

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import trio

sys.path.insert(0, str(Path(__file__).parents[2]))

from actors.booking import actor
from actors.booking.actor import BookingActor
from actors.booking.calls import Call, Hold
from actors.booking.ports import BookingPorts
from actors.booking.state import Saga
from actors.booking.steps import Step
from actors.persona.learner import Learner
from actors.room.memory import Memory
from actors.room.state import RoomEvent, RoomState
from commands import crash_sites
from commands.command_line import main
from commands.crash_sites import CrashSites
from core.ports.message_log import Append, Outcome
from inference.fraud import screener
from inference.fraud.rules import Thresholds
from storage.postgres.forgetting import Forgetting
from storage.postgres.message_log import PostgresMessageLog

WINDOW = 0.05
"""Seconds by which a rule's weak moment is stretched, so that a kill often falls into it."""


def ack_before_commit() -> None:
    """The room hears `stored` as soon as it asks, and the flush comes later."""
    queue = PostgresMessageLog.append_nowait
    flush = PostgresMessageLog._flush

    def append(self: PostgresMessageLog, row: Append, done: Callable[[Outcome], None]) -> None:
        queue(self, row, lambda outcome: None)
        done(Outcome.STORED)

    async def late(self: PostgresMessageLog) -> None:
        await trio.sleep(WINDOW)
        await flush(self)

    PostgresMessageLog.append_nowait = append  # type: ignore[method-assign]
    PostgresMessageLog._flush = late  # type: ignore[method-assign]


def no_dedupe() -> None:
    """A repeated clientId is a new message: neither the room nor the table remembers keys."""
    queue = PostgresMessageLog.append_nowait
    stored = PostgresMessageLog._stored

    def append(self: PostgresMessageLog, row: Append, done: Callable[[Outcome], None]) -> None:
        keyless = tuple(replace(one, client_id=None) for one in row.rows)
        queue(self, replace(row, rows=keyless), done)

    async def late(self: PostgresMessageLog, appends: Sequence[Append]) -> Sequence[Outcome]:
        outcomes = await stored(self, appends)
        await trio.sleep(WINDOW)
        return outcomes

    PostgresMessageLog.append_nowait = append  # type: ignore[method-assign]
    PostgresMessageLog._stored = late  # type: ignore[method-assign]
    Memory.stored = lambda self, sender_id, client_id: None  # type: ignore[method-assign]
    Memory.may_have_forgotten = lambda self, sender_id, client_id, now: False  # type: ignore[method-assign]


def burnt_seq() -> None:
    """Every fiftieth event uses up the number after its own."""
    apply = RoomState.apply

    def burn(self: RoomState, event: RoomEvent, *names: Any) -> None:
        apply(self, event, *names)
        self.head += event.seq % 50 == 0

    RoomState.apply = burn  # type: ignore[method-assign]


def forget_nothing() -> None:
    """What is taken back is durable, and nobody gets to hear of it before the kill."""

    async def never(self: object, *_: Any) -> None:
        await trio.sleep_forever()

    Learner.forget = never  # type: ignore[method-assign]
    Forgetting.receive = never  # type: ignore[method-assign]


def counts_from_go() -> None:
    """Nothing is broken: the site at which it dies counts once there is a file beside the data."""
    go = Path(os.environ["CARAVAN_DATA_DIR"] + ".go")

    class Later(CrashSites):
        def reach(self, name: str) -> None:
            if go.exists():
                super().reach(name)

    crash_sites.CrashSites = Later  # type: ignore[misc]
    _let_two_people_book_all_day()


def _let_two_people_book_all_day() -> None:
    """A screener would rightly ask about hundreds of trips: here it asks nothing about how many they are."""
    never = 1 << 40
    limits = Thresholds(
        bookings_day=never, bookings_day_denied=never, unfinished_month=never, declines_month=never
    )
    screener.findings = partial(screener.findings, limits=limits)


def calls_before_commit() -> None:
    """An order leaves before its intent is stored."""
    counts_from_go()
    commit, perform = BookingActor._commit, actor.perform
    made: dict[str, Any] = {}

    async def eager(self: BookingActor, step: Step, *args: Any) -> bool:
        for intent in step.intents:
            if isinstance(intent.call, Hold) and intent.call.reference not in made:
                leaves_by = trio.current_time() + 5
                outcome = await perform(self._ports, step.saga, intent.call, leaves_by=leaves_by)
                made[intent.call.reference] = outcome
        return await commit(self, step, *args)

    async def known(ports: BookingPorts, saga: Saga, call: Call, *, leaves_by: float) -> Any:
        if isinstance(call, Hold):
            return made[call.reference]
        return await perform(ports, saga, call, leaves_by=leaves_by)

    BookingActor._commit = eager  # type: ignore[method-assign]
    actor.perform = known


RULES = {
    rule.__name__: rule
    for rule in (
        *(ack_before_commit, no_dedupe, burnt_seq, forget_nothing),
        *(counts_from_go, calls_before_commit),
    )
}

if __name__ == "__main__":
    RULES[sys.argv[1]]()
    sys.exit(main(["serve"]))
