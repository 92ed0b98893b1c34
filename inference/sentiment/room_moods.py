"""core/ports/inference.Moods: messages of people who agreed, judged when nobody waits for the small models."""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Final

import trio

from inference.sentiment.head import WORTH, Mood, MoodHead
from inference.sentiment.satisfaction import Satisfaction
from inference.small_models import MAX_WAITING, SmallModels
from inference.understanding.slots import MAX_LETTERS

MOST_PENDING: Final = 2 * MAX_WAITING

MINDED_FOR: Final = 120.0
"""Seconds for which it is minded who took a yes back: longer than anybody has a profile in mind as it was."""

MOST_MINDED: Final = 10_000
"""People; the one who took it back longest ago makes way."""


class RoomMoods:
    """Owns: the figures, which messages are being judged, and who lately took a yes back. Borrows: the small models'
    thread, the head once it is loaded; before, and where there is none, nothing is judged."""

    def __init__(self, models: SmallModels) -> None:
        self._models = models
        self._head: MoodHead | None = None
        self._satisfaction = Satisfaction()
        self._pending: OrderedDict[tuple[str, str], str] = OrderedDict()
        self._taken_back: OrderedDict[str, float] = OrderedDict()

    def begin(self, head: MoodHead) -> None:
        self._head = head

    def heard_nowait(
        self, room_id: str, message_id: str, person_id: str, text: str, *, agrees: bool
    ) -> None:
        """See the port."""
        if not agrees or self._has_taken_back(person_id):
            self._forget_person(person_id)
            return
        head = self._head
        if head is None:
            return
        key, at = (room_id, message_id), trio.current_time()

        def judged(mood: Mood) -> None:
            # Not there any more: deleted, or its writer does not agree any more.
            if self._pending.pop(key, None) is not None:
                self._satisfaction.add(room_id, message_id, person_id, WORTH[mood], at)

        if self._models.later_nowait(lambda: head.mood_of(text[:MAX_LETTERS]), judged):
            self._pending[key] = person_id
            while len(self._pending) > MOST_PENDING:
                self._pending.popitem(last=False)

    def agreed_nowait(self, person_id: str, *, agrees: bool) -> None:
        """See the port."""
        self._taken_back.pop(person_id, None)
        if agrees:
            return
        self._forget_person(person_id)
        self._taken_back[person_id] = trio.current_time()
        while len(self._taken_back) > MOST_MINDED:
            self._taken_back.popitem(last=False)

    def forget_nowait(self, room_id: str, message_id: str) -> None:
        """See the port."""
        self._pending.pop((room_id, message_id), None)
        self._satisfaction.forget_message(room_id, message_id)

    def statistics(self) -> Mapping[str, int | float]:
        """In how many rooms there is a figure, and their mean."""
        return self._satisfaction.statistics(trio.current_time())

    def _has_taken_back(self, person_id: str) -> bool:
        at = self._taken_back.get(person_id)
        return at is not None and trio.current_time() - at < MINDED_FOR

    def _forget_person(self, person_id: str) -> None:
        self._satisfaction.forget_person(person_id)
        for key in [key for key, pending in self._pending.items() if pending == person_id]:
            del self._pending[key]
