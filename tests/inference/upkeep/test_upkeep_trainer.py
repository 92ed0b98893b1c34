"""Training gives way: niced, one thread, stopped while the loop is late, and gone with the server."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from core.wakefulness import LOOKS_EVERY, REMEMBERED, Wakefulness
from inference.upkeep.quiet_thread import NICENESS as THREAD_NICENESS
from inference.upkeep.quiet_thread import run_quietly
from inference.upkeep.trainer import (
    NICENESS,
    Pauses,
    TrainingFailed,
    remove_left_folders,
    train,
    training_folder,
)

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
STAY = "import sys; sys.stdin.read()"


@given(st.lists(st.floats(0, 0.05), max_size=60))
def test_it_is_stopped_while_the_loop_is_late_and_goes_on_when_it_is_not(late: list[float]) -> None:
    sent: list[int] = []
    pauses = Pauses(sent.append)
    for p99 in late:
        was = pauses.is_paused
        pauses.look(p99)
        if p99 > 0.020:
            assert pauses.is_paused
        elif p99 < 0.010:
            assert not pauses.is_paused
        else:
            assert pauses.is_paused == was
    turns = [signal.SIGSTOP, signal.SIGCONT] * len(late)
    assert sent == turns[: len(sent)]
    assert pauses.count == (len(sent) + 1) // 2


async def test_lateness_is_what_a_wake_up_came_too_late_by() -> None:
    now = 0.0
    wakefulness = Wakefulness(lambda: now)
    assert wakefulness.p99 == 0.0
    late = [0.001] * 98 + [0.05] * 2

    async def sleep(seconds: float) -> None:
        nonlocal now
        assert seconds == LOOKS_EVERY
        if not late:
            raise LookupError
        now += seconds + late.pop()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("core.wakefulness.trio.sleep", sleep)
        with pytest.raises(LookupError):
            await wakefulness.run()
    assert wakefulness.p99 == pytest.approx(0.05)
    assert REMEMBERED * LOOKS_EVERY == 3


async def run(program: str, *, p99: Callable[[], float] = lambda: 0.0) -> int:
    with trio.fail_after(30):
        return await train(
            [sys.executable, "-c", program], environment={"PATH": os.environ["PATH"]}, p99=p99
        )


@LINUX
async def test_it_is_niced_and_has_one_thread_and_no_other_environment(tmp_path: Path) -> None:
    told = tmp_path / "told"
    await run(
        f"import os, pathlib, time\n"
        f"while os.nice(0) < {NICENESS}: time.sleep(0.01)\n"
        f"pathlib.Path({str(told)!r}).write_text(os.environ['OMP_NUM_THREADS'] + os.environ.get('SECRET', ''))"
    )
    assert told.read_text() == "1"


async def test_one_that_fails_says_so() -> None:
    with pytest.raises(TrainingFailed, match="status 7"):
        await run("import sys; sys.stderr.write('x' * 99_999); sys.exit(7)")


async def test_it_counts_how_often_it_was_paused(tmp_path: Path) -> None:
    late = iter([0.05, 0.05, 0.0])
    go = tmp_path / "go"

    def p99() -> float:
        found = next(late, 0.0)
        if not found:
            go.touch()
        return found

    program = f"import os, time\nwhile not os.path.exists({str(go)!r}): time.sleep(0.01)"
    assert await run(program, p99=p99) == 1


@LINUX
async def test_a_stopped_one_is_killed_with_the_run(tmp_path: Path) -> None:
    told = tmp_path / "pid"
    program = (
        f"import os; f = open({str(told)!r}, 'w'); f.write(str(os.getpid())); f.close()\n{STAY}"
    )
    async with trio.open_nursery() as nursery:
        # Once it has told who it is.
        nursery.start_soon(lambda: run(program, p99=lambda: 0.05 if _text(told) else 0.0))
        pid = await _pid(told)
        while _state(pid) != "T":
            await trio.sleep(0.01)
        nursery.cancel_scope.cancel()
    assert _state(pid) == ""


@LINUX
@pytest.mark.parametrize("late", [0.0, 0.05])
async def test_one_whose_server_is_killed_is_gone_stopped_or_not(
    tmp_path: Path, late: float
) -> None:
    told = tmp_path / "pid"
    child = f"import os; f = open({str(told)!r}, 'w'); f.write(str(os.getpid())); f.close()\n{STAY}"
    server = (
        "import os, pathlib, sys, trio\n"
        f"told = pathlib.Path({str(told)!r})\n"
        "from inference.upkeep.trainer import train\n"
        f"trio.run(lambda: train([sys.executable, '-c', {child!r}], environment={{}},"
        f" p99=lambda: {late} if told.exists() and told.read_text() else 0.0))"
    )
    root = Path(__file__).parents[3]
    # As a service has it: a session of its own.
    process = await trio.lowlevel.open_process(
        [sys.executable, "-c", server], cwd=root, start_new_session=True
    )
    try:
        with trio.fail_after(30):
            pid = await _pid(told)
            while late and _state(pid) != "T":
                await trio.sleep(0.01)
            process.kill()
            await process.wait()
            while _state(pid) not in {"", "Z"}:
                await trio.sleep(0.01)
    finally:
        process.kill()


async def _pid(told: Path) -> int:
    with trio.fail_after(30):
        while not (text := _text(told)):
            await trio.sleep(0.01)
    return int(text)


def _text(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def _state(pid: int) -> str:
    """Of a process: R, S, T (stopped), Z; empty: there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


@LINUX
async def test_quiet_work_is_done_in_a_niced_thread_and_raises_what_it_raises() -> None:
    def work() -> Any:
        return os.getpriority(os.PRIO_PROCESS, 0), os.getpid()

    before = os.getpriority(os.PRIO_PROCESS, 0)
    assert await run_quietly(work) == (max(before, THREAD_NICENESS), os.getpid())
    assert os.getpriority(os.PRIO_PROCESS, 0) == before

    def breaks() -> None:
        raise LookupError

    with pytest.raises(LookupError):
        await run_quietly(breaks)


def test_what_a_killed_server_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "training-material").mkdir()
    (tmp_path / "postgres").mkdir()
    with training_folder(tmp_path) as folder:
        (folder / "voices.npz").write_bytes(b"what people judged")
        left = folder.rename(tmp_path / f"{folder.name}2")
        folder.mkdir()
    assert left.exists()
    assert not folder.exists()
    remove_left_folders(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["postgres", "training-material"]
