"""Who may call Stripe's side: any secret test key; a publishable one for what a browser does."""

import base64
from typing import Final
from urllib.parse import urlsplit

from gateways.sandbox.exchange import Json, Request
from gateways.sandbox.records import Draft
from gateways.sandbox.stripe_replies import StripeRefusal, failed

_REQUEST: Final = "invalid_request_error"
_RATE: Final = "stripe.rate"


def is_public(request: Request, given: Json) -> bool:
    """Whether the key is a publishable one. Raises `StripeRefusal`: 401 for any but test keys."""
    key = _key(request) or str(given.get("key") or "")
    if not key:
        raise failed(
            _REQUEST,
            "You did not provide an API key. You need to provide your API key in the Authorization "
            "header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').",
            status=401,
        )
    if key.startswith(("sk_test_", "rk_test_")):
        return False
    if key.startswith("pk_test_"):
        return True
    raise failed(_REQUEST, f"Invalid API Key provided: {key[:3]}****", status=401)


def refuse_public() -> StripeRefusal:
    """403: that key may not."""
    return failed(
        _REQUEST,
        "This API call cannot be made with a publishable API key. Please use a secret API key.",
        "secret_key_required",
        status=403,
    )


def check_rate(volatile: Draft, wall: int, most: int | None) -> None:
    """Requests a second. Raises `StripeRefusal`: 429."""
    if most is None:
        return
    second = wall // 1_000
    found = volatile.get(_RATE, "all")
    used = 1 + (found["used"] if found is not None and found["second"] == second else 0)
    volatile.put(_RATE, "all", {"second": second, "used": used})
    if used > most:
        raise failed(_REQUEST, "Request rate limit exceeded.", "rate_limit", status=429)


def cors(request: Request) -> tuple[tuple[str, str], ...]:
    """For a page of this machine; none for others."""
    origin = request.headers.get("origin", "")
    try:
        host = urlsplit(origin).hostname
    except ValueError:
        host = None
    if host not in ("127.0.0.1", "localhost", "::1"):
        return ()
    return (
        ("access-control-allow-origin", origin),
        ("access-control-allow-methods", "GET, POST, DELETE, OPTIONS"),
        (
            "access-control-allow-headers",
            "authorization, content-type, idempotency-key, stripe-version, stripe-account",
        ),
        ("access-control-expose-headers", "request-id"),
        ("access-control-max-age", "300"),
        ("vary", "origin"),
    )


def _key(request: Request) -> str:
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme == "Bearer":
        return value.strip()
    if scheme == "Basic":
        try:
            return base64.b64decode(value).decode().partition(":")[0]
        except ValueError:
            return ""
    return ""
