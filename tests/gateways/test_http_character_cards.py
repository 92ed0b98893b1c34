"""Character cards: what comes out is what came in; pictures that mean harm are refused in words."""

import base64
import json
import struct
import zlib
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from gateways.http import card_pictures as pictures
from gateways.http import character_cards as cards
from gateways.http.character_cards import BadCard, Card, read_card, taken, used
from gateways.http.persona_texts import is_longer, name_of, proper_name, shown
from protocol.persona import Persona

SIGNATURE = b"\x89PNG\r\n\x1a\n"
V1 = {
    "name": "Juniper",
    "description": "Knows {{user}}'s town.",
    "personality": "warm",
    "scenario": "",
    "first_mes": "Hello!\nWhere to?",
    "mes_example": "<START>\n{{user}}: hi",
}
DATA = V1 | {
    "creator_notes": "",
    "system_prompt": "Be kind.",
    "post_history_instructions": "",
    "alternate_greetings": ["Hey.", "Olá."],
    "tags": ["Fantasy", "royal cook", "chef"],
    "creator": "somebody",
    "character_version": "1.0",
    "extensions": {"depth_prompt": {"depth": 4}, "caravan": {"kept": True}},
    "character_book": {
        "extensions": {},
        "entries": [{"keys": ["/(a+)+$/"], "use_regex": True, "content": "Lore", "x": 1}],
    },
}
V2 = {"spec": "chara_card_v2", "spec_version": "2.0", "data": DATA}
V3 = {
    "spec": "chara_card_v3",
    "spec_version": "3.0",
    "data": DATA | {"nickname": "Juni"},
    "more": 1,
}


def persona_of(card: Card) -> Persona:
    """As the route makes it."""
    own = taken(card)
    return Persona(
        id="p",
        owner_id="u",
        name=own.name,
        style=own.style,
        about=own.about,
        greeting=own.greeting,
        card=card.whole,
    )


def refusal(raw: bytes, read: Any = read_card) -> str:
    with pytest.raises(BadCard) as refused:
        read(raw)
    return refused.value.text.format(**refused.value.params)


@pytest.mark.parametrize(("whole", "version"), [(V1, 1), (V2, 2), (V3, 3)])
def test_each_version_is_read_and_given_back_as_it_came(whole: Any, version: int) -> None:
    card = read_card(b"\xef\xbb\xbf" + json.dumps(whole).encode())
    assert card.version == version
    own = taken(card)
    assert (own.name, own.greeting) == ("Juniper", "Hello!\nWhere to?")
    assert own.about == "Knows {{user}}'s town."
    assert cards.given(persona_of(card)) == whole


def test_the_style_is_ours_or_that_of_most_tags_or_the_explorers() -> None:
    assert taken(cards.card_of(V2)).style == "foodie"
    own = V2 | {"data": DATA | {"extensions": {"caravan": {"style": "luxury"}}}}
    assert taken(cards.card_of(own)).style == "luxury"
    for extensions in (None, [], {"caravan": 4}, {"caravan": {"style": "evil"}}):
        odd = V2 | {"data": DATA | {"extensions": extensions, "tags": [4, None]}}
        assert taken(cards.card_of(odd)).style == "explorer"
    assert taken(cards.card_of(V1)).style == "explorer"


def test_what_becomes_ours_loses_control_and_direction_characters_and_the_card_keeps_them() -> None:
    hostile = V2 | {
        "data": DATA
        | {
            "name": " A\u202eb\x00\u2066\u206f ",
            "first_mes": "a\x07\u202eb\r\nc\u2028d\te",
            "description": "x" * 5_000 + "é",
        }
    }
    card = cards.card_of(hostile)
    own = taken(card)
    assert (own.name, own.greeting, own.about) == ("Ab", "ab\nc\nd\te", "x" * 4_096)
    assert cards.given(persona_of(card)) == hostile


def test_changed_fields_go_into_the_card_and_nothing_else_does() -> None:
    for whole in (V1, V2, V3):
        persona = persona_of(cards.card_of(whole))
        changed = replace(
            persona, name="Ben", about="", greeting="Moin.", style="culture", version=2
        )
        back = cards.card_of(cards.given(changed))
        own = taken(back)
        assert (own.name, own.about, own.greeting, own.style) == ("Ben", "", "Moin.", "culture")
        ours = {"name", "description", "first_mes", "extensions"}
        others = {name: value for name, value in back.data.items() if name not in ours}
        before = cards.card_of(whole).data
        assert others == {name: value for name, value in before.items() if name not in ours}
        assert persona.card == whole
    assert back.data["extensions"]["depth_prompt"] == {"depth": 4}
    assert back.data["extensions"]["caravan"] == {"kept": True, "style": "culture"}


def test_a_persona_without_a_card_is_given_as_one_that_reads_back() -> None:
    persona = Persona(
        id="p", owner_id="u", name="Ben", style="budget", about="Frugal.", greeting="Hi."
    )
    own = taken(read_card(msgspec.json.encode(cards.given(persona))))
    assert (own.name, own.style, own.about, own.greeting) == ("Ben", "budget", "Frugal.", "Hi.")


def test_of_what_a_model_can_use_those_are_named_in_which_the_card_says_anything() -> None:
    fields = {"name", "first_mes", "scenario", "character_book", "nickname"}
    assert used(cards.card_of(V2), fields) == ["name", "first_mes", "character_book"]
    assert used(cards.card_of(V3), set()) == []


def test_passages_are_used_by_all_and_who_it_is_by_the_chat_prompt_alone() -> None:
    card = cards.card_of(V2 | {"data": DATA | {"scenario": "A library."}})
    passages = {"name", "tags", "first_mes", "alternate_greetings", "mes_example", "character_book"}
    assert set(used(card, cards.PASSAGES_USE)) == passages
    who_it_is = {"description", "personality", "scenario"}
    assert set(used(card, cards.CHAT_USES)) == passages | who_it_is


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff", "not JSON"),
        (b'{"name": 1e999}', "not JSON"),
        (b'{"name": NaN}', "not JSON"),
        (b"[" * 10_000, "not JSON"),
        (b"[]", "no character card"),
        (b"{}", "no character card"),
        (b'{"name": 4}', "no character card"),
        (b'{"spec": "chara_card_v2"}', "no character card"),
        (b'{"spec": "chara_card_v9", "data": {"name": "x"}}', "no character card"),
        (b'{"spec": [], "data": {"name": "x"}}', "no character card"),
        (b'{"spec": "chara_card_v3", "data": {"name": 7}}', "no name"),
        (b'{"name": " \\u200b\\u202e "}', "no name"),
        (b'{"name": "x", "a": ' + b"[" * 64 + b"]" * 64 + b"}", "nested too deeply"),
        (b'{"name": "x", "a": [' + b"[]," * 16_000 + b"[]]}", "too many parts"),
        (b'{"name": "x", "a": [' + b"1," * 100_000 + b"1]}", "too many parts"),
        (b'{"name": "x", "a": "' + b"{" * 16_000 + b'"}', "too many parts"),
        (b" " * (cards.MAX_CARD_BYTES + 1), "at most 4194304 bytes"),
    ],
)
def test_what_is_no_card_is_refused_in_words(raw: bytes, words: str) -> None:
    assert words in refusal(raw)


def test_a_card_may_be_nested_as_deeply_as_we_say_and_no_deeper() -> None:
    for depth, is_taken in ((cards.MAX_DEPTH - 1, True), (cards.MAX_DEPTH, False)):
        raw = b'{"name": "x", "a": ' + b"[" * depth + b"]" * depth + b"}"
        if is_taken:
            read_card(raw)
        else:
            assert "deeply" in refusal(raw)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**80), 2**80)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=4)
    ),
    max_leaves=12,
)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
NAME = TEXT.filter(lambda text: name_of(text) != "")
FIELDS = st.fixed_dictionaries(
    {"name": NAME},
    optional={
        "description": JSON | TEXT,
        "first_mes": JSON | TEXT,
        "tags": JSON | st.lists(st.sampled_from(["royal", "chef", "x"])),
        "extensions": JSON
        | st.fixed_dictionaries({"caravan": JSON | st.just({"style": "family"})}),
        "character_book": JSON,
        "": JSON,
        "nickname": JSON,
    },
)
CARDS = st.one_of(
    FIELDS.filter(lambda card: "spec" not in card),
    st.builds(
        lambda data, spec, more: {**more, "spec": spec, "data": data},
        FIELDS,
        st.sampled_from(["chara_card_v2", "chara_card_v3"]),
        st.dictionaries(TEXT, JSON, max_size=3),
    ),
)


@given(whole=CARDS, as_picture=st.booleans())
@settings(max_examples=300, deadline=None, derandomize=True)
def test_every_card_survives_the_way_in_and_out(whole: dict[str, Any], as_picture: bool) -> None:
    card = read_card(msgspec.json.encode(whole))
    persona = persona_of(card)
    if as_picture:
        picture = pictures.picture_of(cards.given(persona), persona.style)
        back = read_card(pictures.card_in(picture))
    else:
        back = read_card(msgspec.json.encode(cards.given(persona)))
    assert back.whole == whole
    assert msgspec.json.encode(back.whole) == msgspec.json.encode(whole)
    assert persona_of(back) == persona
    assert proper_name(persona.name) == persona.name
    assert not is_longer(persona.name, 100)
    assert shown(persona.greeting) == persona.greeting


@given(whole=CARDS, name=NAME.map(name_of), about=TEXT.map(shown), greeting=TEXT.map(shown))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_a_changed_persona_survives_it_too(
    whole: dict[str, Any], name: str, about: str, greeting: str
) -> None:
    persona = replace(persona_of(cards.card_of(whole)), name=name, about=about, greeting=greeting)
    back = persona_of(read_card(msgspec.json.encode(cards.given(persona))))
    assert replace(back, card=None) == replace(persona, card=None)


# Pictures.


def chunk(kind: bytes, data: bytes, *, crc: int | None = None, size: int | None = None) -> bytes:
    checksum = zlib.crc32(kind + data) if crc is None else crc
    length = len(data) if size is None else size
    return struct.pack(">I", length) + kind + data + struct.pack(">I", checksum)


HEAD = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
END = chunk(b"IEND", b"")


def text_chunk(keyword: bytes, whole: Any) -> bytes:
    return chunk(b"tEXt", keyword + b"\0" + base64.b64encode(json.dumps(whole).encode()))


def picture(*chunks: bytes) -> bytes:
    return SIGNATURE + HEAD + b"".join(chunks) + END


def test_a_card_is_found_wherever_it_stands_and_the_newer_one_counts() -> None:
    pixels = chunk(b"IDAT", zlib.compress(b"\0\0\0\0"))
    other = chunk(b"tEXt", b"Comment\0chara")
    for chunks in (
        (text_chunk(b"chara", V2), pixels),
        (other, pixels, text_chunk(b"chara", V2)),
        (text_chunk(b"chara", V2), text_chunk(b"chara", V1)),
    ):
        assert read_card(pictures.card_in(picture(*chunks))).whole == V2
    both = picture(text_chunk(b"chara", V2), pixels, text_chunk(b"ccv3", V3))
    assert read_card(pictures.card_in(both)).whole == V3
    assert read_card(pictures.card_in(both + b"a zip after the end")).whole == V3


def test_our_pictures_are_pictures_and_carry_both_spellings() -> None:
    made = pictures.picture_of(V3, "luxury")
    kinds = [kind for kind, _ in pictures._chunks(made)]
    assert kinds == [b"IHDR", b"tEXt", b"tEXt", b"IDAT"]
    data = dict(pictures._chunks(made))
    assert len(zlib.decompress(data[b"IDAT"])) == (1 + 3 * 64) * 96
    assert len(made) < 10_000
    spellings = [
        (text.partition(b"\0")[0], json.loads(base64.b64decode(text.partition(b"\0")[2])))
        for kind, text in pictures._chunks(made)
        if kind == b"tEXt"
    ]
    as_older = V3 | {"spec": "chara_card_v2", "spec_version": "2.0"}
    assert spellings == [(b"ccv3", V3), (b"chara", as_older)]
    assert [kind for kind, _ in pictures._chunks(pictures.picture_of(V1, "local"))].count(
        b"tEXt"
    ) == 1


def test_a_large_card_drops_the_older_spelling_and_one_too_large_is_refused() -> None:
    large = V3 | {"data": DATA | {"x": "y" * 2_000_000}}
    made = pictures.picture_of(large, "local")
    assert [kind for kind, _ in pictures._chunks(made)].count(b"tEXt") == 1
    assert read_card(pictures.card_in(made)).whole == large
    with pytest.raises(BadCard) as refused:
        pictures.picture_of(V3 | {"x": "y" * 3_200_000}, "local")
    assert "Take it as JSON" in refused.value.text


BOMB = zlib.compress(b"\0" * 50_000_000, 9)


@pytest.mark.parametrize(
    ("hostile", "words"),
    [
        (b"", "no PNG"),
        (b"GIF89a", "no PNG"),
        (SIGNATURE[:-1], "no PNG"),
        (SIGNATURE, "ends too early"),
        (SIGNATURE + HEAD, "ends too early"),
        (picture()[:-1], "ends too early"),
        (SIGNATURE + END, "no PNG"),
        (SIGNATURE + HEAD + HEAD + END, "no PNG"),
        (picture(), "no character card"),
        (picture(chunk(b"tEXt", b"Comment\0hello")), "no character card"),
        (picture(chunk(b"IDAT", b"x", size=2**31 + 5)), "ends too early"),
        (picture(chunk(b"IDAT", b"x", size=2**32 - 1)), "ends too early"),
        (picture(chunk(b"IDAT", b"x", size=5_000)), "ends too early"),
        (picture(chunk(b"IDAT", b"x", crc=7)), "checksum"),
        (picture(chunk(b"tEXt", b"chara\0e30=", crc=7)), "checksum"),
        (picture(chunk(b"zTXt", b"chara\0\0" + BOMB)), "compressed"),
        (picture(chunk(b"iTXt", b"chara\0\1\0\0\0" + BOMB)), "compressed"),
        (picture(chunk(b"zTXt", b"ccv3\0\0" + BOMB), text_chunk(b"chara", V2)), "compressed"),
        (picture(chunk(b"tEXt", b"chara")), "not JSON"),
        (picture(chunk(b"tEXt", b"chara\0!!!")), "not base64"),
        (picture(chunk(b"tEXt", b"chara\0aGVsbG8=")), "not JSON"),
        (picture(*[chunk(b"tEXt", b"")] * 20_000), "too many parts"),
    ],
)
def test_a_picture_that_means_harm_is_refused_in_words(hostile: bytes, words: str) -> None:
    assert words in refusal(hostile, lambda raw: read_card(pictures.card_in(raw)))


def test_a_compressed_text_of_something_else_is_not_looked_into() -> None:
    bomb = chunk(b"zTXt", b"Comment\0\0" + BOMB)
    assert read_card(pictures.card_in(picture(bomb, text_chunk(b"chara", V2)))).whole == V2


@given(data=st.binary(max_size=300), at=st.integers(0, 400), made=st.booleans())
@settings(max_examples=300, deadline=None, derandomize=True)
def test_whatever_comes_is_a_card_or_is_refused(data: bytes, at: int, made: bool) -> None:
    """Junk, and junk written into a good picture."""
    good = picture(text_chunk(b"chara", V1))
    raw = good[:at] + data + good[at + len(data) :] if made else data
    with suppress(BadCard):
        read_card(pictures.card_in(raw))
