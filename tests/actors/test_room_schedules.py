"""Room and log under thousands of random schedules, and proof that the checker can see."""

import os
from collections import Counter
from collections.abc import Iterator
from typing import Any, NoReturn

import pytest
import structlog
from actors_world import FakeClient, FakeFanout
from room_schedules import run_schedule

from actors.room.actor import RoomActor
from actors.room.memory import Memory
from actors.room.pipeline import Entry, Pipeline
from storage.memory.stored_log import StoredLog

SCHEDULES = int(os.environ.get("CARAVAN_SCHEDULES", "2000"))
CONTROL_SEEDS = 40
"""Within so many seeds each broken rule must be seen."""


def drop(*_: object) -> NoReturn:
    raise structlog.DropEvent


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Planned crashes are logged by the thousand otherwise."""
    structlog.configure(processors=[drop])
    yield
    structlog.reset_defaults()


def test_every_schedule_keeps_the_promises() -> None:
    faults: Counter[str] = Counter()
    for seed in range(SCHEDULES):
        problems, history = run_schedule(seed)
        assert not problems, f"seed {seed}: {problems}"
        faults.update(history.faults)
    assert min(faults[name] for name in ("lost_before", "lost_after", "late", "crash")) > 0
    print(f"{SCHEDULES} schedules, faults: {dict(faults)}")


def sees(word: str) -> bool:
    """Whether some seed's problems speak of `word`: the control must fail for its own reason."""
    return any(word in str(run_schedule(seed)[0]) for seed in range(CONTROL_SEEDS))


def test_the_checker_sees_an_ack_before_the_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Pipeline.push

    def push(self: Pipeline, entry: Entry) -> None:
        if entry.answer is not None:
            entry.envelope.answer(entry.answer)
        whole(self, entry)

    monkeypatch.setattr(Pipeline, "push", push)
    assert sees("was acked at")


def test_the_checker_sees_a_room_that_does_not_dedupe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Memory, "stored", lambda *_: None)
    monkeypatch.setattr(StoredLog, "_clash", lambda *_: None)
    assert sees("is stored 2 times")


def test_the_checker_sees_a_burnt_seq(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = RoomActor._recover

    async def recover(self: Any, failed: Entry) -> None:
        await whole(self, failed)
        self._commands.decided.head += 1

    monkeypatch.setattr(RoomActor, "_recover", recover)
    assert sees("not 1..n")


def test_the_checker_sees_a_removed_member_who_listens_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(FakeFanout, "unsubscribe_user", lambda *_: None)
    assert sees("the removed member saw")


def test_the_checker_sees_events_that_a_crash_swallowed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def forget(self: Any, left: Any) -> None:
        self._trace = self._traces.begin(
            self._room_id, fence=self._commands.fence, published=self._applied.head
        )

    monkeypatch.setattr(RoomActor, "_publish_unseen", forget)
    assert sees("saw [")


def test_the_checker_sees_a_connection_that_was_left_deaf(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its way in ended with a crash, and nobody told it."""
    monkeypatch.setattr(FakeClient, "close_nowait", lambda *_: None)
    assert sees("is deaf")
