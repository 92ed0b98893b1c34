"""People with roles, in memory or in PostgreSQL, for the ports of what professionals offer."""

from dataclasses import dataclass

from persona_worlds import execute

from core.identity import Role
from core.ids import ProcessIds
from core.ports.repositories import User, Users
from storage.memory.users import MemoryUsers
from storage.postgres.pool import Database

TENANT, OTHER_TENANT = 1, 2


@dataclass(kw_only=True)
class People:
    """Users, and how they come."""

    users: Users
    ids: ProcessIds
    database: Database | None = None

    async def person(self, handle: str, role: Role = Role.USER, *, tenant: int = TENANT) -> str:
        user_id = self.ids.uuid7()
        if isinstance(self.users, MemoryUsers):
            self.users.add(_user(user_id, handle, role, tenant))
        else:
            assert self.database is not None
            await self.database.call(
                execute,
                """INSERT INTO account (id, tenant_id, handle, name, email, role, locale, created_at)
                   VALUES ($1, $2, $3::text, initcap($3), $3 || '@example.test', $4, 'en', 0)""",
                *(user_id, tenant, handle, role.value),
            )
        return user_id


def _user(user_id: str, handle: str, role: Role, tenant: int) -> User:
    return User(
        id=user_id,
        tenant_id=tenant,
        handle=handle,
        name=handle.title(),
        email=f"{handle}@example.test",
        role=role,
        locale="en",
        time_zone="UTC",
        currency="EUR",
        preferences={},
        created_at=0,
    )
