"""Settings: defaults, what is read, and the sentence for each mistake."""

import base64
from dataclasses import fields
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

import pytest

from actors.persona.actor import PERSONA_LANE
from actors.room import pipeline
from core.config import (
    DEFAULT_CHAT_MODEL,
    Bounds,
    Config,
    ConfigError,
    PaymentProvider,
    PayPalAccount,
    Supplier,
    is_loopback,
)
from gateways.http import limits as http_limits
from inference.wording.rung import Patience
from protocol.limits import SESSION_FOR
from protocol.persona import MAX_PERSONAS
from storage import append_queue


def test_an_empty_environment_gives_the_defaults() -> None:
    assert Config.from_environment({}) == Config()
    assert Config.from_environment({"CARAVAN_HTTP_PORT": " ", "DATABASE_URL": ""}) == Config()


def test_everything_is_read() -> None:
    key = bytes(range(32))
    config = Config.from_environment(
        {
            "CARAVAN_HOST": "0.0.0.0",
            "CARAVAN_HTTP_PORT": "0",
            "CARAVAN_WS_PORT": "65535",
            "CARAVAN_DATA_DIR": "/srv/caravan",
            "DATABASE_URL": "postgresql://ada:secret@db/caravan",
            "REDIS_URL": "redis://:secret@cache/0",
            "CARAVAN_PUBLIC_URL": "https://caravan.example/",
            "CARAVAN_PUBLIC_WS_URL": "wss://caravan.example",
            "CARAVAN_ORIGINS": "https://App.example, http://localhost:3000/,",
            "CARAVAN_PROXIES": "10.0.0.5, 2001:db8::/32",
            "CARAVAN_RATE_LIMITS": "on",
            "CARAVAN_MASTER_KEY": base64.b64encode(key).decode(),
            "CARAVAN_NODE_ID": "node-1",
            "CARAVAN_CHAT_MODEL": "/srv/models/chat",
            "CARAVAN_QUIET_HOUR": "22",
        }
    )
    assert config == Config(
        host="0.0.0.0",
        http_port=0,
        ws_port=65535,
        data_dir=Path("/srv/caravan"),
        database_url="postgresql://ada:secret@db/caravan",
        redis_url="redis://:secret@cache/0",
        public_url="https://caravan.example",
        public_ws_url="wss://caravan.example",
        origins=("https://app.example", "http://localhost:3000"),
        proxies=(IPv4Network("10.0.0.5"), IPv6Network("2001:db8::/32")),
        master_key=key,
        node_id="node-1",
        chat_model=Path("/srv/models/chat"),
        quiet_hour=22,
    )


def test_a_chat_model_is_there_unless_it_is_off() -> None:
    assert Config().chat_model == DEFAULT_CHAT_MODEL
    for text in ("off", "OFF"):
        assert Config.from_environment({"CARAVAN_CHAT_MODEL": text}).chat_model is None


def test_models_are_fitted_at_night_unless_that_is_off() -> None:
    assert Config().quiet_hour == 3
    assert Config.from_environment({"CARAVAN_QUIET_HOUR": "0"}).quiet_hour == 0
    assert Config.from_environment({"CARAVAN_QUIET_HOUR": "Off"}).quiet_hour is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CARAVAN_QUIET_HOUR", "24"),
        ("CARAVAN_QUIET_HOUR", "-1"),
        ("CARAVAN_QUIET_HOUR", "three"),
        ("CARAVAN_HOST", "http://localhost"),
        ("CARAVAN_HTTP_PORT", "http"),
        ("CARAVAN_HTTP_PORT", "65536"),
        ("CARAVAN_WS_PORT", "-1"),
        ("CARAVAN_WS_PORT", "²"),
        ("CARAVAN_DATA_DIR", "~nobody-of-that-name/x"),
        ("DATABASE_URL", "mysql://x"),
        ("REDIS_URL", "cache:6379"),
        ("CARAVAN_PUBLIC_URL", "caravan.example"),
        ("CARAVAN_PUBLIC_WS_URL", "https://caravan.example"),
        ("CARAVAN_PUBLIC_URL", "https://caravan.example:port"),
        ("CARAVAN_ORIGINS", "app.example"),
        ("CARAVAN_ORIGINS", "https://app.example/path"),
        ("CARAVAN_ORIGINS", "https://app.example https://other.example"),
        ("CARAVAN_PUBLIC_URL", "https://caravan.example/?from=mail"),
        ("CARAVAN_PUBLIC_URL", "https://caravan .example"),
        ("CARAVAN_PUBLIC_URL", "https:\\\\caravan.example"),
        ("CARAVAN_MASTER_KEY", "…" * 44),
        ("CARAVAN_RATE_LIMITS", "no"),
        ("CARAVAN_MASTER_KEY", "c2hvcnQ="),
        ("CARAVAN_MASTER_KEY", "not base64!"),
        ("CARAVAN_NODE_ID", "a b"),
    ],
)
def test_a_bad_value_is_named_with_what_to_do(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=name) as caught:
        Config.from_environment({name: value})
    sentence = str(caught.value)
    assert sentence.endswith(".") or "with: " in sentence or "Set it like" in sentence


def test_a_link_to_itself_is_no_directory(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(ConfigError, match=r"CARAVAN_DATA_DIR is .*leads nowhere"):
        Config.from_environment({"CARAVAN_DATA_DIR": str(tmp_path / "loop")})


def test_origins_are_as_browsers_write_them() -> None:
    """Without the scheme's own port, in lower case; of the public address without its path."""
    config = Config.from_environment(
        {
            "CARAVAN_ORIGINS": "https://App.Example:443/,http://localhost:3000,http://[::1]:80",
            "CARAVAN_PUBLIC_URL": "https://Caravan.Example:443/talk",
        }
    )
    assert config.origins == ("https://app.example", "http://localhost:3000", "http://[::1]")
    assert config.public_url == "https://Caravan.Example:443/talk"
    assert config.public_origin == "https://caravan.example"
    assert Config().public_origin is None


def test_this_machines_proxies_are_believed_unless_others_or_none_are() -> None:
    assert Config().proxies == (IPv4Network("127.0.0.0/8"), IPv6Network("::1"))
    for text in ("", " "):
        assert Config.from_environment({"CARAVAN_PROXIES": text}).proxies == ()
    with pytest.raises(ConfigError, match=r"CARAVAN_PROXIES holds '\*', .* Set it like 127"):
        Config.from_environment({"CARAVAN_PROXIES": "127.0.0.1,*"})


def test_limits_can_be_off_on_loopback_alone() -> None:
    for host in ("127.0.0.1", "::1", "localhost"):
        environ = {"CARAVAN_HOST": host, "CARAVAN_RATE_LIMITS": "off"}
        assert not Config.from_environment(environ).rate_limits
    for host in ("0.0.0.0", "::", "192.0.2.1", "caravan.example"):
        with pytest.raises(ConfigError, match="CARAVAN_RATE_LIMITS=off"):
            Config.from_environment({"CARAVAN_HOST": host, "CARAVAN_RATE_LIMITS": "off"})


def test_secrets_stay_out_of_the_repr_and_of_the_sentences() -> None:
    config = Config(
        database_url="postgresql://a:secret@db", redis_url="redis://:secret@c", master_key=b"secret"
    )
    assert "secret" not in repr(config)
    for name in ("DATABASE_URL", "REDIS_URL", "CARAVAN_MASTER_KEY"):
        with pytest.raises(ConfigError) as caught:
            Config.from_environment({name: "wrong:secret"})
        assert "secret" not in str(caught.value)


def test_loopback_is_what_only_this_machine_reaches() -> None:
    assert all(map(is_loopback, ["localhost", "127.0.0.1", "127.9.9.9", "::1"]))
    assert not any(map(is_loopback, ["0.0.0.0", "::", "10.0.0.1", "caravan.example"]))


def test_the_bounds_are_those_of_the_architecture_page() -> None:
    bounds = Bounds()
    assert bounds.max_backlog_bytes == 1024 * 1024
    assert (bounds.limits.commands_per_second, bounds.limits.burst) == (50, 200)
    assert (bounds.max_connections_per_address, bounds.max_connections_per_user) == (50, 20)
    assert (bounds.hello_within, bounds.heartbeat_every, bounds.send_within) == (10.0, 25.0, 5.0)
    assert (bounds.hashing_threads, bounds.max_queued_hashings) == (2, 100)
    assert (bounds.keep_messages_months, bounds.keep_bookings_months) == (12, 7 * 12)
    assert (pipeline.MAX_IN_FLIGHT, append_queue.MAX_QUEUED_ROWS) == (256, 20_000)
    assert (MAX_PERSONAS, PERSONA_LANE, SESSION_FOR) == (5, 64, 30 * 60)
    assert (Patience().begin_within, Patience().first_within) == (0.120, 0.150)
    assert http_limits.PUBLIC_PER_HOUR == 100
    assert {role.value: most for role, most in http_limits.PER_HOUR.items()} == {
        "user": 1_000,
        "professional": 5_000,
        "admin": 10_000,
        "service": 10_000,
    }


def test_every_bound_is_handed_to_what_it_bounds() -> None:
    wiring = "".join(
        file.read_text() for file in (Path(__file__).parents[2] / "commands").glob("wir*.py")
    )
    assert {one.name for one in fields(Bounds) if f"bounds.{one.name}" not in wiring} == set()


def test_suppliers_are_of_the_sandbox_until_somebody_says_otherwise() -> None:
    assert Config().amadeus == Config().duffel == Supplier(mode="sandbox")
    config = Config.from_environment(
        {
            "CARAVAN_SANDBOX_URL": "http://127.0.0.1:8700/",
            "CARAVAN_AMADEUS_MODE": "Live",
            "CARAVAN_AMADEUS_URL": "https://travel.api.example",
            "CARAVAN_AMADEUS_CLIENT_ID": "an-id",
            "CARAVAN_AMADEUS_CLIENT_SECRET": "a-secret",
            "CARAVAN_DUFFEL_MODE": "off",
            "CARAVAN_DUFFEL_URL": "https://api.duffel.example",
            "CARAVAN_DUFFEL_KEY": "duffel-key",
            "CARAVAN_DUFFEL_WEBHOOK_SECRET": "QKfUULLQh+8SegYmIsF6kA==,an-old-one",
        }
    )
    assert config.sandbox_url == "http://127.0.0.1:8700"
    assert config.amadeus == Supplier(
        mode="live", url="https://travel.api.example", key="an-id", secret="a-secret"
    )
    assert config.duffel == Supplier(
        mode="off",
        url="https://api.duffel.example",
        key="duffel-key",
        webhook_secrets=("QKfUULLQh+8SegYmIsF6kA==", "an-old-one"),
    )
    for secret in ("an-id", "a-secret", "duffel-key", "QKfU", "an-old-one"):
        assert secret not in repr(config)


def test_stripe_is_the_sandbox_s_until_somebody_says_otherwise() -> None:
    assert Config().stripe == PaymentProvider(mode="sandbox")
    config = Config.from_environment(
        {
            "CARAVAN_STRIPE": "Live",
            "CARAVAN_STRIPE_KEY": "sk_live_hush",
            "CARAVAN_STRIPE_WEBHOOK_SECRET": "whsec_new_hush, whsec_old_hush",
        }
    )
    assert config.stripe == PaymentProvider(
        mode="live", key="sk_live_hush", webhook_secrets=("whsec_new_hush", "whsec_old_hush")
    )
    assert "hush" not in repr(config)


def test_paypal_is_the_sandbox_s_only_where_stripe_is_too() -> None:
    assert Config.from_environment({}).paypal_mode == "sandbox"
    for mode in ("live", "off"):
        assert Config.from_environment({"CARAVAN_STRIPE": mode}).paypal_mode == "off"
    both = {"CARAVAN_STRIPE": "off", "CARAVAN_PAYPAL": "sandbox"}
    assert Config.from_environment(both).paypal_mode == "sandbox"
    config = Config.from_environment(
        {
            "CARAVAN_PAYPAL": "live",
            "CARAVAN_PAYPAL_CLIENT_ID": "id_hush",
            "CARAVAN_PAYPAL_SECRET": "secret_hush",
            "CARAVAN_PAYPAL_WEBHOOK_ID": "2UL05504CE9696040",
        }
    )
    assert config.paypal == PayPalAccount(
        mode="live", client_id="id_hush", secret="secret_hush", webhook_id="2UL05504CE9696040"
    )
    assert "hush" not in repr(config)


def test_what_live_bookings_at_amadeus_need_is_read_and_kept_to_itself() -> None:
    config = Config.from_environment(
        {
            "CARAVAN_CONSOLIDATOR_URL": "https://desk.example/",
            "CARAVAN_CONSOLIDATOR_KEY": "desk_live_hush",
            "CARAVAN_DESK_CARD_FILE": "/etc/caravan/card.json",
            "CARAVAN_AGENCY_EMAIL": "desk@agency.example",
            "CARAVAN_AGENCY_PHONE": "+33 1 00 00 00 00",
        }
    )
    assert config.consolidator_url == "https://desk.example"
    assert config.consolidator_key == "desk_live_hush"
    assert config.desk_card_file == Path("/etc/caravan/card.json")
    assert config.agency_email == "desk@agency.example"
    assert config.agency_phone == "+33100000000"
    assert "hush" not in repr(config)


@pytest.mark.parametrize(
    ("name", "text", "hint"),
    [
        ("CARAVAN_CONSOLIDATOR_URL", "http://desk.example", "https://"),
        ("CARAVAN_CONSOLIDATOR_KEY", "Bearer abc", "the key alone"),
        ("CARAVAN_AGENCY_EMAIL", "desk", "desk@agency.example"),
        ("CARAVAN_AGENCY_PHONE", "0100000000", "+33"),
        ("CARAVAN_STRIPE", "test", "sandbox, live or off"),
        ("CARAVAN_STRIPE_URL", "http://api.stripe.com", "https://"),
        ("CARAVAN_STRIPE_KEY", "Bearer sk_live_hush", "the key alone"),
        ("CARAVAN_AMADEUS_MODE", "test", "sandbox, live or off"),
        ("CARAVAN_SANDBOX_URL", "127.0.0.1:8700", "http://127.0.0.1:8700"),
        ("CARAVAN_SANDBOX_URL", "http://10.0.0.1:8700", "on this machine"),
        ("CARAVAN_DUFFEL_URL", "http://api.duffel.com", "https://"),
        ("CARAVAN_DUFFEL_KEY", "Bearer abc", "the key alone"),
    ],
)
def test_a_wrong_supplier_setting_says_what_to_set(name: str, text: str, hint: str) -> None:
    with pytest.raises(ConfigError, match=name) as wrong:
        Config.from_environment({name: text})
    assert hint in str(wrong.value)
    if "KEY" in name:
        assert text not in str(wrong.value)
