"""What comes to /webhooks/paypal: which of it PayPal is asked about, since anybody may send it."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import trio
from test_partners_paypal import URL, Over, with_token
from trio.testing import MockClock

from core.chance import SystemChance
from core.errors import Unavailable
from core.payment_webhooks import PaymentWebhooks
from core.ports.clock import Clock
from core.ports.payments import NotGenuine, NotOurs
from gateways.partners.paypal import PayPal
from gateways.partners.paypal_questions import MOST_OF_ONE, WITHIN
from gateways.partners.paypal_settings import PayPalSettings

NOW = 1_790_000_000
OURS, OTHER = (f"0190c000-0000-7000-8000-00000000000{digit}" for digit in "12")
STRANGE = "0190c000-0000-7000-8000-0000000000ff"


def along(**changes: str) -> dict[str, str]:
    """What PayPal sends with an event."""
    whole = {
        "auth-algo": "SHA256withRSA",
        "cert-url": "https://api.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594",
        "transmission-id": "69cd13f0-d67a-11e5-baa3-778b53f4ae55",
        "transmission-sig": "lmI95Jx3Y9nhR5SJWlHVIWpg4AgFk7n9bCHSRxbrd8A9zrhdu2rMyFrmz+Zjh3s3boXB==",
        "transmission-time": at(NOW),
    }
    named = {name.replace("_", "-"): value for name, value in changes.items()}
    return {f"paypal-{name}": value for name, value in (whole | named).items()}


def at(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def event(booking_id: str | None = OURS, event_id: str = "WH-1") -> bytes:
    about = {} if booking_id is None else {"custom_id": f"{booking_id}|s1|1|1"}
    whole = {"id": event_id, "event_type": "X", "create_time": at(NOW), "resource": about}
    return json.dumps(whole).encode()


async def _ours(booking_id: str) -> bool:
    await trio.lowlevel.checkpoint()
    return booking_id in (OURS, OTHER)


def asked(verdict: str = "FAILURE", **changes: Any) -> tuple[PayPal, Over]:
    """Who is asked says `verdict` of everything."""
    over = Over(with_token(lambda _: httpx.Response(200, json={"verification_status": verdict})))
    here = PayPal(
        PayPalSettings(url=URL),
        business_ms=lambda: 0,
        chance=SystemChance(),
        over=over,
        is_ours=_ours,
        wall=lambda: NOW,
        **changes,
    )
    here.webhook_ids = ("W",)
    return here, over


async def test_what_paypal_sends_is_asked_about() -> None:
    for headers in (
        along(),
        along(transmission_time=at(NOW - 3 * 86_400)),
        along(transmission_time="2026-09-21T16:13:20.123+02:00"),
        along(cert_url="https://api.sandbox.paypal.com/v1/notifications/certs/CERT-1"),
    ):
        here, over = asked()
        assert await here.verify_webhook(event(), headers) == NotGenuine("signature")
        assert len(over.asked) == 1


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"auth_algo": ""}, "malformed"),
        ({"auth_algo": "none; drop"}, "malformed"),
        ({"transmission_id": "x y"}, "malformed"),
        ({"transmission_id": "x" * 51}, "malformed"),
        ({"transmission_sig": "no base 64!"}, "malformed"),
        ({"transmission_time": "yesterday"}, "malformed"),
        ({"transmission_time": "1"}, "malformed"),
        ({"transmission_time": "0001-01-01T00:00:00"}, "malformed"),
        ({"transmission_time": at(NOW - 5 * 86_400)}, "too_old"),
        ({"transmission_time": at(NOW + 2 * 3_600)}, "too_old"),
        ({"cert_url": "http://api.paypal.com/v1/notifications/certs/CERT-1"}, "malformed"),
        ({"cert_url": "https://paypal.com.example.org/certs/CERT-1"}, "malformed"),
        ({"cert_url": "https://notpaypal.com/certs/CERT-1"}, "malformed"),
        ({"cert_url": "https://me@paypal.com/certs/CERT-1"}, "malformed"),
        ({"cert_url": "https://example.org/.paypal.com/CERT-1"}, "malformed"),
        ({"cert_url": "https://api.paypal.com:8443/certs/CERT-1"}, "malformed"),
        ({"cert_url": "https://api.paypal.com/" + "c" * 500}, "malformed"),
    ],
)
async def test_what_does_not_come_as_paypal_sends_it_is_not_asked_about(
    changes: Mapping[str, str], reason: Any
) -> None:
    here, over = asked("SUCCESS")
    assert await here.verify_webhook(event(), along(**changes)) == NotGenuine(reason)
    assert over.asked == []


async def test_what_is_about_no_booking_of_ours_is_not_asked_about() -> None:
    here, over = asked("SUCCESS")
    for stranger in (STRANGE, "no id"):
        assert await here.verify_webhook(event(stranger), along()) == NotOurs()
    assert over.asked == []


async def test_who_forges_events_of_one_booking_crowds_out_no_other(
    autojump_clock: MockClock,
) -> None:
    for about in (OURS, None):
        here, over = asked()
        refused = 0
        for _ in range(3 * MOST_OF_ONE):
            try:
                await here.verify_webhook(event(about), along())
            except Unavailable:
                refused += 1
        assert (len(over.asked), refused) == (MOST_OF_ONE, 2 * MOST_OF_ONE)
        assert await here.verify_webhook(event(OTHER), along()) == NotGenuine("signature")
        assert len(over.asked) == MOST_OF_ONE + 1
        await trio.sleep(WITHIN)
        assert await here.verify_webhook(event(about), along()) == NotGenuine("signature")


async def test_an_event_of_a_stranger_s_booking_is_foreign_and_counted_so(
    autojump_clock: MockClock,
) -> None:
    here, over = asked("SUCCESS")

    class Nowhere:
        """No store is needed for what is not taken."""

    nowhere: Any = Nowhere()
    clock: Clock = nowhere
    webhooks = PaymentWebhooks({"paypal": here}, nowhere, nowhere, clock=clock, tenant_id=1)
    assert await webhooks.receive("paypal", event(STRANGE), along()) == "foreign"
    assert webhooks.statistics()["foreign"] == 1
    assert over.asked == []
