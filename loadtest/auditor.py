"""The audit: was every acknowledged message received by everybody, once, in order? Pure.

Fed from raw frames, before any client's own dedupe. Times are seconds of one monotonic clock.
Memory: one entry per message, one per recipient and room; a run bounds both.
"""

from collections.abc import Mapping

from loadtest.evidence import Evidence, Findings, Offer, SeenLog, judge


class Auditor:
    """Collects what was offered, answered and received by the users of one process."""

    def __init__(self) -> None:
        self.evidence = Evidence()

    def listens(self, recipient: int, room_id: str, head: int, *, is_excused: bool = False) -> None:
        """A recipient receives a room's events from `head` + 1 on. Said again, it changes nothing.

        What an excused one misses is counted apart: he does not read.
        """
        log = SeenLog(head, head, is_excused=is_excused)
        self.evidence.logs.setdefault((recipient, room_id), log)

    def offered(self, client_id: str, room_id: str, intended_at: float) -> None:
        """A message was due, whether or not it could be sent then."""
        self.evidence.offers[client_id] = Offer(room_id, intended_at)

    def acknowledged(self, client_id: str, seq: int, message_id: str, at: float) -> None:
        offer = self.evidence.offers[client_id]
        offer.answered_at, offer.seq, offer.message_id = at, seq, message_id

    def refused(self, client_id: str, at: float) -> None:
        offer = self.evidence.offers[client_id]
        offer.answered_at, offer.is_refused = at, True

    def received(
        self, recipient: int, room_id: str, seq: int, message_id: str | None, client_id: str | None
    ) -> bool:
        """A durable event, as it came in. True when it is a message new at this recipient."""
        evidence = self.evidence
        log = evidence.logs.get((recipient, room_id))
        if log is None:
            evidence.strayed += 1
            return False
        if seq <= log.first:
            return False
        if not self._in_order(log, seq):
            evidence.duplicated += 1
            return False
        if message_id is None:
            return False
        known = evidence.places.setdefault((room_id, seq), (message_id, client_id or ""))
        if known[0] != message_id:
            evidence.conflicting += 1
            return False
        return True

    def heads(self) -> dict[str, int]:
        """The highest acknowledged place of each room."""
        heads: dict[str, int] = {}
        for offer in self.evidence.offers.values():
            if offer.seq is not None:
                heads[offer.room_id] = max(offer.seq, heads.get(offer.room_id, 0))
        return heads

    def is_answered(self) -> bool:
        """Whether every message is answered."""
        return all(offer.answered_at is not None for offer in self.evidence.offers.values())

    def has_all(self, heads: Mapping[str, int]) -> bool:
        """Whether every recipient of ours, who is not excused, has every place up to the heads."""
        return all(
            log.is_excused or (log.highest >= heads.get(room_id, 0) and not log.absent)
            for (_, room_id), log in self.evidence.logs.items()
        )

    def is_settled(self) -> bool:
        """Whether every message is answered and every acknowledged one is everywhere here."""
        return self.is_answered() and self.has_all(self.heads())

    def next_round(self) -> "Auditor":
        """An audit of what comes from now on, by the same recipients."""
        fresh = Auditor()
        for (recipient, room_id), log in self.evidence.logs.items():
            fresh.listens(recipient, room_id, log.highest, is_excused=log.is_excused)
        return fresh

    def findings(self, now: float) -> Findings:
        """The verdict, when this process was the only one."""
        return judge([self.evidence], now)

    def _in_order(self, log: SeenLog, seq: int) -> bool:
        """Count a step in a recipient's log. False when it had seen this place."""
        if seq > log.highest:
            log.absent.update(range(log.highest + 1, seq))
            log.highest = seq
        elif seq in log.absent:
            log.absent.discard(seq)
            self.evidence.reordered += 1
        else:
            return False
        return True
