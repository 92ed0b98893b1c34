"""The whole server wakes actors by their durable timers."""

from pathlib import Path
from typing import Any

import trio

from commands.serving import serving
from core.actor import Actor, ActorSpec
from core.clock import SystemClock
from core.config import Config
from core.envelope import Envelope
from core.ports.durable_timers import SetTimer, TimerDue
from protocol.addresses import Kind
from protocol.frames import Done
from protocol.room import ROOM

SLEEPER = Kind("sleeper")


class Sleeper(Actor[Any]):
    def __init__(self, woken: trio.MemorySendChannel[TimerDue]) -> None:
        self._woken = woken

    async def handle(self, envelope: Envelope[Any]) -> None:
        self._woken.send_nowait(envelope.message)
        envelope.answer(Done())


async def test_a_running_server_wakes_an_actor_and_forgets_the_timer_of_a_room_that_is_not(
    dsn: str, tmp_path: Path
) -> None:
    config = Config(http_port=0, ws_port=0, data_dir=tmp_path, database_url=dsn, rate_limits=False)
    told, heard = trio.open_memory_channel[TimerDue](9)
    async with serving(config, node="n", key=b"k" * 32) as server:
        server.actors.system.register(ActorSpec(kind=SLEEPER, make=lambda key: Sleeper(told)))
        due_at = SystemClock().now_ms() + 200
        no_room = ROOM.at("01900000-0000-7000-8000-000000000000")
        await server.storage.timers.apply(
            SetTimer(tenant_id=1, address=no_room, name="poll", due_at=due_at),
            SetTimer(tenant_id=1, address=SLEEPER.at("a"), name="poll", due_at=due_at),
        )
        with trio.fail_after(10):
            assert await heard.receive() == TimerDue(name="poll", due_at=due_at)
            assert SystemClock().now_ms() >= due_at
            while (figures := server.timers.statistics())["armed"] or not figures["fired"]:
                await trio.sleep(0.01)  # nobody there could set an event
        assert (figures["fired"], figures["refused"], figures["failed"]) == (1, 1, 0)
