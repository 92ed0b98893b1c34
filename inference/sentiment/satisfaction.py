"""How content rooms are, of people who agreed to be counted: never one person's mood, and nothing that lasts.

A room has a figure from three people and twenty of their messages on; what is shown is the mean of all rooms that have
one. It lives in this process, for a day at most.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Final

MIN_PEOPLE: Final = 3
MIN_MESSAGES: Final = 20
KEPT_FOR: Final = 86_400.0
"""Seconds."""

MOST_OF_A_ROOM: Final = 200
MOST_ROOMS: Final = 1_000
"""The room that was silent longest makes way, with all that is kept of it."""


@dataclass(frozen=True, slots=True)
class _Heard:
    person_id: str
    worth: float
    at: float


class Satisfaction:
    """Owns: what was heard of each room, oldest first. Times are seconds of one clock."""

    def __init__(self) -> None:
        self._rooms: OrderedDict[str, OrderedDict[str, _Heard]] = OrderedDict()
        self._of_person: dict[str, set[tuple[str, str]]] = {}
        """Room and message of all that is there."""

    def add(self, room_id: str, message_id: str, person_id: str, worth: float, at: float) -> None:
        """`worth`: -1 to 1."""
        room = self._rooms.setdefault(room_id, OrderedDict())
        self._rooms.move_to_end(room_id)
        self.forget_message(room_id, message_id)
        room[message_id] = _Heard(person_id, worth, at)
        self._of_person.setdefault(person_id, set()).add((room_id, message_id))
        while len(room) > MOST_OF_A_ROOM:
            self.forget_message(room_id, next(iter(room)))
        while len(self._rooms) > MOST_ROOMS:
            silent = next(iter(self._rooms))
            for one in list(self._rooms[silent]):
                self.forget_message(silent, one)
            del self._rooms[silent]

    def forget_message(self, room_id: str, message_id: str) -> None:
        heard = self._rooms.get(room_id, OrderedDict()).pop(message_id, None)
        if heard is not None:
            of_person = self._of_person[heard.person_id]
            of_person.remove((room_id, message_id))
            if not of_person:
                del self._of_person[heard.person_id]

    def forget_person(self, person_id: str) -> None:
        """In every room. Costs what is there of them: most people are not counted, and are said to be none with each
        message."""
        for room_id, message_id in list(self._of_person.get(person_id, ())):
            self.forget_message(room_id, message_id)

    def of_room(self, room_id: str, now: float) -> float | None:
        """-1 to 1, everybody counting alike; None: too few people or messages, so that there is no such figure."""
        room = self._rooms.get(room_id, OrderedDict())
        while room and room[oldest := next(iter(room))].at < now - KEPT_FOR:
            self.forget_message(room_id, oldest)
        by_person: dict[str, list[float]] = {}
        for heard in room.values():
            by_person.setdefault(heard.person_id, []).append(heard.worth)
        if len(by_person) < MIN_PEOPLE or len(room) < MIN_MESSAGES:
            return None
        return fmean(fmean(worths) for worths in by_person.values())

    def statistics(self, now: float) -> Mapping[str, int | float]:
        """`rooms` that have a figure; where there are any, `mean` of those figures, to a tenth: finer, it would tell
        what one message said."""
        figures = [self.of_room(room_id, now) for room_id in list(self._rooms)]
        known = [figure for figure in figures if figure is not None]
        return {"rooms": len(known)} | ({"mean": round(fmean(known), 1)} if known else {})
