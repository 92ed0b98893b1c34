"""The scenario `chat`: everybody talks in rooms, open loop.

Send times are fixed before the run, whatever the server does; latency is counted from the intended
time to the receipt at each recipient. So a slow server cannot slow down its own measurement
(no "coordinated omission": Gil Tene, "How NOT to Measure Latency").
"""

import gc
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Final

import trio

from loadtest.accounts import Account, Api
from loadtest.auditor import ACKNOWLEDGED_WITHIN, Auditor, Findings
from loadtest.client import Refused, Session, SessionStopped, open_session
from loadtest.connection import Dial, dial_url
from loadtest.pending import TooManyPendingError
from loadtest.report import Measured
from loadtest.uuid7 import Uuid7
from loadtest.virtual_users import (
    MAX_ACCOUNTS,
    Seat,
    WorldFailedError,
    in_turns,
    join_all,
    make_accounts,
    make_rooms,
    seats,
)
from loadtest.wire import Frame, is_durable

CONNECTED_WITHIN: Final = 60.0
FIRST_SEND_AFTER: Final = 0.5
SETTLED_FOR: Final = 0.5
INTERRUPTED_DRAIN: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What is offered: `rate` messages per second overall, `size` bytes of text each."""

    users: int = 200
    rooms: int = 20
    rate: float = 200.0
    seconds: float = 20.0
    size: int = 120


class ChatRun:
    """One run against one server.

    Owns: virtual users, the audit, the measurements. `phase` says what it is doing.
    """

    def __init__(self, load: Load, api: Api, *, dial: Dial | None = None) -> None:
        self.measured = Measured()
        self.auditor = Auditor()
        self.phase = "registering accounts"
        self._load = load
        self._api = api
        self._dial = dial
        self._new_id = Uuid7()
        self._offering = trio.CancelScope()
        self._answered = 0

    def interrupt(self) -> None:
        """Offer nothing more; judge what was offered."""
        self.measured.was_interrupted = True
        self._offering.cancel()

    def findings(self) -> Findings:
        return self.auditor.findings(trio.current_time())

    def progress(self) -> str:
        """One line on where it stands."""
        deliveries = self.measured.deliveries
        return (
            f"{self.phase}: {self._answered} answered, {deliveries.count} delivered, "
            f"p99 {deliveries.percentile_ms(99):.1f} ms"
        )

    async def run(self) -> None:
        """Make the world, offer the load, wait for what is on its way.

        Raises `WorldFailedError`, `ApiError`, `UnreachableError`.
        """
        plan = seats(self._load.users, self._load.rooms)
        accounts = await make_accounts(self._api, min(self._load.users, MAX_ACCOUNTS))
        dial = self._dial or dial_url(str((await self._api.info())["ws"]))
        self.phase = "making rooms"
        rooms = await self._rooms(accounts, plan, dial)
        self.phase = "connecting"
        async with trio.open_nursery() as nursery:
            sessions = [self._session(seat, accounts, dial) for seat in plan]
            for session in sessions:
                nursery.start_soon(self._live, session)
            with trio.move_on_after(CONNECTED_WITHIN) as patience:
                await join_all(sessions, plan, rooms)
            if patience.cancelled_caught:
                nursery.cancel_scope.cancel()
                raise WorldFailedError(f"Not all virtual users connected in {CONNECTED_WITHIN} s.")
            await self._offer_and_drain(sessions, plan, rooms)
            self.measured.reconnects = sum(session.connects - 1 for session in sessions)
            nursery.cancel_scope.cancel()

    async def _rooms(self, accounts: list[Account], plan: list[Seat], dial: Dial) -> list[str]:
        organiser = Session(dial=dial, credentials=accounts[0], on_event=_ignore)
        with trio.move_on_after(CONNECTED_WITHIN):
            async with open_session(organiser):
                await organiser.wait_connected()
                return await make_rooms(organiser, accounts, plan)
        raise WorldFailedError("The rooms could not be made in a minute.")

    def _session(self, seat: Seat, accounts: list[Account], dial: Dial) -> Session:
        return Session(
            dial=dial,
            credentials=accounts[seat.account],
            name="caravan-loadtest",
            on_event=_ignore,
            on_raw=partial(self._tap, seat.number),
            heals=False,
        )

    async def _live(self, session: Session) -> None:
        self.measured.stopped.append(await session.run())

    async def _offer_and_drain(
        self, sessions: list[Session], plan: list[Seat], rooms: list[str]
    ) -> None:
        # The harness's own garbage collections would show up as the server's latency.
        gc.collect()
        gc.freeze()
        self.phase = "offering"
        begun = trio.current_time() + FIRST_SEND_AFTER
        async with trio.open_nursery() as speaking:
            count = round(self._load.rate * self._load.seconds)
            with self._offering:
                for number, seat in enumerate(islice(in_turns(plan), count)):
                    intended = begun + number / self._load.rate
                    await trio.sleep_until(intended)
                    self.measured.lag.record(trio.current_time() - intended)
                    session, room_id = sessions[seat.number], rooms[seat.room]
                    speaking.start_soon(self._say, session, room_id, number, intended)
            self.measured.offering_for = max(0.001, trio.current_time() - begun)
            self.phase = "waiting for the last"
            await self._drain()
            speaking.cancel_scope.cancel()
        self.phase = "done"

    async def _drain(self) -> None:
        patience = INTERRUPTED_DRAIN if self.measured.was_interrupted else ACKNOWLEDGED_WITHIN + 0.5
        with trio.move_on_after(patience):
            # Polled: to judge after each delivery would cost the run what it measures.
            while not self.auditor.is_settled():  # noqa: ASYNC110
                await trio.sleep(0.2)
            # What comes twice comes later: give duplicates the time to show.
            await trio.sleep(SETTLED_FOR)

    async def _say(self, session: Session, room_id: str, number: int, intended: float) -> None:
        client_id = self._new_id()
        self.auditor.offered(client_id, room_id, intended)
        try:
            ok = await session.send(room_id, self._text(number), client_id=client_id)
        except Refused as refusal:
            self.auditor.refused(client_id, trio.current_time())
            self.measured.refusals[refusal.code] = self.measured.refusals.get(refusal.code, 0) + 1
        except (SessionStopped, TooManyPendingError):
            return  # stays unanswered, which the audit counts as lost
        else:
            now = trio.current_time()
            self.measured.acknowledgements.record(now - intended)
            self.auditor.acknowledged(client_id, ok["seq"], ok["messageId"], now)
        self._answered += 1

    def _text(self, number: int) -> str:
        return f"message {number} ".ljust(self._load.size, ".")

    def _tap(self, recipient: int, frame: Frame, received_at: float) -> None:
        if is_durable(frame):
            client_id = frame.get("clientId")
            message_id = frame["messageId"] if frame["type"] == "chat.message" else None
            is_first = self.auditor.received(
                recipient, frame["roomId"], frame["seq"], message_id, client_id
            )
            if is_first and client_id is not None:
                self.measured.deliveries.record(received_at - self.auditor.intended_at(client_id))
        elif "room" in frame and frame["type"] == "ok":
            self.auditor.listens(recipient, frame["room"]["id"], frame["room"]["head"])


def _ignore(event: Frame) -> None:
    """The tap has seen it."""


Progress = Callable[[str], None]


async def report_progress(run: ChatRun, say: Progress, every: float) -> None:
    """Say where the run stands, for ever."""
    while True:
        say(run.progress())
        await trio.sleep(every)
