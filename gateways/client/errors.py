"""Refusals and closings as `error` frames, in the user's language."""

from collections.abc import Mapping
from typing import Final

from msgspec import to_builtins

from core.errors import PriceChanged, Rejected
from core.texts import sentence, translate
from protocol import codec
from protocol.close_codes import CloseCode
from protocol.errors import ErrorCode
from protocol.frames import ErrorFrame, FieldError

FAREWELLS: Final[Mapping[CloseCode, tuple[ErrorCode, str]]] = {
    CloseCode.SESSION_EXPIRED: ("unauthenticated", sentence("Your session has ended.")),
    CloseCode.REPLACED: (
        "conflict",
        sentence("This session is now open in another place."),
    ),
    CloseCode.TOKEN_EXPIRED: ("unauthenticated", sentence("Your access token has expired.")),
    CloseCode.TOKEN_REVOKED: ("unauthenticated", sentence("This login was ended.")),
    CloseCode.MALFORMED_FRAME: (
        "bad_request",
        sentence("A frame must be one MessagePack map in one binary message."),
    ),
    CloseCode.UNSUPPORTED_VERSION: (
        "bad_request",
        sentence("This server does not speak that version of the protocol."),
    ),
    CloseCode.HELLO_TIMEOUT: ("unauthenticated", sentence("The hello did not come in time.")),
    CloseCode.UNAUTHENTICATED: ("unauthenticated", sentence("Say hello with a valid token first.")),
    CloseCode.FRAME_TOO_LARGE: ("too_large", sentence("The frame is too large.")),
    CloseCode.RATE_ABUSE: ("rate_limited", sentence("Too many refused commands.")),
}

OURS: Final = frozenset({"overloaded", "unavailable", "internal", "model_failed", "gds_timeout"})
"""Refusals that are not the client's doing."""


class RefusedFrame(Rejected):
    """A frame that is no command: each of its wrong fields has a sentence with numbers of its own."""

    def __init__(self, refused: codec.Refused) -> None:
        super().__init__(refused.code, refused.text, fields=refused.fields, params=refused.params)
        self.faults = refused.faults


def error_frame(rejected: Rejected, *, ref: int | None, locale: str) -> bytes:
    """The `error` frame of a refusal."""
    fields = [
        FieldError(field=field, message=translate(text, locale, params))
        for field, text, params in _wrong_fields(rejected)
    ]
    reference = rejected.params.get("reference")
    return codec.encode(
        ErrorFrame(
            ref=ref,
            code=rejected.code,
            message=translate(rejected.text, locale, rejected.params),
            temporary=rejected.temporary,
            retry_after_ms=rejected.retry_after_ms,
            fields=fields or None,
            reference=str(reference) if reference is not None else None,
            quote=to_builtins(rejected.quote) if isinstance(rejected, PriceChanged) else None,
        )
    )


def _wrong_fields(rejected: Rejected) -> list[tuple[str, str, Mapping[str, object] | None]]:
    if isinstance(rejected, RefusedFrame):
        return [(fault.field, fault.text, fault.params) for fault in rejected.faults]
    return [(field, text, rejected.params) for field, text in rejected.fields]


def farewell_frame(code: CloseCode, *, locale: str) -> bytes:
    """The `error` frame that announces a close with `code`."""
    word, text = FAREWELLS[code]
    return error_frame(Rejected(word, text, temporary=False), ref=None, locale=locale)
