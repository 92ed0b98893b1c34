"""Every scenario of the load test, small, against a real server; and the accounts that seed makes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
import trio
from server_process import ROOT, ServerProcess

SMALL = {
    "chat": "--users=10 --rooms=2 --rate=40 --seconds=0.6 --processes=2",
    "bigroom": "--users=40 --rate=10 --seconds=0.5",
    "storm": "--users=20 --rooms=4 --seconds=0.6",
    "slow": "--users=10 --rooms=1 --rate=40 --seconds=0.5",
    "resume": "--users=10 --rooms=2 --rate=40 --cuts=20 --seconds=0.8",
}
LENIENT = ("--p99-ms=3000",)


async def command(server: ServerProcess, *words: str) -> subprocess.CompletedProcess[bytes]:
    """A command of this checkout beside that server."""
    with trio.fail_after(60):
        return await trio.run_process(
            [sys.executable, *words],
            cwd=ROOT,
            env={**os.environ, "CARAVAN_DATA_DIR": str(server.data_dir)},
            capture_stdout=True,
            capture_stderr=True,
            check=False,
        )


@pytest.mark.parametrize("scenario", SMALL)
async def test_a_small_run_of_each_scenario_keeps_every_promise(
    protocol_server: ServerProcess, tmp_path: Path, scenario: str
):
    out = tmp_path / "report.json"
    words = [
        *SMALL[scenario].split(),
        "--accounts=3",
        "--url",
        protocol_server.http,
        "--json",
        str(out),
    ]
    words += [] if scenario == "storm" else LENIENT
    done = await command(protocol_server, "-m", "loadtest", scenario, *words)
    assert done.returncode == 0, done.stderr.decode()
    report = json.loads(out.read_text())
    assert report["acked"] == report["sent"] > 0
    assert report["delivered"] > report["acked"]
    if scenario == "storm":
        assert (report["cut"], report["absent"]) == (20, 0)
    if scenario == "resume":
        assert report["cut"] > 0


async def test_seeded_accounts_connect_talk_and_have_no_password(
    protocol_server: ServerProcess, tmp_path: Path
):
    file, out = tmp_path / "tokens", tmp_path / "report.json"
    file.write_text("what was here before")
    file.chmod(0o644)
    seed = ("main.py", "seed", "--tokens", str(file), "--accounts=120")
    done = await command(protocol_server, *seed)
    assert done.returncode == 0, done.stderr.decode()
    assert file.stat().st_mode & 0o777 == 0o600
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    assert len({row["userId"] for row in rows}) == len({row["handle"] for row in rows}) == 120
    assert set(rows[0]) == {"userId", "handle", "token", "expiresAt"}
    async with httpx.AsyncClient(base_url=protocol_server.http) as http:
        body = {"handle": rows[0]["handle"], "password": "caravan-loadtest-only"}
        assert (await http.post("/api/v1/auth/login", json=body)).status_code == 401
    words = ["bigroom", "--users=120", "--rate=5", "--seconds=0.4", *LENIENT]
    words += ["--url", protocol_server.http, "--tokens", str(file), "--json", str(out)]
    done = await command(protocol_server, "-m", "loadtest", *words)
    assert done.returncode == 0, done.stderr.decode()
    report = json.loads(out.read_text())
    assert report["delivered"] == report["acked"] * 120


async def test_a_run_longer_than_its_tokens_live_is_refused_with_a_sentence(
    protocol_server: ServerProcess, tmp_path: Path
):
    file = tmp_path / "tokens"
    row = {"userId": "u", "handle": "h", "token": "t", "expiresAt": 0}
    file.write_text(json.dumps(row) + "\n")
    words = ["chat", "--users=1", "--rooms=1", "--url", protocol_server.http, "--tokens", str(file)]
    done = await command(protocol_server, "-m", "loadtest", *words)
    assert done.returncode == 2
    assert "Make new ones: main.py seed --tokens FILE" in " ".join(done.stderr.decode().split())


async def test_seeding_without_a_server_says_so(protocol_server: ServerProcess, tmp_path: Path):
    nowhere = ServerProcess(tmp_path / "nowhere")
    done = await command(nowhere, "main.py", "seed", "--tokens", str(tmp_path / "tokens"))
    assert done.returncode == 1
    assert "No Caravan server runs here" in done.stderr.decode()
    assert not (tmp_path / "tokens").exists()
    assert not (tmp_path / "nowhere").exists()
