"""Rules first, then the model; while it is away, late or broken, rules alone, and one line in the log."""

import threading
from typing import Any

import trio
from fraud_cases import NOW, Counting, alone, facts, histories, model
from structlog.testing import capture_logs

from core.ports.fraud import Screener
from inference.fraud.features import FEATURES, read
from inference.fraud.screener import WITHIN, FraudScreener


class Wall:
    def now_ms(self) -> int:
        return NOW

    def monotonic(self) -> float:
        return 0.0


class Broken:
    def run(self, *args: Any) -> Any:
        raise RuntimeError


class Nan:
    def run(self, names: Any, inputs: dict[str, Any]) -> list[Any]:
        return [inputs["features"][:, :1] * float("nan")]


def screener(found: Any = None) -> FraudScreener:
    made = FraudScreener(Wall())
    made.use(found)
    return made


async def test_rules_alone_speak_without_a_model_and_features_are_kept() -> None:
    rules: Screener = screener()
    found = await rules.screen(facts(), histories())
    assert (found.verdict, found.reasons, found.score, found.model) == ("allow", (), None, "rules")
    assert len(read(found.features) or ()) == len(FEATURES)
    denied = await rules.screen(alone(declines=12, methods=12), histories())
    assert (denied.verdict, denied.reasons[0]) == ("deny", "card_testing")


async def test_from_its_threshold_on_the_model_reviews_and_never_denies() -> None:
    usual = screener(model(threshold=1.0))
    clean = await usual.screen(alone(declines=1), histories())
    strange = await usual.screen(alone(declines=3, methods=2), histories())
    far = await usual.screen(alone(declines=10**6, methods=1), histories())
    assert (clean.verdict, clean.score, clean.model) == ("allow", 0.693147, "v1")
    assert (strange.verdict, strange.reasons[0]) == ("review", "unusual")
    assert far.verdict == "review"
    assert "unusual_declines" in far.reasons
    assert usual.statistics() == {
        "allow": 1,
        "review": 2,
        "deny": 0,
        "scored": 3,
        "late": 0,
        "failed": 0,
        "model": 1,
    }


async def test_a_refusal_by_rules_stands_whatever_the_model_says() -> None:
    for threshold in (0.0, 99.0):
        found = await screener(model(threshold=threshold)).screen(
            alone(declines=12, methods=12), histories()
        )
        assert (found.verdict, found.reasons[0]) == ("deny", "card_testing")


async def test_a_model_that_breaks_leaves_rules_alone_and_is_told_of_once() -> None:
    for session in (Broken(), Nan()):
        broken = screener(model(session=session))
        with capture_logs() as logs:
            for _ in range(3):
                found = await broken.screen(facts(), histories())
                assert (found.verdict, found.score, found.model) == ("allow", None, "rules")
        assert [line["event"] for line in logs] == ["fraud.model_away"]
        assert broken.statistics()["failed"] == 3
        broken.use(model(session=session))
        with capture_logs() as logs:
            await broken.screen(facts(), histories())
        assert len(logs) == 1


async def test_a_model_that_is_late_is_not_waited_for(autojump_clock: Any) -> None:
    go_on = threading.Event()

    class Slow(Counting):
        def run(self, names: Any, inputs: dict[str, Any]) -> list[Any]:
            go_on.wait()
            return super().run(names, inputs)

    slow = screener(model(session=Slow()))
    begun = trio.current_time()
    try:
        with capture_logs() as logs:
            found = await slow.screen(facts(), histories())
            # The thread is still taken: this one does not wait for it either.
            again = await slow.screen(alone(declines=12, methods=12), histories())
    finally:
        go_on.set()
    assert (found.verdict, found.model, again.verdict) == ("allow", "rules", "deny")
    assert trio.current_time() - begun == 2 * WITHIN < 2.0
    assert slow.statistics()["late"] == 2
    assert len(logs) == 1


async def test_another_model_speaks_from_the_next_booking_on() -> None:
    exchanged = screener(model(threshold=99.0))
    booking = alone(declines=3, methods=2)
    assert (await exchanged.screen(booking, histories())).verdict == "allow"
    exchanged.use(model(threshold=0.5, version="v2"))
    assert (await exchanged.screen(booking, histories())).verdict == "review"
    assert exchanged.speaks == "v2"
    exchanged.use(None)
    assert (await exchanged.screen(booking, histories())).verdict == "allow"
    assert exchanged.speaks == "rules"
