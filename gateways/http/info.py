"""What a client must know before it can speak, and the keys that check our tokens."""

import re
from typing import Any, Final

from gateways.http.routes import API, Call, Reply, Route, View, json_reply
from protocol.limits import CONNECT_PATH

NAME: Final = "caravan"
PROTOCOL: Final = 1

_HOST: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]{1,253})(?::\d{1,5})?\Z")


class Info(View, frozen=True):
    """`ws`: where the socket is. `protocol`: its version."""

    name: str
    version: str
    protocol: int
    ws: str


class Keys(View, frozen=True):
    """A JSON Web Key Set (RFC 7517)."""

    keys: list[dict[str, Any]]


async def read_info(call: Call) -> Reply:
    """Name, version and socket of this server."""
    ports = call.ports
    ws = ports.public_ws_url or _ws_url(call.host, call.scheme, ports.ws_port())
    return json_reply(Info(name=NAME, version=ports.version, protocol=PROTOCOL, ws=ws))


async def read_keys(call: Call) -> Reply:
    """The public keys of access tokens."""
    return json_reply(call.ports.credentials.jwks(), headers={"Cache-Control": "max-age=300"})


def _ws_url(host: str, scheme: str, port: int) -> str:
    """By the name under which the client reached us, which is the one it can reach."""
    named = _HOST.match(host)
    secure = "s" if scheme == "https" else ""
    return f"ws{secure}://{named[1] if named else '127.0.0.1'}:{port}{CONNECT_PATH}"


ROUTES: Final = (
    Route(
        method="GET",
        path=f"{API}/info",
        name="readInfo",
        summary="Name, version and socket of this server",
        handle=read_info,
        access="public",
        answer=Info,
        is_limited=False,
    ),
    Route(
        method="GET",
        path="/.well-known/jwks.json",
        name="readKeys",
        summary="The public keys of access tokens",
        handle=read_keys,
        access="public",
        answer=Keys,
        is_limited=False,
    ),
)
