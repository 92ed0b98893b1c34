"""Idempotency keys (APIS §7.2): what began to execute is answered the same way again, for a day.

By account and key; method, path and parameters must be those of the first time. Kept whatever the
outcome was, a 500 too; not kept: parameters that failed validation, 401, 409 and 429.
"""

from dataclasses import dataclass
from hashlib import sha256
from typing import Final

import msgspec

from gateways.sandbox.exchange import Json, Request, Response
from gateways.sandbox.stripe_objects import Call
from gateways.sandbox.stripe_replies import StripeRefusal, failed, invalid

KEYS: Final = "stripe.idempotency"
KEPT_MS: Final = 24 * 3_600_000
KEPT_MS_V2: Final = 30 * 86_400_000
MAX_KEY: Final = 255
_encoder: Final = msgspec.json.Encoder(order="sorted")


@dataclass(frozen=True, slots=True)
class Remembered:
    """The first answer. `request_id`: of the request that it answered."""

    response: Response
    request_id: str


def checked_key(request: Request) -> str | None:
    """The key of a POST; None for all else. Raises `StripeRefusal`."""
    key = request.headers.get("idempotency-key")
    if not key or request.method != "POST":
        return None
    if len(key) > MAX_KEY:
        raise invalid(f"Idempotency keys have at most {MAX_KEY} characters.")
    return key


def remembered(call: Call, request: Request, given: Json) -> Remembered | None:
    """What the key keeps. Raises `StripeRefusal` when it was of another request."""
    found = call.setting.records.get(KEYS, _place(call))
    if call.key is None or found is None:
        return None
    if (found["method"], found["path"]) != (request.method, request.path):
        raise _misused(
            f"Keys for idempotent requests can only be used for the same endpoint they were first used "
            f"for ('{found['path']}' vs '{request.path[:200]}')."
        )
    if found["params"] != _digest(given):
        raise _misused(
            "Keys for idempotent requests can only be used with the same parameters they were first "
            "used with."
        )
    response = Response(
        status=found["status"],
        content_type="application/json",
        body=found["body"].encode(),
    )
    return Remembered(response, found["request"])


def remember(call: Call, request: Request, given: Json, response: Response) -> None:
    """Only a digest of the parameters is kept, and the answer."""
    if call.key is None:
        return
    place = _place(call)
    call.setting.records.put(
        KEYS,
        place,
        {
            "method": request.method,
            "path": request.path,
            "params": _digest(given),
            "status": response.status,
            "body": response.body.decode(),
            "request": call.request_id,
        },
    )
    kept_ms = KEPT_MS_V2 if request.path.startswith("/v2/") else KEPT_MS
    call.later(call.setting.now.business + kept_ms, "forget_key", place)


def forget(call: Call, place: str) -> None:
    """It is a day old: the key executes again."""
    call.setting.records.delete(KEYS, place)


def in_use() -> StripeRefusal:
    """409: another request with the key is being executed."""
    return failed(
        "idempotency_error",
        "There is currently another in-progress request using this idempotency key.",
        "idempotency_key_in_use",
        status=409,
    )


def _misused(message: str) -> StripeRefusal:
    text = f"{message} Try using a key other than the one given if you meant to execute another request."
    return failed("idempotency_error", text, status=400)


def _place(call: Call) -> str:
    return f"{call.account}|{call.key}"


def _digest(given: Json) -> str:
    return sha256(_encoder.encode(given)).hexdigest()
