"""The compact prompt form: a plan as control tokens, for models that were made for it.

`<voice:explorer> <act:show_hotels> <mood:plain> <must> {offer.1.name} {offer.1.price} <may> {dates} {user} <say>`,
then the reply, with placeholders as single tokens, and `<end>`. At most `MAX_PROMPT` tokens.
"""

from collections.abc import Sequence
from typing import Final, get_args

from protocol.persona import Voice
from protocol.wording import ACTS, PLACEHOLDERS, Mood, Plan

VOICES: Final[tuple[Voice, ...]] = get_args(Voice)
MOODS: Final[tuple[Mood, ...]] = get_args(Mood)
MUST, MAY, SAY, END, PAD = "<must>", "<may>", "<say>", "<end>", "<pad>"
MAX_PROMPT: Final = 96
MAX_REPLY: Final = 60


def token_of(placeholder: str) -> str:
    """As it stands in prompts, replies and templates."""
    return f"{{{placeholder}}}"


SPECIALS: Final[tuple[str, ...]] = (
    *(PAD, END, MUST, MAY, SAY),
    *(f"<voice:{voice}>" for voice in VOICES),
    *(f"<act:{act}>" for act in ACTS),
    *(f"<mood:{mood}>" for mood in MOODS),
    *map(token_of, PLACEHOLDERS),
)
"""All tokens that no text spells, in the order of their numbers, from 0 on."""


def compact_prompt(plan: Plan) -> Sequence[str]:
    """Tokens of `SPECIALS`. What is demanded, in order; then what else may be said, in the order of
    `PLACEHOLDERS`. Raises `KeyError` when a required fact is missing."""
    demanded = plan.demanded()
    allowed = [one for one in PLACEHOLDERS if plan.facts.get(one) and one not in demanded]
    return (
        f"<voice:{plan.voice}>",
        f"<act:{plan.act}>",
        f"<mood:{plan.mood}>",
        *(MUST, *map(token_of, demanded)),
        *(MAY, *map(token_of, allowed)),
        SAY,
    )
