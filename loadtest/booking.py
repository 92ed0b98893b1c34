"""`python -m loadtest booking`: groups book trips while suppliers, banks and webhooks go wrong; is all money where it belongs?"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

import trio
from rich.console import Console

from loadtest.accounts import Account, Api
from loadtest.booking_auditor import booked_of, judge
from loadtest.booking_fraud import (
    CLEAN,
    FARM,
    Farm,
    PlantedTrip,
    caught,
    kinds_of,
)
from loadtest.booking_people import PEOPLE, Trip
from loadtest.booking_report import COMPLETED, Plan, Played, report_of, show
from loadtest.booking_sandbox import PlayedSuppliers, Rule, played_suppliers
from loadtest.host import about_host
from loadtest.options import at_least_one, not_negative, positive, share, writable
from loadtest.own_server import (
    REPOSITORY,
    OwnServer,
    ServerFailedError,
    environment_of,
    own_server,
)
from loadtest.seeded import seeded_accounts
from loadtest.server_load import ServerLoad

NAME: Final = "booking"
SUMMARY: Final = (
    "groups book trips while suppliers and banks go wrong; is all money where it belongs?"
)
ABOUT: Final = """
SAGAS groups of three search, quote, split, name themselves and pay, half of them at Amadeus, half at Duffel, both played by a
sandbox of this run's own, whose requests and webhooks go wrong by the rules of a file (loadtest/faults). The storm ends 30 s after
the last group began; then business time leaps four days, so that everything that waits has to end. An auditor compares
the sandbox's own journals with the server's ledger.
"""
FAULTS: Final = Path(__file__).parent / "faults"
SUPPLIERS: Final = ("amadeus", "duffel")
DAY_MS: Final = 86_400_000
LEAP_MS: Final = 4 * DAY_MS
READY_WITHIN: Final = 60.0
SLOT_FOR: Final = 25.0
"""Seconds after which a trip that has not ended makes room for the next one: it may wait for hours."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this scenario's options."""
    parser.add_argument("--sagas", type=at_least_one, default=500, help="bookings (500)")
    parser.add_argument(
        "--faults", default="storm", help="none, storm, or a file of rules (storm)", metavar="NAME"
    )
    parser.add_argument("--seed", type=not_negative, default=1, help="of faults and cards (1)")
    parser.add_argument("--rate", type=positive, default=1.3, help="starts per second (1.3)")
    parser.add_argument(
        "--at-once", type=at_least_one, default=60, help="groups that are busy at once (60)"
    )
    parser.add_argument(
        "--fraud", type=share, default=0.0, help="the share of sagas that are fraud (0)"
    )
    parser.add_argument("--json", type=writable, metavar="FILE", help="write all figures to FILE")


def main(args: argparse.Namespace, words: Sequence[str], console: Console) -> int | None:
    """0: kept its promises, 1: not. None: `--faults` is no file of rules. Raises what keeps a run from being."""
    try:
        rules, bad_cards = read_faults(args.faults, args.seed)
    except ValueError as error:
        console.print(f"--faults: {error}", style="red", markup=False)
        return None
    plan = Plan(
        sagas=args.sagas,
        seed=args.seed,
        rate=args.rate,
        at_once=args.at_once,
        faults=args.faults,
        rules=rules,
        bad_cards=bad_cards,
        fraud=args.fraud,
    )
    played = trio.run(play, plan, console.print)
    report = report_of(plan, played)
    report |= {"command": " ".join(["python -m loadtest", *words]), **about_host()}
    if args.json is not None:
        args.json.write_text(json.dumps(report, indent=2) + "\n")
    show(report, Console())
    return 1 if report["failures"] else 0


def read_faults(name: str, seed: int) -> tuple[list[Rule], float]:
    """The rules of `loadtest/faults/NAME.json` or a file, each with a seed of its own, and the share of
    people whose first card is refused. Raises `ValueError`."""
    if name == "none":
        return [], 0.0
    file = FAULTS / f"{name}.json" if "/" not in name and not name.endswith(".json") else Path(name)
    try:
        said = json.loads(file.read_text())
        rules: list[Rule] = [{**rule, "seed": f"{seed}/{rule['name']}"} for rule in said["rules"]]
        return rules, float(said.get("badCards", 0.0))
    except OSError as error:
        raise ValueError(
            f"{file}: {error.strerror}. Say none, storm, or a file of rules."
        ) from None
    except (ValueError, LookupError, TypeError, AttributeError):
        raise ValueError(
            f"{file} is no file of rules, as loadtest/faults/storm.json is one."
        ) from None


async def play(plan: Plan, say: Any) -> Played:
    """All of it, on a server and a sandbox of its own. Raises what keeps a run from being."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="caravan-sandbox-")))
        suppliers = await stack.enter_async_context(played_suppliers(folder, "caravan"))
        await suppliers.prepare()
        settings = {
            "CARAVAN_AMADEUS_MODE": "sandbox",
            "CARAVAN_DUFFEL_MODE": "sandbox",
            "CARAVAN_SANDBOX_URL": suppliers.control_url,
            "CARAVAN_CHAT_MODEL": "off",
        }
        server = await stack.enter_async_context(own_server(settings, plan.command))
        api = await stack.enter_async_context(Api(server.url))
        return await _Run(plan, suppliers, server, api, say).play()


class _Run:
    """One run. Borrows everything."""

    def __init__(
        self, plan: Plan, suppliers: PlayedSuppliers, server: OwnServer, api: Api, say: Any
    ) -> None:
        self._plan, self._suppliers, self._server, self._api = plan, suppliers, server, api
        self._say = say
        self._played = Played()
        self._load = ServerLoad(api, server.pid)

    async def play(self) -> Played:
        plan, played = self._plan, self._played
        accounts = await seeded_accounts(self._api, self._server.data_dir, PEOPLE * plan.sagas)
        played.kinds = kinds_of(plan.sagas, plan.fraud, plan.seed)
        played.trips = self._trips(accounts, str((await self._api.info())["ws"]))
        await self._ready(played.trips[0])
        await self._suppliers.set_rules(plan.rules)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._load.watch)
            nursery.start_soon(self._report)
            await self._storm(nursery)
            await self._end()
            nursery.cancel_scope.cancel()
        begun = time.perf_counter() - (trio.current_time() - played.begun_at)
        played.server = self._load.summary(begun, played.leapt_at - played.begun_at)
        await self._audit()
        return played

    def _trips(self, accounts: Sequence[Account], ws: str) -> list[Trip]:
        """A farm's are all of its first one's account."""
        plan, played = self._plan, self._played
        farms: dict[str, tuple[Farm, Account]] = {}
        trips: list[Trip] = []
        for number, kind in enumerate(played.kinds):
            people = accounts[PEOPLE * number : PEOPLE * (number + 1)]
            its: dict[str, Any] = {
                "number": number,
                "supplier": SUPPLIERS[number % len(SUPPLIERS)],
                "api": self._api,
                "ws": ws,
                "figures": played.figures,
                "rng": random.Random(f"{plan.seed}/{number}"),
                "bad_cards": plan.bad_cards,
            }
            if kind == CLEAN:
                trips.append(Trip(accounts=people, **its))
            elif kind.startswith(FARM):
                farm, account = farms.setdefault(kind, (Farm(), people[0]))
                trips.append(PlantedTrip(accounts=[account], farm=farm, **its))
            else:
                trips.append(PlantedTrip(accounts=people[:1], **its))
        return trips

    async def _ready(self, trip: Trip) -> None:
        """Until the suppliers answer."""
        with trio.move_on_after(READY_WITHIN):
            while not await trip.look():  # noqa: ASYNC110
                await trio.sleep(0.5)
            return
        raise ServerFailedError(f"The server finds no offers: {trip.why}.")

    async def _storm(self, nursery: trio.Nursery) -> None:
        """Every trip is begun; 30 s later it is over."""
        plan, played = self._plan, self._played
        played.begun_at = trio.current_time()
        slots = trio.Semaphore(plan.at_once)
        for number, trip in enumerate(played.trips):
            await trio.sleep_until(played.begun_at + number / plan.rate)
            await slots.acquire()
            nursery.start_soon(trip.play)
            nursery.start_soon(_give_back, slots, trip)
        with trio.move_on_after(plan.tail):
            await self._all_over()
        played.fired = await self._suppliers.fired()
        if plan.calms:
            await self._suppliers.calm()

    async def _end(self) -> None:
        """Four days later, when nothing is due any more."""
        played = self._played
        played.leapt_at = trio.current_time()
        await self._suppliers.advance(LEAP_MS)
        with trio.move_on_after(self._plan.ends_within):
            await self._all_over()
        played.ended_at = trio.current_time()
        await trio.sleep(self._plan.rest)
        await self._suppliers.calm()  # the audit meets no faults

    async def _all_over(self) -> None:
        for trip in self._played.trips:
            await trip.over.wait()

    async def _audit(self) -> None:
        played = self._played
        said = await self._saga_audit()
        played.bookings = [booked_of(row) for row in said["bookings"]]
        for row in said["bookings"]:
            if row["status"] != COMPLETED:
                why = f"{row['status']}: {row['state']}: {row['reason']}"
                played.reasons[why] = played.reasons.get(why, 0) + 1
        effects, orders = await self._suppliers.effects(), await self._suppliers.orders()
        played.verdict = judge(played.bookings, effects, orders)
        opened = {
            trip.booking_id: kind for trip, kind in zip(played.trips, played.kinds, strict=True)
        }
        played.caught = caught(opened, played.bookings, {one.booking_id for one in orders})

    async def _saga_audit(self) -> dict[str, Any]:
        done = await trio.run_process(
            [sys.executable, "main.py", "saga", "audit"],
            cwd=REPOSITORY,
            env=environment_of(self._server.data_dir),
            capture_stdout=True,
            capture_stderr=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        if done.returncode:
            raise ServerFailedError(f"The ledger cannot be read: {done.stderr.decode().strip()}")
        said: dict[str, Any] = json.loads(done.stdout)
        return said

    async def _report(self) -> None:
        while True:
            await trio.sleep(10)
            trips = self._played.trips
            begun = sum(trip.begun_at > 0 for trip in trips)
            ended = sum(trip.ended_at is not None for trip in trips)
            self._say(f"{begun} of {len(trips)} begun, {ended} ended")


async def _give_back(slots: trio.Semaphore, trip: Trip) -> None:
    with trio.move_on_after(SLOT_FOR):
        await trip.over.wait()
    slots.release()
