"""The stable error words (§7) and what each says about trying again."""

from typing import Final, Literal, get_args

ErrorCode = Literal[
    "bad_request",
    "unauthenticated",
    "forbidden",
    "not_found",
    "conflict",
    "too_large",
    "rate_limited",
    "overloaded",
    "unavailable",
    "model_failed",
    "gds_timeout",
    "payment_declined",
    "price_changed",
    "persona_limit",
    "internal",
]

TEMPORARY: Final[frozenset[str]] = frozenset(
    {"rate_limited", "overloaded", "unavailable", "model_failed", "gds_timeout", "internal"}
)
"""Codes for which the same command may succeed later, unless the refusal says otherwise."""

ERROR_CODES: Final[tuple[str, ...]] = get_args(ErrorCode)
