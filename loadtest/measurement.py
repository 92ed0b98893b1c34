"""From a command line's wish to a report: start what is needed, play, put everything together."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trio

from loadtest.accounts import Api, ApiError, UnreachableError
from loadtest.causes import first_cause
from loadtest.crew import workers
from loadtest.host import about_host
from loadtest.own_server import own_server
from loadtest.report import Report, as_json, failures, missed, warnings
from loadtest.run import Round, Run
from loadtest.scenario import COUNTED, Load, Scenario
from loadtest.seeded import read_tokens, seeded_accounts
from loadtest.server_load import ServerLoad
from loadtest.virtual_users import MAX_ACCOUNTS, WorldFailedError, make_accounts

Watch = Callable[[Run], Awaitable[None]]
"""Runs beside a run, until cancelled: shows progress, hears signals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """`url` None: start a server. `accounts`: how many, made by that server's own seed; `tokens`: a
    file of such. `limits`: the objectives by name, None where not judged."""

    scenario: Scenario
    load: Load
    limits: Mapping[str, float | None]
    processes: int
    command: str
    url: str | None = None
    accounts: int | None = None
    tokens: Path | None = None

    def known_limits(self) -> dict[str, float]:
        return {name: limit for name, limit in self.limits.items() if limit is not None}


@dataclass(frozen=True, slots=True)
class Played:
    """A finished run and what the server used meanwhile."""

    run: Run
    server: ServerLoad
    version: str


async def measure(wish: Wish, watch: Watch, play: Callable[[Played], Awaitable[None]]) -> Played:
    """Set up, `play`, take down. Raises what keeps a run from being."""
    async with AsyncExitStack() as stack:
        ours = (
            None
            if wish.url
            else await stack.enter_async_context(own_server(wish.scenario.server_settings))
        )
        url = wish.url or (ours.url if ours else "")
        api = await stack.enter_async_context(Api(url))
        version = await _version(api)
        if wish.tokens is not None:
            accounts = read_tokens(wish.tokens, api, wish.accounts, wish.load.seconds)
        elif wish.accounts is not None and ours is not None:
            accounts = await seeded_accounts(api, ours.data_dir, wish.accounts)
        else:
            accounts = await make_accounts(api, min(wish.load.users, wish.accounts or MAX_ACCOUNTS))
        most = min(wish.load.users, len(accounts))
        links = await stack.enter_async_context(workers(min(wish.processes, most)))
        run = Run(
            wish.scenario, wish.load, api, links, limits=wish.known_limits(), accounts=accounts
        )
        played = Played(run, ServerLoad(api, ours.pid if ours else None), version)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch, run)
            await _set_up(run, wish)
            nursery.start_soon(played.server.watch)
            await play(played)
            await run.end()
            nursery.cancel_scope.cancel()
        return played


async def _version(api: Api) -> str:
    try:
        info = await api.info()
        version, _ = str(info["version"]), str(info["ws"])
    except UnreachableError as error:
        text = f"--url: {error} Start one with `main.py serve`, or leave out --url."
        raise UnreachableError(text) from None
    except (ApiError, ValueError, KeyError, TypeError):
        text = f"--url: what answers at {api.url} is no Caravan server. Say its HTTP address."
        raise UnreachableError(text) from None
    return version


async def _set_up(run: Run, wish: Wish) -> None:
    try:
        await run.set_up()
    except* WorldFailedError as group:
        sentence = str(first_cause(group))
        if wish.tokens is not None:
            sentence += (
                f" --tokens: {wish.tokens} must come from the server at {wish.url}; make them "
                "where it runs: main.py seed --tokens FILE"
            )
        raise WorldFailedError(sentence) from None


def report_of(wish: Wish, played: Played) -> Report:
    """Everything about a run whose last round is judged. What may be lost, doubled, reordered or refused, may
    be so in each round."""
    last = played.run.rounds[-1]
    report: dict[str, Any] = {"scenario": wish.scenario.name}
    report = as_json(last.findings, last.measured) | report
    rounds = {one.name: one.measured for one in played.run.rounds}
    if set(wish.scenario.rounds) <= set(rounds):
        report |= wish.scenario.figures(rounds, last.findings.excused)
        report["lines"] = wish.scenario.lines(report)
    report.setdefault("lines", [])
    report |= common_part(wish, played)
    report["server_load"] = usage_of(played, last)
    report["server_timeline"] = played.server.rows(last.begun, last.measured.offering_for)
    report["warnings"] = warnings(
        report, last.measured.stopped, cuts_are_meant=wish.scenario.cuts_are_meant
    ) + wish.scenario.warnings(report)
    report["failures"] = failures(report, wish.scenario, wish.limits) + [
        f"{one.name}: {why}"
        for one in played.run.rounds[:-1]
        for why in missed(as_json(one.findings, one.measured), COUNTED, wish.limits)
    ]
    return report


def common_part(wish: Wish, played: Played) -> dict[str, Any]:
    """How it was measured: the same for every kind of report."""
    return {
        "settings": wish.load.settings() | {"processes": played.run.processes} | dict(wish.limits),
        "server": wish.url or "its own: main.py serve",
        "server_version": played.version,
        "server_load_source": played.server.source,
        "command": wish.command,
        **about_host(),
    }


def usage_of(played: Played, one: Round) -> dict[str, Any]:
    """What the server used in a round; empty when that is not known."""
    return played.server.summary(one.begun, one.measured.offering_for)
