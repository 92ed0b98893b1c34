"""What takes long for one board, in pieces: everybody else on the node is served between them."""

from collections.abc import Iterable, Sequence
from typing import Final

import trio

from actors.plan.board import Board
from actors.plan.machine import Call, Given
from actors.plan.settling import Paid, entered, settlements
from protocol.plan import CurrencySettlement, PlanItem, PlanOp

OPS_AT_ONCE: Final = 8
"""Two milliseconds for votes in a poll of two thousand, the dearest."""


async def rebase(board: Board, version: int, ops: Sequence[PlanOp], given: Given) -> list[PlanOp]:
    """See `machine.rebase`."""
    call = Call(board, version, given)
    for place, op in enumerate(ops):
        call.take(op, f"ops[{place}]")
        await _breathe(place)
    return call.taken()


async def apply(board: Board, version: int, ops: Sequence[PlanOp]) -> None:
    """See `Board.apply`; cancelled, it leaves the board between two versions."""
    for place, op in enumerate(ops):
        board.apply_one(version, op)
        await _breathe(place)
    board.version = version


async def settle(
    items: Iterable[PlanItem], bookings: Iterable[Paid]
) -> tuple[list[CurrencySettlement], list[str]]:
    """See `settling.settle`: a currency at a time."""
    accounts, unknown = entered(items, bookings)
    settled = []
    for one in settlements(accounts):
        settled.append(one)
        await trio.lowlevel.checkpoint()
    return settled, unknown


async def _breathe(place: int) -> None:
    if place % OPS_AT_ONCE == OPS_AT_ONCE - 1:
        await trio.lowlevel.checkpoint()
