"""How calls to payment providers ended: counted, told, and narrowed to what a port allows."""

from typing import Final, TypeVar

import structlog

from protocol.payments import Declined, PaymentRefused
from protocol.suppliers import NotSent, Unknown

T = TypeVar("T")

KINDS: Final = ("sent", "unknown", "not_sent", "refused", "declined")
_log = structlog.get_logger("caravan.payments")


def count(counts: dict[str, int], provider: str, result: object) -> None:
    """`counts` by `KINDS`: the call was counted as `sent` when it left."""
    match result:
        case Unknown():
            counts["unknown"] += 1
            _log.warning("payment call unknown", provider=provider, detail=result.detail)
        case NotSent():
            counts["sent"] -= 1
            counts["not_sent"] += 1
        case Declined():
            counts["declined"] += 1
        case PaymentRefused():
            counts["refused"] += 1
            log = _log.error if result.kind == "config" else _log.info
            log("payment call refused", provider=provider, why=result.kind, detail=result.detail)
        case _:
            pass


def undeclined(result: T | Declined) -> T | PaymentRefused:
    """Of a call that asks no card: a decline is a refusal there."""
    if isinstance(result, Declined):
        return PaymentRefused(kind="method", detail=f"declined: {result.code}")
    return result
