"""`PayPal-Request-Id`: what was done under one is answered again, not done again.

Orders keep them for six hours, payments for 45 days (docs/paypal.md), in business time. Only what was done is
kept: whether PayPal keeps refusals is not documented. Another body under the same id is refused; that it is
judged by its body, and not by its path alone, is the sandbox's own strictness.
"""

from hashlib import sha256
from typing import Final

from gateways.sandbox.exchange import Request, Response
from gateways.sandbox.paypal_objects import Call
from gateways.sandbox.paypal_replies import malformed, unprocessable

IDS: Final = "paypal.request_id"
ORDERS_KEEP_MS: Final = 6 * 3_600_000
PAYMENTS_KEEP_MS: Final = 45 * 86_400_000
MAX_ID: Final = 108


def remembered(call: Call, request: Request) -> Response | None:
    """The first answer. Raises `PayPalRefusal` when the id was another request's."""
    if call.key is None:
        return None
    if not 1 <= len(call.key) <= MAX_ID:
        raise malformed("INVALID_STRING_LENGTH", f"PayPal-Request-Id has 1 to {MAX_ID} characters.")
    found = call.setting.records.get(IDS, call.key)
    if found is None:
        return None
    if found["asked"] != _asked(request):
        raise unprocessable(
            "DUPLICATE_REQUEST_ID", "The value of PayPal-Request-Id header has already been used."
        )
    if not found["body"]:
        return Response(status=found["status"])
    return Response(
        status=found["status"], content_type="application/json", body=found["body"].encode()
    )


def remember(call: Call, request: Request, response: Response) -> None:
    """Only a digest of what was asked is kept, and the answer."""
    if call.key is None:
        return
    kept = {
        "asked": _asked(request),
        "status": response.status,
        "body": response.body.decode(),
    }
    call.setting.records.put(IDS, call.key, kept)
    is_payment = request.path.startswith("/v2/payments/")
    call.later(PAYMENTS_KEEP_MS if is_payment else ORDERS_KEEP_MS, "forget", call.key)


def forget(call: Call, key: str) -> None:
    """The id executes anew."""
    call.setting.records.delete(IDS, key)


def _asked(request: Request) -> str:
    return sha256(f"{request.method} {request.path}\n".encode() + request.body).hexdigest()
