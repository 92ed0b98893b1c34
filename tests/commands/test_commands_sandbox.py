"""`main.py sandbox` steers a sandbox that runs, and says what is wrong in a sentence."""

import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from commands.command_line import NO_UTF8, main
from commands.sandbox_words import milliseconds

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Of a sandbox that runs."""
    data = tmp_path_factory.mktemp("sandbox") / "sandbox.db"
    process = subprocess.Popen(
        [sys.executable, "main.py", "sandbox", "serve", "--data", str(data), "--with-parent"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    ready = json.loads(process.stdout.readline())
    assert (ready["event"], ready["pid"]) == ("ready", process.pid)
    assert os.getpriority(os.PRIO_PROCESS, process.pid) > os.getpriority(os.PRIO_PROCESS, 0)
    yield data
    process.stdin.close()
    assert process.wait(timeout=10) == 0
    process.stdout.close()
    assert not data.with_suffix(".json").exists()


def steer(data: Path, *words: str) -> int:
    return main(["sandbox", "--data", str(data), *words])


def test_time_is_advanced_rules_come_and_go(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert steer(data, "advance", "1d12h") == 0
    now = json.loads(capsys.readouterr().out)
    assert 0 <= now["business"] - now["wall"] - 129_600_000 < 1_000
    assert steer(data, "rule", '{"match": {}, "action": {"type": "rate_limit"}}') == 0
    assert steer(data, "rule") == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
    assert steer(data, "calm") == 0
    assert json.loads(capsys.readouterr().out) == {"deleted": 1}
    for quiet in ("journal", "pnrs"):
        assert steer(data, quiet) == 0
    assert capsys.readouterr().out == ""


def test_a_cards_owner_answers_and_money_moves(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stripe = json.loads(data.with_suffix(".json").read_text())["stripe"]
    made = httpx.post(
        f"{stripe}/v1/payment_intents",
        headers={"authorization": "Bearer sk_test_1"},
        data={
            "amount": "3334",
            "currency": "eur",
            "capture_method": "manual",
            "payment_method": "pm_card_authenticationRequired",
            "confirm": "true",
        },
        trust_env=False,
    ).json()
    assert made["status"] == "requires_action"
    assert steer(data, "effects") == 0
    assert capsys.readouterr().out == ""
    assert steer(data, "3ds", made["id"], "ok") == 0
    assert json.loads(capsys.readouterr().out)["status"] == "requires_capture"
    assert steer(data, "3ds", made["id"], "ok") == 1
    assert "nothing to authenticate" in capsys.readouterr().err
    assert steer(data, "effects") == 0
    assert json.loads(capsys.readouterr().out)["effect"] == "authorized"
    assert steer(data, "effects", "--after", "1") == 0
    assert capsys.readouterr().out == ""
    assert steer(data, "fault") == 0
    assert capsys.readouterr().out == ""


def test_a_payer_answers_at_paypal_and_money_moves(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = json.loads(data.with_suffix(".json").read_text())["paypal"]
    with httpx.Client(base_url=url, trust_env=False) as paypal:
        asked = {"grant_type": "client_credentials"}
        token = paypal.post("/v1/oauth2/token", data=asked, auth=("id", "secret")).json()
        paypal.headers["authorization"] = f"Bearer {token['access_token']}"
        unit = {"amount": {"currency_code": "EUR", "value": "33.34"}}
        given = {"intent": "AUTHORIZE", "purchase_units": [unit]}
        order = paypal.post("/v2/checkout/orders", json=given).json()["id"]
        assert steer(data, "payer", order, "back") == 0
        assert json.loads(capsys.readouterr().out)["status"] == "CREATED"
        assert steer(data, "payer", order, "agree") == 0
        assert json.loads(capsys.readouterr().out)["status"] == "APPROVED"
        assert steer(data, "payer", order, "agree") == 1
        assert "nothing left" in capsys.readouterr().err
        paypal.post(f"/v2/checkout/orders/{order}/authorize")
    assert steer(data, "effects", "--of", "paypal") == 0
    assert json.loads(capsys.readouterr().out)["effect"] == "authorized"


def test_an_airline_moves_an_order_and_cancels_it(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = json.loads(data.with_suffix(".json").read_text())["duffel"]
    headers = {"authorization": "Bearer duffel_test_1", "duffel-version": "v2"}
    with httpx.Client(base_url=f"{url}/air", headers=headers, trust_env=False) as duffel:

        def post(path: str, data: object) -> dict[str, Any]:
            return dict(duffel.post(path, json={"data": data}).json()["data"])

        day = f"{date.today() + timedelta(days=60)}"
        way = {"origin": "PAR", "destination": "NCE", "departure_date": day}
        found = post("/offer_requests", {"slices": [way], "passengers": [{"type": "adult"}]})
        words = {"given_name": "A", "family_name": "B", "born_on": "1990-01-01", "gender": "f"}
        ana = {**words, "title": "ms", "email": "a@b.test", "id": found["passengers"][0]["id"]}
        chosen = {"type": "hold", "selected_offers": [found["offers"][0]["id"]]}
        order = post("/orders", {**chosen, "passengers": [ana]})
    assert steer(data, "change", order["booking_reference"], "--minutes", "90") == 0
    changed = json.loads(capsys.readouterr().out)["data"]
    assert (changed["removed"], changed["action_taken"]) == (order["slices"], None)
    assert steer(data, "airline-cancel", order["booking_reference"]) == 0
    assert json.loads(capsys.readouterr().out)["data"]["order_id"] == order["id"]
    assert steer(data, "change", order["id"]) == 1
    assert "cancelled" in capsys.readouterr().err
    assert steer(data, "effects", "--of", "duffel") == 0
    assert capsys.readouterr().out == ""


def test_what_is_wrong_is_said(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert steer(data, "rule", '{"match": {}}') == 1
    assert steer(data, "rule", '{"match": {}') == 1
    assert steer(data, "issue", "NOBODY") == 1
    assert steer(data, "advance", "soon") == 2
    assert steer(data) == 2
    assert steer(data.with_name("other.db"), "info") == 2
    said = capsys.readouterr().err.splitlines()
    assert [
        word in line
        for word, line in zip(
            (
                *("action", "no JSON", "no order NOBODY", "soon", "another sandbox"),
                "No sandbox runs",
            ),
            said,
            strict=True,
        )
    ] == [True] * 6


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="a disk is filled for it on Linux")
def test_a_word_that_is_no_utf8_is_said_as_everywhere(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sandbox", "issue", "\udcff", "--data", str(data)]) == 2
    assert capsys.readouterr().err == NO_UTF8 + "\n"


def test_what_goes_wrong_is_logged_as_the_server_does_whose_log_it_shares(tmp_path: Path) -> None:
    """A full disk, of each request anew."""
    process = subprocess.Popen(
        [sys.executable, "main.py", "sandbox", "serve", "--data", str(tmp_path / "sandbox.db")],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (0, 0))
        rule = {"match": {}, "action": {"type": "rate_limit"}}
        answer = httpx.post(f"{ready['control']}/_sandbox/rules", json=rule, trust_env=False)
        assert answer.status_code == 500
    finally:
        process.terminate()
        _, said = process.communicate(timeout=10)
    assert said
    assert {json.loads(line)["level"] for line in said.splitlines()} == {"error"}


@pytest.mark.parametrize("url", ["nowhere", "http://127.0.0.1:1", "http://127.0.0.1:99999"])
def test_where_no_sandbox_is_steering_is_refused(
    url: str, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert steer(data, "info", "--url", url) == 2
    assert capsys.readouterr().err.startswith(f"No sandbox answers at {url}: start")


def test_what_answers_and_is_no_sandbox_is_said(
    capsys: pytest.CaptureFixture[str], data: Path
) -> None:
    amadeus = json.loads(data.with_suffix(".json").read_text())["amadeus"]
    assert steer(data, "info", "--url", amadeus) != 0
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("port", ["-1", "65536", "http"])
def test_a_port_that_cannot_be_is_refused(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["sandbox", f"--control-port={port}"])
    assert "is no port" in capsys.readouterr().err


def test_a_port_that_is_taken_is_named(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    taken = urlsplit(json.loads(data.with_suffix(".json").read_text())["control"]).port
    assert steer(tmp_path / "other.db", "serve", f"--stripe-port={taken}") == 2
    assert capsys.readouterr().err.startswith(f"Port {taken} for stripe cannot be had: ")


def test_the_file_lies_where_the_server_looks_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("CARAVAN_DATA_DIR", "~/data")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "sandbox.json").write_text('{"control": "http://127.0.0.1:1"}')
    assert main(["sandbox", "info"]) == 2
    assert "http://127.0.0.1:1" in capsys.readouterr().err
    monkeypatch.setenv("CARAVAN_DATA_DIR", "~nobody-here/data")
    assert main(["sandbox", "info"]) == 2
    assert "CARAVAN_DATA_DIR" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "seconds"), [("7d", 604_800), ("1w", 604_800), ("1d12h", 129_600), ("90m", 5_400)]
)
def test_spans_of_time(text: str, seconds: int) -> None:
    assert milliseconds(text) == seconds * 1_000


@pytest.mark.parametrize("text", ["", "7", "d", "-1d", "1.5h", "7 d"])
def test_what_is_no_span_of_time(text: str) -> None:
    with pytest.raises(ValueError, match="span of time"):
        milliseconds(text)
