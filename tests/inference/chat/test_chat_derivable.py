"""The matcher knows what templates can say, and nothing else."""

import random

import pytest
from msgspec.structs import replace

from inference.training.chat.corpus import load_speeches, say
from inference.training.chat.derivable import is_derivable
from inference.training.chat.plans import drawn
from inference.wording.compact import VOICES
from inference.wording.templates import Templates
from protocol.wording import ACTS

TEMPLATES = Templates.load()
DICE = random.Random(8)
PLANS = [drawn(DICE, voice, act) for voice in VOICES for act in ACTS]


def test_all_that_templates_write_is_derivable() -> None:
    for plan in PLANS:
        for seed in range(3):
            asked = replace(plan, seed=seed)
            text = TEMPLATES.write(asked)
            assert is_derivable(text, asked, TEMPLATES.speech_of("en", plan.voice)), text


def test_the_corpus_is_derivable_from_its_own_texts_and_not_from_templates() -> None:
    speeches = load_speeches()
    own = other = 0
    for plan in PLANS:
        if plan.voice in speeches:
            text = say(speeches[plan.voice], plan, DICE)
            assert is_derivable(text, plan, speeches[plan.voice]), text
            own += 1
            other += is_derivable(text, plan, TEMPLATES.speech_of("en", plan.voice))
    assert own
    assert other <= 0.02 * own


@pytest.mark.parametrize("change", [" Well.", "!", " {user}"])
def test_a_template_with_anything_more_is_not(change: str) -> None:
    for plan in PLANS:
        text = TEMPLATES.write(plan)
        assert not is_derivable(text + change, plan, TEMPLATES.speech_of("en", plan.voice))


def test_it_depends_on_the_voice_the_act_and_the_facts() -> None:
    plan = drawn(random.Random(1), "luxury", "show_hotels")
    text = TEMPLATES.write(plan)
    assert not is_derivable(text, plan, TEMPLATES.speech_of("en", "adventure"))
    assert not is_derivable(text, replace(plan, act="greet"), TEMPLATES.speech_of("en", "luxury"))
    more = {**plan.facts, "offer.2.name": "x", "offer.2.price": "x", "offer.3.name": "x"}
    fewer = {name: "x" for name in plan.facts if not name.startswith(("offer.2", "offer.3"))}
    said = {
        is_derivable(text, replace(plan, facts=facts), TEMPLATES.speech_of("en", "luxury"))
        for facts in (more, fewer)
    }
    assert False in said
