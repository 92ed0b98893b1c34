"""Card numbers are found wherever people may write them, and other numbers are left alone."""

import pytest

from core.card_refusal import demand_no_card, may_hold_card
from core.errors import Rejected
from protocol.booking import ApproveBooking, NameTraveller
from protocol.chat import PostMessage
from protocol.codec import encode
from protocol.plan import ApplyPlan, PlanOp
from protocol.room import JoinRoom
from protocol.session import Position

ID = "0198f0a0-1111-7222-8333-444455556666"


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
