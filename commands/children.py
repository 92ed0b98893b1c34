"""How the parts of a server hang in its supervision tree."""

from collections.abc import Awaitable, Callable
from typing import Final

import trio

from core.restart_policy import Restart, RestartPolicy
from core.supervisor import ChildSpec, ChildTask

AT_ONCE: Final = RestartPolicy(restart=Restart.TRANSIENT, intensity=0)
"""A crash of what cannot begin again in place ends the process, which then begins anew whole."""

STEADY: Final = RestartPolicy(intensity=10, period=60.0)


def escalating(name: str, run: ChildTask, *, shutdown_after: float = 5.0) -> ChildSpec:
    """A part whose crash ends the server: what hung on it could not go on."""
    return ChildSpec(name=name, run=run, restart=AT_ONCE, shutdown_after=shutdown_after)


def endless(name: str, run: Callable[[], Awaitable[None]]) -> ChildSpec:
    """A part that keeps its place elsewhere and can simply be run again."""

    async def life(*, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        task_status.started()
        await run()

    return ChildSpec(name=name, run=life, restart=STEADY)


def every(name: str, seconds: float, job: Callable[[], Awaitable[object]]) -> ChildSpec:
    """A job done again and again, first after `seconds`. One failure costs one turn."""

    async def life() -> None:
        while True:
            await trio.sleep(seconds)
            await job()

    return endless(name, life)
