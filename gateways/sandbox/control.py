"""The control port: the clock, the rules, the journal, and what the suppliers let be steered.

GET `/_sandbox/info` · GET, POST `/_sandbox/clock` · GET, POST, DELETE `/_sandbox/rules` and DELETE
`/_sandbox/rules/{id}` · GET `/_sandbox/journal?after=SEQ` · the rest is asked of each machine in turn.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import msgspec

from gateways.sandbox import faults
from gateways.sandbox.clock import BackwardsError, advance, instant
from gateways.sandbox.exchange import Json, Machine, Request, Response, Setting

MAX_ENTRIES: Final = 1_000


class ControlMachine:
    """`Machine` for the control port. Borrows: the suppliers' machines. `info`: what the ready line
    says."""

    name = faults.CONTROL

    def __init__(self, machines: Sequence[Machine], info: Json) -> None:
        self._machines = tuple(machines)
        self._info = info

    def handle(self, request: Request, setting: Setting) -> Response:
        match request.method, request.path.removeprefix("/_sandbox/").split("/"):
            case "GET", ["info"]:
                return Response.of_json(200, self._info)
            case "GET", ["clock"]:
                return self._clock(setting)
            case "POST", ["clock"]:
                return self._advance(request, setting)
            case _, ["rules", *rest]:
                return _rules(request, setting, rest)
            case "GET", ["journal"]:
                return _journal(request, setting)
        for machine in self._machines:
            response = machine.control(request, setting)
            if response is not None:
                return response
        match request.path.removeprefix("/_sandbox/").split("/"):
            case ["orders", order, word]:
                return _problem(404, f"There is no order {order} here: nothing to {word}.")
        return _problem(404, f"There is no {request.method} {request.path} here.")

    def settle(self, setting: Setting) -> None:
        for machine in self._machines:
            machine.settle(setting)

    def control(self, request: Request, setting: Setting) -> Response | None:
        return None

    def refusal(self, status: int, errors: list[Json] | None) -> Response:
        return Response.of_json(status, {"errors": errors or []})

    def _clock(self, setting: Setting) -> Response:
        now = instant(setting.now.wall, setting.records)
        return Response.of_json(
            200, {"wall": now.wall, "business": now.business, "at": now.moment.isoformat()}
        )

    def _advance(self, request: Request, setting: Setting) -> Response:
        posted = posted_json(request)
        if not isinstance(posted, dict):
            return _problem(400, 'Send {"advanceMs": milliseconds}.')
        try:
            advance(setting.records, posted.get("advanceMs"))
        except BackwardsError as error:
            return _problem(400, str(error))
        now = instant(setting.now.wall, setting.records)
        self.settle(replace(setting, now=now))
        return self._clock(setting)


def posted_json(request: Request) -> Any:
    """The body as JSON; None when it is none."""
    try:
        return msgspec.json.decode(request.body)
    except msgspec.DecodeError:
        return None


def _rules(request: Request, setting: Setting, rest: list[str]) -> Response:
    match request.method, rest:
        case "GET", []:
            rules = [each for _, each in setting.records.scan(faults.RULES)]
            return Response.of_json(200, {"data": rules})
        case "POST", []:
            if (posted := posted_json(request)) is None:
                return _problem(400, "This is no JSON, and so no rule.")
            try:
                kept = faults.add_rule(setting.records, posted)
            except faults.RuleError as error:
                return _problem(400, str(error))
            return Response.of_json(201, kept)
        case "DELETE", [] | [_]:
            deleted = faults.delete_rules(setting.records, *rest)
            return Response.of_json(200, {"deleted": deleted})
        case _:
            return _problem(404, f"There is no {request.method} {request.path} here.")


def _journal(request: Request, setting: Setting) -> Response:
    after = request.value("after") or "0"
    if not after.isdecimal():
        return _problem(400, "after must be the seq of an entry.")
    entries: list[Json] = []
    for _, entry in setting.records.scan(faults.JOURNAL):
        if entry["seq"] > int(after):
            entries.append(entry)
        if len(entries) == MAX_ENTRIES:
            break
    return Response.of_json(200, {"data": entries})


def _problem(status: int, detail: str) -> Response:
    return Response.of_json(status, {"detail": detail})
