"""Sends the webhooks of who is played, a few at once, to this machine only; and lets due things happen
meanwhile."""

import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final

import httpx
import trio

from gateways.sandbox import duffel_webhooks, paypal_events, stripe_deliveries
from gateways.sandbox.deliveries import Deliveries, Delivery, is_loopback
from gateways.sandbox.exchange import Setting
from gateways.sandbox.performing import Sandbox
from gateways.sandbox.records import Place
from gateways.sandbox.sites import WEBHOOK_AFTER, WEBHOOK_BEFORE
from gateways.sandbox.stripe_objects import Call

log: Final = logging.getLogger("caravan.sandbox")

AT_ONCE: Final = 8
ANSWER_WITHIN: Final = 5.0
LOOK_EVERY: Final = 1.0
"""Seconds after which the business clock is asked what is due: nobody else may ask."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """One supplier's deliveries, as records of that `kind`: which wait (key and wall time), one of them
    signed, and how it ended."""

    kind: str
    waiting: Callable[[Setting, int], list[tuple[str, int]]]
    prepared: Callable[[Setting, str], Delivery | None]
    concluded: Callable[[Setting, str, bool], object]


STRIPE: Final = Queue(
    kind=stripe_deliveries.DELIVERIES.kind,
    waiting=stripe_deliveries.DELIVERIES.waiting,
    prepared=lambda setting, key: stripe_deliveries.prepared(Call(setting=setting), key),
    concluded=lambda setting, key, is_taken: stripe_deliveries.concluded(
        Call(setting=setting), key, how="taken" if is_taken else "refused"
    ),
)


def _queue(of: Deliveries, prepared: Callable[[Setting, str], Delivery | None]) -> Queue:
    return Queue(
        kind=of.kind,
        waiting=of.waiting,
        prepared=prepared,
        concluded=lambda setting, key, is_taken: of.concluded(setting, key, is_taken=is_taken),
    )


PAYPAL: Final = _queue(paypal_events.DELIVERIES, paypal_events.prepared)
DUFFEL: Final = _queue(duffel_webhooks.DELIVERIES, duffel_webhooks.prepared)
QUEUES: Final = (STRIPE, PAYPAL, DUFFEL)


class WebhookSender:
    """Owns: which deliveries are under way. Borrows: the sandbox, whose records are the queue."""

    def __init__(self, sandbox: Sandbox, queue: Queue = STRIPE) -> None:
        self._sandbox, self._queue = sandbox, queue
        self._heard_before = sandbox.after_commit
        self._wake = trio.Event()
        self._under_way: set[str] = set()
        self._look_at = 0.0
        sandbox.after_commit = self._committed

    async def run(self) -> None:
        """Until cancelled: what was under way then is sent again by the next one."""
        async with (
            # To loopback alone: certificates that nobody looks at take a while to be read.
            httpx.AsyncClient(
                timeout=ANSWER_WITHIN,
                trust_env=False,
                follow_redirects=False,
                verify=False,  # noqa: S501
            ) as client,
            trio.open_nursery() as nursery,
        ):
            while True:
                self._wake = trio.Event()
                self._look()
                patience = LOOK_EVERY
                now = self._sandbox.wall()
                for key, at in self._sandbox.alter(self._first_ones):
                    if key in self._under_way:
                        continue
                    if len(self._under_way) == AT_ONCE:
                        break
                    if at > now:
                        patience = min(patience, (at - now) / 1_000)
                        break
                    self._under_way.add(key)
                    nursery.start_soon(self._send, client, key)
                with trio.move_on_after(patience):
                    await self._wake.wait()

    def _look(self) -> None:
        if trio.current_time() < self._look_at:
            return
        self._look_at = trio.current_time() + LOOK_EVERY
        for machine in self._sandbox.machines:
            self._sandbox.alter(machine.settle)

    async def _send(self, client: httpx.AsyncClient, key: str) -> None:
        delivery = self._sandbox.alter(lambda setting: self._queue.prepared(setting, key))
        if delivery is not None:
            self._sandbox.sites.reach(WEBHOOK_BEFORE)
            taken = await _posted(client, delivery)
            self._sandbox.sites.reach(WEBHOOK_AFTER)
            self._sandbox.alter(lambda setting: self._queue.concluded(setting, key, taken))
        self._under_way.discard(key)
        self._wake.set()

    def _committed(self, places: Collection[Place]) -> None:
        self._heard_before(places)
        if any(kind == self._queue.kind for kind, _ in places):
            self._wake.set()

    def _first_ones(self, setting: Setting) -> list[tuple[str, int]]:
        """More than can be under way."""
        return self._queue.waiting(setting, 2 * AT_ONCE)


async def _posted(client: httpx.AsyncClient, delivery: Delivery) -> bool:
    """Whether it was answered with 2xx in time."""
    if not is_loopback(delivery.url):
        return False
    try:
        with trio.fail_after(ANSWER_WITHIN):
            async with client.stream(
                "POST", delivery.url, content=delivery.body, headers=delivery.headers
            ) as answer:
                return answer.is_success
    except (httpx.HTTPError, httpx.InvalidURL, trio.TooSlowError) as error:
        log.info("a webhook was not taken: %s", type(error).__name__)
        return False
