"""The benchmarks of chat, runtime and models, each in its short form and within a time.

    .venv/bin/python -m benchmarks        # ten minutes; `make bench`

What is compared with packages that are not installed is left out, and says so. Exit status 1 when one failed or
took too long. Trust ratios and processor times; latencies only while nothing else runs.
"""

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.fanout.contenders import REPOSITORY, THEIRS

ENDS_WITHIN: Final = 20.0


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A module of this package, and the seconds that it may take."""

    module: str
    arguments: Sequence[str]
    within: float


ALL: Final = (
    Benchmark("frame_parser", (), 60),
    Benchmark("codec", (), 60),
    Benchmark("inbound", ("--quick",), 90),
    Benchmark("runtime", ("--quick",), 120),
    Benchmark("fanout", ("--quick", "--plot", "out/fanout-quick.svg"), 150),
    Benchmark("message_log", ("--rate", "2000", "--seconds", "3"), 60),
    Benchmark("durable", ("--quick",), 240),
    Benchmark("chat_rates", ("--rates", "200", "500", "--seconds", "5"), 150),
    Benchmark("connections", ("--quick",), 240),
    Benchmark("inference", ("--quick",), 90),
)


def run(benchmark: Benchmark) -> str:
    """Its output goes where ours does. What was wrong; empty when nothing was."""
    process = subprocess.Popen(
        [sys.executable, "-m", f"benchmarks.{benchmark.module}", *benchmark.arguments],
        cwd=REPOSITORY,
        start_new_session=True,
    )
    try:
        status = process.wait(benchmark.within)
    except subprocess.TimeoutExpired:
        return f"not done within {benchmark.within:.0f} s"
    finally:
        _end(process)
    return f"exit status {status}" if status else ""


def _end(process: subprocess.Popen[bytes]) -> None:
    """With all that it started: it is asked to, for it takes down its servers and their folders."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(ENDS_WITHIN)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def main() -> int:
    names = [benchmark.module for benchmark in ALL]
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__.partition("\n")[0])
    parser.add_argument("only", nargs="*", metavar="NAME", help=f"of {', '.join(names)} (all)")
    options = parser.parse_args()
    if unknown := set(options.only) - set(names):
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # takes down what runs
    # Whoever runs us in the background may have it ignored, and who we start would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    failed = {}
    for number, benchmark in enumerate(ALL, 1):
        if options.only and benchmark.module not in options.only:
            continue
        words = " ".join((f"benchmarks.{benchmark.module}", *benchmark.arguments))
        print(f"\n== {number} of {len(ALL)}: python -m {words}", flush=True)
        if benchmark.module == "fanout":
            _say_who_is_missing()
        began = time.monotonic()
        if problem := run(benchmark):
            failed[benchmark.module] = problem
        print(f"== {problem or 'done'}, {time.monotonic() - began:.0f} s", flush=True)
    for name, problem in failed.items():
        print(f"\nbenchmarks.{name} failed: {problem}", file=sys.stderr)
    return 1 if failed else 0


def _say_who_is_missing() -> None:
    missing = [contender.title for contender in THEIRS if not contender.is_installed]
    if missing:
        print(f"not installed, so left out: {', '.join(missing)}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
