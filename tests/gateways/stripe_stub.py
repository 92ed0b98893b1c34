"""Stripe's answers by hand, at the level of HTTP: what the real SDK makes of each is what is tested."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import httpx

from core.chance import SystemChance
from gateways.partners.resilience import GuardPolicy
from gateways.partners.stripe import Stripe
from gateways.partners.stripe_settings import StripeSettings
from protocol.frames import Money
from protocol.payments import PaymentReference

Json = dict[str, Any]
URL = "http://127.0.0.1:9"
EUR = Money(amount=3_334, currency="EUR")
REFERENCE = PaymentReference(
    booking_id="01900000-0000-7000-8000-000000000001", share_id="s1", split_version=1, version=1
)
POLICY = GuardPolicy(most_retries=0, call_within=20.0)
METADATA = {
    "saga_id": REFERENCE.booking_id,
    "share_id": "s1",
    "split_version": "1",
    "pi_version": "1",
}


def an_intent(**changes: Any) -> Json:
    return {
        "id": "pi_sbx0001",
        "object": "payment_intent",
        "amount": 3_334,
        "amount_capturable": 0,
        "amount_received": 0,
        "cancellation_reason": None,
        "client_secret": "pi_sbx0001_secret_x",
        "created": 1_795_400_000,
        "currency": "eur",
        "last_payment_error": None,
        "latest_charge": None,
        "metadata": METADATA,
        "next_action": None,
        "status": "requires_payment_method",
        **changes,
    }


def an_error(kind: str, code: str | None = None, **more: Any) -> Json:
    return {"error": {"type": kind, "code": code, "message": "4242424242424242 in words", **more}}


def reply(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> httpx.Response:
    """Not read yet, as one that comes from a socket."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return httpx.Response(status, stream=httpx.ByteStream(content), headers=headers)


@dataclass
class Stub:
    """Answers every request with `status` and `body`, or as `answer` says; keeps the requests."""

    status: int = 200
    body: Any = field(default_factory=an_intent)
    headers: dict[str, str] = field(default_factory=dict)
    answer: Callable[[httpx.Request], httpx.Response] | None = None
    requests: list[httpx.Request] = field(default_factory=list)

    def _handle(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if self.answer is not None:
            return self.answer(request)
        return reply(self.body, self.status, self.headers)

    @property
    def form(self) -> dict[str, str]:
        """What the last request said."""
        return dict(parse_qsl(self.requests[-1].content.decode()))

    def stripe(self, **settings: Any) -> Stripe:
        return Stripe(
            StripeSettings(**{"url": URL, **settings}),
            chance=SystemChance(),
            policy=POLICY,
            over=httpx.MockTransport(self._handle),
        )
