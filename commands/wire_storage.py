"""Everything durable, over one database."""

from collections.abc import Callable

from core.config import Bounds
from core.ports.clock import Clock, Ids
from core.ports.outbox import Subscriber
from storage.credentials.credentials import StoredCredentials
from storage.credentials.keys import SigningKeys
from storage.credentials.passwords import Passwords
from storage.credentials.tokens import AccessTokens
from storage.postgres.bookings import PostgresBookings
from storage.postgres.business_clock import PostgresBusinessOffset
from storage.postgres.catalogue import PostgresCatalogue
from storage.postgres.catalogue_loading import Edition
from storage.postgres.consultations import PostgresConsultations
from storage.postgres.durable_timers import PostgresDurableTimers
from storage.postgres.feedbacks import PostgresFeedbacks
from storage.postgres.forgetting import Forgetting
from storage.postgres.idempotency import PostgresIdempotencyKeys
from storage.postgres.inboxes import PostgresInboxes
from storage.postgres.ledger import PostgresLedger
from storage.postgres.logins import PostgresLogins
from storage.postgres.marketplace import PostgresListings
from storage.postgres.memories import PostgresMemories
from storage.postgres.message_log import PostgresMessageLog
from storage.postgres.models import PostgresModels
from storage.postgres.offers import PostgresOffers
from storage.postgres.outbox import PostgresOutbox
from storage.postgres.personas import PostgresPersonas
from storage.postgres.plan_calendars import PostgresCalendars, PostgresCapturedShares
from storage.postgres.plans import PostgresPlans
from storage.postgres.pool import Database
from storage.postgres.rooms import PostgresRooms
from storage.postgres.runs import PostgresRuns
from storage.postgres.screenings import PostgresHistories, PostgresScreenings
from storage.postgres.search import PostgresSearch, SearchIndex
from storage.postgres.sessions import PostgresSessions
from storage.postgres.shards import PostgresLeases
from storage.postgres.signing_keys import PostgresKeys
from storage.postgres.travellers import PostgresTravellers
from storage.postgres.trip_quotes import PostgresTripQuotes
from storage.postgres.users import PostgresUsers
from storage.postgres.webhooks import PostgresWebhooks, PostgresWebhookSecrets


class Storage:
    """The ports' PostgreSQL implementations, joined where they need one another.

    `node`: this node's lasting name; `key`: the master key. `on_stored`: the outbox has news;
    `on_revoked`: this login has ended; `on_timer_set`: a durable timer was set to this time;
    `on_models_changed`: another model may be in use now.
    """

    def __init__(
        self,
        database: Database,
        *,
        clock: Clock,
        ids: Ids,
        bounds: Bounds,
        node: str,
        key: bytes,
        on_stored: Callable[[], None],
        on_revoked: Callable[[str], None],
        on_timer_set: Callable[[int], None],
        on_models_changed: Callable[[], None],
        on_unsaid: Callable[[str], None],
        on_forgotten: Callable[[str, str], None],
    ) -> None:
        self.database = database
        self.log = PostgresMessageLog(database, clock, on_stored=on_stored)
        self.leases = PostgresLeases(database, node=node)
        self.users = PostgresUsers(database)
        self.rooms = PostgresRooms(database, on_stored=on_stored)
        self.inboxes = PostgresInboxes(database)
        self.sessions = PostgresSessions(database)
        self.search = PostgresSearch(database)
        self.places = Edition(database)
        self.catalogue = PostgresCatalogue(database, self.places)
        self.offers = PostgresOffers(database, clock)
        self.personas = PostgresPersonas(database, clock)
        self.runs = PostgresRuns(database)
        self.feedbacks = PostgresFeedbacks(database)
        self.memories = PostgresMemories(database, clock)
        self.listings = PostgresListings(database)
        self.models = PostgresModels(database, on_change=on_models_changed)
        self.outbox = PostgresOutbox(database, fence=self.leases.fence)
        self.read_models: list[Subscriber] = [
            SearchIndex(database),
            Forgetting(database, on_unsaid=on_unsaid, on_forgotten=on_forgotten),
        ]
        self.timers = PostgresDurableTimers(database, on_set=on_timer_set)
        self.business_offset = PostgresBusinessOffset(database)
        self.bookings = PostgresBookings(database, on_stored=on_stored, on_timer_set=on_timer_set)
        self.trip_quotes = PostgresTripQuotes(database, clock)
        self.travellers = PostgresTravellers(database, key)
        self.histories = PostgresHistories(database)
        self.screenings = PostgresScreenings(database)
        self.consultations = PostgresConsultations(
            database, on_stored=on_stored, on_timer_set=on_timer_set
        )
        self.plans = PostgresPlans(database, on_timer_set=on_timer_set)
        self.calendars = PostgresCalendars(database)
        self.captured_shares = PostgresCapturedShares(database)
        self.ledger = PostgresLedger(database)
        self.webhooks = PostgresWebhooks(database, on_set=on_timer_set)
        self.webhook_secrets = PostgresWebhookSecrets(database, key)
        self.idempotency = PostgresIdempotencyKeys(database, clock)
        self.keys = SigningKeys(PostgresKeys(database), key, clock)
        self.passwords = Passwords(
            threads=bounds.hashing_threads, max_waiting=bounds.max_queued_hashings
        )
        self.credentials = StoredCredentials(
            PostgresLogins(database),
            self.passwords,
            self.keys,
            AccessTokens(self.keys, clock),
            clock=clock,
            ids=ids,
            on_revoked=on_revoked,
        )
