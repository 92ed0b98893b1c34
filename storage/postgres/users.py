"""The `Users` port over the table `account`."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import asyncpg
import msgspec

from core.errors import Rejected
from core.identity import Role
from core.ids import is_uuid
from core.ports.repositories import User, UserPatch
from storage.credentials.forms import check_patch, handle_problem
from storage.postgres.pool import Connection, Database

COLUMNS: Final = """account.id, account.tenant_id, account.handle, account.name, account.email,
    account.role, account.locale, account.time_zone, account.currency, account.preferences,
    account.created_at"""

ADD: Final = """INSERT INTO account (id, tenant_id, handle, name, email, role, locale, time_zone,
                         currency, preferences, created_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"""
"""Takes `row_of`."""


class PostgresUsers:
    """Users as rows. Each method is one statement."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, tenant_id: int, user_id: str) -> User | None:
        return (await self.many(tenant_id, [user_id])).get(user_id)

    async def by_handle(self, tenant_id: int, handle: str) -> User | None:
        if handle_problem(handle):
            return None
        rows = await self._database.call(
            _fetch,
            f"SELECT {COLUMNS} FROM account WHERE tenant_id = $1 AND lower(handle) = lower($2)",
            tenant_id,
            handle,
        )
        return user_of(rows[0]) if rows else None

    async def many(self, tenant_id: int, user_ids: Sequence[str]) -> Mapping[str, User]:
        rows = await self._database.call(
            _fetch,
            f"SELECT {COLUMNS} FROM account WHERE tenant_id = $1 AND id = ANY($2::uuid[])",
            tenant_id,
            [user_id for user_id in user_ids if is_uuid(user_id)],
        )
        return {row["id"]: user_of(row) for row in rows}

    async def patch(self, tenant_id: int, user_id: str, patch: UserPatch) -> User:
        """As the port says; `bad_request` when a new value has no proper form."""
        if not is_uuid(user_id):
            raise _unknown()
        check_patch(patch)
        preferences = None if patch.preferences is None else msgspec.json.encode(patch.preferences)
        try:
            rows = await self._database.call(
                _fetch,
                f"""UPDATE account SET
                        name = coalesce($3, name),
                        handle = coalesce($4, handle),
                        locale = coalesce($5, locale),
                        time_zone = coalesce($6, time_zone),
                        currency = coalesce($7, currency),
                        preferences = coalesce($8, preferences)
                    WHERE tenant_id = $1 AND id = $2 AND NOT is_forgotten RETURNING {COLUMNS}""",
                tenant_id,
                user_id,
                patch.name,
                patch.handle,
                patch.locale,
                patch.time_zone,
                patch.currency,
                preferences,
            )
        except asyncpg.UniqueViolationError:
            raise Rejected("conflict", "This handle is already taken.") from None
        return _the(rows)

    async def set_role(self, tenant_id: int, handle: str, role: Role) -> User:
        if handle_problem(handle):
            raise _unknown()
        rows = await self._database.call(
            _fetch,
            f"""UPDATE account SET role = $3
                WHERE tenant_id = $1 AND lower(handle) = lower($2) RETURNING {COLUMNS}""",
            tenant_id,
            handle,
            role.value,
        )
        return _the(rows)


def row_of(user: User) -> tuple[object, ...]:
    """What `ADD` stores."""
    return (
        user.id,
        user.tenant_id,
        user.handle,
        user.name,
        user.email,
        user.role.value,
        user.locale,
        user.time_zone,
        user.currency,
        msgspec.json.encode(user.preferences),
        user.created_at,
    )


def user_of(row: asyncpg.Record) -> User:
    """From a row that has `COLUMNS`."""
    return User(
        id=row["id"],
        tenant_id=row["tenant_id"],
        handle=row["handle"],
        name=row["name"],
        email=row["email"],
        role=Role(row["role"]),
        locale=row["locale"],
        time_zone=row["time_zone"],
        currency=row["currency"],
        preferences=msgspec.json.decode(row["preferences"], type=dict[str, Any]),
        created_at=row["created_at"],
    )


def _the(rows: Sequence[asyncpg.Record]) -> User:
    if not rows:
        raise _unknown()
    return user_of(rows[0])


def _unknown() -> Rejected:
    return Rejected("not_found", "There is no such user.")


async def _fetch(connection: Connection, sql: str, *args: object) -> list[asyncpg.Record]:
    return await connection.fetch(sql, *args)
