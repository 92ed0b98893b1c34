"""The HTTP routes that clients need (§9), beside a tiny server, on h11."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from urllib.parse import parse_qs, urlsplit

import h11
import trio
from tiny_server import TinyServer
from tiny_world import Frame, User, new_id


class TinyHttp:
    """Owns nothing: the world is the tiny server's. `refuse_with` answers all registrations."""

    def __init__(self, server: TinyServer, ws: str) -> None:
        self._server = server
        self.refuse_with: int | None = None
        self.info: Frame = {"name": "tiny", "version": "0", "protocol": 1, "ws": ws}
        self.calls: list[str] = []

    async def serve_stream(self, stream: trio.abc.Stream) -> None:
        connection = h11.Connection(h11.SERVER)
        async with stream:
            while True:
                request, body = await self._next_request(connection, stream)
                if request is None:
                    return
                status, answer = self._answer(request, json.loads(body or b"{}"))
                payload = json.dumps(answer).encode()
                headers = [("Content-Length", str(len(payload))), ("Retry-After", "7")]
                await stream.send_all(
                    connection.send(h11.Response(status_code=status, headers=headers))
                    + connection.send(h11.Data(data=payload))
                    + connection.send(h11.EndOfMessage())
                )
                connection.start_next_cycle()

    async def _next_request(
        self, connection: h11.Connection, stream: trio.abc.Stream
    ) -> tuple[h11.Request | None, bytes]:
        request, body = None, b""
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                try:
                    connection.receive_data(await stream.receive_some())
                except trio.BrokenResourceError:
                    return None, b""
            elif isinstance(event, h11.Request):
                request = event
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                return request, body
            else:
                return None, b""

    def _answer(self, request: h11.Request, body: Frame) -> tuple[int, Frame]:
        target = urlsplit(request.target.decode())
        query = {key: values[0] for key, values in parse_qs(target.query).items()}
        call = f"{request.method.decode()} {target.path.removeprefix('/api/v1')}"
        self.calls.append(call)
        world = self._server.world
        match call:
            case "GET /info":
                return 200, self.info
            case "POST /auth/register":
                return self._register(body)
            case "POST /auth/login":
                user = world.by_handle(body["handle"])
                if user is None or user.password != body["password"]:
                    return 401, {"error": "Wrong handle or password.", "code": "unauthenticated"}
                return 200, world.grant(user)
            case "POST /auth/refresh":
                owner = world.refresh_tokens.pop(body["refreshToken"], None)
                if owner is None:
                    return 401, {"error": "Log in again.", "code": "unauthenticated"}
                return 200, world.grant(world.users[owner])
        me = self._bearer(request)
        if me is None:
            return 401, {"error": "Log in first.", "code": "unauthenticated"}
        match call:
            case "GET /chat/rooms":
                mine = [r for r in world.rooms.values() if me.id in r.members]
                items = [
                    {"id": r.id, "title": r.title, "state": r.members[me.id], "createdAt": n}
                    for n, r in enumerate(mine)
                ]
                return 200, {"items": items, "nextCursor": None}
            case "GET /users":
                found = world.by_handle(query["handle"])
                return (200, found.view()) if found else (404, {"error": "No such user."})
            case "POST /personas":
                persona = {"id": new_id(), "ownerId": me.id, **body}
                world.personas[persona["id"]] = persona
                return 201, {"persona": persona}
            case "GET /places":
                return 200, {"items": [{"name": query["q"]}]}
            case "GET /offers":
                return 200, self._server.personas.offers()
            case "POST /auth/ticket":
                return 200, {"ticket": world.grant(me)["accessToken"], "expiresIn": 30}
        found = world.users.get(target.path.rpartition("/")[2])
        return (200, found.view()) if found else (404, {"error": "No such route."})

    def _register(self, body: Frame) -> tuple[int, Frame]:
        if self.refuse_with is not None:
            return self.refuse_with, {"error": "Not now.", "code": "rate_limited"}
        if self._server.world.by_handle(body["handle"]):
            return 409, {"error": "This handle is taken.", "code": "conflict"}
        user = self._server.world.add_user(body["handle"], body["password"], body["name"])
        return 201, self._server.world.grant(user)

    def _bearer(self, request: h11.Request) -> User | None:
        headers = dict(request.headers)
        token = headers.get(b"authorization", b"").decode().removeprefix("Bearer ")
        return self._server.world.users.get(self._server.world.tokens.get(token, ""))


@asynccontextmanager
async def tiny_site(server: TinyServer) -> AsyncIterator[tuple[str, TinyHttp]]:
    """The tiny server on loopback, sockets and HTTP; yields the HTTP address."""
    async with server.over_tcp() as ws, trio.open_nursery() as nursery:
        http = TinyHttp(server, ws)
        serve = partial(trio.serve_tcp, http.serve_stream, 0, host="127.0.0.1")
        listeners = await nursery.start(serve)
        yield f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}", http
        nursery.cancel_scope.cancel()
