"""What reached nobody: counted by cause, logged without its content."""

from collections import Counter
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final

import structlog
import trio

from core.envelope import AnyEnvelope
from core.errors import Rejected
from protocol.addresses import Address

log: Final = structlog.get_logger("core.dead_letters")

_LOG_EVERY: Final = 1.0


class Cause(StrEnum):
    """Why a message or an answer died."""

    EXPIRED = "expired"
    """Nobody waited for it any more when its turn came."""
    LATE_ANSWER = "late_answer"
    """The answer came after the asker had gone."""
    NOT_STARTED = "not_started"
    """The actor refused to start, or could not."""
    GAVE_UP = "gave_up"
    """The actor crashed too often and stopped, or rests after that."""
    SHUT_DOWN = "shut_down"
    """The system ended first."""


class DeadLetters:
    """The counts, and at most one log line per cause and second."""

    def __init__(self) -> None:
        self._counts: Counter[Cause] = Counter()
        self._logged_at: dict[Cause, float] = {}

    def count(self, cause: Cause) -> None:
        self._counts[cause] += 1

    def bury(
        self, address: Address, envelopes: Iterable[AnyEnvelope], cause: Cause, answer: Rejected
    ) -> None:
        """Answer whoever waits, count, and log the types."""
        buried = list(envelopes)
        if not buried:
            return
        self._counts[cause] += len(buried)
        for envelope in buried:
            envelope.answer(answer)
        now = trio.current_time()
        if now - self._logged_at.get(cause, -_LOG_EVERY) >= _LOG_EVERY:
            self._logged_at[cause] = now
            log.warning(
                "dead letters",
                cause=cause.value,
                kind=address.kind,
                key=address.key,
                messages=dict(Counter(type(envelope.message).__name__ for envelope in buried)),
                total=self._counts[cause],
            )

    def statistics(self) -> Mapping[str, int | float]:
        """How many died of each cause."""
        return {cause.value: self._counts[cause] for cause in Cause}
