"""The machine's own clocks."""

import time

import trio


class SystemClock:
    """The `Clock` port over the operating system's wall clock and trio's run clock."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        return trio.current_time()
