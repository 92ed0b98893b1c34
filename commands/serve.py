"""`main.py serve`: run the server until it is told to stop."""

import argparse
import json
import os
import platform
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import structlog
import trio

from commands.data_directory import (
    RunningServer,
    announce_server,
    forget_server,
    node_id,
    prepare,
    require_restored,
    server_lock,
)
from commands.garbage import keep_pauses_short
from commands.open_files import raise_limit
from commands.serving import serving
from commands.troubles import TROUBLES, sentence_of
from commands.unknown_settings import unknown_settings
from core.config import Config
from core.telemetry import configure_logging
from storage.credentials.master_key import FILE, MasterKeyError, master_key
from storage.postgres.places import holds_cluster

if TYPE_CHECKING:
    from commands.wiring import Server

log: Final = structlog.get_logger("caravan.serve")

CUT_SHORT: Final = 1
MISUSE: Final = 2
ORDERS: Final = (signal.SIGTERM, signal.SIGINT)
ECHO_WITHIN: Final = 1.0
"""Seconds in which a second signal is the first one's echo: a terminal's Ctrl-C goes to the server and to who
started it, who hands it on."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.add_argument(
        "--demo",
        action="store_true",
        help="make the small demo world (users ada, bob, chen, dina) once the server is ready",
    )
    parser.epilog = (
        "Read from the environment: CARAVAN_HOST (127.0.0.1), CARAVAN_HTTP_PORT (8080), "
        "CARAVAN_WS_PORT (8081), CARAVAN_DATA_DIR (.caravan), CARAVAN_PUBLIC_URL, CARAVAN_PUBLIC_WS_URL, "
        "CARAVAN_ORIGINS, CARAVAN_NODE_ID, CARAVAN_MASTER_KEY, DATABASE_URL, CARAVAN_RATE_LIMITS, "
        "CARAVAN_MODELS_DIR, CARAVAN_CHAT_MODEL, CARAVAN_QUIET_HOUR; what suppliers and payments need "
        "is in docs/runbook.md. "
        "When the server is ready it prints one line of JSON on standard output; logs go to standard error."
    )


def run(args: argparse.Namespace) -> int:
    """Serve until SIGTERM, SIGINT or SIGHUP. 0: drained; 1: a second SIGTERM or SIGINT came
    before that; 2: it could not start, or not go on."""
    if platform.system() == "Windows":
        return _refuse("Caravan's server runs on Linux and macOS; on Windows use WSL.")
    sentence = ""
    try:
        _serve_from(os.environ, demo=args.demo)
    except* TROUBLES as group:
        sentence = sentence_of(group)
    return _refuse(sentence) if sentence else 0


def _serve_from(environ: Mapping[str, str], *, demo: bool) -> None:
    config = Config.from_environment(environ)
    data_dir = prepare(config.data_dir)
    configure_logging()
    if unknown := unknown_settings(environ):
        log.warning("unknown_settings", did_you_mean=unknown)
    raise_limit()
    with server_lock(data_dir):
        if config.database_url is None:
            require_restored(data_dir)
        trio.run(_serve, replace(config, data_dir=data_dir), _master_key(config, data_dir), demo)


def _master_key(config: Config, data_dir: Path) -> bytes:
    """Made with a new data directory alone: beside a database that is there it would open nothing, and be
    taken for the right one by whoever makes backups. Raises `MasterKeyError`."""
    if config.master_key is not None:
        return config.master_key
    if holds_cluster(data_dir) and not (data_dir / FILE).exists():
        raise MasterKeyError(
            f"There is no {FILE} in {data_dir}, and the database there needs it. "
            "Restore it from its backup, or set CARAVAN_MASTER_KEY."
        )
    return master_key(data_dir, None)


async def _serve(config: Config, key: bytes, demo: bool) -> None:
    data_dir = config.data_dir
    if config.redis_url is not None:
        log.warning("REDIS_URL is not used yet: this version runs on one node, which needs none")
    with trio.open_signal_receiver(*_ends()) as signals:
        async with trio.open_nursery() as hearing:
            is_ready, told, starting = trio.Event(), trio.Event(), trio.CancelScope()
            hearing.start_soon(_hear, signals, is_ready, told, starting)
            with starting:
                node = node_id(data_dir, config.node_id)
                async with serving(config, node=node, key=key) as server:
                    keep_pauses_short()
                    _announce(data_dir, server)
                    is_ready.set()
                    async with trio.open_nursery() as guests:
                        if demo:
                            guests.start_soon(_make_demo_world, server.http_url)
                        await told.wait()
                        guests.cancel_scope.cancel()
                    await server.drain()
                forget_server(data_dir)
            hearing.cancel_scope.cancel()


def _ends() -> tuple[signal.Signals, ...]:
    """What ends a server: also the end of its terminal, unless it is to outlive that (`nohup`)."""
    outlives = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return ORDERS if outlives else (*ORDERS, signal.SIGHUP)


async def _hear(
    signals: AsyncIterator[int], is_ready: trio.Event, told: trio.Event, starting: trio.CancelScope
) -> None:
    """The first signal, and one that comes while that is not yet done. A server that still starts (a database
    may take minutes to recover or to migrate) has nothing to drain and ends at once."""
    heard_at: float | None = None
    async for number in signals:
        name = signal.Signals(number).name
        if heard_at is None:
            heard_at = trio.current_time()
            log.info("stopping", signal=name)
            if is_ready.is_set():
                told.set()
            else:
                starting.cancel()
        elif number in ORDERS and trio.current_time() >= heard_at + ECHO_WITHIN:
            # What holds up the end may be what nobody can cancel. As after a kill -9: the database notices.
            log.error("cut short", signal=name, status=CUT_SHORT)
            os._exit(CUT_SHORT)


def _announce(data_dir: Path, server: "Server") -> None:
    announce_server(
        data_dir,
        RunningServer(pid=os.getpid(), database=server.dsn, http=server.http_url, ws=server.ws_url),
    )
    ready = {"event": "ready", "http": server.http_url, "ws": server.ws_url, "pid": os.getpid()}
    print(json.dumps(ready, separators=(",", ":")), flush=True)


async def _make_demo_world(url: str) -> None:
    from commands.seed import seed_over_http

    try:
        await seed_over_http(url)
    except Exception as error:
        log.warning("demo world not made", error=repr(error))
    else:
        log.info(
            "demo world ready",
            users=["ada", "bob", "chen", "dina"],
            try_this=".venv/bin/python main.py chat --user ada --room lisbon",
        )


def _refuse(sentence: str) -> int:
    print(sentence, file=sys.stderr)
    return MISUSE
