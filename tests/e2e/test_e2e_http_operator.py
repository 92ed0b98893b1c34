"""The command line as an operator meets it: granting a role, settings that cannot work, Ctrl-C."""

import base64
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import trio
from http_client import Caller, call, claims, refusal
from raw_client import Person, Stage, login, register
from server_process import ROOT, ServerProcess, is_alive

QUICKLY = 30.0  # two seconds of work, on a machine that others may use


def environment(data_dir: Path, **settings: str) -> dict[str, str]:
    inherited = {
        name: value
        for name, value in os.environ.items()
        if "CARAVAN" not in name and name != "DATABASE_URL"
    }
    ports = {"CARAVAN_HTTP_PORT": "0", "CARAVAN_WS_PORT": "0"}
    return inherited | ports | {"CARAVAN_DATA_DIR": str(data_dir)} | settings


def main(
    *arguments: str, data_dir: Path, within: float = QUICKLY, **settings: str
) -> subprocess.CompletedProcess[str]:
    """`python main.py …`, to its end."""
    return subprocess.run(
        [sys.executable, "main.py", *arguments],
        cwd=ROOT,
        env=environment(data_dir, **settings),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=within,
        check=False,
    )


def sentence(ended: subprocess.CompletedProcess[str], *, status: int) -> str:
    """What a command that could not do its work says: one sentence, no trace, nothing else."""
    assert ended.returncode == status, ended.stderr
    assert ended.stdout == ""
    said = [line for line in ended.stderr.splitlines() if not line.startswith("{")]
    assert len(said) == 1, ended.stderr
    assert "Traceback" not in ended.stderr
    assert "Errno" not in ended.stderr
    return said[0]


# Models.

MODELS = "/api/v1/admin/models"


def test_this_machine_sees_which_models_are_in_use(protocol_server: ServerProcess) -> None:
    page = call(protocol_server.http, "GET", MODELS).json()
    ready = call(protocol_server.http, "GET", "/readyz").json()
    assert page["inUse"] == ready["models"]
    assert {"understanding", "wording"} <= set(page["inUse"])
    assert (page["troubles"], page["versions"]) == ({}, [])
    shown = main("models", "show", data_dir=protocol_server.data_dir)
    assert (shown.returncode, shown.stderr) == (0, "")
    for title in ("In use here", "understanding", "Versions", "Last runs"):
        assert title in shown.stdout


def test_who_is_no_operator_sees_nothing_from_afar(protocol_server: ServerProcess) -> None:
    token = register(protocol_server.http, "Mo").token
    afar = {"X_Forwarded_For": "203.0.113.9"}
    assert call(protocol_server.http, "GET", MODELS, token=token, **afar).status_code == 403
    rollback = call(protocol_server.http, "POST", f"{MODELS}/prior/rollback", {}, token=token)
    assert rollback.status_code == 403


def test_what_cannot_be_done_is_a_sentence(protocol_server: ServerProcess) -> None:
    back = main("models", "rollback", "prior", data_dir=protocol_server.data_dir)
    assert sentence(back, status=1) == "The model that came with the release is in use already."
    unknown = main("models", "promote", "tower", "9", data_dir=protocol_server.data_dir)
    assert sentence(unknown, status=1) == "There is no such model."


# Granting a role.


@pytest.fixture
def grantee(protocol_server: ServerProcess) -> Person:
    return register(protocol_server.http, "Gil")


def test_a_granted_role_is_in_the_next_token_and_counts_at_once(
    protocol_server: ServerProcess, grantee: Person
) -> None:
    def metrics(token: str) -> int:
        from_afar = call(
            protocol_server.http, "GET", "/metrics", token=token, X_Forwarded_For="203.0.113.9"
        )
        return from_afar.status_code

    assert metrics(grantee.token) == 403

    granted = main(
        "admin", "grant", grantee.handle.upper(), "admin", data_dir=protocol_server.data_dir
    )

    assert (granted.returncode, granted.stderr) == (0, "")
    assert granted.stdout == f"{grantee.handle} is admin now.\n"
    assert metrics(grantee.token) == 200
    refreshed = Caller(protocol_server.http).post("auth/refresh", {"refreshToken": grantee.refresh})
    assert claims(refreshed.json()["accessToken"])["role"] == "admin"
    assert refreshed.json()["user"]["role"] == "admin"


async def test_a_professional_offers_a_character_and_is_consulted_until_the_traveller_is_erased(
    protocol_server: ServerProcess, stage: Stage, grantee: Person
) -> None:
    main("admin", "grant", grantee.handle, "professional", data_dir=protocol_server.data_dir)
    traveller = register(protocol_server.http, "Tia")
    by_professional = Caller(protocol_server.http, grantee)
    by_traveller = Caller(protocol_server.http, traveller)

    made = by_professional.post("personas", {"name": "Rosa", "style": "foodie"})
    listing_id = made.json()["persona"]["id"]
    offer = {"summary": "Eats in Modena.", "tags": ["Modena"]}
    assert by_professional.post(f"personas/{listing_id}/listing", offer).status_code == 200
    [found] = by_traveller.get("marketplace", q="modena", tags="modena").json()["items"]
    assert (found["id"], found["professional"]["handle"]) == (listing_id, grantee.handle)
    assert by_traveller.post(f"marketplace/{listing_id}/import", {}).status_code == 201
    review = by_traveller.post(f"marketplace/{listing_id}/reviews", {"stars": 5})
    assert review.json()["review"]["isOwn"]

    soon = {"startsAt": int(time.time() * 1_000) + 600_000, "minutes": 30}
    opened = by_professional.post("consultations/times", soon).json()["time"]
    booked = by_traveller.post("consultations", {"timeId": opened["id"]})
    assert booked.status_code == 201, booked.text
    consultation = {"consultationId": opened["id"]}
    adviser, asker = await stage.enter(grantee), await stage.enter(traveller)
    for client in (adviser, asker):
        await client.ask("consult.join", **consultation)
    await asker.ask("consult.signal", to=grantee.id, data={"sdp": "v=0"}, **consultation)
    signal = await adviser.event("consult.signal", **consultation)
    assert (signal["from"], signal["data"]) == (traveller.id, {"sdp": "v=0"})
    live = await asker.event("consult.state", state="live", **consultation)
    assert live["participants"] == [grantee.id, traveller.id]

    erase = partial(main, "admin", "erase", traveller.handle, data_dir=protocol_server.data_dir)
    ended = await trio.to_thread.run_sync(partial(erase, within=30.0))
    assert (ended.returncode, ended.stderr) == (0, "")
    await adviser.event("consult.state", state="cancelled", **consultation)
    listing = by_professional.get(f"personas/{listing_id}/listing").json()["listing"]
    assert (listing["imports"], listing["reviews"]) == (0, 0)


def test_a_service_is_no_person(protocol_server: ServerProcess, grantee: Person) -> None:
    main("admin", "grant", grantee.handle, "service", data_dir=protocol_server.data_dir)

    caller = Caller(protocol_server.http, login(protocol_server.http, grantee))
    refusal(caller.get("chat/rooms"), 403, "forbidden")
    assert caller.get("users/me").json()["role"] == "service"


def test_an_unknown_handle_is_a_sentence(protocol_server: ServerProcess) -> None:
    ended = main("admin", "grant", "nobody-here", "admin", data_dir=protocol_server.data_dir)

    assert sentence(ended, status=1) == "There is no such user."


def test_an_unknown_role_is_misuse(protocol_server: ServerProcess) -> None:
    ended = main("admin", "grant", "ada", "king", data_dir=protocol_server.data_dir)

    assert ended.returncode == 2
    assert "invalid choice: 'king'" in ended.stderr


def test_a_database_of_ones_own_is_granted_in_too(
    protocol_server: ServerProcess, grantee: Person, tmp_path: Path
) -> None:
    """Whatever server runs from the data directory: what is configured comes first."""
    ended = main(
        "admin",
        "grant",
        grantee.handle,
        "professional",
        data_dir=tmp_path / "elsewhere",
        DATABASE_URL=database_of(protocol_server),
    )

    assert ended.returncode == 0, ended.stderr
    again = login(protocol_server.http, grantee)
    assert claims(again.token)["role"] == "professional"


def database_of(server: ServerProcess) -> str:
    from commands.data_directory import find_server

    running = find_server(server.data_dir)
    assert running is not None
    return running.database


@pytest.fixture
def stopped(tmp_path: Path) -> Iterator[tuple[ServerProcess, Person]]:
    """A server that has ended, and somebody who registered there."""
    server = ServerProcess(tmp_path / "data")
    trio.run(server.start)
    person = register(server.http, "Gil")
    assert trio.run(server.stop) == 0
    yield server, person
    trio.run(server.end)


def test_without_a_server_the_database_comes_along_and_leaves(
    stopped: tuple[ServerProcess, Person],
) -> None:
    server, person = stopped

    granted = main("admin", "grant", person.handle, "admin", data_dir=server.data_dir, within=30)

    assert (granted.returncode, granted.stderr) == (0, "")
    trio.run(server.start)
    assert login(server.http, person).token
    assert claims(login(server.http, person).token)["role"] == "admin"


# What cannot work ends quickly, with a sentence.


@pytest.fixture
def taken_port() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        yield str(taken.getsockname()[1])


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"CARAVAN_HTTP_PORT": "http"}, ["CARAVAN_HTTP_PORT", "0 to 65535"]),
        (
            {"CARAVAN_RATE_LIMITS": "off", "CARAVAN_HOST": "0.0.0.0"},
            ["CARAVAN_RATE_LIMITS", "0.0.0.0"],
        ),
        ({"CARAVAN_HOST": "a..b"}, ["CARAVAN_HOST", "a..b"]),
        ({"DATABASE_URL": "postgresql://u:secret-word@127.0.0.1:1/x"}, ["DATABASE_URL"]),
        ({"DATABASE_URL": "postgresql://u:secret-word#@127.0.0.1/x"}, ["DATABASE_URL"]),
    ],
)
def test_a_wrong_setting_is_named(
    tmp_path: Path, settings: dict[str, str], words: list[str]
) -> None:
    said = sentence(main("serve", data_dir=tmp_path / "data", **settings), status=2)

    assert [word for word in words if word not in said] == []
    assert "secret-word" not in said


def test_a_database_that_does_not_exist_is_named(
    protocol_server: ServerProcess, tmp_path: Path
) -> None:
    parts = urlsplit(database_of(protocol_server))
    socket_dir = parse_qs(parts.query)["host"][0]
    url = f"postgresql://{parts.username}@/nowhere?host={socket_dir}"

    for command, status in ((("serve",), 2), (("admin", "grant", "ada", "admin"), 1)):
        said = sentence(main(*command, data_dir=tmp_path / "d", DATABASE_URL=url), status=status)
        assert "DATABASE_URL" in said
        assert "nowhere" in said


@pytest.mark.parametrize("variable", ["CARAVAN_HTTP_PORT", "CARAVAN_WS_PORT"])
def test_a_port_in_use_is_named(tmp_path: Path, taken_port: str, variable: str) -> None:
    # A port is looked for when the database stands: on a crowded machine that takes longer.
    ended = main("serve", data_dir=tmp_path / "data", within=30, **{variable: taken_port})

    said = sentence(ended, status=2)
    assert variable in said
    assert taken_port in said
    # Settings are judged before the database is changed.
    assert "postgres.migrated" not in ended.stderr


def test_a_second_server_on_a_data_directory_is_told_of_the_first(
    protocol_server: ServerProcess,
) -> None:
    said = sentence(main("serve", data_dir=protocol_server.data_dir), status=2)

    assert str(protocol_server.data_dir) in said
    assert str(protocol_server.pid) in said
    assert call(protocol_server.http, "GET", "/readyz").status_code == 200


@pytest.mark.parametrize(
    ("command", "place", "status"),
    [(["serve"], "file", 2), (["admin", "grant", "ada", "admin"], "file/below", 1)],
)
def test_a_data_directory_that_cannot_be_is_named(
    tmp_path: Path, command: list[str], place: str, status: int
) -> None:
    (tmp_path / "file").touch()

    said = sentence(main(*command, data_dir=tmp_path / place), status=status)

    assert str(tmp_path / place) in said
    assert "CARAVAN_DATA_DIR" in said


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_data_directory_that_is_not_ours_to_write_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)

    said = sentence(main("serve", data_dir=tmp_path), status=2)

    assert "CARAVAN_DATA_DIR" in said


@pytest.mark.parametrize(
    ("key", "mode", "words"),
    [("rubbish", 0o600, "32 bytes"), (base64.b64encode(b"k" * 32).decode(), 0o644, "chmod 600")],
)
def test_a_broken_master_key_is_named(tmp_path: Path, key: str, mode: int, words: str) -> None:
    file = tmp_path / "master.key"
    file.write_text(key)
    file.chmod(mode)

    said = sentence(main("serve", data_dir=tmp_path), status=2)

    assert str(file) in said
    assert words in said


def test_another_master_key_than_the_databases_is_named(
    protocol_server: ServerProcess, tmp_path: Path
) -> None:
    ended = main(
        "serve",
        data_dir=tmp_path / "data",
        DATABASE_URL=database_of(protocol_server),
        CARAVAN_MASTER_KEY=base64.b64encode(b"k" * 32).decode(),
    )

    assert "master key" in sentence(ended, status=2)


def test_a_node_id_that_a_living_server_has_is_named_and_that_server_keeps_its_rooms(
    protocol_server: ServerProcess, tmp_path: Path
) -> None:
    taken = (protocol_server.data_dir / "node-id").read_text().strip()
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    shutil.copy(protocol_server.data_dir / "master.key", data_dir)
    ended = main(
        "serve",
        data_dir=data_dir,
        DATABASE_URL=database_of(protocol_server),
        CARAVAN_NODE_ID=taken,
    )

    said = sentence(ended, status=2)
    assert taken in said
    assert "CARAVAN_NODE_ID" in said
    assert "declared_dead" not in protocol_server.last_words()
    assert call(protocol_server.http, "GET", "/readyz").status_code == 200


# Help, and Ctrl-C.


@pytest.mark.parametrize(
    "command", [[], ["serve"], ["chat"], ["seed"], ["admin"], ["admin", "grant"]]
)
def test_every_command_explains_itself(tmp_path: Path, command: list[str]) -> None:
    ended = main(*command, "--help", data_dir=tmp_path / "data")

    assert ended.returncode == 0
    assert ended.stdout.startswith(f"usage: main.py {' '.join(command)}".strip())
    assert ended.stderr == ""
    assert not (tmp_path / "data").exists()


async def test_ctrl_c_drains_a_server(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path / "data")
    await server.start()
    postmaster = server.postmaster
    assert postmaster is not None

    assert await server.interrupt() == 0

    assert not is_alive(postmaster)
    assert "Traceback" not in server.last_words()
    assert '"stopping"' in server.last_words()


def test_ctrl_c_ends_a_chat(protocol_server: ServerProcess, tmp_path: Path) -> None:
    arguments = ["--plain", "--user", "ctrl", "--room", "c", "--url", protocol_server.http]
    with subprocess.Popen(
        [sys.executable, "main.py", "chat", *arguments],
        cwd=ROOT,
        env=environment(tmp_path, XDG_STATE_HOME=str(tmp_path)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        while "/invite" not in process.stdout.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)

    assert (process.returncode, errors) == (0, "")


@pytest.fixture
def heard_ctrl_c() -> Iterator[None]:
    """Shells start what runs in the background deaf to Ctrl-C, and so is whatever that starts: a
    command is to hear it here wherever the tests themselves run."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heard_ctrl_c")
@pytest.mark.parametrize("command", ["seed", "admin"])
def test_ctrl_c_ends_a_command_that_waits(command: str, tmp_path: Path) -> None:
    """Both wait for somebody who listens and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        arguments = {
            "seed": ["seed", "--url", f"http://127.0.0.1:{port}"],
            "admin": ["admin", "grant", "ada", "admin"],
        }
        silent.settimeout(QUICKLY)
        with subprocess.Popen(
            [sys.executable, "main.py", *arguments[command]],
            cwd=ROOT,
            env=environment(tmp_path / "data", DATABASE_URL=f"postgresql://u@127.0.0.1:{port}/x"),
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                connection, _ = silent.accept()
                with connection:
                    process.send_signal(signal.SIGINT)
                    began = time.monotonic()
                    _, errors = process.communicate(timeout=20)
            finally:  # one that did not end must not be blamed on a later test
                process.kill()

    assert time.monotonic() - began < 4
    assert errors == ""
    assert process.returncode == 130
    assert not is_alive(process.pid)
