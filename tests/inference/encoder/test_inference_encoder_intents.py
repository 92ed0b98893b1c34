"""Encoder and n-grams together: what each says counts, and what is damaged is refused."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from inference.encoder.encoder import Encoded, EncoderMissing, load_encoder
from inference.encoder.intents import ARTEFACT, EncoderHeads, MeantHead, load_heads
from inference.understanding.dialogue import odds_of
from inference.understanding.intents import SETTING_FEATURES
from inference.understanding.ngrams import ModelDamaged, load_ngrams
from protocol.understanding import INTENTS, Setting

MODELS = Path(__file__).parents[3] / ".models"
WIDTH = 8


class Pointing:
    """An encoder that says the same of every text."""

    version = "pointing"

    def encode(self, text: str) -> Encoded:
        emb = np.zeros(WIDTH, np.float32)
        emb[0] = 1.0
        return Encoded(emb, emb[None], ((0, 1),))


ABOUT = WIDTH + len(SETTING_FEATURES)
SILENT = MeantHead(
    inner=np.zeros((2, ABOUT), np.float32),
    inner_biases=np.zeros(2, np.float32),
    outer=np.zeros(2, np.float32),
    bias=0.0,
    share=1.0,
    shift=0.0,
)
"""Has nothing to say of whom a message is for."""


def heads(share: float, *, says: int = 0) -> EncoderHeads:
    weights = np.zeros((len(INTENTS), WIDTH + len(SETTING_FEATURES)), np.float32)
    weights[says, 0] = 5.0
    return EncoderHeads(
        encoder=Pointing(),  # type: ignore[arg-type]
        ngrams=load_ngrams(),
        weights=weights,
        biases=np.zeros(len(INTENTS), np.float32),
        share=share,
        meant=SILENT,
        version="test",
        languages=frozenset({"en"}),
    )


def best(model: EncoderHeads, text: str) -> str:
    scores = model.scores(text, Setting())
    return INTENTS[int(np.argmax(scores.intents))]


def test_probabilities_are_probabilities():
    scores = heads(0.5).scores("a hotel in rome please", Setting(people=3))
    assert sum(scores.intents) == pytest.approx(1)
    assert all(0 <= score <= 1 for score in (*scores.intents, scores.addressed))


def test_the_share_says_whose_word_counts():
    weather = INTENTS.index("weather")
    text = "find me a hotel in rome for two nights"
    alone = load_ngrams().scores(text, Setting())
    assert INTENTS[int(np.argmax(alone.intents))] == "search_hotel"
    assert best(heads(1.0, says=weather), text) == "weather"
    assert best(heads(0.0, says=weather), text) == "search_hotel"


def test_whom_it_is_meant_for_is_the_ngrams_word_and_what_the_encoder_adds():
    for people in (1, 4):
        setting = Setting(people=people)
        ours = heads(1.0).scores("anyone hungry", setting).addressed
        theirs = load_ngrams().scores("anyone hungry", setting).addressed
        assert ours == pytest.approx(theirs)
        # Rectified: the first hidden one says 3, the second nothing.
        inner = np.zeros((2, ABOUT), np.float32)
        inner[:, 0] = 0.75, -0.75  # of four
        outer = np.array([0.5, 9.0], np.float32)
        speaking = replace(SILENT, inner=inner, outer=outer, bias=0.25, share=2.0, shift=-1.0)
        ours = replace(heads(1.0), meant=speaking).scores("anyone hungry", setting).addressed
        assert odds_of(ours) == pytest.approx(odds_of(theirs) + 2.0 * (1.5 + 0.25) - 1.0)


def test_the_setting_moves_the_encoders_head():
    model = heads(1.0)
    weights = model.weights.copy()
    weights[INTENTS.index("refine"), WIDTH + SETTING_FEATURES.index("asked dates")] = 50.0
    model = replace(model, weights=weights)
    scores = model.scores("in march", Setting(asked="dates"))
    assert INTENTS[int(np.argmax(scores.intents))] == "refine"


def test_no_encoder_is_normal_and_said(tmp_path: Path):
    with pytest.raises(EncoderMissing):
        load_heads(tmp_path)


@pytest.mark.skipif(not (MODELS / "encoder").exists(), reason="`make models` was not called here")
def test_damaged_heads_are_refused(tmp_path: Path):
    folder = tmp_path / "heads"
    shutil.copytree(ARTEFACT, folder)
    with (folder / "heads.npz").open("ab") as file:
        file.write(b"\0")
    with pytest.raises(ModelDamaged):
        load_heads(MODELS, folder)


def test_the_committed_heads_fit_the_encoder_and_the_settings():
    manifest = json.loads((ARTEFACT / "manifest.json").read_bytes())
    with np.load(ARTEFACT / manifest["file"]) as arrays:
        assert arrays["weights"].shape == (len(INTENTS), 384 + len(SETTING_FEATURES))
        assert arrays["biases"].shape == (len(INTENTS),)
        assert arrays["meant_inner"].shape[1] == 384 + len(SETTING_FEATURES)
        assert np.isfinite(arrays["meant_inner"]).all()


@pytest.mark.skipif(not (MODELS / "encoder").exists(), reason="`make models` was not called here")
def test_the_real_encoder_finds_like_meanings_near():
    encoder = load_encoder(MODELS / "encoder")
    near, other, far = (
        encoder.encode(text).emb
        for text in ("a warm beach in winter", "somewhere sunny by the sea", "my invoice is wrong")
    )
    assert near @ other > near @ far + 0.2
