"""What bookings and the desk borrow from the world, injected by the wiring."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

import trio

from actors.booking.state import Alternative, Part, Saga
from actors.booking.steps import ReplacedTold, ReplacementOpened
from core.ports.bookings import Bookings, Travellers, TripQuotes
from core.ports.clock import BusinessClock, Clock, Ids
from core.ports.consolidator import Consolidator
from core.ports.durable_timers import DurableTimers
from core.ports.fraud import Histories, Screener
from core.ports.inventory import Inventory, Priced
from core.ports.leases import Leases
from core.ports.offers import Offers
from core.ports.payments import Payments
from core.ports.repositories import Users
from core.ports.sites import NoSites, Sites
from core.ports.travel_search import TravelSearch
from protocol.suppliers import NotSent, Refused, Unknown
from protocol.travel import Query, SupplierOffer

MAX_CALLS: Final = 256
"""Calls and looks of all bookings of a node that are under way at once; others wait."""


class Suppliers(Protocol):
    """Whom a booking asks, by name. What is not there now (the sandbox begins anew) may be later."""

    async def ready(self) -> bool:
        """Wait a little, where they have just begun; whether they are there then."""

    def inventory(self, supplier: str) -> Inventory | None: ...

    def consolidator(self) -> Consolidator | None: ...

    async def reprice(
        self, offer: SupplierOffer, query: Query, *, anew: bool = False
    ) -> Priced | Refused:
        """At the same supplier, today. An expired offer is searched again, and the same flights or
        room are taken; so is one that was for another party than `query` is (`anew`). Raises
        `Unavailable`."""


class TripSearch(TravelSearch, Protocol):
    """A search that can be told to forget."""

    def forget(self, supplier: str, query: Query) -> int:
        """What this supplier said about the query's route or city is not shown any more; how many
        answers that were."""


class Providers(Protocol):
    """Payment providers, by name."""

    def provider(self, name: str) -> Payments | None: ...

    def preferred(self) -> Payments | None:
        """With which new bookings are paid; None: none is set up here."""

    def others(self) -> Sequence[Payments]:
        """With which shares may be paid too."""


class Rebooking(Protocol):
    """Another flight in the place of one that was booked."""

    async def find(self, saga: Saga, part: Part) -> Alternative | None:
        """By today's suppliers, as it can be booked now; None: there is none. Raises `Rejected`."""

    async def open(
        self, saga: Saga, part: Part, key: str
    ) -> ReplacementOpened | Refused | NotSent | Unknown:
        """A booking of the part's alternative for the same people. Idempotent by `key`."""


class TellsReplaced(Protocol):
    """Speaks to the actor of another booking."""

    async def __call__(
        self, booking_id: str, by: str, is_booked: bool
    ) -> ReplacedTold | Refused | Unknown:
        """To the one that `by` was opened to replace. Idempotent; durable there before it answers."""


async def nobody_to_tell(booking_id: str, by: str, is_booked: bool) -> Unknown:
    """Where bookings cannot be reached."""
    return Unknown(detail="bookings cannot be reached")


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingPorts:
    """The ports of the bookings of one tenant. `return_url`: where a provider sends people back to
    after they have confirmed something there, by the booking's id; None: it shows its own page.
    `rebooker` None: no other flight is looked for."""

    tenant_id: int
    bookings: Bookings
    travellers: Travellers
    timers: DurableTimers
    leases: Leases
    users: Users
    suppliers: Suppliers
    providers: Providers
    histories: Histories
    screener: Screener
    clock: Clock
    business: BusinessClock
    return_url: Callable[[str], str | None] = lambda _: None
    rebooker: Rebooking | None = None
    tell_replaced: TellsReplaced = nobody_to_tell
    sites: Sites = field(default_factory=NoSites)
    calls: trio.Semaphore = field(default_factory=lambda: trio.Semaphore(MAX_CALLS))


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskPorts:
    """The ports of the desks of one tenant."""

    tenant_id: int
    bookings: Bookings
    quotes: TripQuotes
    offers: Offers
    travel: TripSearch
    leases: Leases
    users: Users
    suppliers: Suppliers
    providers: Providers
    clock: Clock
    business: BusinessClock
    ids: Ids
    sites: Sites = field(default_factory=NoSites)
