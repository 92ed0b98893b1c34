"""The least of a room: assigns seqs ahead of commits, and after a refusal reads its head anew."""

from core.ports.message_log import Append, EventKind, LogRow, Outcome
from storage.memory.leases import MemoryLeases
from storage.memory.message_log import MemoryMessageLog


class StoppedClock:
    def now_ms(self) -> int:
        return 0

    def monotonic(self) -> float:
        return 0.0


class Room:
    def __init__(self, name: str, log: MemoryMessageLog, leases: MemoryLeases) -> None:
        self.id, self._log, self._leases = name, log, leases
        self.acknowledged: set[str | None] = set()
        self._head = self._posted = 0
        self._fence = leases.fence(name)
        self._is_broken = False
        self.was_contradicted = False
        """An append was stored after an earlier one had been refused."""

    async def post(self, kind: str) -> None:
        if self._is_broken:
            await self.recover()
        self._posted += kind != "repeat"
        row = LogRow(
            seq=self._head + 1,
            sent_at=0,
            kind=EventKind.MESSAGE,
            sender_id="ada",
            body=b"\0" if kind == "poison" else b"",
            client_id=f"{self.id} {self._posted}",
        )
        self._head += 1
        append = Append(tenant_id=1, room_id=self.id, fence=self._fence, rows=(row,))
        self._log.append_nowait(append, lambda outcome: self._heard(row, outcome))

    def _heard(self, row: LogRow, outcome: Outcome) -> None:
        if outcome is Outcome.STORED:
            self.was_contradicted |= self._is_broken
            self.acknowledged.add(row.client_id)
        else:
            self._is_broken = True

    async def recover(self) -> None:
        self._log.flush_now()
        self._fence = await self._leases.refence(self.id, seen=self._fence)
        self._head = await self._log.head(1, self.id)
        self._is_broken = False
