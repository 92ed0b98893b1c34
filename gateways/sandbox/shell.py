"""The sandbox on loopback: one port per supplier and one for control, each speaking plain HTTP/1.1.

Thin: bytes become a `Request`, a machine answers, what changed is committed, and only then does the
answer leave, or not, as the rules say.
"""

import logging
import socket
import struct
from collections.abc import Mapping
from functools import partial
from typing import Final, assert_never
from urllib.parse import parse_qsl

import h11
import trio

from gateways.sandbox import faults
from gateways.sandbox.control import ControlMachine
from gateways.sandbox.exchange import Json, Machine, Request, Response
from gateways.sandbox.performing import Sandbox
from gateways.sandbox.webhook_sender import QUEUES, WebhookSender

log: Final = logging.getLogger("caravan.sandbox")

MAX_BODY: Final = 2 << 20
MAX_HEAD: Final = 32_768
MAX_CONNECTIONS: Final = 1_024
SILENCE_AFTER: Final = 60.0
"""Seconds without a request after which a connection is closed, and most a write may take."""

HANG_AT_MOST: Final = 900.0


async def serve_sandbox(
    sandbox: Sandbox,
    *,
    host: str,
    ports: Mapping[str, int],
    task_status: trio.TaskStatus[Json] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve until cancelled. `ports` by machine, or "control"; 0 or absent: a free one. Started with
    what the ready line says: `{"event", "control", NAME: URL…, "seed", "pid"}` without the pid.
    Raises `OSError` when a port is taken."""
    names = (faults.CONTROL, *(each.name for each in sandbox.machines))
    listeners = await _listeners(host, {name: ports.get(name, 0) for name in names})
    urls = {
        name: f"http://{host}:{listener.socket.getsockname()[1]}"
        for name, listener in listeners.items()
    }
    info: Json = {"event": "ready", **urls, "seed": sandbox.world.seed}
    control = ControlMachine(sandbox.machines, info)
    async with trio.open_nursery() as nursery:
        limit = trio.CapacityLimiter(MAX_CONNECTIONS)
        for queue in QUEUES:
            nursery.start_soon(WebhookSender(sandbox, queue).run)
        for machine in (control, *sandbox.machines):
            handler = partial(_connection, sandbox, machine, limit, nursery)
            nursery.start_soon(trio.serve_listeners, handler, [listeners[machine.name]])
        task_status.started(info)


async def _listeners(host: str, ports: Mapping[str, int]) -> dict[str, trio.SocketListener]:
    """All of them, or none: raises `OSError`, which names the port that cannot be had."""
    found: dict[str, trio.SocketListener] = {}
    for name, port in ports.items():
        try:
            found[name] = (await trio.open_tcp_listeners(port, host=host))[0]
        except OSError as error:
            for listener in found.values():
                listener.socket.close()
            why = f"Port {port} for {name} cannot be had: {error.strerror}"
            raise OSError(error.errno, why) from None
    return found


async def _connection(
    sandbox: Sandbox,
    machine: Machine,
    limit: trio.CapacityLimiter,
    nursery: trio.Nursery,
    stream: trio.SocketStream,
) -> None:
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    async with limit:
        try:
            await _Conversation(sandbox, machine, nursery, stream).run()
        except (trio.BrokenResourceError, trio.ClosedResourceError, trio.TooSlowError):
            pass
        finally:
            with trio.CancelScope(shield=True):
                await trio.aclose_forcefully(stream)


class _Conversation:
    """One connection: requests one after another. Owns: h11's state. Borrows: the stream."""

    def __init__(
        self,
        sandbox: Sandbox,
        machine: Machine,
        nursery: trio.Nursery,
        stream: trio.SocketStream,
    ) -> None:
        self._sandbox = sandbox
        self._machine = machine
        self._nursery = nursery
        self._stream = stream
        self._h11 = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD)

    async def run(self) -> None:
        while True:
            try:
                request = await self._next_request()
            except h11.RemoteProtocolError as error:
                await self._refuse(error.error_status_hint or 400)
                return
            if request is None or not await self._respond(request):
                return
            if self._h11.our_state is not h11.DONE or self._h11.their_state is not h11.DONE:
                return
            self._h11.start_next_cycle()

    async def _respond(self, request: Request) -> bool:
        """Whether the connection may go on."""
        try:
            done = self._sandbox.perform(self._machine, request)
        except Exception:
            log.exception("%s %s broke the machine", request.method, request.path)
            await self._send(Response(status=500, content_type="text/plain", body=b"sandbox bug"))
            return True
        plan = done.plan
        await trio.sleep(plan.delay_ms / 1_000)
        if plan.effect == "late":
            self._nursery.start_soon(self._later, request, plan.late_ms)
        match plan.reply:
            case "hung":
                await self._hang()
            case "reset":
                self._reset()
            case "sent" if isinstance(plan.spoil, faults.TruncateBody):
                await self._send(done.response, half=True)
            case "sent":
                await self._send(done.response)
                return True
            case _:
                assert_never(plan.reply)
        return False

    async def _later(self, request: Request, after_ms: int) -> None:
        await trio.sleep(after_ms / 1_000)
        try:
            self._sandbox.perform(self._machine, request, late=True)
        except Exception:
            log.exception("%s %s broke the machine, late", request.method, request.path)

    async def _next_request(self) -> Request | None:
        """None: the client is gone, or silent for too long. Raises `h11.RemoteProtocolError`."""
        head: h11.Request | None = None
        body = bytearray()
        while True:
            event = self._h11.next_event()
            if event is h11.NEED_DATA:
                if self._h11.they_are_waiting_for_100_continue:
                    await self._write(
                        self._h11.send(h11.InformationalResponse(status_code=100, headers=[]))
                    )
                with trio.move_on_after(SILENCE_AFTER) as silence:
                    self._h11.receive_data(await self._stream.receive_some(65_536))
                if silence.cancelled_caught:
                    return None
            elif isinstance(event, h11.Request):
                head = event
            elif isinstance(event, h11.Data):
                body += event.data
                if len(body) > MAX_BODY:
                    raise h11.RemoteProtocolError("too large", error_status_hint=413)
            elif isinstance(event, h11.EndOfMessage) and head is not None:
                return _request(head, bytes(body))
            else:
                return None

    async def _send(self, response: Response, *, half: bool = False) -> None:
        headers = [("content-length", str(len(response.body))), *response.headers]
        if response.status == 204:
            headers = list(response.headers)
        if response.content_type is not None:
            headers.append(("content-type", response.content_type))
        data = self._h11.send(h11.Response(status_code=response.status, headers=headers)) or b""
        body = response.body[: len(response.body) // 2] if half else response.body
        data += self._h11.send(h11.Data(data=body)) or b""
        if not half:
            data += self._h11.send(h11.EndOfMessage()) or b""
        await self._write(data)

    async def _refuse(self, status: int) -> None:
        if self._h11.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            await self._send(
                Response(
                    status=status, content_type="text/plain", headers=(("connection", "close"),)
                )
            )

    async def _hang(self) -> None:
        """Until the client goes."""
        with trio.move_on_after(HANG_AT_MOST):
            while await self._stream.receive_some(4_096):
                pass

    def _reset(self) -> None:
        """A TCP reset instead of an end."""
        linger = struct.pack("ii", 1, 0)
        self._stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._stream.socket.close()

    async def _write(self, data: bytes | None) -> None:
        with trio.fail_after(SILENCE_AFTER):
            await self._stream.send_all(data or b"")


def _request(head: h11.Request, body: bytes) -> Request:
    target = head.target.decode("ascii", "replace")
    path, _, query = target.partition("?")
    headers = {name.decode(): value.decode("latin-1") for name, value in head.headers}
    return Request(
        method=head.method.decode("ascii"),
        path=path,
        query=tuple(parse_qsl(query, keep_blank_values=True, errors="replace")),
        headers=headers,
        body=body,
        base=f"http://{headers.get('host', '127.0.0.1')}",
        target=target,
    )
