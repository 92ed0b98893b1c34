"""The sandbox as a process without sockets: its machines called directly, on virtual time.

What the shell does with an answer (later, never, half of it) is done here to a caller instead of to a
connection. A kill loses what a process has in memory and every call under way; the records stay.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import trio
from virtual_time import sleep

from gateways.sandbox import faults
from gateways.sandbox.amadeus import AmadeusMachine
from gateways.sandbox.clock import instant
from gateways.sandbox.control import ControlMachine
from gateways.sandbox.duffel import DuffelMachine
from gateways.sandbox.exchange import Json, Machine, Request, Response
from gateways.sandbox.performing import Performance, Sandbox
from gateways.sandbox.records import Memory
from gateways.sandbox.world import World

CONTROL: Final = faults.CONTROL


class LineBroken(Exception):
    """Nobody listens, the connection was reset, or it ended in the middle of an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """When a machine did something, in business time (milliseconds), and by how much rules had moved
    its prices for it."""

    business: int
    percent: float = 0.0


@dataclass(slots=True, kw_only=True)
class _Late:
    """Something that is done although nobody waits any more."""

    due: int
    api: str
    request: Request


@dataclass(slots=True)
class PlayedSandbox:
    """Owns: the records, and the process while it runs. `wall` in milliseconds; `travels`: how many
    seconds a request or an answer takes."""

    world: World
    wall: Callable[[], int]
    travels: Callable[[], float] = lambda: 0.0
    records: Memory = field(default_factory=Memory)
    kills: int = 0
    _machines: dict[str, Machine] = field(default_factory=dict)
    _sandbox: Sandbox | None = None
    _under_way: dict[trio.CancelScope, None] = field(default_factory=dict)
    _late: list[_Late] = field(default_factory=list)

    @property
    def is_up(self) -> bool:
        return self._sandbox is not None

    @property
    def calls_under_way(self) -> int:
        return len(self._under_way)

    def start(self) -> None:
        """New machines on the records that there are."""
        suppliers: Sequence[Machine] = (AmadeusMachine(), DuffelMachine())
        machines = (*suppliers, ControlMachine(suppliers, {}))
        self._machines = {each.name: each for each in machines}
        self._sandbox = Sandbox(
            world=self.world, store=self.records, machines=suppliers, wall=self.wall
        )

    def kill(self) -> None:
        """At once; what was to be done late is not done."""
        self._sandbox = None
        self._late.clear()
        self.kills += 1
        for call in list(self._under_way):
            call.cancel()

    async def exchange(self, api: str, request: Request) -> tuple[Response, Moment]:
        """What a client of `api` hears, whenever it hears it. Raises `LineBroken`."""
        with trio.CancelScope() as life:
            self._under_way[life] = None
            try:
                await sleep(self.travels())
                answer = await self._answered(api, request)
                await sleep(self.travels())
                return answer
            finally:
                del self._under_way[life]
        raise LineBroken("reset")

    async def _answered(self, api: str, request: Request) -> tuple[Response, Moment]:
        done, moment = self._perform(api, request)
        plan = done.plan
        await sleep(plan.delay_ms / 1_000)
        if plan.effect == "late":
            due = self.wall() + plan.late_ms
            self._late.append(_Late(due=due, api=api, request=request))
        if plan.reply == "hung":
            await trio.sleep_forever()
        if plan.reply == "reset":
            raise LineBroken("reset")
        if isinstance(plan.spoil, faults.TruncateBody):
            raise LineBroken("half an answer")
        return done.response, moment

    def steer(self, method: str, path: str, body: object = None) -> Any:
        """A request to the control port, and its answer's JSON. The process must be up."""
        request = Request(
            method=method,
            path=f"/_sandbox/{path}",
            headers={},
            body=b"" if body is None else json.dumps(body).encode(),
        )
        done, _ = self._perform(CONTROL, request)
        answer = json.loads(done.response.body)
        assert done.response.status < 300, answer
        return answer

    def add_rule(self, api: str | None, *, times: int | None, **rule: Any) -> None:
        """`rule`: its action, its chance and its seed."""
        match: Json = {"api": api, "chance": rule.get("chance", 1.0)}
        posted = {"match": match, "times": times, "seed": rule.get("seed", "")}
        self.steer("POST", "rules", posted | {"action": rule["action"]})

    def fired(self) -> list[str]:
        """The actions of all rules that fired, oldest first; the process need not be up."""
        return [entry["action"] for _, entry in self.records.scan(faults.JOURNAL)]

    def business(self) -> int:
        return instant(self.wall(), self.records).business

    def _perform(self, api: str, request: Request) -> tuple[Performance, Moment]:
        if self._sandbox is None:
            raise LineBroken("refused")
        while self._late and self._late[0].due <= self.wall():
            late = self._late.pop(0)
            self._sandbox.perform(self._machines[late.api], late.request, late=True)
        done = self._sandbox.perform(self._machines[api], request)
        return done, Moment(business=self.business(), percent=self._drifted(done))

    def _drifted(self, done: Performance) -> float:
        """What the rules that fired for it say."""
        percent = 0.0
        for (kind, _), entry in done.records.changes.items():
            if kind == faults.JOURNAL and entry and entry["action"] == "price_drift":
                kept = self.records.get(faults.RULES, entry["rule"])
                percent += kept["rule"]["action"]["percent"] if kept else 0.0
        return percent
