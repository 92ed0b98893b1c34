"""Many accounts at once, for load tests: logged in, and without a password."""

from collections.abc import Sequence

from core.ports.repositories import User
from storage.postgres.pool import Connection, Database
from storage.postgres.users import ADD, row_of


async def add_seeded_accounts(
    database: Database, users: Sequence[User], login_ids: Sequence[str]
) -> None:
    """Store each user with a login of that id, all or none.

    No credential and no refresh token: nobody can log in as one of them, and who holds an access
    token of the login can do so until it expires.
    """
    await database.transaction(_add, users, login_ids)


async def _add(connection: Connection, users: Sequence[User], login_ids: Sequence[str]) -> None:
    await connection.executemany(ADD, [row_of(user) for user in users])
    await connection.executemany(
        """INSERT INTO login (id, tenant_id, user_id, created_at, renewed_at)
           VALUES ($1, $2, $3, $4, $4)""",
        [
            (login_id, user.tenant_id, user.id, user.created_at)
            for user, login_id in zip(users, login_ids, strict=True)
        ],
    )
