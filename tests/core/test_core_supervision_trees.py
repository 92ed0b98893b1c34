"""Random supervision trees under random crashes do exactly what OTP's rules say."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
import structlog
from supervision_trees import CRASHES, Wrong, play_all

from core import child
from core.child import Life
from core.errors import EscalatedError
from core.restart_policy import Restart
from core.restart_rules import LEAVE, Decision, RestartRules
from core.supervisor import Strategy, _Watch
from loadtest.causes import first_cause

TREES: Final = 1_000
AT_ONCE: Final = 20
FOUND_WITHIN: Final = 20
"""Trees in which every mutant below must be found."""


@pytest.fixture(autouse=True)
def _no_logs(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Tens of thousands of planned crashes are no news, and not worth a description."""
    monkeypatch.setattr(child, "describe", lambda crash: {})
    quiet = structlog.make_filtering_bound_logger(logging.CRITICAL)
    structlog.configure(wrapper_class=quiet)
    yield
    structlog.reset_defaults()


def test_random_trees_under_random_crashes_do_what_the_model_does(
    record_property: Callable[[str, object], None],
) -> None:
    seen: Counter[str] = Counter()
    for first in range(0, TREES, AT_ONCE):
        seen.update(play_all(range(first, first + AT_ONCE)))
    record_property("counted", dict(seen))
    assert seen["ends"] == TREES * CRASHES
    assert min(seen[word] for word in "+-!e") > TREES


def _all_but_those_before(rules: Any, child: int) -> range:
    is_one = rules._strategy is Strategy.ONE_FOR_ONE
    return range(child, child + 1 if is_one else len(rules._restarts))


def _those_before_too(rules: Any, child: int) -> range:
    is_one = rules._strategy is Strategy.ONE_FOR_ONE
    return range(child if is_one else 0, child + 1 if is_one else len(rules._restarts))


def _always_alone(rules: Any, child: int) -> range:
    return range(child, child + 1)


def _as_permanent(rules: RestartRules, child: int, *, now: float, jitter: float, **_: Any) -> Any:
    return rules._restart(child, now, jitter)


def _transient_as_temporary(rules: RestartRules, child: int, *, crashed: bool, **more: Any) -> Any:
    was = rules._restarts[child] is not Restart.TRANSIENT
    return ENDED(rules, child, crashed=crashed, **more) if was else LEAVE


def _transient_as_permanent(rules: RestartRules, child: int, *, crashed: bool, **more: Any) -> Any:
    crashed = crashed or rules._restarts[child] is Restart.TRANSIENT
    return ENDED(rules, child, crashed=crashed, **more)


def _stopped_temporary_comes_back(rules: Any, child: int, now: float, jitter: float) -> Decision:
    gone = set(rules._gone)
    decision = RESTART(rules, child, now, jitter)
    rules._gone = gone
    return decision


def _one_restart_more(rules: Any, child: int, now: float, jitter: float) -> Decision:
    rules._recent = rules._recent[1:] if len(rules._recent) > 1 else rules._recent
    return RESTART(rules, child, now, jitter)


def _one_restart_less(rules: Any, child: int, now: float, jitter: float) -> Decision:
    if not rules._recent:
        rules._recent = [(now, child)]
    return RESTART(rules, child, now, jitter)


def _counted_by_child(rules: Any, child: int, now: float, jitter: float) -> Decision:
    everyone, rules._recent = rules._recent, [one for one in rules._recent if one[1] == child]
    decision = RESTART(rules, child, now, jitter)
    rules._recent += [one for one in everyone if one[1] != child]
    return decision


def _counted_for_ever(rules: Any, child: int, now: float, jitter: float) -> Decision:
    return RESTART(rules, child, 0.0, jitter)


def _failed_starts_are_free(rules: Any, child: int, *, now: float, jitter: float) -> Decision:
    decision = RESTART(rules, child, now, jitter)
    del rules._recent[-1:]
    return decision


def _a_failed_start_is_given_up(rules: Any, child: int, *, now: float, jitter: float) -> Decision:
    return LEAVE


async def _stop_in_start_order(watch: Any, numbers: Any) -> None:
    await STOP(watch, sorted(numbers))


async def _start_the_group_backwards(watch: Any) -> None:
    numbers = list(watch._rules.take_due())
    watch._rules.take_due = lambda: numbers[::-1]
    await START_DUE(watch)
    del watch._rules.take_due


async def _start_the_group_past_a_failure(watch: Any) -> None:
    for number in watch._rules.take_due():
        await watch._start(number)


def _ended_transients_stay_away(rules: Any, child: int, *, crashed: bool, **more: Any) -> Any:
    decision = ENDED(rules, child, crashed=crashed, **more)
    if decision is LEAVE:
        rules._gone.add(child)
    return decision


def _an_escalation_is_a_normal_end(life: Any, crash: Exception | None) -> None:
    life.__dict__["crash"] = None if isinstance(crash, EscalatedError) else crash


ENDED: Final = RestartRules.ended
RESTART: Final = RestartRules._restart
STOP: Final = _Watch._stop
START_DUE: Final = _Watch._start_due
MUTANTS: Final = [
    (RestartRules, "_group", _all_but_those_before),
    (RestartRules, "_group", _those_before_too),
    (RestartRules, "_group", _always_alone),
    (RestartRules, "ended", _as_permanent),
    (RestartRules, "ended", _transient_as_temporary),
    (RestartRules, "ended", _transient_as_permanent),
    (RestartRules, "ended", _ended_transients_stay_away),
    (RestartRules, "_restart", _stopped_temporary_comes_back),
    (RestartRules, "_restart", _one_restart_more),
    (RestartRules, "_restart", _one_restart_less),
    (RestartRules, "_restart", _counted_by_child),
    (RestartRules, "_restart", _counted_for_ever),
    (RestartRules, "failed_to_start", _failed_starts_are_free),
    (RestartRules, "failed_to_start", _a_failed_start_is_given_up),
    (_Watch, "_stop", _stop_in_start_order),
    (_Watch, "_start_due", _start_the_group_backwards),
    (_Watch, "_start_due", _start_the_group_past_a_failure),
    (Life, "crash", property(lambda life: life.__dict__["crash"], _an_escalation_is_a_normal_end)),
]


@pytest.mark.parametrize(("owner", "name", "mutant"), MUTANTS)
def test_a_supervisor_that_breaks_a_rule_is_found(
    owner: type, name: str, mutant: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owner, name, mutant, raising=False)
    for tree in range(FOUND_WITHIN):
        try:
            play_all(range(tree, tree + 1))
        except ExceptionGroup as group:
            wrong, other = group.split(Wrong)
            assert other is None
            assert wrong is not None
            print(f"found in tree {tree + 1}: {first_cause(wrong)}")
            return
    pytest.fail(f"not found in {FOUND_WITHIN} trees")
