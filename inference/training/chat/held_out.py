"""What the model never trains on: a share of the combinations of control tokens, in every voice and act.

The gate asks for these: to what it reads there it cannot know a reply.
"""

from hashlib import blake2b
from typing import Final

from inference.wording.compact import compact_prompt
from protocol.wording import Plan

ONE_IN: Final = 20
"""Of the prompts, by a sum of their tokens."""


def is_held_out(plan: Plan) -> bool:
    """Whether a corpus to train on may not have its control tokens."""
    digest = blake2b(" ".join(compact_prompt(plan)).encode(), digest_size=8).digest()
    return int.from_bytes(digest) % ONE_IN == 0
