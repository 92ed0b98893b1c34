"""What may be said and kept of a crash: types, places and shapes, never texts.

An exception's own text may quote what somebody wrote (a `KeyError`, a database's detail line).
"""

import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from core.crash_shapes import fields_of, shaped
from core.envelope import AnyEnvelope
from core.identity import Principal
from core.ports.crash_records import VERSION, CrashRecord, RecordedEnvelope, RecordedPrincipal
from protocol.addresses import Address

_MAX_CAUSES: Final = 8
_MAX_FRAMES: Final = 64
_ROOT: Final = Path(__file__).resolve().parent.parent
_FOREIGN: Final = "site-packages"


def describe(crash: BaseException) -> Mapping[str, object]:
    """Log fields: the exception's type, the types behind it, and where it came from."""
    return {
        "error": type(crash).__name__,
        "causes": _causes(crash),
        "place": place_of(crash),
        "frames": frames_of(crash),
    }


def frames_of(crash: BaseException) -> list[str]:
    """The innermost 64 at most, `file:line function`; of a group's first error below its own."""
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in _stack(crash)][
        -_MAX_FRAMES:
    ]


def _stack(crash: BaseException) -> list[traceback.FrameSummary]:
    # No source lines: nobody reads them, and they would be read from disk.
    frames = traceback.walk_tb(crash.__traceback__)
    stack = list(traceback.StackSummary.extract(frames, lookup_lines=False))
    return stack + _stack(crash.exceptions[0]) if isinstance(crash, BaseExceptionGroup) else stack


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


def place_of(crash: BaseException) -> str:
    """The innermost frame of our own code, `path:line function` below the project's root; the
    innermost of all, by its file's name, where there is none."""
    while isinstance(crash, BaseExceptionGroup):
        crash = crash.exceptions[0]
    frames = _stack(crash)
    for frame in reversed(frames):
        path = Path(frame.filename)
        if path.is_relative_to(_ROOT) and _FOREIGN not in path.parts:
            return f"{path.relative_to(_ROOT)}:{frame.lineno} {frame.name}"
    return (
        f"{Path(frames[-1].filename).name}:{frames[-1].lineno} {frames[-1].name}" if frames else ""
    )


def record_of(
    address: Address,
    crash: BaseException,
    *,
    reference: str,
    recent: Sequence[AnyEnvelope],
    state: object,
) -> CrashRecord:
    """What is kept of a crash. `reference`: a UUIDv7, whose time is the crash's; `recent`: the last
    envelopes."""
    return CrashRecord(
        version=VERSION,
        reference=reference,
        kind=str(address.kind),
        key=address.key,
        at=int(reference[:8] + reference[9:13], 16),
        error=type(crash).__name__,
        causes=_causes(crash),
        place=place_of(crash),
        frames=frames_of(crash),
        envelopes=[_recorded(envelope) for envelope in recent],
        state=msgspec.to_builtins(state, str_keys=True, enc_hook=_plain),
    )


def _plain(value: object) -> str:
    """For what is no data: a name's own text, else its type."""
    return str(value) if isinstance(value, str) else type(value).__name__


def summary_of(state: object) -> object:
    """A state as a log line shows it: how much of everything, not what."""
    if not isinstance(state, Mapping):
        return state
    return {
        name: len(value)
        if isinstance(value, Mapping | Sequence) and not isinstance(value, str)
        else value
        for name, value in state.items()
    }


def _recorded(envelope: AnyEnvelope) -> RecordedEnvelope:
    message = envelope.message
    return RecordedEnvelope(
        type=f"{type(message).__module__}.{type(message).__qualname__}",
        fields=fields_of(message),
        lane=envelope.lane,
        was_asked=envelope.was_asked,
        principal=None if envelope.principal is None else _principal(envelope.principal),
        connection=None if envelope.client is None else envelope.client.id,
    )


def _principal(principal: Principal) -> RecordedPrincipal:
    return RecordedPrincipal(
        tenant_id=principal.tenant_id,
        user_id=principal.user_id,
        login_id=principal.login_id,
        role=principal.role.value,
        locale=principal.locale,
        expires_at=principal.expires_at,
        name=shaped(principal.name),
        handle=shaped(principal.handle),
    )
