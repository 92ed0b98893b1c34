"""Who somebody is: passwords, logins, tokens, tickets."""

from dataclasses import dataclass
from typing import Any, Protocol

from core.identity import Principal
from core.ports.repositories import User


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a login gives. `expires_in` seconds for the access token."""

    user: User
    access_token: str
    refresh_token: str
    expires_in: int


class Credentials(Protocol):
    """Passwords are argon2id (hashed in threads, bounded); access tokens are RS256 JWTs of 900 s;
    refresh tokens are opaque, single use: using one twice revokes its login."""

    async def register(
        self,
        tenant_id: int,
        *,
        email: str,
        password: str,
        name: str,
        handle: str | None,
        locale: str,
    ) -> Grant:
        """Raises `Rejected`: `conflict` (e-mail or handle taken), `bad_request` with fields."""

    async def login(
        self, tenant_id: int, *, email: str | None, handle: str | None, password: str
    ) -> Grant:
        """Raises `Rejected("unauthenticated")`: the same words and time for every reason."""

    async def refresh(self, refresh_token: str) -> Grant:
        """Raises `Rejected("unauthenticated")`. A spent token revokes its login at once."""

    async def ticket(self, principal: Principal) -> tuple[str, int]:
        """A one-time ticket for a socket and its life in seconds."""

    async def logout(self, principal: Principal) -> None:
        """Revoke the login: its sessions die, its sockets close with 4201."""

    def verify(self, access_token: str) -> Principal:
        """Check signature, times, issuer and audience; no database. Raises
        `Rejected("unauthenticated")`; `TokenExpired` when only time is wrong."""

    async def authenticate(self, token: str) -> Principal:
        """As `verify`, or redeem a ticket; and the login still stands, the user's name and role are
        read afresh. Raises as `verify`, and `TokenRevoked`."""

    async def demand_standing(self, principal: Principal) -> None:
        """Pass while the principal's login stands; raise `TokenRevoked` when it has ended."""

    def jwks(self) -> dict[str, Any]:
        """The public keys (RFC 7517)."""
