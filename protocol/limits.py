"""The numbers of the contract (§1-§4). A server announces those of `Limits` in `welcome`."""

from typing import Final

from protocol.frames import Value

SUBPROTOCOL: Final = "caravan.v1.msgpack"
CONNECT_PATH: Final = "/v1/connect"

MAX_FRAME_BYTES: Final = 65_536
MAX_SERVER_FRAME_BYTES: Final = 262_144
MAX_CONTENT_BYTES: Final = 8_192
MAX_NESTING: Final = 16
MAX_ROOMS: Final = 200
MAX_MEMBERS: Final = 5_000
MAX_MEMBERS_SHOWN: Final = 200
MAX_HISTORY: Final = 200
DEFAULT_HISTORY: Final = 50
MAX_REPLAY_EVENTS: Final = 1_000
MAX_REPLAY_BYTES: Final = 1_048_576
MAX_TITLE_BYTES: Final = 200
MAX_QUERY_BYTES: Final = 200
MAX_EMOJI_BYTES: Final = 32
MAX_INVITES: Final = 100
MAX_MENTIONS: Final = 10
MAX_ATTACHMENTS: Final = 10
MAX_CARDS: Final = 10
MAX_FREE_BYTES: Final = 16_384
MAX_FIELDS: Final = 4_096
"""Of one frame, known or not: what 64 KiB hold of them took ten milliseconds to tell apart."""
MAX_RECEIPT_MEMBERS: Final = 100
MAX_ONLINE_SHOWN: Final = 200

HELLO_WITHIN: Final = 10.0
HEARTBEAT_MS: Final = 25_000
TYPING_FOR: Final = 8.0
SESSION_FOR: Final = 1_800.0
TICKET_FOR: Final = 30.0
HELD_BEFORE_WELCOME_BYTES: Final = 65_536


class Limits(Value, frozen=True, kw_only=True):
    """What a server tells a client of its bounds, in `welcome`."""

    max_frame_bytes: int
    max_content_bytes: int
    max_nesting: int
    max_rooms: int
    max_members: int
    history_limit: int
    replay_events: int
    commands_per_second: int
    burst: int


DEFAULT_LIMITS: Final = Limits(
    max_frame_bytes=MAX_FRAME_BYTES,
    max_content_bytes=MAX_CONTENT_BYTES,
    max_nesting=MAX_NESTING,
    max_rooms=MAX_ROOMS,
    max_members=MAX_MEMBERS,
    history_limit=MAX_HISTORY,
    replay_events=MAX_REPLAY_EVENTS,
    commands_per_second=50,
    burst=200,
)
