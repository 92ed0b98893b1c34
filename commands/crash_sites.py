"""Makes the process die where a crash suite wants it to: `CARAVAN_CRASH_AT=site:n`."""

import os
import signal
from typing import Final

from actors.booking.sites import SITES
from core.config import Config, ConfigError, is_loopback
from core.ports.sites import NoSites, Sites

VARIABLE: Final = "CARAVAN_CRASH_AT"


class CrashSites:
    """`Sites` of which one, reached for the `nth` time, is the process's last."""

    def __init__(self, site: str, nth: int) -> None:
        self._site, self._left = site, nth

    def reach(self, name: str) -> None:
        """As by `kill -9`: nobody cleans up, nothing is flushed."""
        if name == self._site:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
                signal.pause()  # the signal is on its way


def sites_of(config: Config) -> Sites:
    """Raises `ConfigError` where a process must not be made to die, or there is no such site."""
    if config.crash_at is None:
        return NoSites()
    site, nth = config.crash_at
    modes = {config.amadeus.mode, config.duffel.mode, config.stripe.mode}
    if "live" in modes or not is_loopback(config.host):
        raise ConfigError(
            f"{VARIABLE} is for tests: it needs every supplier in sandbox mode and a loopback host. "
            f"Remove {VARIABLE}."
        )
    if site not in SITES:
        raise ConfigError(f"{VARIABLE} names {site!r}. Name one of these: {', '.join(SITES)}.")
    return CrashSites(site, nth)
