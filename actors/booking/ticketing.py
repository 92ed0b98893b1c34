"""Until when an offer's tickets must be issued, where its supplier says so (pure)."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from protocol.ids import Millis
from protocol.travel import SupplierOffer

_NAMES: Final = ("lastTicketingDateTime", "lastTicketingDate")
"""As Amadeus writes them (flight offers, v2)."""


def last_ticketing_at(offers: Sequence[SupplierOffer]) -> Millis | None:
    """The first of them, in ms; a day without a time ends where it begins, by UTC. None: nobody says."""
    found = [at for offer in offers if (at := _said(bytes(offer.token))) is not None]
    return min(found, default=None)


def _said(token: bytes) -> Millis | None:
    try:
        offer = msgspec.json.decode(token)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    for name in _NAMES:
        text = offer.get(name) if isinstance(offer, dict) else None
        if isinstance(text, str):
            try:
                at = datetime.fromisoformat(text)
            except ValueError:
                continue
            return round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1_000)
    return None
