"""The sandbox's Stripe for tests: the machine alone, and a server of it with the official SDK's client."""

import json
from collections import deque
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import h11
import httpx
import stripe
import trio

from gateways.sandbox import faults
from gateways.sandbox.clock import advance
from gateways.sandbox.exchange import Request, Response
from gateways.sandbox.performing import Sandbox
from gateways.sandbox.records import Draft, Memory, Place
from gateways.sandbox.shell import serve_sandbox
from gateways.sandbox.stripe import StripeMachine
from gateways.sandbox.stripe_deliveries import DELIVERIES
from gateways.sandbox.world import World

WORLD = World("stage")
START = 1_803_859_260_000
"""2027-03-01, a minute after midnight UTC."""

Json = dict[str, Any]
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
stripe.enable_telemetry = False


def pairs_of(given: Json, at: str = "") -> list[tuple[str, str]]:
    """As a form: brackets for what is nested."""
    found: list[tuple[str, str]] = []
    for name, value in given.items():
        path = f"{at}[{name}]" if at else name
        if isinstance(value, dict):
            found += pairs_of(value, path)
        elif isinstance(value, list):
            found += [(f"{path}[{index}]", str(each)) for index, each in enumerate(value)]
        else:
            found.append((path, str(value).lower() if isinstance(value, bool) else str(value)))
    return found


class StripeStage:
    """Owns: the records, in memory. `wall` is moved by tests."""

    def __init__(self, seed: str = "stage") -> None:
        self.wall = START
        self.store = Memory()
        self.machine = StripeMachine()
        self.sandbox = Sandbox(
            world=WORLD if seed == "stage" else World(seed),
            store=self.store,
            machines=(self.machine,),
            wall=lambda: self.wall,
        )

    def send(
        self,
        method: str,
        path: str,
        *,
        key: str | None = None,
        api_key: str = "sk_test_1",
        **given: Any,
    ) -> Response:
        headers = {"authorization": f"Bearer {api_key}"}
        if key is not None:
            headers["idempotency-key"] = key
        pairs = tuple(pairs_of(given))
        is_post = method == "POST"
        request = Request(
            method=method,
            path=path,
            headers=headers,
            query=() if is_post else pairs,
            body=urlencode(pairs).encode() if is_post else b"",
        )
        return self.sandbox.perform(self.machine, request).response

    def post(self, path: str, *, status: int = 200, **given: Any) -> Json:
        answer = self.send("POST", f"/v1/{path}", **given)
        assert answer.status == status, answer.body
        return dict(json.loads(answer.body))

    def get(self, path: str, *, status: int = 200, **given: Any) -> Json:
        answer = self.send("GET", f"/v1/{path}", **given)
        assert answer.status == status, answer.body
        return dict(json.loads(answer.body))

    def opened(self, amount: int = 3_334, **given: Any) -> str:
        wanted = {"currency": "eur", "capture_method": "manual", **given}
        return str(self.post("payment_intents", amount=amount, **wanted)["id"])

    def held(self, amount: int = 3_334, method: str = "pm_card_visa", **given: Any) -> str:
        id_ = self.opened(amount, **given)
        self.post(f"payment_intents/{id_}/confirm", payment_method=method)
        return id_

    def captured(self, amount: int = 3_334, **given: Any) -> str:
        id_ = self.held(amount, **given)
        self.post(f"payment_intents/{id_}/capture")
        return id_

    def rule(self, action: Json, *, times: int | None = 1, **match: Any) -> None:
        posted = {"match": match, "action": action, "times": times}
        self.sandbox.alter(lambda setting: faults.add_rule(setting.records, posted))

    def advance(self, by_ms: int) -> None:
        """Business time; due things happen as they would after a control request."""
        draft = Draft(self.store)
        advance(draft, by_ms)
        self.store.commit(draft.changes)
        self.sandbox.alter(self.machine.settle)

    def control(self, method: str, path: str, body: Any = None, **query: str) -> Json:
        request = Request(
            method=method,
            path=f"/_sandbox/{path}",
            query=tuple(query.items()),
            headers={},
            body=json.dumps(body).encode(),
        )

        def asked(setting: Any) -> Response:
            answer = self.machine.control(request, setting)
            assert answer is not None
            return answer

        return dict(json.loads(self.sandbox.alter(asked).body))

    def effects(self) -> list[Json]:
        return list(self.control("GET", "stripe/effects")["data"])

    def event_types(self) -> list[str]:
        """The oldest first."""
        found = [each["type"] for each in self.get("events", limit=100)["data"]]
        return list(reversed(found))


@dataclass
class Receiver:
    """What a webhook endpoint got. `answers`: statuses to answer with, then 200."""

    url: str
    received: trio.MemoryReceiveChannel[tuple[bytes, str]]
    answers: deque[int] = field(default_factory=deque)

    async def next(self) -> tuple[bytes, str]:
        """Body and signature."""
        with trio.fail_after(5):
            return await self.received.receive()

    async def next_type(self) -> str:
        body, _ = await self.next()
        return str(json.loads(body)["type"])


@dataclass
class Served:
    """A sandbox that is served on loopback, and clients."""

    stage: StripeStage
    urls: dict[str, str]
    client: stripe.StripeClient
    transport: Any
    http: httpx.AsyncClient
    written: trio.Event = field(default_factory=trio.Event)

    async def control(self, method: str, path: str, body: Any = None) -> Any:
        answer = await self.http.request(
            method, f"{self.urls['control']}/_sandbox/{path}", json=body
        )
        assert answer.is_success, answer.text
        return answer.json()

    async def rule(self, action: Json, *, times: int | None = 1, **match: Any) -> None:
        rule = {"match": {"api": "stripe", **match}, "action": action, "times": times}
        await self.control("POST", "rules", rule)

    def later(self, by_ms: int) -> None:
        """The wall's time jumps; who sends webhooks looks at it."""
        self.stage.wall += by_ms
        self.stage.sandbox.after_commit([(DELIVERIES.kind, "")])

    async def until_attempt(self, number: int) -> None:
        """Until a webhook waits for that attempt: the one before has ended."""
        await self._until(
            lambda: any(
                each["attempt"] == number for _, each in self.stage.store.scan(DELIVERIES.kind)
            )
        )

    async def until_fired(self) -> None:
        """Until a rule has fired: the request has come."""
        await self._until(lambda: any(True for _ in self.stage.store.scan(faults.JOURNAL)))

    async def _until(self, holds: Callable[[], bool]) -> None:
        with trio.fail_after(5):
            while not holds():
                self.written = trio.Event()
                await self.written.wait()

    def listen(self) -> None:
        """Hear of what is written, after who sends webhooks."""
        sender = self.stage.sandbox.after_commit

        def heard(places: Collection[Place]) -> None:
            sender(places)
            self.written.set()

        self.stage.sandbox.after_commit = heard


class Transport(stripe.HTTPXClient):
    """As it is, but for the time between retries."""

    async def sleep_async(self, secs: float) -> None:
        await trio.lowlevel.checkpoint()


@asynccontextmanager
async def served(
    wall: Callable[[], int] | None = None, stage: StripeStage | None = None
) -> AsyncIterator[Served]:
    """`stage`: one that was served before."""
    stage = stage or StripeStage()
    if wall is not None:
        stage.wall = wall()
    transport = Transport(timeout=5, verify_ssl_certs=False)
    async with (
        trio.open_nursery() as nursery,
        httpx.AsyncClient(trust_env=False, verify=False) as http,
    ):

        async def serve(*, task_status: trio.TaskStatus[Json]) -> None:
            await serve_sandbox(stage.sandbox, host="127.0.0.1", ports={}, task_status=task_status)

        urls = await nursery.start(serve)
        client = stripe.StripeClient(
            "sk_test_sbx",
            base_addresses={"api": urls["stripe"]},
            http_client=transport,
            max_network_retries=0,
        )
        found = Served(stage, urls, client, transport, http)
        found.listen()
        try:
            yield found
        finally:
            with trio.CancelScope(shield=True):
                await transport.close_async()
            nursery.cancel_scope.cancel()


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """An endpoint on loopback."""
    tell, received = trio.open_memory_channel[tuple[bytes, str]](1_000)
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listeners[0].socket.getsockname()[1]
    receiver = Receiver(f"http://127.0.0.1:{port}/hook", received)

    async def take(stream: trio.SocketStream) -> None:
        connection = h11.Connection(h11.SERVER)
        body, signature = b"", ""
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                connection.receive_data(await stream.receive_some(65_536))
            elif isinstance(event, h11.Request):
                signature = dict(event.headers)[b"stripe-signature"].decode()
            elif isinstance(event, h11.Data):
                body += event.data
            else:
                break
        if isinstance(event, h11.EndOfMessage):
            tell.send_nowait((body, signature))
            status = receiver.answers.popleft() if receiver.answers else 200
            headers = [("content-length", "0"), ("connection", "close")]
            reply = connection.send(h11.Response(status_code=status, headers=headers)) or b""
            await stream.send_all(reply + (connection.send(h11.EndOfMessage()) or b""))
        await stream.aclose()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, take, listeners)
        yield receiver
        nursery.cancel_scope.cancel()
