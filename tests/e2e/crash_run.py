"""Writers and readers through kill -9: what they were promised, what they saw, and the difference."""

import itertools
import os
import random
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import trio
from server_process import ServerProcess

from loadtest.accounts import Account, Api
from loadtest.client import Refused, Session
from loadtest.connection import dial_url
from loadtest.wire import is_durable

Victim = Literal["server", "postgres"]
PASSWORD = "a-long-enough-password"


@dataclass
class Audit:
    """Compares acknowledged messages with the raw frames of every session, before any dedupe."""

    acked: dict[str, int] = field(default_factory=dict)
    seen: list[list[dict[str, Any]]] = field(default_factory=list)
    joined_at: list[int] = field(default_factory=list)
    put_out: int = 0
    """Joins that were acknowledged and are not known any more."""

    def findings(self) -> dict[str, int]:
        """Counts of what must not be: `lost`, `doubled`, `holes`, `repeated`, `disordered`."""
        found: Counter[str] = Counter(
            lost=self.put_out, doubled=0, holes=0, repeated=0, disordered=0
        )
        head = max((frame["seq"] for frames in self.seen for frame in frames), default=0)
        for frames, first in zip(self.seen, self.joined_at, strict=True):
            seqs = [frame["seq"] for frame in frames]
            places = {f["clientId"]: f["seq"] for f in frames if f.get("clientId")}
            distinct = {(f["clientId"], f["seq"]) for f in frames if f.get("clientId")}
            found["lost"] += sum(places.get(key) != seq for key, seq in self.acked.items())
            found["doubled"] += len(distinct) - len(places)
            found["holes"] += len(set(range(first + 1, head + 1)) - set(seqs))
            found["repeated"] += len(seqs) - len(set(seqs))
            found["disordered"] += sum(a > b for a, b in itertools.pairwise(seqs))
        return dict(found)


@dataclass
class Outcome:
    """What a run measured. `ready` in seconds, one per restart."""

    findings: dict[str, int]
    acked: int
    connects: int
    ready: list[float]


class Impatient(random.Random):
    """Back-off waits of the reference client, cut short: a killed server is back within a second."""

    def uniform(self, a: float, b: float) -> float:
        return a + min(b - a, 0.2) * self.random()


class CrashRun:
    """`writers` sessions of one account each in one room; all write, all read."""

    def __init__(
        self,
        server: ServerProcess,
        *,
        victim: Victim,
        rounds: int,
        seed: int,
        writers: int = 4,
    ) -> None:
        self.server = server
        self._victim, self._rounds, self._writers = victim, rounds, writers
        self._rng = random.Random(seed)
        self._audit = Audit()
        self._acks = [0] * writers
        self.refusals = 0
        self._stopping = False
        self._ready: list[float] = []

    async def run(self) -> Outcome:
        try:
            await self.server.start()
            async with Api(self.server.http) as api, self._sessions(api) as (sessions, room_id):
                async with trio.open_nursery() as nursery:
                    for number, session in enumerate(sessions):
                        nursery.start_soon(self._write, session, room_id, number)
                    await self._crash_again_and_again()
                    self._stopping = True
                await self._settle(sessions, room_id)
                connects = sum(session.connects for session in sessions)
        finally:
            await self.server.end()
        return Outcome(self._audit.findings(), len(self._audit.acked), connects, self._ready)

    @asynccontextmanager
    async def _sessions(self, api: Api) -> AsyncIterator[tuple[list[Session], str]]:
        accounts = [Account(api, f"writer{number}") for number in range(self._writers)]
        for account in accounts:
            email = f"{account.handle}@example.test"
            await account.register(email=email, name=account.handle, password=PASSWORD)
        sessions = [self._session(account, number) for number, account in enumerate(accounts)]
        async with trio.open_nursery() as nursery:
            for session in sessions:
                nursery.start_soon(session.run)
                await session.wait_connected()
            invited = [account.user["id"] for account in accounts[1:]]
            made = await sessions[0].ask(
                "room.create",
                kind="group",
                clientId=sessions[0].new_id(),
                title="crash",
                members=invited,
            )
            self._audit.joined_at[0] = made["room"]["head"]
            for number, session in enumerate(sessions[1:], 1):
                answer = await session.join(made["room"]["id"])
                self._audit.joined_at[number] = answer["room"]["head"]
            yield sessions, made["room"]["id"]
            nursery.cancel_scope.cancel()

    def _session(self, account: Account, number: int) -> Session:
        seen: list[dict[str, Any]] = []
        self._audit.seen.append(seen)
        self._audit.joined_at.append(0)

        def tap(frame: dict[str, Any], _at: float) -> None:
            if is_durable(frame):
                seen.append(frame)

        return Session(
            dial=dial_url(self.server.ws),
            credentials=account,
            on_event=lambda event: None,
            on_raw=tap,
            rng=Impatient(self._rng.random()),
            heals=False,
        )

    async def _write(self, session: Session, room_id: str, writer: int) -> None:
        number = 0
        while not self._stopping:
            number += 1
            client_id = session.new_id()
            seq = await self._say(session, room_id, f"{writer}:{number}", client_id)
            self._audit.acked[client_id] = seq
            self._acks[writer] += 1

    async def _say(self, session: Session, room_id: str, text: str, client_id: str) -> int:
        """A refusal that calls itself temporary is answered by the same message again; one that does
        not by joining anew: whoever writes here had joined."""
        while True:
            try:
                answer = await session.send(room_id, text, client_id=client_id)
                return int(answer["seq"])
            except Refused as refusal:
                if refusal.is_temporary:
                    self.refusals += 1
                    await trio.sleep(0.1)
                else:
                    self._audit.put_out += 1
                    await session.join(room_id)

    async def _crash_again_and_again(self) -> None:
        for _ in range(self._rounds):
            await self._wait_for_acks(5)
            await trio.sleep(self._rng.uniform(0.0, 0.1))
            if self._victim == "server":
                await self.server.kill()
                self._ready.append(await self.server.start())
            else:
                await self._kill_postgres()
        await self._wait_for_acks(5)

    async def _kill_postgres(self) -> None:
        """Its backends live on for a moment, and may still commit; so wait for the next one."""
        killed, at = self.server.postmaster, trio.current_time()
        assert killed is not None
        os.kill(killed, signal.SIGKILL)
        with trio.fail_after(20):
            while self.server.postmaster in (None, killed):
                await trio.sleep(0.02)
        self._ready.append(trio.current_time() - at)

    async def _wait_for_acks(self, more: int) -> None:
        """Until every writer has as many new ones."""
        wanted = [count + more for count in self._acks]
        with trio.fail_after(60):
            while any(count < want for count, want in zip(self._acks, wanted, strict=True)):
                await trio.sleep(0.01)

    async def _settle(self, sessions: list[Session], room_id: str) -> None:
        """Calm: everybody connected and nothing new for a while, then judge."""
        with trio.move_on_after(30):
            for session in sessions:
                await session.wait_connected()
            head = (await sessions[0].ask("room.join", roomId=room_id, within=20))["room"]["head"]
            with trio.move_on_after(10):
                while any(not frames or frames[-1]["seq"] < head for frames in self._audit.seen):
                    await trio.sleep(0.05)
