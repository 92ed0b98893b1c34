"""The HTTP API as a stranger calls it: what it answers is looked at, nothing is raised or retried."""

import base64
import json
import secrets
from typing import Any

import httpx
from raw_client import CLIENT, PASSWORD, Person


def call(
    http: str,
    method: str,
    path: str,
    body: object = None,
    *,
    token: str | None = None,
    query: dict[str, Any] | None = None,
    **headers: str,
) -> httpx.Response:
    """One call; `path` below the server's root. A header's `_` is a `-`."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if token is not None:
        sent["Authorization"] = f"Bearer {token}"
    content = None
    if body is not None:
        sent = {"Content-Type": "application/json", **sent}
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return CLIENT.request(method, http + path, content=content, headers=sent, params=query)


def figures(http: str) -> dict[str, str]:
    """What `/metrics` says, by name."""
    return dict(line.rsplit(" ", 1) for line in call(http, "GET", "/metrics").text.splitlines())


class Caller:
    """`call` to one server, as one person or as nobody."""

    def __init__(self, http: str, person: Person | None = None) -> None:
        self.http, self.person = http, person

    def _call(self, method: str, path: str, body: object = None, **more: Any) -> httpx.Response:
        token = more.pop("token", self.person.token if self.person else None)
        return call(self.http, method, f"/api/v1/{path}", body, token=token, **more)

    def get(self, path: str, **query: Any) -> httpx.Response:
        return self._call("GET", path, query=query or None)

    def post(self, path: str, body: object = None, **more: Any) -> httpx.Response:
        return self._call("POST", path, body, **more)

    def patch(self, path: str, body: object = None, **more: Any) -> httpx.Response:
        return self._call("PATCH", path, body, **more)


def newcomer(**changes: Any) -> dict[str, Any]:
    """The body of a registration that nobody has made before; None leaves a field out."""
    handle = f"p{secrets.token_hex(6)}"
    body = {
        "email": f"{handle}@caravan.test",
        "password": PASSWORD,
        "name": "Newcomer",
        "handle": handle,
        **changes,
    }
    return {name: value for name, value in body.items() if value is not None}


def wrong_fields(answer: httpx.Response) -> list[str]:
    """The fields that a 400 names; the answer has exactly the contract's shape."""
    assert answer.status_code == 400, answer.text
    body = answer.json()
    assert list(body) == ["errors"], body
    assert body["errors"]
    for error in body["errors"]:
        assert set(error) == {"field", "message"}, error
        assert error["message"]
    return sorted(error["field"] for error in body["errors"])


def refusal(answer: httpx.Response, status: int, code: str) -> str:
    """The sentence of a refusal, which has exactly the contract's shape."""
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert set(body) == {"error", "code"}, body
    assert body["code"] == code, body
    assert body["error"]
    return str(body["error"])


def claims(token: str, part: int = 1) -> dict[str, Any]:
    """What a JWT says (0: its header), unverified."""
    encoded = token.split(".")[part]
    said: dict[str, Any] = json.loads(unpadded(encoded))
    return said


def unpadded(text: str) -> bytes:
    """base64url as JOSE writes it (RFC 7515 §2)."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
