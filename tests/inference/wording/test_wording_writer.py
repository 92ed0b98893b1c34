"""The ladder on virtual time: who speaks when a rung hangs, fails, lags, stalls or recovers."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from math import inf
from typing import Any

import pytest
import trio
from template_plans import FACTS
from trio.testing import MockClock

from core.errors import Overloaded, Rejected, Unavailable
from core.ports.inference import Worded
from inference.wording.rung import Patience, Send, TooLate, Written
from inference.wording.template_rung import TemplateRung, clauses
from inference.wording.templates import Templates
from inference.wording.writer import HANDOVER, Ladder
from protocol.wording import Plan, Tier

TEMPLATES = Templates.load()
PLAN = Plan(
    act="show_hotels",
    voice="local",
    language="en",
    facts={
        name: FACTS[name]
        for name in ("offer.1.name", "offer.1.price", "offer.2.name", "offer.2.price")
    },
)
WORDS = [
    "See ",
    "{offer.1",
    ".name} ",
    "at {offer.1.price}",
    "; {offer.2.name},",
    " {offer.2.price}.",
]
SAID = "See Casa 1 at €140 for 2 nights; Casa 2, €240 for 2 nights."


@dataclass
class Scripted:
    """A rung that does as it is told: waits, then pieces with pauses, then an end."""

    name: str = "generated"
    tier: Tier = "generated"
    patience: Patience = field(default_factory=Patience)
    first_after: float = 0.0
    pieces: list[str] = field(default_factory=lambda: list(WORDS))
    between: float = 0.01
    fails: Exception | None = None
    fails_after: int = 0
    """Pieces said before."""
    is_able: bool = True
    asked: list[tuple[float, float]] = field(default_factory=list)
    """When it was asked, and by when it had to begin."""
    sends: list[Send] = field(default_factory=list)
    cancelled: int = 0

    def can_word(self, plan: Plan) -> bool:
        return self.is_able

    async def write(self, plan: Plan, *, by: float, send: Send, room_id: str) -> Written:
        self.asked.append((trio.current_time(), by))
        self.sends.append(send)
        try:
            await trio.sleep(self.first_after)
            for place, piece in enumerate(self.pieces):
                if self.fails is not None and place == self.fails_after:
                    raise self.fails
                send(piece)
                await trio.sleep(self.between)
            if self.fails is not None and self.fails_after >= len(self.pieces):
                raise self.fails
        except trio.Cancelled:
            self.cancelled += 1
            raise
        return Written(model=self.name, version="1", tokens=len(self.pieces))


@dataclass
class Heard:
    """What was sent, and when."""

    pieces: list[tuple[float, str]] = field(default_factory=list)

    def __call__(self, piece: str) -> None:
        assert piece
        self.pieces.append((trio.current_time(), piece))

    @property
    def text(self) -> str:
        return "".join(piece for _, piece in self.pieces)

    @property
    def first_at(self) -> float:
        return self.pieces[0][0]


def ladder(*rungs: Any) -> Ladder:
    return Ladder([*rungs, TemplateRung(TEMPLATES)])


async def worded(
    writer: Ladder, heard: Callable[[str], None], plan: Plan = PLAN, read_at: float | None = None
) -> Worded:
    at = trio.current_time() if read_at is None else read_at
    return await writer.write(plan, read_at=at, send=heard, room_id="r")


def is_template(text: str) -> bool:
    return "Casa 1" in text and "€240" in text and text != SAID


async def test_the_first_rung_speaks_piece_by_piece_filled(autojump_clock: MockClock) -> None:
    rung, heard = Scripted(first_after=0.05), Heard()
    writer = ladder(rung)
    result = await worded(writer, heard)
    assert heard.text == SAID
    assert len(heard.pieces) >= 5, "it streams"
    assert all("{" not in piece and "}" not in piece for _, piece in heard.pieces)
    assert result == Worded(tier="generated", model="generated", version="1", tokens=len(WORDS))
    counts = writer.statistics()
    assert counts["generated"] == counts["generated_written"] == 1
    assert counts["template"] == 0


async def test_a_rung_must_begin_120_ms_after_the_prompt_was_read(
    autojump_clock: MockClock,
) -> None:
    rung, heard = Scripted(), Heard()
    read_at = trio.current_time()
    await trio.sleep(0.03)
    await worded(ladder(rung), heard, read_at=read_at)
    assert rung.asked == [(read_at + 0.03, pytest.approx(read_at + 0.12))]


async def test_one_that_hangs_is_left_in_time_for_the_next_ones_first_word(
    autojump_clock: MockClock,
) -> None:
    rung, heard = Scripted(first_after=inf), Heard()
    writer = ladder(rung)
    started = trio.current_time()
    result = await worded(writer, heard)
    assert heard.first_at - started == pytest.approx(0.15 - HANDOVER)
    assert result.tier == "template"
    assert is_template(heard.text)
    assert rung.cancelled == 1
    assert writer.statistics()["generated_expired"] == 1


async def test_two_that_hang_leave_the_last_its_time(autojump_clock: MockClock) -> None:
    quick = Patience(begin_within=0.14)
    retrieved = Scripted(name="retrieved", tier="retrieved", first_after=inf, patience=quick)
    heard, started = Heard(), trio.current_time()
    await worded(ladder(Scripted(first_after=inf), retrieved), heard)
    assert retrieved.asked[0][0] - started == pytest.approx(0.13)
    assert heard.first_at - started == pytest.approx(0.14)


@pytest.mark.parametrize(
    ("error", "counted"),
    [
        (TooLate(), "expired"),
        (Overloaded(), "refused"),
        (Unavailable(), "errors"),
        (ValueError("x"), "errors"),
        (ExceptionGroup("", [ValueError()]), "errors"),
    ],
)
async def test_one_that_fails_before_its_first_word_is_replaced_at_once(
    autojump_clock: MockClock, error: Exception, counted: str
) -> None:
    writer, heard = ladder(Scripted(fails=error, first_after=0.02)), Heard()
    started = trio.current_time()
    result = await worded(writer, heard)
    assert heard.first_at - started == pytest.approx(0.02)
    assert result.tier == "template"
    counts = writer.statistics()
    assert {name: counts[f"generated_{name}"] for name in ("expired", "refused", "errors")} == {
        "expired": 0,
        "refused": 0,
        "errors": 0,
        counted: 1,
    }


async def test_one_that_fails_after_its_first_word_is_not_replaced(
    autojump_clock: MockClock,
) -> None:
    rung = Scripted(fails=ValueError(), fails_after=3)
    writer, heard = ladder(rung), Heard()
    with pytest.raises(Unavailable):
        await worded(writer, heard)
    assert heard.text == "See Casa 1 "
    assert writer.statistics()["generated_stalled"] == 1
    assert writer.statistics()["template"] == 0


async def test_one_that_falls_silent_after_its_first_word_is_given_up(
    autojump_clock: MockClock,
) -> None:
    writer, heard, started = ladder(Scripted(between=inf)), Heard(), trio.current_time()
    with pytest.raises(Unavailable):
        await worded(writer, heard)
    assert trio.current_time() - started == pytest.approx(2.0)
    assert heard.text == "See "


async def test_one_that_is_slow_but_steady_goes_on_for_longer_than_that(
    autojump_clock: MockClock,
) -> None:
    heard, started = Heard(), trio.current_time()
    await worded(ladder(Scripted(between=1.5)), heard)
    assert heard.text == SAID
    assert trio.current_time() - started > 5


@pytest.mark.parametrize(
    "pieces",
    [
        ["It is the cheapest: {offer.1.name}"],
        ["{offer.3.name}"],
        ["{offer.2.name} first"],
        [],
        ["  "],
        ["{" + "x" * 80],
    ],
)
async def test_what_may_not_be_said_is_not_said_and_the_next_rung_speaks(
    autojump_clock: MockClock, pieces: list[str]
) -> None:
    if pieces and pieces[0].startswith("It"):
        pieces = ["Cheapest ", *pieces]
    writer, heard = ladder(Scripted(pieces=pieces)), Heard()
    result = await worded(writer, heard)
    assert result.tier == "template"
    assert is_template(heard.text)
    assert "heapest" not in heard.text
    assert writer.statistics()["generated_errors"] == 1


@pytest.mark.parametrize("rest", ["the cheapest of all.", "{offer.2.price}.", "that was all."])
async def test_what_may_not_be_said_ends_a_segment_that_began(
    autojump_clock: MockClock, rest: str
) -> None:
    writer, heard = ladder(Scripted(pieces=["Well, ", rest])), Heard()
    with pytest.raises(Unavailable):
        await worded(writer, heard)
    assert heard.text in {"Well, ", "Well, that was all."}
    assert "cheapest" not in heard.text


async def test_a_rung_that_does_not_speak_the_language_is_not_asked(
    autojump_clock: MockClock,
) -> None:
    rung, heard = Scripted(is_able=False, first_after=inf), Heard()
    started = trio.current_time()
    result = await worded(ladder(rung), heard)
    assert heard.first_at == started
    assert result.tier == "template"
    assert not rung.asked


async def test_a_first_segment_whose_time_is_over_goes_to_the_last_rung_at_once(
    autojump_clock: MockClock,
) -> None:
    rung, heard = Scripted(), Heard()
    writer, read_at = ladder(rung), trio.current_time()
    await trio.sleep(0.125)
    result = await worded(writer, heard, read_at=read_at)
    assert result.tier == "template"
    assert not rung.asked
    assert heard.first_at == read_at + 0.125
    assert writer.statistics()["generated_skipped"] == 1


async def test_a_later_segment_has_its_time_from_when_it_is_asked_for(
    autojump_clock: MockClock,
) -> None:
    rung, heard = Scripted(), Heard()
    writer, read_at = ladder(rung), trio.current_time()
    await worded(writer, heard, read_at=read_at)
    await trio.sleep(3)
    asked_at = trio.current_time()
    result = await worded(writer, heard, read_at=read_at)
    assert result.tier == "generated"
    assert rung.asked[1] == (asked_at, pytest.approx(asked_at + 0.12))


async def test_a_patient_rung_has_the_time_it_asks_for(autojump_clock: MockClock) -> None:
    large = Scripted(first_after=1.2, patience=Patience(begin_within=1.0, first_within=2.0))
    heard = Heard()
    assert (await worded(ladder(large), heard)).tier == "generated"
    assert heard.text == SAID


async def test_five_errors_open_the_breaker_and_a_probe_closes_it_again(
    autojump_clock: MockClock,
) -> None:
    rung = Scripted(fails=ValueError())
    writer = ladder(rung)
    for _ in range(5):
        await worded(writer, Heard())
    assert writer.statistics()["generated_breaker"] == 2
    for _ in range(10):
        assert (await worded(writer, Heard())).tier == "template"
    assert len(rung.asked) == 5, "left alone while open"
    rung.fails = None
    await trio.sleep(2)
    assert (await worded(writer, Heard())).tier == "generated"
    assert writer.statistics()["generated_breaker"] == 0
    assert writer.statistics()["generated_skipped"] == 10


async def test_a_share_of_late_replies_opens_it_and_nobody_waits_for_a_hanging_model_any_more(
    autojump_clock: MockClock,
) -> None:
    rung = Scripted(first_after=inf)
    writer = ladder(rung)
    for _ in range(6):
        await worded(writer, Heard())
    heard, started = Heard(), trio.current_time()
    await worded(writer, heard)
    assert heard.first_at == started
    await trio.sleep(2)
    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(worded, writer, Heard())
    assert len(rung.asked) == 7, "one probe at a time"


async def test_no_place_is_no_fault_however_often(autojump_clock: MockClock) -> None:
    rung = Scripted(fails=Overloaded())
    writer = ladder(rung)
    for _ in range(20):
        assert (await worded(writer, Heard())).tier == "template"
    assert (len(rung.asked), writer.statistics()["generated_breaker"]) == (20, 0)


async def test_a_probe_that_nobody_heard_the_end_of_leaves_its_place_to_the_next(
    autojump_clock: MockClock,
) -> None:
    """Who asked is gone, or cannot listen: else it would be left alone for ever."""

    def deaf(piece: str) -> None:
        raise ZeroDivisionError

    rung = Scripted(fails=ValueError())
    writer = ladder(rung)
    for _ in range(5):
        await worded(writer, Heard())
    await trio.sleep(2)
    rung.fails = None
    with trio.move_on_after(0.005):
        await worded(writer, Heard())
    with pytest.raises(ZeroDivisionError):
        await worded(writer, deaf)
    assert writer.statistics()["generated_breaker"] == 1
    assert (await worded(writer, Heard())).tier == "generated"
    assert writer.statistics()["generated_breaker"] == 0


async def test_when_every_rung_fails_the_last_good_words_come_with_todays_facts(
    autojump_clock: MockClock,
) -> None:
    class Broken(TemplateRung):
        async def write(self, plan: Plan, **_: Any) -> Written:
            raise OSError

    rung = Scripted()
    writer = Ladder([rung, Broken(TEMPLATES)])
    await worded(writer, Heard())
    rung.fails = ValueError()
    changed = Plan(
        act="show_hotels",
        voice="local",
        language="en",
        facts=PLAN.facts | {"offer.1.price": "€99 for 1 night"},
    )
    heard = Heard()
    result = await worded(writer, heard, changed)
    assert heard.text == SAID.replace("€140 for 2 nights", "€99 for 1 night")
    assert result == Worded(
        tier="generated", model="generated", version="1", tokens=len(WORDS), is_stale=True
    )
    assert writer.statistics()["stale"] == 1


async def test_words_that_tell_of_people_are_not_said_again_to_others(
    autojump_clock: MockClock,
) -> None:
    class Personal(Scripted):
        async def write(self, plan: Plan, **how: Any) -> Written:
            return replace(await super().write(plan, **how), is_personal=True)

    rung = Personal()
    writer = Ladder([rung])
    await worded(writer, Heard())
    rung.fails = ValueError()
    with pytest.raises(Rejected):
        await worded(writer, Heard())


async def test_words_that_do_not_fit_the_plan_are_not_said_again(
    autojump_clock: MockClock,
) -> None:
    rung = Scripted()
    writer = Ladder([rung])
    await worded(writer, Heard())
    rung.fails = ValueError()
    only_one = Plan(
        act="show_hotels",
        voice="local",
        language="en",
        facts={name: PLAN.facts[name] for name in ("offer.1.name", "offer.1.price")},
    )
    heard = Heard()
    with pytest.raises(Rejected) as refused:
        await worded(writer, heard, only_one)
    assert refused.value.code == "model_failed"
    assert not heard.pieces
    assert writer.statistics()["unanswered"] == 1


async def test_a_plan_without_its_facts_is_refused_and_no_rung_is_blamed(
    autojump_clock: MockClock,
) -> None:
    rung = Scripted()
    writer = ladder(rung)
    for _ in range(10):
        with pytest.raises(Rejected):
            await worded(writer, Heard(), Plan(act="ask", voice="local", language="en", facts={}))
    assert not rung.asked
    assert writer.statistics()["generated_breaker"] == 0


async def test_cancelled_nothing_more_is_sent_whatever_the_rung_does(
    autojump_clock: MockClock,
) -> None:
    rung, heard = Scripted(between=1.0), Heard()
    writer = ladder(rung)
    with trio.move_on_after(1.5):
        await worded(writer, heard)
    before = heard.text
    assert before == "See "
    rung.sends[0]("more {offer.1.name}; ")
    assert heard.text == before
    assert rung.cancelled == 1
    assert writer.statistics()["generated_errors"] == 0, "it is not the rung's fault"
    assert writer.statistics()["generated_written"] == 0


async def test_a_rung_that_was_left_says_nothing_any_more(autojump_clock: MockClock) -> None:
    rung, heard = Scripted(first_after=inf), Heard()
    await worded(ladder(rung), heard)
    before = heard.text
    rung.sends[0]("late ")
    assert heard.text == before


async def test_an_error_of_who_listens_is_his_own(autojump_clock: MockClock) -> None:
    class DeafError(Exception):
        pass

    def send(piece: str) -> None:
        raise DeafError

    rung = Scripted()
    writer = ladder(rung)
    with pytest.raises(DeafError):
        await worded(writer, send)
    assert writer.statistics()["generated_errors"] == 0


async def test_pieces_may_come_from_outside_of_any_task(autojump_clock: MockClock) -> None:
    """As the engine's thread hands them over."""

    class Outside(Scripted):
        async def write(self, plan: Plan, *, by: float, send: Send, room_id: str) -> Written:
            token, done = trio.lowlevel.current_trio_token(), trio.Event()

            def say() -> None:
                for piece in self.pieces:
                    send(piece)
                done.set()

            token.run_sync_soon(say)
            await done.wait()
            return Written(model="m", version="1")

    heard = Heard()
    assert (await worded(ladder(Outside()), heard)).tier == "generated"
    assert heard.text == SAID
    wrong = Outside(pieces=["Well, ", "cheapest of all"])
    with pytest.raises(Unavailable):
        await worded(ladder(wrong), Heard())


async def test_a_text_without_an_end_has_one(autojump_clock: MockClock) -> None:
    endless = Scripted(pieces=["word "] * 2_000, between=0.0)
    heard = Heard()
    with pytest.raises(Unavailable):
        await worded(ladder(endless), heard)
    assert len(heard.text) <= 4_096


async def test_what_is_remembered_of_prompts_is_bounded(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inference.wording.writer.PROMPTS_KNOWN", 3)
    writer = ladder()
    for number in range(10):
        await worded(writer, Heard(), read_at=float(number))
    assert len(writer._begun) == 3


def test_clauses_cut_no_placeholder_and_lose_nothing() -> None:
    text = "Look: {offer.1.name}, {offer.1.price}; fine... ok? Yes {what}"
    assert "".join(clauses(text)) == text
    assert clauses(text) == [
        "Look: ",
        "{offer.1.name}, ",
        "{offer.1.price}; ",
        "fine... ",
        "ok? ",
        "Yes {what}",
    ]
