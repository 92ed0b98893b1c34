"""A stage for supervisors: children that do what a test says, and note what happens to them."""

import random
from collections.abc import Callable, Sequence

import trio

from core.restart_policy import Restart, RestartIntensity
from core.supervisor import ChildSpec, Strategy, Supervisor

PATIENT = RestartIntensity(intensity=2, period=60, backoff_first=1, backoff_most=8)
FOREVER = float("inf")

Life = float | Exception
"""How one life ends: by itself after so many seconds, or by this crash, after one."""


class NoStart(Exception):
    """As a `Life`: the child fails before it has started."""


class Stage:
    """Children in the order in which they were added, and `seen`: "NAME starts", "NAME ends"."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.specs: list[ChildSpec] = []

    def child(
        self,
        name: str,
        life: Callable[[int], Life] = lambda n: FOREVER,
        *,
        restart: Restart = Restart.PERMANENT,
        farewell: float = 0,
        shutdown_after: float = 5.0,
    ) -> None:
        """`life(n)`: how the n-th life goes. `farewell`: how long it takes to end."""
        lives = 0

        async def run(*, task_status: trio.TaskStatus[None]) -> None:
            nonlocal lives
            lives += 1
            outcome = life(lives)
            if isinstance(outcome, NoStart):
                self.seen.append(f"{name} fails")
                raise outcome
            self.seen.append(f"{name} starts")
            task_status.started()
            try:
                if isinstance(outcome, Exception):
                    await trio.sleep(1)
                    raise outcome
                await trio.sleep(outcome)
            finally:
                with trio.CancelScope(shield=True):
                    await trio.sleep(farewell)
                self.seen.append(f"{name} ends")

        self.specs.append(
            ChildSpec(name=name, run=run, restart=restart, shutdown_after=shutdown_after)
        )

    def supervisor(
        self,
        strategy: Strategy = Strategy.ONE_FOR_ONE,
        *,
        intensity: RestartIntensity = PATIENT,
        name: str = "top",
    ) -> Supervisor:
        return Supervisor(
            name, self.specs, chance=random.Random(1), strategy=strategy, intensity=intensity
        )

    def starts_of(self, name: str) -> int:
        return self.seen.count(f"{name} starts")


async def run_for(supervisor: Supervisor, seconds: float) -> None:
    with trio.move_on_after(seconds):
        await supervisor.run()


def starts(names: str) -> Sequence[str]:
    return [f"{name} starts" for name in names]


def ends(names: str) -> Sequence[str]:
    return [f"{name} ends" for name in names]


def first(life: Life, then: Life = FOREVER) -> Callable[[int], Life]:
    """The first life goes like this, later ones like that."""
    return lambda n: life if n == 1 else then
