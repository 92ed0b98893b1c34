"""The machine and the versions that a figure was taken with."""

import importlib.metadata
import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

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
