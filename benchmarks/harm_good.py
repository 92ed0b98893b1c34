"""The good clients of `benchmarks/harm.py`: fifty who chat, and what they see of it."""

from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

import trio

from loadtest.accounts import Api
from loadtest.client import Session, open_session
from loadtest.connection import dial_url
from loadtest.latencies import Latencies
from loadtest.uuid7 import Uuid7
from loadtest.virtual_users import (
    MAX_ACCOUNTS,
    in_turns,
    join_all,
    make_accounts,
    make_rooms,
    seats,
)
from loadtest.wire import Frame

USERS, ROOMS, RATE = 50, 10, 100.0
SETTLES_AFTER: Final = 0.5


@dataclass
class Phase:
    """What good clients saw in one phase, and what it cost: `spent` in seconds of processor time per
    second, `server` as its probe says, `ended` of the hostile ones by kind and last word. `seen`: when
    each delivery was due (trio time), and how late it came (seconds)."""

    deliveries: Latencies = field(default_factory=Latencies)
    seen: list[tuple[float, float]] = field(default_factory=list)
    lag: Latencies = field(default_factory=Latencies)
    spent: dict[str, float] = field(default_factory=dict)
    server: dict[str, Any] = field(default_factory=dict)
    ended: dict[str, int] = field(default_factory=dict)

    @property
    def p99(self) -> float:
        """Milliseconds."""
        return self.deliveries.percentile_ms(99)


class GoodClients:
    """Fifty sessions that chat. Owns: their tasks' figures. `phase` is where deliveries count."""

    def __init__(self) -> None:
        self.phase = Phase()
        self._plan = seats(USERS, ROOMS)
        self._intended: dict[str, float] = {}
        self._new_id = Uuid7()
        self._sessions: list[Session] = []
        self._rooms: list[str] = []

    async def come(self, api: Api, nursery: trio.Nursery) -> None:
        """Register, connect, join."""
        accounts = await make_accounts(api, MAX_ACCOUNTS)
        dial = dial_url(str((await api.info())["ws"]))
        for seat in self._plan:
            session = Session(
                dial=dial,
                credentials=accounts[seat.account],
                on_event=lambda event: None,
                on_raw=self._tap,
                heals=False,
            )
            self._sessions.append(session)
            nursery.start_soon(session.run)
        organiser = Session(dial=dial, credentials=accounts[0], on_event=lambda event: None)
        async with open_session(organiser):
            await organiser.wait_connected()
            self._rooms = await make_rooms(organiser, accounts, self._plan)
        await join_all(self._sessions, self._plan, self._rooms)

    async def talk(self, seconds: float) -> Phase:
        """One phase, open loop: send times are fixed before it."""
        self.phase, self._intended = Phase(), {}
        begun = trio.current_time() + 0.1
        async with trio.open_nursery() as speaking:
            for number, seat in enumerate(islice(in_turns(self._plan), round(RATE * seconds))):
                due = begun + number / RATE
                await trio.sleep_until(due)
                self.phase.lag.record(trio.current_time() - due)
                client_id = self._new_id()
                self._intended[client_id] = due
                session, room = self._sessions[seat.number], self._rooms[seat.room]
                speaking.start_soon(self._say, session, room, client_id)
        await trio.sleep(SETTLES_AFTER)  # what is still on its way to the others counts too
        expected = round(RATE * seconds) * USERS // ROOMS
        if self.phase.deliveries.count != expected:
            raise SystemExit(f"{self.phase.deliveries.count} of {expected} deliveries arrived")
        return self.phase

    async def _say(self, session: Session, room: str, client_id: str) -> None:
        await session.send(room, "message ".ljust(120, "."), client_id=client_id)

    def _tap(self, frame: Frame, received_at: float) -> None:
        due = self._intended.get(frame.get("clientId", ""))
        if due is not None and frame["type"] == "chat.message":
            self.phase.deliveries.record(received_at - due)
            self.phase.seen.append((due, received_at - due))
