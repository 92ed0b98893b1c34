"""The gate judges: a wrong reader fails, a right one passes, and it cannot be got round."""

import json
from pathlib import Path
from typing import Any

import pytest

from inference.training.limits import Limit
from inference.training.understanding import gate
from inference.training.understanding.gate import LIMITS, LOCKED, Refused, judged, of_half, report
from inference.training.understanding.held_out import HERE, Message, digests
from inference.training.understanding.judging import Counts
from protocol.understanding import Language, PlaceMention, Setting, Slots, Understanding

SAID = of_half("development")
GOLD: dict[str, tuple[Language, Message]] = {m.text: (language, m) for language, m in SAID}


def right(text: str, setting: Setting) -> Understanding:
    """What the labels say."""
    language, message = GOLD[text]
    gold = message.slots
    return Understanding(
        language=language,
        intent=message.intent,
        confidence=1.0,
        addressed=1.0 if message.to == "persona" else 0.0,
        slots=Slots(
            destination=tuple(PlaceMention(name=name) for name in gold.destination),
            origin=tuple(PlaceMention(name=name) for name in gold.origin),
            dates=gold.dates,
            budget=gold.budget,
            party=gold.party,
        ),
        reader="rules",
    )


def eager(text: str, setting: Setting) -> Understanding:
    """Takes everything for a wish to hear of places."""
    return Understanding(
        language="en", intent="ask_destination", confidence=1.0, addressed=1.0, reader="rules"
    )


def figures(read: Any) -> dict[str, float]:
    return report(judged(read, SAID))["all"]


def test_who_reads_as_the_labels_say_passes() -> None:
    found = figures(right)
    assert found["intent"] == found["slot_f1"] == found["language"] == 1.0
    assert found["chatter_answered"] == found["prompts_missed"] == 0.0
    assert all(limit.is_kept(found) for limit in LIMITS)


def test_who_reads_wrongly_fails_in_everything_that_is_wrong() -> None:
    found = figures(eager)
    kept = {limit.figure: limit.is_kept(found) for limit in LIMITS}
    assert kept == {
        "intent": False,
        "slot_f1": False,
        "chatter_answered": False,
        "prompts_missed": True,
    }


def test_the_limits_are_what_was_promised() -> None:
    assert {limit.figure: (limit.least, limit.most) for limit in (*LIMITS, gate.LEAD)} == {
        "intent": (0.75, None),
        "slot_f1": (0.75, None),
        "chatter_answered": (None, 0.02),
        "prompts_missed": (None, 0.10),
        "lead": (0.20, None),
    }
    assert gate.MAX_EVALUATIONS == 10


def test_a_language_that_is_read_badly_fails_unless_it_is_off() -> None:
    found = {language: {"intent": 0.65} for language in ("en", "de", "es", "fr")}
    assert gate.too_poor(found) == []
    found["fr"] = {"intent": 0.64}
    assert gate.too_poor(found) == ["fr"]
    assert gate.too_poor(found, frozenset[Language](("fr",))) == []


@pytest.fixture
def standing_in(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The gate of the locked half with the development half in its place; what it did, in order."""
    did: list[str] = []

    def note(entry: Any) -> None:
        did.append(f"note {entry['reader']} {entry['figures']['all']['messages']}")

    def of_half(half: str) -> list[tuple[Language, Message]]:
        did.append("read")
        return SAID

    monkeypatch.setattr(gate, "require_unchanged", lambda half: did.append(f"check {half}"))
    monkeypatch.setattr(gate, "require_no_overlap", lambda texts: did.append("overlap"))
    monkeypatch.setattr(gate, "of_half", of_half)
    monkeypatch.setattr(gate, "note", note)
    return did


def test_the_locked_half_is_checked_first_and_each_evaluation_is_noted(
    standing_in: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    gate.main(["--half", "locked"])
    assert standing_in == ["check locked", "overlap", "read", f"note ngrams {len(SAID)}"]
    assert "slot_f1" in capsys.readouterr().out


def test_the_gate_passes_and_fails_by_its_languages_too(
    standing_in: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert gate.main([]) == 0
    monkeypatch.setattr(gate, "OF_A_LANGUAGE", Limit("intent", least=0.90))
    assert gate.main([]) == 1


@pytest.mark.parametrize("refusing", ["require_unchanged", "require_no_overlap", "note"])
def test_a_gate_that_refuses_tells_no_figure(
    standing_in: list[str],
    refusing: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def refuse(*_: object) -> None:
        raise Refused("no")

    monkeypatch.setattr(gate, refusing, refuse)
    assert gate.main(["--half", "locked"]) == 2
    assert capsys.readouterr() == ("", "refused: no\n")
    assert ("read" in standing_in) == (refusing == "note")


def test_a_wrong_value_is_no_hit() -> None:
    counts = Counts()
    counts.add(["lisbon", "rome"], ["rome", "oslo"])
    assert (counts.hits, counts.wrong, counts.missed) == (1, 1, 1)
    assert counts.f1 == 0.5


def test_the_locked_half_is_what_was_committed() -> None:
    assert digests("locked") == dict(LOCKED)
    gate.require_unchanged("locked")


def test_a_changed_locked_half_is_not_judged() -> None:
    with pytest.raises(Refused, match="not what was committed"):
        gate.require_unchanged("locked", {**LOCKED, "en.jsonl": "0" * 64})


def test_copied_training_data_stops_the_gate() -> None:
    copied = max(GOLD, key=len)
    with pytest.raises(Refused, match="shares"):
        gate.require_no_overlap(["all is well", copied])


def test_after_ten_evaluations_there_is_none(tmp_path: Path) -> None:
    path = tmp_path / "evaluations.jsonl"
    for number in range(gate.MAX_EVALUATIONS):
        gate.note({"number": number}, path)
    assert [json.loads(line)["number"] for line in path.read_text().splitlines()] == list(range(10))
    with pytest.raises(Refused, match="no eleventh"):
        gate.note({"number": 10}, path)
    assert len(path.read_text().splitlines()) == gate.MAX_EVALUATIONS


def test_no_more_than_ten_evaluations_are_on_record() -> None:
    path = HERE / "evaluations.jsonl"
    assert not path.exists() or len(path.read_text().splitlines()) <= gate.MAX_EVALUATIONS


def test_the_ngrams_read_the_development_half_as_well_as_they_did() -> None:
    """A fall means a recogniser or a feature broke; figures stand in docs/adr/0011."""
    from inference.reader import ModelReader
    from inference.training.understanding.places import gazetteer

    read = ModelReader(gate.models("ngrams"), gazetteer()).read_sync
    found = figures(read)
    assert found["intent"] >= 0.75
    assert found["slot_f1"] >= 0.88
    assert found["chatter_answered"] <= 0.10
    assert found["prompts_missed"] <= 0.22
    assert found["language"] >= 0.94


def test_the_encoder_reads_the_development_half_as_well_as_it_did() -> None:
    """It answers people wherever `make models` was called."""
    from inference.reader import ModelReader
    from inference.training.understanding.places import gazetteer

    try:
        models = gate.models("encoder")
    except Refused:
        pytest.skip("`make models` was not called here")
    found = report(judged(ModelReader(models, gazetteer()).read_sync, SAID))
    assert gate.too_poor(found) == []
    assert all(limit.is_kept(found["all"]) for limit in LIMITS), found["all"]
    assert found["all"]["intent"] >= 0.90
    assert found["all"]["slot_f1"] >= 0.90
