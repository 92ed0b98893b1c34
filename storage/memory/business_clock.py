"""The `BusinessOffset` port in memory."""


class MemoryBusinessOffset:
    """What survives every process of a test."""

    def __init__(self) -> None:
        self._offset_ms = 0

    async def load(self) -> int:
        return self._offset_ms

    async def raise_to(self, offset_ms: int) -> int:
        self._offset_ms = max(self._offset_ms, offset_ms)
        return self._offset_ms
