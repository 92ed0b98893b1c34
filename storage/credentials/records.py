"""What credentials keep, and the two seams behind which they keep it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Literal, Protocol

from core.ports.repositories import User

Taken = Literal["email", "handle"]
Part = Literal["next", "current", "previous"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLogin:
    """A login about to be opened, with the hash of its first refresh token."""

    id: str
    refresh_hash: bytes
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A login and its user, as they are now."""

    login_id: str
    user: User
    is_revoked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """A ticket as stored. `principal_until`: the end of the credentials that asked for it."""

    hash: bytes
    tenant_id: int
    login_id: str
    expires_at: int
    principal_until: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Redeemed:
    """What a ticket gives."""

    standing: Standing
    principal_until: int


class NotRenewed(Enum):
    """Why a refresh token gave no new one."""

    UNKNOWN = "unknown"
    """Never issued, too old, or its login has ended."""


@dataclass(frozen=True, slots=True)
class Reused:
    """The token had been spent. Its login is revoked now; `was_standing` until this very call."""

    login_id: str
    was_standing: bool


class Logins(Protocol):
    """Passwords, logins, refresh tokens and tickets. Each method is one transaction and one
    crossing; cancelled, it has happened whole or not at all."""

    async def register(self, user: User, password_hash: str, login: NewLogin) -> Taken | None:
        """Store a user with a password and a first login. Returns what is taken; then nothing was
        stored."""

    async def secret(
        self, tenant_id: int, *, email: str | None, handle: str | None
    ) -> tuple[User, str] | None:
        """The user of this e-mail or handle (whatever its case), and the password's hash."""

    async def open(self, user: User, login: NewLogin, *, renewed_hash: str | None) -> bool:
        """Add a login; with `renewed_hash`, replace the password's hash. False: they have no password
        any more, and nothing was done."""

    async def renew(
        self, spent: bytes, fresh: bytes, *, now: int, issued_after: int
    ) -> Standing | Reused | NotRenewed:
        """Spend a refresh token and store its successor. Of two calls with one token, one gets the
        login and the other `Reused`, which has revoked it and removed its sessions and tickets."""

    async def revoke(self, login_id: str, *, now: int) -> bool:
        """End a login, its sessions and tickets. Idempotent: whether it stood until now."""

    async def add_ticket(self, ticket: Ticket) -> None: ...

    async def redeem(self, ticket_hash: bytes, *, now: int) -> Redeemed | None:
        """Use a ticket up. Of several calls, one gets it."""

    async def standing(self, tenant_id: int, user_id: str, login_id: str) -> Standing | None:
        """None: there is no such login of this user (any more)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedKey:
    """A signing key as stored. `since`: when it took its part (ms)."""

    kid: str
    part: Part
    since: int
    sealed: bytes


class KeyStore(Protocol):
    """Where all nodes find the signing keys."""

    async def all(self) -> Sequence[SealedKey]: ...

    async def begin(self, keys: Sequence[SealedKey]) -> None:
        """Store the first keys, unless there are some."""

    async def rotate(self, seen: str, fresh: SealedKey) -> None:
        """Next becomes current, current previous, previous is forgotten, `fresh` becomes next;
        unless the current one is no longer `seen`: another node was faster."""
