"""What every `CrashRecords` promises."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trio

from core.ports.crash_records import VERSION, CrashRecord, RecordedEnvelope, RecordedPrincipal
from storage.crash_files import CrashFiles, load, stored
from storage.memory.crash_records import MemoryCrashRecords

MOST = 100


@dataclass
class Records:
    """The port, and what it has kept, the oldest first."""

    port: Any
    directory: Path | None = None

    async def kept(self) -> Sequence[CrashRecord]:
        with trio.fail_after(10):
            while self.port.statistics()["queued"]:
                await trio.sleep(0.001)
        if self.directory is None:
            return list(self.port.records)
        return [load(file) for file in stored(self.directory)]

    async def offer(self, number: int) -> bool:
        """As the runtime does it: asked first."""
        if not self.port.may_keep():
            return False
        self.port.keep_nowait(a_record(number))
        return True


@pytest.fixture(params=["memory", "files"])
async def records(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Records]:
    if request.param == "memory":
        yield Records(MemoryCrashRecords(most=MOST))
        return
    files = CrashFiles(tmp_path / "crashes")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(files.run)
        yield Records(files, tmp_path / "crashes")
        nursery.cancel_scope.cancel()


def a_record(number: int, **changes: Any) -> CrashRecord:
    fields: dict[str, Any] = {
        "version": VERSION,
        "reference": f"0190a000-0000-7000-8000-{number:012x}",
        "kind": "room",
        "key": "a",
        "at": 1_800_000_000_000 + number,
        "error": "ValueError",
        "causes": ["KeyError"],
        "place": "core/x.py:1 f",
        "frames": ["core/x.py:1 f"],
        "envelopes": [],
    }
    return CrashRecord(**fields | changes)


async def test_nothing_is_kept_at_first(records: Records) -> None:
    assert await records.kept() == []
    assert records.port.may_keep()
    nothing = {"queued": 0, "written": 0, "dropped": 0, "failed": 0}
    assert records.port.statistics() == nothing


async def test_a_record_is_kept_to_the_last_field(records: Records) -> None:
    principal = RecordedPrincipal(
        tenant_id=1,
        user_id="u",
        login_id="l",
        role="user",
        locale="en",
        expires_at=7,
        name="•••",
        handle="•••",
    )
    envelope = RecordedEnvelope(
        type="protocol.chat.PostMessage",
        fields={"roomId": "r", "content": "•••", "replyTo": None, "mentions": ["a", 1]},
        lane=1,
        was_asked=True,
        principal=principal,
        connection=3,
    )
    bare = RecordedEnvelope(type="x.Y", fields=None, lane=0, was_asked=False)
    whole = a_record(
        1, envelopes=[envelope, bare], state={"head": 7, "of": [1.5, None]}, left_out=2
    )
    records.port.keep_nowait(whole)
    assert await records.kept() == [whole]


async def test_the_newest_are_kept_and_every_one_that_was_offered_is_counted(
    records: Records,
) -> None:
    taken = []
    for number in range(MOST + 3):
        while not await records.offer(number):
            await records.kept()
        taken.append(number)
    assert [one.reference for one in await records.kept()] == [
        a_record(number).reference for number in taken[-MOST:]
    ]
    statistics = records.port.statistics()
    assert (statistics["written"], statistics["failed"]) == (len(taken), 0)


async def test_many_at_once_block_nobody_and_what_is_not_kept_is_counted(records: Records) -> None:
    offered = 40
    for number in range(offered):
        records.port.keep_nowait(a_record(number))
    kept = await records.kept()
    assert kept[0] == a_record(0)
    statistics = records.port.statistics()
    assert len(kept) == statistics["written"]
    assert statistics["written"] + statistics["dropped"] == offered


async def test_who_may_not_keep_is_counted_once(records: Records) -> None:
    answers = [await records.offer(number) for number in range(40)]
    await records.kept()
    statistics = records.port.statistics()
    assert (statistics["written"], statistics["dropped"]) == (
        answers.count(True),
        answers.count(False),
    )
