"""What can be set from outside, and every bound with its default (docs/architecture.md §5)."""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Final, Literal, TypeVar
from urllib.parse import urlsplit

from core.callers import LOOPBACK, Proxies, proxies_of
from protocol.limits import DEFAULT_LIMITS, HEARTBEAT_MS, HELLO_WITHIN, Limits

T = TypeVar("T")
U = TypeVar("U")
DEFAULT_MODELS: Final = Path(__file__).parents[1] / ".models"
DEFAULT_CHAT_MODEL: Final = Path(__file__).parents[1] / "inference" / "models" / "chat"
"""In the checkout, where `make models` and `make train` put them."""


class ConfigError(ValueError):
    """A setting cannot be used. The text names the variable and says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """The limits of §5 that the wiring hands to what they bound; the others are constants there.
    `_within`, `_every`: seconds."""

    limits: Limits = DEFAULT_LIMITS
    max_backlog_bytes: int = 1_048_576
    handshake_within: float = 10.0
    hello_within: float = HELLO_WITHIN
    heartbeat_every: float = HEARTBEAT_MS / 1_000
    send_within: float = 5.0
    part_within: float = 2.0
    http_head_within: float = 5.0
    http_body_within: float = 10.0
    http_send_within: float = 30.0
    max_connections_per_address: int = 50
    max_connections_per_user: int = 20
    hashing_threads: int = 2
    max_queued_hashings: int = 100
    keep_messages_months: int = 12
    keep_bookings_months: int = 84


SupplierMode = Literal["off", "sandbox", "live"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Supplier:
    """How one supplier of travel is reached. `url` and the two secrets are for "live" alone, which
    refuses to do without (its adapter says what it needs); so are `webhook_secrets`, without which its webhooks
    are not taken (two while one is replaced)."""

    mode: SupplierMode = "sandbox"
    url: str | None = None
    key: str | None = field(default=None, repr=False)
    secret: str | None = field(default=None, repr=False)
    webhook_secrets: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentProvider:
    """How one payment provider is reached. `key` and `webhook_secrets` (two while one is rotated) are for
    "live" alone, which refuses to do without; `url` only where it is not at its usual host."""

    mode: SupplierMode = "sandbox"
    url: str | None = None
    key: str | None = field(default=None, repr=False)
    webhook_secrets: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PayPalAccount:
    """How PayPal is reached. `mode` None: `Config.paypal_mode` says. The rest is for "live" alone, which
    refuses to do without the client's id, its secret and the id of the webhook."""

    mode: SupplierMode | None = None
    url: str | None = None
    client_id: str | None = field(default=None, repr=False)
    secret: str | None = field(default=None, repr=False)
    webhook_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """One server's settings (docs/protocol-v1.md §10). Secrets stay out of its `repr`.

    `database_url` None: the embedded PostgreSQL. `redis_url` None: a single node. `public_url`, `public_ws_url`
    None: the request's host with the bound ports. `origins`: as in the `Origin` header, lower case. `proxies`:
    whose `X-Forwarded-For` is believed. `master_key` None: the data directory's. `node_id` None: the data
    directory's own. `sandbox_url` None: a sandbox is started where a supplier is in that mode, else the control
    address of one that runs. `models_dir`: what `make models` made; it may be absent. `consolidator_url`,
    `desk_card_file`, `agency_*`: what live bookings at Amadeus need (the runbook). `chat_model`: the folder of the
    model that words answers; None: templates alone do; the default one may be absent. `quiet_hour`: 0 to 23, by
    UTC, after which models are fitted anew; None: never here. `crash_at`: for tests, the site in the code at which
    the process dies, and at the how manieth reach.
    """

    host: str = "127.0.0.1"
    http_port: int = 8080
    ws_port: int = 8081
    data_dir: Path = Path(".caravan")
    database_url: str | None = field(default=None, repr=False)
    redis_url: str | None = field(default=None, repr=False)
    public_url: str | None = None
    public_ws_url: str | None = None
    origins: tuple[str, ...] = ()
    proxies: Proxies = LOOPBACK
    rate_limits: bool = True
    master_key: bytes | None = field(default=None, repr=False)
    node_id: str | None = None
    sandbox_url: str | None = None
    models_dir: Path = DEFAULT_MODELS
    chat_model: Path | None = DEFAULT_CHAT_MODEL
    quiet_hour: int | None = 3
    amadeus: Supplier = Supplier()
    duffel: Supplier = Supplier()
    stripe: PaymentProvider = PaymentProvider()
    paypal: PayPalAccount = PayPalAccount()
    consolidator_url: str | None = None
    consolidator_key: str | None = field(default=None, repr=False)
    desk_card_file: Path | None = None
    agency_email: str | None = None
    agency_phone: str | None = None
    crash_at: tuple[str, int] | None = None
    bounds: Bounds = Bounds()

    @property
    def paypal_mode(self) -> SupplierMode:
        """Where nobody says, it is the sandbox's where Stripe is: no real trip is to be paid with play
        money because a line was left out."""
        if self.paypal.mode is not None:
            return self.paypal.mode
        return "sandbox" if self.stripe.mode == "sandbox" else "off"

    @property
    def public_origin(self) -> str | None:
        """What browsers that show pages of `public_url` call themselves."""
        return None if self.public_url is None else _origin(self.public_url)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> "Config":
        """Read the variables; empty ones count as unset, but no proxies are none. Raises `ConfigError`."""

        def read(name: str, parse: Callable[[str, str], T], default: U) -> T | U:
            text = environ.get(name, "").strip()
            return parse(name, text) if text else default

        host = read("CARAVAN_HOST", _host, "127.0.0.1")
        rate_limits = read("CARAVAN_RATE_LIMITS", _switch, True)
        if not rate_limits and not is_loopback(host):
            raise ConfigError(
                f"CARAVAN_RATE_LIMITS=off is for tests on loopback, and CARAVAN_HOST is {host}. "
                "Remove CARAVAN_RATE_LIMITS, or set CARAVAN_HOST to 127.0.0.1."
            )
        return cls(
            host=host,
            http_port=read("CARAVAN_HTTP_PORT", _port, 8080),
            ws_port=read("CARAVAN_WS_PORT", _port, 8081),
            data_dir=read("CARAVAN_DATA_DIR", _path, Path(".caravan")),
            database_url=read("DATABASE_URL", _url("postgresql", "postgres"), None),
            redis_url=read("REDIS_URL", _url("redis", "rediss", "unix"), None),
            public_url=read("CARAVAN_PUBLIC_URL", _public("https", "http"), None),
            public_ws_url=read("CARAVAN_PUBLIC_WS_URL", _public("wss", "ws"), None),
            origins=read("CARAVAN_ORIGINS", _origins, ()),
            proxies=_proxies("CARAVAN_PROXIES", environ.get("CARAVAN_PROXIES")),
            rate_limits=rate_limits,
            master_key=read("CARAVAN_MASTER_KEY", _key, None),
            node_id=read("CARAVAN_NODE_ID", node_name, None),
            sandbox_url=read("CARAVAN_SANDBOX_URL", _sandbox, None),
            models_dir=read("CARAVAN_MODELS_DIR", _path, DEFAULT_MODELS),
            chat_model=read("CARAVAN_CHAT_MODEL", _path_or_off, DEFAULT_CHAT_MODEL),
            quiet_hour=read("CARAVAN_QUIET_HOUR", _hour_or_off, 3),
            amadeus=Supplier(
                mode=read("CARAVAN_AMADEUS_MODE", _mode, "sandbox"),
                url=read("CARAVAN_AMADEUS_URL", _public("https"), None),
                key=read("CARAVAN_AMADEUS_CLIENT_ID", _secret, None),
                secret=read("CARAVAN_AMADEUS_CLIENT_SECRET", _secret, None),
            ),
            duffel=Supplier(
                mode=read("CARAVAN_DUFFEL_MODE", _mode, "sandbox"),
                url=read("CARAVAN_DUFFEL_URL", _public("https"), None),
                key=read("CARAVAN_DUFFEL_KEY", _secret, None),
                webhook_secrets=read("CARAVAN_DUFFEL_WEBHOOK_SECRET", _secrets, ()),
            ),
            consolidator_url=read("CARAVAN_CONSOLIDATOR_URL", _public("https"), None),
            consolidator_key=read("CARAVAN_CONSOLIDATOR_KEY", _secret, None),
            desk_card_file=read("CARAVAN_DESK_CARD_FILE", _path, None),
            agency_email=read("CARAVAN_AGENCY_EMAIL", _email, None),
            agency_phone=read("CARAVAN_AGENCY_PHONE", _phone, None),
            crash_at=read("CARAVAN_CRASH_AT", site_of, None),
            stripe=PaymentProvider(
                mode=read("CARAVAN_STRIPE", _mode, "sandbox"),
                url=read("CARAVAN_STRIPE_URL", _public("https"), None),
                key=read("CARAVAN_STRIPE_KEY", _secret, None),
                webhook_secrets=read("CARAVAN_STRIPE_WEBHOOK_SECRET", _secrets, ()),
            ),
            paypal=PayPalAccount(
                mode=read("CARAVAN_PAYPAL", _mode, None),
                url=read("CARAVAN_PAYPAL_URL", _public("https"), None),
                client_id=read("CARAVAN_PAYPAL_CLIENT_ID", _secret, None),
                secret=read("CARAVAN_PAYPAL_SECRET", _secret, None),
                webhook_id=read("CARAVAN_PAYPAL_WEBHOOK_ID", _secret, None),
            ),
        )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches `host`."""
    try:
        return host.lower() == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _host(name: str, text: str) -> str:
    if any(letter.isspace() or letter in "/@[]" for letter in text):
        raise ConfigError(
            f"{name} is {text!r}, which is no host. Set it to an address or a name, "
            "like 127.0.0.1 or 0.0.0.0, without scheme or port."
        )
    return text


def _port(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= _MAX_PORT):
        raise ConfigError(
            f"{name} is {text!r}, which is no port. Set it to a number from 0 to {_MAX_PORT}; "
            "0 picks a free one."
        )
    return int(text)


def _mode(name: str, text: str) -> SupplierMode:
    match text.lower():
        case "off" | "sandbox" | "live" as mode:
            return mode
    raise ConfigError(f"{name} is {text!r}. Set it to sandbox, live or off.")


def _sandbox(name: str, text: str) -> str:
    _require_url(name, text, ("http",), "http://127.0.0.1:8700")
    if not is_loopback(urlsplit(text).hostname or ""):
        raise ConfigError(f"{name} is {text!r}. A sandbox is on this machine: set it to 127.0.0.1.")
    return text.rstrip("/")


def site_of(name: str, text: str) -> tuple[str, int]:
    """`SITE:N` of the variable `name`. Raises `ConfigError`."""
    site, _, nth = text.rpartition(":")
    if not site or not (nth.isascii() and nth.isdigit() and int(nth) > 0):
        raise ConfigError(f"{name} is {text!r}. Set it to SITE:N, such as commit.after:1.")
    return site, int(nth)


def _secret(name: str, text: str) -> str:
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ConfigError(f"{name} holds characters that no key has. Set it to the key alone.")
    return text


def _secrets(name: str, text: str) -> tuple[str, ...]:
    return tuple(_secret(name, secret.strip()) for secret in text.split(",") if secret.strip())


def _email(name: str, text: str) -> str:
    local, _, domain = text.partition("@")
    if not (text.isascii() and text.isprintable() and local and "." in domain) or " " in text:
        raise ConfigError(f"{name} is {text!r}. Set it to an address, like desk@agency.example.")
    return text


def _phone(name: str, text: str) -> str:
    digits = text.replace(" ", "")
    if not (digits.startswith("+") and digits[1:].isdigit() and 6 < len(digits) <= _MAX_PHONE):
        raise ConfigError(f"{name} is {text!r}. Set it to a number like +33 1 00 00 00 00.")
    return digits


def _path(name: str, text: str) -> Path:
    if "\0" in text:
        raise ConfigError(f"{name} holds a NUL character. Set it to a directory.")
    try:
        path = Path(text).expanduser()
        path.resolve()
    except RuntimeError:  # no such user; a link to itself
        raise ConfigError(
            f"{name} is {text!r}, which leads nowhere. Set it to a directory."
        ) from None
    return path


def _path_or_off(name: str, text: str) -> Path | None:
    return None if text.lower() == "off" else _path(name, text)


def _hour_or_off(name: str, text: str) -> int | None:
    if text.lower() == "off":
        return None
    if not (text.isascii() and text.isdigit() and int(text) < _HOURS):
        raise ConfigError(
            f"{name} is {text!r}. Set it to an hour of the day by UTC, 0 to {_HOURS - 1}, or off."
        )
    return int(text)


def _switch(name: str, text: str) -> bool:
    if text.lower() not in {"on", "off"}:
        raise ConfigError(f"{name} is {text!r}. Set it to on or off.")
    return text.lower() == "on"


def _url(*schemes: str) -> Callable[[str, str], str | None]:
    """A URL that may hold a password: the sentence does not repeat it."""

    def parse(name: str, text: str) -> str:
        if text.partition("://")[0] not in schemes or "://" not in text:
            raise ConfigError(f"{name} must begin with {schemes[0]}://. Correct it, or unset it.")
        return text

    return parse


def _public(*schemes: str) -> Callable[[str, str], str | None]:
    def parse(name: str, text: str) -> str:
        _require_url(name, text, schemes, f"{schemes[0]}://caravan.example")
        return text.rstrip("/")

    return parse


def _origins(name: str, text: str) -> tuple[str, ...]:
    origins = [origin.strip().rstrip("/").lower() for origin in text.split(",")]
    for origin in filter(None, origins):
        _require_url(name, origin, ("https", "http"), "https://app.example,http://localhost:3000")
        if urlsplit(origin).path:
            raise ConfigError(
                f"{name} holds {origin!r}. An origin ends with its host or port: leave the rest out."
            )
    return tuple(_origin(origin) for origin in origins if origin)


def _proxies(name: str, text: str | None) -> Proxies:
    try:
        return LOOPBACK if text is None else proxies_of(text)
    except ValueError as error:
        raise ConfigError(f"{name} holds {error}") from None


def _origin(url: str) -> str:
    """RFC 6454, section 6.2: the scheme's own port is not written."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    is_usual = parts.port in (None, _USUAL_PORTS.get(parts.scheme))
    return f"{parts.scheme}://{host}" + ("" if is_usual else f":{parts.port}")


def _key(name: str, text: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except ValueError:  # what is no base64, and letters beyond ASCII
        key = b""
    if len(key) != _KEY_BYTES:
        raise ConfigError(
            f"{name} must be {_KEY_BYTES} bytes in base64. Make one with: openssl rand -base64 32"
        )
    return key


def node_name(name: str, text: str) -> str:
    """`text` of `name`, if a node may be called so. Raises `ConfigError`."""
    if len(text) > _MAX_NAME or not all(letter.isalnum() or letter in "-_." for letter in text):
        raise ConfigError(
            f"{name} is {text!r}. Set it to at most {_MAX_NAME} letters, digits, '-', '_' or '.'."
        )
    return text


def _require_url(name: str, text: str, schemes: tuple[str, ...], example: str) -> None:
    try:
        parts = urlsplit(text)
        is_good = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
        # What `urlsplit` would leave out, or leave in; and what no path can be put behind.
        is_good = is_good and text.isprintable() and not set(text) & set(" \\?#")
    except ValueError:
        is_good = False
    if not is_good:
        raise ConfigError(f"{name} holds {text!r}, which is no URL. Set it like {example}.")


_USUAL_PORTS: Final = {"http": 80, "https": 443}
_MAX_PHONE: Final = 16
_MAX_PORT: Final = 65_535
_KEY_BYTES: Final = 32
_MAX_NAME: Final = 64
_HOURS: Final = 24
