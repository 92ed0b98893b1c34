"""The scenario `slow`: a fifth of the clients read slowly, or not at all."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import trio

from loadtest.latencies import Latencies
from loadtest.measured import SERVER_CLOSED, Measured
from loadtest.scenario import COMMON, Load, Objective, Scenario
from loadtest.virtual_users import Seat
from protocol.close_codes import CloseCode

if TYPE_CHECKING:
    from loadtest.play import Play

SLOW_READERS = "slow"
EVERY_FIFTH = 5
A_SIP = 4_096
SIP_EVERY = 0.25
SMALL_BUFFER = 16_384
GROWTH = Objective(
    option="--growth",
    key="p99_growth",
    most=None,
    text="the others' p99 grew {:.2f} times",
    help="how many times the others' p99 may grow against the peace before (not judged)",
)


class Slow(Scenario):
    name = "slow"
    summary = "a fifth of the clients read slowly or not at all, and the others may not suffer"
    about = """
Two rounds on the same connections: peace, in which everybody reads, then every fifth user is slow:
by turns stuck (does not read at all) and sipping (4 KiB every 0.25 s). Latency, loss and rate of the
others are judged; what the slow miss is reported, and so is how many the server closed with 4002 (by
its /metrics, where we may read them: who does not read cannot see how he is closed). The
load is large messages, so that a stuck client has 1 MiB (and the kernel's buffers) behind him in time.
"""
    cuts_are_meant = True
    load = Load(users=50, rooms=2, rate=100.0, seconds=20.0, size=6_000)
    objectives = (*COMMON, GROWTH)
    rounds = ("peace", "load")

    def is_excused(self, seat: Seat) -> bool:
        # Counted within the room, so that each room has its fifth.
        return seat.place % EVERY_FIFTH == 0

    def stream(self, play: Play, seat: Seat, stream: trio.abc.Stream) -> trio.abc.Stream:
        if not self.is_excused(seat):
            return stream
        if isinstance(stream, trio.SocketStream):
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
        return SlowStream(stream, play, is_stuck=seat.place % (2 * EVERY_FIFTH) == 0)

    async def weather(self, play: Play) -> None:
        if play.round == "peace":
            return
        play.is_throttling = True
        try:
            await play.over.wait()
        finally:
            # They read again, so each learns how his connection ended.
            play.is_throttling = False
            play.opened.set()
            play.opened = trio.Event()

    def group(self, play: Play, recipient: int, intended: float) -> str | None:
        return SLOW_READERS if recipient in play.excused else None

    def figures(self, rounds: Mapping[str, Measured], excused: int) -> dict[str, Any]:
        peace, measured = rounds["peace"], rounds["load"]
        slow = measured.apart.get(SLOW_READERS, Latencies())
        before = peace.deliveries.percentile_ms(99)
        seen = measured.closes.get(str(int(CloseCode.SLOW_CONSUMER)), 0)
        growth = measured.deliveries.percentile_ms(99) / before if before else 0.0
        return {
            "slow_clients": measured.counts.get("excused", 0),
            "closed_4002": measured.counts.get(SERVER_CLOSED, seen),
            "closed_4002_seen": seen,
            "cut": measured.closes.get("cut", 0),
            "slow_missing": excused,
            "slow_delivered": slow.count,
            **slow.summary("slow_"),
            **peace.deliveries.summary("peace_"),
            "p99_growth": round(growth, 3),
        }

    def lines(self, report: Mapping[str, Any]) -> list[str]:
        return [
            f"{report['slow_clients']} clients were slow: {report['closed_4002']} closed with 4002 "
            f"({report['closed_4002_seen']} could read that, {report['cut']} found their socket gone); "
            f"{report['slow_missing']} messages missing there (not counted as loss).",
            f"The others' p99: {report['peace_p99_ms']:.1f} ms in peace, {report['p99_ms']:.1f} ms now "
            f"({report['p99_growth']:.2f} times).",
        ]

    def warnings(self, report: Mapping[str, Any]) -> list[str]:
        if report.get("closed_4002", 0) or report.get("cut", 0):
            return []
        return ["No slow client was closed: too little was sent to fill the buffers before him."]


class SlowStream(trio.abc.Stream):
    """A stream that is read at leisure while the play is throttling. Owns: the inner stream."""

    def __init__(self, inner: trio.abc.Stream, play: Play, *, is_stuck: bool) -> None:
        self._inner, self._play, self._is_stuck = inner, play, is_stuck

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        if self._play.is_throttling:
            max_bytes = A_SIP
            with trio.move_on_after(float("inf") if self._is_stuck else SIP_EVERY):
                await self._play.opened.wait()
        return await self._inner.receive_some(max_bytes)

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._inner.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._inner.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        await self._inner.aclose()
