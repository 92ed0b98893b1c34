"""Every place at which a booking may lose its process: what the crash suite goes through (pure)."""

from typing import Final, get_args

from actors.booking.calls import Call, Look

BEFORE_COMMIT: Final = "commit.before"
"""A step was decided; nothing of it is stored."""

AFTER_COMMIT: Final = "commit.after"
"""It is stored; none of its calls has left, and nobody was answered."""

RESULT_COMMITTED: Final = "result.after"
"""How a call ended is stored; what follows from it has not begun."""


def op_of(what: Call | Look) -> str:
    """The word of a call or a look."""
    return str(type(what).__struct_config__.tag)


def before_call(op: str) -> str:
    """The intent is stored, and the call about to leave."""
    return f"call.{op}.before"


def after_call(op: str) -> str:
    """The call has ended, and nobody has heard how."""
    return f"call.{op}.after"


def _tags(union: object) -> tuple[str, ...]:
    return tuple(str(kind.__struct_config__.tag) for kind in get_args(union))


OPS: Final = _tags(Call)
LOOKS: Final = _tags(Look)
SITES: Final = (
    BEFORE_COMMIT,
    AFTER_COMMIT,
    RESULT_COMMITTED,
    *(before_call(op) for op in OPS),
    *(after_call(op) for op in OPS),
)
"""All of them."""
