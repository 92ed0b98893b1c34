"""Places in the code where a process may be made to die, so that a test finds out what is left then."""

from typing import Protocol


class Sites(Protocol):
    """Told of every place that is reached."""

    def reach(self, name: str) -> None:
        """Return at once, or never (the process is gone, as by `kill -9`)."""


class NoSites:
    """What runs outside of such tests: nobody is interested."""

    def reach(self, name: str) -> None:
        """Do nothing."""
