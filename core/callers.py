"""Whom an IP address counts for, wherever callers are counted."""

import ipaddress
from functools import lru_cache
from typing import Final

REMEMBERED: Final = 4_096


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
