"""Character cards in PNG pictures: the text chunks `ccv3` and `chara`, base64 of the card's JSON.

Pure. Of a picture that comes, only the chunks' frames are read: no pixel is decoded and nothing is
inflated, so there is nothing to bomb. One that goes out is a plain colour of our own.

Source: PNG (W3C, third edition) §5 for chunks, §11.3.3 for text.
"""

import base64
import binascii
import struct
import zlib
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from core.texts import sentence
from gateways.http.character_cards import MAX_CARD_BYTES, BadCard, as_version_2
from protocol.persona import Voice

MAX_CHUNKS: Final = 10_000
MAX_CHUNK_BYTES: Final = 2**31 - 1

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_FRAME: Final = struct.Struct(">I4s")
_CRC: Final = struct.Struct(">I")
_KEYWORDS: Final = (b"ccv3", b"chara")
"""The newer first: where a picture has both, it counts (SPEC_V3.md)."""

_COLOURS: Final[Mapping[Voice, bytes]] = {
    "explorer": b"\x2a\x6f\x97",
    "adventure": b"\xd9\x5d\x39",
    "luxury": b"\x5b\x3a\x8c",
    "local": b"\x3c\x8d\x5a",
    "budget": b"\xc9\xa2\x27",
    "family": b"\xe0\x7a\x9a",
    "foodie": b"\xa4\x3e\x3e",
    "culture": b"\x6b\x5b\x4b",
}
_WIDTH, _HEIGHT = 64, 96


def card_in(picture: bytes) -> bytes:
    """The JSON of the card in a picture. Raises `BadCard`."""
    found: dict[bytes, bytes] = {}
    for kind, data in _chunks(picture):
        keyword, _, text = data.partition(b"\0")
        if keyword not in _KEYWORDS:
            continue
        if kind in (b"zTXt", b"iTXt"):
            raise BadCard(sentence("The card in this picture is compressed; that is not read."))
        if kind == b"tEXt":
            found.setdefault(keyword, text)
    for keyword in _KEYWORDS:
        if keyword in found:
            return _decoded(found[keyword])
    raise BadCard(sentence("There is no character card in this picture."))


def _chunks(picture: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and data of each chunk up to the picture's end."""
    if not picture.startswith(_SIGNATURE):
        raise BadCard(sentence("This is no PNG picture."))
    place = len(_SIGNATURE)
    for number in range(MAX_CHUNKS):
        if place + _FRAME.size > len(picture):
            raise _torn()
        size, kind = _FRAME.unpack_from(picture, place)
        end = place + _FRAME.size + size
        if size > MAX_CHUNK_BYTES or end + _CRC.size > len(picture):
            raise _torn()
        if _CRC.unpack_from(picture, end)[0] != zlib.crc32(picture[place + 4 : end]):
            raise BadCard(sentence("This picture is damaged: a checksum in it is wrong."))
        if (number == 0) != (kind == b"IHDR"):
            raise BadCard(sentence("This is no PNG picture."))
        if kind == b"IEND":
            return
        yield kind, picture[place + _FRAME.size : end]
        place = end + _CRC.size
    raise BadCard(sentence("This picture has too many parts."))


def _torn() -> BadCard:
    return BadCard(sentence("This picture is damaged: it ends too early."))


def _decoded(text: bytes) -> bytes:
    try:
        return base64.b64decode(text.translate(None, b" \t\r\n"), validate=True)
    except binascii.Error:
        raise BadCard(sentence("The card in this picture is not base64.")) from None


def picture_of(card: dict[str, Any], style: Voice) -> bytes:
    """A picture that carries the card. Raises `BadCard` when it would be larger than what we take."""
    texts = [b"chara"]
    if card.get("spec") == "chara_card_v3":
        texts = [b"ccv3", b"chara"]  # most readers know the older one alone
    whole = _picture(card, texts, style)
    if len(whole) > MAX_CARD_BYTES and len(texts) > 1:
        whole = _picture(card, texts[:1], style)
    if len(whole) > MAX_CARD_BYTES:
        raise BadCard(sentence("This card is too large for a picture. Take it as JSON."))
    return whole


def _picture(card: dict[str, Any], keywords: list[bytes], style: Voice) -> bytes:
    header = struct.pack(">IIBBBBB", _WIDTH, _HEIGHT, 8, 2, 0, 0, 0)
    row = b"\0" + _COLOURS[style] * _WIDTH
    chunks = [_chunk(b"IHDR", header)]
    for keyword in keywords:
        is_older = keyword == b"chara" and len(keywords) > 1
        said = as_version_2(card) if is_older else card
        chunks.append(
            _chunk(b"tEXt", keyword + b"\0" + base64.b64encode(msgspec.json.encode(said)))
        )
    chunks += [_chunk(b"IDAT", zlib.compress(row * _HEIGHT, 9)), _chunk(b"IEND", b"")]
    return _SIGNATURE + b"".join(chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return _FRAME.pack(len(data), kind) + data + _CRC.pack(zlib.crc32(kind + data))
