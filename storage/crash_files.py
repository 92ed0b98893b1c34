"""Crash records as files: one each, the newest hundred, readable by their owner alone."""

import os
import re
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
import structlog
import trio

from core.ports.crash_records import VERSION, CrashRecord

log: Final = structlog.get_logger("storage.crash_files")

CRASHES: Final = "crashes"
"""The directory's name in the data directory."""
MAX_FILES: Final = 100
MAX_BYTES: Final = 262_144
MAX_QUEUED: Final = 16
FLUSH_WITHIN: Final = 2.0
SUFFIX: Final = ".crash"
DRAFT: Final = "draft"

_REFERENCE: Final = re.compile(r"[0-9a-f-]{1,36}")


class UnreadableRecordError(RuntimeError):
    """A crash record cannot be had; the sentence says why."""


class _Version(msgspec.Struct):
    version: int


class CrashFiles:
    """Implements `core.ports.crash_records.CrashRecords` over a directory.

    Owns: the queue and the files. What cannot be written (a full disk, a directory that is not
    ours) is logged and counted, and harms nobody.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._queue: deque[CrashRecord] = deque()
        self._has_news = trio.Event()
        self._written = self._dropped = self._failed = 0

    def may_keep(self) -> bool:
        if len(self._queue) < MAX_QUEUED:
            return True
        self._dropped += 1
        return False

    def keep_nowait(self, record: CrashRecord) -> None:
        if self.may_keep():
            self._queue.append(record)
            self._has_news.set()

    async def run(self) -> None:
        """Write what comes, in a thread, until cancelled; then what is left, for two seconds."""
        try:
            while True:
                await self._has_news.wait()
                self._has_news = trio.Event()
                await self._write_queued()
        finally:
            with trio.move_on_after(FLUSH_WITHIN, shield=True):
                await self._write_queued()

    def statistics(self) -> Mapping[str, int | float]:
        return {
            "queued": len(self._queue),
            "written": self._written,
            "dropped": self._dropped,
            "failed": self._failed,
        }

    async def _write_queued(self) -> None:
        while self._queue:
            # It leaves the queue when it was tried: cancelled before that, it is written at the end.
            record = self._queue[0]
            try:
                await trio.to_thread.run_sync(self._write, record)
            except Exception as error:
                self._failed += 1
                log.error(
                    "crash record not written",
                    reference=record.reference,
                    error=type(error).__name__,
                    reason=error.strerror if isinstance(error, OSError) else None,
                )
            else:
                self._written += 1
            self._queue.popleft()

    def _write(self, record: CrashRecord) -> None:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = self._directory / (record.reference + SUFFIX)
        # One name for all: what a killed process left half written is written over.
        draft = self._directory / DRAFT
        try:
            with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
                out.write(fitted(record))
                out.flush()
                os.fsync(out.fileno())
            draft.replace(file)
        except OSError:
            draft.unlink(missing_ok=True)
            raise
        for oldest in stored(self._directory)[:-MAX_FILES]:
            oldest.unlink(missing_ok=True)


def fitted(record: CrashRecord) -> bytes:
    """The record in MessagePack, at most `MAX_BYTES`: the oldest envelopes are left out first, then
    the state, then all but the places."""
    while len(body := msgspec.msgpack.encode(record)) > MAX_BYTES:
        if len(record.envelopes) > 1:
            record = msgspec.structs.replace(
                record, envelopes=record.envelopes[1:], left_out=record.left_out + 1
            )
        elif record.state is not None:
            record = msgspec.structs.replace(record, state=None)
        else:
            left_out = record.left_out + len(record.envelopes)
            bare = msgspec.structs.replace(record, envelopes=[], frames=[], left_out=left_out)
            return msgspec.msgpack.encode(bare)
    return body


def stored(directory: Path) -> list[Path]:
    """The files, the oldest first: references rise with time."""
    return sorted(directory.glob("*" + SUFFIX))


def load(file: Path) -> CrashRecord:
    """Raises `UnreadableRecordError`."""
    try:
        body = file.read_bytes()
        version = msgspec.msgpack.decode(body, type=_Version).version
        if version != VERSION:
            raise UnreadableRecordError(
                f"{file.stem} is a crash record of version {version}; this server reads version "
                f"{VERSION}. Use the server that wrote it."
            )
        record = msgspec.msgpack.decode(body, type=CrashRecord)
        datetime.fromtimestamp(record.at / 1_000, UTC)  # there is such a time
        return record
    except OSError as error:
        raise UnreadableRecordError(f"{file.stem} cannot be read: {error.strerror}.") from None
    # ValueError: no UTF-8, or a year that there is not; RecursionError: lists in lists.
    except (msgspec.DecodeError, ValueError, OverflowError, RecursionError):
        raise UnreadableRecordError(f"{file.stem} is damaged: it is no crash record.") from None


def find(directory: Path, reference: str) -> Path:
    """The file of the one record whose reference begins like this. Raises
    `UnreadableRecordError`."""
    wanted = reference.strip().lower()
    files = stored(directory) if _REFERENCE.fullmatch(wanted) else []
    found = [file for file in files if file.stem.startswith(wanted)]
    if len(found) == 1:
        return found[0]
    if found:
        raise UnreadableRecordError(
            f"{len(found)} crash records begin with {wanted}. Give more of the reference."
        )
    raise UnreadableRecordError(
        f"There is no crash record {reference} in {directory}. `main.py crashes list` shows what "
        f"there is; the newest {MAX_FILES} are kept."
    )
