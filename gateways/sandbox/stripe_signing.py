"""`Stripe-Signature` (APIS §7.3): HMAC-SHA256 over the time, a dot and the body."""

import hmac
from hashlib import sha256


def signature(body: bytes, secret: str, at: int) -> str:
    """Hexadecimal; `at` in seconds since 1970."""
    return hmac.new(secret.encode(), f"{at}.".encode() + body, sha256).hexdigest()


def header(body: bytes, secrets: tuple[str, ...], at: int) -> str:
    """One `v1` for each secret."""
    signed = "".join(f",v1={signature(body, each, at)}" for each in secrets)
    return f"t={at}{signed}"
