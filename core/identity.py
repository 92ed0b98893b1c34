"""Who acts: principals, roles, and `authorize`, a pure function over one permission matrix."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from core.errors import Rejected

DEFAULT_TENANT: Final = 1
"""That of all whom this version serves."""


class Role(StrEnum):
    """The four roles of the specification (§7.1.3). A claim of the access token."""

    USER = "user"
    PROFESSIONAL = "professional"
    ADMIN = "admin"
    SERVICE = "service"


class Permission(StrEnum):
    """What a role may do. Ownership of the single object is judged where the object lives."""

    CHAT = "chat"
    MANAGE_OWN_PROFILE = "manage_own_profile"
    MANAGE_PERSONAS = "manage_personas"
    BOOK_TRAVEL = "book_travel"
    SELL_AGENTS = "sell_agents"
    MANAGE_CONSULTATIONS = "manage_consultations"
    READ_ANALYTICS = "read_analytics"
    MANAGE_USERS = "manage_users"
    CONFIGURE_SYSTEM = "configure_system"
    READ_METRICS = "read_metrics"


_USER: Final = frozenset(
    {
        Permission.CHAT,
        Permission.MANAGE_OWN_PROFILE,
        Permission.MANAGE_PERSONAS,
        Permission.BOOK_TRAVEL,
    }
)
_PROFESSIONAL: Final = _USER | {
    Permission.SELL_AGENTS,
    Permission.MANAGE_CONSULTATIONS,
    Permission.READ_ANALYTICS,
}
PERMISSIONS: Final[dict[Role, frozenset[Permission]]] = {
    Role.USER: _USER,
    Role.PROFESSIONAL: _PROFESSIONAL,
    Role.ADMIN: frozenset(Permission),
    Role.SERVICE: frozenset({Permission.READ_METRICS, Permission.READ_ANALYTICS}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Whoever a command acts for: one login of one user of one tenant.

    `expires_at` is the access token's end (ms since the epoch, wall clock), `created_at` the user's
    beginning, which only a welcome tells: 0 where it was not read.
    """

    tenant_id: int
    user_id: str
    login_id: str
    role: Role
    name: str
    handle: str
    locale: str
    expires_at: int
    created_at: int = 0


def authorize(principal: Principal, permission: Permission) -> None:
    """Pass, or raise `Rejected("forbidden")`."""
    if permission not in PERMISSIONS[principal.role]:
        raise Rejected("forbidden", "Your role does not allow this.")
