"""However a load test is ended, nothing that it started outlives it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SERVER = """
import json, time
print(json.dumps({"http": "http://127.0.0.1:9"}), flush=True)
time.sleep(600)
"""
LOADTEST = """
import sys, trio
from loadtest.own_server import own_server
from loadtest.progress import end_as_by_ctrl_c

async def main():
    async with own_server(command=[sys.executable, "-c", sys.argv[1]]) as server:
        print(server.pid, flush=True)
        await trio.sleep_forever()

end_as_by_ctrl_c()
trio.run(main)
"""


@pytest.fixture
def heard_signals() -> Iterator[None]:
    """Whoever runs the tests may be deaf to some, and so would be whom they start."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, signal.SIG_DFL) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


@pytest.mark.usefixtures("heard_signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_load_test_that_is_ended_ends_its_server(number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", LOADTEST, SERVER],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        server = int(process.stdout.readline())
        process.send_signal(number)
        process.wait(timeout=20)
    try:
        with pytest.raises(ProcessLookupError):
            os.kill(server, 0)
    except BaseException:
        os.kill(server, signal.SIGKILL)
        raise
