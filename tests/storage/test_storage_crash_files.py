"""Crash records on disk: bounded, whole or not there, and never anybody's trouble."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
import structlog.testing
import trio

from core.ports.crash_records import VERSION, CrashRecord, RecordedEnvelope
from storage.crash_files import (
    MAX_BYTES,
    MAX_FILES,
    MAX_QUEUED,
    CrashFiles,
    UnreadableRecordError,
    find,
    fitted,
    load,
    stored,
)


def a_record(number: int = 1, **changes: Any) -> CrashRecord:
    return CrashRecord(
        **{
            "version": VERSION,
            "reference": f"0190a000-0000-7000-8000-{number:012x}",
            "kind": "room",
            "key": "a",
            "at": 1_800_000_000_000,
            "error": "ValueError",
            "causes": [],
            "place": "core/x.py:1 f",
            "frames": ["core/x.py:1 f"],
            "envelopes": [],
        }
        | changes
    )


def an_envelope(size: int) -> RecordedEnvelope:
    fields = {"content": "x" * size}
    return RecordedEnvelope(type="protocol.chat.X", fields=fields, lane=1, was_asked=True)


@asynccontextmanager
async def running(directory: Path) -> AsyncIterator[CrashFiles]:
    files = CrashFiles(directory)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(files.run)
        yield files
        nursery.cancel_scope.cancel()


async def test_a_record_is_read_as_it_was_kept(tmp_path: Path) -> None:
    record = a_record(envelopes=[an_envelope(5)], state={"head": 7, "members": ["a"]})
    async with running(tmp_path / "crashes") as files:
        files.keep_nowait(record)
    assert load(find(tmp_path / "crashes", record.reference)) == record
    assert files.statistics() == {"queued": 0, "written": 1, "dropped": 0, "failed": 0}


async def test_the_newest_hundred_are_kept(tmp_path: Path) -> None:
    for number in range(MAX_FILES + 3):
        (tmp_path / f"{a_record(number).reference}.crash").write_bytes(b"")
    async with running(tmp_path) as files:
        files.keep_nowait(a_record(1_000))
    kept = [file.stem for file in stored(tmp_path)]
    assert kept == [a_record(n).reference for n in [*range(4, MAX_FILES + 3), 1_000]]


async def test_more_than_can_wait_are_dropped_and_counted(tmp_path: Path) -> None:
    files = CrashFiles(tmp_path)
    for number in range(MAX_QUEUED):
        assert files.may_keep()
        files.keep_nowait(a_record(number))
    assert not files.may_keep()
    files.keep_nowait(a_record(99))
    assert files.statistics() == {"queued": MAX_QUEUED, "written": 0, "dropped": 2, "failed": 0}


async def test_a_directory_that_cannot_be_written_is_logged_and_the_next_record_is_tried(
    tmp_path: Path,
) -> None:
    blocked = tmp_path / "crashes"
    blocked.write_text("a file where the directory should be")
    with structlog.testing.capture_logs() as logs:
        async with running(blocked) as files:
            files.keep_nowait(a_record(1))
            while files.statistics()["failed"] < 1:
                await trio.sleep(0.01)
            blocked.unlink()
            files.keep_nowait(a_record(2))
    assert [line["reference"] for line in logs] == [a_record(1).reference], logs
    assert [file.stem for file in stored(blocked)] == [a_record(2).reference]


async def test_a_full_disk_leaves_no_half_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with structlog.testing.capture_logs() as logs:
        async with running(tmp_path) as files:
            files.keep_nowait(a_record())
    assert os.listdir(tmp_path) == []
    assert logs[0]["reason"] == "No space left on device"
    assert files.statistics()["failed"] == 1


def test_a_record_that_is_too_large_loses_its_oldest_envelopes_first() -> None:
    record = a_record(envelopes=[an_envelope(60_000 + n) for n in range(8)], state={"head": 1})
    body = fitted(record)
    kept = msgspec.msgpack.decode(body, type=CrashRecord)
    assert len(body) <= MAX_BYTES
    assert kept.envelopes == record.envelopes[-4:]
    assert (kept.left_out, kept.state) == (4, record.state)


async def test_what_killed_processes_left_half_written_does_not_pile_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", killed)
        for number in range(3):
            with pytest.raises(KeyboardInterrupt):
                CrashFiles(tmp_path)._write(a_record(number))
    assert len(os.listdir(tmp_path)) == 1
    CrashFiles(tmp_path)._write(a_record())
    assert os.listdir(tmp_path) == [a_record().reference + ".crash"]


def test_what_did_not_fit_is_counted() -> None:
    body = fitted(a_record(frames=["x" * 300_000]))
    assert msgspec.msgpack.decode(body, type=CrashRecord).left_out == 0
    body = fitted(a_record(envelopes=[an_envelope(200_000), an_envelope(300_000)]))
    assert msgspec.msgpack.decode(body, type=CrashRecord).left_out == 2


@pytest.mark.parametrize(
    "too_much",
    [
        {"state": "x" * 300_000},
        {"envelopes": [an_envelope(300_000)]},
        {"frames": ["x" * 300_000]},
    ],
)
def test_no_record_is_larger_than_its_bound(too_much: dict[str, Any]) -> None:
    body = fitted(a_record(**too_much))
    assert len(body) <= MAX_BYTES
    assert msgspec.msgpack.decode(body, type=CrashRecord).place == a_record().place


def test_what_is_no_record_of_this_version_is_said_so(tmp_path: Path) -> None:
    file = tmp_path / "x.crash"
    for body, sentence in (
        (b"\xc1", "x is damaged"),
        (b"", "x is damaged"),
        (msgspec.msgpack.encode({"version": VERSION}), "x is damaged"),
        (msgspec.msgpack.encode(a_record(key="room")).replace(b"room", b"roo\xff"), "x is damaged"),
        (msgspec.msgpack.encode(a_record(at=2**60)), "x is damaged"),
        (b"\x91" * 9_999, "x is damaged"),
        (msgspec.msgpack.encode({"version": VERSION + 1}), f"of version {VERSION + 1}"),
    ):
        file.write_bytes(body)
        with pytest.raises(UnreadableRecordError, match=sentence):
            load(file)


def test_a_reference_may_be_cut_short_as_long_as_it_names_one(tmp_path: Path) -> None:
    for number in (0x10, 0x11):
        (tmp_path / f"{a_record(number).reference}.crash").write_bytes(b"")
    assert find(tmp_path, a_record(0x10).reference.upper()).stem == a_record(0x10).reference
    with pytest.raises(UnreadableRecordError, match="2 crash records begin with 0190a"):
        find(tmp_path, "0190a")
