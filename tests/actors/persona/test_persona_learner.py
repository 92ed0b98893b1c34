"""What is made of what people said of answers."""

from collections import Counter
from types import SimpleNamespace
from typing import Any

import trio

from actors.persona.learner import Learner
from core.ports.inference import Taste
from core.ports.personas import Feedback


async def test_between_the_tastes_of_a_group_others_have_a_turn() -> None:
    """Each takes a third of a millisecond, and there may be two hundred of them."""
    turns, made = 0, Counter[int]()

    def taste_of(given: list[Feedback]) -> Taste:
        made[turns] += 1
        return Taste(version="1", weights=())

    async def talk() -> None:
        nonlocal turns
        while True:
            turns += 1
            await trio.lowlevel.checkpoint()

    given: dict[str, list[Feedback]] = {f"u{number}": [] for number in range(200)}
    sitting: Any = SimpleNamespace(
        is_group=True,
        minds=SimpleNamespace(feedbacks=lambda persona_id: given),
        ports=SimpleNamespace(recommender=SimpleNamespace(taste_of=taste_of)),
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(talk)
        assert len(await Learner(sitting).tastes("p", "u0")) == 200
        nursery.cancel_scope.cancel()
    assert max(made.values()) <= 2
