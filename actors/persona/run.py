"""One answer from its first row to its last: opened, said, closed, recorded."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

import msgspec
import trio

from actors.persona import facts, transcript
from actors.persona.conclusions import Answer, conclude
from actors.persona.decisions import Look, Say
from actors.persona.delivery import Delivery
from actors.persona.dialogue import Item
from actors.persona.errands import ASSUMED_AGE, Tool
from actors.persona.fixed_texts import MODEL, VERSION
from actors.persona.line import Line
from actors.persona.plans import Manner, plan_of
from actors.persona.ports import PersonaPorts, Ranked
from actors.persona.spoken import Atlas
from actors.persona.tools import Looked, Tools
from core.errors import Rejected, Unavailable
from core.ports.inference import Worded
from core.ports.personas import Outcome, Run, SegmentRecord, Shown
from core.reference import Ref
from protocol.cards import offer_card, place_card
from protocol.chat import AiOrigin
from protocol.persona import CloseRun, OpenRun, RunClosed
from protocol.travel import HotelQuery, Offer
from protocol.wording import MAX_UTTERED, Plan, Tier

SEARCH_COSTS: Final = 50
"""Units; a model's token costs one."""

CLOSE_TRIES: Final = 6
CLOSE_WITHIN: Final = 10.0
BETWEEN_SEGMENTS: Final = "\n"
OPEN_AFTER: Final = 0.1
"""Seconds from when the prompt was read after which something is said of a look-up that was expected
to be quick."""

_RUNGS: Final[tuple[Tier, ...]] = ("template", "retrieved", "generated")
_UNKNOWN_YET: Final = Worded(tier="template", model="unknown", version="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    """What is said word for word."""

    text: str


What = Say | Look | Fixed


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What a run is to do. `read_at`: trio time from which its deadlines count. `reader`: which model read the
    prompt; empty: what is said does not hang on any reading."""

    run: Run
    what: What
    manner: Manner
    read_at: float
    reader: str = ""

    def naming(self, model: str) -> str:
        """What a message and its row call the models that took part: the one that worded it, and the reader."""
        return f"{model}+{self.reader}" if self.reader else model


@dataclass(slots=True)
class _Record:
    """What becomes of a run's row."""

    segments: list[SegmentRecord] = field(default_factory=list)
    worded: list[Worded] = field(default_factory=list)
    tools: list[Tool] = field(default_factory=list)
    ranked: Sequence[Ranked] = ()
    shown: tuple[Item, ...] = ()
    searches: int = 0


class PersonaRun:
    """One run, performed by one task; `cancel` may be called by others.

    Owns: its text and its row. Borrows: the room, the writer, the tools. Whatever happens but a crash,
    the room is told how it ended and the row is closed; after a crash the room keeps what was
    streamed and the next activation fails the row.
    """

    def __init__(
        self,
        task: Task,
        ports: PersonaPorts,
        room: Ref[Any],
        tools: Tools,
        *,
        atlas: Atlas,
        on_answer: Callable[[Run, Answer], None],
    ) -> None:
        self.task = task
        self._ports, self._room, self._tools, self._atlas = ports, room, tools, atlas
        self._on_answer = on_answer
        self._scope = trio.CancelScope()
        self._reason: Literal["done", "cancelled", "failed"] = "done"
        self._is_closing = False
        self._refusal: Rejected | None = None
        self._opened, self._opened_at = trio.Event(), 0.0
        self._record = _Record()
        self._delivery = Delivery(task.run.id, room.tell_nowait, self._author)
        self.over = trio.Event()
        self.said: transcript.Line | None = None
        """As the room has it, once it does."""

    @property
    def is_looking(self) -> bool:
        """Whether it is planned once more when something was found, seconds after it began."""
        return isinstance(self.task.what, Look)

    def cancel(self) -> None:
        """Nothing is told any more from here on; `over` is set when the room has closed it."""
        if not self._is_closing:
            self._reason = "cancelled"
            self._delivery.close(is_flushed=False)
            self._scope.cancel()

    async def perform(self) -> Outcome:
        """Raises `Rejected` where it could not even begin; nobody heard of it then."""
        try:
            return await self._performed(self.task.run)
        finally:
            self.over.set()

    async def _performed(self, run: Run) -> Outcome:
        """Looking up and wording go on beside the opening; nothing of it is told before that."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._open, run)
            with self._scope:
                await self._speak()
        if self._refusal is not None:
            raise self._refusal
        self._is_closing = True
        self._delivery.close(is_flushed=self._reason != "cancelled")
        seq = await self._close()
        if seq is not None:
            self.said = self._said(run, seq)
        await self._end(run, seq)
        return self._reason

    def _said(self, run: Run, seq: int) -> transcript.Line:
        return transcript.Line(
            seq=seq,
            at=self._ports.clock.now_ms(),
            message_id=run.message_id,
            by=run.persona_id,
            text=self._delivery.text[:MAX_UTTERED],
            asker=run.asker_id,
        )

    async def _open(self, run: Run) -> None:
        """A row before anybody hears of it, then the room. Refused by either: all stops."""
        has_row = False
        try:
            await self._ports.runs.begin(self._ports.tenant_id, run)
            has_row = True
            await self._room.ask(
                OpenRun(
                    run_id=run.id,
                    persona_id=run.persona_id,
                    message_id=run.message_id,
                    reply_to=run.reply_to,
                    asker_id=run.asker_id,
                )
            )
        except Rejected as refusal:
            self._refusal = refusal
            self._scope.cancel()
            if has_row:
                await self._end(replace(run, outcome="failed"), None)
        else:
            self._opened_at = trio.current_time()
            self._delivery.begin()
            self._opened.set()

    # Speaking.

    async def _speak(self) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._delivery.run)
            try:
                await self._segments()
            except* Rejected:
                self._reason = "failed"
            nursery.cancel_scope.cancel()

    async def _segments(self) -> None:
        match self.task.what:
            case Fixed(text=text):
                self._say_fixed(text)
            case Say(line=line):
                await self._say(self._planned(line))
            case Look() as look:
                await self._look(look)

    async def _look(self, look: Look) -> None:
        """The opening and the search go on side by side; the answer waits for both."""
        looked: list[Looked] = []
        self._record.tools += look.errand.tools
        async with trio.open_nursery() as nursery:
            found = trio.Event()
            nursery.start_soon(self._run_tools, look, looked, found)
            opening = look.opening or await self._needed(look, found)
            if opening is not None:
                await self._say(self._planned(opening))
        answer = conclude(look.errand, looked[0].findings)
        self._record.ranked, self._record.searches = looked[0].ranked, looked[0].searches
        if answer.line is not None:
            await self._say(self._planned(answer.line))
            self._remark(answer)
        self._record.shown = answer.shown
        await self._opened.wait()
        # On the table before the message is durable: nobody points at it earlier.
        self._on_answer(self.task.run, answer)

    async def _run_tools(self, look: Look, looked: list[Looked], found: trio.Event) -> None:
        looked.append(await self._tools.run(look.errand))
        found.set()

    async def _needed(self, look: Look, found: trio.Event) -> Line | None:
        """An opening after all, where a look-up that is quick as a rule is not."""
        if look.errand.purpose != "show":
            return None
        with trio.move_on_at(self.task.read_at + OPEN_AFTER):
            await found.wait()
        return None if found.is_set() else look.errand.line("open_places")

    def _planned(self, line: Line) -> Plan:
        return plan_of(line, self.task.manner, self._atlas)

    async def _say(self, plan: Plan) -> None:
        """One segment. Raises `Rejected`: what was said of it stands."""
        first_at: list[float] = []

        def send(piece: str) -> None:
            if not first_at and piece:
                first_at.append(trio.current_time())
                self._begin_segment()
            self._delivery.add(piece)

        worded = _UNKNOWN_YET
        try:
            worded = await self._ports.writer.write(
                plan, read_at=self.task.read_at, send=send, room_id=self.task.run.room_id
            )
        finally:
            if first_at:
                self._record.worded.append(worded)
                self._note(plan.act, worded, first_at[0])

    def _say_fixed(self, text: str) -> None:
        worded = Worded(tier="template", model=MODEL, version=VERSION)
        if not self._record.worded:
            # A remark below an answer is no rung that had to step in: the answer is what it was.
            self._record.worded.append(worded)
        self._delivery.add(text)
        self._note("fixed", worded, trio.current_time())

    def _remark(self, answer: Answer) -> None:
        """What no model may leave out: that a budget or a wish filtered nothing, and that ages were made up."""
        offers = [item for item in answer.shown if isinstance(item, Offer)]
        line, language = answer.line, self.task.manner.language
        if line is None or not offers:
            return
        asks_ages = facts.ages_taken(ASSUMED_AGE, language) if line.asks_ages else None
        is_of_rooms = isinstance(offers[0].query, HotelQuery) and line.is_beyond_records
        untold = facts.untold(language) if is_of_rooms else None
        for text in (facts.unheld(line.budget, offers, language), untold, asks_ages):
            if text is not None:
                self._begin_segment()
                self._say_fixed(text)

    def _begin_segment(self) -> None:
        if self._delivery.text:
            self._delivery.add(BETWEEN_SEGMENTS)

    def _note(self, act: str, worded: Worded, first_at: float) -> None:
        self._record.segments.append(
            SegmentRecord(
                act=act,
                tier=worded.tier,
                model=self.task.naming(worded.model),
                version=worded.version,
                tokens=worded.tokens,
                first_ms=self._since(first_at),
                ended_ms=self._since(trio.current_time()),
            )
        )

    def _since(self, at: float) -> int:
        return max(0, round((at - self.task.read_at) * 1_000))

    def _author(self) -> AiOrigin:
        """Of all that was said so far: the lowest rung that wrote any part of it. While the first
        segment is said, nobody knows yet, and the lowest of all is the safe answer."""
        worded = self._record.worded or [_UNKNOWN_YET]
        lowest = min(worded, key=lambda one: _RUNGS.index(one.tier))
        return AiOrigin(
            model=self.task.naming(lowest.model),
            version=lowest.version,
            persona_id=self.task.run.persona_id,
            tier=lowest.tier,
            stale=True if any(one.is_stale for one in worded) else None,
        )

    # Ending.

    async def _close(self) -> int | None:
        """Until the room has heard it: a repeat is harmless, and a crashed room comes back."""
        is_done = self._reason == "done" and bool(self._delivery.text)
        command = CloseRun(
            run_id=self.task.run.id,
            reason=self._reason,
            content=self._delivery.text if is_done else "",
            cards=self._cards() if is_done else None,
            ai=self._author(),
        )
        for attempt in range(CLOSE_TRIES):
            try:
                answer = await self._room.ask(command, timeout=CLOSE_WITHIN)
            except Rejected as refusal:
                if not refusal.temporary:
                    return None
                await trio.sleep(0.1 * 2**attempt)
            else:
                return answer.seq if isinstance(answer, RunClosed) else None
        return None

    def _cards(self) -> list[dict[str, Any]] | None:
        language = self.task.manner.language
        cards = [
            msgspec.to_builtins(
                offer_card(item) if isinstance(item, Offer) else place_card(item, language)
            )
            for item in self._record.shown
        ]
        return cards or None

    async def _end(self, run: Run, seq: int | None) -> None:
        record = self._record
        ended = replace(
            run,
            outcome=self._reason if run.outcome == "open" else run.outcome,
            tools=tuple(record.tools),
            segments=tuple(self._as_shown(one) for one in record.segments),
            ended_at=self._ports.clock.now_ms(),
            seq=seq,
            cost=sum(one.tokens for one in record.worded) + SEARCH_COSTS * record.searches,
        )
        shown = self._shown() if self._reason == "done" else ()
        for attempt in range(CLOSE_TRIES if shown else 1):
            await trio.sleep(0.1 * (2**attempt - 1))
            try:
                # All see by now what was shown: it needs its rows.
                await self._ports.runs.end(self._ports.tenant_id, ended, shown)
            except Unavailable:
                continue  # after the last the next activation finds it open, and fails it
            return

    def _as_shown(self, segment: SegmentRecord) -> SegmentRecord:
        """What was worded before the run was open was shown then."""
        if segment.first_ms is None or not self._opened.is_set():
            return segment
        first_ms = max(segment.first_ms, self._since(self._opened_at))
        return replace(segment, first_ms=first_ms, ended_ms=max(first_ms, segment.ended_ms))

    def _shown(self) -> tuple[Shown, ...]:
        """A row for each recommendation, with what it was ranked by."""
        features = [one.features for one in self._record.ranked]
        return tuple(
            Shown(
                card_id=item.id,
                item_id=item.id,
                place=place,
                features=features[place] if place < len(features) else (),
                tower=self._ports.recommender.tower,
            )
            for place, item in enumerate(self._record.shown)
        )
