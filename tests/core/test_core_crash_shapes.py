"""What is kept of a crash has the shape of what was there, and none of its words."""

import unicodedata
from typing import Annotated, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.crash_shapes import fields_of, redacted, shaped
from core.telemetry import REDACTED
from protocol.chat import Attachment, PostMessage
from protocol.room import CreateRoom, SettingsPatch, UpdateRoom

ID = "0190a000-0000-7000-8000-000000000001"


@given(st.text())
def test_a_shaped_text_has_the_same_length_the_same_bytes_and_is_a_shape_already(text: str) -> None:
    shape = shaped(text)
    assert len(shape) == len(text)
    assert len(shape.encode("utf-8", "surrogatepass")) == len(text.encode("utf-8", "surrogatepass"))
    assert shaped(shape) == shape


@given(st.text(st.characters(categories=["L", "N"])))
def test_no_letter_and_no_digit_stays_that_is_not_a_stand_in(text: str) -> None:
    assert len(set(shaped(text))) <= 16
    assert all(
        unicodedata.category(new)[0] == unicodedata.category(old)[0]
        for new, old in zip(shaped(text), text, strict=True)
    )


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("Meet me at 7, Ann!", "Xxxx xx xx 0, Xxx!"),
        ("Grüße, שלום", "Xxääx, אאאא"),
        ("👩‍🚀 👍🏽", "🙂‍🙂 🙂🏻"),
        ("a\r\n\tb\u202e", "x\r\n\tx\u202e"),
    ],
)
def test_spaces_marks_and_what_is_invisible_stay(text: str, shape: str) -> None:
    assert shaped(text) == shape


def test_ids_numbers_and_the_words_of_a_vocabulary_stay() -> None:
    made = CreateRoom(kind="group", client_id=ID, title="Lisbon", members=[ID], history="all")
    assert fields_of(made) == {
        "type": "room.create",
        "ref": None,
        "kind": "group",
        "clientId": ID,
        "title": "Xxxxxx",
        "members": [ID],
        "personas": [],
        "history": "all",
    }
    update = UpdateRoom(room_id=ID, title="all", settings=SettingsPatch(speaking="silent"))
    kept = fields_of(update)
    assert kept is not None
    assert kept["title"] == "xxx"
    assert kept["settings"] == {"speaking": "silent"}


def test_a_vocabulary_stays_however_it_is_annotated() -> None:
    class Choice(msgspec.Struct):
        pace: Annotated[Literal["slow", "fast"], msgspec.Meta(extra_json_schema={"title": "Pace"})]

    assert fields_of(Choice(pace="slow")) == {"pace": "slow"}


def test_a_map_keeps_the_number_and_the_lengths_of_its_keys() -> None:
    card = {"kind": 1, "name": 2, "from": 3, "title": 4, "x": 5, "y": 6}
    assert redacted(card) == {"xxxx": 1, "xxx1": 2, "xxx2": 3, "xxxxx": 4, "x": 5, "1": 6}
    many = redacted({f"{n:02}": n for n in range(40)})
    assert list(many.values()) == list(range(40))
    assert {len(key) for key in many} == {2}


def test_a_text_that_looks_like_an_id_is_a_text() -> None:
    said = fields_of(PostMessage(room_id=ID, content=ID, client_id=ID))
    assert said is not None
    assert (said["roomId"], said["content"]) == (ID, shaped(ID))


def test_an_address_keeps_its_scheme_and_nothing_else() -> None:
    kept = fields_of(Attachment(url="https://ann.example/Secret1", name="Plan.pdf"))
    assert kept is not None
    assert (kept["url"], kept["name"]) == ("https://xxx.xxxxxxx/Xxxxxx0", "Xxxx.xxx")


@pytest.mark.parametrize("name", ["token", "password", "access_token", "refreshToken", "otp"])
def test_a_secret_goes_wholly_whatever_it_is(name: str) -> None:
    assert redacted("hunter2", name) == REDACTED
    assert list(redacted({name: "hunter2"}).values()) == [REDACTED]
    assert redacted([{name: {"value": 42}}]) == [{shaped(name): REDACTED}]


def test_what_is_no_data_is_nobodys_business() -> None:
    assert fields_of(lambda: "closure") is None
    assert redacted(object()) is None
    assert redacted(b"secret") == bytes(6)
