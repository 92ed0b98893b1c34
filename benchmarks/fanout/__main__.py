"""What a broadcast costs the server, beside what others' servers pay for the same.

    .venv/bin/python -m benchmarks.fanout [--quick] [--json FILE] [--plot FILE] [--rounds 21]
    .venv/bin/python -m benchmarks.fanout --scaling     # ours alone: 2 to 5,000 members, 100 to 10,000 rooms
    .venv/bin/python -m benchmarks.fanout --whole       # frame in to frames out, ours with PostgreSQL
    .venv/bin/python -m benchmarks.fanout --install     # once: what is compared, beside the checkout's own

Rooms of 10, 100 and 1,000 members, payloads of 350 bytes, one and four messages in flight: the next are
published when the kernel has accepted the last. Each server is a process; its clients, another, read
plain sockets and check the number of bytes. Counted is the processor time of all threads of the server,
from the publishing call to the kernel's acceptance. Contenders take turns; figures are medians, ratios medians of each
round's own. Linux or macOS; whoever is not installed is left out, and the report says so.
"""

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from benchmarks.fanout import report, scaling, whole
from benchmarks.fanout.contenders import NODE, OURS, PYTHON_PACKAGES, REPOSITORY, THEIRS
from benchmarks.fanout.rounds import measure
from benchmarks.fanout.words import ROOMS

DESCRIPTORS = 8_192


def install() -> None:
    """The `bench` extra, and Node's packages where Node is: in ignored folders under benchmarks/."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    wanted = project["optional-dependencies"]["bench"]
    pip = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--upgrade"]
    subprocess.run([*pip, "--target", str(PYTHON_PACKAGES), *wanted], check=True)
    if shutil.which("npm") is None:
        print("npm is not here: Node's servers are left out", file=sys.stderr)
    else:
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=NODE, check=True)


def progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="rooms of 100 alone, 11 rounds")
    parser.add_argument("--rounds", type=int, help="(21)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="ratios and medians")
    parser.add_argument("--plot", type=Path, metavar="FILE", default=Path("out/fanout.svg"))
    parser.add_argument("--scaling", action="store_true", help="ours alone, many sizes")
    parser.add_argument("--whole", action="store_true", help="frame in to frames out")
    parser.add_argument("--install", action="store_true", help="fetch the contenders and end")
    options = parser.parse_args()
    if options.install:
        install()
        return
    raise_descriptors()
    if options.scaling:
        print(scaling.table(progress))
        return
    if options.whole:
        print(whole.table(progress))
        return
    results = measure(
        [OURS, *(contender for contender in THEIRS if contender.is_installed)],
        [report.JSON_ROOM] if options.quick else ROOMS,
        options.rounds or (11 if options.quick else 21),
        progress,
    )
    progress("")
    print(report.table(results))
    if not all(contender.is_installed for contender in THEIRS):
        print("\nTo compare with the others: .venv/bin/python -m benchmarks.fanout --install")
    if options.json:
        options.json.write_text(json.dumps(report.as_json(results), indent=1) + "\n")
    options.plot.parent.mkdir(parents=True, exist_ok=True)
    options.plot.write_text(report.plot(results))


def raise_descriptors() -> None:
    """A process holds up to 1,110 sockets, for `--scaling` 6,112; children inherit the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < DESCRIPTORS:
        most = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(DESCRIPTORS, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


if __name__ == "__main__":
    main()
