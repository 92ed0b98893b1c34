"""WebSocket close codes (§7). The range says what the client should do."""

from enum import IntEnum


class CloseCode(IntEnum):
    """4000-4099 reconnect and resume; 41xx see §3.5; 42xx get a token first; 43xx stop."""

    NORMAL = 1000
    GOING_AWAY = 1001
    PROTOCOL_ERROR = 1002
    INVALID_PAYLOAD = 1007

    RESTARTING = 4000
    DRAINING = 4001
    SLOW_CONSUMER = 4002
    HEARTBEAT_MISSED = 4003
    OVERLOADED = 4004

    SESSION_EXPIRED = 4100
    REPLACED = 4101

    TOKEN_EXPIRED = 4200
    TOKEN_REVOKED = 4201

    MALFORMED_FRAME = 4300
    UNSUPPORTED_VERSION = 4301
    HELLO_TIMEOUT = 4302
    UNAUTHENTICATED = 4303
    FRAME_TOO_LARGE = 4304
    RATE_ABUSE = 4305

    @property
    def reason(self) -> str:
        """The stable word that travels as the close reason."""
        return self.name.lower()

    @property
    def is_announced(self) -> bool:
        """Whether an `error {code, message}` frame goes out before the close."""
        return 4100 <= self <= 4399

    @property
    def may_resume(self) -> bool:
        """Whether a client should reconnect by itself and resume."""
        return self < 4100
