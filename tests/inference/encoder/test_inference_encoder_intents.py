"""Encoder and n-grams together: what each says counts, and what is damaged is refused."""

import json
import shutil
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from inference.encoder.encoder import Encoded, EncoderMissing, load_encoder
from inference.encoder.intents import ARTEFACT, EncoderHeads, load_heads
from inference.encoder.token_head import TokenHead, head_of
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


FILTERS, HIDDEN = 2, 4
ABOUT = 2 * FILTERS + WIDTH + len(SETTING_FEATURES)


def head() -> TokenHead:
    """Has nothing to say."""
    return TokenHead(
        middle=np.zeros(WIDTH, np.float32),
        spread=np.ones(WIDTH, np.float32),
        filters=np.zeros((1, 3 * WIDTH, FILTERS), np.float32),
        filter_biases=np.zeros((1, 1, FILTERS), np.float32),
        attention=np.zeros((1, FILTERS, 1), np.float32),
        inner=np.zeros((1, ABOUT, HIDDEN), np.float32),
        inner_biases=np.ones((1, 1, HIDDEN), np.float32),
        outer=np.zeros((1, HIDDEN, 1 + len(INTENTS)), np.float32),
        outer_biases=np.zeros((1, 1, 1 + len(INTENTS)), np.float32),
    )


def heads(share: float, *, says: int = 0, says_meant: float = 0.0) -> EncoderHeads:
    speaking = head()
    speaking.outer[0, 0, 1 + says] = 20.0
    speaking.outer[0, 1, 0] = says_meant
    return EncoderHeads(
        encoder=Pointing(),  # type: ignore[arg-type]
        ngrams=load_ngrams(),
        head=speaking,
        share=share,
        meant_share=2.0,
        shift=-1.0 if says_meant else 0.0,
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
        theirs = load_ngrams().scores("anyone hungry", setting).addressed
        assert heads(1.0).scores("anyone hungry", setting).addressed == pytest.approx(theirs)
        ours = heads(1.0, says_meant=1.75).scores("anyone hungry", setting).addressed
        assert odds_of(ours) == pytest.approx(odds_of(theirs) + 2.0 * 1.75 - 1.0)


def test_the_setting_moves_the_encoders_head():
    model = heads(1.0)
    asked = 2 * FILTERS + WIDTH + SETTING_FEATURES.index("asked dates")
    model.head.inner[0, asked, 2] = 5.0
    model.head.outer[0, 2, 1 + INTENTS.index("refine")] = 20.0
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
    packed = ARTEFACT / manifest["file"]
    assert packed.stat().st_size <= 2 << 20
    with np.load(packed) as arrays:
        head = head_of(arrays)
    filters = head.filters.shape[2]
    assert head.filters.shape[1] == 3 * 384
    assert head.inner.shape[1] == 2 * filters + 384 + len(SETTING_FEATURES)
    assert head.outer.shape[2] == 1 + len(INTENTS)
    assert all(np.isfinite(getattr(head, one.name)).all() for one in fields(head))


@pytest.mark.skipif(not (MODELS / "encoder").exists(), reason="`make models` was not called here")
def test_the_real_encoder_finds_like_meanings_near():
    encoder = load_encoder(MODELS / "encoder")
    near, other, far = (
        encoder.encode(text).emb
        for text in ("a warm beach in winter", "somewhere sunny by the sea", "my invoice is wrong")
    )
    assert near @ other > near @ far + 0.2
