"""The composition root: builds every part, joins them by their ports, starts and stops them in order."""

import os
import random
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import Final

import structlog
import trio

from actors.presence import actor as presence
from actors.room import actor as room
from actors.room.ports import RoomPorts
from actors.session import actor as session
from actors.session.keeper import Keeper
from actors.session.ports import SessionPorts
from actors.user import actor as user
from actors.user.courier import Courier
from commands.children import endless, escalating, every
from commands.open_files import connections_that_fit
from core.clock import SystemClock
from core.config import Config, ConfigError
from core.envelope import Envelope, Lane
from core.errors import Rejected
from core.ids import ProcessIds
from core.supervisor import Supervisor
from core.system import ActorSystem
from gateways.client.admission import Admission
from gateways.client.admission import Bounds as AdmissionBounds
from gateways.client.connection import Connection as ClientConnection
from gateways.client.fanout import TopicFanout
from gateways.client.router import Router
from gateways.client.server import ClientServer, Policy
from gateways.http.app import GATE, create_app
from gateways.http.ports import DEFAULT_TENANT, HttpPorts
from gateways.http.server import bind_http, port_of, serve_http
from protocol.close_codes import CloseCode
from protocol.limits import CONNECT_PATH
from protocol.presence import PRESENCE, AudienceChanged
from protocol.room import ROOM, ForgetBelow
from protocol.session import SESSION, SocketGone
from storage.asyncio_bridge import AsyncioBridge
from storage.credentials.credentials import StoredCredentials
from storage.credentials.keys import SigningKeys
from storage.credentials.passwords import Passwords
from storage.credentials.tokens import AccessTokens
from storage.outbox import OutboxDispatcher
from storage.postgres.embedded import Embedded
from storage.postgres.housekeeping import housekeeping
from storage.postgres.idempotency import PostgresIdempotencyKeys
from storage.postgres.inboxes import PostgresInboxes
from storage.postgres.logins import PostgresLogins
from storage.postgres.message_log import PostgresMessageLog
from storage.postgres.migrate import migrate
from storage.postgres.outbox import PostgresOutbox
from storage.postgres.pool import Connection, Database
from storage.postgres.rooms import PostgresRooms
from storage.postgres.search import PostgresSearch, SearchIndex
from storage.postgres.sessions import PostgresSessions
from storage.postgres.shards import PostgresLeases
from storage.postgres.signing_keys import PostgresKeys
from storage.postgres.users import PostgresUsers
from storage.rate_limits import ProcessRateLimits

VERSION: Final = "0.1.0"
HOUSEKEEPING_EVERY: Final = 300.0
KEYS_TENDED_EVERY: Final = 300.0
PING_WITHIN: Final = 2.0
DRAIN_ACTORS_WITHIN: Final = 5.0

log: Final = structlog.get_logger("caravan.wiring")


@dataclass(slots=True, kw_only=True)
class Server:
    """A running server. `dsn`: its database; `http_url` and `ws_url`: where it listens."""

    dsn: str
    http_url: str
    ws_url: str
    parts: "Parts"

    async def drain(self) -> None:
        """Tell everybody to come back, finish what was begun. Bounded; nothing new is accepted."""
        await self.parts.drain()


@asynccontextmanager
async def serving(config: Config, *, node: str, key: bytes) -> AsyncIterator[Server]:
    """A server around a block. `node`: this node's lasting name; `key`: the master key.

    Everything starts in order and stops in reverse; the database stops last. Raises what kept it
    from starting, or what ended it.
    """
    async with AsyncioBridge() as bridge, trio.open_nursery() as nursery:
        embedded = None if config.database_url else Embedded(config.data_dir)
        dsn = config.database_url or str(await nursery.start(_embedded(embedded).run))
        async with Database(dsn, bridge) as database:
            await database.reach()
            await migrate(database)
            parts = Parts(config, database, node=node, key=key, embedded=embedded)
            await parts.keys.load()
            async with trio.open_nursery() as running:
                await running.start(parts.supervisor.run)
                yield Server(dsn=dsn, http_url=parts.http_url, ws_url=parts.ws_url, parts=parts)
                running.cancel_scope.cancel()
        nursery.cancel_scope.cancel()


def _embedded(embedded: Embedded | None) -> Embedded:
    if embedded is None:
        raise ValueError("DATABASE_URL is set: there is no embedded database")
    return embedded


class Parts:
    """Every part of one server, built and not yet started. Owns them; lends each to who needs it."""

    def __init__(
        self,
        config: Config,
        database: Database,
        *,
        node: str,
        key: bytes,
        embedded: Embedded | None,
    ) -> None:
        self._config, self._database, self._embedded = config, database, embedded
        self._chance = random.SystemRandom()
        self._clock = SystemClock()
        self._ids = ProcessIds(self._clock, self._chance)
        self._stopping = trio.Event()
        self._ws_port = 0
        self._build_storage(node, key)
        self._build_actors()
        self._build_gateways()
        self.supervisor = self._build_tree()

    def _build_storage(self, node: str, key: bytes) -> None:
        database, clock = self._database, self._clock
        self._log = PostgresMessageLog(database, clock, on_stored=self._stored)
        # We hold the data directory's lock, so nobody else runs under this node's name.
        self._leases = PostgresLeases(database, node=node, reap_name=True)
        self._users = PostgresUsers(database)
        self._rooms = PostgresRooms(database, on_stored=self._stored)
        self._inboxes, self._sessions = PostgresInboxes(database), PostgresSessions(database)
        self.keys = SigningKeys(PostgresKeys(database), key, clock)
        bounds = self._config.bounds
        self._credentials = StoredCredentials(
            PostgresLogins(database),
            Passwords(threads=bounds.hashing_threads, max_waiting=bounds.max_queued_hashings),
            self.keys,
            AccessTokens(self.keys, clock),
            clock=clock,
            ids=self._ids,
            on_revoked=self._close_login,
        )

    def _build_actors(self) -> None:
        self._system = ActorSystem(chance=self._chance, ids=self._ids)
        self._fanout = TopicFanout(self._audience_changed)
        self._fanout.on_ended = self._connection_ended
        self._keeper = Keeper(self._sessions, self._clock)
        clock, ids = self._clock, self._ids
        self._system.register(
            room.spec(
                RoomPorts(
                    tenant_id=DEFAULT_TENANT,
                    log=self._log,
                    leases=self._leases,
                    rooms=self._rooms,
                    users=self._users,
                    fanout=self._fanout,
                    clock=clock,
                    ids=ids,
                )
            )
        )
        self._system.register(
            session.spec(
                SessionPorts(
                    credentials=self._credentials,
                    sessions=self._sessions,
                    fanout=self._fanout,
                    search=PostgresSearch(self._database),
                    rooms=self._rooms,
                    log=self._log,
                    clock=clock,
                    ids=ids,
                    limits=self._config.bounds.limits,
                ),
                self._keeper,
            )
        )
        self._system.register(
            user.spec(
                user.UserPorts(
                    tenant_id=DEFAULT_TENANT,
                    users=self._users,
                    rooms=self._rooms,
                    inboxes=self._inboxes,
                    fanout=self._fanout,
                    clock=clock,
                    ids=ids,
                )
            )
        )
        self._system.register(presence.spec(self._fanout))
        self._outbox = OutboxDispatcher(
            PostgresOutbox(self._database),
            [SearchIndex(self._database), Courier(self._log, self._system.ref)],
        )

    def _build_gateways(self) -> None:
        config, bounds = self._config, self._config.bounds
        limited = config.rate_limits
        with _listening("CARAVAN_HTTP_PORT", config.host, config.http_port):
            self._listener = bind_http(config.host, config.http_port)
        self.http_url = _url("http", config.host, port_of(self._listener))
        admission = Admission(
            AdmissionBounds(
                total=connections_that_fit(),
                per_address=bounds.max_connections_per_address if limited else None,
                per_user=bounds.max_connections_per_user if limited else None,
            )
        )
        self._clients = ClientServer(
            handler=Router(
                self._system,
                fanout=self._fanout,
                admission=admission,
                clock=self._clock,
                ids=self._ids,
            ),
            fanout=self._fanout,
            admission=admission,
            clock=self._clock,
            host=config.host,
            port=config.ws_port,
            origins=self._origins(),
            policy=Policy() if limited else Policy(command_rate=None),
        )
        self._app = create_app(
            HttpPorts(
                credentials=self._credentials,
                users=self._users,
                rooms=self._rooms,
                inboxes=self._inboxes,
                idempotency=PostgresIdempotencyKeys(self._database, self._clock),
                rate_limits=ProcessRateLimits(self._clock) if limited else None,
                ids=self._ids,
                ref=self._system.ref,
                readiness=self._readiness,
                statistics=self._statistics,
                ws_port=lambda: self._ws_port,
                version=VERSION,
                public_ws_url=config.public_ws_url,
            )
        )

    def _origins(self) -> frozenset[str]:
        """The web origins that may open a socket: our own pages and the configured ones."""
        port = port_of(self._listener)
        own = {_url("http", host, port) for host in (self._config.host, "localhost", "127.0.0.1")}
        public = {self._config.public_url} if self._config.public_url else set()
        return frozenset(own | public | set(self._config.origins))

    def _build_tree(self) -> Supervisor:
        """Start order; stopped in reverse."""
        return Supervisor(
            "server",
            [
                escalating("leases", self._leases.run),
                # It writes what is queued before it ends.
                escalating("message_log", self._log.run, shutdown_after=12.0),
                escalating("actors", self._system.run),
                endless("outbox", self._outbox.run),
                endless("sessions", self._keeper.run),
                escalating("clients", self._run_clients),
                escalating("http", self._run_http),
                every("keys", KEYS_TENDED_EVERY, self.keys.tend),
                every("housekeeping", HOUSEKEEPING_EVERY, self._keep_house),
            ],
            chance=self._chance,
        )

    async def _run_clients(
        self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        async with trio.open_nursery() as nursery:
            with _listening("CARAVAN_WS_PORT", self._config.host, self._config.ws_port):
                self._ws_port = await nursery.start(self._clients.run)
            self.ws_url = _url("ws", self._config.host, self._ws_port) + CONNECT_PATH
            task_status.started()

    async def _run_http(
        self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        await serve_http(
            self._app, self._listener, stopping=self._stopping, task_status=task_status
        )

    async def _keep_house(self) -> None:
        await housekeeping(
            self._database,
            self._clock,
            messages_for_months=self._config.bounds.keep_messages_months,
            forgotten=self._messages_forgotten,
        )

    def _messages_forgotten(self, room_id: str, first: int) -> None:
        address = ROOM.at(room_id)
        if self._system.is_active(address):
            with suppress(Rejected):  # it finds the gap itself, and closes whom it concerns
                self._system.ref(address).tell_nowait(ForgetBelow(first=first))

    async def drain(self) -> None:
        """The gateways first, then the actors; what they appended is written by the log's end."""
        self._stopping.set()
        await self._clients.drain(jitter_ms=2_000, within=1.0)
        await self._system.drain(DRAIN_ACTORS_WITHIN)

    def _stored(self) -> None:
        self._outbox.nudge()

    def _close_login(self, login_id: str) -> None:
        self._fanout.close_topic(f"login:{login_id}", CloseCode.TOKEN_REVOKED)

    def _audience_changed(self, topic: str) -> None:
        envelope = Envelope(AudienceChanged(), lane=Lane.EPHEMERAL, key=AudienceChanged)
        with suppress(Rejected):  # level-triggered: the next change tells it all
            self._system.ref(PRESENCE.at(topic.removeprefix("room:"))).deliver_nowait(envelope)

    def _connection_ended(self, connection: ClientConnection) -> None:
        if connection.session_id:
            with suppress(Rejected):  # the keeper touched it at most ten minutes ago
                self._system.ref(SESSION.at(connection.session_id)).tell_nowait(SocketGone())

    async def _readiness(self) -> Mapping[str, bool]:
        is_reachable = False
        with trio.move_on_after(PING_WITHIN), suppress(Rejected):
            await self._database.call(_ping)
            is_reachable = True
        return {
            "database": is_reachable,
            "shards": self._leases.statistics()["confirmed_for"] > 0,
            "accepting": not self._stopping.is_set(),
        }

    def _statistics(self) -> Mapping[str, Mapping[str, int | float]]:
        figures: dict[str, Mapping[str, int | float]] = {
            "actors": self._system.statistics(),
            "clients": self._clients.statistics(),
            "database": self._database.statistics(),
            "fanout": self._fanout.statistics(),
            "http": self._app.extensions[GATE].statistics(),
            "leases": self._leases.statistics(),
            "message_log": self._log.statistics(),
            "outbox": self._outbox.statistics(),
            "sessions": self._keeper.statistics(),
            "supervisor": self.supervisor.statistics(),
        }
        if self._embedded is not None:
            figures["postgres"] = self._embedded.statistics()
        return figures


@contextmanager
def _listening(variable: str, host: str, port: int) -> Iterator[None]:
    """An address that cannot be listened on is a wrong setting: raises `ConfigError`."""
    try:
        yield
    except OSError as error:
        raise ConfigError(
            f"Nothing can listen on {host}, port {port} ({os.strerror(error.errno or 0)}). "
            f"Set CARAVAN_HOST or {variable} to another."
        ) from error


async def _ping(connection: Connection) -> None:
    await connection.execute("SELECT 1")


def _url(scheme: str, host: str, port: int) -> str:
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
