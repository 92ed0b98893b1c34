"""The chat scenario over real sockets: an honest server passes, a dishonest one is named."""

import json
from functools import partial

import pytest
import trio
from tiny_http import tiny_site
from tiny_server import Faults, TinyServer

from loadtest import __main__ as command
from loadtest.accounts import Api
from loadtest.auditor import Auditor
from loadtest.chat import ChatRun, Load
from loadtest.latencies import Latencies
from loadtest.report import Measured, Objectives, as_json, failures
from loadtest.virtual_users import WorldFailedError, seats

LOAD = Load(users=8, rooms=2, rate=80, seconds=0.5)


async def measured(faults: Faults, load: Load = LOAD) -> dict:
    async with tiny_site(TinyServer(faults=faults)) as (url, _), Api(url) as api:
        run = ChatRun(load, api)
        await run.run()
        return as_json(run.findings(), run.measured, settings={}, server="tiny")


class UntilTwenty(Latencies):
    """Interrupts a run at its twentieth delivery."""

    def __init__(self, run: ChatRun) -> None:
        super().__init__()
        self._run = run

    def record(self, seconds: float) -> None:
        super().record(seconds)
        if self.count == 20:
            self._run.interrupt()


async def test_an_honest_server_keeps_its_promises():
    report = await measured(Faults())
    assert failures(report, Objectives(p99_ms=5_000)) == []
    assert (report["sent"], report["acked"], report["rejected"]) == (40, 40, 0)
    assert report["delivered"] == 40 * 4
    assert 0 < report["p50_ms"] <= report["p95_ms"] <= report["p99_ms"] <= report["max_ms"]


@pytest.mark.parametrize(
    ("faults", "key", "sentence"),
    [
        (Faults(drop_every=7), "lost", "lost"),
        (Faults(duplicate_every=7), "duplicated", "more than once"),
        (Faults(swap_every=7), "reordered", "out of order"),
        (Faults(ack_unstored_every=13), "lost", "lost"),
    ],
    ids=["drops", "duplicates", "reorders", "acknowledges what it never stores"],
)
async def test_the_audit_names_what_a_dishonest_server_does(
    monkeypatch: pytest.MonkeyPatch, faults: Faults, key: str, sentence: str
):
    monkeypatch.setattr("loadtest.chat.ACKNOWLEDGED_WITHIN", 0.5)
    monkeypatch.setattr("loadtest.auditor.ACKNOWLEDGED_WITHIN", 0.5)
    report = await measured(faults)
    assert report[key] > 0
    assert any(
        why.startswith(f"{report[key]} ") and sentence in why
        for why in failures(report, Objectives(p99_ms=5_000))
    )


async def test_cut_sockets_lose_nothing_because_clients_resume():
    report = await measured(Faults(cut_every=9))
    assert (report["lost"], report["duplicated"], report["reordered"]) == (0, 0, 0)
    assert report["reconnects"] > 0
    assert any("reconnect" in warning for warning in report["warnings"])


async def test_a_limited_registration_is_explained():
    async with tiny_site(TinyServer()) as (url, http), Api(url) as api:
        http.refuse_with = 429
        with pytest.raises(
            WorldFailedError, match=r"limits registrations for 7 s.*RATE_LIMITS=off"
        ):
            await ChatRun(LOAD, api).run()


async def test_an_interrupt_keeps_what_was_measured():
    async with tiny_site(TinyServer()) as (url, _), Api(url) as api:
        run = ChatRun(Load(users=4, rooms=1, rate=50, seconds=60), api)
        run.measured.deliveries = UntilTwenty(run)
        await run.run()
        report = as_json(run.findings(), run.measured, settings={}, server="tiny")
        assert report["interrupted"]
        assert report["acked"] + report["pending"] == report["sent"]
        assert (report["acked"] > 0, report["lost"]) == (True, 0)


async def run_command(*words: str) -> int:
    """The command in a thread: it brings a trio of its own."""
    return await trio.to_thread.run_sync(partial(command.main, list(words)))


async def test_the_command_writes_the_contracts_keys(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(command, "_interruptible", _never_interrupted)
    out = tmp_path / "out.json"
    async with tiny_site(TinyServer()) as (url, _):
        words = ["--users=4", "--rooms=2", "--rate=40", "--seconds=0.3", "--p99-ms=5000"]
        assert await run_command("chat", *words, "--url", url, "--json", str(out)) == 0
    report = json.loads(out.read_text())
    keys = "sent acked rejected delivered lost duplicated reordered p50_ms p95_ms p99_ms max_ms"
    assert list(report)[:11] == keys.split()
    assert "p99" in capsys.readouterr().out


async def test_a_missed_objective_exits_with_one_and_a_sentence(monkeypatch, capsys):
    monkeypatch.setattr(command, "_interruptible", _never_interrupted)
    async with tiny_site(TinyServer()) as (url, _):
        words = ["--users=2", "--rooms=1", "--rate=20", "--seconds=0.2", "--p99-ms=0.001"]
        assert await run_command("chat", *words, "--url", url) == 1
    assert "FAILED: p99 was" in capsys.readouterr().err


def test_a_server_that_is_not_there_is_one_sentence(capsys):
    assert command.main(["chat", "--url", "http://127.0.0.1:9"]) == 2
    assert "No Caravan server answers at http://127.0.0.1:9" in capsys.readouterr().err


def test_a_room_mixes_accounts_and_everybody_has_a_room():
    plan = seats(users=200, rooms=20)
    for room in range(20):
        accounts = [seat.account for seat in plan if seat.room == room]
        assert len(accounts) == len(set(accounts)) == 10
    assert {seat.account for seat in plan} == set(range(20))


def test_a_late_harness_is_said():
    measured_late = Measured()
    for _ in range(100):
        measured_late.lag.record(0.05)
    report = as_json(Auditor().findings(now=0), measured_late, settings={}, server="")
    assert "The load test itself was late" in report["warnings"][0]


async def _never_interrupted(run, task_status=trio.TASK_STATUS_IGNORED) -> None:
    """Signals belong to the main thread, which a test keeps."""
    task_status.started()
    await trio.sleep_forever()
