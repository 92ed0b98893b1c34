"""Who may come in: bounds on connections, in all, per address and per user."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from core.callers import Callers, is_loopback

MAX_CONNECTIONS: Final = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How many connections may live. Loopback has no bound but `total`."""

    total: int = MAX_CONNECTIONS
    per_address: int | None = 50
    per_user: int | None = 20


class Admission:
    """Counts connections. `enter_address` and `leave_address` come in pairs, as do the users'."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._addresses = Callers(bounds.per_address)
        self._users: Counter[str] = Counter()
        self._total = 0
        self._refused = 0

    def enter_address(self, address: str) -> bool:
        """Whether one more connection may come from here; counted when it may."""
        if self._total >= self._bounds.total or not self._addresses.enter(address):
            self._refused += 1
            return False
        self._total += 1
        return True

    def leave_address(self, address: str) -> None:
        self._total -= 1
        self._addresses.leave(address)

    def move(self, address: str, caller: str) -> bool:
        """Whether a connection that entered from `address` may be one of `caller`'s; it is counted there when
        it may."""
        if not self._addresses.enter(caller):
            self._refused += 1
            return False
        self._addresses.leave(address)
        return True

    def enter_user(self, user_id: str, address: str) -> bool:
        """Whether this user may have one more connection; counted when they may."""
        most = None if is_loopback(address) else self._bounds.per_user
        if most is not None and self._users[user_id] >= most:
            self._refused += 1
            return False
        self._users[user_id] += 1
        return True

    def leave_user(self, user_id: str) -> None:
        self._users[user_id] -= 1
        if self._users[user_id] <= 0:
            del self._users[user_id]

    def statistics(self) -> Mapping[str, int | float]:
        return {
            "sockets": self._total,
            "addresses": len(self._addresses),
            "users": len(self._users),
            "refused": self._refused,
        }
