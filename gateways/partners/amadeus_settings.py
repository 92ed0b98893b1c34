"""Which Amadeus, and how much of it."""

from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import SplitResult, urlsplit

NO_AGENCY: Final = "desk@caravan.invalid"
_SANDBOX_KEY: Final = "sandbox"


@dataclass(frozen=True, slots=True, kw_only=True)
class AmadeusSettings:
    """Sandbox: `url` is the sandbox's, and the keys open nothing else. Live: all three must be said.
    Amadeus Self-Service has closed, so the hosts that the SDK knows by itself are never used.

    `per_second`: calls of this process, one after the other (a test account may make ten, a production
    account forty). `currency`: prices are asked for in it. `search_within`, `price_within`: seconds that
    one exchange may take. `most_offers` flights and `most_hotels` hotels are asked for in a search.
    `order_within`: the same for what makes or cancels an order; nobody may give up earlier. `is_issued`:
    somebody issues the tickets of its flights (a consolidator); else they are for browsing.
    `agency_email`: at whose domain mail about orders arrives; `agency_phone` begins with a plus.
    """

    mode: Literal["sandbox", "live"] = "sandbox"
    url: str | None = None
    client_id: str | None = field(default=None, repr=False)
    client_secret: str | None = field(default=None, repr=False)
    per_second: float = 8.0
    currency: str = "EUR"
    search_within: float = 20.0
    price_within: float = 10.0
    most_offers: int = 50
    most_hotels: int = 60
    order_within: float = 54.0
    is_issued: bool = True
    agency_email: str = NO_AGENCY
    agency_phone: str | None = None

    def __post_init__(self) -> None:
        """Raises `ValueError`, which names the setting and what to do."""
        if self.mode == "live":
            self._check_live()
        elif not self.url:
            raise ValueError("Amadeus in sandbox mode needs the sandbox's address.")
        elif self.client_id or self.client_secret:
            raise ValueError(
                "CARAVAN_AMADEUS_CLIENT_ID or CARAVAN_AMADEUS_CLIENT_SECRET is set, but Amadeus is in "
                "sandbox mode, where no key is sent: unset them, or choose live mode."
            )
        parts = self.address
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/"):
            raise ValueError(
                "CARAVAN_AMADEUS_URL must be a scheme and a host, like https://travel.api.amadeus.com."
            )

    def _check_live(self) -> None:
        if not self.url:
            raise ValueError(
                "Amadeus in live mode needs its host: set CARAVAN_AMADEUS_URL to the one in your "
                "contract, for example https://travel.api.amadeus.com."
            )
        if not (self.client_id and self.client_secret):
            raise ValueError(
                "Amadeus in live mode needs keys: set CARAVAN_AMADEUS_CLIENT_ID and "
                "CARAVAN_AMADEUS_CLIENT_SECRET."
            )
        if not self.url.startswith("https://"):
            raise ValueError(
                "CARAVAN_AMADEUS_URL must begin with https:// in live mode: the keys are sent."
            )

    @property
    def address(self) -> SplitResult:
        """Where it is. Raises `ValueError` for a port that is none."""
        parts = urlsplit(self.url or "")
        _ = parts.port
        return parts

    @property
    def keys(self) -> tuple[str, str]:
        """Id and secret."""
        return self.client_id or _SANDBOX_KEY, self.client_secret or _SANDBOX_KEY
