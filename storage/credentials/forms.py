"""What may be an e-mail address, a handle, a name, a password: by form only."""

import re
from collections.abc import Sequence
from typing import Final

from core.errors import Rejected
from core.ports.repositories import UserPatch

MAX_EMAIL: Final = 254
MAX_NAME: Final = 64
MAX_LOCALE: Final = 35
MIN_PASSWORD: Final = 8
MAX_PASSWORD: Final = 128
MAX_HANDLE: Final = 64

_EMAIL: Final = re.compile(r"[^\s@]{1,64}@[^\s@]+\Z")
_HANDLE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}\Z")
_LOCALE: Final = re.compile(r"[A-Za-z]{2,8}(?:[-_][A-Za-z0-9]{1,8})*\Z")
_UNFIT: Final = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
"""Control characters, and lone surrogates, which JSON can carry and UTF-8 cannot."""


def email_problem(email: str) -> str | None:
    """A sentence, or None."""
    if len(email) > MAX_EMAIL or _UNFIT.search(email) or _EMAIL.match(email) is None:
        return "This is not an e-mail address."
    return None


def handle_problem(handle: str) -> str | None:
    """A sentence, or None."""
    if _HANDLE.match(handle) is None:
        return "A handle has 1 to 64 letters (a-z), digits, dots, hyphens or underscores."
    return None


def name_problem(name: str) -> str | None:
    """A sentence, or None."""
    if not name.strip() or len(name) > MAX_NAME or _UNFIT.search(name):
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


def check_patch(patch: UserPatch) -> None:
    """Raise `Rejected("bad_request")` when a new value has no proper form."""
    checks = (
        ("name", patch.name, name_problem),
        ("handle", patch.handle, handle_problem),
        ("locale", patch.locale, locale_problem),
    )
    refuse_wrong(
        [(field, None if value is None else problem(value)) for field, value, problem in checks]
    )


def handle_from(email: str) -> str:
    """A handle made of an address's first part: a proposal, perhaps taken."""
    letters = re.sub(r"[^a-z0-9_.-]+", "", email.split("@", 1)[0].lower()).strip("_.-")
    return letters[: MAX_HANDLE - 5] or "user"
