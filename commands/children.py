"""How the parts of a server hang in its supervision tree.

Two supervisors share the work: the server's forgives nothing; one of its children, the jobs',
restarts in place what can simply be run again.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import trio

from core.ports.clock import Chance
from core.restart_policy import Restart, RestartIntensity
from core.supervisor import ChildSpec, ChildTask, Supervisor

UNFORGIVING: Final = RestartIntensity(intensity=0)
"""A crash of what cannot begin again in place ends the process, which then begins anew whole."""

STEADY: Final = RestartIntensity(intensity=10, period=60.0)


def server_supervisor(parts: Sequence[ChildSpec], *, chance: Chance) -> Supervisor:
    """Over parts that are `escalating`, and over the jobs' supervisor."""
    return Supervisor("server", parts, chance=chance, intensity=UNFORGIVING)


def jobs_supervisor(jobs: Sequence[ChildSpec], *, chance: Chance) -> Supervisor:
    """Over what is `endless` or done `every` so often."""
    return Supervisor("jobs", jobs, chance=chance, intensity=STEADY)


def escalating(name: str, run: ChildTask, *, shutdown_after: float = 5.0) -> ChildSpec:
    """A part whose crash ends the server: what hung on it could not go on. Its normal end is part of
    a stop and changes nothing."""
    return ChildSpec(name=name, run=run, restart=Restart.TRANSIENT, shutdown_after=shutdown_after)


def endless(
    name: str, run: Callable[[], Awaitable[None]], *, shutdown_after: float = 5.0
) -> ChildSpec:
    """A part that keeps its place elsewhere and can simply be run again."""

    async def life(*, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        task_status.started()
        await run()

    return ChildSpec(name=name, run=life, shutdown_after=shutdown_after)


def every(name: str, seconds: float, job: Callable[[], Awaitable[object]]) -> ChildSpec:
    """A job done again and again, first after `seconds`. One failure costs one turn."""

    async def life() -> None:
        while True:
            await trio.sleep(seconds)
            await job()

    return endless(name, life)
