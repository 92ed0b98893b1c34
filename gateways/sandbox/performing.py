"""One request through one machine, as a value: what to commit, what to send, and how to fail.

`Sandbox` is all of the sandbox but its sockets: the shell serves it, the simulation calls it.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, TypeVar, assert_never

from core.ports.sites import NoSites, Sites
from gateways.sandbox import faults
from gateways.sandbox.clock import instant
from gateways.sandbox.exchange import Json, Machine, Request, Response, Setting
from gateways.sandbox.records import Draft, Kept, Memory, Place
from gateways.sandbox.sites import after_effect, before_effect, op_of
from gateways.sandbox.world import World

T = TypeVar("T")
_PAGE: Final = b"<html><head><title>502 Bad Gateway</title></head><body>Bad Gateway</body></html>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """`response`: what would be sent; `plan` says how, and whether at all. Both drafts are to be
    committed before that, whatever happens to the client."""

    plan: faults.Plan
    response: Response
    records: Draft
    volatile: Draft


@dataclass(slots=True, kw_only=True)
class Sandbox:
    """The machines with what they share. Owns: what a restart forgets. Borrows: the store. `wall` in
    milliseconds. `after_commit` is told what was written, `sites` of what crash suites stop at."""

    world: World
    store: Kept
    machines: Sequence[Machine]
    wall: Callable[[], int]
    after_commit: Callable[[Collection[Place]], None] = lambda _: None
    sites: Sites = field(default_factory=NoSites)
    _volatile: Memory = field(default_factory=Memory)

    def perform(self, machine: Machine, request: Request, *, late: bool = False) -> Performance:
        """Durable before visible: all that the request did is committed when this returns. `late`: no
        rule is asked any more."""
        records, volatile = Draft(self.store), Draft(self._volatile)
        fired: tuple[faults.Fired, ...] = ()
        if not late:
            fired = faults.decide(
                records,
                api=machine.name,
                method=request.method,
                path=request.path,
                body=request.body,
            )
        done = perform(
            machine,
            request,
            world=self.world,
            records=records,
            volatile=volatile,
            wall=self.wall(),
            fired=fired,
        )
        op = op_of(machine.name, request.method, request.path) if records.changes else None
        if op is not None:
            self.sites.reach(before_effect(op))
        self._commit(records, volatile)
        if op is not None:
            self.sites.reach(after_effect(op))
        return done

    def alter(self, do: Callable[[Setting], T]) -> T:
        """What no request asks for: committed when this returns."""
        records, volatile = Draft(self.store), Draft(self._volatile)
        setting = Setting(
            now=instant(self.wall(), records),
            world=self.world,
            records=records,
            volatile=volatile,
        )
        done = do(setting)
        self._commit(records, volatile)
        return done

    def _commit(self, records: Draft, volatile: Draft) -> None:
        self.store.commit(records.changes)
        self._volatile.commit(volatile.changes)
        if records.changes:
            self.after_commit(records.changes)


def perform(
    machine: Machine,
    request: Request,
    *,
    world: World,
    records: Draft,
    volatile: Draft,
    wall: int,
    fired: Sequence[faults.Fired] = (),
) -> Performance:
    """Settle what is due, do what the rules let be done, write the journal. `wall` in milliseconds."""
    fired = tuple(fired)
    plan = faults.plan(fired)
    setting = Setting(
        now=instant(wall, records),
        world=world,
        records=records,
        volatile=volatile,
        faults=faults.domain(fired),
    )
    machine.settle(setting)
    response = Response(status=204)
    if plan.effect == "now":
        response = machine.handle(request, setting)
    if plan.instead is not None:
        response = _instead(plan.instead, machine)
    if plan.spoil is not None:
        response = _spoiled(plan.spoil, response)
    if plan.should_retry is not None:
        header = ("stripe-should-retry", "true" if plan.should_retry else "false")
        response = replace(response, headers=(*response.headers, header))
    done = Performance(plan=plan, response=response, records=records, volatile=volatile)
    for each in fired:
        faults.write_journal(records, _entry(each, machine.name, request, setting, done))
    return done


def _entry(
    each: faults.Fired, api: str, request: Request, setting: Setting, done: Performance
) -> Json:
    return {
        "at": setting.now.wall,
        "businessAt": setting.now.business,
        "api": api,
        "method": request.method,
        "path": request.path,
        "rule": each.rule_id,
        "action": each.action.__struct_config__.tag,
        "effect": done.plan.effect,
        "reply": done.plan.reply if done.plan.spoil is None else "spoiled",
        "status": done.response.status if done.plan.reply == "sent" else None,
    }


def _instead(
    action: faults.Status | faults.StatusMismatch | faults.RateLimit | faults.Html502,
    machine: Machine,
) -> Response:
    match action:
        case faults.Status():
            return machine.refusal(action.code, action.errors)
        case faults.StatusMismatch():
            error: Json = {"status": 500, "code": 141, "title": "SYSTEM ERROR HAS OCCURRED"}
            return machine.refusal(400, [error])
        case faults.RateLimit():
            return machine.refusal(429, None)
        case faults.Html502():
            return Response(status=502, content_type="text/html", body=_PAGE)
        case _:
            assert_never(action)


def _spoiled(
    action: faults.TruncateBody | faults.BadJson | faults.WrongContentType, response: Response
) -> Response:
    match action:
        case faults.TruncateBody():
            return response
        case faults.BadJson():
            return response.with_body(response.body[: len(response.body) // 2] or b"{")
        case faults.WrongContentType():
            own = f"{response.content_type or 'application/json'}; charset=utf-8"
            return response.with_body(response.body, action.content_type or own)
        case _:
            assert_never(action)
