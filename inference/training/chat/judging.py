"""The figures of the gate "that it is generated", from what was said. Pure."""

import itertools
import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from msgspec.structs import replace

from inference.training.chat.derivable import is_derivable
from inference.training.chat.held_out import is_held_out
from inference.training.chat.plans import belongs, drawn
from inference.training.chat.telling import Taken, Teller, without, words
from inference.training.limits import Limit
from inference.wording.compact import VOICES
from inference.wording.filling import check
from inference.wording.templates import Speech
from protocol.persona import Voice
from protocol.wording import ACTS, PLACEHOLDERS, REQUIRED, Plan

_SLOT: Final = re.compile(r"\{([^{}]*)\}")
_CONTROL: Final = re.compile(r"<[a-z_:]+>")
TAKEN: Final = 20
"""N-grams of each voice that are taken out."""


LIMITS: Final = (
    Limit("illegal", most=0.01),
    Limit("faulty", most=0.0),
    Limit("copied", most=0.30),
    Limit("templated", most=0.05),
    Limit("differing", least=0.80),
    Limit("voice", least=0.80),
    Limit("voice_swapped", least=0.80),
    Limit("act_swapped", least=0.80),
)
MEANINGS: Final[Mapping[str, str]] = {
    "illegal": "unmasked replies with a placeholder that the plan has not, or a control token",
    "faulty": "masked replies that may not be said",
    "copied": "replies that are in the corpus, word for word",
    "templated": "replies that the templates can produce for the plan",
    "differing": "replies that another seed words otherwise",
    "voice": f"voices told right, each voice's {TAKEN} most telling n-grams taken out",
    "voice_swapped": "the same plan in another voice: told as that voice, n-grams taken out",
    "act_swapped": "the same facts with another act: told as that act",
    "whole": "unmasked replies that pass the whole check",
    "act": "acts told right",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What a model said to the same plans. `free`: with nothing that held it. `again`: with other seeds.
    `revoiced`, `reacted`: to the plans with another voice, another act. Pairs of plan and text."""

    free: Sequence[tuple[Plan, str]]
    said: Sequence[tuple[Plan, str]]
    again: Sequence[tuple[Plan, str]]
    revoiced: Sequence[tuple[Plan, str]]
    reacted: Sequence[tuple[Plan, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ears:
    """Who tells voices (n-grams taken out) and acts, and what is taken out."""

    voices: Teller
    acts: Teller
    taken: Taken

    def voice(self, text: str) -> str:
        return self.voices.tell(without(words(text), self.taken))

    def act(self, text: str) -> str:
        return self.acts.tell(words(text))


def held_out_plans(count: int, seed: int) -> list[Plan]:
    """Of every voice and act in turn, with control tokens that are not trained on."""
    dice = random.Random(seed)  # noqa: S311 - words, not secrets
    pairs = [(voice, act) for act in ACTS for voice in VOICES]
    dice.shuffle(pairs)
    plans: list[Plan] = []
    for pair in itertools.islice(itertools.cycle(pairs), count):
        plan = drawn(dice, *pair)
        while not is_held_out(plan):
            plan = drawn(dice, *pair)
        plans.append(plan)
    return plans


def revoiced(plan: Plan, dice: random.Random) -> Plan:
    """With another voice."""
    others: list[Voice] = [voice for voice in VOICES if voice != plan.voice]
    return replace(plan, voice=dice.choice(others))


def reacted(plan: Plan, dice: random.Random) -> Plan:
    """With another act that these facts suffice for; of those only what belongs to it."""
    able = [act for act in ACTS if act != plan.act and plan.facts.keys() >= set(REQUIRED[act])]
    act = dice.choice(able)
    facts = {name: value for name, value in plan.facts.items() if belongs(act, name)}
    return replace(plan, act=act, facts=facts)


def is_illegal(plan: Plan, text: str) -> bool:
    """Whether it has a placeholder without a fact, or a token that is no text."""
    names = _SLOT.findall(text)
    return bool(_CONTROL.search(text)) or any(
        name not in PLACEHOLDERS or not plan.facts.get(name) for name in names
    )


def figures(
    evidence: Evidence, *, has: Callable[[str], bool], spoken: Mapping[Voice, Speech], ears: Ears
) -> dict[str, float]:
    """Shares, by the names of `MEANINGS`. `has`: whether the corpus has a text. `spoken`: the templates."""

    def share(said: Sequence[tuple[Plan, str]], of: Callable[[Plan, str], bool]) -> float:
        return sum(of(plan, text) for plan, text in said) / max(len(said), 1)

    def is_voice(plan: Plan, text: str) -> bool:
        return ears.voice(text) == plan.voice

    def is_act(plan: Plan, text: str) -> bool:
        return ears.act(text) == plan.act

    both = zip(evidence.said, evidence.again, strict=True)
    return {
        "illegal": share(evidence.free, is_illegal),
        "faulty": share(evidence.said, lambda plan, text: bool(check(plan, text))),
        "copied": share(evidence.said, lambda plan, text: has(text)),
        "templated": share(
            evidence.said, lambda plan, text: is_derivable(text, plan, spoken[plan.voice])
        ),
        "differing": sum(one[1] != other[1] for one, other in both) / len(evidence.said),
        "voice": share(evidence.said, is_voice),
        "voice_swapped": share(evidence.revoiced, is_voice),
        "act_swapped": share(evidence.reacted, is_act),
        "whole": share(evidence.free, lambda plan, text: not check(plan, text)),
        "act": share(evidence.said, is_act),
    }


def verdicts(found: Mapping[str, float]) -> list[str]:
    """What is wrong; empty: passed."""
    return [limit.figure for limit in LIMITS if not limit.is_kept(found)]


def table(found: Mapping[str, float]) -> str:
    limits = {limit.figure: limit for limit in LIMITS}
    rows = []
    for name, meaning in MEANINGS.items():
        limit = limits.get(name)
        verdict = "" if limit is None else ("ok" if limit.is_kept(found) else "FAILS")
        rows.append(f"{name:14}{found[name]:8.1%}  {limit or ''!s:9}{verdict:6} {meaning}")
    return "\n".join(rows)
