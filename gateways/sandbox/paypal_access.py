"""Who may call PayPal's side: OAuth 2 client credentials, any that are given, and the token that they buy."""

import base64
from typing import Final

from gateways.sandbox.draw import letters
from gateways.sandbox.exchange import Json, Request, Response, Setting
from gateways.sandbox.fault_actions import Action
from gateways.sandbox.faults import TokenExpire, TokenRevoke, next_number, only

TOKENS: Final = "paypal.token"
TOKEN_FOR: Final = 32_400
"""Seconds, of wall time: nine hours."""

_LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_SCOPE: Final = "https://uri.paypal.com/services/payments/payment/authcapture"


def token(request: Request, setting: Setting) -> Response:
    """POST `/v1/oauth2/token`, `grant_type=client_credentials`, Basic authorization."""
    client = _client(request)
    if client is None:
        said = {"error": "invalid_client", "error_description": "Client Authentication failed"}
        return Response.of_json(401, said)
    if b"grant_type=client_credentials" not in request.body:
        said = {"error": "unsupported_grant_type", "error_description": "unsupported grant_type"}
        return Response.of_json(400, said)
    number = next_number(setting.volatile, TOKENS)
    drawn = letters(40, _LETTERS, setting.world.seed, "paypal.token", setting.now.wall, number)
    value = f"A21AA{drawn}"
    setting.volatile.put(TOKENS, value, {"until": setting.now.wall + TOKEN_FOR * 1_000})
    made: Json = {
        "scope": _SCOPE,
        "access_token": value,
        "token_type": "Bearer",
        "app_id": "APP-80W284485P519543T",
        "expires_in": TOKEN_FOR,
        "nonce": f"{setting.now.moment.isoformat()}{number}",
    }
    return Response.of_json(200, made)


def refused(request: Request, setting: Setting) -> Response | None:
    """401 unless the token is good; a restart of the sandbox forgets them all."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    kinds: tuple[type[Action], ...] = (TokenRevoke, TokenExpire)
    if any(only(setting.faults, kind) for kind in kinds):
        setting.volatile.delete(TOKENS, value)
    found = setting.volatile.get(TOKENS, value) if scheme == "Bearer" else None
    if found is not None and found["until"] > setting.now.wall:
        return None
    said = {"error": "invalid_token", "error_description": "Token signature verification failed"}
    return Response.of_json(401, said)


def _client(request: Request) -> str | None:
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme != "Basic":
        return None
    try:
        name, _, secret = base64.b64decode(value).decode().partition(":")
    except ValueError:
        return None
    return name if name and secret else None
