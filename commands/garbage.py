"""What garbage collection looks at, and how often."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

YOUNG: Final = (700, 3)
"""Seven hundred new objects, which is Python's own figure, take 0.3 to 0.9 ms in a busy server. Python's middle
generation is eleven times as many, which takes 2 to 5 ms at once; this is four times."""

FULL_AFTER: Final = 140
"""Collections of the middle generation before a full one: 400,000 objects more than before, thirty
megabytes if all were garbage. Python's ten let a crowd of a thousand cause one every few seconds, of
forty milliseconds each while the crowd is here."""


def keep_pauses_short() -> int:
    """Never look again at what is there now, and seldom at all the rest; how many objects stay.

    Modules, routes and pools stay as long as the process; a collection that walks through them holds
    everybody up for a tenth of a second.
    """
    gc.set_threshold(*YOUNG, FULL_AFTER)
    gc.collect()
    gc.freeze()
    return gc.get_freeze_count()


@contextmanager
def loading_for_good() -> Iterator[None]:
    """What is made inside stays as long as the process: no collection walks through it while it is made,
    and none does afterwards. For what a process imports (a fifth of that time would be collections that
    find nothing), and for large things that come after the start; collections elsewhere wait as long, so it
    should be over in a second or two.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.collect(1)  # the young: what was made for a moment
        gc.freeze()
        gc.enable()
