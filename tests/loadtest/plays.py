"""A whole run in one process: its workers are tasks, its server is tiny."""

from contextlib import asynccontextmanager

import trio
from tiny_http import tiny_site
from tiny_server import Faults, TinyServer

from loadtest.accounts import Api
from loadtest.link import memory_links
from loadtest.measurement import Played, Wish, report_of
from loadtest.run import Run
from loadtest.scenario import Load
from loadtest.scenarios import SCENARIOS
from loadtest.server_load import ServerLoad
from loadtest.worker import work

LENIENT = {"p99_ms": 5_000.0}


def a_wish(name: str = "chat", load: Load | None = None, **limits: float | None) -> Wish:
    scenario = SCENARIOS[name]
    usual = {one.name: one.most for one in scenario.objectives}
    lenient = {key: most for key, most in LENIENT.items() if key in usual}
    return Wish(
        scenario=scenario,
        load=load or Load(users=8, rooms=2, rate=80, seconds=0.5),
        limits=usual | lenient | limits,
        processes=1,
        command="a test",
    )


@asynccontextmanager
async def playing(server: TinyServer, wish: Wish, processes: int = 1, *, over_tcp: bool = True):
    """A run that is set up; its workers end with the block. Not over TCP, time may be virtual."""
    async with tiny_site(server) as (url, _), Api(url) as api, trio.open_nursery() as nursery:
        dial = None if over_tcp else server.dial
        links = []
        for _ in range(processes):
            ours, theirs = memory_links()
            links.append(ours)
            nursery.start_soon(_work, theirs, dial)
        run = Run(
            wish.scenario,
            wish.load,
            api,
            links,
            limits=wish.known_limits(),
            now=trio.current_time,
            dial=dial,
        )
        await run.set_up()
        yield Played(run, ServerLoad(api, None), "tiny")
        nursery.cancel_scope.cancel()


async def _work(link, dial) -> None:
    await work(link, now=trio.current_time, dial=dial)


async def reported(
    faults: Faults | None = None, wish: Wish | None = None, processes: int = 1
) -> dict:
    """The report of a whole run against a server with these faults."""
    wish = wish or a_wish()
    async with playing(TinyServer(faults=faults or Faults()), wish, processes) as played:
        await played.run.play_all()
        return report_of(wish, played)
