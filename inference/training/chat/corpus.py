"""The corpus: replies drawn from what people wrote for eight voices in `speech/`, with placeholders."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from inference.training.chat.plans import drawn
from inference.wording.compact import VOICES
from inference.wording.grammar import expanded, is_sayable
from inference.wording.templates import MOODY, Speech, speech
from protocol.persona import Voice
from protocol.wording import Plan

SPEECH: Final = Path(__file__).with_name("speech")


def load_speech(voice: Voice) -> Speech:
    """Raises `GrammarError` with the line, `OSError` when there is no file."""
    return speech((SPEECH / f"{voice}.txt").read_text("utf-8"), "en")


def say(spoken: Speech, plan: Plan, dice: random.Random) -> str:
    """A reply to the plan, with placeholders."""
    patterns = [one for one in spoken.acts[plan.act] if is_sayable(one, spoken.rules, plan.facts)]
    text = expanded(dice.choice(patterns), spoken.rules, plan.facts, dice.randrange)
    if plan.act in MOODY.get(plan.mood, ()):
        mood = expanded(spoken.rules[plan.mood], spoken.rules, plan.facts, dice.randrange)
        text = f"{mood} {text}"
    return " ".join(text.split())


def replies(seed: int, voices: tuple[Voice, ...] = VOICES) -> Iterator[tuple[Plan, str]]:
    """Without an end; the same for the same seed and texts."""
    dice = random.Random(seed)  # noqa: S311 - words, not secrets
    speeches = {voice: load_speech(voice) for voice in voices}
    while True:
        plan = drawn(dice, dice.choice(voices))
        yield plan, say(speeches[plan.voice], plan, dice)
