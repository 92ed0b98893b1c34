"""Replies by the engine's own path: its composer, its graph, its slots and its sampler, without its thread."""

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from inference.composing.compact import CompactComposer
from inference.engine.chat_model import ChatModel
from inference.engine.lane import Lane
from inference.engine.pace import Pace
from inference.engine.request import Prompt, Reply, Request
from inference.training.chat.tokens import spelled
from protocol.wording import Plan

Compose = Callable[[Plan], Prompt]


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What was said to a plan. `is_whole`: the model ended it itself."""

    plan: Plan
    text: str
    tokens: int
    is_whole: bool


def masked(model: ChatModel) -> Compose:
    """As the server asks."""
    return CompactComposer(model).compose


def unmasked(model: ChatModel) -> Compose:
    """The same prompts with nothing that holds the reply."""
    compose = CompactComposer(model).compose
    return lambda plan: replace(compose(plan), constraint=None)


def say_all(model: ChatModel, plans: Sequence[Plan], compose: Compose) -> list[Said]:
    """A reply to each plan, in order. Raises what a reply fails with."""
    lane = Lane(model, Pace(), time.monotonic)
    waiting: deque[Request] = deque()
    plan_of: dict[Request, int] = {}
    for number, plan in enumerate(plans):

        def prepare(_: Any, plan: Plan = plan) -> Prompt:
            return compose(plan)

        request = Request(room_id="", prepare=prepare, prefill_by=0.0, reply_by=0.0)
        waiting.append(request)
        plan_of[request] = number
    found: dict[int, Said] = {}
    while waiting or lane.busy:
        progress = []
        while waiting and lane.can_admit:
            progress += lane.admit(waiting.popleft())
        for step in (*progress, *lane.turn()):
            if isinstance(step.outcome, Reply):
                number = plan_of[step.request]
                found[number] = Said(
                    plan=plans[number],
                    text=spelled(model.tokenizer, step.outcome.tokens).strip(),
                    tokens=len(step.outcome.tokens),
                    is_whole=step.outcome.ended == "end",
                )
            elif step.outcome is not None:
                raise step.outcome
    return [found[number] for number in range(len(plans))]
