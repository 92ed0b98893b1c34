"""From a bearer token to a principal, and whether a route is open to it."""

from typing import Final, assert_never

from core.errors import Rejected
from core.identity import Permission, Principal, authorize
from core.ports.credentials import Credentials
from core.telemetry import conceal
from gateways.http.routes import Access

MAX_TOKEN_LENGTH: Final = 4_096


async def principal_of(header: str | None, credentials: Credentials) -> Principal | None:
    """The principal of an `Authorization` header; None without one.

    That the login still stands is looked up each time: a logout ends HTTP at once, and a changed
    role counts at once. What is not of a JWT's form (RFC 7519 §3: three parts) is no access token;
    a ticket must not be redeemed here. Raises `Rejected("unauthenticated")`.
    """
    if header is None:
        return None
    scheme, _, token = header.partition(" ")
    token = token.strip()
    conceal(token)
    if scheme.lower() != "bearer" or token.count(".") != 2 or len(token) > MAX_TOKEN_LENGTH:
        raise Rejected("unauthenticated", "Send an access token: Authorization: Bearer TOKEN.")
    return await credentials.authenticate(token)


def admit(access: Access, principal: Principal | None, *, is_local: bool) -> None:
    """Pass, or raise `Rejected`: `unauthenticated` without a login, `forbidden` with the wrong
    role. `is_local`: the caller is on this machine and no proxy speaks for another."""
    if access == "public" or (access == "operator" and is_local):
        return
    if principal is None:
        raise Rejected("unauthenticated", "Please log in first.")
    if isinstance(access, Permission):
        authorize(principal, access)
    elif access == "operator":
        authorize(principal, Permission.READ_METRICS)
    elif access != "login":
        assert_never(access)
