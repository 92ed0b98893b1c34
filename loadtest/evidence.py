"""What one process's audit has seen, and the verdict over that of all processes. Pure.

A process knows the messages that its own users offered and the logs that its own users saw. Only
all of them together can tell whether what was acknowledged here arrived there.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

ACKNOWLEDGED_WITHIN: Final = 10.0

Place = tuple[str, int]
"""A room and a `seq` in its log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What the audit found. `lost` = `unanswered` + `missing` (a message at a recipient)
    + `holes` (places of a log that a recipient never saw, other than those missing).

    `conflicting`: the same place holds another message elsewhere, or another than the `ok` said.
    `unexpected`: delivered although refused or never offered, and events of a room that their recipient
    is not in. `pending`: too young to judge.
    `excused`: missing at recipients who were slow on purpose; `delivered` counts nothing of them.
    """

    offered: int
    acked: int
    acked_late: int
    rejected: int
    pending: int
    delivered: int
    unanswered: int
    missing: int
    holes: int
    duplicated: int
    reordered: int
    conflicting: int
    unexpected: int
    excused: int = 0

    @property
    def lost(self) -> int:
        return self.unanswered + self.missing + self.holes


@dataclass(slots=True)
class Offer:
    """One message that was due. Times in seconds of the round; `seq`, `message_id` from its `ok`."""

    room_id: str
    intended_at: float
    answered_at: float | None = None
    seq: int | None = None
    message_id: str = ""
    is_refused: bool = False


@dataclass(slots=True)
class SeenLog:
    """What one recipient saw of one room: every place in `first` < seq ≤ `highest` but `absent`."""

    first: int
    highest: int
    absent: set[int] = field(default_factory=set)
    is_excused: bool = False

    def lacks(self, seq: int) -> bool:
        return seq > self.highest or seq in self.absent


@dataclass(slots=True)
class Evidence:
    """One process's part. `places`: which message and client id its recipients found where. `strayed`:
    events of rooms that their recipient has not joined."""

    offers: dict[str, Offer] = field(default_factory=dict)
    logs: dict[tuple[int, str], SeenLog] = field(default_factory=dict)
    places: dict[Place, tuple[str, str]] = field(default_factory=dict)
    duplicated: int = 0
    reordered: int = 0
    conflicting: int = 0
    strayed: int = 0

    def wire(self) -> dict[str, Any]:
        """As MessagePack carries it."""
        return {
            "offers": [
                [key, o.room_id, o.intended_at, o.answered_at, o.seq, o.message_id, o.is_refused]
                for key, o in self.offers.items()
            ],
            "logs": [
                [*key, log.first, log.highest, sorted(log.absent), log.is_excused]
                for key, log in self.logs.items()
            ],
            "places": [[*place, *message] for place, message in self.places.items()],
            "counts": [self.duplicated, self.reordered, self.conflicting, self.strayed],
        }

    @classmethod
    def of_wire(cls, wire: dict[str, Any]) -> "Evidence":
        return cls(
            {row[0]: Offer(*row[1:]) for row in wire["offers"]},
            {
                (recipient, room): SeenLog(first, highest, set(absent), is_excused)
                for recipient, room, first, highest, absent, is_excused in wire["logs"]
            },
            {(room, seq): (message, client) for room, seq, message, client in wire["places"]},
            *wire["counts"],
        )


def judge(parts: Iterable[Evidence], now: float, within: float = ACKNOWLEDGED_WITHIN) -> Findings:
    """The verdict over all processes. A message younger than `within` seconds that is still on its
    way is `pending`; one answered later than that is late. `now` in seconds of the round."""
    return _Verdict(list(parts), now, within).findings()


class _Verdict:
    def __init__(self, parts: list[Evidence], now: float, within: float) -> None:
        self._parts, self._now, self._within = parts, now, within
        self._offers = {key: offer for part in parts for key, offer in part.offers.items()}
        self._logs: dict[str, list[SeenLog]] = defaultdict(list)
        for part in parts:
            for (_, room_id), log in part.logs.items():
                self._logs[room_id].append(log)
        self._conflicting = sum(part.conflicting for part in parts)
        self._places: dict[Place, tuple[str, str]] = {}
        for part in parts:
            for place, message in part.places.items():
                known = self._places.setdefault(place, message)
                self._conflicting += known[0] != message[0]
        self._found: dict[str, list[Place]] = defaultdict(list)
        for place, (_, client_id) in self._places.items():
            self._found[client_id].append(place)

    def findings(self) -> Findings:
        acked = late = rejected = pending = unanswered = nowhere = delivered = excused = 0
        judged: dict[str, list[int]] = defaultdict(list)
        spared: dict[str, set[int]] = defaultdict(set)
        for client_id, offer in self._offers.items():
            at = next(
                (seq for room, seq in self._found.get(client_id, ()) if room == offer.room_id), None
            )
            is_young = self._now - offer.intended_at < self._within
            if offer.is_refused:
                rejected += 1
            elif offer.answered_at is None:
                pending += is_young
                unanswered += not is_young
                delivered += 0 if at is None else self._receivers(offer.room_id, at)
            else:
                is_late = offer.answered_at - offer.intended_at > self._within
                late += is_late
                acked += not is_late
                self._conflicting += self._is_misplaced(offer, at)
                if is_young and self._is_lacking(offer.room_id, at):
                    pending += 1
                    spared[offer.room_id].add(at or offer.seq or 0)
                    delivered += 0 if at is None else self._receivers(offer.room_id, at)
                elif at is None:
                    nowhere += sum(not log.is_excused for log in self._logs[offer.room_id])
                    spared[offer.room_id].add(offer.seq or 0)
                else:
                    judged[offer.room_id].append(at)
        missing, holes = nowhere, 0
        for room_id, logs in self._logs.items():
            places = sorted(judged[room_id])
            for log in logs:
                due = len(places) - bisect_right(places, log.first)
                lacking = len(places) - bisect_right(places, log.highest)
                skipped = log.absent.intersection(places)
                lacking += len(skipped)
                if log.is_excused:
                    excused += lacking
                    continue
                missing += lacking
                delivered += due - lacking
                holes += len(log.absent - skipped - spared[room_id])
        return Findings(
            offered=len(self._offers),
            acked=acked,
            acked_late=late,
            rejected=rejected,
            pending=pending,
            delivered=delivered,
            unanswered=unanswered + late,
            missing=missing,
            holes=holes,
            duplicated=sum(part.duplicated for part in self._parts) + self._twice(),
            reordered=sum(part.reordered for part in self._parts),
            conflicting=self._conflicting,
            unexpected=self._unexpected(),
            excused=excused,
        )

    def _receivers(self, room_id: str, seq: int) -> int:
        return sum(
            log.first < seq and not log.lacks(seq) and not log.is_excused
            for log in self._logs[room_id]
        )

    def _is_lacking(self, room_id: str, seq: int | None) -> bool:
        logs = [log for log in self._logs[room_id] if not log.is_excused]
        return bool(logs) if seq is None else any(log.lacks(seq) for log in logs)

    def _is_misplaced(self, offer: Offer, at: int | None) -> bool:
        """Whether the log has another message where the `ok` said, or this one elsewhere."""
        there = self._places.get((offer.room_id, offer.seq or 0))
        return at not in (None, offer.seq) or (there is not None and there[0] != offer.message_id)

    def _twice(self) -> int:
        """Messages that hold more than one place."""
        return sum(
            len(places) - 1
            for client_id, places in self._found.items()
            if client_id in self._offers
        )

    def _unexpected(self) -> int:
        count = sum(part.strayed for part in self._parts)
        for client_id, places in self._found.items():
            offer = self._offers.get(client_id)
            for room_id, _ in places:
                count += offer is None or offer.is_refused or offer.room_id != room_id
        return count
