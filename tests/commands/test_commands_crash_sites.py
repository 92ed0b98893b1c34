"""A process that is to die dies where it was told to, and nowhere near live suppliers."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from actors.booking.sites import SITES
from commands.crash_sites import sites_of
from core.config import Config, ConfigError

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("text", ["commit.after", "commit.after:0", ":1", "commit.after:x"])
def test_a_place_without_a_number_is_no_setting(text: str) -> None:
    with pytest.raises(ConfigError, match="CARAVAN_CRASH_AT"):
        Config.from_environment({"CARAVAN_CRASH_AT": text})


@pytest.mark.parametrize(
    "settings",
    [
        {"CARAVAN_CRASH_AT": "commit.nowhere:1"},
        {"CARAVAN_CRASH_AT": "commit.after:1", "CARAVAN_HOST": "0.0.0.0"},
        {"CARAVAN_CRASH_AT": "commit.after:1", "CARAVAN_DUFFEL_MODE": "live"},
        {"CARAVAN_CRASH_AT": "commit.after:1", "CARAVAN_STRIPE": "live"},
    ],
)
def test_nobody_dies_in_earnest(settings: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="CARAVAN_CRASH_AT"):
        sites_of(Config.from_environment(settings))


def test_without_the_setting_nothing_happens() -> None:
    sites = sites_of(Config.from_environment({}))
    for name in SITES:
        sites.reach(name)


def test_the_process_is_gone_at_the_nth_time() -> None:
    code = (
        "import os\n"
        "from commands.crash_sites import sites_of\n"
        "from core.config import Config\n"
        "sites = sites_of(Config.from_environment(os.environ))\n"
        "for number in range(3):\n"
        "    sites.reach('call.hold.before')\n"
        "    sites.reach('commit.after')\n"
        "    print(number, flush=True)\n"
    )
    kept = {name: value for name, value in os.environ.items() if "CARAVAN" not in name}
    ended = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=kept | {"CARAVAN_CRASH_AT": "commit.after:2"},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (-signal.SIGKILL, "0\n")
