"""Child processes: the line by which they say that they are ready, and their end."""

import trio


async def first_line(child: trio.Process, within: float) -> bytes:
    """What it has said by then: less than a line, where it ended or says nothing."""
    line = b""
    with trio.move_on_after(within):
        while child.stdout is not None and not line.endswith(b"\n"):
            chunk = await child.stdout.receive_some()
            if not chunk:
                break
            line += chunk
    return line


async def terminate(child: trio.Process, within: float) -> None:
    """SIGTERM; SIGKILL after so many seconds."""
    if child.returncode is None:
        child.terminate()
    await wait_or_kill(child, within)


async def wait_or_kill(child: trio.Process, within: float) -> None:
    """For who has its sign to go already."""
    with trio.move_on_after(within):
        await child.wait()
    if child.returncode is None:
        child.kill()
        await child.wait()
    if child.stdout is not None:
        await child.stdout.aclose()
