"""Processes die where a crash suite wants it, and nowhere else."""

import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from actors.booking.sites import SITES
from commands.crash_sites import CrashSites, sandbox_sites, sites_of
from core.config import Config, ConfigError, Supplier
from core.ports.sites import NoSites
from gateways.sandbox.sites import OPS, op_of
from gateways.sandbox.sites import SITES as SANDBOX_SITES

ROOT = Path(__file__).parents[2]


def at(site: str, nth: int = 1) -> Config:
    return Config(crash_at=(site, nth))


def test_nobody_dies_unasked(tmp_path: Path) -> None:
    assert isinstance(sites_of(Config()), NoSites)
    assert isinstance(sandbox_sites({}, tmp_path / "sandbox.db"), NoSites)
    assert isinstance(sites_of(at("commit.after")), CrashSites)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (replace(at("commit.after"), host="0.0.0.0"), "loopback"),
        (replace(at("commit.after"), duffel=Supplier(mode="live")), "sandbox mode"),
        (at("commit.sometimes"), "call.capture.before"),
    ],
)
def test_a_server_for_others_and_a_place_that_is_none_are_refused(
    config: Config, said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        sites_of(config)


def test_a_sandbox_refuses_a_place_that_is_none(tmp_path: Path) -> None:
    for said in ("stripe.capture.sometimes:1", "stripe.capture.after", "stripe.capture.after:0"):
        with pytest.raises(ConfigError, match="CARAVAN_SANDBOX_CRASH_AT"):
            sandbox_sites({"CARAVAN_SANDBOX_CRASH_AT": said}, tmp_path / "sandbox.db")


DIES = """
import sys
from pathlib import Path
from commands.crash_sites import sandbox_sites
sites = sandbox_sites({"CARAVAN_SANDBOX_CRASH_AT": "webhook.after:2"}, Path(sys.argv[1]))
for name in ("webhook.after", "webhook.before", "webhook.after", "webhook.after"):
    print(name, flush=True)
    sites.reach(name)
"""


def test_a_sandbox_dies_at_the_nth_reach_and_once_with_one_data_file(tmp_path: Path) -> None:
    for status, lines in ((-signal.SIGKILL, 3), (0, 4)):
        done = subprocess.run(
            [sys.executable, "-c", DIES, str(tmp_path / "sandbox.db")],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, len(done.stdout.splitlines())) == (status, lines), done.stderr


@pytest.mark.parametrize(
    ("api", "method", "path", "op"),
    [
        ("stripe", "POST", "/v1/payment_intents", "stripe.open"),
        ("stripe", "GET", "/v1/payment_intents", None),
        ("stripe", "POST", "/v1/payment_intents/pi_1/capture", "stripe.capture"),
        ("amadeus", "DELETE", "/v1/booking/flight-orders/eJzT%3D", "amadeus.cancel"),
        ("duffel", "POST", "/air/order_cancellations/ore_1/actions/confirm", "duffel.cancel"),
        ("consolidator", "POST", "/v1/releases", "consolidator.release"),
        ("duffel", "POST", "/v1/releases", None),
    ],
)
def test_requests_that_change_something_have_a_word(
    api: str, method: str, path: str, op: str | None
) -> None:
    assert op_of(api, method, path) == op


def test_all_sites_have_names_of_their_own() -> None:
    assert len(set(SITES)) == len(SITES)
    assert len(set(SANDBOX_SITES)) == len(SANDBOX_SITES) == 2 * len(OPS) + 2
