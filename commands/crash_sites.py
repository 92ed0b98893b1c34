"""Makes a process die where a crash suite wants it to: `CARAVAN_CRASH_AT=site:n` the server,
`CARAVAN_SANDBOX_CRASH_AT=site:n` the sandbox."""

import os
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from actors.booking.sites import SITES
from core.config import Config, ConfigError, is_loopback, site_of
from core.ports.sites import NoSites, Sites
from gateways.sandbox.sites import SITES as SANDBOX_SITES

VARIABLE: Final = "CARAVAN_CRASH_AT"
SANDBOX_VARIABLE: Final = "CARAVAN_SANDBOX_CRASH_AT"


class CrashSites:
    """`Sites` of which one, reached for the `nth` time, is the process's last. `last_words` comes before."""

    def __init__(
        self, site: str, nth: int, last_words: Callable[[], object] = lambda: None
    ) -> None:
        self._site, self._left, self._last_words = site, nth, last_words

    def reach(self, name: str) -> None:
        """As by `kill -9`: nobody cleans up, nothing is flushed."""
        if name == self._site:
            self._left -= 1
            if self._left == 0:
                self._last_words()
                os.kill(os.getpid(), signal.SIGKILL)
                signal.pause()  # the signal is on its way


def sites_of(config: Config) -> Sites:
    """Raises `ConfigError` where a process must not be made to die, or there is no such site."""
    if config.crash_at is None:
        return NoSites()
    site, nth = config.crash_at
    modes = {config.amadeus.mode, config.duffel.mode, config.stripe.mode, config.paypal_mode}
    if "live" in modes or not is_loopback(config.host):
        raise ConfigError(
            f"{VARIABLE} is for tests: it needs every supplier in sandbox mode and a loopback host. "
            f"Remove {VARIABLE}."
        )
    if site not in SITES:
        raise ConfigError(f"{VARIABLE} names {site!r}. Name one of these: {', '.join(SITES)}.")
    return CrashSites(site, nth)


def sandbox_sites(environ: Mapping[str, str], data: Path) -> Sites:
    """Of a sandbox that keeps all in `data`; it is on loopback always. It dies once: the server begins it
    anew with the same environment. Raises `ConfigError` where there is no such site."""
    said = environ.get(SANDBOX_VARIABLE, "").strip()
    died = data.with_suffix(".died")
    if not said or (died.exists() and died.read_text() == said):
        return NoSites()
    site, nth = site_of(SANDBOX_VARIABLE, said)
    if site not in SANDBOX_SITES:
        raise ConfigError(
            f"{SANDBOX_VARIABLE} names {site!r}. Name one of these: {', '.join(SANDBOX_SITES)}."
        )
    return CrashSites(site, nth, lambda: died.write_text(said))
