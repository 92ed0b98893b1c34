"""Rules, the clock and the records: pure parts that all suppliers of the sandbox stand on."""

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateways.sandbox import faults
from gateways.sandbox.clock import BackwardsError, advance, instant
from gateways.sandbox.records import Draft, Memory, Records
from gateways.sandbox.store import Store, StoreError

ROOT = Path(__file__).parents[2]


def fired(draft: Draft, path: str = "/v1/x", body: bytes = b"", api: str = "amadeus") -> list[str]:
    found = faults.decide(draft, api=api, method="POST", path=path, body=body)
    return [each.rule_id for each in found]


def test_a_rule_fires_where_all_of_its_match_holds() -> None:
    draft = Draft(Memory())
    match = {"api": "amadeus", "method": "POST", "pathRegex": "^/v1", "bodyRegex": "SAGA"}
    kept = faults.add_rule(draft, {"match": match, "action": {"type": "rate_limit"}, "times": None})
    assert fired(draft, body=b"a SAGA") == [kept["id"]]
    assert fired(draft, body=b"none") == []
    assert fired(draft, path="/v2/x", body=b"SAGA") == []
    assert fired(draft, api="duffel", body=b"SAGA") == []


def test_a_rule_begins_at_its_nth_request_and_ends_after_its_times() -> None:
    draft = Draft(Memory())
    faults.add_rule(draft, {"match": {"nth": 3}, "action": {"type": "reset_after"}, "times": 2})
    assert [bool(fired(draft)) for _ in range(6)] == [False, False, True, True, False, False]


def test_the_control_port_is_spared_unless_it_is_named() -> None:
    draft = Draft(Memory())
    faults.add_rule(draft, {"match": {}, "action": {"type": "reset_before"}, "times": None})
    assert fired(draft, api="control") == []
    faults.add_rule(draft, {"match": {"api": "control"}, "action": {"type": "ticket_refuse"}})
    assert len(fired(draft, api="control")) == 1


def test_chance_follows_from_the_seed() -> None:
    def pattern(seed: str) -> list[bool]:
        draft = Draft(Memory())
        rule = {"match": {"chance": 0.5}, "action": {"type": "rate_limit"}, "times": None}
        faults.add_rule(draft, {**rule, "seed": seed})
        return [bool(fired(draft)) for _ in range(40)]

    assert pattern("a") == pattern("a") != pattern("b")
    assert 8 < sum(pattern("a")) < 32


@pytest.mark.parametrize(
    ("rule", "word"),
    [
        ({"match": {}, "action": {"type": "explode"}}, "explode"),
        ({"match": {"pathRegex": "("}, "action": {"type": "rate_limit"}}, "pathRegex"),
        ({"match": {"where": "x"}, "action": {"type": "rate_limit"}}, "where"),
        ({"match": {"nth": 0}, "action": {"type": "rate_limit"}}, "nth"),
        ("nothing", "Rule"),
        ({"match": {}, "action": {"type": "latency", "ms": -1}}, "ms"),
    ],
)
def test_what_is_no_rule_is_refused_by_name(rule: object, word: str) -> None:
    draft = Draft(Memory())
    with pytest.raises(faults.RuleError, match=word if word != "Rule" else "object"):
        faults.add_rule(draft, rule)
    assert draft.changes == {}


def test_rules_are_bounded_and_deleted() -> None:
    draft = Draft(Memory())
    rule = {"match": {}, "action": {"type": "rate_limit"}}
    for _ in range(faults.MAX_RULES):
        faults.add_rule(draft, rule)
    with pytest.raises(faults.RuleError):
        faults.add_rule(draft, rule)
    assert faults.delete_rules(draft, "000001") == 1
    assert faults.delete_rules(draft) == faults.MAX_RULES - 1


def test_latencies_add_up_and_of_the_rest_the_first_of_a_sort_counts() -> None:
    plan = faults.plan(
        tuple(
            faults.Fired(rule_id="1", action=action)
            for action in (
                faults.Latency(ms=5),
                faults.ResetAfter(),
                faults.HangBeforeEffect(),
                faults.Latency(ms=7),
                faults.BadJson(),
                faults.TruncateBody(),
            )
        )
    )
    assert (plan.delay_ms, plan.effect, plan.reply) == (12, "now", "reset")
    assert plan.spoil == faults.BadJson()


def test_the_journal_forgets_its_oldest() -> None:
    draft = Draft(Memory())
    draft.put("sandbox.counters", faults.JOURNAL, {"n": faults.MAX_JOURNAL})
    draft.put(faults.JOURNAL, f"{1:09}", {"seq": 1})
    faults.write_journal(draft, {"action": "x"})
    assert [key for key, _ in draft.scan(faults.JOURNAL)] == [f"{faults.MAX_JOURNAL + 1:09}"]


def test_business_time_only_goes_forward() -> None:
    draft = Draft(Memory())
    advance(draft, 5)
    advance(draft, 7)
    for wrong in (-1, 1.5, "7d", True, None, 10**15):
        with pytest.raises(BackwardsError):
            advance(draft, wrong)
    now = instant(1_000, draft)
    assert (now.wall, now.business) == (1_000, 1_012)


@pytest.fixture(params=["memory", "store"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Memory | Store]:
    if request.param == "memory":
        yield Memory()
    else:
        store = Store(tmp_path / "s.db")
        yield store
        store.close()


def test_records_are_read_back_in_order_by_prefix(kept: Memory | Store) -> None:
    kept.commit({("a", "k2"): {"n": 2}, ("a", "k1"): {"n": 1}, ("a", "x"): {}, ("b", "k1"): {}})
    assert list(kept.scan("a", "k")) == [("k1", {"n": 1}), ("k2", {"n": 2})]
    kept.commit({("a", "k1"): None, ("a", "k2"): {"n": 3}})
    assert (kept.get("a", "k1"), kept.get("a", "k2")) == (None, {"n": 3})


def test_a_draft_shows_its_changes_and_touches_nothing(kept: Memory | Store) -> None:
    below: Records = kept
    kept.commit({("a", "1"): {"n": 1}, ("a", "2"): {"n": 2}})
    draft = Draft(below)
    draft.delete("a", "1")
    draft.put("a", "3", {"n": 3})
    draft.put("a", "2", {"n": 20})
    assert list(draft.scan("a")) == [("2", {"n": 20}), ("3", {"n": 3})]
    assert draft.get("a", "1") is None
    assert list(below.scan("a")) == [("1", {"n": 1}), ("2", {"n": 2})]


def test_a_file_has_one_owner_and_one_seed(tmp_path: Path) -> None:
    store = Store(tmp_path / "s.db")
    assert store.seed(None, otherwise="one") == "one"
    assert store.seed("one", otherwise="x") == "one"
    with pytest.raises(StoreError, match="leave --seed out"):
        store.seed("two", otherwise="x")
    with pytest.raises(StoreError, match="another sandbox"):
        Store(tmp_path / "s.db")
    store.close()
    with pytest.raises(StoreError):
        Store(tmp_path / "absent" / "s.db")


def test_its_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    """People name themselves to the suppliers that it plays, as in earnest."""
    usual = os.umask(0o022)
    try:
        store = Store(tmp_path / "s.db")
    finally:
        os.umask(usual)
    store.commit({("orders", "1"): {"name": "Ada"}})
    files = sorted(tmp_path.iterdir())
    assert len(files) > 1  # the log that is written ahead
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_what_was_committed_outlives_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    program = (
        "import os, pathlib, signal, sys; from gateways.sandbox.store import Store; "
        "Store(pathlib.Path(sys.argv[1])).commit({('a', '1'): {'n': 1}}); "
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    ended = subprocess.run([sys.executable, "-c", program, str(path)], cwd=ROOT, check=False)
    assert ended.returncode == -signal.SIGKILL
    again = Store(path)
    assert again.get("a", "1") == {"n": 1}
    again.close()
