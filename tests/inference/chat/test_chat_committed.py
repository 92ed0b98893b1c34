"""The chat model that comes with the release: served, held to its gate, and of the size that was promised."""

import pytest

from core.config import DEFAULT_CHAT_MODEL
from inference.composing.forms import FormComposer
from inference.engine.chat_model import ChatModel
from inference.training.chat.corpus import load_speeches
from inference.training.chat.gate import ears, evidence
from inference.training.chat.judging import LIMITS, figures
from inference.wording.compact import VOICES
from inference.wording.templates import Templates
from protocol.wording import ACTS, Plan

PLANS = len(ACTS) * len(VOICES)
"""Each act in each voice once, of the gate's two thousand."""

MODELS = DEFAULT_CHAT_MODEL.parent


@pytest.fixture(scope="module")
def composer() -> FormComposer:
    return FormComposer()


@pytest.fixture(scope="module")
def model(composer: FormComposer) -> ChatModel:
    """Sums and golden prompts are right, and its tokens are those that the compact form writes now."""
    return composer.load(DEFAULT_CHAT_MODEL)


def test_it_words_every_act_in_every_voice(composer: FormComposer, model: ChatModel) -> None:
    for act in ACTS:
        for voice in VOICES:
            plan = Plan(act=act, voice=voice, language="en", facts={})
            assert composer.can_word(plan, model), (act, voice)


def test_its_deadlines_are_those_of_the_architecture(model: ChatModel) -> None:
    manifest = model.folder.manifest
    assert (manifest.prefill_within_ms, manifest.first_within_ms) == (120, 150)


def test_it_passes_its_gate_on_plans_of_every_act_and_voice(model: ChatModel) -> None:
    """But for `copied`, which takes the corpus that it was trained on."""
    templates = Templates.load()
    spoken = {voice: templates.speech_of("en", voice) for voice in VOICES}
    found = figures(
        evidence(model, PLANS, 11, None),
        has=lambda text: False,
        spoken=spoken,
        ears=ears(load_speeches(), 6_000),
    )
    # Of so few plans, one in a hundred would be two.
    few = found | {"illegal": found["illegal"] / 2}
    assert [limit.figure for limit in LIMITS if not limit.is_kept(few)] == [], found


@pytest.mark.parametrize(
    ("folder", "megabytes"), [("chat", 8), ("ngrams", 4), ("heads", 2), ("", 15)]
)
def test_what_was_trained_is_small(folder: str, megabytes: int) -> None:
    files = (path for path in (MODELS / folder).rglob("*") if path.is_file())
    assert 0 < sum(path.stat().st_size for path in files) <= megabytes * 10**6
