"""Group bookings: their actors, and where they find suppliers and payment providers."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from actors.booking import actor as booking
from actors.booking import desk
from actors.booking.ports import BookingPorts, DeskPorts
from actors.booking.rebooker import OtherBookings, Rebooker
from actors.booking.telling import BookingTellings
from commands.crash_sites import sites_of
from commands.wire_payments import PaymentProviders
from commands.wire_storage import Storage
from commands.wire_travel import Travel
from core.actor import ActorSpec
from core.config import Config
from core.identity import DEFAULT_TENANT
from core.ports.clock import BusinessClock, Clock, Ids
from core.ports.consolidator import Consolidator
from core.ports.fraud import Screener
from core.ports.inventory import Inventory, Priced
from core.ports.payments import Payments
from core.reference import Ref
from inference.fraud.features import STORED
from protocol.addresses import Address
from protocol.suppliers import Refused
from protocol.travel import Query, SupplierOffer

SUPPLIERS_WITHIN: Final = 3.0
"""Seconds that a call waits for suppliers that have just begun; it must leave in five."""


class Bookings:
    """Borrows: storage, the search over suppliers, the payment providers, the screener, the actors. `address`: the
    server's own address, where no public one is set."""

    def __init__(
        self,
        config: Config,
        storage: Storage,
        *,
        travel: Travel,
        payments: PaymentProviders,
        screener: Screener,
        clock: Clock,
        business: BusinessClock,
        ids: Ids,
        address: Callable[[], str],
        ref_to: Callable[[Address], Ref[Any]],
    ) -> None:
        self.tellings = BookingTellings(storage.bookings, storage.users, features=STORED)
        sites = sites_of(config)
        suppliers, providers = _Suppliers(travel), _Providers(payments)
        self._desks = DeskPorts(
            tenant_id=DEFAULT_TENANT,
            bookings=storage.bookings,
            quotes=storage.trip_quotes,
            offers=storage.offers,
            travel=travel.search,
            leases=storage.leases,
            users=storage.users,
            suppliers=suppliers,
            providers=providers,
            clock=clock,
            business=business,
            ids=ids,
            sites=sites,
        )
        self._ports = BookingPorts(
            tenant_id=DEFAULT_TENANT,
            bookings=storage.bookings,
            travellers=storage.travellers,
            timers=storage.timers,
            leases=storage.leases,
            users=storage.users,
            suppliers=suppliers,
            providers=providers,
            histories=storage.histories,
            screener=screener,
            clock=clock,
            business=business,
            return_url=lambda id: f"{config.public_url or address()}/bookings/{id}",
            rebooker=Rebooker(self._desks, storage.travellers),
            tell_replaced=OtherBookings(ref_to),
            sites=sites,
        )

    def specs(self) -> list[ActorSpec]:
        """Its kinds of actors."""
        return [booking.spec(self._ports), desk.spec(self._desks)]


class _Suppliers:
    """`actors.booking.ports.Suppliers` over what runs now."""

    def __init__(self, travel: Travel) -> None:
        self._travel = travel

    async def ready(self) -> bool:
        return await self._travel.search.ready(SUPPLIERS_WITHIN)

    def inventory(self, supplier: str) -> Inventory | None:
        return self._travel.suppliers().get(supplier)

    def consolidator(self) -> Consolidator | None:
        return self._travel.consolidator

    async def reprice(
        self, offer: SupplierOffer, query: Query, *, anew: bool = False
    ) -> Priced | Refused:
        return await self._travel.search.reprice(offer, query, anew=anew)


class _Providers:
    """`actors.booking.ports.Providers` over those that are on."""

    def __init__(self, payments: PaymentProviders) -> None:
        self._payments = payments

    def provider(self, name: str) -> Payments | None:
        return self._payments.providers.get(name)

    def preferred(self) -> Payments | None:
        return next(iter(self._payments.providers.values()), None)

    def others(self) -> Sequence[Payments]:
        return tuple(self._payments.providers.values())[1:]
