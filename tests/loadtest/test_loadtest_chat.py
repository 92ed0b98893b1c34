"""The chat scenario over real sockets: an honest server passes, a dishonest one is named."""

import json
import time
from functools import partial

import pytest
import trio
from plays import MemoryApi, a_wish, playing, reported
from tiny_http import TinyHttp, tiny_site
from tiny_server import Faults, TinyServer

from loadtest import __main__ as command
from loadtest.link import memory_links
from loadtest.measurement import report_of
from loadtest.run import Run
from loadtest.scenario import Load
from loadtest.virtual_users import WorldFailedError, seats

ONE_AND_THREE = pytest.mark.parametrize("processes", [1, 3])


@ONE_AND_THREE
async def test_an_honest_server_keeps_its_promises(autojump_clock, processes: int):
    report = await reported(processes=processes)
    assert report["failures"] == []
    assert (report["sent"], report["acked"], report["rejected"]) == (40, 40, 0)
    assert report["delivered"] == 40 * 4
    assert 0 <= report["p50_ms"] <= report["p95_ms"] <= report["p99_ms"] <= report["max_ms"]


@ONE_AND_THREE
@pytest.mark.parametrize(
    ("faults", "key", "sentence"),
    [
        (Faults(drop_every=7), "lost", "lost"),
        (Faults(duplicate_every=7), "duplicated", "more than once"),
        (Faults(swap_every=7), "reordered", "out of order"),
        (Faults(ack_unstored_every=13), "lost", "lost"),
        (Faults(store_twice_every=7), "duplicated", "more than once"),
        (Faults(forge_every=7), "conflicting", "different messages"),
        (Faults(refuse_stored_every=7), "unexpected", "although refused"),
        (Faults(tell_strangers_every=7), "unexpected", "not in the room"),
        (Faults(refuse_every=7), "rejected", "refused"),
    ],
    ids=[
        "drops",
        "duplicates",
        "reorders",
        "acknowledges what it never stores",
        "stores twice",
        "tells different people different things",
        "delivers what it refused",
        "tells people what is said in rooms that they are not in",
        "refuses",
    ],
)
async def test_the_audit_names_what_a_dishonest_server_does(
    autojump_clock, faults: Faults, key: str, sentence: str, processes: int
):
    report = await reported(faults, processes=processes)
    assert report[key] > 0
    assert any(
        why.startswith(f"{report[key]} ") and sentence in why for why in report["failures"]
    ), report["failures"]


async def test_a_server_that_is_slow_misses_the_objective_of_latency(autojump_clock):
    report = await reported(Faults(deliver_after=0.15), a_wish(p99_ms=100))
    assert report["p50_ms"] > 149
    assert any(why.startswith("p99 was") for why in report["failures"])


async def test_a_server_that_takes_nothing_fails_whatever_it_may_refuse(autojump_clock):
    report = await reported(Faults(refuse_every=1), a_wish(rejected=None))
    assert report["failures"] == ["nothing was acknowledged"]


async def test_what_comes_once_more_half_a_second_later_is_found(autojump_clock):
    server, wish = TinyServer(), a_wish()
    async with playing(server, wish) as played:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(played.run.play_all)
            await trio.sleep(1.3)
            for room in server.world.rooms.values():
                server.publish(room.log[-1])
        report = report_of(wish, played)
    assert report["failures"] == ["8 received more than once (allowed: 0)"]


async def test_what_is_sent_late_counts_from_when_it_was_due(autojump_clock):
    """The process stands still for a second: who measured from the sending would see nothing of that."""
    wish = a_wish(load=Load(users=4, rooms=1, rate=50, seconds=3))
    async with playing(TinyServer(), wish) as played:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(played.run.play_all)
            await trio.sleep(1.51)
            autojump_clock.jump(1.0)
        report = report_of(wish, played)
    assert (report["sent"], report["delivered"]) == (150, 600)
    assert report["harness_lag_max_ms"] == pytest.approx(990, abs=20)
    assert report["max_ms"] == pytest.approx(990, abs=20)
    late = [latency for point, latency in report["percentiles"] if point >= 75]
    assert report["p50_ms"] < 10 < 100 < min(late)


async def test_a_message_lost_only_towards_another_process_is_found(autojump_clock):
    """Sender and recipient live in different workers, and the recipient's next message never comes:
    neither worker alone could know."""
    load = Load(users=4, rooms=1, rate=40, seconds=0.5, speakers=1)
    server = TinyServer()
    async with playing(server, a_wish(load=load), processes=2) as played:
        play = played.run.play("load", load.rate, load.seconds)
        speaker = server.world.rooms.copy().popitem()[1].owner
        server.faults.drop_last_to_others_of = (speaker, 20)
        await play
        report = report_of(a_wish(load=load), played)
    assert (report["acked"], report["lost_missing"], report["lost_holes"]) == (20, 3, 0)
    assert report["failures"] == ["3 lost (allowed: 0)"]


async def test_cut_sockets_lose_nothing_because_clients_resume(autojump_clock):
    report = await reported(Faults(cut_every=9))
    assert (report["lost"], report["duplicated"], report["reordered"]) == (0, 0, 0)
    assert report["reconnects"] > 0
    assert any("reconnect" in warning for warning in report["warnings"])


async def test_a_server_that_dies_is_said_beside_the_loss(autojump_clock):
    server, wish = TinyServer(), a_wish(load=Load(users=4, rooms=1, rate=10, seconds=4))
    async with playing(server, wish) as played:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(played.run.play_all)
            await trio.sleep(2)
            server.faults.refuse_connections = True
            await server.close_all(1012)
        report = report_of(wish, played)
    assert report["lost"] > 0
    assert any("4 virtual users had no connection" in text for text in report["warnings"])


async def test_a_limited_registration_is_explained(autojump_clock):
    http = TinyHttp(TinyServer(), "")
    http.refuse_with = 429
    wish, (line, _) = a_wish(), memory_links()
    with pytest.raises(WorldFailedError, match=r"limits registrations for 7 s.*RATE_LIMITS=off"):
        await Run(wish.scenario, wish.load, MemoryApi(http), [line]).set_up()


async def test_an_interrupt_keeps_what_was_measured(autojump_clock):
    wish = a_wish(load=Load(users=4, rooms=1, rate=50, seconds=60))
    async with playing(TinyServer(), wish, processes=2) as played:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(played.run.play_all)
            while "delivered" not in played.run.progress():
                await trio.sleep(0.01)
            await played.run.interrupt()
        report = report_of(wish, played)
    assert report["interrupted"]
    assert report["acked"] + report["pending"] == report["sent"]
    assert (report["acked"] > 0, report["lost"]) == (True, 0)


async def run_command(*words: str) -> int:
    """The command in a thread: it brings a trio of its own."""
    return await trio.to_thread.run_sync(partial(command.main, list(words)))


@pytest.fixture
def no_signals(monkeypatch: pytest.MonkeyPatch) -> None:
    """Signals belong to the main thread, which a test keeps."""

    async def never(run) -> None:
        await trio.sleep_forever()

    monkeypatch.setattr("loadtest.progress.hear_signals", never)


async def test_the_command_writes_the_contracts_keys(tmp_path, no_signals, capsys):
    out, page = tmp_path / "out.json", tmp_path / "out.html"
    async with tiny_site(TinyServer()) as (url, _):
        words = ["--users=4", "--rooms=2", "--rate=40", "--seconds=0.3", "--p99-ms=5000"]
        words += ["--processes=2", f"--html={page}"]
        assert await run_command("chat", *words, "--url", url, "--json", str(out)) == 0
    report = json.loads(out.read_text())
    keys = "sent acked rejected delivered lost duplicated reordered p50_ms p95_ms p99_ms max_ms"
    assert list(report)[:11] == keys.split()
    assert report["settings"]["processes"] == 2
    assert "p99" in capsys.readouterr().out
    assert "--processes=2" in page.read_text()


async def test_a_missed_objective_exits_with_one_and_a_sentence(no_signals, capsys):
    async with tiny_site(TinyServer()) as (url, _):
        words = ["--users=2", "--rooms=1", "--rate=20", "--seconds=0.2", "--p99-ms=0.001"]
        assert await run_command("chat", *words, "--url", url) == 1
    assert "FAILED: p99 was" in capsys.readouterr().err


def test_a_server_that_is_not_there_is_one_sentence(capsys):
    assert command.main(["chat", "--url", "http://127.0.0.1:9"]) == 2
    told = " ".join(capsys.readouterr().err.split())
    assert "--url: No Caravan server answers at http://127.0.0.1:9. Start one with" in told


async def test_what_is_no_caravan_server_is_named(no_signals, capsys):
    async with tiny_site(TinyServer()) as (url, http):
        http.info = {"name": "a web site"}
        assert await run_command("chat", "--users=2", "--rooms=1", "--url", url) == 2
    assert "is no Caravan server" in " ".join(capsys.readouterr().err.split())


async def test_tokens_of_another_server_are_refused_at_once(no_signals, capsys, tmp_path):
    file = tmp_path / "tokens"
    expires_at = (time.time() + 900) * 1000
    row = {"userId": "u", "handle": "h", "token": "of another", "expiresAt": expires_at}
    file.write_text(json.dumps(row) + "\n")
    words = ["chat", "--users=1", "--rooms=1", "--tokens", str(file)]
    async with tiny_site(TinyServer()) as (url, _):
        with trio.fail_after(20):
            assert await run_command(*words, "--url", url) == 2
    told = " ".join(capsys.readouterr().err.split())
    assert "does not let the first account connect" in told
    assert f"must come from the server at {url}" in told


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["chat", "--users=2", "--rooms=3"], "--rooms: at most one per user"),
        (["chat", "--rate=0"], "must be more than 0"),
        (["chat", "--rate=fast"], "--rate: must be a number, not 'fast'"),
        (["chat", "--users=2.5"], "--users: must be a whole number, not '2.5'"),
        (["chat", "--users=10000000"], "--users: a process may open"),
        (["chat", "--size=8193"], "--size: a message has at most 8192 bytes"),
        (["chat", "--rate=1e9"], "must be from 1 to 2,000,000"),
        (["chat", "--rate=1", "--seconds=0.2"], "must be from 1 to 2,000,000"),
        (["chat", "--url=localhost:8080"], "say one like http://127.0.0.1:8080"),
        (["chat", "--url=ws://127.0.0.1:8081"], "is no server's HTTP address"),
        (["chat", "--url=http://127.0.0.1:99999"], "is no server's HTTP address"),
        (["chat", "--url=http://127.0.0.1:8080/v1/connect"], "is no server's HTTP address"),
        (
            ["chat", "--json=/no/such/place/out.json"],
            "--json: there is no directory /no/such/place",
        ),
        (["chat", "--html=/"], "--html: / is a directory"),
        (["chat", "--loss=-1"], "must not be below 0"),
        (["bigroom", "--users=5001"], "at most 5000 members"),
        (["bigroom", "--rooms=2"], "has one room"),
        (["chat", "--tokens=x"], "belong to a running server"),
        (["chat", "--url=http://127.0.0.1:9", "--accounts=21"], "need --tokens"),
        (["slow", "--find-knee"], "compares rounds"),
        (["market"], "invalid choice"),
    ],
)
def test_misuse_is_one_sentence_and_exit_status_two(words, sentence, capsys):
    with pytest.raises(SystemExit) as exit_:
        command.main(words)
    assert exit_.value.code == 2
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize("name", ["chat", "bigroom", "storm", "slow", "resume", "persona"])
def test_every_scenario_explains_itself(name, capsys):
    with pytest.raises(SystemExit) as exit_:
        command.main([name, "--help"])
    told = capsys.readouterr().out
    assert exit_.value.code == 0
    for option in ("--users", "--rate", "--url", "--tokens", "--find-knee", "--html", "--loss"):
        assert option in told


def test_a_room_mixes_accounts_and_everybody_has_a_room():
    plan = seats(users=200, rooms=20)
    for room in range(20):
        accounts = [seat.account for seat in plan if seat.room == room]
        assert len(accounts) == len(set(accounts)) == 10
    assert {seat.account for seat in plan} == set(range(20))
