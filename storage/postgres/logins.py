"""The `Logins` seam of credentials over account, credential, login, refresh_token and ticket."""

from typing import Final

import asyncpg

from core.ids import is_uuid
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
from storage.postgres.pool import Connection, Database
from storage.postgres.users import ADD, COLUMNS, row_of, user_of

_TAKEN: Final[dict[str, Taken]] = {"account_email": "email", "account_handle": "handle"}


class PostgresLogins:
    """Logins as rows. Each method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def register(self, user: User, password_hash: str, login: NewLogin) -> Taken | None:
        try:
            await self._database.transaction(_register, user, password_hash, login)
        except asyncpg.UniqueViolationError as error:
            taken = _TAKEN.get(error.constraint_name or "")
            if taken is None:
                raise
            return taken
        return None

    async def secret(
        self, tenant_id: int, *, email: str | None, handle: str | None
    ) -> tuple[User, str] | None:
        return await self._database.call(_secret, tenant_id, email, handle)

    async def open(self, user: User, login: NewLogin, *, renewed_hash: str | None) -> bool:
        return await self._database.transaction(_open, user, login, renewed_hash)

    async def renew(
        self, spent: bytes, fresh: bytes, *, now: int, issued_after: int
    ) -> Standing | Reused | NotRenewed:
        return await self._database.transaction(_renew, spent, fresh, now, issued_after)

    async def revoke(self, login_id: str, *, now: int) -> bool:
        return await self._database.transaction(_revoke, login_id, now)

    async def add_ticket(self, ticket: Ticket) -> None:
        await self._database.call(_add_ticket, ticket)

    async def redeem(self, ticket_hash: bytes, *, now: int) -> Redeemed | None:
        return await self._database.call(_redeem, ticket_hash, now)

    async def standing(self, tenant_id: int, user_id: str, login_id: str) -> Standing | None:
        if not (is_uuid(user_id) and is_uuid(login_id)):
            return None
        return await self._database.call(_standing, tenant_id, user_id, login_id)


async def _register(
    connection: Connection, user: User, password_hash: str, login: NewLogin
) -> None:
    await connection.execute(ADD, *row_of(user))
    await connection.execute(
        """INSERT INTO credential (user_id, tenant_id, password_hash, changed_at)
           VALUES ($1, $2, $3, $4)""",
        user.id,
        user.tenant_id,
        password_hash,
        user.created_at,
    )
    await _open(connection, user, login, None)


async def _secret(
    connection: Connection, tenant_id: int, email: str | None, handle: str | None
) -> tuple[User, str] | None:
    column, value = ("email", email) if email is not None else ("handle", handle)
    row = await connection.fetchrow(
        f"""SELECT {COLUMNS}, password_hash
            FROM account JOIN credential ON credential.user_id = account.id
            WHERE account.tenant_id = $1 AND lower({column}) = lower($2)""",
        tenant_id,
        value,
    )
    return None if row is None else (user_of(row), row["password_hash"])


async def _open(
    connection: Connection, user: User, login: NewLogin, renewed_hash: str | None
) -> bool:
    """KEY SHARE: who takes the password away waits, and then sees this login; or it is gone."""
    is_open = await connection.fetchval(
        """INSERT INTO login (id, tenant_id, user_id, created_at, renewed_at)
           SELECT $1, $2, user_id, $4, $4 FROM credential WHERE user_id = $3 FOR KEY SHARE
           RETURNING true""",
        login.id,
        user.tenant_id,
        user.id,
        login.at,
    )
    if is_open is None:
        return False
    await _add_refresh_token(connection, login.refresh_hash, login.id, user.tenant_id, login.at)
    if renewed_hash is not None:
        await connection.execute(
            "UPDATE credential SET password_hash = $2 WHERE user_id = $1", user.id, renewed_hash
        )
    return True


async def _renew(
    connection: Connection, spent: bytes, fresh: bytes, now: int, issued_after: int
) -> Standing | Reused | NotRenewed:
    token = await connection.fetchrow(
        "SELECT login_id, issued_at, spent_at FROM refresh_token WHERE hash = $1 FOR UPDATE", spent
    )
    if token is None:
        return NotRenewed.UNKNOWN
    login_id = token["login_id"]
    if token["spent_at"] is not None:
        return Reused(login_id, await _revoke(connection, login_id, now))
    if token["issued_at"] <= issued_after:
        return NotRenewed.UNKNOWN
    login = await connection.fetchrow(
        """UPDATE login SET renewed_at = $2 WHERE id = $1 AND revoked_at IS NULL
           RETURNING tenant_id, user_id""",
        login_id,
        now,
    )
    if login is None:
        return NotRenewed.UNKNOWN
    await connection.execute("UPDATE refresh_token SET spent_at = $2 WHERE hash = $1", spent, now)
    await _add_refresh_token(connection, fresh, login_id, login["tenant_id"], now)
    standing = await _standing(connection, login["tenant_id"], login["user_id"], login_id)
    return NotRenewed.UNKNOWN if standing is None else standing


async def _add_refresh_token(
    connection: Connection, token_hash: bytes, login_id: str, tenant_id: int, at: int
) -> None:
    await connection.execute(
        "INSERT INTO refresh_token (hash, login_id, tenant_id, issued_at) VALUES ($1, $2, $3, $4)",
        token_hash,
        login_id,
        tenant_id,
        at,
    )


async def _revoke(connection: Connection, login_id: str, now: int) -> bool:
    """The login's row first: whoever opens a session under it locks it too, and sees this."""
    revoked = await connection.fetchval(
        "UPDATE login SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL RETURNING true",
        login_id,
        now,
    )
    await connection.execute("DELETE FROM session WHERE login_id = $1", login_id)
    await connection.execute("DELETE FROM ticket WHERE login_id = $1", login_id)
    return revoked is not None


async def _add_ticket(connection: Connection, ticket: Ticket) -> None:
    """A login that has ended gets a ticket that nobody will find."""
    await connection.execute(
        """INSERT INTO ticket (hash, login_id, tenant_id, expires_at, principal_until)
           SELECT $1, id, $3, $4, $5 FROM login WHERE id = $2 AND revoked_at IS NULL FOR SHARE""",
        ticket.hash,
        ticket.login_id,
        ticket.tenant_id,
        ticket.expires_at,
        ticket.principal_until,
    )


async def _redeem(connection: Connection, ticket_hash: bytes, now: int) -> Redeemed | None:
    row = await connection.fetchrow(
        f"""WITH used AS (DELETE FROM ticket WHERE hash = $1 RETURNING *)
            SELECT {COLUMNS}, login.id AS login_id, login.revoked_at, used.principal_until
            FROM used JOIN login ON login.id = used.login_id
                      JOIN account ON account.id = login.user_id
            WHERE used.expires_at > $2""",
        ticket_hash,
        now,
    )
    return (
        None
        if row is None
        else Redeemed(standing=_standing_of(row), principal_until=row["principal_until"])
    )


async def _standing(
    connection: Connection, tenant_id: int, user_id: str, login_id: str
) -> Standing | None:
    row = await connection.fetchrow(
        f"""SELECT {COLUMNS}, login.id AS login_id, login.revoked_at
            FROM login JOIN account ON account.id = login.user_id
            WHERE login.id = $3 AND account.id = $2 AND account.tenant_id = $1""",
        tenant_id,
        user_id,
        login_id,
    )
    return None if row is None else _standing_of(row)


def _standing_of(row: asyncpg.Record) -> Standing:
    return Standing(
        login_id=row["login_id"], user=user_of(row), is_revoked=row["revoked_at"] is not None
    )
