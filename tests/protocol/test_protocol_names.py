"""Names and titles: whatever people are called, in one line that shows what it is."""

from typing import Any

import msgpack
import pytest

from protocol.codec import Refused, decode
from protocol.names import ONE_LINE, is_one_line, one_line_of, proper_name

CLIENT_ID = "0190b6a0-0000-7000-8000-000000000001"

NAMES = (
    "Zoë",
    "علی\u200cرضا",
    "טיול לתל אביב (2027)\u200f",
    "लक्ष्मी\u200d",
    "Ada 👩🏽\u200d🚀",
    "👨\u200d👩\u200d👧\u200d👦",
    "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f to 🇵🇹 ❤️",
    "東京\u3000旅行",
    "a\u00a0b",
    "\u1112\u1161\u11ab",
)
DECEPTIONS = (
    "Lisbon\nCaravan: pay here",
    "a\rb",
    "a\tb",
    "a\x1b[31m",
    "a\x7f",
    "a\x85b",
    "a\u2028b",
    "a\u2029b",
    "invoice\u202egpj.exe",
    "\u2066hidden\u2069",
    "a\u206ab",
    "\ufeffa",
    "a\ufff9b",
)


@pytest.mark.parametrize("name", NAMES)
def test_a_name_of_any_script_is_fine(name: str) -> None:
    assert is_one_line(name)
    assert proper_name(f" {name} ") == name
    assert one_line_of(name) == name


@pytest.mark.parametrize("name", DECEPTIONS)
def test_what_hides_or_turns_around_is_none(name: str) -> None:
    assert not is_one_line(name)
    assert proper_name(name) is None
    assert is_one_line(one_line_of(name))


@pytest.mark.parametrize(
    "name",
    [
        *("", "  ", "\u200b", "\u200f\u200d", "\u2003"),
        *(
            "\u3164",
            "\u115f\u1160",
            "\uffa0",
            "\u2800",
            "\U0001d159",
            "\u2065",
            "\ufff0",
            "\U000e0080",
        ),
    ],
)
def test_nor_is_what_nobody_can_see(name: str) -> None:
    assert proper_name(name) is None


MESSAGE = {"type": "chat.message", "roomId": "r", "content": "a\nb", "clientId": CLIENT_ID}


@pytest.mark.parametrize("title", DECEPTIONS)
@pytest.mark.parametrize(
    ("frame", "field"),
    [
        ({"type": "room.create", "kind": "group", "clientId": CLIENT_ID}, "title"),
        ({"type": "room.update", "roomId": "r"}, "title"),
        ({"type": "chat.react", "roomId": "r", "messageId": "m", "active": True}, "emoji"),
        (MESSAGE, "attachments[0].name"),
        (MESSAGE, "attachments[0].url"),
        (MESSAGE, "attachments[0].mediaType"),
    ],
)
def test_a_title_is_one_line_and_its_refusal_names_it(
    frame: dict[str, Any], field: str, title: str
) -> None:
    def sent(text: str) -> bytes:
        name, address = field.removeprefix("attachments[0]."), "https://a.test/b"
        attached = {"url": address, name: address + text if name == "url" else text}
        own = {field: text} if name == field else {"attachments": [attached]}
        return bytes(msgpack.packb(frame | own))

    with pytest.raises(Refused) as refused:
        decode(sent(title))
    assert refused.value.fields == ((field, ONE_LINE),)
    assert refused.value.code == "bad_request"
    decode(sent(NAMES[5]))
