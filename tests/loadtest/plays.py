"""A whole run in one process: its workers are tasks, its server is tiny."""

from contextlib import asynccontextmanager
from functools import partial
from urllib.parse import urlencode

import h11
import trio
from tiny_http import TinyHttp
from tiny_server import Faults, TinyServer

from loadtest.accounts import Api, ApiError
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


class MemoryApi(Api):
    """The tiny HTTP routes without sockets, so that time may be virtual."""

    def __init__(self, http: TinyHttp) -> None:
        super().__init__("http://tiny")
        self._http = http

    async def call(self, method, path, *, body=None, token=None, query=None):
        headers = [("Host", "tiny"), ("Authorization", f"Bearer {token}")]
        target = f"/api/v1{path}?{urlencode(query or {})}"
        request = h11.Request(method=method, target=target, headers=headers)
        status, answer = self._http._answer(request, body or {})
        if status >= 300:
            raise ApiError(status, answer["error"], retry_after=7.0)
        return answer

    async def metrics(self) -> str:
        counts = {"clients_closed_4002": self._http._server.closed_as_slow}
        counts |= self._http._server.personas.counts
        return "".join(f"{name} {number}\n" for name, number in counts.items())


@asynccontextmanager
async def playing(server: TinyServer, wish: Wish, processes: int = 1):
    """A run that is set up, all in memory; its workers end with the block."""
    http = TinyHttp(server, "ws://tiny/v1/connect")
    api = MemoryApi(http)
    async with trio.open_nursery() as nursery:
        links = []
        for _ in range(processes):
            ours, theirs = memory_links()
            links.append(ours)
            nursery.start_soon(
                partial(
                    work,
                    theirs,
                    now=trio.current_time,
                    dials=server.dials,
                    open_api=lambda url: MemoryApi(http),
                )
            )
        run = Run(
            wish.scenario,
            wish.load,
            api,
            links,
            limits=wish.known_limits(),
            now=trio.current_time,
            dial=server.dial,
        )
        await run.set_up()
        yield Played(run, ServerLoad(api, None), "tiny")
        nursery.cancel_scope.cancel()


async def reported(
    faults: Faults | None = None, wish: Wish | None = None, processes: int = 1
) -> dict:
    """The report of a whole run against a server with these faults."""
    wish = wish or a_wish()
    async with playing(TinyServer(faults=faults or Faults()), wish, processes) as played:
        await played.run.play_all()
        return report_of(wish, played)
