"""Numerical libraries leave the other processors to chat."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COUNT = "a = numpy.ones((600, 600)); a @ a; print(len(os.listdir('/proc/self/task')))"


def threads(first: str) -> int:
    """After a product of matrices, with `first` imported before numpy."""
    code = f"import {first}, os; import numpy; {COUNT}"
    clean = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=clean,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="threads are counted in /proc")
def test_the_server_multiplies_in_one_thread_and_numpy_by_itself_would_not() -> None:
    assert threads("main") == 1
    if len(os.sched_getaffinity(0)) > 1:
        assert threads("core") > 1
