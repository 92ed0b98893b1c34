"""Random supervision trees and random crashes, played by our supervisors and by the model at once."""

import random
from collections import Counter
from collections.abc import Iterator
from typing import Final

import trio
from supervision_model import Model, Node
from virtual_time import run_seeded

from core.errors import EscalatedError
from core.restart_policy import Restart, RestartIntensity
from core.supervisor import ChildSpec, Strategy, Supervisor

CRASHES: Final = 50


class Crash(Exception):
    """A worker's, or of its start."""


class Wrong(AssertionError):
    """The supervisor did something else than the model."""


def grow(chance: random.Random, depth: int, names: Iterator[int], parent: Node | None) -> Node:
    """A random supervisor with `depth` levels below it at most."""
    restart = chance.choice([*Restart, Restart.PERMANENT])
    node = Node(f"s{next(names)}", restart, parent=parent)
    node.strategy, node.period = chance.choice(list(Strategy)), chance.randrange(1, 12) + 0.5
    node.intensity = chance.randrange(5)
    for _ in range(chance.randint(1, 3)):
        if depth > 1 and chance.random() < 0.3:
            node.children.append(grow(chance, depth - 1, names, node))
        else:
            name = f"w{next(names)}"
            node.children.append(Node(name, chance.choice(list(Restart)), parent=node))
    return node


def workers(node: Node) -> list[Node]:
    return [leaf for child in node.children for leaf in workers(child)] or [node]


class Real:
    """The same tree under our supervisors, and its trace."""

    def __init__(self, root: Node, chance: random.Random) -> None:
        self.trace: list[str] = []
        self.bad_starts: Counter[str] = Counter()
        self.scope = trio.CancelScope()
        self._chance = chance
        self._orders: dict[str, trio.MemorySendChannel[bool]] = {}
        self._root = self._supervisor(root)

    async def run(self) -> None:
        self.scope = trio.CancelScope()
        with self.scope:
            try:
                await self._root.run()
            except EscalatedError:
                self.trace.append("escalated")
            except Crash:
                self.trace.append("not started")

    def end(self, worker: str, *, crashed: bool) -> None:
        if worker in self._orders:
            self._orders[worker].send_nowait(crashed)

    def _supervisor(self, node: Node) -> Supervisor:
        specs = [
            self._supervisor(child).spec(Restart(child.restart))
            if child.children
            else self._worker(child.name, Restart(child.restart))
            for child in node.children
        ]
        intensity = RestartIntensity(
            intensity=node.intensity, period=node.period, backoff_first=0, backoff_most=0
        )
        return Supervisor(
            node.name,
            specs,
            chance=self._chance,
            strategy=Strategy(node.strategy),
            intensity=intensity,
        )

    def _worker(self, name: str, restart: Restart) -> ChildSpec:
        async def run(*, task_status: trio.TaskStatus[None]) -> None:
            if self.bad_starts[name]:
                self.bad_starts[name] -= 1
                self.trace.append(f"!{name}")
                raise Crash
            self._orders[name], orders = trio.open_memory_channel[bool](1)
            self.trace.append(f"+{name}")
            task_status.started()
            try:
                if await orders.receive():
                    raise Crash
            finally:
                del self._orders[name]
                self.trace.append(f"-{name}")

        return ChildSpec(name=name, run=run, restart=restart)


async def play(seed: int, seen: Counter[str]) -> None:
    """One tree, `CRASHES` ends. Raises `Wrong`."""
    chance = random.Random(seed)
    root = grow(chance, 3, iter(range(1_000)), None)
    model, real, leaves = Model(root), Real(root, random.Random(seed)), workers(root)
    async with trio.open_nursery() as nursery:
        for step in range(CRASHES):
            if not any(leaf.is_alive for leaf in leaves):
                await anew(model, real, nursery)
            weak, fails = chance.choice(leaves), chance.choice([0, 0, 0, 0, 1, 2])
            weak.bad_starts = real.bad_starts[weak.name] = fails
            victim = chance.choice([leaf for leaf in leaves if leaf.is_alive])
            crashed, model.now = chance.random() < 0.7, trio.current_time()
            model.ends(victim, crashed=crashed)
            real.end(victim.name, crashed=crashed)
            await trio.sleep(1)
            compare(seed, step, model, real)
        model.stop(root)
        real.scope.cancel()
        await trio.sleep(1)
        compare(seed, CRASHES, model, real)
        seen.update(word[0] for word in model.trace)
        seen["ends"] += CRASHES


async def anew(model: Model, real: Real, nursery: trio.Nursery) -> None:
    """All have ended: stop what is left, and begin again, as a process would."""
    model.stop(model.root)
    real.scope.cancel()
    await trio.sleep(1)
    for leaf in workers(model.root):
        leaf.bad_starts = real.bad_starts[leaf.name] = 0
    model.start(model.root)
    nursery.start_soon(real.run)
    await trio.sleep(1)


def compare(seed: int, step: int, model: Model, real: Real) -> None:
    if real.trace != model.trace:
        same = next(
            (
                at
                for at, pair in enumerate(zip(real.trace, model.trace, strict=False))
                if pair[0] != pair[1]
            ),
            min(len(real.trace), len(model.trace)),
        )
        raise Wrong(
            f"seed {seed}, step {step}, word {same}: ours {real.trace[same : same + 12]}, "
            f"the model's {model.trace[same : same + 12]}"
        )


def play_all(seeds: range) -> Counter[str]:
    """Many trees in one virtual time. Raises a group of `Wrong`, or what else broke."""
    seen: Counter[str] = Counter()

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            for seed in seeds:
                nursery.start_soon(play, seed, seen)

    run_seeded(seeds.start, main)
    return seen
