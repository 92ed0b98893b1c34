"""The `Users` port in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from core.errors import Rejected
from core.identity import Role
from core.ports.repositories import User, UserPatch
from storage.credentials.forms import check_patch
from storage.credentials.records import Taken


class MemoryUsers:
    """Users by id. `add` is what registering does to them."""

    def __init__(self) -> None:
        self._users: dict[str, User] = {}

    def add(self, user: User) -> Taken | None:
        """Store a user unless e-mail or handle is taken, and say which."""
        others = [other for other in self._users.values() if other.tenant_id == user.tenant_id]
        if any(other.email.lower() == user.email.lower() for other in others):
            return "email"
        if any(other.handle.lower() == user.handle.lower() for other in others):
            return "handle"
        self._users[user.id] = user
        return None

    def by_email(self, tenant_id: int, email: str) -> User | None:
        """Whatever its case."""
        return self._find(tenant_id, "email", email)

    async def get(self, tenant_id: int, user_id: str) -> User | None:
        user = self._users.get(user_id)
        return user if user is not None and user.tenant_id == tenant_id else None

    async def by_handle(self, tenant_id: int, handle: str) -> User | None:
        return self._find(tenant_id, "handle", handle)

    async def many(self, tenant_id: int, user_ids: Sequence[str]) -> Mapping[str, User]:
        found = {user_id: await self.get(tenant_id, user_id) for user_id in user_ids}
        return {user_id: user for user_id, user in found.items() if user is not None}

    async def patch(self, tenant_id: int, user_id: str, patch: UserPatch) -> User:
        user = await self.get(tenant_id, user_id)
        if user is None:
            raise _unknown()
        check_patch(patch)
        if patch.handle is not None:
            holder = await self.by_handle(tenant_id, patch.handle)
            if holder is not None and holder.id != user_id:
                raise Rejected("conflict", "This handle is already taken.")
        fields = ("name", "handle", "locale", "time_zone", "currency", "preferences")
        changes: dict[str, Any] = {
            field: value for field in fields if (value := getattr(patch, field)) is not None
        }
        self._users[user_id] = replace(user, **changes)
        return self._users[user_id]

    async def set_role(self, tenant_id: int, handle: str, role: Role) -> User:
        user = await self.by_handle(tenant_id, handle)
        if user is None:
            raise _unknown()
        self._users[user.id] = replace(user, role=role)
        return self._users[user.id]

    def _find(self, tenant_id: int, field: str, value: str) -> User | None:
        for user in self._users.values():
            if user.tenant_id == tenant_id and getattr(user, field).lower() == value.lower():
                return user
        return None


def _unknown() -> Rejected:
    return Rejected("not_found", "There is no such user.")
