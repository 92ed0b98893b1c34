"""Card numbers are found wherever people may write them, and other numbers are left alone."""

import sys
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.card_refusal import demand_no_card, may_hold_card
from core.errors import Rejected
from gateways.http.character_cards import MAX_DEPTH
from gateways.http.nesting import nests_deeper
from protocol.booking import ApproveBooking, NameTraveller
from protocol.chat import PostMessage
from protocol.codec import encode
from protocol.plan import ApplyPlan, PlanOp
from protocol.room import JoinRoom
from protocol.session import Position

ID = "0198f0a0-1111-7222-8333-444455556666"


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


def says(content: str) -> PostMessage:
    return PostMessage(room_id=ID, content=content, client_id=ID)


@pytest.mark.parametrize(
    "content",
    [
        "4242424242424242",
        "my card: 4242 4242 4242 4242, thanks",
        "4242-4242-4242-4242 12 27 123",
        "378282246310005",
        "(5555 5555 5555 4444)",
        "12 27 4242-4242-4242-4242",
        "2223003122003222",
        "6011 1111 1111 1117",
    ],
)
def test_a_card_s_number_is_refused_where_it_stands(content: str) -> None:
    command = says(content)
    assert may_hold_card(encode(command))
    with pytest.raises(Rejected) as refusal:
        demand_no_card(command)
    assert [name for name, _ in refusal.value.fields] == ["content"]


@pytest.mark.parametrize(
    "content",
    [
        "4242424242424241",
        "978 3 16 148410 0",
        "we meet at 18:00, 2027-05-14",
        "1800000000000",
        "+49 30 123456",
        "4242 4242",
        "52.520008 13.404954",  # Luhn's sum is right
        "2026-12-20 2026-12-27",
        "9" * 4_000,
        "7 " * 4_000,
    ],
)
def test_other_numbers_are_nobody_s_business(content: str) -> None:
    demand_no_card(says(content))


def test_ids_telephone_numbers_and_what_machines_made_are_not_looked_at() -> None:
    number = "4242424242424242"
    demand_no_card(PostMessage(room_id=number, content="hi", client_id=number))
    named = {
        "booking_id": number,
        "traveller_id": "1",
        "given_name": "Ada",
        "family_name": "Byron",
        "born_on": "1990-05-14",
        "gender": "female",
        "email": "ada@caravan.test",
    }
    demand_no_card(NameTraveller(**named, phone=number))
    with pytest.raises(Rejected) as refusal:
        demand_no_card(NameTraveller(**named, document={"parts": [{"note": number}]}))
    assert refusal.value.fields[0][0] == "document.parts[0].note"


def test_methods_and_free_forms_are_looked_at() -> None:
    number = "4242424242424242"
    approval = ApproveBooking(booking_id="b", payment_method=number, client_id=ID)
    with pytest.raises(Rejected) as refusal:
        demand_no_card(approval)
    assert refusal.value.fields[0][0] == "paymentMethod"
    op = PlanOp(op="add", id="1", kind="stop", fields={"text": number})
    with pytest.raises(Rejected):
        demand_no_card(ApplyPlan(room_id="r", version=1, ops=[op], client_id=ID))


@pytest.mark.parametrize(
    "uuid",
    ["01a3185c-51fd-720c-87c5-024202613886", "42424242-4242-4242-8242-424242424242"],
)
def test_an_id_that_looks_like_a_card_s_number_is_none(uuid: str) -> None:
    """A room whose epoch looked so let nobody come back (simulation, seed 368)."""
    after = Position(epoch=uuid, seq=18)
    demand_no_card(JoinRoom(room_id=ID, after=after))
    demand_no_card(says(f"see https://example.org/{uuid}/photos"))


@pytest.mark.parametrize("number", [4242424242424242, 378282246310005, 4242424242424242.0])
def test_a_whole_number_in_a_free_form_is_looked_at(number: int) -> None:
    op = PlanOp(op="add", id="1", kind="stop", fields={"is": {"it": [number]}})
    command = ApplyPlan(room_id=ID, version=1, ops=[op], client_id=ID)
    assert may_hold_card(encode(command))
    with pytest.raises(Rejected):
        demand_no_card(command)


def test_a_key_that_people_choose_is_looked_at() -> None:
    op = PlanOp(op="add", id="1", kind="stop", fields={"is": {"4242 4242 4242 4242": "12/27"}})
    command = ApplyPlan(room_id=ID, version=1, ops=[op], client_id=ID)
    assert may_hold_card(encode(command))
    with pytest.raises(Rejected) as refusal:
        demand_no_card(command)
    assert [name for name, _ in refusal.value.fields] == ["ops[0].fields.is[...]"]


@pytest.mark.parametrize(
    "number", [4242424242424242.5, float("inf"), float("nan"), -4242424242424242.0]
)
def test_what_is_no_whole_number_is_no_card_s(number: float) -> None:
    op = PlanOp(op="add", id="1", kind="stop", fields={"is": number})
    demand_no_card(ApplyPlan(room_id=ID, version=1, ops=[op], client_id=ID))


@pytest.mark.parametrize("number", [-5685096207228533716, -4242424242424242])
def test_what_is_less_than_nothing_is_no_card_s_number(number: int) -> None:
    """Fuzzing, seed 20261124 frame 73949."""
    op = PlanOp(op="add", id="1", kind="stop", fields={"is": number})
    demand_no_card(ApplyPlan(room_id=ID, version=1, ops=[op], client_id=ID))


def test_it_is_found_as_deeply_as_a_character_card_may_nest() -> None:
    card: dict[str, object] = {"note": "4242424242424242"}
    for _ in range(MAX_DEPTH - 1):
        card = {"in": card}
    assert not nests_deeper(card, MAX_DEPTH)
    with pytest.raises(Rejected):
        demand_no_card(card)


def test_a_refusal_repeats_no_key_that_is_not_a_short_word() -> None:
    """Keys in free form are of any length, and may hold what nobody should read again."""
    fields = {"x" * 9_000: {"4242": {"note": ["4242424242424242"]}}}
    op = PlanOp(op="add", id="1", kind="stop", fields=fields)
    with pytest.raises(Rejected) as refusal:
        demand_no_card(ApplyPlan(room_id=ID, version=1, ops=[op], client_id=ID))
    assert [name for name, _ in refusal.value.fields] == ["ops[0].fields[...][...].note[0]"]


UUIDS = st.builds(
    lambda at, random: str(
        UUID(
            int=at << 80 | 7 << 76 | (random >> 62 & 0xFFF) << 64 | 2 << 62 | random & (1 << 62) - 1
        )
    ),
    st.integers(1_700_000_000_000, 2_200_000_000_000),
    st.integers(0, (1 << 74) - 1),
)
DIGITS_ONLY = st.text("0123456789", min_size=29, max_size=29).map(
    lambda d: f"{d[:8]}-{d[8:12]}-7{d[12:15]}-8{d[15:18]}-{d[17:29]}"
)
DAYS = st.dates(datetime(2000, 1, 1, tzinfo=UTC).date(), datetime(2070, 1, 1, tzinfo=UTC).date())
MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2070, 1, 1))


@given(st.one_of(UUIDS, DIGITS_ONLY))
def test_no_id_that_servers_and_clients_make_is_refused_wherever_it_stands(uuid: str) -> None:
    demand_no_card(says(f"{uuid} {uuid}"))
    demand_no_card(says(f"caravan:{uuid.replace('-', '')}"))
    demand_no_card(JoinRoom(room_id=uuid, after=Position(epoch=uuid, seq=18)))
    op = PlanOp(op="add", id=uuid, kind="stop", fields={"offerId": uuid, "of": [uuid], uuid: 1})
    demand_no_card(ApplyPlan(room_id=uuid, version=1, ops=[op], client_id=uuid))


@given(DAYS, DAYS, MOMENTS, st.sampled_from(" -._/,"))
def test_no_date_is_refused(one: object, other: object, at: datetime, sign: str) -> None:
    op = PlanOp(
        op="add", id="1", kind="stop", fields={"from": f"{one}{sign}{other}", "at": f"{at}"}
    )
    demand_no_card(ApplyPlan(room_id=ID, version=1, ops=[op], client_id=ID))
    seconds = int(at.replace(tzinfo=UTC).timestamp())
    demand_no_card(says(f"{one}{sign}{other}; {at.isoformat()}; {seconds}"))


@pytest.mark.parametrize("group", ["301 ", "3001-", "4000 "])
def test_eight_kilobytes_of_numbers_that_are_no_cards_cost_a_few_calls_a_letter(group: str) -> None:
    """A message of "301 301 …" held the loop for twenty milliseconds before its sender's rate was counted."""
    content = (group * 3_000)[:8_192]
    assert calls_of(lambda: demand_no_card(says(content))) < 6 * len(content)


def test_a_card_s_number_is_found_at_any_place_among_thousands_of_groups() -> None:
    for before in range(500, 516):
        with pytest.raises(Rejected):
            demand_no_card(says("1111 " * before + "4242 4242 4242 4242"))


def test_megabytes_of_digits_are_never_all_counted_in_one_go() -> None:
    """A list of all the digits of a persona's card is eight times as long, and holds the interpreter."""
    card = {"notes": "-7777777777777777777" * 100_000}
    tracemalloc.start()
    try:
        demand_no_card(card)
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("item", ["", "a", 7, 1_000])
def test_a_list_of_what_is_too_short_for_a_card_costs_one_call_an_item(item: object) -> None:
    """Sixteen kilobytes of empty texts on a board held the loop for twenty-five milliseconds."""
    op = PlanOp(op="add", id="1", kind="stop", fields={"of": [item] * 10_000})
    command = ApplyPlan(room_id=ID, version=1, ops=[op], client_id=ID)
    assert calls_of(lambda: demand_no_card(command)) < 35_000
