"""Where the platform's own card comes from: a test card, or a file that nobody else may read."""

import stat
from pathlib import Path
from typing import Final

import msgspec
import structlog
import trio

from core.errors import Unavailable
from core.ports.vault import DeskCard

MAX_FILE_BYTES: Final = 4_096
_TEST_NUMBER: Final = "4111111111111111"
_log = structlog.get_logger("caravan.partners")


class _CardFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    vendor: str
    number: str
    expires: str
    holder: str

    def __repr__(self) -> str:
        return "_CardFile(…)"


class SandboxVault:
    """Implements `core.ports.vault.Vault` for who is played: the well-known test card, which pays nothing."""

    async def desk_card(self) -> DeskCard:
        await trio.lowlevel.checkpoint()
        return DeskCard(vendor="VI", number=_TEST_NUMBER, expires="2049-12", holder="PLATFORM DESK")


class FileVault:
    """Implements `core.ports.vault.Vault` by a JSON file: `{"vendor": "VI", "number": "…", "expires":
    "2029-08", "holder": "…"}`, with mode 0600. It is read each time, so that its number is in memory only
    while a hotel is booked, and a new card needs no restart."""

    def __init__(self, path: Path) -> None:
        """Raises `ValueError`, which says what to do, when it cannot be used as it stands."""
        self._path = path
        _card(path)

    async def desk_card(self) -> DeskCard:
        try:
            return await trio.to_thread.run_sync(_card, self._path)
        except ValueError as error:
            _log.error("no desk card", reason=str(error))
            raise Unavailable from None


def _card(path: Path) -> DeskCard:
    """Raises `ValueError`, whose sentence never holds what is in the file."""
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode) or mode & 0o077:
            raise ValueError(
                "CARAVAN_DESK_CARD_FILE must be a file that its owner alone may read (chmod 600)."
            )
        with path.open("rb") as file:
            card = msgspec.json.decode(file.read(MAX_FILE_BYTES), type=_CardFile)
    except OSError as error:
        raise ValueError(
            f"CARAVAN_DESK_CARD_FILE cannot be read ({error.strerror}): name a file with the card."
        ) from None
    except msgspec.MsgspecError:
        raise _unusable() from None
    if not (card.number.isascii() and card.number.isdigit() and 12 <= len(card.number) <= 19):
        raise _unusable()
    return DeskCard(
        vendor=card.vendor, number=card.number, expires=card.expires, holder=card.holder
    )


def _unusable() -> ValueError:
    return ValueError(
        "CARAVAN_DESK_CARD_FILE is no card: write a JSON object of vendor, number, expires (YYYY-MM) and "
        "holder."
    )
