"""Whether a message is glad: the messages, what is counted in them, the committed head and its gate."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from inference.encoder.encoder import Encoded
from inference.sentiment.features import FEATURES, features_of, sign_of
from inference.sentiment.head import ARTEFACT, FILE, MOODS, MoodHead, load_mood_head
from inference.training.sentiment import gate
from inference.training.sentiment.messages import LANGUAGES, digests, labelled
from inference.understanding.folding import words_of
from inference.understanding.ngrams import ModelDamaged

MODELS = Path(__file__).parents[3] / ".models"
has_encoder = pytest.mark.skipif(
    not (MODELS / "encoder").exists(), reason="`make models` was not called here"
)


class Pointing:
    """An encoder that says the same of every text."""

    version = "pointing"

    def encode(self, text: str) -> Encoded:
        return Encoded(np.zeros(384, np.float32), np.zeros((1, 384), np.float32), ((0, 1),))


def counted(text: str) -> dict[str, float]:
    return {name: value for name, value in zip(FEATURES, features_of(text), strict=True) if value}


def test_the_half_that_judges_is_the_one_that_was_committed():
    assert digests("held_out") == gate.HELD_OUT


def test_no_message_is_learned_from_that_judges_nor_four_words_of_one():
    def runs(text: str) -> set[tuple[str, ...]]:
        words = words_of(text)
        return {tuple(words[at : at + 4]) for at in range(len(words) - 3)} | {tuple(words)}

    learned = set().union(*(runs(one.text) for one in labelled("train") if words_of(one.text)))
    for one in labelled("held_out"):
        shared = runs(one.text) & learned if words_of(one.text) else set()
        # An errand in two words ("two nights") is everybody's.
        assert all(len(run) < 4 for run in shared), one.text


@pytest.mark.parametrize("half", ["train", "held_out"])
def test_each_mood_has_a_third_of_each_language(half):
    for language in LANGUAGES:
        moods = [one.mood for one in labelled(half) if one.language == language]
        assert [moods.count(mood) for mood in MOODS] == [len(moods) // 3] * 3


@pytest.mark.parametrize(
    ("word", "sign"),
    [("wunderbarer", "+"), ("maravilloso", "+"), ("nul", "-"), ("nulle", None), ("train", None)],
)
def test_words_tell_by_themselves_or_by_how_they_begin(word, sign):
    assert sign_of(word) == sign


def test_a_no_before_a_word_is_told_apart():
    assert counted("good") == {"glad": 1}
    assert counted("that is not a good idea") == {"glad after no": 1, "no": 1}
    assert counted("so great! why?") == {"glad": 1, "!": 1, "?": 1}
    assert counted("great " * 50) == {"glad": 2}


def test_the_committed_head_is_small_and_fits():
    manifest = json.loads((ARTEFACT / "manifest.json").read_bytes())
    assert sum(path.stat().st_size for path in ARTEFACT.iterdir()) < 200_000
    with np.load(ARTEFACT / FILE) as arrays:
        assert arrays["weights"].shape == (len(MOODS), 384 + len(FEATURES))
    assert manifest["examples"] == len(labelled("train"))


def test_another_encoders_head_and_a_damaged_one_are_refused(tmp_path: Path):
    with pytest.raises(ModelDamaged):
        load_mood_head(Pointing())  # type: ignore[arg-type]
    with pytest.raises(ModelDamaged):
        load_mood_head(Pointing(), tmp_path)  # type: ignore[arg-type]
    folder = tmp_path / "sentiment"
    shutil.copytree(ARTEFACT, folder)
    with (folder / FILE).open("ab") as file:
        file.write(b"\0")
    manifest = json.loads((folder / "manifest.json").read_bytes())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"encoder": "pointing"}))
    with pytest.raises(ModelDamaged):
        load_mood_head(Pointing(), folder)  # type: ignore[arg-type]


def test_the_head_answers_by_its_weights():
    weights = np.zeros((3, 384 + len(FEATURES)), np.float32)
    weights[MOODS.index("positive"), 384 + FEATURES.index("glad")] = 1.0
    head = MoodHead(Pointing(), weights, np.array([0.0, 0.5, 0.0], np.float32), "t")  # type: ignore[arg-type]
    assert head.mood_of("what a great day") == "positive"
    assert head.mood_of("the bus leaves at nine") == "neutral"


def test_the_gate_passes_who_is_right_and_fails_who_guesses():
    found = labelled("held_out")
    right = [one.mood for one in found]
    assert gate.is_passed(gate.figures_of(right, found))
    assert not gate.is_passed(gate.figures_of([*right[40:], *right[:40]], found))
    assert not gate.is_passed(gate.figures_of(["neutral"] * len(found), found))
    one_language_wrong = ["neutral" if one.language == "fr" else one.mood for one in found]
    assert not gate.is_passed(gate.figures_of(one_language_wrong, found))


@has_encoder
def test_the_committed_head_passes_the_gate():
    assert gate.main() == 0
