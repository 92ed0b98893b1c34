"""Logs: one JSON object per line on standard error, with request and reference ids, and no secrets.

What is bound with `bind_request` travels in context variables: it is in every line that the task
(and its children) log until `clear_request`.
"""

import logging
import sys
from collections.abc import Mapping, MutableMapping, Sequence
from contextvars import ContextVar
from typing import Any, Final, TextIO

import structlog

SECRET_KEYS: Final = frozenset(
    {
        "accesstoken",
        "authorization",
        "clientsecret",
        "content",
        "cookie",
        "masterkey",
        "otp",
        "password",
        "privatekey",
        "refreshtoken",
        "secret",
        "setcookie",
        "ticket",
        "token",
    }
)
"""Names under which a value is never logged: compared in lower case, without `_` and `-`."""

REDACTED: Final = "[redacted]"
MAX_DEPTH: Final = 6
MAX_CONCEALED: Final = 16
MIN_CONCEALED_LENGTH: Final = 4

_concealed: Final[ContextVar[tuple[str, ...]]] = ContextVar("caravan_concealed", default=())


def configure_logging(level: str = "info", stream: TextIO | None = None) -> None:
    """Send structlog and the standard library's logging to `stream` (default: standard error)."""
    lines = _Lines(stream or sys.stderr)
    threshold = logging.getLevelNamesMapping()[level.upper()]
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        redact,
    ]
    render = structlog.processors.JSONRenderer(ensure_ascii=False)
    structlog.configure(
        processors=[_name_the_logger, *shared, render],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=lines,
        cache_logger_on_first_use=False,
    )
    handler = _ForeignHandler(lines)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(max(threshold, logging.WARNING))


def bind_request(request_id: str) -> None:
    """Put `request_id` into every line of this task from now on."""
    structlog.contextvars.bind_contextvars(request_id=request_id)


def clear_request() -> None:
    """Forget what was bound and concealed in this task."""
    structlog.contextvars.clear_contextvars()
    _concealed.set(())


def conceal(*secrets: str | None) -> None:
    """Keep these very values out of this task's lines, wherever they turn up (an exception's text,
    a path). Values shorter than 4 characters are left alone, at most 16 are remembered."""
    worth = tuple(secret for secret in secrets if secret and len(secret) >= MIN_CONCEALED_LENGTH)
    _concealed.set((*_concealed.get(), *worth)[-MAX_CONCEALED:])


def redact(
    _logger: object, _method: str, event_dict: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """A structlog processor: secrets by name and by value become `[redacted]`."""
    concealed = _concealed.get()
    for key, value in event_dict.items():
        event_dict[key] = _redacted(key, value, concealed, MAX_DEPTH)
    return event_dict


def _redacted(key: str, value: object, concealed: tuple[str, ...], depth: int) -> object:
    if key.lower().replace("_", "").replace("-", "") in SECRET_KEYS:
        return REDACTED
    if value is None or isinstance(value, bool | int | float):
        return value
    if depth == 0:
        return REDACTED
    if isinstance(value, Mapping):
        return {
            str(inner): _redacted(str(inner), item, concealed, depth - 1)
            for inner, item in value.items()
        }
    if isinstance(value, Sequence | set | frozenset) and not isinstance(value, str | bytes):
        return [_redacted("", item, concealed, depth - 1) for item in value]
    text = value if isinstance(value, str) else repr(value)
    for secret in concealed:
        text = text.replace(secret, REDACTED)
    return text


def _name_the_logger(
    logger: Any, _method: str, event_dict: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    if logger.name:
        event_dict.setdefault("logger", logger.name)
    return event_dict


class _Lines:
    """Writes lines. A full disk or a closed pipe must not end the server: lost lines are counted."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.lost = 0

    def __call__(self, *args: Any) -> "_NamedLines":
        return _NamedLines(self, str(args[0]) if args else "")

    def write(self, line: str) -> None:
        try:
            self._stream.write(line + "\n")
            self._stream.flush()
        except (OSError, ValueError):
            self.lost += 1


class _NamedLines:
    """What structlog calls a logger: one method per level."""

    def __init__(self, lines: _Lines, name: str) -> None:
        self.name = name
        self.msg = lines.write

    debug = info = warning = warn = error = critical = exception = fatal = property(
        lambda self: self.msg
    )


class _ForeignHandler(logging.Handler):
    """Lines of libraries that log by the standard library."""

    def __init__(self, lines: _Lines) -> None:
        super().__init__()
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.write(self.format(record))
