"""The two ordinary outcomes that are not success, and the errors of the runtime itself.

`Rejected` is a reply: the command was understood and refused; nothing changed. `Unavailable` asks to
try again later. Anything else that leaves an actor is a crash.
"""

from collections.abc import Mapping, Sequence

from protocol.booking import QuoteView
from protocol.errors import TEMPORARY, ErrorCode


class Rejected(Exception):
    """The command was refused and changed nothing.

    `text` is an English sentence and the key of the message catalogue; `params` fill its
    `{placeholders}` after translation. `fields` are (camelCase path, sentence) pairs.
    """

    def __init__(
        self,
        code: ErrorCode,
        text: str,
        *,
        fields: Sequence[tuple[str, str]] = (),
        retry_after_ms: int | None = None,
        temporary: bool | None = None,
        params: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(code, text)
        self.code: ErrorCode = code
        self.text = text
        self.fields = tuple(fields)
        self.retry_after_ms = retry_after_ms
        self.temporary = code in TEMPORARY if temporary is None else temporary
        self.params = dict(params or {})

    def __str__(self) -> str:
        return f"{self.code}: {self.text.format(**self.params)}"


class Unavailable(Rejected):
    """Not now: the same command may succeed later."""

    def __init__(
        self,
        text: str = "This cannot be answered right now. Please try again.",
        *,
        retry_after_ms: int | None = 1_000,
        params: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__("unavailable", text, retry_after_ms=retry_after_ms, params=params)


class Overloaded(Rejected):
    """A bounded queue is full: shed, not waited for."""

    def __init__(
        self,
        text: str = "The server is busy here. Please try again in a moment.",
        *,
        retry_after_ms: int | None = 500,
        params: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__("overloaded", text, retry_after_ms=retry_after_ms, params=params)


class Resting(Unavailable):
    """The actor crashed too often and rests: the same command may succeed after that, or be what it
    crashes over."""


class CallCycleError(RuntimeError):
    """An ask would wait for itself. `path` names the actors in the order of the calls."""

    def __init__(self, path: Sequence[str]) -> None:
        super().__init__(" → ".join(path))
        self.path = tuple(path)


class EscalatedError(RuntimeError):
    """A child crashed more often than its restart intensity allows."""


class TokenExpired(Rejected):
    """The token was good and is too old."""

    def __init__(self) -> None:
        super().__init__("unauthenticated", "Your access token has expired.")


class TokenRevoked(Rejected):
    """The login behind the token was ended."""

    def __init__(self) -> None:
        super().__init__("unauthenticated", "This login was ended.")


class PriceChanged(Rejected):
    """Another total than was shown: `quote` is the new one, which may be booked."""

    def __init__(self, quote: QuoteView, text: str) -> None:
        super().__init__("price_changed", text)
        self.quote = quote
