"""`main.py models show|promote|rollback`: the operators' page of models, in a terminal."""

import argparse
import os
import sys
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Final

import httpx
import msgspec
import trio
from rich.console import Console
from rich.table import Table
from rich.text import Text

from commands.data_directory import find_server
from commands.database import database_of
from commands.troubles import TROUBLES, sentence_of
from core.config import Config
from core.identity import DEFAULT_TENANT
from core.ports.models import Model
from core.telemetry import configure_logging
from gateways.http.models import KINDS, ModelPage, ModelVersion, RunView, runs_of, versions_of
from gateways.http.routes import API
from storage.postgres.models import PostgresModels

ANSWER_WITHIN: Final = 10.0
WIDTH: Final = 160
"""Of a table that nobody's terminal bounds."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.epilog = (
        "Uses the database of the server that runs from CARAVAN_DATA_DIR (default .caravan), or "
        "DATABASE_URL, or starts the embedded database for its own duration."
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    actions.add_parser("show", help="what is in use and why, all versions, the last runs")
    promote = actions.add_parser(
        "promote", help="use a version from now on", description="Every node does within a minute."
    )
    back = actions.add_parser(
        "rollback",
        help="use the version that was used before",
        description="No run promotes anything of this kind until an operator does.",
    )
    for action in (promote, back):
        action.add_argument("kind", choices=KINDS)
    promote.add_argument("version", help="as `models show` spells it")


def run(args: argparse.Namespace) -> int:
    """0: done; 1: no such version, or no database."""
    configure_logging("warning")
    sentence = ""
    try:
        config = Config.from_environment(os.environ)
        if args.action == "show":
            show(trio.run(_page, config), Console(width=None if sys.stdout.isatty() else WIDTH))
        else:
            print(trio.run(_changed, config, args))
    except* TROUBLES as group:
        sentence = sentence_of(group)
        print(sentence, file=sys.stderr)
    return 1 if sentence else 0


async def _page(config: Config) -> ModelPage:
    """As the server that runs here says it; without one, its rows alone."""
    running = find_server(config.data_dir)
    if running is not None:
        try:
            async with httpx.AsyncClient(timeout=ANSWER_WITHIN, trust_env=False) as client:
                answer = await client.get(f"{running.http}{API}/admin/models")
                return msgspec.json.decode(answer.raise_for_status().content, type=ModelPage)
        except httpx.HTTPStatusError:
            print(
                f"The server at {running.http} tells what is in use to this machine's loopback alone.",
                file=sys.stderr,
            )
        except (httpx.HTTPError, msgspec.DecodeError) as error:
            print(f"The server does not answer ({type(error).__name__}).", file=sys.stderr)
    async with database_of(config) as database:
        rows = PostgresModels(database)
        return ModelPage(
            in_use={},
            troubles={},
            wording={},
            versions=await versions_of(rows, DEFAULT_TENANT),
            runs=await runs_of(rows, DEFAULT_TENANT),
        )


async def _changed(config: Config, args: argparse.Namespace) -> str:
    at = int(time.time() * 1_000)
    active: Model | None
    async with database_of(config) as database:
        rows = PostgresModels(database)
        if args.action == "promote":
            active = await rows.promote(
                DEFAULT_TENANT, args.kind, args.version, at=at, by="operator"
            )
        else:
            active = await rows.roll_back(DEFAULT_TENANT, args.kind, at=at)
    now = "what came with the release" if active is None else active.version
    return f"{args.kind}: {now} is in use, on every node within a minute."


def show(page: ModelPage, console: Console) -> None:
    """The page as tables."""
    _pairs(console, "In use here", page.in_use)
    _pairs(console, "Cannot be used here", page.troubles)
    _pairs(console, "Segments worded since the start", _said(page.wording))
    versions = _table("Versions", "kind", "version", "state", "since", "figures", "why", "digest")
    for one in page.versions:
        _row(versions, *_of_version(one))
    runs = _table("Last runs", "job", "due", "outcome", "took", "node", "why", "figures")
    for each in page.runs:
        _row(runs, *_of_run(each))
    console.print(versions, runs)


def _of_version(one: ModelVersion) -> Iterable[str]:
    figures = _figures(one.figures)
    yield from (one.kind, one.version, one.state, _time(one.changed_at), figures, one.why)
    yield one.digest[:12]


def _of_run(one: RunView) -> Iterable[str]:
    took = "" if one.ended_at is None else f"{(one.ended_at - one.started_at) / 1_000:.1f} s"
    yield from (f"{one.job} {one.number}", _time(one.due_at), one.outcome, took)
    yield from (one.node[:12], one.why, _figures(one.figures))


def _figures(figures: Mapping[str, float]) -> str:
    """Those of single tags and kinds are for the page itself."""
    return ", ".join(f"{name} {value:g}" for name, value in figures.items() if "." not in name)


def _said(wording: Mapping[str, float]) -> Mapping[str, str]:
    return {name: f"{value:g}" for name, value in wording.items() if value}


def _pairs(console: Console, title: str, pairs: Mapping[str, str]) -> None:
    if pairs:
        table = _table(title, "what", "which")
        for pair in pairs.items():
            _row(table, *pair)
        console.print(table)


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _row(table: Table, *cells: str) -> None:
    # As text: nothing in it is rich's markup.
    table.add_row(*map(Text, cells))


def _time(at: int) -> str:
    return datetime.fromtimestamp(at / 1_000, UTC).strftime("%Y-%m-%d %H:%M")
