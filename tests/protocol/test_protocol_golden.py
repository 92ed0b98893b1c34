"""The golden vectors: what the bytes mean by the independent `msgpack`, and our verdict on them."""

import json
import runpy
from pathlib import Path
from typing import Any, get_args

import msgpack
import msgspec
import pytest

from protocol import frames, wire
from protocol.answers import ANSWERS
from protocol.codec import Malformed, Refused, decode, decode_event, encode

GOLDEN = Path(__file__).parent / "golden"
CLIENT, SERVER, VERDICTS = (
    json.loads((GOLDEN / name).read_text())
    for name in ("client_frames.json", "server_frames.json", "verdicts.json")
)
SERVER_TYPES: dict[str, type[Any]] = {
    kind.__name__: kind
    for kind in (
        *get_args(wire.ServerEvent),
        *(frames.Ping, frames.Pong, frames.ErrorFrame),
        *ANSWERS,
    )
}


def name_of(vector: dict[str, Any]) -> str:
    return str(vector.get("about") or vector["meaning"]["type"])


def unpacked(data: bytes) -> Any:
    return msgpack.unpackb(data, strict_map_key=False)


def test_the_files_are_what_their_definitions_say() -> None:
    written = runpy.run_path(str(GOLDEN / "write_vectors.py"))["files"]()
    assert written == {name: (GOLDEN / name).read_text() for name in written}


def test_every_frame_of_both_directions_has_a_vector() -> None:
    tags = {kind.__struct_config__.tag for kind in get_args(wire.ClientFrame)}
    assert {vector["meaning"]["type"] for vector in CLIENT} == tags
    assert {vector["frame"] for vector in SERVER} == set(SERVER_TYPES)


@pytest.mark.parametrize("vector", CLIENT, ids=name_of)
def test_a_clients_frame_means_the_same_to_both_codecs(vector: dict[str, Any]) -> None:
    data = bytes.fromhex(vector["hex"])
    assert unpacked(data) == vector["meaning"]
    frame = decode(msgpack.packb(vector["meaning"]))
    assert type(frame).__struct_config__.tag == vector["meaning"]["type"]
    assert unpacked(encode(frame)) == vector["meaning"]
    assert decode(data) == decode(encode(frame)) == frame


@pytest.mark.parametrize("vector", SERVER, ids=name_of)
def test_a_servers_frame_means_the_same_to_both_codecs(vector: dict[str, Any]) -> None:
    data = bytes.fromhex(vector["hex"])
    assert unpacked(data) == vector["meaning"]
    frame = msgspec.msgpack.decode(data, type=SERVER_TYPES[vector["frame"]])
    assert unpacked(encode(frame)) == vector["meaning"]


@pytest.mark.parametrize("vector", SERVER, ids=name_of)
def test_a_durable_event_comes_back_from_storage_as_it_went(vector: dict[str, Any]) -> None:
    kind = SERVER_TYPES[vector["frame"]]
    data = bytes.fromhex(vector["hex"])
    if kind in get_args(wire.DurableRoomEvent):
        assert decode_event(data) == msgspec.msgpack.decode(data, type=kind)
    else:
        with pytest.raises(ValueError, match=r"Invalid value|required field"):
            decode_event(data)


@pytest.mark.parametrize("vector", VERDICTS, ids=name_of)
def test_a_frame_gets_its_verdict(vector: dict[str, Any]) -> None:
    data = bytes.fromhex(vector["hex"])
    match vector["verdict"]:
        case "ok":
            decode(data)
        case "malformed":
            with pytest.raises(Malformed):
                decode(data)
        case _:
            with pytest.raises(Refused) as caught:
                decode(data)
            refused = caught.value
            assert (refused.code, refused.ref) == (vector["code"], vector["ref"])
            assert refused.fields[0][0] == vector["field"]
            assert refused.text == refused.fields[0][1]
            assert refused.text.format(**refused.params).isprintable()
