"""Whom an IP address counts for, wherever callers are counted."""

import ipaddress
from collections import Counter
from functools import lru_cache
from typing import Final

REMEMBERED: Final = 4_096


class Callers:
    """Counts what each caller has at a time. `enter` and `leave` come in pairs. At most `most` each (None: as
    many as they like); loopback has no bound."""

    def __init__(self, most: int | None) -> None:
        self._most = most
        self._counts: Counter[str] = Counter()

    def __len__(self) -> int:
        """How many callers have something."""
        return len(self._counts)

    def enter(self, address: str) -> bool:
        """Whether this address may have one more; counted when it may."""
        caller = address_key(address)
        is_full = self._most is not None and self._counts[caller] >= self._most
        if is_full and not is_loopback(address):
            return False
        self._counts[caller] += 1
        return True

    def leave(self, address: str) -> None:
        caller = address_key(address)
        self._counts[caller] -= 1
        if self._counts[caller] <= 0:
            del self._counts[caller]


@lru_cache(REMEMBERED)
def address_key(address: str) -> str:
    """An IPv6 customer has a whole /64, so that is one caller."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))


@lru_cache(REMEMBERED)
def is_loopback(address: str) -> bool:
    """Whether the peer is this machine."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return True  # a Unix socket has no address
    mapped = getattr(parsed, "ipv4_mapped", None)
    return (mapped or parsed).is_loopback
