"""The sandbox as a child of the server, or one that somebody else runs: where its suppliers are."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import httpx
import trio

MAIN: Final = Path(__file__).parents[1] / "main.py"
READY_WITHIN: Final = 30.0
ANSWER_WITHIN: Final = 5.0
STOP_WITHIN: Final = 5.0
MAX_READY_LINE: Final = 65_536

Urls = Mapping[str, str]
"""Addresses by supplier, the control port's by "control"."""


class SandboxError(Exception):
    """The sandbox did not start, or has ended, or does not answer; the text says which."""


async def attached(url: str) -> Urls:
    """Those of a sandbox whose control port is at `url`. Raises `SandboxError`."""
    try:
        async with httpx.AsyncClient(timeout=ANSWER_WITHIN, trust_env=False) as client:
            answer = await client.get(f"{url}/_sandbox/info")
            return _urls(answer.raise_for_status().text)
    except httpx.HTTPError as error:
        raise SandboxError(
            f"No sandbox answers at CARAVAN_SANDBOX_URL ({url}). Start `main.py sandbox`, or unset it."
        ) from error


async def played(
    data: Path, *, task_status: trio.TaskStatus[Urls] = trio.TASK_STATUS_IGNORED
) -> None:
    """A sandbox of our own that keeps all in the file `data`, until cancelled. Raises `SandboxError`
    when it ends by itself. It ends with this process, whatever ends that."""
    process = await trio.lowlevel.open_process(
        [sys.executable, str(MAIN), "sandbox", "serve", "--data", str(data), "--with-parent"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,  # a Ctrl-C is for the server, which then stops it
    )
    try:
        task_status.started(await _ready(process))
        raise SandboxError(f"The sandbox ended with status {await process.wait()}.")
    finally:
        with trio.CancelScope(shield=True):
            await _stop(process)


async def _ready(process: trio.Process) -> Urls:
    """What its first line says."""
    line = b""
    with trio.move_on_after(READY_WITHIN):
        while process.stdout and not line.endswith(b"\n") and len(line) < MAX_READY_LINE:
            received = await process.stdout.receive_some()
            if not received:
                raise SandboxError(f"The sandbox ended with status {await process.wait()}.")
            line += received
        return _urls(line)
    raise SandboxError(f"The sandbox was not ready after {READY_WITHIN:.0f} s.")


def _urls(ready: str | bytes) -> Urls:
    try:
        said = json.loads(ready)
    except ValueError:
        said = None
    if not isinstance(said, dict) or said.get("event") != "ready":
        raise SandboxError("What answers there is no sandbox.")
    return {name: url for name, url in said.items() if str(url).startswith("http://127.0.0.1:")}


async def _stop(process: trio.Process) -> None:
    process.terminate()
    with trio.move_on_after(STOP_WITHIN):
        await process.wait()
    process.kill()
    await process.wait()
