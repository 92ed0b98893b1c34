"""Who speaks, and that nobody else does."""

import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.persona import arbiter
from actors.persona.arbiter import (
    OPEN_FOR,
    Call,
    Floor,
    Seat,
    called,
    chosen,
    depends_on_choice,
    hailed,
    may_be_meant,
    named,
    person_hailed,
    talk_of,
)
from actors.persona.dialogue import Dialogue
from actors.persona.hints import folded, hints
from protocol.persona import Voice
from protocol.room import Speaking
from protocol.understanding import PartySaid, Slots

NOVA = Seat(id="nova", owner_id="ada", style="explorer")
LUXA = Seat(id="luxa", owner_id="ada", style="luxury")
MAMA = Seat(id="mama", owner_id="ben", style="family")


def floor(*seats: Seat, **changes: Any) -> Floor:
    whole: dict[str, Any] = {
        "speaking": "auto",
        "seats": seats or (NOVA, LUXA, MAMA),
        "people": frozenset({"ada", "ben", "cleo"}),
    }
    return Floor(**whole | changes)


def call(**changes: Any) -> Call:
    return Call(**{"asker_id": "cleo", "addressed": 0.9} | changes)


def test_a_turn_in_few_words_right_after_a_persona_is_meant_for_it() -> None:
    turn = call(addressed=0.2, talking="luxa", hints=hints("economy again"))
    assert chosen(floor(), turn) is None
    assert chosen(floor(), replace(turn, is_next=True)) == "luxa"
    assert chosen(floor(), replace(turn, is_next=True, talking=None)) is None
    other = hints("she wants economy")
    assert chosen(floor(), replace(turn, is_next=True, hints=other)) is None


def test_by_name_before_all_else() -> None:
    everything = call(
        named=("ben", "mama"), replied_to="nova", talking="luxa", asking="luxa", active="luxa"
    )
    assert chosen(floor(), everything) == "mama"


def test_the_order_is_name_reply_question_talk_choice_fit() -> None:
    step = call(
        replied_to="nova",
        asking="luxa",
        talking="mama",
        active="nova",
        hints=hints("a luxury suite"),
    )
    assert chosen(floor(), step) == "nova"
    step = replace(step, replied_to=None)
    assert chosen(floor(), step) == "luxa"
    step = replace(step, asking=None)
    assert chosen(floor(), step) == "mama"
    step = replace(step, talking=None)
    assert chosen(floor(), step) == "nova"
    assert chosen(floor(), replace(step, active=None)) == "luxa"


def test_thanks_among_people_are_for_them_until_somebody_is_in_talk_with_a_persona() -> None:
    idle = call(is_idle=True)
    assert chosen(floor(), idle) is None
    assert chosen(floor(), replace(idle, active="nova")) is None
    for meant in (
        {"called": "nova"},
        {"talking": "nova"},
        {"asking": "nova"},
        {"named": ("nova",)},
    ):
        assert chosen(floor(), replace(idle, **meant)) == "nova"
    assert chosen(floor(people=frozenset({"cleo", "ada"})), replace(idle, asker_id="ada")) is None
    assert chosen(floor(people=frozenset({"ada"})), replace(idle, asker_id="ada")) is not None


@pytest.mark.parametrize(
    "text", ["Luxa what do you think?", "hey luxa, and you", "what about you, LUXA?"]
)
def test_who_begins_or_ends_with_a_name_calls_it(text: str) -> None:
    seats = floor(*(replace(seat, name=seat.id.title()) for seat in (NOVA, LUXA, MAMA)))
    assert called(seats, text) == "luxa"
    assert chosen(seats, call(called="luxa", asking="nova", talking="nova")) == "luxa"
    assert chosen(seats, call(called="luxa", addressed=0.2)) is None


def test_a_name_inside_or_of_two_calls_nobody() -> None:
    seats = floor(*(replace(seat, name="Nova") for seat in (NOVA, LUXA)))
    assert called(seats, "Nova, hi") is None
    assert called(floor(replace(NOVA, name="Nova")), "ask nova about it") is None
    assert called(floor(replace(NOVA, name="")), "hi") is None


def test_children_call_for_the_family_s_persona() -> None:
    slots = Slots(party=PartySaid(adults=1, children=2))
    assert chosen(floor(), call(slots=slots)) == "mama"


def test_equals_are_told_apart_by_their_owner_then_by_who_came_first() -> None:
    twin = replace(NOVA, id="twin", owner_id="ben")
    assert chosen(floor(NOVA, twin), call(asker_id="ben")) == "twin"
    assert chosen(floor(NOVA, twin), call(asker_id="cleo")) == "nova"


def test_what_is_not_meant_for_a_persona_is_answered_by_none() -> None:
    assert chosen(floor(), call(addressed=0.49)) is None
    assert chosen(floor(), call(addressed=None, talking="nova")) is None
    assert chosen(floor(), call(named=("ben",))) is None
    assert not may_be_meant(floor(), call(named=("ben",)))
    assert chosen(floor(people=frozenset({"ada"})), call(asker_id="ada", addressed=0.1)) == "nova"


def test_silent_rooms_are_silent_and_others_wait_to_be_named() -> None:
    assert chosen(floor(speaking="silent"), call(named=("nova",))) is None
    assert chosen(floor(speaking="mention"), call(talking="nova")) is None
    assert chosen(floor(speaking="mention"), call(named=("nova",))) == "nova"
    assert not may_be_meant(floor(speaking="mention"), call(talking="nova"))


def test_in_turn_one_after_the_other() -> None:
    last, order = None, []
    for _ in range(5):
        last = chosen(floor(speaking="roundRobin", last=last), call(active="luxa"))
        order.append(last)
    assert order == ["nova", "luxa", "mama", "nova", "luxa"]


def test_in_turn_a_question_is_answered_to_who_asked_it() -> None:
    turn = floor(speaking="roundRobin", last="nova")
    assert chosen(turn, call(asking="nova")) == "nova"
    assert chosen(turn, call(talking="nova")) == "luxa"


def test_a_persona_whose_owner_is_gone_does_not_speak() -> None:
    left = floor(people=frozenset({"ada", "cleo"}))
    assert chosen(left, call(named=("mama",), addressed=0.1)) is None
    assert chosen(left, call(active="mama")) == "nova"
    assert chosen(replace(left, speaking="roundRobin", last="luxa"), call()) == "nova"


def test_talk_is_the_latest_and_ends_after_a_while() -> None:
    dialogues = [
        ("nova", Dialogue(spoke_at=5_000)),
        ("luxa", Dialogue(spoke_at=4_000, asked="dates")),
        ("mama", Dialogue()),
    ]
    assert talk_of(dialogues, 6_000) == ("nova", "luxa")
    assert talk_of(dialogues, 4_001 + OPEN_FOR) == ("nova", None)
    assert talk_of(dialogues, 5_001 + OPEN_FOR) == (None, None)


IDS = [f"p{number}" for number in range(10)]
PEOPLE = [f"u{number}" for number in range(4)]
SEATS = st.lists(
    st.builds(
        Seat,
        id=st.sampled_from(IDS),
        owner_id=st.sampled_from(PEOPLE),
        style=st.sampled_from(get_args(Voice)),
    ),
    unique_by=lambda seat: seat.id,
    max_size=10,
).map(tuple)
FLOORS = st.builds(
    Floor,
    speaking=st.sampled_from(get_args(Speaking)),
    seats=SEATS,
    people=st.frozensets(st.sampled_from(PEOPLE), min_size=1),
    last=st.none() | st.sampled_from([*IDS, "gone"]),
)
SOMEBODY = st.none() | st.sampled_from([*IDS, "gone"])
CALLS = st.builds(
    Call,
    asker_id=st.sampled_from(PEOPLE),
    named=st.lists(st.sampled_from([*IDS, *PEOPLE, "gone"]), max_size=3).map(tuple),
    replied_to=SOMEBODY,
    addressed=st.none() | st.floats(0, 1),
    talking=SOMEBODY,
    asking=SOMEBODY,
    active=SOMEBODY,
    is_switched=st.booleans(),
    hints=st.none() | st.sampled_from([hints("luxury with kids"), hints("cheap food")]),
)


@given(FLOORS, CALLS)
@settings(max_examples=400)
def test_at_most_one_speaks_never_out_of_turn_and_never_who_may_not(room: Floor, one: Call) -> None:
    """In random rooms of up to ten personas."""
    speaker = chosen(room, one)
    speakers = [seat.id for seat in room.speakers()]
    if speaker is None:
        assert named(room, one) is None
        return
    assert speaker in speakers
    assert room.speaking != "silent"
    assert may_be_meant(room, one)
    by_name = [name for name in (*one.named, one.replied_to) if name in speakers]
    if by_name:
        assert speaker == by_name[0]
        return
    assert room.speaking != "mention"
    assert one.addressed is not None
    if room.speaking == "roundRobin" and speaker != one.asking:
        order = [seat.id for seat in room.seats]
        at = order.index(room.last) if room.last in order else -1
        between = [*order[at + 1 :], *order[: at + 1]]
        skipped = between[: between.index(speaker)]
        assert not set(skipped) & set(speakers)


@given(FLOORS, CALLS, SOMEBODY)
def test_who_was_not_asked_for_a_choice_does_not_need_it(
    room: Floor, one: Call, active: str | None
) -> None:
    if not depends_on_choice(room, one):
        other = replace(one, active=active, is_switched=not one.is_switched)
        assert chosen(room, one) == chosen(room, other)


@pytest.mark.parametrize("seats", [(), (NOVA,)])
def test_a_room_without_a_choice_needs_none(seats: tuple[Seat, ...]) -> None:
    assert not depends_on_choice(replace(floor(), seats=seats), call())


@given(st.lists(CALLS, min_size=1, max_size=12), SEATS)
def test_in_turn_nobody_speaks_twice_while_others_wait(
    calls: list[Call], seats: tuple[Seat, ...]
) -> None:
    """For what names nobody, turns are shared out evenly."""
    room = Floor(speaking="roundRobin", seats=seats, people=frozenset(PEOPLE))
    turns: dict[str, int] = dict.fromkeys((seat.id for seat in seats), 0)
    for one in calls:
        plain = replace(one, named=(), replied_to=None, asking=None, addressed=1.0)
        speaker = chosen(room, plain)
        if speaker is not None:
            turns[speaker] += 1
            room = replace(room, last=speaker)
    assert max(turns.values(), default=0) - min(turns.values(), default=0) <= 1


@pytest.mark.parametrize(
    ("text", "is_hailed"),
    [
        ("Nova, was gibt es in Wien?", True),
        ("hey nova: where to", True),
        ("Nova can we do one more night?", True),
        ("nova welches ist günstiger?", True),
        ("Nova peux-tu chercher un vol", True),
        ("Nova can do that", False),
        ("Nova is nice", False),
        ("Nova says no", False),
        ("ask Nova, she knows", False),
        ("Ben, where to?", False),
    ],
)
def test_a_comma_after_its_name_shows_that_a_persona_is_spoken_to(
    text: str, is_hailed: bool
) -> None:
    assert hailed(floor(replace(NOVA, name="Nova")), text, ["Ben", "Cleo"]) is is_hailed
    assert not hailed(floor(replace(NOVA, name="Nova")), text, ["Ben", "Nova Smith"])


def test_who_hails_a_persona_means_it_whatever_a_model_makes_of_it() -> None:
    hailing = call(addressed=0.1, called="luxa", is_hailed=True)
    assert chosen(floor(), hailing) == "luxa"
    assert chosen(floor(), replace(hailing, is_hailed=False)) is None
    assert chosen(floor(speaking="mention"), hailing) is None


@pytest.mark.parametrize("text", ["\ufdfa" * 2_730, "nova " * 1_638])
def test_of_a_long_message_its_ends_alone_are_looked_at_for_a_name(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at = []

    def counted(text: str) -> str:
        looked_at.append(folded(text))
        return looked_at[-1]

    monkeypatch.setattr(arbiter, "folded", counted)
    seats = floor(replace(NOVA, name="Nova"), replace(LUXA, name="Luxa"))
    called(seats, text)
    hailed(seats, text, ["Ben"])
    assert sum(map(len, looked_at)) < 12_000


def test_a_name_at_an_end_of_a_long_message_calls() -> None:
    seats = floor(replace(NOVA, name="Nova"), replace(LUXA, name="Luxa"))
    assert called(seats, "hi nova " + "where to " * 800) == "nova"
    assert called(seats, "where to " * 800 + "nova?") == "nova"
    assert called(seats, "where to " * 800 + "supernova?") is None


@pytest.mark.parametrize("name", ["Nova ✨", "✨ Nova", "Nova!", "_", "北京"])
def test_a_name_may_begin_and_end_with_what_is_no_letter(name: str) -> None:
    seats = floor(replace(NOVA, name=name), replace(LUXA, name="Luxa"))
    for text in (f"{name} where to?", f"hey {name}, where to?", f"where to {name}", name):
        assert called(seats, text) == "nova"
    assert called(seats, f"x{name}x where to?") is None


@pytest.mark.parametrize(
    ("text", "is_for_ben"),
    [
        ("hey Ben, where should we go this summer?", True),
        ("Ben: any ideas for may?", True),
        ("hi ben where do you want to go?", True),
        ("where should we go, Ben?", True),
        ("Ben, Cleo and I want to go to Rome", False),
        ("hi Ben and Cleo want to go to Rome", False),
        ("Ben wants a hotel in Rome", False),
        ("Benidorm, in may?", False),
    ],
)
def test_a_person_who_is_hailed_is_spoken_to(text: str, is_for_ben: bool) -> None:
    people = {"u2": "Ben Smith", "u3": "Cleo"}
    found = person_hailed(floor(replace(NOVA, name="Nova")), text, people)
    assert found == ("u2" if is_for_ben else None)
    assert person_hailed(floor(replace(NOVA, name="Ben")), text, people) is None


def calls_of(deed: Callable[[], object]) -> int:
    """How many calls it makes."""
    made, before = [0], sys.getprofile()

    def count(_frame: object, event: str, _arg: object) -> None:
        made[0] += event in {"call", "c_call"}

    sys.setprofile(count)
    try:
        deed()
    finally:
        sys.setprofile(before)
    return made[0]


def test_five_thousand_people_s_names_are_folded_once() -> None:
    """Each "where to, Ben?" in so large a room held the loop for six milliseconds, and with long names for more."""
    room = floor(replace(NOVA, name="Nova"))
    people = {f"u{n}": f"Ánn {n}" for n in range(4_000)}
    assert person_hailed(room, "where to, ann?", people) is not None
    assert calls_of(lambda: person_hailed(room, "where to, Cleo?", people)) < 3 * len(people)
    assert calls_of(lambda: hailed(room, "Nova, where to?", people.values())) < 3 * len(people)


@given(st.text(alphabet=st.characters(max_codepoint=127)), st.none() | st.integers(0, 20))
def test_plain_text_is_folded_as_any_other(text: str, at_most: int | None) -> None:
    # The accent makes it take the long way, and is left out.
    assert folded(text + "\u0301", at_most) == folded(text, at_most)
