"""What both stores of durable timers do with a change, once it is stored."""

from collections.abc import Callable, Iterable

from core.ports.durable_timers import SetTimer, TimerChange


def tell_earliest(changes: Iterable[TimerChange], on_set: Callable[[int], None]) -> None:
    """`on_set` hears the earliest time that these set; of none that they cancel."""
    times = [change.due_at for change in changes if isinstance(change, SetTimer)]
    if times:
        on_set(min(times))
