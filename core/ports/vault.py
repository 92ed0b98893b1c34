"""The platform's own card, with which hotels are guaranteed. Nobody but an inventory's adapter asks."""

from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskCard:
    """`number` is in no `repr`, no log, no trace, no journal and no database. `expires`: `YYYY-MM`."""

    vendor: str
    number: str = field(repr=False)
    expires: str
    holder: str


class Vault(Protocol):
    """Where the card is kept."""

    async def desk_card(self) -> DeskCard:
        """Raises `core.errors.Unavailable`."""
