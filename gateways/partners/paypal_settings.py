"""Which PayPal, with what credentials, and what of its rules an account may have otherwise."""

from dataclasses import dataclass, field
from typing import Final, Literal

from gateways.partners.paypal_money import PayPalMoney

SANDBOX_CREDENTIALS: Final = ("sandbox", "sandbox")
"""They open nothing but the sandbox."""

LIVE_URL: Final = "https://api-m.paypal.com"
_HOUR: Final = 3_600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PayPalSettings:
    """Sandbox: `url` is the sandbox's (None: it is not there yet), no credentials are sent. Live: a client
    id, its secret and the id of the webhook; `url` only where PayPal is not at its usual host.

    Seconds: `call_within` for one call; `honoured_for`: an authorisation is honoured;
    `order_for`: an order waits for its payer (not documented: docs/paypal.md); `replays_for`: orders
    keep request ids (PayPal may grant an account up to 72 hours).
    """

    mode: Literal["sandbox", "live"] = "sandbox"
    url: str | None = None
    client_id: str | None = field(default=None, repr=False)
    secret: str | None = field(default=None, repr=False)
    webhook_id: str | None = None
    money: PayPalMoney = field(default_factory=PayPalMoney)
    call_within: float = 20.0
    honoured_for: float = 72 * _HOUR
    order_for: float = 3 * _HOUR
    replays_for: float = 6 * _HOUR

    def __post_init__(self) -> None:
        """Raises `ValueError`, which names the setting and what to do."""
        if self.mode == "live":
            self._check_live()
            return
        if self.client_id or self.secret or self.webhook_id:
            raise ValueError(
                "CARAVAN_PAYPAL_CLIENT_ID, CARAVAN_PAYPAL_SECRET or CARAVAN_PAYPAL_WEBHOOK_ID is set, but "
                "PayPal is in sandbox mode, where no credentials are sent: unset them, or set "
                "CARAVAN_PAYPAL to live."
            )
        if self.url and not self.url.startswith("http://127.0.0.1:"):
            raise ValueError("PayPal in sandbox mode is the sandbox on this machine.")

    def _check_live(self) -> None:
        if not (self.client_id and self.secret):
            raise ValueError(
                "PayPal in live mode needs credentials: set CARAVAN_PAYPAL_CLIENT_ID and "
                "CARAVAN_PAYPAL_SECRET to those of your app in PayPal's developer dashboard."
            )
        if not self.webhook_id:
            raise ValueError(
                "PayPal in live mode needs the id of its webhook: set CARAVAN_PAYPAL_WEBHOOK_ID to the "
                "one that PayPal's dashboard shows for YOUR-ADDRESS/webhooks/paypal."
            )
        if self.url and not self.url.startswith("https://"):
            raise ValueError("CARAVAN_PAYPAL_URL must begin with https://: credentials are sent.")

    @property
    def credentials(self) -> tuple[str, str]:
        if self.client_id and self.secret:
            return self.client_id, self.secret
        return SANDBOX_CREDENTIALS
