"""`POST /webhooks/duffel`: what is genuine wakes the booking whose order it is, whatever else comes is harmless; and
how the sandbox's Duffel learns where to send it."""

import hmac
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from hashlib import sha256
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
import trio
from http_fakes import World as HttpWorld
from orders_world import COUPLE, OrdersWorld, orders_world, priced

from actors.booking.orders import reference
from core.chance import SystemChance
from core.clock import SystemClock
from core.errors import Unavailable
from core.payment_webhooks import PaymentWebhooks
from core.ports.payments import NotGenuine
from core.ports.webhooks import OrderNotice
from core.supplier_webhooks import SupplierWebhooks, booking_of
from core.webhooks import Receptions, timer_of
from gateways.http.server import HttpServer, bind_http, port_of
from gateways.partners.duffel import Duffel
from gateways.partners.duffel_client import DuffelSettings
from gateways.partners.duffel_registration import DuffelRegistration
from gateways.partners.duffel_webhooks import EVENTS, TOLERANCE, notice_of, verified
from protocol.booking import BOOKING
from protocol.suppliers import Created
from protocol.travel import OrderState
from storage.memory.durable_timers import MemoryDurableTimers
from storage.memory.webhooks import MemoryWebhooks, MemoryWebhookSecrets

SECRET = "QKfUULLQh+8SegYmIsF6kA=="
BOOKING_ID = "01890a5d-ac96-774b-bcce-b302099a8057"
OURS = f"CARAVAN SAGA {BOOKING_ID} f ATT 1"
AT = 1_790_000_000
CLOCK = SystemClock()
HERE = "http://127.0.0.1:1/webhooks/duffel"
THERE = "http://127.0.0.1:2/webhooks/duffel"


def signed(body: bytes, *secrets: str, at: int = AT) -> str:
    values = (
        hmac.new(one.encode(), f"{at}.".encode() + body, sha256).hexdigest() for one in secrets
    )
    return f"t={at}" + "".join(f",v1={value}" for value in values)


def an_event(event_id: str = "wev_1", kind: str = EVENTS[1], **about: Any) -> bytes:
    words = {"id": event_id, "type": kind, "live_mode": False, "data": {"object": about}}
    return json.dumps(words).encode()


# Whether it is genuine.


BODY = an_event(id="ord_1", aic_id="aic_1")


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (None, "signature"),
        ("", "signature"),
        ("nonsense", "signature"),
        ("t=,v1=", "signature"),
        ("t=soon,v1=x", "signature"),
        (f"t={AT},v1=x", "signature"),
        (signed(BODY), "signature"),
        (signed(BODY, "somebody else's"), "signature"),
        (signed(BODY + b" ", SECRET), "signature"),
        (signed(BODY, SECRET).replace("v1", "v2"), "signature"),
        (signed(BODY, SECRET).replace(f"t={AT}", f"t={AT + 1}"), "signature"),
        (signed(BODY, *["x"] * 20, SECRET), "signature"),
        (signed(BODY, SECRET, at=AT - TOLERANCE - 1), "too_old"),
        (signed(BODY, SECRET, at=AT + TOLERANCE + 1), "too_old"),
    ],
)
def test_what_is_not_signed_so_lately_and_byte_for_byte_is_not_genuine(
    header: str | None, reason: Any
) -> None:
    assert verified(BODY, header, (SECRET,), AT) == NotGenuine(reason)


@pytest.mark.parametrize("age", [0, TOLERANCE, -TOLERANCE])
def test_what_is_signed_is_genuine_also_while_a_secret_is_replaced(age: int) -> None:
    for header in (
        signed(BODY, SECRET, at=AT - age),
        signed(BODY, "old", SECRET, at=AT - age),
        signed(BODY, SECRET, at=AT - age).replace(",", " , "),
    ):
        assert not isinstance(verified(BODY, header, ("another", SECRET), AT), NotGenuine)


@pytest.mark.parametrize("body", [b"", b"{}", b"not JSON", b'{"id": "", "type": "x"}', b"\xff"])
def test_what_is_signed_and_no_event_is_malformed(body: bytes) -> None:
    assert verified(body, signed(body, SECRET), (SECRET,), AT) == NotGenuine("malformed")


@pytest.mark.parametrize(
    ("about", "order_id", "says"),
    [
        ({"id": "ord_1", "aic_id": "aic_1"}, "ord_1", None),
        ({"id": "ore_1", "order_id": "ord_1"}, "ord_1", None),
        ({"id": "ord_1", "metadata": {"reference": OURS}}, "ord_1", OURS),
        ({"id": "ord_1", "metadata": {"reference": 1}}, "ord_1", None),
        ({"id": "acd_1"}, None, None),
        ({"id": "../ord_1"}, None, None),
        ({}, None, None),
    ],
)
def test_an_event_says_which_order_to_look_at(
    about: Any, order_id: str | None, says: str | None
) -> None:
    event = verified(an_event(**about), signed(an_event(**about), SECRET), (SECRET,), AT)
    assert not isinstance(event, NotGenuine)
    assert notice_of(event) == OrderNotice(
        event_id="wev_1", kind=EVENTS[1], order_id=order_id, reference=says
    )


def test_whose_an_order_is_stands_in_its_reference() -> None:
    saga: Any = SimpleNamespace(booking_id=BOOKING_ID)
    part: Any = SimpleNamespace(id="f2", attempt=12)
    assert booking_of(reference(saga, part)) == BOOKING_ID
    for foreign in (None, "", "CARAVAN SAGA", f"OTHER {OURS}", "saga-1"):
        assert booking_of(foreign) is None


# What becomes of it.


class _Bookings:
    """One."""

    async def load(self, tenant_id: int, booking_id: str) -> Any:
        return booking_id if booking_id == BOOKING_ID else None


class _Telling:
    """A supplier with one order, whose events are signed under `SECRET`."""

    name = "duffel"

    def __init__(self) -> None:
        self.secrets: tuple[str, ...] = (SECRET,)
        self.is_away = False
        self.read: list[str] = []

    async def verify_webhook(self, body: bytes, headers: Any) -> OrderNotice | NotGenuine:
        if not self.secrets:
            raise Unavailable
        found = verified(body, headers.get("x-duffel-signature"), self.secrets, AT)
        return found if isinstance(found, NotGenuine) else notice_of(found)

    async def get(self, order_id: str) -> OrderState | None:
        self.read.append(order_id)
        if self.is_away:
            raise Unavailable
        if order_id != "ord_1":
            return None
        return OrderState(supplier="duffel", order_id="ord_1", status="held", reference=OURS)


class Delivered:
    def __init__(self) -> None:
        self.supplier: _Telling | None = _Telling()
        self.timers = MemoryDurableTimers()
        kept: Any = MemoryWebhooks(self.timers)
        bookings: Any = _Bookings()
        self.webhooks = SupplierWebhooks(
            lambda: {"duffel": self.supplier}, kept, bookings, clock=CLOCK, tenant_id=1
        )
        payments = PaymentWebhooks({}, kept, bookings, clock=CLOCK, tenant_id=1)
        self.http = HttpWorld(webhooks=Receptions(payments, self.webhooks), limited=True)

    async def deliver(self, body: bytes, header: str | None = None, to: str = "duffel") -> Any:
        return await self.http.call(
            "POST",
            f"/webhooks/{to}",
            headers={
                "Content-Type": "application/json",
                "X-Duffel-Signature": header or signed(body, SECRET),
            },
            data=body,
        )

    @property
    def waiting(self) -> list[Any]:
        return [
            (row.timer.address, row.timer.name, row.timer.payload)
            for row in self.timers.table.rows.values()
        ]


@pytest.fixture
def world() -> Delivered:
    return Delivered()


async def test_a_genuine_event_wakes_the_booking_of_its_order_however_often_it_comes(
    world: Delivered,
) -> None:
    first = await world.deliver(BODY)
    assert (first.status, first.json) == (200, {"received": "taken"})
    payload = msgspec.msgpack.encode({"orderId": "ord_1"})
    assert world.waiting == [(BOOKING.at(BOOKING_ID), timer_of("ord_1"), payload)]
    assert (await world.deliver(BODY)).json == {"received": "known"}
    assert len(world.waiting) == 1
    told = an_event("wev_2", id="ord_2", metadata={"reference": OURS})
    assert (await world.deliver(told)).json == {"received": "taken"}
    assert world.supplier is not None
    assert "ord_2" not in world.supplier.read


async def test_what_is_not_genuine_or_of_nothing_here_changes_nothing(world: Delivered) -> None:
    assert (await world.deliver(BODY, signed(BODY, "x"))).status == 400
    assert (await world.deliver(BODY, signed(BODY, SECRET, at=AT - 301))).status == 400
    for number, about in enumerate(
        (
            {"id": "ord_2"},
            {"id": "acd_1"},
            {"id": "ord_1", "metadata": {"reference": OURS.replace("8057", "8058")}},
            {"id": "ord_1", "metadata": {"reference": f"CARAVAN SAGA {'/' * 36} f ATT 1"}},
        )
    ):
        answer = await world.deliver(an_event(f"wev_{number}", **about))
        assert (answer.status, answer.json) == (200, {"received": "foreign"})
    assert world.waiting == []
    assert world.webhooks.statistics() == {
        "taken": 0,
        "known": 0,
        "foreign": 4,
        "not_genuine": 2,
    }


async def test_what_cannot_be_judged_or_kept_now_is_to_come_again(world: Delivered) -> None:
    supplier = world.supplier
    assert supplier is not None
    supplier.is_away = True
    assert (await world.deliver(BODY)).status >= 500
    supplier.is_away, supplier.secrets = False, ()
    assert (await world.deliver(BODY)).status >= 500
    supplier.secrets, world.supplier = (SECRET,), None
    assert (await world.deliver(BODY)).status >= 500
    world.supplier = supplier
    assert (await world.deliver(BODY)).json == {"received": "taken"}


async def test_who_is_off_is_not_found(world: Delivered) -> None:
    assert (await world.deliver(BODY, to="amadeus")).status == 404


# How Duffel finds us.


@dataclass
class Played:
    """The sandbox, and a node of ours that has just started."""

    world: OrdersWorld
    duffel: Duffel
    secrets: MemoryWebhookSecrets = field(default_factory=MemoryWebhookSecrets)
    timers: MemoryDurableTimers = field(default_factory=MemoryDurableTimers)

    def registration(self) -> DuffelRegistration:
        return DuffelRegistration(self.duffel, self.secrets, clock=CLOCK)

    async def urls(self) -> dict[str, str]:
        return {each.id: each.url for each in await self.duffel.webhooks()}

    def reception(self) -> SupplierWebhooks:
        kept: Any = MemoryWebhooks(self.timers)
        bookings: Any = _Bookings()
        return SupplierWebhooks(
            lambda: {"duffel": self.duffel}, kept, bookings, clock=CLOCK, tenant_id=1
        )


@pytest.fixture
async def played() -> AsyncIterator[Played]:
    async with orders_world() as world:
        duffel = Duffel(
            DuffelSettings(url=world.urls["duffel"], most_offers=12),
            clock=world.clock,
            chance=SystemChance(),
            wall=lambda: world.clock.wall / 1_000,
        )
        yield Played(world, duffel)
        await duffel.aclose()


async def test_an_address_is_registered_once_its_secret_kept_and_a_move_keeps_both(
    played: Played,
) -> None:
    await played.registration().register(HERE)
    [kept] = await played.secrets.of("duffel")
    assert await played.urls() == {kept.endpoint_id: HERE}
    assert played.duffel.webhook_secrets == (kept.secret,)
    played.duffel.webhook_secrets = ()
    for url in (HERE, THERE):
        await played.registration().register(url)
        assert await played.urls() == {kept.endpoint_id: url}
    assert played.duffel.webhook_secrets == (kept.secret,)
    assert played.world.count("duffel", "PATCH", "/air/webhooks") == 1


async def test_a_webhook_whose_secret_was_lost_is_replaced(played: Played) -> None:
    await played.registration().register(HERE)
    [lost] = await played.secrets.of("duffel")
    await played.secrets.forget("duffel", lost.endpoint_id)
    await played.registration().register(HERE)
    [new] = await played.secrets.of("duffel")
    assert await played.urls() == {new.endpoint_id: HERE}
    assert new.endpoint_id != lost.endpoint_id
    await played.duffel.remove_webhook(new.endpoint_id)
    await played.registration().register(HERE)
    assert len(played.duffel.webhook_secrets) == 2


@pytest.mark.parametrize("path", ["GET", "POST"])
async def test_where_nobody_answers_it_is_to_be_tried_again(played: Played, path: str) -> None:
    played.world.rule("duffel", on="webhooks", type="status", code=500)
    if path == "POST":
        played.world.calm()
        played.world.rule("duffel", on="webhooks$", nth=2, type="reset_after")
    with pytest.raises(Unavailable):
        await played.registration().register(HERE)
    await played.registration().register(HERE)
    assert len(await played.urls()) == 1
    assert played.duffel.webhook_secrets


async def test_what_an_airline_does_wakes_the_booking_once(played: Played) -> None:
    reception = played.reception()
    counted = {"taken": 1, "known": 2, "foreign": 0, "not_genuine": 0}
    listener = bind_http("127.0.0.1", 0)
    server = HttpServer(HttpWorld(webhooks=reception).app, listener)
    async with trio.open_nursery() as nursery:
        await nursery.start(
            lambda task_status: server.run(stopping=trio.Event(), task_status=task_status)
        )
        await played.registration().register(
            f"http://127.0.0.1:{port_of(listener)}/webhooks/duffel"
        )
        made = await played.duffel.hold(await priced(played.duffel), COUPLE, OURS)
        assert isinstance(made, Created)
        played.world.rule("duffel.webhooks", type="duplicate", n=2)
        await played.world.airline(made.order.locator, "change")
        with trio.fail_after(5):
            while reception.statistics() != counted:
                await trio.sleep(0.01)
        nursery.cancel_scope.cancel()
    woken = [(each.timer.address, each.timer.name) for each in played.timers.table.rows.values()]
    assert woken == [(BOOKING.at(BOOKING_ID), timer_of(made.order.order_id))]
