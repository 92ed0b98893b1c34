"""A server with a bug, and with a part that crashes on request.

`python crashing_server.py PART FILE serve`: as `main.py serve`, but the part crashes once there is
such a file. Whatever the command: a room cannot bear messages of 13 characters.
"""

import sys
from pathlib import Path
from typing import Any

import trio

sys.path.insert(0, str(Path(__file__).parents[2]))

from actors.room import commands as room_commands
from commands import wiring
from commands.command_line import main
from core.supervisor import ChildSpec, ChildTask

UNLUCKY = 13

decide = room_commands.decide
escalating = wiring.escalating


def superstitious(decided: Any, memory: Any, command: Any, *more: Any) -> Any:
    content = getattr(command, "content", "")
    if len(content) == UNLUCKY:
        raise ArithmeticError(f"cannot bear {content}")
    return decide(decided, memory, command, *more)


def with_a_crash(part: str, file: Path) -> Any:
    """`escalating`, but for one part."""

    order = trio.Path(file)

    def spec(name: str, run: ChildTask, **more: Any) -> ChildSpec:
        async def doomed(*, task_status: trio.TaskStatus[None]) -> None:
            async with trio.open_nursery() as nursery:
                await nursery.start(run)
                task_status.started()
                while not await order.exists():
                    await trio.sleep(0.02)
                raise LookupError("what somebody wrote")

        return escalating(name, doomed if name == part else run, **more)

    return spec


if __name__ == "__main__":
    part, file, *arguments = sys.argv[1:]
    room_commands.decide = superstitious
    wiring.escalating = with_a_crash(part, Path(file))
    sys.exit(main(arguments))
