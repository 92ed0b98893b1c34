"""The `Logins` seam of credentials in memory."""

from dataclasses import dataclass

from core.ports.repositories import User
from storage.credentials.records import (
    NewLogin,
    NotRenewed,
    Redeemed,
    Reused,
    Standing,
    Taken,
    Ticket,
)
from storage.memory.users import MemoryUsers


@dataclass(slots=True)
class _Login:
    tenant_id: int
    user_id: str
    is_revoked: bool = False


@dataclass(slots=True)
class _Refresh:
    login_id: str
    issued_at: int
    is_spent: bool = False


@dataclass(slots=True)
class StoredSession:
    """A session's row."""

    login_id: str
    user_id: str
    expires_at: int


class MemoryLogins:
    """Logins in dictionaries. `sessions` are here because they die with their login."""

    def __init__(self, users: MemoryUsers) -> None:
        self._users = users
        self._hashes: dict[str, str] = {}
        self._logins: dict[str, _Login] = {}
        self._refreshes: dict[bytes, _Refresh] = {}
        self._tickets: dict[bytes, Ticket] = {}
        self.sessions: dict[str, StoredSession] = {}

    async def register(self, user: User, password_hash: str, login: NewLogin) -> Taken | None:
        taken = self._users.add(user)
        if taken is None:
            self._hashes[user.id] = password_hash
            await self.open(user, login, renewed_hash=None)
        return taken

    async def secret(
        self, tenant_id: int, *, email: str | None, handle: str | None
    ) -> tuple[User, str] | None:
        user = (
            self._users.by_email(tenant_id, email)
            if email is not None
            else await self._users.by_handle(tenant_id, handle or "")
        )
        return None if user is None else (user, self._hashes[user.id])

    async def open(self, user: User, login: NewLogin, *, renewed_hash: str | None) -> bool:
        if user.id not in self._hashes:
            return False
        self._logins[login.id] = _Login(user.tenant_id, user.id)
        self._refreshes[login.refresh_hash] = _Refresh(login.id, login.at)
        if renewed_hash is not None:
            self._hashes[user.id] = renewed_hash
        return True

    async def renew(
        self, spent: bytes, fresh: bytes, *, now: int, issued_after: int
    ) -> Standing | Reused | NotRenewed:
        token = self._refreshes.get(spent)
        if token is None:
            return NotRenewed.UNKNOWN
        if token.is_spent:
            return Reused(token.login_id, await self.revoke(token.login_id, now=now))
        login = self._logins[token.login_id]
        if login.is_revoked or token.issued_at <= issued_after:
            return NotRenewed.UNKNOWN
        token.is_spent = True
        self._refreshes[fresh] = _Refresh(token.login_id, now)
        standing = await self.standing(login.tenant_id, login.user_id, token.login_id)
        return NotRenewed.UNKNOWN if standing is None else standing

    async def revoke(self, login_id: str, *, now: int) -> bool:
        login = self._logins.get(login_id)
        if login is None:
            return False
        stood, login.is_revoked = not login.is_revoked, True
        self._tickets = {
            key: ticket for key, ticket in self._tickets.items() if ticket.login_id != login_id
        }
        self.sessions = {
            key: session for key, session in self.sessions.items() if session.login_id != login_id
        }
        return stood

    async def add_ticket(self, ticket: Ticket) -> None:
        if self.stands(ticket.login_id):
            self._tickets[ticket.hash] = ticket

    async def redeem(self, ticket_hash: bytes, *, now: int) -> Redeemed | None:
        ticket = self._tickets.pop(ticket_hash, None)
        if ticket is None or ticket.expires_at <= now:
            return None
        user_id = self._logins[ticket.login_id].user_id
        standing = await self.standing(ticket.tenant_id, user_id, ticket.login_id)
        if standing is None:
            return None
        return Redeemed(standing=standing, principal_until=ticket.principal_until)

    async def standing(self, tenant_id: int, user_id: str, login_id: str) -> Standing | None:
        login, user = self._logins.get(login_id), await self._users.get(tenant_id, user_id)
        if login is None or user is None or login.user_id != user_id:
            return None
        return Standing(login_id=login_id, user=user, is_revoked=login.is_revoked)

    def stands(self, login_id: str) -> bool:
        """Whether there is such a login, not revoked."""
        login = self._logins.get(login_id)
        return login is not None and not login.is_revoked
