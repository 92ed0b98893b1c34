"""A writer without a model: it says which act it was given, and every fact."""

from collections.abc import Callable

import trio

from core.errors import Rejected, Unavailable
from core.ports.inference import Worded
from protocol.wording import Plan, Tier, cleaned


class ScriptedWriter:
    """The `Writer` port. Each plan is said in pieces of one word, `pause` seconds apart, by `tiers` in
    turn (the last one again and again). `plans`: what it was asked for. `refuse`: how many of the next
    plans are refused before a word; `break_after`: words after which a segment breaks off; `is_stale`: of all."""

    def __init__(self) -> None:
        self.plans: list[Plan] = []
        self.read_ats: list[float] = []
        self.tiers: list[Tier] = ["template"]
        self.pause = 0.001
        self.refuse = 0
        self.is_stale = False
        self.break_after: int | None = None

    async def write(
        self, plan: Plan, *, read_at: float, send: Callable[[str], None], room_id: str
    ) -> Worded:
        try:
            plan.demanded()
        except KeyError:
            raise Rejected("model_failed", "No model can answer now.") from None
        tier = self.tiers[min(len(self.plans), len(self.tiers) - 1)]
        self.plans.append(plan)
        self.read_ats.append(read_at)
        if self.refuse:
            self.refuse -= 1
            raise Rejected("model_failed", "No model can answer now.")
        words = words_of(plan)
        for number, word in enumerate(words):
            await trio.sleep(self.pause)
            if number == self.break_after:
                raise Unavailable
            send(word if number == 0 else f" {word}")
        model = "scripted" if tier == "generated" else f"scripted-{tier}"
        return Worded(
            tier=tier, model=model, version="1", tokens=len(words), is_stale=self.is_stale
        )


def words_of(plan: Plan) -> list[str]:
    """The act, its voice and language, and all that it may be worded with."""
    facts = [f"{name}={cleaned(value)}" for name, value in sorted(plan.facts.items())]
    return " ".join([f"[{plan.act}/{plan.voice}/{plan.language}]", *facts]).split(" ")
