"""What became of each prompt, put together from the frames that its asker received (§5). Pure.

Times are in seconds of the round. A prompt and its run find one another by `replyTo`; nothing is
assumed about which of `ok`, `run.started` and the rest comes first.
"""

import math
from dataclasses import dataclass, field
from typing import Final

from loadtest.client import Refused
from loadtest.measured import Measured
from loadtest.wire import Frame

ANSWERED_WITHIN: Final = 10.0
FIRST_TOKEN, GENERATED_FIRST, CARDS = "first_token", "generated_first_token", "cards"
"""Latencies, from the intended send time: to the first text, to the first text of what the model wrote,
and to the message with cards of what needs a search."""

TIERS: Final = ("generated", "retrieved", "template")


@dataclass(slots=True)
class Asked:
    """One prompt. `message_id` from its `ok`."""

    intended: float
    needs_search: bool
    message_id: str | None = None
    is_refused: bool = False


@dataclass(slots=True)
class Seen:
    """One run. `first_at`: when its first text came, as a delta or, where none came, as the message."""

    reply_to: str
    message_id: str
    first_at: float | None = None
    message: Frame | None = None
    message_at: float = 0.0
    reason: str | None = None
    ended_at: float = 0.0


@dataclass(slots=True)
class Answers:
    """Of one round: as many as were asked, with a run or two each."""

    asked: list[Asked] = field(default_factory=list)
    _runs: dict[str, Seen] = field(default_factory=dict)
    _by_message: dict[str, Seen] = field(default_factory=dict)

    def ask(self, intended: float, *, needs_search: bool) -> Asked:
        self.asked.append(Asked(intended, needs_search))
        return self.asked[-1]

    def told(self, asked: Asked, answer: Frame | Exception) -> None:
        """How the server answered the prompt's command."""
        if isinstance(answer, Refused):
            asked.is_refused = True
        elif not isinstance(answer, Exception):
            asked.message_id = answer["messageId"]

    def hear(self, frame: Frame, at: float) -> None:
        """Any frame of an asker."""
        match frame["type"]:
            case "run.started":
                seen = Seen(frame["replyTo"], frame["messageId"])
                # Repeated to who joins or resumes during a run.
                if self._runs.setdefault(frame["runId"], seen) is seen:
                    self._by_message[seen.message_id] = seen
            case "chat.delta" if run := self._runs.get(frame["runId"]):
                if run.first_at is None and frame["text"]:
                    run.first_at = at
            case "chat.message" if run := self._by_message.get(frame["messageId"]):
                if run.message is None:
                    run.message, run.message_at = frame, at
                    run.first_at = at if run.first_at is None else run.first_at
            case "run.ended" if run := self._runs.get(frame["runId"]):
                if run.reason is None:
                    run.reason, run.ended_at = frame["reason"], at

    def ended(self) -> set[str]:
        """The prompts whose runs have ended, however."""
        return {run.reply_to for run in self._runs.values() if run.reason is not None}

    def are_over(self, now: float) -> bool:
        """Whether nothing is to be waited for: each prompt has its answer or is too old."""
        ended = self.ended()
        return all(
            one.is_refused or now - one.intended > ANSWERED_WITHIN or one.message_id in ended
            for one in self.asked
        )

    def settle(self, measured: Measured, now: float) -> None:
        """Everything into the round's figures. Who was asked less than 10 s ago and is not done is no
        failure but pending."""
        runs: dict[str, list[Seen]] = {}
        for run in self._runs.values():
            runs.setdefault(run.reply_to, []).append(run)
        for asked in self.asked:
            measured.count("prompts")
            measured.count("searches", asked.needs_search)
            mine = runs.get(asked.message_id or "", [])
            measured.count("answered_twice", len(mine) > 1)
            if mine:
                self._settle(asked, mine[0], measured, now)
            else:
                self._miss(asked, measured, now)

    def _settle(self, asked: Asked, run: Seen, measured: Measured, now: float) -> None:
        if run.first_at is not None:
            measured.record_apart(FIRST_TOKEN, run.first_at - asked.intended)
        why_not = _why_not(asked, run)
        if run.message is None or why_not:
            if why_not:
                measured.count(f"run_{why_not}")
            self._miss(asked, measured, now if run.reason is None else math.inf)
            return
        origin = run.message.get("ai") or {}
        measured.count("replies")
        measured.count(str(origin.get("tier")))
        measured.count("stale", bool(origin.get("stale")))
        if origin.get("tier") == "generated" and run.first_at is not None:
            measured.record_apart(GENERATED_FIRST, run.first_at - asked.intended)
        if asked.needs_search and run.message.get("cards"):
            measured.record_apart(CARDS, run.message_at - asked.intended)

    def _miss(self, asked: Asked, measured: Measured, now: float) -> None:
        measured.count("prompts_refused", asked.is_refused)
        is_young = now - asked.intended <= ANSWERED_WITHIN and not asked.is_refused
        measured.count("prompts_pending" if is_young else "unanswered")


def _why_not(asked: Asked, run: Seen) -> str:
    """Why this is no answer; empty: it is one, or is not over yet."""
    if run.reason != "done":
        return run.reason or ("" if run.message is None else "open")
    if run.ended_at - asked.intended > ANSWERED_WITHIN:
        return "late"
    return "without_message" if run.message is None else ""
