"""What clients see of answers under way: their start, their text as it grows, their end (§5)."""

from collections.abc import Mapping
from typing import Final

from actors.room.messages import RUNS_OVERDUE, After
from actors.room.open_runs import Reason, UnderWay
from actors.room.ports import RoomPorts
from actors.room.state import RoomState
from actors.room.traces import Trace, Traces
from core.errors import Rejected
from core.ports.fanout import Client, FrameLane
from protocol.codec import encode
from protocol.persona import CloseRun, OpenRun, RunEnded, RunStarted, StreamRun, TextStreamed

HEARD_WITHIN: Final = 60.0
"""Seconds; far more than any answer takes. Whoever opened a run and is gone closes it no more."""


class Speaking:
    """Publishes in the control lane what begins and ends, in the stream lane what grows.

    Borrows: the runs of the room's `trace`, which outlive its crash. What is known is changed first
    and told then: what a crash keeps from being told, `carry_on` tells. `after(seconds,
    RUNS_OVERDUE)` brings the room a turn in which to end what is `overdue`.
    """

    def __init__(
        self, ports: RoomPorts, room: RoomState, traces: Traces, trace: Trace, after: After
    ) -> None:
        self._ports = ports
        self._room = room
        self._traces = traces
        self._runs = trace.runs
        self._after = after
        self._topic = f"room:{room.id}"
        self._is_armed = False

    # What the personas ask.

    def open(self, command: OpenRun, decided: RoomState) -> None:
        """Raises `Rejected`: nothing happened."""
        seat = decided.personas.get(command.persona_id)
        if seat is None:
            raise Rejected("not_found", "There is no such persona.")
        self._runs.open(command, seat.name, self._ports.clock.monotonic())
        self._traces.failed.forget(self._room.id, command.run_id)
        self.tell_untold()
        self._arm()

    def stream(self, command: StreamRun) -> None:
        run = self._runs.stream(command, self._ports.clock.monotonic())
        if run is None:
            self._traces.counts["deltas_dropped"] += 1
        else:
            self._tell(run)

    def closing(self, command: CloseRun, content: str) -> None:
        """It will end so, when that is durable: nothing more is streamed. The last words of one that
        is done are told, should they have been lost on their way here."""
        run = self._runs.get(command.run_id)
        if run is None:
            return
        run.closing = run.closing or command.reason
        whole = content.encode()
        if command.reason == "done" and whole.startswith(run.text):
            run.text = bytearray(whole)
            self._tell(run)

    def closed(self, run_id: str, reason: Reason, seq: int | None) -> None:
        """Its message is durable and told, or there is none. Harmless to repeat."""
        if self._runs.get(run_id) is not None:
            ended = RunEnded(room_id=self._room.id, run_id=run_id, reason=reason, seq=seq)
            self._publish(encode(ended), FrameLane.CONTROL)
            self._runs.close(run_id, seq)

    # What the room asks.

    def show(self, client: Client) -> None:
        """Tell a connection that has just become live what the others know."""
        for ended in self._traces.failed.of(self._room.id, self._ports.clock.monotonic()):
            client.send_nowait(encode(ended), FrameLane.CONTROL)
        for run in self._runs:
            if run.is_announced:
                client.send_nowait(encode(_started(run, self._room.id)), FrameLane.CONTROL)
            if run.sent:
                text = bytes(run.text[: run.sent]).decode()
                client.send_nowait(encode(self._delta(run, 0, text)), FrameLane.STREAM)

    def tell_untold(self) -> None:
        """What a crash kept from the live connections: before anything else that they missed, for a
        message comes behind its text."""
        for run in self._runs:
            self._tell(run)

    def carry_on(self, seqs: Mapping[str, int | None]) -> None:
        """After a restart, when everything durable was told. `seqs`: of the messages of runs that were
        closing; None: it is not durable, whoever asked was refused, and asks again."""
        for run in self._runs:
            seq = seqs.get(run.opened.run_id)
            if run.closing is not None and seq is not None:
                self.closed(run.opened.run_id, run.closing, seq)
        self.forget_closing()
        self._arm()

    def forget_closing(self) -> None:
        """What was decided is thrown away, and decided anew."""
        for run in self._runs:
            run.closing = None

    def homeless(self) -> list[CloseRun]:
        """How to end the runs of personas that are gone."""
        return [
            CloseRun(run_id=run.opened.run_id, reason="cancelled")
            for run in self._runs
            if run.opened.persona_id not in self._room.personas
        ]

    def overdue(self) -> list[CloseRun]:
        """How to end the runs that nothing was heard of for long."""
        self._is_armed = False
        now = self._ports.clock.monotonic()
        due = [run for run in self._runs if run.heard_at + HEARD_WITHIN <= now]
        for run in due:
            # Should it not end now, it is tried again.
            run.heard_at = now
        self._arm()
        return [CloseRun(run_id=run.opened.run_id, reason="failed") for run in due]

    def unfinished(self) -> list[CloseRun]:
        """How to end all of them, because the room stops."""
        return [CloseRun(run_id=run.opened.run_id, reason="failed") for run in self._runs]

    def _arm(self) -> None:
        """One timer, for the run that has been silent the longest."""
        if len(self._runs) and not self._is_armed:
            self._is_armed = True
            first = min(run.heard_at for run in self._runs) + HEARD_WITHIN
            self._after(max(0.0, first - self._ports.clock.monotonic()), RUNS_OVERDUE)

    def _tell(self, run: UnderWay) -> None:
        """To the live connections: whatever they were not told yet."""
        if not run.is_announced:
            self._publish(encode(_started(run, self._room.id)), FrameLane.CONTROL)
            run.is_announced = True
        if run.sent < len(run.text):
            text = bytes(run.text[run.sent :]).decode()
            self._publish(encode(self._delta(run, run.sent, text)), FrameLane.STREAM)
            run.sent = len(run.text)

    def _delta(self, run: UnderWay, offset: int, text: str) -> TextStreamed:
        return TextStreamed(
            room_id=self._room.id, run_id=run.opened.run_id, offset=offset, text=text
        )

    def _publish(self, frame: bytes, lane: FrameLane) -> None:
        self._ports.fanout.publish_nowait(self._topic, frame, lane)


def _started(run: UnderWay, room_id: str) -> RunStarted:
    opened = run.opened
    return RunStarted(
        room_id=room_id,
        run_id=opened.run_id,
        persona_id=opened.persona_id,
        message_id=opened.message_id,
        reply_to=opened.reply_to,
    )
