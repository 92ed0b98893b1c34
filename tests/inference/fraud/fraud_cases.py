"""Bookings and models for tests: three friends, changed where a test wants it; a model that counts."""

from dataclasses import replace
from typing import Any

import numpy as np

from core.ports.fraud import BookingFacts, PayerFacts, PayerHistory
from inference.fraud.features import AT, FEATURES, HOUR_MS
from inference.fraud.model import FraudModel

NOW = 1_790_000_000_000
DAY_MS = 24 * HOUR_MS


def payer(user_id: str = "u0", **fields: Any) -> PayerFacts:
    usual: dict[str, Any] = {
        "amount": 25_000,
        "attempts": 1,
        "declines": 0,
        "methods": 1,
        "provider": "stripe",
    }
    return PayerFacts(user_id=user_id, **usual | fields)


def history(*, days: float = 90.0, **fields: Any) -> PayerHistory:
    return PayerHistory(registered_at=NOW - round(days * DAY_MS), **fields)


def facts(**fields: Any) -> BookingFacts:
    """Three friends, 750 euros, in 40 days."""
    usual: dict[str, Any] = {
        "booking_id": "b",
        "now": NOW,
        "created_at": NOW - 5 * HOUR_MS,
        "departs_at": NOW + 40 * DAY_MS,
        "currency": "EUR",
        "payers": tuple(payer(f"u{place}") for place in range(3)),
        "travellers": 3,
        "participants": 3,
        "has_flight": True,
        "stays": 0,
        "is_one_way": False,
    }
    said = usual | fields
    said.setdefault("total", sum(one.amount for one in said["payers"]))
    return BookingFacts(**said)


def alone(**fields: Any) -> BookingFacts:
    """One of them, alone."""
    return facts(payers=(payer(**fields),), travellers=1, participants=1)


def histories(one: PayerHistory | None = None, count: int = 3) -> dict[str, PayerHistory]:
    """The same of each."""
    return {f"u{place}": replace(one or history()) for place in range(count)}


class Counting:
    """An ONNX session that is none: its score is what stands at `declines`."""

    def run(self, names: Any, inputs: dict[str, Any]) -> list[Any]:
        return [-inputs["features"][:, [AT["declines"]]]]


def model(*, threshold: float = 1.0, session: Any = None, version: str = "v1") -> FraudModel:
    zeros, ones = np.zeros(len(FEATURES)), np.ones(len(FEATURES))
    return FraudModel(session or Counting(), version, threshold, zeros, ones, {})
