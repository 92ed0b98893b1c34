"""A stage whose players watch one another, and say what they are told."""

from typing import Any

import trio
import trio.testing
from core_stage import PLAYER, Line, Player, Stage, a_stage

from core.monitors import Down, Monitor


class Watcher(Player):
    """Says what it is told of others, as `key reason` (and whether it comes back)."""

    def __init__(self, key: str, stage: Stage) -> None:
        super().__init__(key, stage)
        self.downs: list[Down] = []
        self.monitors: list[Monitor] = []

    async def handle(self, envelope: Any) -> None:
        if isinstance(envelope.message, Down):
            down = envelope.message
            self.downs.append(down)
            back = " and comes back" if down.will_restart else ""
            self.say(f"{down.address.key} {down.reason.value}{back}")
        else:
            await super().handle(envelope)


def a_watching_stage(**spec: Any) -> Any:
    return a_stage(player=Watcher, **spec)


def watch(*keys: str) -> Line:
    async def line(player: Player, envelope: Any) -> None:
        assert isinstance(player, Watcher)
        for key in keys:
            player.monitors.append(player.context.monitor(PLAYER.at(key)))

    return line


def cancel(which: int = 0) -> Line:
    async def line(player: Player, envelope: Any) -> None:
        assert isinstance(player, Watcher)
        player.monitors[which].cancel()

    return line


async def leave(player: Player, envelope: Any) -> None:
    player.context.passivate_soon()


async def settle() -> None:
    await trio.testing.wait_all_tasks_blocked()


def told(stage: Stage, key: str = "w") -> list[str]:
    return [word for word in stage.words(key) if " " in word]
