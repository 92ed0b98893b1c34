"""Which Stripe, and with what keys."""

from dataclasses import dataclass, field
from typing import Final, Literal

from gateways.partners.stripe_money import StripeMoney

SANDBOX_KEY: Final = "sk_test_sandbox"
"""Opens nothing but the sandbox."""

_LIVE_KEYS: Final = ("sk_live_", "rk_live_")


@dataclass(frozen=True, slots=True, kw_only=True)
class StripeSettings:
    """Sandbox: `url` is the sandbox's (None: it is not there yet), no key is sent. Live: a live key and
    the secret of the webhook endpoint; `url` only where Stripe is not at its usual host.

    `webhook_secrets`: while one is rotated, both. `call_within`: seconds for one call.
    """

    mode: Literal["sandbox", "live"] = "sandbox"
    url: str | None = None
    key: str | None = field(default=None, repr=False)
    webhook_secrets: tuple[str, ...] = field(default=(), repr=False)
    money: StripeMoney = field(default_factory=StripeMoney)
    call_within: float = 20.0

    def __post_init__(self) -> None:
        """Raises `ValueError`, which names the setting and what to do."""
        if self.mode == "live":
            self._check_live()
            return
        if self.key and self.key.startswith(_LIVE_KEYS):
            raise ValueError(
                "CARAVAN_STRIPE_KEY is a live key, but Stripe is in sandbox mode: unset it, or set "
                "CARAVAN_STRIPE to live."
            )
        if self.key or self.webhook_secrets:
            raise ValueError(
                "CARAVAN_STRIPE_KEY or CARAVAN_STRIPE_WEBHOOK_SECRET is set, but Stripe is in sandbox "
                "mode, where no key is sent: unset them, or set CARAVAN_STRIPE to live."
            )
        if self.url and not self.url.startswith("http://127.0.0.1:"):
            raise ValueError("Stripe in sandbox mode is the sandbox on this machine.")

    def _check_live(self) -> None:
        if not self.key:
            raise ValueError(
                "Stripe in live mode needs a key: set CARAVAN_STRIPE_KEY to the secret key "
                "(sk_live_…) of your account."
            )
        if not self.key.startswith(_LIVE_KEYS):
            raise ValueError(
                "CARAVAN_STRIPE_KEY is no live key (sk_live_… or rk_live_…), but CARAVAN_STRIPE is "
                "live: set the live key, or set CARAVAN_STRIPE to sandbox and unset it."
            )
        if not self.webhook_secrets:
            raise ValueError(
                "Stripe in live mode needs the secret of its webhook endpoint: set "
                "CARAVAN_STRIPE_WEBHOOK_SECRET to the whsec_… that Stripe's dashboard shows for "
                "YOUR-ADDRESS/webhooks/stripe. While you rotate it, give both, with a comma between."
            )
        if not all(secret.startswith("whsec_") for secret in self.webhook_secrets):
            raise ValueError("CARAVAN_STRIPE_WEBHOOK_SECRET must begin with whsec_.")
        if self.url and not self.url.startswith("https://"):
            raise ValueError("CARAVAN_STRIPE_URL must begin with https://: the key is sent.")

    @property
    def api_key(self) -> str:
        return self.key or SANDBOX_KEY
