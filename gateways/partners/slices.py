"""Many offers are made of an answer a few at a time: nobody else in the loop waits for all of them.

Not in a thread: one that computes holds the interpreter for five milliseconds whenever the loop lets go
of it, which it does with every byte that it sends.
"""

from collections.abc import Callable, Iterable
from typing import Final, TypeVar

import msgspec
import trio

from protocol.travel import SupplierOffer

AT_ONCE: Final = 16
"""Offers: half a millisecond."""

T = TypeVar("T")


async def readable(
    raws: Iterable[T], made: Callable[[T], SupplierOffer]
) -> tuple[list[SupplierOffer], list[str]]:
    """Offers, and what was wrong with those that cannot be read: these do not cost us the others.
    `made` raises `ValueError`, or as msgspec does."""
    offers: list[SupplierOffer] = []
    faults: list[str] = []
    for number, raw in enumerate(raws, 1):
        try:
            offers.append(made(raw))
        except (msgspec.MsgspecError, ValueError) as fault:
            faults.append(str(fault))
        if number % AT_ONCE == 0:
            await trio.lowlevel.checkpoint()
    return offers, faults
