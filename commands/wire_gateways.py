"""Where the outside comes in: the WebSocket server and the HTTP server."""

import os
import socket
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import trio

from actors.booking.itinerary import BookedItinerary
from commands.open_files import connections_that_fit
from commands.wire_actors import Actors
from commands.wire_storage import Storage
from core.config import Config, ConfigError
from core.pacing import DutyCycle
from core.ports.bookings import Tellings
from core.ports.clock import BusinessClock, Clock, Ids
from core.ports.inference import PlacesByMeaning, Recommender
from core.ports.travel_search import TravelSearch
from core.ports.webhooks import WebhookReception
from gateways.client.admission import Admission, Bounds
from gateways.client.deadlines import Timing
from gateways.client.policy import Policy
from gateways.client.rate import Rate
from gateways.client.router import Router
from gateways.client.server import ClientServer
from gateways.http.app import GATE, create_app
from gateways.http.character_cards import CHAT_USES, PASSAGES_USE
from gateways.http.ports import HttpPorts, Statistics
from gateways.http.server import HttpServer, bind_http, port_of
from protocol.limits import CONNECT_PATH
from storage.rate_limits import ProcessRateLimits

VERSION: Final = "0.1.0"


class Gateways:
    """Owns: both listeners. Borrows: storage and actors.

    `http_url` is known at once, `ws_url` once `run_clients` has started. `readiness` and
    `statistics` answer `/readyz` and `/metrics`. Raises `ConfigError` when a port cannot be had.
    """

    def __init__(
        self,
        config: Config,
        storage: Storage,
        actors: Actors,
        *,
        travel: TravelSearch,
        tellings: Tellings,
        business: BusinessClock,
        suppliers: Callable[[], Statistics],
        webhooks: WebhookReception,
        recommender: Recommender,
        meanings: PlacesByMeaning,
        clock: Clock,
        ids: Ids,
        readiness: Callable[[], Awaitable[Mapping[str, bool]]],
        models: Callable[[], Mapping[str, str]],
        model_troubles: Callable[[], Mapping[str, str]],
        reads_cards: Callable[[], bool],
        mood_agreed: Callable[[str, bool], None],
        statistics: Callable[[], Statistics],
    ) -> None:
        self._config = config
        self.stopping = trio.Event()
        self._ws_port = 0
        self.ws_url = ""
        with _listening("CARAVAN_HTTP_PORT", config.host, config.http_port):
            self._listener = bind_http(
                config.host, config.http_port, send_within=config.bounds.http_send_within
            )
        self.http_url = _url("http", config.host, port_of(self._listener))
        pace = DutyCycle()
        self._rate_limits = ProcessRateLimits(clock) if config.rate_limits else None
        with _listening("CARAVAN_WS_PORT", config.host, config.ws_port):
            self.clients = self._client_server(actors, clock, ids, pace)
        self.app = create_app(
            HttpPorts(
                credentials=storage.credentials,
                users=storage.users,
                rooms=storage.rooms,
                inboxes=storage.inboxes,
                catalogue=storage.catalogue,
                personas=storage.personas,
                runs=storage.runs,
                memories=storage.memories,
                feedbacks=storage.feedbacks,
                listings=storage.listings,
                consultations=storage.consultations,
                recommender=recommender,
                meanings=meanings,
                card_fields=lambda: CHAT_USES if reads_cards() else PASSAGES_USE,
                mood_agreed=mood_agreed,
                idempotency=storage.idempotency,
                rate_limits=self._rate_limits,
                clock=clock,
                ids=ids,
                travel=travel,
                bookings=storage.bookings,
                calendars=storage.calendars,
                booked=BookedItinerary(storage.bookings),
                public_url=lambda: config.public_url or self.http_url,
                tellings=tellings,
                business=business,
                suppliers=suppliers,
                webhooks=webhooks,
                ref=actors.system.ref,
                readiness=readiness,
                models=models,
                model_rows=storage.models,
                model_troubles=model_troubles,
                statistics=statistics,
                ws_port=lambda: self._ws_port,
                version=VERSION,
                public_ws_url=config.public_ws_url,
                proxies=config.proxies,
            ),
            body_within=config.bounds.http_body_within,
        )
        bounds = config.bounds
        self._http = HttpServer(
            self.app,
            self._listener,
            head_within=bounds.http_head_within,
            send_within=bounds.http_send_within,
            pace=pace,
            most_per_address=bounds.max_connections_per_address if config.rate_limits else None,
            proxies=config.proxies,
        )

    def _client_server(
        self, actors: Actors, clock: Clock, ids: Ids, pace: DutyCycle
    ) -> ClientServer:
        config, bounds, limited = self._config, self._config.bounds, self._config.rate_limits
        admission = Admission(
            Bounds(
                total=connections_that_fit(),
                per_address=bounds.max_connections_per_address if limited else None,
                per_user=bounds.max_connections_per_user if limited else None,
            )
        )
        fanout = actors.fanout
        return ClientServer(
            handler=Router(actors.system, fanout=fanout, admission=admission, clock=clock, ids=ids),
            fanout=fanout,
            admission=admission,
            clock=clock,
            host=config.host,
            port=config.ws_port,
            origins=self._origins(),
            policy=_policy(config),
            pace=pace,
            proxies=config.proxies,
        )

    def _origins(self) -> frozenset[str]:
        """The web origins that may open a socket: our own pages and the configured ones."""
        port = port_of(self._listener)
        own = {_url("http", host, port) for host in (self._config.host, "localhost", "127.0.0.1")}
        public = {self._config.public_origin} if self._config.public_origin else set()
        return frozenset(own | public | set(self._config.origins))

    async def run_clients(
        self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """The WebSocket server, until cancelled."""
        async with trio.open_nursery() as nursery:
            self._ws_port = await nursery.start(self.clients.run)
            self.ws_url = _url("ws", self._config.host, self._ws_port) + CONNECT_PATH
            task_status.started()

    async def run_http(
        self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """The HTTP server, until `drain`."""
        await self._http.run(stopping=self.stopping, task_status=task_status)

    async def drain(self) -> None:
        """Nothing new; who is connected is told to come back."""
        self.stopping.set()
        await self.clients.drain(jitter_ms=2_000, within=1.0)

    def statistics(self) -> dict[str, Mapping[str, int | float]]:
        limits = self._rate_limits
        return {
            "clients": self.clients.statistics(),
            "http": self.app.extensions[GATE].statistics(),
            "http_connections": self._http.statistics(),
            **({"rate_limits": limits.statistics()} if limits else {}),
        }


def _policy(config: Config) -> Policy:
    """What one connection may do."""
    bounds, limits = config.bounds, config.bounds.limits
    rate = Rate(limits.commands_per_second, limits.burst)
    return Policy(
        command_rate=rate if config.rate_limits else None,
        max_message_bytes=limits.max_frame_bytes,
        max_backlog=bounds.max_backlog_bytes,
        handshake_within=bounds.handshake_within,
        timing=Timing(
            heartbeat=bounds.heartbeat_every,
            send_within=bounds.send_within,
            hello_within=bounds.hello_within,
            part_within=bounds.part_within,
        ),
    )


@contextmanager
def _listening(variable: str, host: str, port: int) -> Iterator[None]:
    """An address that cannot be listened on is a wrong setting: raises `ConfigError`."""
    try:
        yield
    except (OSError, UnicodeError) as error:
        why = _why(error)
        raise ConfigError(
            f"Nothing can listen on {host}, port {port} ({why}). "
            f"Set CARAVAN_HOST or {variable} to another."
        ) from error


def _why(error: OSError | UnicodeError) -> str:
    match error:
        case UnicodeError():
            return "this is no name"
        case socket.gaierror():  # its numbers are not the system's
            return str(error.strerror)
    return os.strerror(error.errno or 0)


def _url(scheme: str, host: str, port: int) -> str:
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
