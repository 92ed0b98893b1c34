"""`python -m loadtest SCENARIO`: load a server, audit it, say whether it kept its promises."""

import argparse
import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import trio
from rich.console import Console

from loadtest import booking
from loadtest.accounts import ApiError, LoginRefusedError, UnreachableError
from loadtest.causes import first_cause
from loadtest.client import Refused
from loadtest.crew import usual_count
from loadtest.host import most_files
from loadtest.html_report import html_page
from loadtest.knee import find_knee, print_knee
from loadtest.link import LinkBrokenError
from loadtest.measurement import Played, Wish, measure, report_of
from loadtest.options import at_least_one, http_address, writable, zero_or_more
from loadtest.own_server import ServerFailedError
from loadtest.progress import end_as_by_ctrl_c, watched
from loadtest.report import Report, print_table
from loadtest.scenarios import SCENARIOS
from loadtest.virtual_users import MAX_ACCOUNTS, WorldFailedError

FAILED, COULD_NOT_RUN = 1, 2
FILES_BESIDE: Final = 100
EPILOG: Final = """
Virtual users are sessions of at most 20 accounts (hashing is slow on purpose), or of as many as
--accounts or --tokens give. Latency runs from the intended send time to the receipt at each recipient;
send times are fixed before the run (open loop). An ok that does not come within 10 s is lost. Every
acknowledged message is looked for at every recipient, whichever process he lives in. Exit status: 0 all
objectives met, 1 one missed, 2 no run.
"""
TROUBLES: Final = (
    ApiError,
    LinkBrokenError,
    LoginRefusedError,
    Refused,
    ServerFailedError,
    UnreachableError,
    WorldFailedError,
)


def parser() -> argparse.ArgumentParser:
    whole = argparse.ArgumentParser(prog="python -m loadtest", description=__doc__)
    scenarios = whole.add_subparsers(dest="scenario", required=True, metavar="SCENARIO")
    for name, scenario in SCENARIOS.items():
        one = scenarios.add_parser(
            name,
            help=scenario.summary,
            description=scenario.summary + ". " + scenario.about,
            epilog=EPILOG,
        )
        scenario.configure(one.add_argument_group("the load"))
        _configure_server(one.add_argument_group("the server"))
        _configure_harness(one.add_argument_group("the load test"))
        objectives = one.add_argument_group("objectives: the most that may be")
        for objective in scenario.objectives:
            objectives.add_argument(
                objective.option,
                type=zero_or_more,
                default=objective.most,
                metavar="N",
                help=objective.help,
            )
    booking.configure(
        scenarios.add_parser(
            booking.NAME, help=booking.SUMMARY, description=booking.SUMMARY + ". " + booking.ABOUT
        )
    )
    return whole


def _configure_server(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--url",
        type=http_address,
        help="a running server's HTTP address; without it, one is started",
    )
    group.add_argument(
        "--accounts",
        type=at_least_one,
        metavar="N",
        help=f"users are sessions of N accounts (at most {MAX_ACCOUNTS} over HTTP; of a server that "
        "the load test starts, or of --tokens, any number)",
    )
    group.add_argument(
        "--tokens", type=Path, metavar="FILE", help="accounts made by `main.py seed --tokens FILE`"
    )


def _configure_harness(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--processes",
        type=at_least_one,
        default=usual_count(),
        metavar="N",
        help=f"worker processes; at most one per account ({usual_count()} here: one fewer than "
        "processors)",
    )
    group.add_argument("--json", type=writable, metavar="FILE", help="write all figures to FILE")
    group.add_argument(
        "--html", type=writable, metavar="FILE", help="write a report with plots to FILE"
    )
    group.add_argument(
        "--find-knee",
        action="store_true",
        help="raise the rate from --rate until an objective breaks, and report the curve",
    )


def main(argv: Sequence[str] | None = None) -> int:
    words = list(sys.argv[1:] if argv is None else argv)
    whole = parser()
    args = whole.parse_args(words)
    if args.scenario == booking.NAME:
        return _booked(args, words)
    try:
        wish = _wish(args, words)
    except ValueError as error:
        whole.error(str(error))
    console = Console(stderr=True)
    report = None
    try:
        report = trio.run(_measured, wish, args.find_knee, console)
    except* TROUBLES as group:
        console.print(str(first_cause(group)), markup=False, style="red")
    except* KeyboardInterrupt:
        console.print("Interrupted before anything was measured.")
    return COULD_NOT_RUN if report is None else _told(report, args, console)


def _booked(args: argparse.Namespace, words: list[str]) -> int:
    console = Console(stderr=True)
    status = None
    try:
        status = booking.main(args, words, console)
    except* TROUBLES as group:
        console.print(str(first_cause(group)), markup=False, style="red")
    except* KeyboardInterrupt:
        console.print("Interrupted: nothing was audited.")
    return COULD_NOT_RUN if status is None else status


def _wish(args: argparse.Namespace, words: list[str]) -> Wish:
    """Raises `ValueError` with a sentence."""
    scenario = SCENARIOS[args.scenario]
    if args.accounts is not None and args.url and not args.tokens and args.accounts > MAX_ACCOUNTS:
        raise ValueError(f"--accounts: more than {MAX_ACCOUNTS} at --url need --tokens")
    if args.tokens and not args.url:
        raise ValueError(
            "--tokens: they belong to a running server; say --url, or --accounts alone"
        )
    if args.users > args.processes * (most_files() - FILES_BESIDE):
        raise ValueError(
            f"--users: a process may open {most_files()} files here, and each user is one; "
            "give more --processes, or raise the limit (ulimit -n)"
        )
    if args.find_knee and scenario.rounds != ("load",):
        raise ValueError(f"--find-knee: {scenario.name} compares rounds of one rate")
    return Wish(
        scenario=scenario,
        load=scenario.load_of(args),
        limits={one.name: getattr(args, one.name) for one in scenario.objectives},
        processes=args.processes,
        command=shlex.join(["python", "-m", "loadtest", *words]),
        url=args.url,
        accounts=args.accounts,
        tokens=args.tokens,
    )


async def _measured(wish: Wish, knee: bool, console: Console) -> Report:
    async def once(played: Played) -> None:
        await played.run.play_all()

    if knee:
        return await find_knee(wish, watched(console))
    return report_of(wish, await measure(wish, watched(console), once))


def _told(report: Report, args: argparse.Namespace, console: Console) -> int:
    """Write and print a report; the exit status."""
    try:
        if args.json is not None:
            args.json.write_text(json.dumps(report, indent=2) + "\n")
        if args.html is not None:
            args.html.write_text(html_page(report), encoding="utf-8")
    except OSError as error:
        console.print(f"{error.filename} cannot be written: {error.strerror}.", style="red")
        return COULD_NOT_RUN
    (print_knee if "knee" in report else print_table)(report, Console())
    if report["failures"]:
        text = "FAILED: " + "; ".join(report["failures"]) + "."
        console.print(text, markup=False, style="red")
    return FAILED if report["failures"] else 0


if __name__ == "__main__":
    end_as_by_ctrl_c()
    sys.exit(main())
