"""The trip board as the contract tells it, in the plainest way: every trial is a deep copy."""

from copy import deepcopy
from typing import Any

from protocol.plan import PlanOp


class Conflict(Exception):
    """The call is refused."""


class Model:
    """Items by id, their order, and when what happened to them."""

    def __init__(self) -> None:
        self.version = 0
        self.order: list[str] = []
        self.kind: dict[str, str] = {}
        self.title: dict[str, str] = {}
        self.poll_of: dict[str, str] = {}
        self.changed_at: dict[str, int] = {}
        self.gone_at: dict[str, int] = {}
        self.stood_after: dict[str, str | None] = {}
        self.votes: dict[str, dict[str, str]] = {}
        self.closed_at: dict[str, int] = {}
        self.winner: dict[str, str | None] = {}

    def after(self, version: int, ops: list[PlanOp], by: str) -> "Model":
        """The board after a call that was made at `version`. Raises `Conflict`."""
        trial = deepcopy(self)
        trial.version += 1
        for op in ops:
            trial._take(op, seen=version, by=by)
        return trial

    def _take(self, op: PlanOp, *, seen: int, by: str) -> None:
        fields = op.fields or {}
        here = op.id in self.order
        if op.op in ("set", "move") and (not here or seen < self.changed_at[op.id] < self.version):
            raise Conflict
        if op.op == "add":
            self._add(op, fields, seen, here)
        elif op.op == "set":
            if op.id in self.closed_at or self.poll_of.get(op.id) in self.closed_at:
                raise Conflict
            self.title[op.id] = fields["title"]
            self.changed_at[op.id] = self.version
        elif op.op == "move":
            at = self._where(op.after)
            if at == op.id:
                at = self._before(op.id)
            self.order.remove(op.id)
            self._insert(op.id, at)
            self.changed_at[op.id] = self.version
        elif op.op == "remove" and here:
            closed = self.closed_at.get(self.poll_of.get(op.id, ""))
            if closed is None:
                self._remove(op.id)
            elif closed <= seen:
                raise Conflict
        elif op.op == "vote" and self._is_open(op.id, seen):
            option = fields["optionId"]
            if option is None:
                self.votes[op.id].pop(by, None)
            elif option in self.order and self.poll_of.get(option) == op.id:
                self.votes[op.id][by] = option
            elif not self.gone_at.get(option, 0) > seen:
                raise Conflict
        elif op.op == "close" and op.id not in self.closed_at and self._is_open(op.id, seen):
            self.close(op.id)

    def close(self, poll: str) -> None:
        given = list(self.votes[poll].values())
        options = [id for id in self.order if self.poll_of.get(id) == poll]
        most = max((given.count(option) for option in options), default=0)
        winners = [option for option in options if given.count(option) == most]
        self.winner[poll] = winners[0] if most else None
        self.closed_at[poll] = self.changed_at[poll] = self.version

    def _add(self, op: PlanOp, fields: dict[str, Any], seen: int, here: bool) -> None:
        if here:
            raise Conflict
        poll = fields.get("pollId")
        if poll is not None and self._is_open(poll, seen):
            self.poll_of[op.id] = poll
        at = (self.order or [None])[-1] if op.after is None else self._where(op.after)
        self.kind[op.id], self.title[op.id] = str(op.kind), fields["title"]
        self.changed_at[op.id] = self.version
        self.gone_at.pop(op.id, None)
        self.stood_after.pop(op.id, None)
        if op.kind == "poll":
            self.votes[op.id] = {}
        self._insert(op.id, at)

    def _is_open(self, poll: str, seen: int) -> bool:
        """False: not any more, which the caller could not know."""
        if poll in self.order:
            if poll not in self.closed_at:
                return True
            if self.closed_at[poll] > seen:
                return False
        elif self.gone_at.get(poll, 0) > seen:
            return False
        raise Conflict

    def _remove(self, id: str) -> None:
        for option in [one for one in self.order if self.poll_of.get(one) == id]:
            self._take_out(option)
        self._take_out(id)

    def _take_out(self, id: str) -> None:
        self.gone_at[id], self.stood_after[id] = self.version, self._before(id)
        self.order.remove(id)
        poll = self.poll_of.pop(id, None)
        if poll in self.votes:
            self.votes[poll] = {who: one for who, one in self.votes[poll].items() if one != id}
        for facts in (self.votes, self.closed_at, self.winner, self.changed_at):
            facts.pop(id, None)  # type: ignore[attr-defined]

    def _before(self, id: str) -> str | None:
        at = self.order.index(id)
        return self.order[at - 1] if at else None

    def _where(self, after: str | None) -> str | None:
        while after is not None and after not in self.order:
            if after not in self.stood_after:
                return self.order[-1] if self.order else None
            after = self.stood_after[after]
        return after

    def _insert(self, id: str, after: str | None) -> None:
        self.order.insert(0 if after is None else self.order.index(after) + 1, id)
