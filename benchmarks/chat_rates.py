"""What chat costs at several rates: latencies, and processor time per message of server and database.

    .venv/bin/python -m benchmarks.chat_rates [--rates 200 500 1000] [--seconds 10] [--against FOLDER]

Starts one server per checkout (this one, and that in FOLDER) and runs `python -m loadtest chat --url` against
them in turns. What registering and joining cost is measured by a run of one message and taken off. Linux only:
it reads /proc. Everything shares the machine, so trust the ratios, and latencies only while "lag" is small.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
TICKS = os.sysconf("SC_CLK_TCK")
ENVIRONMENT = {
    "DATABASE_URL": "",  # its own
    "CARAVAN_HTTP_PORT": "0",
    "CARAVAN_WS_PORT": "0",
    "CARAVAN_RATE_LIMITS": "off",
}


class Server:
    """A running server and what it has used."""

    def __init__(
        self, checkout: Path, process: subprocess.Popen[str], ready: dict[str, str]
    ) -> None:
        self.checkout = checkout
        self.pid, self.url, self.ws_url = process.pid, ready["http"], ready["ws"]

    def used(self) -> dict[str, float]:
        """Seconds of processor time so far."""
        pid = self.pid
        whole, loop = seconds(Path(f"/proc/{pid}")), seconds(Path(f"/proc/{pid}/task/{pid}"))
        database = sum(seconds(Path(f"/proc/{child}")) for child in descendants(pid))
        return {"loop": loop, "other threads": whole - loop, "database": database}


@contextmanager
def serving(checkout: Path) -> Iterator[Server]:
    with tempfile.TemporaryDirectory(prefix="caravan-benchmark-") as folder:
        process = subprocess.Popen(
            [sys.executable, "main.py", "serve"],
            cwd=checkout,
            env={**os.environ, **ENVIRONMENT, "CARAVAN_DATA_DIR": f"{folder}/data"},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            assert process.stdout is not None
            yield Server(checkout, process, json.loads(process.stdout.readline()))
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


def run(
    server: Server, options: argparse.Namespace, rate: float, seconds: float
) -> dict[str, float]:
    """One load test. Its report, with the seconds that the server's parts used meanwhile."""
    before = server.used()
    with tempfile.NamedTemporaryFile(suffix=".json") as out:
        words = {
            "users": options.users,
            "rooms": options.rooms,
            "rate": rate,
            "seconds": seconds,
            "url": server.url,
            "json": out.name,
        }
        subprocess.run(
            [sys.executable, "-m", "loadtest", "chat"]
            + [part for name, value in words.items() for part in (f"--{name}", str(value))],
            cwd=HERE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,  # a missed objective is a result
        )
        report: dict[str, float] = json.load(out)
    after = server.used()
    return report | {part: after[part] - before[part] for part in after}


def show(name: str, rate: float, report: dict[str, float], idle: dict[str, float]) -> None:
    sent = max(1, report["acked"])
    used = " ".join(
        f"{(report[part] - idle[part]) / sent * 1e6:>8.0f}"
        for part in ("loop", "other threads", "database")
    )
    print(
        f"{name:<12}{rate:>7.0f}{report['p50_ms']:>9.1f}{report['p99_ms']:>9.1f}"
        f"{report['harness_lag_p99_ms']:>9.1f}{report['lost']:>6}  {used}",
        flush=True,
    )


def seconds(process: Path) -> float:
    """User and system time, proc(5) fields 14 and 15; nothing of a process that has ended."""
    try:
        fields = (process / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS


def descendants(pid: int) -> list[int]:
    found = []
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, children.read_text().split()):
            found += [child, *descendants(child)]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rates", type=float, nargs="+", default=[200, 500, 1_000])
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--users", type=int, default=200)
    parser.add_argument("--rooms", type=int, default=20)
    parser.add_argument("--against", type=Path, help="another checkout to measure in turns")
    options = parser.parse_args()
    checkouts = [HERE] + ([options.against.resolve()] if options.against else [])
    with ExitStack() as stack:
        servers = [stack.enter_context(serving(checkout)) for checkout in checkouts]
        idle = {server.url: run(server, options, 1, 1) for server in servers}
        print(
            "server         rate  p50 ms   p99 ms      lag  lost   µs per message: loop, other, db"
        )
        for rate in options.rates:
            for server in servers:
                name = "this" if server.checkout == HERE else "against"
                show(name, rate, run(server, options, rate, options.seconds), idle[server.url])


if __name__ == "__main__":
    main()
