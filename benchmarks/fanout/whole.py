"""From a frame in to the frames out: each server with its own inbound, ours with everything that it does.

Ours is `main.py serve`: a message is decoded, checked, decided by the room's actor and committed to
PostgreSQL before anybody sees it, then answered. The others keep nothing: what comes is sent to all.
PostgreSQL's own processor time stands apart.
"""

import json
import statistics
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from benchmarks.chat_rates import descendants, seconds, serving
from benchmarks.fanout.contenders import OURS, REPOSITORY, THEIRS, Child, Contender, crowd, match
from loadtest.uuid7 import Uuid7

ROOM: Final = 100
FLIGHTS: Final = (1, 4)
MESSAGES: Final = 400
WARMING: Final = 200
ROUNDS: Final = 3


def table(progress: Callable[[str], None]) -> str:
    """Markdown: microseconds of the server's processor time per delivery, medians of the rounds."""
    contenders = [OURS, *(contender for contender in THEIRS if contender.is_installed)]
    figures: dict[tuple[str, int], list[tuple[float, float]]] = {}
    for number in range(ROUNDS):
        for contender in contenders:
            progress(f"round {number + 1} of {ROUNDS}: {contender.title}")
            with _chat() if contender is OURS else _relay(contender) as (clients, pid):
                for flight, used in _measured(clients, pid):
                    figures.setdefault((contender.title, flight), []).append(used)
    lines = [
        "| server | in flight | µs per delivery, server | PostgreSQL |",
        "|---|---|---|---|",
    ]
    for (title, flight), several in figures.items():
        own, database = (statistics.median(column) for column in zip(*several, strict=True))
        lines.append(
            f"| {title} | {flight} | {own:.2f} | {f'{database:.2f}' if database else ''} |"
        )
    return "\n".join(lines)


def _measured(clients: Child, pid: int) -> Iterator[tuple[int, tuple[float, float]]]:
    clients.ask(send=ROOM, messages=WARMING, flight=FLIGHTS[-1])
    for flight in FLIGHTS:
        before = _used(pid)
        clients.ask(send=ROOM, messages=MESSAGES, flight=flight)
        own, database = (
            (after - then) / (ROOM * MESSAGES) * 1e6
            for after, then in zip(_used(pid), before, strict=True)
        )
        yield flight, (own, database)


def _used(pid: int) -> tuple[float, float]:
    """Seconds of processor time: of the process, and of those that it started."""
    children = sum(seconds(Path(f"/proc/{child}")) for child in descendants(pid))
    return seconds(Path(f"/proc/{pid}")), children


@contextmanager
def _relay(contender: Contender) -> Iterator[tuple[Child, int]]:
    with match(contender) as one:
        one.fill(ROOM)
        yield one.clients, one.server.process.pid


@contextmanager
def _chat() -> Iterator[tuple[Child, int]]:
    """A server with one account in one room."""
    with serving(REPOSITORY) as server:
        who = {"email": "b@example.test", "password": "caravan-benchmark", "name": "B"}
        token = _call(server.url, "auth/register", who, None)["accessToken"]
        room = {"kind": "group", "title": "benchmark", "clientId": Uuid7()()}
        room_id = _call(server.url, "chat/rooms", room, token)["room"]["id"]
        arguments = {"token": token, "room_id": room_id}
        with crowd(urllib.parse.urlsplit(server.ws_url).port or 0, "chat", arguments) as clients:
            clients.ask(join=ROOM, members=ROOM)
            yield clients, server.pid


def _call(url: str, path: str, body: dict[str, Any], token: str | None) -> dict[str, Any]:
    headers = {"Content-Type": "application/json"}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    request = urllib.request.Request(f"{url}/api/v1/{path}", json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=20) as answer:
        found: dict[str, Any] = json.load(answer)
    return found
