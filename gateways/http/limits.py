"""How often somebody may call: by role when logged in, else by address."""

import ipaddress
import math
import unicodedata
from typing import Final

from core.callers import address_key
from core.errors import Rejected
from core.identity import Principal, Role
from core.ports.rate_limits import Allowance, RateLimits

HOUR: Final = 3_600.0
PUBLIC_PER_HOUR: Final = 100
PER_HOUR: Final[dict[Role, int]] = {
    Role.USER: 1_000,
    Role.PROFESSIONAL: 5_000,
    Role.ADMIN: 10_000,
    Role.SERVICE: 10_000,
}
LOGIN_PERIOD: Final = 900.0
LOGINS_PER_ACCOUNT: Final = 5
LOGINS_PER_ADDRESS: Final = 30


class Limits:
    """Borrows: the counters; None turns every limit off."""

    def __init__(self, counters: RateLimits | None) -> None:
        self._counters = counters

    def take(self, principal: Principal | None, address: str) -> dict[str, str]:
        """Count one call. Returns the RateLimit headers of its answer; raises
        `Rejected("rate_limited")`, whose `headers` are those of the refusal."""
        if principal is None:
            return self._count(f"http/address/{address_key(address)}", PUBLIC_PER_HOUR, HOUR)
        key = f"http/user/{principal.tenant_id}/{principal.user_id}"
        return self._count(key, PER_HOUR[principal.role], HOUR)

    def take_login(self, account: str | None, address: str) -> None:
        """Count one attempt to prove who one is, right or wrong, before it is looked at. Raises
        `Rejected("rate_limited")`."""
        self._count(f"login/address/{address_key(address)}", LOGINS_PER_ADDRESS, LOGIN_PERIOD)
        if account is not None:
            self._count(f"login/account/{_name_of(account)}", LOGINS_PER_ACCOUNT, LOGIN_PERIOD)

    def _count(self, key: str, limit: int, period: float) -> dict[str, str]:
        if self._counters is None:
            return {}
        allowance = self._counters.take(key, limit=limit, period=period)
        if not allowance.allowed:
            raise RateLimited(allowance)
        return _headers(allowance)


class RateLimited(Rejected):
    """Too many calls. `headers` go with the answer."""

    def __init__(self, allowance: Allowance) -> None:
        seconds = max(1, math.ceil(allowance.retry_after))
        super().__init__(
            "rate_limited",
            "Too many requests. Please try again in {seconds} seconds.",
            params={"seconds": seconds},
            retry_after_ms=seconds * 1_000,
        )
        self.headers = _headers(allowance)


def _headers(allowance: Allowance) -> dict[str, str]:
    return {
        "RateLimit-Limit": str(allowance.limit),
        "RateLimit-Remaining": str(max(0, allowance.remaining)),
        "RateLimit-Reset": str(math.ceil(allowance.reset_after)),
    }


def _name_of(account: str) -> str:
    """The same for all spellings that find the same account: PostgreSQL's `lower` makes an `i` of `İ`."""
    folded = unicodedata.normalize("NFKD", account).casefold()
    return "".join(char for char in folded if not unicodedata.combining(char))


def is_loopback(address: str) -> bool:
    """Whether the caller is on this machine. A socket for both families shows IPv4 as `::ffff:127.0.0.1`."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return (mapped or parsed).is_loopback


def names_loopback(host: str) -> bool:
    """Whether a `Host` means this machine by itself: any other name may have been made to lead here."""
    name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    return name.lower() == "localhost" or is_loopback(name)
