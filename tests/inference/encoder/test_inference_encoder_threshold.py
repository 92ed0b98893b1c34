"""Where `addressed` begins: both gates at once, over what models say of strangers."""

import numpy as np
import pytest

from inference.reader import ModelReader
from inference.training.encoder.threshold import SHIFTS, best, curve, margins_of, shifted
from inference.training.understanding.examples import Example
from inference.training.understanding.judging import is_answered
from inference.training.understanding.places import gazetteer
from inference.understanding.intents import IntentModel
from inference.understanding.ngrams import load_ngrams
from protocol.understanding import Setting

CHATTER = np.array([True] * 100 + [False] * 100)


def test_the_middle_of_what_parts_them_is_chosen() -> None:
    found = curve(np.array([-3.05] * 100 + [0.95] * 100), CHATTER)
    at = best(found)
    assert found[at].tolist() == [0, 0]
    assert SHIFTS[at] == pytest.approx(1.0, abs=0.2)


def test_when_they_overlap_the_worse_gate_has_the_most_room() -> None:
    scores = np.array([-3.0] * 95 + [1.05] * 5 + [0.5] * 4 + [3.0] * 96)
    # Five of a hundred are answered or four are missed: the latter is within its gate.
    assert curve(scores, CHATTER)[best(curve(scores, CHATTER))].tolist() == [0, 0.04]


def test_a_margin_says_from_which_shift_on_a_message_is_answered() -> None:
    model = load_ngrams()
    lone, group = Setting(people=1), Setting(people=3)
    said = [
        said_by("did you feed the dog", group),
        said_by("somewhere warm in march please", group),
        said_by("somewhere warm in march please", lone),
        said_by("the 5th of march", Setting(people=3, asked="dates", last="persona")),
    ]
    margins = margins_of(model, said)
    assert margins[0] < margins[1] < np.inf
    assert margins[2] == margins[3] == np.inf  # there is nobody else; it is what was asked
    for at, one in enumerate(said[:2]):
        for beyond, answered in ((0.1, True), (-0.1, False)):
            moved = shifted(model, float(beyond - margins[at]))
            assert is_answered_by(moved, one) is answered


def said_by(text: str, setting: Setting) -> Example:
    return Example(
        text=text,
        language="en",
        setting=setting,
        intent="search_flight",
        is_meant=True,
        spans=(),
        phrasing=0,
    )


def is_answered_by(model: IntentModel, one: Example) -> bool:
    reader = ModelReader([model], gazetteer())
    return is_answered(reader.read_sync(one.text, one.setting))
