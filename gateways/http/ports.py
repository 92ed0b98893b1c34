"""All that the HTTP gateway needs of the world, handed in by the composition root."""

from collections.abc import Awaitable, Callable, Mapping, Set
from dataclasses import dataclass
from typing import Any

from core.callers import LOOPBACK, Proxies
from core.identity import DEFAULT_TENANT
from core.ports.bookings import Bookings, Tellings
from core.ports.catalogue import Catalogue
from core.ports.clock import BusinessClock, Clock, Ids
from core.ports.consultations import Consultations
from core.ports.credentials import Credentials
from core.ports.inference import PlacesByMeaning, Recommender
from core.ports.marketplace import Listings
from core.ports.models import Models
from core.ports.personas import Feedbacks, Memories, Personas, Runs
from core.ports.plans import Calendars, Itinerary
from core.ports.rate_limits import RateLimits
from core.ports.repositories import IdempotencyKeys, Inboxes, Rooms, Users
from core.ports.travel_search import TravelSearch
from core.ports.webhooks import WebhookReception
from core.reference import Ref
from protocol.addresses import Address

Statistics = Mapping[str, Mapping[str, int | float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpPorts:
    """`ref` is the actor system's. `rate_limits` None: all limits are off (tests on loopback).
    `card_fields`: those of a character card that the loaded model uses.

    `mood_agreed`: told of each profile that says whether moods may be counted: whose, and the word.

    `webhooks` None: no provider sends any.

    `public_url`: the server's own address, as others reach it.

    `proxies`: whose word is taken for whom they speak.

    `readiness` names what must hold to serve and whether it does; it may wait for at most 2 s.
    `suppliers`: who is asked, as `statistics` says it.
    `models`: which model understands messages, which words answers. `model_rows`: their versions;
    `model_troubles`: what of them this node cannot use, and why.
    `statistics` gives group → name → number for `/metrics`; the gateway adds its own group `http`. `public_ws_url` None: `/api/v1/info`
    answers with the request's host and `ws_port()`, the port that the client gateway is bound to.
    """

    credentials: Credentials
    users: Users
    rooms: Rooms
    inboxes: Inboxes
    catalogue: Catalogue
    travel: TravelSearch
    bookings: Bookings
    booked: Itinerary
    calendars: Calendars
    public_url: Callable[[], str]
    tellings: Tellings
    business: BusinessClock
    suppliers: Callable[[], Statistics]
    personas: Personas
    runs: Runs
    memories: Memories
    feedbacks: Feedbacks
    listings: Listings
    consultations: Consultations
    recommender: Recommender
    meanings: PlacesByMeaning
    card_fields: Callable[[], Set[str]]
    mood_agreed: Callable[[str, bool], None]
    idempotency: IdempotencyKeys
    rate_limits: RateLimits | None
    clock: Clock
    ids: Ids
    ref: Callable[[Address], Ref[Any]]
    readiness: Callable[[], Awaitable[Mapping[str, bool]]]
    models: Callable[[], Mapping[str, str]]
    model_rows: Models
    model_troubles: Callable[[], Mapping[str, str]]
    statistics: Callable[[], Statistics]
    ws_port: Callable[[], int]
    version: str
    webhooks: WebhookReception | None = None
    public_ws_url: str | None = None
    proxies: Proxies = LOOPBACK
    tenant_id: int = DEFAULT_TENANT
