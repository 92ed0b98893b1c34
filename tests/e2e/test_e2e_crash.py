"""Acknowledged messages survive kill -9 of the server and of PostgreSQL; and the suite would see it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from crash_run import Audit, CrashRun, Outcome, Victim
from forked_server import ForkedServer, warm_server
from server_process import ServerProcess, wait_gone

ROUNDS = int(os.environ.get("CARAVAN_CRASH_ROUNDS", "6"))
CONTROL_ROUNDS = 4
NOTHING = {"lost": 0, "doubled": 0, "holes": 0, "repeated": 0, "disordered": 0}


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with warm_server(tmp_path_factory.mktemp("warm")) as path:
        yield path


@pytest.mark.parametrize("victim", ["server", "postgres"])
async def test_acknowledged_messages_survive_kill_9(
    tmp_path: Path, warm: Path, victim: Victim
) -> None:
    server = ForkedServer(tmp_path / "data", warm)
    outcome = await CrashRun(server, victim=victim, rounds=ROUNDS, seed=1).run()

    print(
        f"{victim}: {ROUNDS} kills, {outcome.acked} acked, {outcome.connects} connects, "
        f"ready again after {max(outcome.ready):.2f} s at most"
    )
    assert outcome.findings == NOTHING
    assert outcome.acked >= 5 * 4 * (ROUNDS + 1)
    if victim == "server":
        assert outcome.connects >= 4 * (ROUNDS + 1)


async def broken(tmp_path: Path, warm: Path, rule: str) -> Outcome:
    server = ForkedServer(tmp_path / "data", warm, rule)
    return await CrashRun(server, victim="server", rounds=CONTROL_ROUNDS, seed=2).run()


async def test_the_suite_sees_an_ack_before_the_commit(tmp_path: Path, warm: Path) -> None:
    assert (await broken(tmp_path, warm, "ack_before_commit")).findings["lost"] > 0


async def test_the_suite_sees_a_missing_dedupe(tmp_path: Path, warm: Path) -> None:
    assert (await broken(tmp_path, warm, "no_dedupe")).findings["doubled"] > 0


async def test_the_suite_sees_a_burnt_seq(tmp_path: Path, warm: Path) -> None:
    assert (await broken(tmp_path, warm, "burnt_seq")).findings["holes"] > 0


@pytest.mark.parametrize(
    ("seqs", "finding"),
    [([1, 2, 2, 3], "repeated"), ([1, 3, 2], "disordered"), ([1, 3], "holes"), ([], "lost")],
)
def test_the_suite_sees_what_one_reader_alone_was_shown(seqs: list[int], finding: str) -> None:
    whole, his = (
        [{"seq": seq, "clientId": f"m{seq}"} for seq in some] for some in ([1, 2, 3], seqs)
    )
    audit = Audit(acked={"m1": 1}, seen=[whole, his], joined_at=[0, 0])
    assert audit.findings()[finding] > 0
    assert Audit(acked={"m1": 1}, seen=[whole, whole], joined_at=[0, 0]).findings() == NOTHING


async def test_nothing_outlives_a_killed_server(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path / "data")
    await server.start()
    postmaster = server.postmaster
    assert postmaster is not None

    await server.kill()

    await wait_gone(postmaster, within=3.0)
