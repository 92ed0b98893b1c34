"""Variables of the environment that look like settings and are none: a misspelt one changes nothing."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Final

from commands.crash_sites import SANDBOX_VARIABLE
from core.config import Config

PREFIX: Final = "CARAVAN_"
ELSEWHERE: Final = frozenset({"CARAVAN_PASSWORD", SANDBOX_VARIABLE})
"""Read by `chat` and `seed`, and by the sandbox."""


def unknown_settings(environ: Mapping[str, str]) -> dict[str, list[str]]:
    """Each with the settings that it may have been meant for. (They are no error: Kubernetes makes some for a
    service of that name.)"""
    known = settings()
    unknown = sorted(name for name in environ if name.startswith(PREFIX) and name not in known)
    return {name: sorted(get_close_matches(name, known)) for name in unknown}


def settings() -> frozenset[str]:
    """The names of all that can be set."""
    nothing = _Nothing()
    Config.from_environment(nothing)
    return nothing.asked | ELSEWHERE


class _Nothing(Mapping[str, str]):
    """An empty environment that remembers what it was asked for."""

    def __init__(self) -> None:
        self.asked: frozenset[str] = frozenset()

    def __getitem__(self, name: str) -> str:
        self.asked |= {name}
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0
