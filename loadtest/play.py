"""One worker's part of a run: its users, what they say, what they hear.

Open loop: send times are fixed before the round, whatever the server does, and latency counts from
the intended time to the receipt at each recipient. So a slow server cannot slow down its own
measurement (no "coordinated omission": Gil Tene, "How NOT to Measure Latency"). The intended time
travels in the text, because who receives a message may live in another process than who sent it.
"""

import gc
import random
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, Final

import trio

from loadtest.accounts import Account, Api
from loadtest.auditor import Auditor
from loadtest.client import Refused, Session, SessionStopped, open_session
from loadtest.connection import Dial, Through, dial_url
from loadtest.hub import open_hub
from loadtest.link import Link, Word
from loadtest.measured import DISCONNECTED, Measured
from loadtest.offered_text import intended_in, offered_text
from loadtest.pending import Pending, TooManyPendingError
from loadtest.scenario import Load, Scenario
from loadtest.uuid7 import Uuid7
from loadtest.virtual_users import CONNECTING_AT_ONCE, Seat, WorldFailedError
from loadtest.wire import Frame, is_durable

SETTLED_FOR: Final = 0.5
INTERRUPTED_DRAIN: Final = 2.0
WEATHER_ENDS_WITHIN: Final = 60.0
TELLS_EVERY: Final = 1.0
"""Each telling walks two histograms, a millisecond in which nothing is sent."""
JOINED_WITHIN: Final = 30.0
OVERDUE_IN_A_ROW: Final = 16
"""A turn of the loop for each would let a busy hub set the rate."""


class Play:
    """Owns: the sessions of its seats, the audit and the measurements of the round.

    `now` is the clock that all processes of the run share; `begun` the round's begin on trio's. `dials`
    makes a user's dial (None: of the address in `part`, its sockets read by one hub).
    `beside`: what the scenario has set up for itself.
    `away`: users whose socket has ended, until they are back; `away_until`: when they last were.
    """

    def __init__(
        self,
        part: Word,
        scenario: Scenario,
        link: Link,
        *,
        now: Callable[[], float] = time.perf_counter,
        dials: Callable[[Through], Dial] | None = None,
        open_api: Callable[[str], Api] = Api,
    ) -> None:
        self.scenario = scenario
        self.api = open_api(part["http"])
        self.beside: object = None
        self.load = Load(**part["load"])
        self.limits: dict[str, float] = part["limits"]
        self.number, self.processes = part["number"], part["processes"]
        self.rooms: list[str] = part["rooms"]
        plan = [Seat(*row) for row in part["seats"]]
        spoken = [seat for seat in plan if not scenario.is_excused(seat)]
        self.speakers = spoken[: self.load.speakers or None]
        self.seats = [seat for seat in plan if seat.account % self.processes == self.number]
        self.excused = {seat.number for seat in self.seats if scenario.is_excused(seat)}
        self.sessions: dict[int, Session] = {}
        self.auditor, self.measured = Auditor(), Measured()
        self.round = ""
        self.begun = 0.0
        self.over = trio.Event()
        self.is_throttling, self.opened = False, trio.Event()
        self.away: dict[int, trio.Event] = {}
        self.away_until: dict[int, float] = {}
        self._part, self._link, self._now = part, link, now
        self._dials = dials
        self._living: trio.Nursery | None = None
        self._new_id = Uuid7(random.Random())
        self._offering = trio.CancelScope()
        self._weather_over = trio.Event()
        self._seated = self._answered = 0
        self._disturbed: set[str] = set()
        self._open: dict[str, tuple[Session, Pending]] = {}
        self._held: list[tuple[str, float, float]] = []

    async def run(self, orders: trio.MemoryReceiveChannel[Word]) -> None:
        """Connect, join, play every round that is ordered, until told to end."""
        async with self.api, open_hub() as hub, trio.open_nursery() as nursery:
            self._living = nursery
            if self._dials is None:
                self._dials = partial(dial_url, self._part["ws"], hub=hub)
            accounts: dict[int, Account] = {}
            for key, grant in self._part["grants"].items():
                accounts[key] = Account(self.api, grant["user"]["handle"])
                accounts[key].adopt(grant)
            if self._part["accept_first"]:
                await self._each_seat(partial(self._accept, accounts))
            await self._link.send({"say": "accepted"})
            await orders.receive()
            async with trio.open_nursery() as telling:
                telling.start_soon(self._tell_seated)
                await self._each_seat(partial(self._enter, accounts, nursery))
                telling.cancel_scope.cancel()
            if self.number == 0:
                await self.scenario.settle(self)
            await self._link.send({"say": "joined"})
            async for order in orders:
                if order["say"] == "end":
                    break
                await self._play(order, orders)
            nursery.cancel_scope.cancel()

    def stop_offering(self) -> None:
        """Offer nothing more in this round; judge what was offered."""
        self.measured.was_interrupted = True
        self._offering.cancel()

    async def cut(self, number: int) -> trio.Event:
        """End a user's socket without a word. The event: he has a welcome again."""
        back = self.away.setdefault(number, trio.Event())
        await self.sessions[number].cut()
        return back

    async def tell(self, about: str) -> None:
        """Say to who waits what is being done before the first round."""
        await self._link.send({"say": "settling", "about": about})

    async def admit(self, account: Account, on_raw: Callable[[Frame, float], None]) -> Session:
        """Somebody without a seat, connected as long as the play lasts. Raises `WorldFailedError`."""
        if self._dials is None or self._living is None:
            raise AssertionError("they are made in `run`")
        session = Session(
            dial=self._dials(lambda stream: stream),
            credentials=account,
            name="caravan-loadtest",
            on_event=_unheard,
            on_raw=on_raw,
        )
        self._living.start_soon(self._live, session)
        with trio.move_on_after(JOINED_WITHIN):
            await session.wait_connected()
            return session
        raise WorldFailedError(f"{account.handle} was not let in within {JOINED_WITHIN:.0f} s.")

    # Everybody to his room

    async def _each_seat(self, act: Callable[[Seat], Any]) -> None:
        turn = trio.CapacityLimiter(max(2, CONNECTING_AT_ONCE // self.processes))

        async def in_turn(seat: Seat) -> None:
            async with turn:
                with trio.move_on_after(JOINED_WITHIN) as patience:
                    await act(seat)
                if patience.cancelled_caught:
                    why = (
                        f" He was told: {self.measured.stopped[0]}" if self.measured.stopped else ""
                    )
                    raise WorldFailedError(
                        f"A virtual user was not in his room within {JOINED_WITHIN:.0f} s.{why}"
                    )

        async with trio.open_nursery() as nursery:
            for seat in self.seats:
                nursery.start_soon(in_turn, seat)

    async def _accept(self, accounts: dict[int, Account], seat: Seat) -> None:
        """Become a member and leave again: while few listen, joining a big room is cheap."""
        session = self._session(accounts[seat.account], seat, is_heard=False)
        async with open_session(session):
            await session.wait_connected()
            await session.join(self.rooms[seat.room], within=JOINED_WITHIN)

    async def _enter(self, accounts: dict[int, Account], nursery: trio.Nursery, seat: Seat) -> None:
        session = self._session(accounts[seat.account], seat, is_heard=True)
        self.sessions[seat.number] = session
        nursery.start_soon(self._live, session)
        await session.wait_connected()
        await session.join(self.rooms[seat.room], within=JOINED_WITHIN)
        self._seated += 1

    async def _tell_seated(self) -> None:
        while True:
            await trio.sleep(TELLS_EVERY)
            await self._link.send({"say": "seated", "users": self._seated})

    def _session(self, account: Account, seat: Seat, *, is_heard: bool) -> Session:
        if self._dials is None:
            raise AssertionError("they are made in `run`")
        return Session(
            dial=self._dials(partial(self.scenario.stream, self, seat)),
            credentials=account,
            name="caravan-loadtest",
            on_event=partial(self._noticed, seat.number),
            on_raw=partial(self._tap, seat.number) if is_heard else None,
            heals=False,
        )

    async def _live(self, session: Session) -> None:
        self.measured.stopped.append(await session.run())

    # One round

    async def _play(self, order: Word, orders: trio.MemoryReceiveChannel[Word]) -> None:
        self.round, rate, seconds = order["round"], order["rate"], order["seconds"]
        self.begun = trio.current_time() + order["at"] - self._now()
        self.auditor, self.measured = self.auditor.next_round(), Measured(seconds=seconds)
        self.measured.count("excused", len(self.excused))
        self.over, self._weather_over = trio.Event(), trio.Event()
        self._offering, self._answered = trio.CancelScope(), 0
        self._disturbed.clear()
        self.away_until.clear()
        # The harness's own garbage collections would show up as the server's latency.
        gc.collect()
        gc.freeze()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._tell_progress)
            with trio.CancelScope() as speaking_scope:
                async with trio.open_nursery() as speaking:
                    speaking.start_soon(self._weather)
                    with self._offering:
                        await self._offer(rate, seconds)
                    self.over.set()
                    patience = 0.0 if self.measured.was_interrupted else WEATHER_ENDS_WITHIN
                    with trio.move_on_after(patience):
                        await self._weather_over.wait()
                    await self._drain(orders)
                    speaking_scope.cancel()
            nursery.cancel_scope.cancel()
        for session, pending in self._open.values():
            session.forget(pending)
        self._open.clear()
        self.measured.count(DISCONNECTED, len(self.away.keys() - self.excused))
        await self._link.send(
            {
                "say": "done",
                "evidence": self.auditor.evidence.wire(),
                "measured": self.measured.wire(),
                "ended": trio.current_time() - self.begun,
            }
        )

    async def _offer(self, rate: float, seconds: float) -> None:
        mine = {seat.number for seat in self.seats}
        await trio.sleep_until(self.begun)
        spent = time.process_time()
        try:
            for number in range(round(rate * seconds)):
                seat = self.speakers[number % len(self.speakers)]
                if seat.number not in mine:
                    continue
                intended = number / rate
                if trio.current_time() < self.begun + intended:
                    await trio.sleep_until(self.begun + intended)
                elif number % OVERDUE_IN_A_ROW == 0:
                    await trio.lowlevel.checkpoint()
                self.measured.lag.record(trio.current_time() - self.begun - intended)
                self.measured.timeline.offer(intended)
                self._say(seat, intended)
            await trio.sleep_until(self.begun + seconds)
        finally:
            lasted = max(0.001, trio.current_time() - self.begun)
            self.measured.offering_for = lasted
            self.measured.processors.append((time.process_time() - spent) / lasted)

    async def _drain(self, orders: trio.MemoryReceiveChannel[Word]) -> None:
        """Wait for our answers, then for what all processes had acknowledged, then for what comes
        twice: that comes later."""
        patience = (
            INTERRUPTED_DRAIN
            if self.measured.was_interrupted
            else self.scenario.answered_within + 0.5
        )
        deadline = trio.current_time() + patience
        # Polled: to judge after each delivery would cost the run what it measures.
        with trio.move_on_at(deadline):
            while not self.auditor.is_answered():  # noqa: ASYNC110
                await trio.sleep(0.1)
        await self._link.send(
            {"say": "answered", "heads": self.auditor.heads(), "disturbed": list(self._disturbed)}
        )
        expected = await orders.receive()
        with trio.move_on_at(max(deadline, trio.current_time() + 1.0)):
            while not self.auditor.has_all(expected["heads"]):  # noqa: ASYNC110
                await trio.sleep(0.1)
            await trio.sleep(SETTLED_FOR)
        self._release(set(expected["disturbed"]))

    async def _weather(self) -> None:
        await self.scenario.weather(self)
        self._weather_over.set()

    def _say(self, seat: Seat, intended: float) -> None:
        client_id, room_id = self._new_id(), self.rooms[seat.room]
        self.auditor.offered(client_id, room_id, intended)
        text = offered_text(self.round, intended, self.load.size)
        session = self.sessions[seat.number]
        told = partial(self._hear_answer, seat.number, client_id, intended)
        # What cannot be sent stays unanswered, which the audit counts as lost.
        with suppress(SessionStopped, TooManyPendingError, trio.WouldBlock):
            pending = session.ask_nowait(
                "chat.message", told, roomId=room_id, content=text, clientId=client_id
            )
            self._open[client_id] = (session, pending)

    def _hear_answer(
        self, speaker: int, client_id: str, intended: float, answer: Frame | Exception
    ) -> None:
        self._open.pop(client_id, None)
        now = trio.current_time() - self.begun
        if isinstance(answer, Refused):
            self.auditor.refused(client_id, now)
            self.measured.refusals[answer.code] = self.measured.refusals.get(answer.code, 0) + 1
        elif isinstance(answer, Exception):
            return
        else:
            self.measured.acknowledgements.record(now - intended)
            self.auditor.acknowledged(client_id, answer["seq"], answer["messageId"], now)
            if self.away_until.get(speaker, -1.0) >= intended:
                self._disturbed.add(client_id)
        self._answered += 1

    # What is heard

    def _tap(self, recipient: int, frame: Frame, received_at: float) -> None:
        if is_durable(frame):
            self._hear(recipient, frame, received_at - self.begun)
        elif frame["type"] == "ok" and "room" in frame:
            room = frame["room"]
            excused = recipient in self.excused
            self.auditor.listens(recipient, room["id"], room["head"], is_excused=excused)

    def _hear(self, recipient: int, event: Frame, received: float) -> None:
        message_id, intended = None, None
        if event["type"] == "chat.message":
            is_ours, intended = intended_in(event["content"], self.round)
            if is_ours:  # else a straggler of an earlier round: it only fills its place
                message_id = event["messageId"]
        is_first = self.auditor.received(
            recipient, event["roomId"], event["seq"], message_id, event.get("clientId")
        )
        if is_first and intended is not None:
            group = self.scenario.group(self, recipient, intended)
            if group is not None:
                self.measured.record_apart(group, received - intended)
            elif self.scenario.disturbed is None:
                self._delivered(intended, received)
            else:
                self._held.append((event.get("clientId") or "", intended, received))

    def _delivered(self, intended: float, received: float) -> None:
        self.measured.deliveries.record(received - intended)
        self.measured.timeline.deliver(intended, received)

    def _release(self, disturbed: set[str]) -> None:
        """Judge what was held, now that it is known whose sender was away meanwhile."""
        for client_id, intended, received in self._held:
            if client_id in disturbed and self.scenario.disturbed is not None:
                self.measured.record_apart(self.scenario.disturbed, received - intended)
            else:
                self._delivered(intended, received)
        self._held.clear()

    def _noticed(self, number: int, event: Frame) -> None:
        match event["type"]:
            case "local.disconnected":
                code = "cut" if event["code"] is None else str(event["code"])
                self.measured.closes[code] = self.measured.closes.get(code, 0) + 1
                self.away.setdefault(number, trio.Event())
            case "local.connected":
                self.away_until[number] = trio.current_time() - self.begun
                if number in self.away:
                    self.away.pop(number).set()

    async def _tell_progress(self) -> None:
        while True:
            await trio.sleep(TELLS_EVERY)
            await self._link.send(
                {
                    "say": "progress",
                    "answered": self._answered,
                    "delivered": self.measured.deliveries.count + len(self._held),
                    "p99_ms": self.measured.deliveries.percentile_ms(99),
                    "lag_ms": self.measured.lag.percentile_ms(99),
                }
            )


def _unheard(event: Frame) -> None:
    """Who has no seat hears with `on_raw`."""
