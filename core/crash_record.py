"""What a log may say about a crash: types and places, never texts.

An exception's own text may quote what somebody wrote (a `KeyError`, a database's detail line).
"""

import traceback
from collections.abc import Mapping
from typing import Final

_MAX_CAUSES: Final = 8


def describe(crash: BaseException) -> Mapping[str, object]:
    """Log fields: the exception's type, the types behind it, and where it came from."""
    return {
        "error": type(crash).__name__,
        "causes": _causes(crash),
        "frames": [
            f"{frame.filename}:{frame.lineno} {frame.name}"
            for frame in traceback.extract_tb(crash.__traceback__)
        ],
    }


def _causes(crash: BaseException) -> list[str]:
    """The types of what a group holds, or of what led to the crash."""
    if isinstance(crash, BaseExceptionGroup):
        return [type(error).__name__ for error in crash.exceptions[:_MAX_CAUSES]]
    causes: list[str] = []
    cause = _cause(crash)
    while cause is not None and len(causes) < _MAX_CAUSES:
        causes.append(type(cause).__name__)
        cause = _cause(cause)
    return causes


def _cause(error: BaseException) -> BaseException | None:
    return error.__cause__ if error.__suppress_context__ else error.__context__
