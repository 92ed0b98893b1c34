"""Who may call Amadeus: tokens by client credentials, a rate per second, a quota per month.

All by the wall clock, except the month. Tokens survive a restart of the sandbox; the rate does not.
"""

import re
from typing import Final
from urllib.parse import parse_qs

from gateways.sandbox import faults
from gateways.sandbox.amadeus_errors import refused
from gateways.sandbox.amadeus_options import options
from gateways.sandbox.draw import draw
from gateways.sandbox.exchange import Json, Request, Response, Setting
from gateways.sandbox.faults import next_number
from gateways.sandbox.records import Draft

TOKENS: Final = "amadeus.tokens"
RATES: Final = "amadeus.rates"
QUOTAS: Final = "amadeus.quotas"
TOKEN_SECONDS: Final = 1_799
FORGOTTEN_AFTER: Final = 86_400_000
_PATH: Final = "/v1/security/oauth2/token"
_OFFERED: Final = re.compile(r"Bearer (\S+)")


def token_route(request: Request, setting: Setting) -> Response | None:
    """The two token endpoints; None: the request is another."""
    if request.path == _PATH and request.method == "POST":
        return _granted(request, setting)
    if request.path.startswith(f"{_PATH}/") and request.method == "GET":
        return _shown(request.path.removeprefix(f"{_PATH}/"), setting)
    return None


def admit(request: Request, setting: Setting) -> str:
    """The client's id. Raises `RefusalError` with 38190 to 38195."""
    value = request.headers.get("authorization")
    offered = _OFFERED.fullmatch(value or "")
    if offered is None:
        raise refused(
            38191, "Missing or invalid format for mandatory Authorization header", status=401
        )
    token = offered[1]
    found = setting.records.get(TOKENS, token)
    if found is not None and faults.only(setting.faults, faults.TokenRevoke):
        found = {**found, "revoked": True}
        setting.records.put(TOKENS, token, found)
    if found is not None and faults.only(setting.faults, faults.TokenExpire):
        found = {**found, "expiresAt": setting.now.wall}
        setting.records.put(TOKENS, token, found)
    if found is None:
        raise refused(
            38190, "The access token provided in the Authorization header is invalid", status=401
        )
    if found.get("revoked"):
        raise refused(38193, "The access token is revoked", status=401)
    if found["expiresAt"] <= setting.now.wall:
        raise refused(38192, "The access token is expired", status=401)
    _count_rate(found["client"], request.path, setting)
    _count_quota(found["client"], request.path, setting)
    return str(found["client"])


def _granted(request: Request, setting: Setting) -> Response:
    form = parse_qs(request.body.decode("utf-8", "replace"))
    grant, client, secret = (
        form.get(name, [""])[-1] for name in ("grant_type", "client_id", "client_secret")
    )
    if grant != "client_credentials":
        return _denied(
            400,
            "unsupported_grant_type",
            "Only client_credentials value is allowed for the body parameter grant_type",
        )
    if not client or not secret or secret == "wrong":  # noqa: S105  # anybody else is welcome
        return _denied(401, "invalid_client", "Client credentials are invalid")
    number = next_number(setting.records, TOKENS)
    token = f"{draw(setting.world.seed, 'token', number):016x}{number:06x}"
    kept: Json = {"client": client, "expiresAt": setting.now.wall + TOKEN_SECONDS * 1_000}
    _forget_old(setting.records, setting.now.wall)
    setting.records.put(TOKENS, token, kept)
    return Response.of_json(200, _token(token, kept, setting.now.wall))


def _shown(token: str, setting: Setting) -> Response:
    found = setting.records.get(TOKENS, token)
    if found is None:
        return _denied(404, "invalid_request", "The access token is unknown")
    return Response.of_json(200, _token(token, found, setting.now.wall))


def _token(token: str, kept: Json, wall: int) -> Json:
    left = (kept["expiresAt"] - wall) // 1_000
    is_good = left > 0 and not kept.get("revoked")
    return {
        "type": "amadeusOAuth2Token",
        "username": f"{kept['client']}@example.test",
        "application_name": kept["client"],
        "client_id": kept["client"],
        "token_type": "Bearer",
        "access_token": token,
        "expires_in": max(0, left),
        "state": "approved" if is_good else "expired",
        "scope": "",
    }


def _denied(status: int, error: str, description: str) -> Response:
    return Response.of_json(
        status,
        {
            "error": error,
            "error_description": description,
            "code": 38187,
            "title": "Invalid parameters",
        },
    )


def _forget_old(records: Draft, wall: int) -> None:
    for token, kept in list(records.scan(TOKENS)):
        if kept["expiresAt"] + FORGOTTEN_AFTER < wall:
            records.delete(TOKENS, token)


def _count_rate(client: str, path: str, setting: Setting) -> None:
    """A window of one second that slides: refused requests do not count."""
    tps = options(setting.records).tps
    if tps is None:
        return
    family = "activities" if path.startswith("/v1/shopping/activities") else "all"
    limit = 2 * tps if family == "activities" else tps
    key, wall = f"{client}.{family}", setting.now.wall
    kept = setting.volatile.get(RATES, key)
    recent = [at for at in (kept["at"] if kept else []) if at > wall - 1_000]
    if len(recent) >= limit:
        raise refused(
            38194, "The network rate limit is exceeded, please try again later", status=429
        )
    setting.volatile.put(RATES, key, {"at": [*recent, wall]})


def _count_quota(client: str, path: str, setting: Setting) -> None:
    quota = options(setting.records).quota
    if quota is None:
        return
    api = "/".join(path.split("/")[:4])
    key = f"{client}.{setting.now.moment:%Y%m}.{api}"
    kept = setting.records.get(QUOTAS, key)
    used = 0 if kept is None else int(kept["used"])
    if used >= quota:
        raise refused(38195, "The quota limit of this month is exceeded", status=429)
    setting.records.put(QUOTAS, key, {"used": used + 1})
