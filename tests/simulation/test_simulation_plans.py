"""Many writers on one trip board, some of them offline for long: as the plain model says."""

import os
import random
from typing import Any

import msgspec
import pytest
from plan_model import Conflict, Model

from actors.plan import machine
from actors.plan.board import Board
from actors.plan.machine import Given, rebase
from core.errors import Rejected
from protocol.plan import PlanOp

SEEDS = min(int(os.environ.get("CARAVAN_SEEDS", "300")), 10_000)
CALLS = 25
PEOPLE = ["ada", "ben", "eve", "gil"]


class Writer:
    """One client. It follows with what it was told alone, and is offline now and then."""

    def __init__(self, name: str, chance: random.Random) -> None:
        self.name, self._chance = name, chance
        self.version = 0
        self.board = Board.empty()
        self.missed: list[tuple[int, list[PlanOp]]] = []
        self._made = 0

    def catch_up(self) -> None:
        for version, ops in self.missed:
            assert version == self.board.version + 1
            self.board.apply(version, ops)
        self.missed.clear()
        self.version = self.board.version

    def call(self) -> list[PlanOp]:
        return [self._op() for _ in range(self._chance.randrange(1, 4))]

    def _op(self) -> PlanOp:
        chance = self._chance
        known = [*self.board.order, *self.board.gone] or ["nothing"]
        polls = [id for id in known if id.startswith("poll")] or ["nothing"]
        options = [id for id in known if id.startswith("option")] or ["nothing"]
        title = {"title": f"t{chance.randrange(99)}"}
        after = chance.choice([None, *known])
        match chance.randrange(12):
            case 0 | 1 | 2:
                return PlanOp(
                    op="add", id=self._new("stop"), kind="stop", after=after, fields=title
                )
            case 3:
                return PlanOp(op="add", id=self._new("poll"), kind="poll", fields=title)
            case 4 | 5:
                fields = title | {"pollId": chance.choice(polls)}
                return PlanOp(
                    op="add", id=self._new("option"), kind="option", after=after, fields=fields
                )
            case 6:
                return PlanOp(op="set", id=chance.choice(known), fields=title)
            case 7:
                id = chance.choice(known)
                return PlanOp(op="move", id=id, after=None if after == id else after)
            case 8:
                return PlanOp(op="remove", id=chance.choice(known))
            case 9 | 10:
                option = chance.choice([*options, *options, None])
                return PlanOp(op="vote", id=chance.choice(polls), fields={"optionId": option})
            case _:
                return PlanOp(op="close", id=chance.choice(polls))

    def _new(self, kind: str) -> str:
        """Now and then the id of something that is gone already: an undo."""
        gone = [id for id in self.board.gone if id.startswith(kind)]
        if gone and self._chance.random() < 0.2:
            return self._chance.choice(gone)
        self._made += 1
        return f"{kind}-{self.name}-{self._made}"


def play(seed: int) -> dict[str, int]:
    """One schedule; how many calls were taken, and how many refused."""
    chance = random.Random(seed)
    board, model = Board.empty(), Model()
    writers = [Writer(name, chance) for name in PEOPLE]
    counts = {"taken": 0, "refused": 0, "rebased": 0}
    log: list[tuple[int, bytes]] = []
    snapshot = board.packed()
    for _ in range(CALLS):
        writer = chance.choice(writers)
        if chance.random() < 0.5:
            writer.catch_up()
        ops = writer.call()
        before = board.packed()
        given = Given(by=writer.name, people=PEOPLE, now=0)
        try:
            expected: Model | None = model.after(writer.version, ops, writer.name)
        except Conflict:
            expected = None
        done = judged(board, writer.version, ops, given)
        assert (done is None) == (expected is None), (seed, writer.version, ops)
        assert board.packed() == before
        if done is None or expected is None:
            counts["refused"] += 1
            continue
        model = expected
        stored = msgspec.msgpack.encode(done)
        board.apply(board.version + 1, done)
        log.append((board.version, stored))
        if chance.random() < 0.1:
            snapshot = board.packed()
        told = msgspec.msgpack.decode(stored, type=list[PlanOp])
        for one in writers:
            one.missed.append((board.version, told))
        counts["taken"] += 1
        counts["rebased"] += writer.version < board.version - 1
        check(board, model, seed)
    for writer in writers:
        writer.catch_up()
        assert writer.board.packed() == board.packed(), seed
    heir = Board.unpacked(snapshot)
    for version, stored in log:
        if version > heir.version:
            heir.apply(version, msgspec.msgpack.decode(stored, type=list[PlanOp]))
    assert heir.packed() == board.packed(), seed
    return counts


def play_all(seeds: int) -> dict[str, int]:
    """The counts of all of them."""
    total = {"taken": 0, "refused": 0, "rebased": 0}
    for seed in range(seeds):
        for name, count in play(seed).items():
            total[name] += count
    return total


def judged(board: Board, version: int, ops: list[PlanOp], given: Given) -> list[PlanOp] | None:
    """None: a conflict."""
    try:
        return rebase(board, version, ops, given)
    except Rejected as refusal:
        if refusal.code == "conflict":
            return None
        raise


def check(board: Board, model: Model, seed: int) -> None:
    assert (board.version, board.order) == (model.version, model.order), seed
    for id, item in board.items.items():
        expected: dict[str, Any] = {"title": model.title[id]}
        if id in model.poll_of:
            expected["pollId"] = model.poll_of[id]
        if model.votes.get(id):
            expected["votes"] = model.votes[id]
        if id in model.closed_at:
            expected["closed"] = True
            if model.winner[id] is not None:
                expected["winner"] = model.winner[id]
        shown = {name: value for name, value in item.fields.items() if value != {}}
        assert (item.kind, shown) == (model.kind[id], expected), (seed, id)


def test_a_board_with_many_writers_is_what_the_plain_model_says() -> None:
    total = play_all(SEEDS)
    # The schedules are worth their time: many are refused, many taken late.
    assert total["taken"] > SEEDS * CALLS // 4
    assert total["refused"] > SEEDS
    assert total["rebased"] > SEEDS


def _forgets_changes(call: Any, op: PlanOp, at: str) -> Any:
    item = call._draft.items.get(op.id)
    if item is None:
        raise Rejected("conflict", "gone")
    return item


BROKEN = {
    "changes are overwritten": ("_unchanged", _forgets_changes),
    "places are forgotten": ("_place", lambda call, after: (call._draft.order or [None])[-1]),
    "what went is forgotten": ("_has_gone_since", lambda call, id: False),
    "everybody may decide again": ("_is_decided", lambda call, item: False),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_board_that_breaks_a_rule_is_found(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, instead = BROKEN[what]
    monkeypatch.setattr(machine.Call, name, instead)
    with pytest.raises((AssertionError, ValueError)):
        play_all(200)
