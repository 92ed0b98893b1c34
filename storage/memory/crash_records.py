"""The `CrashRecords` port in memory."""

from collections import deque
from collections.abc import Mapping

from core.ports.crash_records import CrashRecord


class MemoryCrashRecords:
    """Keeps the newest `most`, the oldest first in `records`."""

    def __init__(self, *, most: int = 100) -> None:
        self.records: deque[CrashRecord] = deque(maxlen=most)
        self._written = 0

    def may_keep(self) -> bool:
        return True

    def keep_nowait(self, record: CrashRecord) -> None:
        self.records.append(record)
        self._written += 1

    def statistics(self) -> Mapping[str, int | float]:
        return {"queued": 0, "written": self._written, "dropped": 0, "failed": 0}
