"""Writes the golden vectors beside it: frames with their meaning and the verdict on them.

Run: python tests/protocol/golden/write_vectors.py. Hex is made by the `msgpack` package, not by our
codec. A client in any language can be checked against the JSON files alone.
"""

import json
from pathlib import Path
from typing import Any

import msgpack

HERE = Path(__file__).parent
A, B, ROOM, MESSAGE = (f"0198f0a0-0000-7000-8000-00000000000{n}" for n in range(1, 5))
CLIENT_ID = "0198f0a0-1111-7222-8333-444455556666"
EPOCH = "0198f0a0-9999-7000-8000-000000000009"
AT = 1_760_000_000_000
EUR = {"amount": 12_345, "currency": "EUR"}

IN_LOG = {"roomId": ROOM, "epoch": EPOCH, "seq": 7, "sentAt": AT}
ADA = {"id": A, "kind": "user", "name": "Ada"}
ROOM_VIEW = {
    "id": ROOM,
    "kind": "group",
    "title": "Lisbon",
    "settings": {"receipts": True, "speaking": "auto", "retentionDays": None},
    "members": [{"id": A, "name": "Ada", "role": "owner", "state": "joined"}],
    "memberCount": 1,
    "personas": [{"id": B, "name": "Mona", "ownerId": A}],
    "epoch": EPOCH,
    "head": 7,
    "first": 1,
    "read": 6,
    "createdAt": AT,
}
LIMITS = {
    "maxFrameBytes": 65536,
    "maxContentBytes": 8192,
    "maxNesting": 16,
    "maxRooms": 200,
    "maxMembers": 5000,
    "historyLimit": 200,
    "replayEvents": 1000,
    "commandsPerSecond": 50,
    "burst": 200,
}
BOOKING = {
    "bookingId": A,
    "version": 2,
    "status": "action_needed",
    "step": "authorize",
    "participants": [{"userId": A, "amount": EUR, "state": "invited"}],
    "travellers": [{"id": "1", "payerId": A, "type": "adult", "complete": False}],
    "total": EUR,
    "question": {
        "id": "q",
        "kind": "refund",
        "options": [{"id": "o", "text": "Refund", "shares": [{"userId": A, "amount": EUR}]}],
        "to": [A],
        "expiresAt": AT,
    },
    "action": {"kind": "redirect", "url": "https://x.test", "expiresAt": AT},
}
QUOTE = {
    "quoteId": A,
    "items": [
        {
            "partId": "h1",
            "offerId": B,
            "kind": "hotel",
            "title": "Hotel Tejo",
            "supplier": "amadeus",
            "total": EUR,
            "previous": {"amount": 11_345, "currency": "EUR"},
            "expiresAt": AT,
            "canHold": False,
            "details": {
                "kind": "hotel",
                "hotelId": "HTLIS001",
                "name": "Hotel Tejo",
                "checkIn": "2027-05-14",
                "checkOut": "2027-05-16",
            },
        }
    ],
    "total": EUR,
    "expiresAt": AT,
}
CARDS = [
    {
        "kind": "hotel.offer",
        "id": "c1",
        "title": "Hotel Tejo, two nights",
        "offerId": A,
        "price": EUR,
        "expiresAt": AT,
    },
    {"kind": "flight.offer", "id": "c2", "title": "BER to LIS", "offerId": B, "price": EUR},
    {"kind": "place", "id": "c3", "title": "Belém"},
    {"kind": "poll", "id": "c4", "title": "Which hotel?", "expiresAt": AT},
    {"kind": "booking", "id": "c5", "title": "Hotel Tejo", "price": EUR},
]
ADD_STOP = {"op": "add", "id": "x", "kind": "stop", "fields": {"name": "Sintra", "at": 1.5}}
SHOWN = {"type": "chat.message", **IN_LOG, "messageId": MESSAGE, "sender": ADA, "content": "Olá"}

CLIENT: list[dict[str, Any]] = [
    {"type": "hello", "token": "t", "client": {"name": "web", "version": "1.0", "locale": "de"}},
    {
        "type": "hello",
        "token": "t",
        "client": {"name": "web", "version": "1.0"},
        "resume": {"sessionId": A, "inbox": 3, "rooms": {ROOM: {"epoch": EPOCH, "seq": 7}}},
    },
    {"type": "ping", "t": AT},
    {"type": "ping", "t": -1},
    {"type": "pong", "t": AT},
    {"type": "auth.refresh", "ref": 0, "token": "t"},
    {"type": "room.create", "ref": 4294967295, "kind": "group", "clientId": CLIENT_ID},
    {
        "type": "room.create",
        "kind": "direct",
        "clientId": CLIENT_ID,
        "title": "Us",
        "members": [B],
        "personas": [A],
        "history": "all",
    },
    {"type": "room.join", "ref": 1, "roomId": ROOM, "after": {"epoch": EPOCH, "seq": 0}},
    {"type": "room.leave", "ref": 1, "roomId": ROOM},
    {"type": "room.invite", "ref": 1, "roomId": ROOM, "userIds": [A, B]},
    {"type": "room.remove", "ref": 1, "roomId": ROOM, "userId": B},
    {"type": "room.update", "ref": 1, "roomId": ROOM, "title": "Porto"},
    {
        "type": "room.update",
        "roomId": ROOM,
        "settings": {"receipts": False, "speaking": "roundRobin", "retentionDays": None},
    },
    {"type": "room.mute", "ref": 1, "roomId": ROOM, "until": AT},
    {"type": "room.mute", "ref": 1, "roomId": ROOM, "until": None},
    {"type": "chat.message", "ref": 9, "roomId": ROOM, "content": "Hi 🐪", "clientId": CLIENT_ID},
    {
        "type": "chat.message",
        "roomId": ROOM,
        "content": "see",
        "clientId": CLIENT_ID,
        "replyTo": MESSAGE,
        "mentions": [B],
        "attachments": [
            {"url": "https://x.test/a.png", "name": "a", "mediaType": "image/png", "size": 1}
        ],
    },
    {"type": "chat.edit", "ref": 1, "roomId": ROOM, "messageId": MESSAGE, "content": "Hi!"},
    {"type": "chat.delete", "ref": 1, "roomId": ROOM, "messageId": MESSAGE},
    {"type": "chat.react", "roomId": ROOM, "messageId": MESSAGE, "emoji": "👍", "active": True},
    {"type": "chat.pin", "ref": 1, "roomId": ROOM, "messageId": MESSAGE, "active": False},
    {"type": "chat.read", "ref": 1, "roomId": ROOM, "seq": 7},
    {"type": "chat.history", "ref": 1, "roomId": ROOM},
    {"type": "chat.history", "ref": 1, "roomId": ROOM, "around": 5, "limit": 200},
    {"type": "chat.search", "query": "beach", "roomId": ROOM, "from": A, "before": AT, "limit": 5},
    {"type": "typing.indicator", "roomId": ROOM, "active": True},
    {"type": "presence.set", "ref": 1, "status": "away"},
    {"type": "persona.switch", "ref": 1, "personaId": B, "roomId": ROOM},
    {"type": "room.persona", "ref": 1, "roomId": ROOM, "personaId": B, "active": True},
    {"type": "persona.cancel", "ref": 1, "runId": A},
    {"type": "card.opened", "ref": 1, "messageId": MESSAGE, "cardId": A},
    {"type": "persona.feedback", "messageId": MESSAGE, "value": -1, "offerId": A, "reason": "far"},
    {"type": "booking.quote", "ref": 1, "offerIds": [A], "adults": 2, "childrenAges": [4]},
    {
        "type": "booking.create",
        "ref": 1,
        "quoteId": A,
        "participants": [A],
        "travellers": [{"id": "1", "payerId": A, "type": "adult"}],
        "split": "equal",
        "clientId": CLIENT_ID,
    },
    {
        "type": "booking.create",
        "quoteId": A,
        "participants": [A],
        "travellers": [{"id": "1", "payerId": A, "type": "infant"}],
        "split": [{"userId": A, "amount": EUR}],
        "clientId": CLIENT_ID,
    },
    {
        "type": "booking.traveller",
        "ref": 1,
        "bookingId": A,
        "travellerId": "1",
        "givenName": "Ada",
        "familyName": "Byron",
        "bornOn": "1990-12-10",
        "gender": "f",
        "email": "ada@x.test",
        "document": {"kind": "passport", "number": "X1"},
    },
    {
        "type": "booking.approve",
        "ref": 1,
        "bookingId": A,
        "paymentMethod": "pm_1",
        "clientId": CLIENT_ID,
    },
    {"type": "booking.decline", "ref": 1, "bookingId": A},
    {"type": "booking.decide", "ref": 1, "bookingId": A, "questionId": "q", "optionId": "o"},
    {"type": "booking.cancel", "ref": 1, "bookingId": A},
    {"type": "booking.get", "ref": 1, "bookingId": A},
    {"type": "plan.open", "ref": 1, "roomId": ROOM, "after": 3},
    {
        "type": "plan.apply",
        "ref": 1,
        "roomId": ROOM,
        "version": 3,
        "ops": [ADD_STOP],
        "clientId": CLIENT_ID,
    },
    {"type": "consult.join", "ref": 1, "consultationId": A},
    {"type": "consult.signal", "consultationId": A, "to": B, "data": {"sdp": "v=0"}},
    {"type": "consult.leave", "ref": 1, "consultationId": A},
]

SERVER: list[tuple[str, dict[str, Any]]] = [
    (
        "Welcome",
        {
            "type": "welcome",
            "sessionId": A,
            "user": {
                "id": A,
                "handle": "ada",
                "name": "Ada",
                "role": "user",
                "locale": "en",
                "createdAt": AT,
            },
            "serverTime": AT,
            "heartbeatMs": 25000,
            "limits": LIMITS,
            "inbox": 0,
            "inboxReset": True,
            "resumed": False,
            "rooms": {ROOM: {"epoch": EPOCH, "head": 7, "verdict": "complete"}},
        },
    ),
    ("Draining", {"type": "session.draining", "reconnectAfterMs": 500, "jitterMs": 2000}),
    ("Ping", {"type": "ping", "t": AT}),
    ("Pong", {"type": "pong", "t": AT, "serverTime": AT + 1}),
    ("Done", {"type": "ok", "ref": 1}),
    ("AuthRefreshed", {"type": "ok", "ref": 1}),
    ("Sequenced", {"type": "ok", "ref": 1, "seq": 7}),
    ("MessageAccepted", {"type": "ok", "ref": 1, "seq": 7, "messageId": MESSAGE, "sentAt": AT}),
    (
        "RoomAnswered",
        {
            "type": "ok",
            "ref": 1,
            "room": ROOM_VIEW,
            "verdict": "reset",
            "online": {"count": 1, "userIds": [A]},
        },
    ),
    (
        "HistoryRead",
        {
            "type": "ok",
            "ref": 1,
            "messages": [
                {
                    **SHOWN,
                    "edited": AT,
                    "pinned": True,
                    "reactions": [{"emoji": "👍", "count": 1, "mine": False}],
                }
            ],
            "hasMoreBefore": True,
            "hasMoreAfter": False,
        },
    ),
    (
        "MessagesFound",
        {
            "type": "ok",
            "ref": 1,
            "messages": [{**SHOWN, "content": "", "deleted": True}],
            "hasMore": False,
        },
    ),
    (
        "ErrorFrame",
        {
            "type": "error",
            "ref": 1,
            "code": "bad_request",
            "message": "A field has a wrong value.",
            "temporary": False,
            "fields": [{"field": "content", "message": "A text must not be empty."}],
        },
    ),
    (
        "ErrorFrame",
        {
            "type": "error",
            "code": "overloaded",
            "message": "Busy.",
            "temporary": True,
            "retryAfterMs": 500,
            "reference": "r-1",
        },
    ),
    (
        "ErrorFrame",
        {
            "type": "error",
            "ref": 1,
            "code": "price_changed",
            "message": "The price has changed. Look at the new one before you book.",
            "temporary": False,
            "quote": QUOTE,
        },
    ),
    (
        "MessagePosted",
        {
            **SHOWN,
            "clientId": CLIENT_ID,
            "replyTo": MESSAGE,
            "cards": CARDS,
            "ai": {"model": "m", "version": "1", "personaId": B, "tier": "generated"},
        },
    ),
    (
        "QuoteAnswered",
        {"type": "ok", "ref": 1, **QUOTE},
    ),
    ("BookingAnswered", {"type": "ok", "ref": 1, "booking": BOOKING}),
    (
        "PlanOpened",
        {
            "type": "ok",
            "ref": 1,
            "version": 4,
            "items": [{"id": "x", "kind": "stop", "fields": {"name": "Sintra", "at": 1.5}}],
        },
    ),
    ("PlanOpened", {"type": "ok", "ref": 1, "version": 4, "ops": [ADD_STOP]}),
    ("PlanApplied", {"type": "ok", "ref": 1, "version": 5, "ops": [ADD_STOP]}),
    (
        "MessageEdited",
        {"type": "chat.edited", **IN_LOG, "messageId": MESSAGE, "by": A, "content": "Hi"},
    ),
    ("MessageDeleted", {"type": "chat.deleted", **IN_LOG, "messageId": MESSAGE, "by": A}),
    (
        "MessageReacted",
        {
            "type": "chat.reacted",
            **IN_LOG,
            "messageId": MESSAGE,
            "by": A,
            "emoji": "👍",
            "active": True,
        },
    ),
    (
        "MessagePinned",
        {"type": "chat.pinned", **IN_LOG, "messageId": MESSAGE, "by": A, "active": True},
    ),
    ("RoomChanged", {"type": "room.changed", **IN_LOG, "by": A, "change": "joined"}),
    (
        "RoomChanged",
        {
            "type": "room.changed",
            **IN_LOG,
            "by": A,
            "change": "persona",
            "personaId": B,
            "persona": {"id": B, "name": "Mona", "ownerId": A},
            "active": True,
        },
    ),
    (
        "RoomChanged",
        {
            "type": "room.changed",
            **IN_LOG,
            "by": A,
            "change": "persona",
            "personaId": B,
            "active": False,
        },
    ),
    ("RoomInvited", {"type": "room.invited", "room": ROOM_VIEW, "inbox": 1}),
    ("TypingChanged", {"type": "typing.indicator", "roomId": ROOM, "userId": A, "active": True}),
    (
        "PresenceChanged",
        {"type": "presence.update", "roomId": ROOM, "count": 1, "joined": [A], "left": []},
    ),
    ("ReadMarked", {"type": "chat.receipt", "roomId": ROOM, "userId": A, "seq": 7}),
    (
        "RunStarted",
        {
            "type": "run.started",
            "roomId": ROOM,
            "runId": A,
            "personaId": B,
            "messageId": MESSAGE,
            "replyTo": MESSAGE,
        },
    ),
    ("TextStreamed", {"type": "chat.delta", "roomId": ROOM, "runId": A, "offset": 0, "text": "O"}),
    ("RunEnded", {"type": "run.ended", "roomId": ROOM, "runId": A, "reason": "done", "seq": 8}),
    (
        "BookingUpdated",
        {
            "type": "booking.update",
            **BOOKING,
            "inbox": 4,
        },
    ),
    (
        "PlanChanged",
        {
            "type": "plan.changed",
            "roomId": ROOM,
            "version": 4,
            "ops": [{"op": "remove", "id": "x"}],
            "by": A,
        },
    ),
    (
        "ConsultationChanged",
        {
            "type": "consult.state",
            "consultationId": A,
            "state": "live",
            "participants": [A, B],
            "startsAt": AT,
            "meterSeconds": 60,
            "inbox": 5,
        },
    ),
    (
        "ConsultationSignalled",
        {"type": "consult.signal", "consultationId": A, "from": B, "data": {"sdp": "v=0"}},
    ),
    (
        "Notified",
        {
            "type": "notification",
            "inbox": 6,
            "kind": "booking",
            "title": "Paid",
            "body": "All paid.",
        },
    ),
]

PING = {"type": "ping", "t": AT}
TRAVELLER = {
    "type": "booking.traveller",
    "ref": 7,
    "bookingId": A,
    "travellerId": "1",
    "givenName": "Ada",
    "familyName": "Byron",
    "bornOn": "1990-12-10",
    "gender": "f",
    "email": "ada@x.test",
}
POST = {"type": "chat.message", "ref": 7, "roomId": ROOM, "content": "Hi", "clientId": CLIENT_ID}
SIGNAL = {"type": "consult.signal", "ref": 7, "consultationId": A, "to": B, "data": 0}


def pack(meaning: Any) -> bytes:
    packed: bytes = msgpack.packb(meaning)
    return packed


def changed(frame: dict[str, Any], **fields: Any) -> bytes:
    """The frame with other values; a value of `...` takes the field out."""
    return pack({key: value for key, value in {**frame, **fields}.items() if value is not ...})


def ending(frame: dict[str, Any], value: bytes, name: str = "zz") -> bytes:
    """The frame with one more field, its encoded value given, however wrong."""
    packed = pack({**frame, name: None})
    return packed[:-1] + value


def without(frame: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in frame.items() if key != name}


def deep(levels: int) -> bytes:
    return b"\x91" * (levels - 1) + b"\x90"


MALFORMED: dict[str, bytes] = {
    "nothing": b"",
    "an array": pack([1, 2]),
    "a number": pack(1),
    "nil": pack(None),
    "a text": pack("ping"),
    "the unused byte": b"\xc1",
    "the unused byte as a value": ending(PING, b"\xc1"),
    "an empty map": pack({}),
    "no type": pack({"t": 1}),
    "type is a number": pack({"type": 1, "t": 1}),
    "type is nil": pack({"type": None}),
    "type is bytes": pack({"type": b"ping", "t": 1}),
    "type is not UTF-8": b"\x81\xa4type\xa2\xff\xfe",
    "a second type": b"\x83\xa4type\xa4ping\xa1t\x01\xa4type\xa4ping",
    "a second type in another length form": b"\x83\xa4type\xa4ping\xa1t\x01\xd9\x04type\xa4ping",
    "a second type in a refused frame": b"\x82\xa4type\xa4nono\xa4type\xa4ping",
    "a key that is a number": pack({**PING, 1: 2}),
    "a key that is bytes": pack({**PING, b"zz": 2}),
    "a key that is nil": pack({None: 1, **PING}),
    "a key that is an array": b"\x83" + pack(PING)[1:] + b"\x90\x01",
    "a trailing byte": pack(PING) + b"\x00",
    "two frames": pack(PING) + pack(PING),
    "cut in a value": pack(PING)[:-1],
    "cut in the map": b"\x83" + pack(PING)[1:],
    "an array longer than the frame": ending(POST, b"\xdd\xff\xff\xff\xff", "mentions"),
    "a text longer than the frame": ending(PING, b"\xdb\xff\xff\xff\xff"),
    "bytes longer than the frame": ending(PING, b"\xc6\xff\xff\xff\xff"),
    "a map longer than the frame": b"\xdf\xff\xff\xff\xff",
    "seventeen deep where a text belongs": ending(without(POST, "content"), deep(17), "content"),
    "seventeen deep in free form": ending(without(SIGNAL, "data"), deep(17), "data"),
    "a thousand deep in an unknown field": ending(PING, deep(5_000)),
}

# name: (frame, code, ref, the first wrong field)
REFUSED: dict[str, tuple[bytes, str, int | None, str]] = {
    "unknown type": (pack({"type": "nono", "ref": 7}), "bad_request", 7, "type"),
    "a server's type": (pack({"type": "ok", "ref": 7}), "bad_request", 7, "type"),
    "unknown type, wrong ref": (pack({"type": "nono", "ref": -1}), "bad_request", None, "ref"),
    "ref below zero": (changed(POST, ref=-1), "bad_request", None, "ref"),
    "ref beyond uint32": (changed(POST, ref=2**32), "bad_request", None, "ref"),
    "ref is a text": (changed(POST, ref="7"), "bad_request", None, "ref"),
    "ref is a float": (changed(POST, ref=7.0), "bad_request", None, "ref"),
    "ref is nil": (changed(POST, ref=None), "bad_request", None, "ref"),
    "ref is true": (changed(POST, ref=True), "bad_request", None, "ref"),
    "ref of a ping is no ref": (pack({"type": "ping", "ref": 7}), "bad_request", None, "t"),
    "ping without t": (pack({"type": "ping"}), "bad_request", None, "t"),
    "t is a float": (changed(PING, t=1.0), "bad_request", None, "t"),
    "t is NaN": (changed(PING, t=float("nan")), "bad_request", None, "t"),
    "t is infinite": (changed(PING, t=float("inf")), "bad_request", None, "t"),
    "t beyond int64": (changed(PING, t=2**63), "bad_request", None, "t"),
    "t is true": (changed(PING, t=True), "bad_request", None, "t"),
    "content is missing": (changed(POST, content=...), "bad_request", 7, "content"),
    "content is bytes": (changed(POST, content=b"Hi"), "bad_request", 7, "content"),
    "content is nil": (changed(POST, content=None), "bad_request", 7, "content"),
    "content is an ext": (
        changed(POST, content=msgpack.ExtType(5, b"x")),
        "bad_request",
        7,
        "content",
    ),
    "content is a timestamp": (
        changed(POST, content=msgpack.Timestamp(1)),
        "bad_request",
        7,
        "content",
    ),
    "content is not UTF-8": (
        ending(without(POST, "content"), b"\xa1\xff", "content"),
        "bad_request",
        7,
        "content",
    ),
    "content is a lone surrogate": (
        ending(without(POST, "content"), b"\xa3\xed\xa0\x80", "content"),
        "bad_request",
        7,
        "content",
    ),
    "sixteen deep where a text belongs": (
        ending(without(POST, "content"), deep(16), "content"),
        "bad_request",
        7,
        "content",
    ),
    "content is empty": (changed(POST, content=""), "bad_request", 7, "content"),
    "content is blank": (changed(POST, content=" \u3000\n"), "bad_request", 7, "content"),
    "content with U+0000": (changed(POST, content="a\0b"), "bad_request", 7, "content"),
    "content a byte too long": (changed(POST, content="é" * 4096 + "x"), "too_large", 7, "content"),
    "roomId is empty": (changed(POST, roomId=""), "bad_request", 7, "roomId"),
    "roomId too long": (changed(POST, roomId="r" * 65), "bad_request", 7, "roomId"),
    "clientId is a UUIDv4": (
        changed(POST, clientId="f47ac10b-58cc-4372-a567-0e02b2c3d479"),
        "bad_request",
        7,
        "clientId",
    ),
    "clientId without dashes": (
        changed(POST, clientId=CLIENT_ID.replace("-", "")),
        "bad_request",
        7,
        "clientId",
    ),
    "clientId with a line end": (
        changed(POST, clientId=CLIENT_ID + "\n"),
        "bad_request",
        7,
        "clientId",
    ),
    "eleven mentions": (changed(POST, mentions=[A] * 11), "bad_request", 7, "mentions"),
    "a mention is a number": (changed(POST, mentions=[A, 5]), "bad_request", 7, "mentions[1]"),
    "an attachment without url": (
        changed(POST, attachments=[{"name": "a"}]),
        "bad_request",
        7,
        "attachments[0].url",
    ),
    "an attachment of another scheme": (
        changed(POST, attachments=[{"url": "javascript:1"}]),
        "bad_request",
        7,
        "attachments[0].url",
    ),
    "an attachment's name with U+0000": (
        changed(POST, attachments=[{"url": "https://x.test", "name": "\0"}]),
        "bad_request",
        7,
        "attachments[0].name",
    ),
    "emoji is empty": (
        pack({"type": "chat.react", "roomId": ROOM, "messageId": A, "emoji": "", "active": True}),
        "bad_request",
        None,
        "emoji",
    ),
    "emoji of 33 bytes": (
        pack(
            {
                "type": "chat.react",
                "roomId": ROOM,
                "messageId": A,
                "emoji": "x" * 33,
                "active": True,
            }
        ),
        "too_large",
        None,
        "emoji",
    ),
    "edit to nothing": (
        pack({"type": "chat.edit", "roomId": ROOM, "messageId": A, "content": "\t"}),
        "bad_request",
        None,
        "content",
    ),
    "seq below zero": (
        pack({"type": "chat.read", "ref": 7, "roomId": ROOM, "seq": -1}),
        "bad_request",
        7,
        "seq",
    ),
    "history in two directions": (
        pack({"type": "chat.history", "ref": 7, "roomId": ROOM, "before": 5, "after": 1}),
        "bad_request",
        7,
        "after",
    ),
    "history of nothing": (
        pack({"type": "chat.history", "ref": 7, "roomId": ROOM, "limit": 0}),
        "bad_request",
        7,
        "limit",
    ),
    "history of 201": (
        pack({"type": "chat.history", "ref": 7, "roomId": ROOM, "limit": 201}),
        "bad_request",
        7,
        "limit",
    ),
    "search for nothing": (
        pack({"type": "chat.search", "ref": 7, "query": " "}),
        "bad_request",
        7,
        "query",
    ),
    "search for 201 bytes": (
        pack({"type": "chat.search", "ref": 7, "query": "q" * 201}),
        "too_large",
        7,
        "query",
    ),
    "title of 201 bytes": (
        pack({"type": "room.update", "ref": 7, "roomId": ROOM, "title": "t" * 201}),
        "too_large",
        7,
        "title",
    ),
    "a new room's title of 202 bytes": (
        pack({"type": "room.create", "kind": "group", "clientId": CLIENT_ID, "title": "é" * 101}),
        "too_large",
        None,
        "title",
    ),
    "unknown room kind": (
        pack({"type": "room.create", "ref": 7, "kind": "crowd", "clientId": CLIENT_ID}),
        "bad_request",
        7,
        "kind",
    ),
    "a direct room alone": (
        pack({"type": "room.create", "ref": 7, "kind": "direct", "clientId": CLIENT_ID}),
        "bad_request",
        7,
        "members",
    ),
    "a direct room of three": (
        pack(
            {
                "type": "room.create",
                "ref": 7,
                "kind": "direct",
                "clientId": CLIENT_ID,
                "members": [A, B],
            }
        ),
        "bad_request",
        7,
        "members",
    ),
    "101 invitations": (
        pack({"type": "room.invite", "ref": 7, "roomId": ROOM, "userIds": [A] * 101}),
        "bad_request",
        7,
        "userIds",
    ),
    "retention of no days": (
        pack({"type": "room.update", "ref": 7, "roomId": ROOM, "settings": {"retentionDays": 0}}),
        "bad_request",
        7,
        "settings.retentionDays",
    ),
    "mute without until": (
        pack({"type": "room.mute", "ref": 7, "roomId": ROOM}),
        "bad_request",
        7,
        "until",
    ),
    "join after half a position": (
        pack({"type": "room.join", "ref": 7, "roomId": ROOM, "after": {"epoch": EPOCH}}),
        "bad_request",
        7,
        "after.seq",
    ),
    "hello without client": (pack({"type": "hello", "token": "t"}), "bad_request", None, "client"),
    "hello with a wrong position": (
        pack(
            {
                "type": "hello",
                "token": "t",
                "client": {"name": "a", "version": "1"},
                "resume": {"sessionId": A, "rooms": {ROOM: {"epoch": EPOCH, "seq": "7"}}},
            }
        ),
        "bad_request",
        None,
        "resume.rooms[...].seq",
    ),
    "presence unknown": (
        pack({"type": "presence.set", "ref": 7, "status": "asleep"}),
        "bad_request",
        7,
        "status",
    ),
    "a date in digits that are not ASCII": (
        changed(TRAVELLER, bornOn="١٩٩٠-١٢-١٠"),
        "bad_request",
        7,
        "bornOn",
    ),
    "a date with a line end": (
        changed(TRAVELLER, bornOn="1990-12-10\n"),
        "bad_request",
        7,
        "bornOn",
    ),
    "NaN in free form": (
        changed(SIGNAL, data={"a": [1.5, float("nan")]}),
        "bad_request",
        7,
        "data[...][1]",
    ),
    "an infinity in free form": (
        changed(SIGNAL, data=float("-inf")),
        "bad_request",
        7,
        "data",
    ),
    "an ext in free form": (
        changed(SIGNAL, data=[msgpack.ExtType(1, b"")]),
        "bad_request",
        7,
        "data[0]",
    ),
    "a timestamp in free form": (
        changed(SIGNAL, data=msgpack.Timestamp(1)),
        "bad_request",
        7,
        "data",
    ),
    "a broken timestamp in free form": (
        ending(without(SIGNAL, "data"), b"\xd4\xffx", "data"),
        "bad_request",
        7,
        "data",
    ),
    "U+0000 in a key of free form": (
        changed(SIGNAL, data={"\0": 1}),
        "bad_request",
        7,
        "data[...]",
    ),
    "a number as key in free form": (changed(SIGNAL, data={1: 1}), "bad_request", 7, "data"),
    "a map as key in free form": (
        ending(without(SIGNAL, "data"), b"\x81\x80\x01", "data"),
        "bad_request",
        7,
        "data",
    ),
    "more than 16 KiB of free form": (changed(SIGNAL, data="x" * 16_384), "too_large", 7, "data"),
    "U+0000 in a plan": (
        pack(
            {
                "type": "plan.apply",
                "ref": 7,
                "roomId": ROOM,
                "version": 1,
                "clientId": CLIENT_ID,
                "ops": [{"op": "set", "id": "x", "fields": {"name": "\0"}}],
            }
        ),
        "bad_request",
        7,
        "ops[0].fields[...]",
    ),
}

# What looks suspicious and is right.
ACCEPTED: dict[str, bytes] = {
    "unknown keys": changed(PING, zz={"a": [1]}, type2="x"),
    "unknown keys of any kind": ending(PING, pack([float("nan"), msgpack.ExtType(5, b""), "\0"])),
    "forty deep in an unknown field": ending(PING, deep(40)),
    "text that is not UTF-8 in an unknown field": ending(PING, b"\xa1\xff"),
    "type last": pack({"t": 1, "type": "ping"}),
    "lengths longer than needed": b"\xde\x00\x02\xd9\x04type\xda\x00\x04ping\xa1t\xcf"
    + (1).to_bytes(8, "big"),
    "the word type in a text": changed(POST, content="type type"),
    "the word ref in a text, and no ref": changed(POST, ref=..., content="ref"),
    "sixteen deep in free form": ending(without(SIGNAL, "data"), deep(16), "data"),
    "exactly 8192 bytes of content": changed(POST, content="é" * 4096),
    "optional fields that are nil": changed(POST, replyTo=None, mentions=None),
    "a ref on a ping is an unknown key": changed(PING, ref="whatever"),
    "zero bytes that are no text": pack(
        {"type": "room.update", "roomId": ROOM, "title": "x" * 200, "settings": {}}
    ),
}


def client_vectors() -> list[dict[str, Any]]:
    return [
        {"direction": "client", "hex": pack(meaning).hex(), "meaning": meaning, "verdict": "ok"}
        for meaning in CLIENT
    ]


def server_vectors() -> list[dict[str, Any]]:
    return [
        {"direction": "server", "frame": frame, "hex": pack(meaning).hex(), "meaning": meaning}
        for frame, meaning in SERVER
    ]


def verdict_vectors() -> list[dict[str, Any]]:
    about: list[dict[str, Any]] = [
        {"about": name, "direction": "client", "hex": data.hex(), "verdict": verdict}
        for verdict, vectors in (("ok", ACCEPTED), ("malformed", MALFORMED))
        for name, data in vectors.items()
    ]
    for name, (data, code, ref, field) in REFUSED.items():
        about.append(
            {"about": name, "direction": "client", "hex": data.hex(), "verdict": "refused"}
            | {"code": code, "ref": ref, "field": field}
        )
    return about


def files() -> dict[str, str]:
    """File name → its text."""
    vectors = {
        "client_frames.json": client_vectors(),
        "server_frames.json": server_vectors(),
        "verdicts.json": verdict_vectors(),
    }
    return {
        name: "[\n" + ",\n".join(json.dumps(v, ensure_ascii=False) for v in content) + "\n]\n"
        for name, content in vectors.items()
    }


if __name__ == "__main__":
    for file_name, text in files().items():
        (HERE / file_name).write_text(text)
