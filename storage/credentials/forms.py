"""What may be an e-mail address, a handle, a name, a password: by form only."""

import re
from collections.abc import Sequence
from typing import Final

from core.errors import Rejected

MAX_EMAIL: Final = 254
MAX_NAME: Final = 64
MAX_LOCALE: Final = 35
MIN_PASSWORD: Final = 8
MAX_PASSWORD: Final = 128
MAX_HANDLE: Final = 64

_EMAIL: Final = re.compile(r"[^\s@\x00-\x1f\x7f]{1,64}@[^\s@\x00-\x1f\x7f]+\Z")
_HANDLE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}\Z")
_LOCALE: Final = re.compile(r"[A-Za-z]{2,8}(?:[-_][A-Za-z0-9]{1,8})*\Z")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


def email_problem(email: str) -> str | None:
    """A sentence, or None."""
    if len(email) > MAX_EMAIL or _EMAIL.match(email) is None:
        return "This is not an e-mail address."
    return None


def handle_problem(handle: str) -> str | None:
    """A sentence, or None."""
    if _HANDLE.match(handle) is None:
        return "A handle has 1 to 64 letters (a-z), digits, dots, hyphens or underscores."
    return None


def name_problem(name: str) -> str | None:
    """A sentence, or None."""
    if not name.strip() or len(name) > MAX_NAME or _CONTROL.search(name):
        return "A name has 1 to 64 characters on one line."
    return None


def locale_problem(locale: str) -> str | None:
    """A sentence, or None (BCP 47 by form)."""
    if len(locale) > MAX_LOCALE or _LOCALE.match(locale) is None:
        return "This is not a locale."
    return None


def password_problem(password: str) -> str | None:
    """A sentence, or None."""
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        return "A password has 8 to 128 characters."
    return None


def refuse_wrong(checks: Sequence[tuple[str, str | None]]) -> None:
    """Raise `Rejected("bad_request")` naming every field that has a problem."""
    wrong = [(field, problem) for field, problem in checks if problem is not None]
    if wrong:
        raise Rejected("bad_request", "Some fields are wrong.", fields=wrong)


def handle_from(email: str) -> str:
    """A handle made of an address's first part: a proposal, perhaps taken."""
    letters = re.sub(r"[^a-z0-9_.-]+", "", email.split("@", 1)[0].lower()).strip("_.-")
    return letters[: MAX_HANDLE - 5] or "user"
