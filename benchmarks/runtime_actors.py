"""The actor runtime, as `benchmarks.runtime` measures it."""

import gc
import random
import time
from collections.abc import Callable
from typing import Any

import trio

from benchmarks.runtime_counting import DONE, NOTE, Countdown, Note, allocated, in_bursts
from core.actor import Actor, ActorSpec
from core.clock import SystemClock
from core.envelope import Envelope, Lane
from core.identity import Principal, Role
from core.ids import ProcessIds
from core.system import ActorSystem
from protocol.addresses import Kind

SUBJECT = Kind("subject")
PRINCIPAL = Principal(
    tenant_id=1,
    user_id="01999999-0000-7000-8000-00000000000a",
    login_id="01999999-0000-7000-8000-00000000000b",
    role=Role.USER,
    name="Ada",
    handle="ada",
    locale="en",
    expires_at=1_790_000_000_000,
)


class Rare:
    """A message type with a lane of its own, as the server's kinds have some."""


class Looking(Actor[Any]):
    async def handle(self, envelope: Envelope[Any]) -> None:
        last = envelope.message.last
        if last is not None:
            last.set()


class Answering(Actor[Any]):
    async def handle(self, envelope: Envelope[Any]) -> None:
        last = envelope.message.last
        if last is not None:
            last.set()
        envelope.answer(DONE)


class Living(Actor[Any]):
    """Counts on, or goes when the message is None."""

    async def handle(self, envelope: Envelope[Any]) -> None:
        if envelope.message is None:
            self.context.passivate_soon()
        else:
            envelope.message.one()


def a_system(make: Callable[[], Actor[Any]]) -> ActorSystem:
    chance = random.Random(1)
    system = ActorSystem(chance=chance, ids=ProcessIds(SystemClock(), chance))
    system.register(ActorSpec(kind=SUBJECT, make=lambda _: make(), lanes={Rare: Lane.CONTROL}))
    return system


async def tell(count: int, *, burst: int) -> float:
    async with a_system(Looking).running() as system:
        return await in_bursts(system.ref(SUBJECT.at("a")).tell_nowait, count, burst)


async def deliver(count: int, *, burst: int) -> float:
    """As the gateway does for a command: find the reference by name, give a principal and a reply."""

    def give(note: Note) -> None:
        def reply(answer: object) -> None:
            pass

        envelope = Envelope(note, principal=PRINCIPAL, reply=reply)
        system.ref(SUBJECT.at("a")).deliver_nowait(envelope)

    async with a_system(Answering).running() as system:
        return await in_bursts(give, count, burst)


async def ask(count: int) -> float:
    async with a_system(Answering).running() as system:
        ref = system.ref(SUBJECT.at("a"))
        await ref.ask(NOTE)
        began = time.process_time()
        for _ in range(count):
            await ref.ask(NOTE)
        return (time.process_time() - began) / count


async def spawn(count: int) -> float:
    """Names never heard of, until each has handled its first message; each then lives on."""
    async with a_system(Living).running() as system:
        return await _tell_each(system, count)


async def activate(count: int) -> float:
    """The same with names that have lived and passivated."""
    async with a_system(Living).running() as system:
        await _tell_each(system, count)
        await _passivate(system, count)
        gc.collect()
        return await _tell_each(system, count)


async def come_and_go(count: int) -> float:
    """Activation, one message, passivation."""
    async with a_system(Living).running() as system:
        began = time.process_time()
        await _tell_each(system, count)
        await _passivate(system, count)
        return (time.process_time() - began) / count


async def idle_actor(count: int) -> float:
    async with a_system(Living).running() as system:
        await _tell_each(system, 1)
        before = allocated()
        await _tell_each(system, count + 1)
        return (allocated() - before) / count


async def _tell_each(system: ActorSystem, count: int) -> float:
    countdown = Countdown(count)
    began = time.process_time()
    for n in range(count):
        system.ref(SUBJECT.at(str(n))).tell_nowait(countdown)
    await countdown.done.wait()
    return (time.process_time() - began) / count


async def _passivate(system: ActorSystem, count: int) -> None:
    for n in range(count):
        system.ref(SUBJECT.at(str(n))).tell_nowait(None)
    while system.statistics()["active"]:
        await trio.lowlevel.checkpoint()
