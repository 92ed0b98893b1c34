"""The corpus: replies drawn from what people wrote for eight voices in `speech/`, with placeholders."""

import random
from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Final

from inference.training.chat.plans import drawn
from inference.training.chat.speaker import Speaker
from inference.wording.compact import VOICES
from inference.wording.grammar import expanded, is_sayable
from inference.wording.templates import MOODY, Speech, speech
from protocol.persona import Voice
from protocol.wording import Plan

SPEECH: Final = Path(__file__).with_name("speech")

Speeches = Mapping[Voice, Speech]


def load_speech(voice: Voice, folder: Path = SPEECH) -> Speech:
    """Raises `GrammarError` with the line, `OSError` when there is no file."""
    return speech((folder / f"{voice}.txt").read_text("utf-8"), "en")


def load_speeches(folder: Path = SPEECH) -> Speeches:
    """All voices that have a file. Raises `GrammarError`, `FileNotFoundError` when none has."""
    there = [voice for voice in VOICES if (folder / f"{voice}.txt").is_file()]
    if not there:
        raise FileNotFoundError(f"no voice has texts in {folder}")
    return {voice: load_speech(voice, folder) for voice in there}


def digest_of(folder: Path = SPEECH) -> str:
    """Changes with any word of the texts."""
    digest = sha256()
    for path in sorted(folder.glob("*.txt")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def say(spoken: Speech, plan: Plan, dice: random.Random) -> str:
    """A reply to the plan, with placeholders."""
    patterns = [one for one in spoken.acts[plan.act] if is_sayable(one, spoken.rules, plan.facts)]
    text = expanded(dice.choice(patterns), spoken.rules, plan.facts, dice.randrange)
    if plan.act in MOODY.get(plan.mood, ()):
        mood = expanded(spoken.rules[plan.mood], spoken.rules, plan.facts, dice.randrange)
        text = f"{mood} {text}"
    return " ".join(text.split())


def groups(
    seed: int,
    speeches: Speeches,
    *,
    each: int = 1,
    wanted: Callable[[Plan], bool] = lambda plan: True,
) -> Iterator[tuple[Plan, list[str]]]:
    """Plans that are `wanted`, with `each` replies, drawn one by one. Without an end; the same for the
    same seed and texts."""
    dice = random.Random(seed)  # noqa: S311 - words, not secrets
    voices = list(speeches)
    speakers = {voice: Speaker(spoken) for voice, spoken in speeches.items()}
    while True:
        plan = drawn(dice, dice.choice(voices))
        if wanted(plan):
            yield plan, [speakers[plan.voice].say(plan, dice) for _ in range(each)]


def replies(seed: int, voices: tuple[Voice, ...] = VOICES) -> Iterator[tuple[Plan, str]]:
    """Without an end; the same for the same seed and texts."""
    for plan, said in groups(seed, {voice: load_speech(voice) for voice in voices}):
        yield plan, said[0]
