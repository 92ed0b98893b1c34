"""Whom an IP address counts for, wherever callers are counted."""

import ipaddress
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final

Proxies = tuple[IPv4Network | IPv6Network, ...]

REMEMBERED: Final = 4_096
FORWARDED_FOR: Final = "X-Forwarded-For"
LOOPBACK: Final[Proxies] = (IPv4Network("127.0.0.0/8"), IPv6Network("::1"))
UNKNOWN: Final = ""
"""Of a Unix socket, and of who has yet to say for whom it speaks: without a bound."""


class Callers:
    """Counts what each caller has at a time. `enter` and `leave` come in pairs. At most `most` each (None: as
    many as they like); loopback and `proxies` have no bound."""

    def __init__(self, most: int | None, proxies: Proxies = ()) -> None:
        self._most = most
        self._proxies = proxies
        self._counts: Counter[str] = Counter()

    def __len__(self) -> int:
        """How many callers have something."""
        return len(self._counts)

    def enter(self, address: str) -> bool:
        """Whether this address may have one more; counted when it may."""
        caller = address_key(address)
        is_full = self._most is not None and self._counts[caller] >= self._most
        if is_full and not is_loopback(address) and not is_among(address, self._proxies):
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
    parsed = _parsed(address)
    if parsed is None:
        return "unknown"
    if isinstance(parsed, IPv4Address):
        return str(parsed)
    return str(IPv6Network((parsed, 64), strict=False))


@lru_cache(REMEMBERED)
def is_loopback(address: str) -> bool:
    """Whether the peer is this machine."""
    parsed = _parsed(address)
    return parsed is None or parsed.is_loopback  # a Unix socket has no address


def caller_of(peer: str, forwarded: Sequence[str], proxies: Proxies) -> str:
    """The address that what `peer` sent counts for. `forwarded`: its `X-Forwarded-For`, each value by itself.

    Each proxy adds whom it heard at the end, and what stands before may be anybody's invention: so the last
    that is no proxy. The peer itself where it is no proxy, or its header names nobody, holds what is no
    address before it does, or another machine's loopback, which would be without bounds here.
    """
    if not forwarded or not is_among(peer, proxies):
        return peer
    for entry in reversed(",".join(forwarded).split(",")):
        address = _parsed(entry.strip(" \t"))
        if address is None:
            return peer
        if not _is_in(address, proxies):
            return peer if address.is_loopback else str(address)
    return peer


def is_among(address: str, proxies: Proxies) -> bool:
    """Whether it is one of the proxies'."""
    parsed = _parsed(address)
    return parsed is not None and _is_in(parsed, proxies)


def proxies_of(text: str) -> Proxies:
    """Of addresses and networks with commas between; of nothing nobody. Raises `ValueError`, which says
    what is wrong and what would be right: everybody is no proxy, and IPv4 is written as such."""
    return tuple(_network(entry.strip()) for entry in text.split(",") if entry.strip())


def _network(entry: str) -> IPv4Network | IPv6Network:
    with suppress(ValueError):
        network = ipaddress.ip_network(entry)
        if network.prefixlen and not getattr(network.network_address, "ipv4_mapped", None):
            return network
    raise ValueError(f"{entry!r}, which is no proxy. Set it like 127.0.0.1,10.1.0.0/16.")


def _parsed(address: str) -> IPv4Address | IPv6Address | None:
    """Without its zone. A socket for both families shows IPv4 as `::ffff:192.0.2.1`."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return None
    return parsed if isinstance(parsed, IPv4Address) else parsed.ipv4_mapped or parsed


def _is_in(address: IPv4Address | IPv6Address, proxies: Proxies) -> bool:
    return any(address in network for network in proxies)
