"""The machine and the versions that a figure was taken with."""

import importlib.metadata
import os
import platform
import resource
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

MAX_FILES: Final = 65_536
PACKAGES: Final = ("trio", "trio-websocket", "msgpack", "hdrhistogram")


def about_host() -> dict[str, Any]:
    """`taken_at` (ISO 8601, UTC), `machine`, `versions`."""
    return {
        "taken_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": _machine(),
        "versions": {
            "python": platform.python_version(),
            **{name: importlib.metadata.version(name) for name in PACKAGES},
        },
    }


def most_files() -> int:
    """How many files and sockets one of our processes may open."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return MAX_FILES if hard == resource.RLIM_INFINITY else min(hard, MAX_FILES)


def _machine() -> str:
    load = os.getloadavg()[0]
    return (
        f"{os.cpu_count()} x {_processor()}, {platform.system()} {platform.release()}, "
        f"load average {load:.1f}"
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())
