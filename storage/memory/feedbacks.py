"""The `Feedbacks` port in memory."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from core.ports.clock import Clock
from core.ports.personas import Feedback
from storage.memory.stored_personas import StoredPersonas
from storage.personas import ANALYTICS_FOR


class MemoryFeedbacks:
    """Feedback and tastes in dictionaries. Borrows: `stored`."""

    def __init__(self, stored: StoredPersonas, clock: Clock) -> None:
        self._stored, self._clock = stored, clock

    async def set(self, tenant_id: int, feedback: Feedback) -> None:
        self._forget()
        key = (
            tenant_id,
            feedback.user_id,
            feedback.message_id,
            feedback.kind,
            feedback.item_id,
        )
        self._stored.feedbacks.pop(key, None)
        if feedback.value and (tenant_id, feedback.persona_id) in self._stored.personas:
            self._stored.feedbacks[key] = replace(feedback, features=tuple(feedback.features))

    async def latest(
        self, tenant_id: int, user_id: str, persona_id: str, *, limit: int = 200
    ) -> Sequence[Feedback]:
        found = [
            feedback
            for (tenant, user, *_), feedback in self._stored.feedbacks.items()
            if (tenant, user, feedback.persona_id) == (tenant_id, user_id, persona_id)
        ]
        return sorted(found, key=_place, reverse=True)[:limit]

    async def of_all(
        self, tenant_id: int, *, before: Feedback | None, limit: int
    ) -> Sequence[Feedback]:
        found = [
            feedback
            for (tenant, *_), feedback in self._stored.feedbacks.items()
            if tenant == tenant_id and feedback.item_id
        ]
        if before is not None:
            found = [one for one in found if _place_of_all(one) < _place_of_all(before)]
        return sorted(found, key=_place_of_all, reverse=True)[:limit]

    async def load_taste(
        self, tenant_id: int, user_id: str, persona_id: str
    ) -> dict[str, Any] | None:
        return self._stored.tastes.get((tenant_id, persona_id, user_id))

    async def save_taste(
        self, tenant_id: int, user_id: str, persona_id: str, model: dict[str, Any]
    ) -> None:
        said = json.dumps(model, allow_nan=False)
        if (tenant_id, persona_id) in self._stored.personas:
            self._stored.tastes[tenant_id, persona_id, user_id] = json.loads(said)

    def _forget(self) -> None:
        oldest = self._clock.now_ms() - int(ANALYTICS_FOR * 1_000)
        feedbacks = self._stored.feedbacks
        while feedbacks:
            key, feedback = next(iter(feedbacks.items()))
            if feedback.at > oldest:
                return
            del feedbacks[key]


def _place(feedback: Feedback) -> tuple[int, str, str, str]:
    return feedback.at, feedback.message_id, feedback.item_id or "", feedback.kind


def _place_of_all(feedback: Feedback) -> tuple[int, str, str, str, str]:
    return *_place(feedback), feedback.user_id
