"""What the model never trains on: one act of each voice, and a share of the combinations of control tokens.

The gate asks for these: what it says there it cannot have read.
"""

from hashlib import blake2b
from typing import Final

from inference.wording.compact import compact_prompt
from protocol.persona import Voice
from protocol.wording import Act, Plan

PAIRS: Final[frozenset[tuple[Voice, Act]]] = frozenset(
    (
        ("explorer", "stopped"),
        ("adventure", "no_price_trend"),
        ("luxury", "ask_again"),
        ("local", "out_of_scope"),
        ("foodie", "still_searching"),
        ("culture", "unknown_detail"),
        ("family", "welcome_thanks"),
        ("budget", "smalltalk"),
    )
)
"""Each act is said by the seven other voices, each voice says the twenty-six other acts."""

ONE_IN: Final = 20
"""Of the prompts, by a sum of their tokens."""


def is_held_out(plan: Plan) -> bool:
    """Whether a corpus to train on may not have it."""
    return (plan.voice, plan.act) in PAIRS or is_held_out_prompt(plan)


def is_held_out_prompt(plan: Plan) -> bool:
    """Whether its control tokens are among those that no training prompt has."""
    digest = blake2b(" ".join(compact_prompt(plan)).encode(), digest_size=8).digest()
    return int.from_bytes(digest) % ONE_IN == 0
