"""Who may come in: bounds on connections, in all, per address and per user."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from typing import Final

from core.callers import REMEMBERED, address_key

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
        self._addresses: Counter[str] = Counter()
        self._users: Counter[str] = Counter()
        self._total = 0
        self._refused = 0

    def enter_address(self, address: str) -> bool:
        """Whether one more connection may come from here; counted when it may."""
        most = None if is_loopback(address) else self._bounds.per_address
        caller = address_key(address)
        if self._total >= self._bounds.total or _is_full(self._addresses[caller], most):
            self._refused += 1
            return False
        self._total += 1
        self._addresses[caller] += 1
        return True

    def leave_address(self, address: str) -> None:
        self._total -= 1
        _leave(self._addresses, address_key(address))

    def enter_user(self, user_id: str, address: str) -> bool:
        """Whether this user may have one more connection; counted when they may."""
        most = None if is_loopback(address) else self._bounds.per_user
        if _is_full(self._users[user_id], most):
            self._refused += 1
            return False
        self._users[user_id] += 1
        return True

    def leave_user(self, user_id: str) -> None:
        _leave(self._users, user_id)

    def statistics(self) -> Mapping[str, int | float]:
        return {
            "sockets": self._total,
            "addresses": len(self._addresses),
            "users": len(self._users),
            "refused": self._refused,
        }


@lru_cache(REMEMBERED)
def is_loopback(address: str) -> bool:
    """Whether the peer is this machine."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return True  # a Unix socket has no address
    mapped = getattr(parsed, "ipv4_mapped", None)
    return (mapped or parsed).is_loopback


def _is_full(count: int, most: int | None) -> bool:
    return most is not None and count >= most


def _leave(counter: Counter[str], key: str) -> None:
    counter[key] -= 1
    if counter[key] <= 0:
        del counter[key]
