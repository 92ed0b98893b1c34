"""What an operator sees of a booking: its saga, in plain values (pure)."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from actors.booking.sites import op_of
from actors.booking.state import Part, Saga, Screening

_HIDDEN: Final = frozenset({"parts", "shares", "pending", "seats", "question", "screening"})
"""Shown in part, or not at all."""


def inspected(saga: Saga, features: Sequence[str] = ()) -> Mapping[str, Any]:
    """As `Tellings.inspect`."""
    blank = msgspec.structs.replace(saga, parts=(), shares=(), pending=(), seats=(), question=None)
    whole: dict[str, Any] = msgspec.to_builtins(blank)
    shown = {name: value for name, value in whole.items() if name not in _HIDDEN}
    shown["screening"] = None if saga.screening is None else _inspected(saga.screening, features)
    shown["pending"] = [
        {"seq": one.seq, "op": op_of(one.call), "at": one.at} for one in saga.pending
    ]
    shown["parts"] = [
        {
            "partId": part.id,
            "kind": part.kind,
            "supplier": part.offer.supplier,
            "total": msgspec.to_builtins(part.total),
            "attempt": part.attempt,
            "order": msgspec.to_builtins(part.order),
            "quoted": part.quoted,
            "returned": part.returned,
            "change": _change_of(part),
        }
        for part in saga.parts
    ]
    shown["shares"] = [
        {
            "shareId": share.id,
            "userId": share.user_id,
            "amount": msgspec.to_builtins(share.amount),
            "state": share.state,
            "payments": [
                {
                    "paymentId": payment.payment_id,
                    "version": payment.version,
                    "amount": msgspec.to_builtins(payment.amount),
                    "status": payment.seen.status if payment.seen is not None else None,
                }
                for payment in share.payments
            ],
        }
        for share in saga.shares
    ]
    return shown


def _inspected(screening: Screening, names: Sequence[str]) -> Mapping[str, Any]:
    """Features of a model that counts others than `names` are numbered."""
    found = screening.found
    if len(names) != len(found.features):
        names = [str(number) for number in range(len(found.features))]
    return {
        "verdict": found.verdict,
        "reasons": list(found.reasons),
        "score": found.score,
        "model": found.model,
        "features": dict(zip(names, found.features, strict=True)),
        "by": screening.by,
    }


def _change_of(part: Part) -> Mapping[str, Any] | None:
    """What its supplier has changed, without the other flight's offer."""
    if part.change is None:
        return None
    change = part.change
    return {
        "kind": change.kind,
        "seenAt": change.seen_at,
        "changeId": change.change_id,
        "decision": change.decision,
        "replacement": change.replacement,
        "isReplaced": change.is_replaced,
    }
