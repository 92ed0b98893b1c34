"""`main.py saga list|show|retry|compensate|settle|returned|allow|audit`: bookings that need an operator, in a terminal."""

import argparse
import os
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
import trio
from rich.console import Console
from rich.table import Table
from rich.text import Text

from actors.booking.commands import operation_of
from actors.booking.inspecting import inspected
from actors.booking.journal import unpacked
from actors.booking.machine import decide
from commands.database import database_of
from commands.saga_audit import audited
from commands.terminal_words import clean
from commands.troubles import TROUBLES, sentence_of
from core.config import Config
from core.errors import Rejected
from core.identity import DEFAULT_TENANT
from core.ports.bookings import Balance, BookingSummary, IntentRecord
from core.ports.durable_timers import SetTimer
from core.ports.fraud import ScreeningRow
from core.telemetry import configure_logging
from inference.fraud.features import STORED
from protocol.booking import BOOKING, OperateBooking
from protocol.money import money
from storage.postgres.bookings import PostgresBookings
from storage.postgres.business_clock import PostgresBusinessOffset
from storage.postgres.durable_timers import PostgresDurableTimers
from storage.postgres.pool import Database

MOST: Final = 100
WIDTH: Final = 160
"""Of a table that nobody's terminal bounds."""

OPERATE: Final = "operate"
"""The durable timer by which a word reaches its booking, whether the server runs now or later."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.epilog = (
        "Uses the database of the server that runs from CARAVAN_DATA_DIR (default .caravan), or "
        "DATABASE_URL, or starts the embedded database for its own duration."
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    actions.add_parser("list", help="bookings that do not go on by themselves")
    show = actions.add_parser("show", help="one booking, its calls and its money")
    retry = actions.add_parser("retry", help="have it looked at again, and go on")
    compensate = actions.add_parser("compensate", help="undo what can be undone")
    settle = actions.add_parser("settle", help="the rest was done by hand: close it")
    returned = actions.add_parser(
        "returned", help="its supplier returns so much of what was given up"
    )
    allow = actions.add_parser("allow", help="it was reviewed: it may go on")
    actions.add_parser("audit", help="every booking and its money, as JSON")
    for one in (show, retry, compensate, settle, returned, allow):
        one.add_argument("booking", help="the booking's id, as `saga list` shows it")
    returned.add_argument("amount", help="in the booking's currency, such as 213.40")
    returned.add_argument("--part", default="", help="f, f2 or h1, where several were given up")
    for one in (retry, compensate, settle, returned, allow):
        one.add_argument("--note", default="", help="what was done, or why", required=one is settle)


def run(args: argparse.Namespace) -> int:
    """0: done, or left for the server; 1: no such booking, or no database."""
    configure_logging("warning")
    sentence = ""
    try:
        config = Config.from_environment(os.environ)
        console = Console(width=None if sys.stdout.isatty() else WIDTH)
        trio.run(_carry_out, config, args, console)
    except* TROUBLES as group:
        sentence = sentence_of(group)
        print(sentence, file=sys.stderr)
    return 1 if sentence else 0


async def _carry_out(config: Config, args: argparse.Namespace, console: Console) -> None:
    async with database_of(config) as database:
        bookings = _bookings(database)
        now = int(time.time() * 1_000) + await PostgresBusinessOffset(database).load()
        if args.action == "list":
            rows = await bookings.stuck(now=now, limit=MOST)
            show_list(rows, await _why_manual(bookings, rows), console)
            return
        if args.action == "audit":
            print(msgspec.json.encode(await audited(database)).decode())
            return
        stored = await bookings.load(DEFAULT_TENANT, args.booking)
        if stored is None:
            raise Rejected("not_found", "There is no such booking.")
        saga = unpacked(stored.snapshot)
        if args.action == "show":
            show_one(
                dict(inspected(saga, STORED)),
                await bookings.intents(DEFAULT_TENANT, args.booking),
                await bookings.balances(DEFAULT_TENANT, args.booking),
                await bookings.screenings(DEFAULT_TENANT, args.booking),
                console,
            )
            return
        word = word_of(args, saga.total.currency)
        decide(saga, operation_of(word), now)  # what makes no sense now is refused here
        await leave_word(database, args.booking, word)
        console.print(f"{args.action} is left for {args.booking}: the server does it in seconds.")


def word_of(args: argparse.Namespace, currency: str) -> OperateBooking:
    """What was typed. Raises `Rejected`."""
    word = OperateBooking(operator="terminal", action=args.action, note=args.note)
    if args.action == "settle" and not args.note.strip():
        raise Rejected("bad_request", "Say with --note what was done.")
    if args.action != "returned":
        return word
    try:
        amount = money(args.amount, currency)
    except ValueError:
        said = {"amount": args.amount, "currency": currency}
        text = "{amount} is no amount in {currency}."
        raise Rejected("bad_request", text, params=said) from None
    return msgspec.structs.replace(word, part_id=args.part, amount=amount)


async def leave_word(database: Database, booking_id: str, word: OperateBooking) -> None:
    """For the booking's actor, which finds it when its timer fires. Raises `Rejected`, `Unavailable` too."""
    is_left = await PostgresDurableTimers(database).leave(
        SetTimer(
            tenant_id=DEFAULT_TENANT,
            address=BOOKING.at(booking_id),
            name=OPERATE,
            due_at=0,
            payload=msgspec.msgpack.encode(word),
        )
    )
    if not is_left:
        raise Rejected(
            "conflict",
            "A word for this booking waits already. A server that runs hears it in seconds: then say this one.",
        )


async def _why_manual(
    bookings: PostgresBookings, rows: Sequence[BookingSummary]
) -> Mapping[str, str]:
    """Why a person is needed, by booking."""
    why: dict[str, str] = {}
    for row in rows:
        stored = None
        if row.state == "MANUAL":
            stored = await bookings.load(DEFAULT_TENANT, row.booking_id)
        if stored is not None:
            why[row.booking_id] = unpacked(stored.snapshot).manual_reason
    return why


def show_list(rows: Sequence[BookingSummary], why: Mapping[str, str], console: Console) -> None:
    """What `list` prints. `why`: a person is needed, in place of what people are told."""
    table = _table("Bookings that do not go on by themselves")
    for heading in ("booking", "state", "step", "total", "changed", "verdict", "score", "reasons"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        total = f"{row.total.amount} {row.total.currency}"
        said = ("", "", "")
        if row.screening is not None:
            said = (row.screening.verdict, *_why(row.screening))
        step = why.get(row.booking_id) or row.step
        _row(table, row.booking_id, row.state, step, total, _at(row.changed_at), *said)
    console.print(table if rows else "No booking is stuck.")


def show_one(
    booking: dict[str, Any],
    intents: Sequence[IntentRecord],
    balances: Sequence[Balance],
    screenings: Sequence[ScreeningRow],
    console: Console,
) -> None:
    """What `show` prints."""
    console.print_json(clean(msgspec.json.encode(booking).decode()))
    calls = _table("Calls")
    for heading in ("seq", "call", "key", "intended", "outcome", "detail", "ended"):
        calls.add_column(heading, overflow="fold")
    for one in intents:
        ended = "" if one.ended_at is None else _at(one.ended_at)
        _row(
            calls,
            str(one.seq),
            one.op,
            one.key,
            _at(one.committed_at),
            one.outcome or "(not known)",
            one.detail,
            ended,
        )
    money = _table("Money, in minor units")
    for heading in ("account", "currency", "balance"):
        money.add_column(heading, overflow="fold")
    for balance in balances:
        _row(money, balance.account, balance.currency, str(balance.amount))
    said = _table("Screenings")
    for heading in ("at", "verdict", "by", "score", "reasons"):
        said.add_column(heading, overflow="fold")
    for row in screenings:
        _row(said, _at(row.at), row.verdict, row.by or row.model, *_why(row))
    console.print(calls, money, *([said] if screenings else []))


def _bookings(database: Database) -> PostgresBookings:
    return PostgresBookings(database, on_stored=lambda: None, on_timer_set=lambda due_at: None)


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left")


def _row(table: Table, *cells: str) -> None:
    """Nothing in it is markup, or steers the terminal."""
    table.add_row(*(Text(clean(cell)) for cell in cells))


def _why(row: ScreeningRow) -> tuple[str, str]:
    """Score and reasons."""
    return "" if row.score is None else f"{row.score:.3f}", ", ".join(row.reasons)


def _at(millis: int) -> str:
    return datetime.fromtimestamp(millis / 1_000, UTC).strftime("%Y-%m-%d %H:%M:%S")
