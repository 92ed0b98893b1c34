"""The committed n-gram model: it is what its manifest says, fast, the same every time, and never raises."""

import json
import shutil
import time
import timeit
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from machine_speed import work
from understanding_places import gazetteer

from inference.reader import ModelReader
from inference.understanding.intents import SETTING_FEATURES, Mark, setting_vector
from inference.understanding.ngrams import ARTEFACT, ModelDamaged, NgramModel, features, load_ngrams
from protocol.understanding import INTENTS, Setting

MAX_BYTES = 4 * 2**20


@pytest.fixture(scope="module")
def model() -> NgramModel:
    return load_ngrams()


def test_the_weights_are_eight_bit_and_the_files_small(model: NgramModel) -> None:
    assert model.weights.dtype == np.int8
    assert model.weights.shape[1] == len(INTENTS) + 1
    assert sum(file.stat().st_size for file in ARTEFACT.iterdir()) < MAX_BYTES


def test_plain_wishes_are_understood(model: NgramModel) -> None:
    for text, right in (
        ("cheap flights to lisbon please", "search_flight"),
        ("hotel in rome for two nights", "search_hotel"),
        ("thank you so much", "thanks"),
        ("suche ein hotel in wien", "search_hotel"),
        ("vuelos baratos a madrid", "search_flight"),
        ("quel temps fait-il à rome", "weather"),
    ):
        assert ModelReader([model], gazetteer()).read_sync(text, Setting()).intent == right, text


def test_who_is_named_is_more_likely_meant(model: NgramModel) -> None:
    text = "what do you think"
    named = model.scores(text, Setting(people=3, addressed=True)).addressed
    assert named > model.scores(text, Setting(people=3)).addressed


def test_the_same_text_has_the_same_scores(model: NgramModel) -> None:
    one, two = (model.scores("flights to rome", Setting(people=2)) for _ in range(2))
    assert one == two


@settings(deadline=None)
@given(st.text(max_size=200), st.integers(0, 40), st.integers(0, 40))
def test_no_text_and_no_marks_break_it(text: str, start: int, length: int) -> None:
    scores = load_ngrams().scores(text, Setting(), marks=[Mark(start, start + length, "dates")])
    assert sum(scores.intents) == pytest.approx(1.0)
    assert 0.0 <= scores.addressed <= 1.0


def test_what_was_recognised_stands_as_one_word() -> None:
    marks = [Mark(8, 14, "destination"), Mark(15, 21, "dates")]
    assert {"w LOC", "w DATE", "p LOC DATE"} <= set(
        features("fly now lisbon in may", Setting(), marks)
    )
    assert "w lisbon" not in set(features("fly now lisbon in may", Setting(), marks))


def test_a_setting_is_ones_and_noughts_in_a_fixed_order() -> None:
    vector = setting_vector(Setting(people=3, addressed=True, asked="dates", last="persona"))
    said = {name for name, one in zip(SETTING_FEATURES, vector, strict=True) if one}
    assert said == {"group", "named", "asked dates", "shown None", "last persona"}


def test_a_file_that_is_not_the_manifests_is_refused(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(ARTEFACT, tmp_path / "ngrams"))
    packed = next(folder.glob("*.npz"))
    packed.write_bytes(packed.read_bytes()[:-1] + b"x")
    with pytest.raises(ModelDamaged, match="not the file"):
        load_ngrams(folder)


def test_a_folder_without_a_model_says_so(tmp_path: Path) -> None:
    with pytest.raises(ModelDamaged, match="no n-gram model"):
        load_ngrams(tmp_path)


def test_the_manifest_names_the_command_that_made_it() -> None:
    manifest = json.loads((ARTEFACT / "manifest.json").read_text())
    assert manifest["made_by"].startswith("python -m inference.training.understanding")


def test_a_message_takes_less_than_a_millisecond(model: NgramModel) -> None:
    """Where plain Python takes 9 ms for its hundred thousand rounds."""
    text = "hey can somebody look up a hotel in porto for the weekend, nothing fancy, 80 a night"
    setting = Setting(people=3)
    takes = timeit.repeat(
        lambda: model.scores(text, setting), number=50, repeat=5, timer=time.thread_time
    )
    took = min(takes) / 50
    assert took < 1e-3 * max(work() / 0.009, 1.0)
