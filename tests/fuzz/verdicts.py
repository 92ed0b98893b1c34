"""What a payload deserves: by our codec, timed, and by the independent one, which must agree."""

import time
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import msgpack
import msgspec
from judgement import Pairs, depth
from machine_speed import work
from valid_frames import known_fields

from protocol import codec
from protocol.limits import MAX_NESTING

SUSPICIOUS_SECONDS: Final = 0.05
MOST_WORK: Final = 16
"""Times `machine_speed.work`."""


class Verdict(NamedTuple):
    """`word`: accepted, refused or malformed; with it, the frame or the refusal."""

    word: str
    frame: Any = None
    refused: codec.Refused | None = None


def verdict_of(payload: bytes) -> Verdict:
    """Our codec's, in bounded time of this thread (a busy machine is no reason to call it slow). That is
    asked for only where the clock on the wall, which costs a thousandth of it, has grounds for suspicion."""
    verdict, spent = _timed(payload, time.perf_counter)
    if spent > SUSPICIOUS_SECONDS:
        spent = min(_timed(payload, time.thread_time)[1] / work() for _ in range(3))
        assert spent < MOST_WORK, f"{spent:.1f} times a fixed piece of work"
    return verdict


def _timed(payload: bytes, clock: Callable[[], float]) -> tuple[Verdict, float]:
    began = clock()
    try:
        verdict = Verdict("accepted", codec.decode(payload))
    except codec.Refused as refused:
        verdict = Verdict("refused", refused=refused)
    except codec.Malformed:
        verdict = Verdict("malformed")
    return verdict, clock() - began


def compare(payload: bytes, verdict: Verdict) -> None:
    """The independent codec sees the same frame, or the same lack of one."""
    seen = _seen(payload)
    if seen is None:
        return
    if not isinstance(seen, Pairs) or not _is_frame(seen):
        assert verdict.word == "malformed", f"{verdict.word}, and it is no frame"
    elif verdict.word == "malformed":
        # The frame itself is none of the containers of its values.
        assert depth(seen) > 1 + MAX_NESTING, "malformed, and it is a frame"
    if verdict.word == "accepted":
        frame = verdict.frame
        known = known_fields(type(frame))
        meant = msgspec.convert(
            {key: _as_dict(value) for key, value in seen if key in known}, type(frame)
        )
        assert _lower(meant) == frame, "another meaning"
        assert codec.decode(codec.encode(frame)) == frame, "another meaning after a round trip"


def _seen(payload: bytes) -> Any:
    """The independent codec's reading: `Pairs`, another value, a lack (False). None: it cannot say."""
    try:
        return msgpack.unpackb(
            payload,
            object_pairs_hook=Pairs,
            strict_map_key=False,
            unicode_errors="surrogateescape",
            ext_hook=lambda kind, data: msgpack.ExtType(kind % 128, data),
        )
    except msgpack.StackError:
        return None
    except ValueError as error:
        # It looks into a timestamp, which to us is an extension like any other.
        is_its_own = "imestamp" in str(error) or "nanoseconds" in str(error)
        return None if is_its_own else False


def _is_frame(pairs: Pairs) -> bool:
    types = [value for key, value in pairs if key == "type"]
    return (
        all(isinstance(key, str) for key, _ in pairs)
        and len(types) == 1
        and isinstance(types[0], str)
        and _utf8(types[0]) == types[0]
    )


def _as_dict(value: Any) -> Any:
    if isinstance(value, Pairs):
        return {_utf8(key): _as_dict(item) for key, item in value if isinstance(key, str)}
    return [_as_dict(item) for item in value] if isinstance(value, list) else value


def _utf8(text: str) -> str:
    """Without the bytes that are no text: in names that we do not know, they do no harm."""
    return text.encode(errors="replace").decode()


def _lower(frame: Any) -> Any:
    client_id = getattr(frame, "client_id", None)
    return (
        frame if client_id is None else msgspec.structs.replace(frame, client_id=client_id.lower())
    )
