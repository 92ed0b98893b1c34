"""What providers send us unasked: which of it has been taken, and under what secrets it comes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol

from core.ports.durable_timers import SetTimer
from core.ports.payments import NotGenuine
from protocol.ids import Millis
from protocol.travel import OrderState

KEPT_FOR: Final = 30 * 86_400.0
"""Seconds that an event's id is known: as long as providers keep events themselves."""

MAX_EVENT_ID: Final = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookEvent:
    """One event, however often it is delivered. `event_id`: the provider's, at most 255 characters."""

    provider: str
    event_id: str
    kind: str
    received_at: Millis


class Webhooks(Protocol):
    """Which events were taken; for 30 days."""

    async def take(self, event: WebhookEvent, timer: SetTimer | None) -> bool:
        """Keep the event's id and set the timer, both or neither; False when the id is known, and
        nothing changed. Where a timer of that name still waits with another payload, it is one without
        any: whoever is woken looks at everything.

        Raises `Rejected` when the actor would have too many timers, and `Unavailable`: then, as after a
        cancellation, it may or may not have happened, and the provider delivers again.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointSecret:
    """Under what secret a provider signs what it sends to one address of ours. `endpoint_id`: its own."""

    provider: str
    endpoint_id: str
    secret: str = field(repr=False)
    since: Millis


class WebhookSecrets(Protocol):
    """Secrets that providers gave us, encrypted at rest. Each method raises `Unavailable`."""

    async def of(self, provider: str) -> Sequence[EndpointSecret]:
        """Newest first."""

    async def keep(self, secret: EndpointSecret) -> None:
        """In place of what is kept of that endpoint."""

    async def forget(self, provider: str, endpoint_id: str) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderNotice:
    """What a supplier's event says: where to look. `order_id` None: it names no order; `reference`: ours, where
    the event repeats it."""

    event_id: str
    kind: str
    order_id: str | None = None
    reference: str | None = None


class OrderEvents(Protocol):
    """A supplier that tells unasked what happened to its orders."""

    @property
    def name(self) -> str:
        """In webhook paths."""

    async def verify_webhook(
        self, body: bytes, headers: Mapping[str, str]
    ) -> OrderNotice | NotGenuine:
        """`body` byte for byte as it came; header names in lower case. Raises `Unavailable` while nobody knows
        under what secret it signs."""

    async def get(self, order_id: str) -> OrderState | None:
        """As `core.ports.inventory.Inventory` says."""


Received = Literal["taken", "known", "foreign"]
"""`foreign`: of nothing that is ours, whoever sent it."""


class WebhookReception(Protocol):
    """Where the HTTP gateway hands deliveries in."""

    async def receive(
        self, provider: str, body: bytes, headers: Mapping[str, str]
    ) -> Received | NotGenuine | None:
        """What became of one delivery; None: there is no such provider here. `body` byte for byte as it
        came, header names in lower case. Durable when it returns. Raises `Unavailable` and `Rejected`:
        the provider is to deliver it again."""
