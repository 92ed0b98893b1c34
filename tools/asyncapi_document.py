"""The contract of the socket as one AsyncAPI 3.0.0 document, from the client's point of view.

AsyncAPI wants every message valid against exactly one message of its channel. So the one WebSocket
is three kinds of channel at one address: what clients send, what servers send by themselves, and,
since only `ref` tells answers apart, one channel for each shape of an answer.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final, get_args

from asyncapi_schemas import HERE, closure, schema_of, words_of
from asyncapi_words import (
    ABOUT,
    AFTER_CLOSING,
    CORRELATION,
    HEARTBEAT,
    LOCAL,
    NOT_OFFERED,
    RECONNECT,
)

from protocol import frames, limits, session, wire
from protocol.answers import ANSWERS, answer_to
from protocol.cards import Card
from protocol.close_codes import CloseCode
from protocol.errors import ERROR_CODES, TEMPORARY
from protocol.user import Notified

Json = dict[str, Any]
GOLDEN: Final = Path(__file__).parents[1] / "tests" / "protocol" / "golden"

CLIENT: Final[tuple[type, ...]] = get_args(wire.ClientFrame)
SERVER: Final[tuple[type, ...]] = (
    *get_args(wire.ServerEvent),
    *(frames.Ping, frames.Pong, frames.ErrorFrame),
)
MESSAGES: Final = tuple(dict.fromkeys((*CLIENT, *SERVER, *ANSWERS)))
REPLIES: Final = (session.Welcome, frames.Pong, frames.ErrorFrame)
"""What the server sends only because of something that the client sent."""


def document() -> Json:
    """The whole document, its keys in the order written here."""
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Caravan", "version": "1.0.0", "description": ABOUT},
        "defaultContentType": "application/msgpack",
        "servers": {"local": LOCAL},
        "channels": _channels(),
        "operations": dict(_operations()),
        "components": {
            "messages": {kind.__name__: _message(kind) for kind in MESSAGES},
            "schemas": {
                kind.__name__: schema_of(kind)
                for kind in sorted(closure((*MESSAGES, Card)), key=lambda kind: kind.__name__)
            },
        },
        "x-limits": _limits(),
        "x-error-codes": [{"code": c, "temporary": c in TEMPORARY} for c in ERROR_CODES],
        "x-close-codes": [_close_code(code) for code in CloseCode],
    }


def is_offered(kind: type) -> bool:
    """Whether this server has the feature that a frame belongs to."""
    return kind is not Notified


def offer(kind: type) -> Json:
    """What marks a part that this server does not have."""
    return {} if is_offered(kind) else NOT_OFFERED


def _channels() -> Json:
    return {
        "toServer": _channel(CLIENT, "What a client sends."),
        "toClient": _channel(SERVER, "What a server sends by itself, and every failure."),
        **{
            _answers(kind): {
                **_channel((kind, frames.ErrorFrame), f"Answers: {words_of(kind)}"),
                **offer(kind),
            }
            for kind in ANSWERS
        },
    }


def _channel(kinds: Iterable[type], summary: str) -> Json:
    offered = {"Sec-WebSocket-Protocol": {"type": "string", "const": limits.SUBPROTOCOL}}
    headers = {"type": "object", "required": list(offered), "properties": offered}
    return {
        "address": limits.CONNECT_PATH,
        "summary": summary,
        "messages": {
            kind.__name__: {"$ref": f"#/components/messages/{kind.__name__}"} for kind in kinds
        },
        "bindings": {"ws": {"method": "GET", "headers": headers, "bindingVersion": "0.1.0"}},
    }


def _answers(kind: type) -> str:
    return f"answers.{kind.__name__}"


def _operations() -> Iterator[tuple[str, Json]]:
    """`send` and `receive` are the client's."""
    for kind in CLIENT:
        if kind is not frames.Pong:
            yield _lower(kind), _operation("send", "toServer", kind, *_reply(kind))
    for kind in SERVER:
        if kind is frames.Ping:
            yield "onPing", _operation("receive", "toClient", kind, "toServer", [frames.Pong])
        elif kind not in REPLIES:
            yield f"on{kind.__name__}", _operation("receive", "toClient", kind)
    yield "onErrorFrame", _operation("receive", "toClient", frames.ErrorFrame)


def _reply(kind: type) -> tuple[str, list[type]]:
    if issubclass(kind, frames.Command):
        answer = answer_to(kind)
        return _answers(answer), [answer, frames.ErrorFrame]
    return "toClient", [frames.Pong if kind is frames.Ping else session.Welcome, frames.ErrorFrame]


def _operation(
    action: str, channel: str, kind: type, replies_at: str = "", replies: Iterable[type] = ()
) -> Json:
    reply = {"channel": _ref("channels", replies_at), "messages": _among(replies_at, replies)}
    return {
        "action": action,
        "channel": _ref("channels", channel),
        "summary": words_of(kind),
        "messages": _among(channel, [kind]),
        **({"reply": reply} if replies_at else {}),
        **offer(kind),
    }


def _message(kind: Any) -> Json:
    return {
        "name": kind.__struct_config__.tag,
        "title": kind.__name__,
        "summary": words_of(kind),
        "payload": {"$ref": HERE + kind.__name__},
        **_correlation(kind),
        "examples": [{"payload": meaning} for meaning in examples_of(kind)],
        **offer(kind),
    }


def _correlation(kind: type) -> Json:
    if kind in (frames.Ping, frames.Pong):
        return {"correlationId": HEARTBEAT}
    if issubclass(kind, frames.Command | frames.Response):
        return {"correlationId": CORRELATION}
    return {}


def examples_of(kind: Any) -> list[Json]:
    """The golden vectors of a message."""
    if kind in CLIENT:
        tag = kind.__struct_config__.tag
        found = [v for v in _vectors("client_frames.json") if v["meaning"]["type"] == tag]
    else:
        found = [v for v in _vectors("server_frames.json") if v["frame"] == kind.__name__]
    return [vector["meaning"] for vector in found]


def _vectors(name: str) -> list[Json]:
    vectors: list[Json] = json.loads((GOLDEN / name).read_text(encoding="utf-8"))
    return vectors


def _limits() -> Json:
    announced = limits.Limits.__struct_encode_fields__
    values = (getattr(limits.DEFAULT_LIMITS, name) for name in limits.Limits.__struct_fields__)
    return {
        **dict(zip(announced, values, strict=True)),
        "maxServerFrameBytes": limits.MAX_SERVER_FRAME_BYTES,
        "maxFreeFormBytes": limits.MAX_FREE_BYTES,
        "heldBeforeWelcomeBytes": limits.HELD_BEFORE_WELCOME_BYTES,
        "helloWithinMs": int(limits.HELLO_WITHIN * 1000),
        "heartbeatMs": limits.HEARTBEAT_MS,
        "typingForMs": int(limits.TYPING_FOR * 1000),
        "sessionForMs": int(limits.SESSION_FOR * 1000),
    }


def _close_code(code: CloseCode) -> Json:
    then = AFTER_CLOSING.get(code // 100, RECONNECT)
    return {"code": int(code), "reason": code.reason, "announced": code.is_announced, "then": then}


def _among(channel: str, kinds: Iterable[type]) -> list[Json]:
    return [_ref("channels", channel, "messages", kind.__name__) for kind in kinds]


def _ref(*path: str) -> Json:
    return {"$ref": "#/" + "/".join(path)}


def _lower(kind: type) -> str:
    return kind.__name__[0].lower() + kind.__name__[1:]
