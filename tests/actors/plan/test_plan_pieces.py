"""A long call of one board leaves others their turns, and comes out as it would at once."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count

import pytest
import trio

from actors.plan import pieces
from actors.plan.board import Board
from actors.plan.machine import Given, rebase
from actors.plan.settling import settle
from core.errors import Rejected
from protocol.plan import PlanItem, PlanOp

GIVEN = Given(by="u0", people=frozenset(f"u{n}" for n in range(12)), now=0)


@asynccontextmanager
async def turns() -> AsyncIterator[Callable[[], int]]:
    """How many turns somebody else on the loop has had."""
    had = count()
    so_far = [0]

    async def other() -> None:
        while True:
            so_far[0] = next(had)
            await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(other)
        await trio.lowlevel.checkpoint()
        yield lambda: so_far[0]
        nursery.cancel_scope.cancel()


def polled() -> Board:
    board = Board.empty()
    ops = [PlanOp(op="add", id="p", kind="poll", fields={"title": "Where?"})]
    for name in ("o0", "o1"):
        fields = {"title": name, "pollId": "p"}
        ops.append(PlanOp(op="add", id=name, kind="option", fields=fields))
    board.apply(1, rebase(board, 0, ops, GIVEN))
    return board


VOTES = [PlanOp(op="vote", id="p", fields={"optionId": f"o{n % 2}"}) for n in range(200)]


async def test_two_hundred_votes_leave_others_their_turns() -> None:
    """In a poll of two thousand they held the loop for sixty milliseconds."""
    board, after = polled(), polled()
    async with turns() as had:
        ops = await pieces.rebase(board, 1, VOTES, GIVEN)
        assert had() >= 20
        before = had()
        await pieces.apply(after, 2, ops)
        assert had() - before >= 20
    assert ops == rebase(board, 1, VOTES, GIVEN)
    board.apply(2, ops)
    assert after.packed() == board.packed()


async def test_a_call_in_pieces_is_refused_as_at_once() -> None:
    board = polled()
    was = board.packed()
    for version, ops in ((2, VOTES), (1, [*VOTES, PlanOp(op="vote", id="none", fields={})])):
        with pytest.raises(Rejected) as in_pieces:
            await pieces.rebase(board, version, ops, GIVEN)
        with pytest.raises(Rejected) as at_once:
            rebase(board, version, ops, GIVEN)
        assert in_pieces.value.fields == at_once.value.fields
    assert board.packed() == was


async def test_each_currency_is_settled_in_a_turn_of_its_own() -> None:
    """Eight of twelve people each held the loop for seventy milliseconds."""
    shared = [f"u{n}" for n in range(12)]
    items = [
        PlanItem(
            id=currency,
            kind="expense",
            fields={
                "title": "All",
                "amount": {"amount": 1_234, "currency": currency},
                "paidBy": "u3",
                "sharedBy": shared,
            },
        )
        for currency in ("CHF", "EUR", "GBP", "USD")
    ]
    async with turns() as had:
        settled = await pieces.settle(items, [])
        assert had() >= 3
    assert settled == settle(items, [])
