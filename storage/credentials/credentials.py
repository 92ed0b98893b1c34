"""The `Credentials` port: registering, logging in, refreshing, tickets, and who a token is."""

import hashlib
from collections.abc import Callable
from sys import intern
from typing import Any, Final

import structlog

from core.errors import Rejected, TokenRevoked
from core.identity import Principal, Role
from core.ports.clock import Clock, Ids
from core.ports.credentials import Grant
from core.ports.repositories import User
from protocol.limits import TICKET_FOR
from storage.credentials import forms
from storage.credentials.keys import SigningKeys
from storage.credentials.passwords import Passwords
from storage.credentials.records import Logins, NewLogin, Reused, Standing, Ticket
from storage.credentials.tokens import AccessTokens, BadToken, UnknownKey

REFRESH_FOR: Final = 30 * 86_400.0
"""Seconds; a login that is not refreshed for so long is over."""

HANDLE_TRIES: Final = 5

log = structlog.get_logger()


class StoredCredentials:
    """Credentials over stored logins.

    Owns nothing but counters. Borrows: all else. `on_revoked` is told each login that ended, in the
    trio thread, after that is durable: it closes the login's sockets with 4201.
    """

    def __init__(
        self,
        logins: Logins,
        passwords: Passwords,
        keys: SigningKeys,
        tokens: AccessTokens,
        *,
        clock: Clock,
        ids: Ids,
        on_revoked: Callable[[str], None],
    ) -> None:
        self._logins, self._passwords = logins, passwords
        self._keys, self._tokens = keys, tokens
        self._clock, self._ids = clock, ids
        self._on_revoked = on_revoked
        self._counts = {"registered": 0, "logins": 0, "failed": 0, "refreshed": 0, "reused": 0}

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
        """As the port says. Without `handle` one is made of the e-mail's first part."""
        checks = [
            ("email", forms.email_problem(email)),
            ("password", forms.password_problem(password)),
            ("name", forms.name_problem(name)),
            ("handle", None if handle is None else forms.handle_problem(handle)),
            ("locale", forms.locale_problem(locale)),
        ]
        forms.refuse_wrong(checks)
        password_hash = await self._passwords.hash(password)
        user = self._new_user(
            tenant_id, email, name.strip(), handle or forms.handle_from(email), locale
        )
        for _ in range(HANDLE_TRIES):
            login, refresh_token = self._new_login()
            match await self._logins.register(user, password_hash, login):
                case None:
                    self._counts["registered"] += 1
                    return self._grant(user, login.id, refresh_token)
                case "email":
                    raise Rejected("conflict", "This e-mail address is already registered.")
                case "handle" if handle is not None:
                    raise Rejected("conflict", "This handle is already taken.")
            stem = forms.handle_from(email)
            user = self._new_user(tenant_id, email, name.strip(), self._varied(stem), locale)
        raise Rejected("conflict", "This handle is already taken.")

    async def login(
        self, tenant_id: int, *, email: str | None, handle: str | None, password: str
    ) -> Grant:
        """As the port says: an unknown user costs a hash too."""
        user, stored = await self._secret(tenant_id, email, handle) or (None, None)
        verdict = await self._passwords.check(password, stored)
        login, refresh_token = self._new_login()
        # Looked at in its turn, a password may be gone by now.
        if (
            user is None
            or not verdict.is_right
            or not await self._logins.open(user, login, renewed_hash=verdict.renewed)
        ):
            self._counts["failed"] += 1
            raise Rejected("unauthenticated", "The user or the password is wrong.")
        self._counts["logins"] += 1
        return self._grant(user, login.id, refresh_token)

    async def _secret(
        self, tenant_id: int, email: str | None, handle: str | None
    ) -> tuple[User, str] | None:
        """What cannot be an address or a handle is nobody's."""
        problem = (
            forms.handle_problem(handle or "") if email is None else forms.email_problem(email)
        )
        if problem is not None:
            return None
        return await self._logins.secret(tenant_id, email=email, handle=handle)

    async def refresh(self, refresh_token: str) -> Grant:
        """As the port says. There is no grace for a token used twice (protocol §9)."""
        now = self._clock.now_ms()
        successor = self._ids.secret()
        issued_after = now - int(REFRESH_FOR * 1_000)
        match await self._logins.renew(
            _digest(refresh_token), _digest(successor), now=now, issued_after=issued_after
        ):
            case Standing() as standing:
                self._counts["refreshed"] += 1
                return self._grant(standing.user, standing.login_id, successor)
            case Reused(login_id, was_standing):
                self._counts["reused"] += 1
                log.warning("credentials.refresh_token_reused", login=login_id)
                if was_standing:
                    self._on_revoked(login_id)
            case _:
                pass
        raise Rejected("unauthenticated", "This login has ended. Please log in again.")

    async def ticket(self, principal: Principal) -> tuple[str, int]:
        """As the port says."""
        secret = self._ids.secret()
        ticket = Ticket(
            hash=_digest(secret),
            tenant_id=principal.tenant_id,
            login_id=principal.login_id,
            expires_at=self._clock.now_ms() + int(TICKET_FOR * 1_000),
            principal_until=principal.expires_at,
        )
        await self._logins.add_ticket(ticket)
        return secret, int(TICKET_FOR)

    async def logout(self, principal: Principal) -> None:
        """As the port says. Idempotent."""
        if await self._logins.revoke(principal.login_id, now=self._clock.now_ms()):
            self._on_revoked(principal.login_id)

    def verify(self, access_token: str) -> Principal:
        """As the port says."""
        return self._tokens.verify(access_token)

    async def authenticate(self, token: str) -> Principal:
        """As the port says, in one crossing. A JWT has dots; a ticket has none."""
        if "." not in token:
            redeemed = await self._logins.redeem(_digest(token), now=self._clock.now_ms())
            if redeemed is None:
                raise BadToken
            return _principal(redeemed.standing, redeemed.principal_until)
        claimed = await self._verified(token)
        standing = await self._logins.standing(claimed.tenant_id, claimed.user_id, claimed.login_id)
        return _principal(standing, claimed.expires_at)

    async def demand_standing(self, principal: Principal) -> None:
        """As the port says."""
        standing = await self._logins.standing(
            principal.tenant_id, principal.user_id, principal.login_id
        )
        _principal(standing, principal.expires_at)

    async def _verified(self, token: str) -> Principal:
        try:
            return self._tokens.verify(token)
        except UnknownKey:
            if not await self._keys.seek():
                raise
        return self._tokens.verify(token)

    def jwks(self) -> dict[str, Any]:
        """As the port says."""
        return self._keys.jwks()

    def statistics(self) -> dict[str, int | float]:
        """Counts since the start."""
        return dict(self._counts)

    def _new_user(self, tenant_id: int, email: str, name: str, handle: str, locale: str) -> User:
        return User(
            id=self._ids.uuid7(),
            tenant_id=tenant_id,
            handle=handle,
            name=name,
            email=email,
            role=Role.USER,
            locale=locale,
            time_zone="UTC",
            currency="EUR",
            preferences={},
            created_at=self._clock.now_ms(),
        )

    def _varied(self, stem: str) -> str:
        """The end of a UUIDv7 is random: four hex digits of it tell namesakes apart."""
        return f"{stem}-{self._ids.uuid7()[-4:]}"

    def _new_login(self) -> tuple[NewLogin, str]:
        secret = self._ids.secret()
        login = NewLogin(
            id=self._ids.uuid7(), refresh_hash=_digest(secret), at=self._clock.now_ms()
        )
        return login, secret

    def _grant(self, user: User, login_id: str, refresh_token: str) -> Grant:
        return Grant(
            user=user,
            access_token=self._tokens.issue(user, login_id),
            refresh_token=refresh_token,
            expires_in=self._tokens.life,
        )


def _digest(secret: str) -> bytes:
    """256 random bits need no slow hash. `surrogatepass`: a stranger's text may hold anything."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def _principal(standing: Standing | None, expires_at: int) -> Principal:
    if standing is None or standing.is_revoked:
        raise TokenRevoked
    user = standing.user
    return Principal(
        tenant_id=user.tenant_id,
        user_id=user.id,
        login_id=standing.login_id,
        role=user.role,
        name=user.name,
        handle=user.handle,
        locale=intern(user.locale),  # each connection has a principal, all have few locales
        expires_at=expires_at,
        created_at=user.created_at,
    )
