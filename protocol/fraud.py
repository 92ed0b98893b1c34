"""What a screener said of a booking, as its saga keeps it: never on the wire, never in a room."""

from typing import Literal

from protocol.frames import Value

Verdict = Literal["allow", "review", "deny"]


class Screened(Value, frozen=True, kw_only=True, tag="screened", tag_field="ended"):
    """`reasons`: words for operators (`many_declines`, …), the strongest first. `score`: the model's, higher
    is stranger; None: rules alone have spoken. `model`: whose it is: "rules", or a version. `features`: what the
    model saw, in the order of its own list; kept for the next fit."""

    verdict: Verdict
    reasons: tuple[str, ...] = ()
    score: float | None = None
    model: str = "rules"
    features: tuple[float, ...] = ()
