"""What the actor runtime costs, against bare trio: tells, asks, spawns, activations, bytes of an idle actor.

    .venv/bin/python -m benchmarks.runtime [--quick] [--json FILE]

A tell is compared with one send and one receive between two tasks over a bounded memory channel. On both sides
a task outside of any actor hands over a burst, then waits until the receiver has looked at the last of it; the
receiver does nothing else. A burst of 1 is the worst case: a trip through the scheduler for each message. In a
burst we gain because `receive` gives the others a turn after every message and an actor after every 16th; "greedy"
is a reader that takes all there is by `receive_nowait` and gives nobody a turn. Bare trio is the floor, not an equal:
it knows no lanes, deadlines, replies, restarts or passivation.

Rounds take turns in one process. Time is that of the processor, for others may share the machine; medians of
the rounds, and of each round's own ratio.
"""

import argparse
import gc
import json
import math
import random
import statistics
import time
import tracemalloc
from collections.abc import Awaitable, Callable
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import trio
import trio.testing

from core.actor import Actor, ActorSpec
from core.clock import SystemClock
from core.envelope import Envelope, Lane
from core.identity import Principal, Role
from core.ids import ProcessIds
from core.system import ActorSystem
from protocol.addresses import Kind
from protocol.frames import Done

ROUNDS = 9
BOUND = 960
"""Of the actor's normal lane, and of every channel."""
BURSTS = (64, 16, 4, 1)
SUBJECT = Kind("subject")
DONE = Done()
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

Measure = Callable[[int], Awaitable[float]]
"""Do it so many times; what one cost, in seconds of processor time or in bytes."""


class Note:
    """A message. `last`: of its burst, to wake the sender."""

    __slots__ = ("last",)

    def __init__(self, last: trio.Event | None = None) -> None:
        self.last = last


class Rare:
    """A message type with a lane of its own, as the server's kinds have some."""


NOTE = Note()


class Countdown:
    """Set when so many have come."""

    def __init__(self, left: int) -> None:
        self.left = left
        self.done = trio.Event()

    def one(self) -> None:
        self.left -= 1
        if not self.left:
            self.done.set()


# Ours.


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
        return await _in_bursts(system.ref(SUBJECT.at("a")).tell_nowait, count, burst)


async def deliver(count: int, *, burst: int) -> float:
    """As the gateway does for a command: find the reference by name, give a principal and a reply."""

    def give(note: Note) -> None:
        def reply(answer: object) -> None:
            pass

        envelope = Envelope(note, principal=PRINCIPAL, reply=reply)
        system.ref(SUBJECT.at("a")).deliver_nowait(envelope)

    async with a_system(Answering).running() as system:
        return await _in_bursts(give, count, burst)


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
        before = _allocated()
        await _tell_each(system, count + 1)
        return (_allocated() - before) / count


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


# Bare.


async def look(channel: trio.MemoryReceiveChannel[Note]) -> None:
    async for note in channel:
        last = note.last
        if last is not None:
            last.set()


async def look_greedily(channel: trio.MemoryReceiveChannel[Note]) -> None:
    async for note in channel:
        last = note.last
        if last is not None:
            last.set()
        with suppress(trio.WouldBlock):
            while True:
                last = channel.receive_nowait().last
                if last is not None:
                    last.set()


async def send_nowait(
    count: int,
    *,
    burst: int,
    read: Callable[[trio.MemoryReceiveChannel[Note]], Awaitable[None]] = look,
) -> float:
    sender, receiver = trio.open_memory_channel[Note](BOUND)
    async with trio.open_nursery() as nursery, sender:
        nursery.start_soon(read, receiver)
        return await _in_bursts(sender.send_nowait, count, burst)


async def send(count: int, *, burst: int) -> float:
    sender, receiver = trio.open_memory_channel[Note](BOUND)
    async with trio.open_nursery() as nursery, sender:
        nursery.start_soon(look, receiver)
        await trio.testing.wait_all_tasks_blocked()
        began = time.process_time()
        for _ in range(count // burst):
            for _ in range(burst - 1):
                await sender.send(NOTE)
            last = trio.Event()
            await sender.send(Note(last))
            await last.wait()
        return (time.process_time() - began) / count


async def there_and_back(count: int, *, within: float = math.inf) -> float:
    """A question over one channel, its answer over another."""
    ours, theirs = trio.open_memory_channel[Note](BOUND), trio.open_memory_channel[Done](BOUND)

    async def answer() -> None:
        async for _ in ours[1]:
            theirs[0].send_nowait(DONE)

    async with trio.open_nursery() as nursery, ours[0]:
        nursery.start_soon(answer)
        await trio.testing.wait_all_tasks_blocked()
        began = time.process_time()
        for _ in range(count):
            with nullcontext() if within == math.inf else trio.fail_after(within):
                ours[0].send_nowait(NOTE)
                await theirs[1].receive()
        return (time.process_time() - began) / count


async def start_task(count: int) -> float:
    """`nursery.start_soon`, until each has run once and is gone."""

    async def job() -> None:
        countdown.one()

    countdown = Countdown(count)
    began = time.process_time()
    async with trio.open_nursery() as nursery:
        for _ in range(count):
            nursery.start_soon(job)
    return (time.process_time() - began) / count


async def start_reader(count: int) -> float:
    """A task with a channel of its own, until each has received one message; each then lives on."""
    async with trio.open_nursery() as nursery:
        began = time.process_time()
        await _start_readers(nursery, count)
        taken = time.process_time() - began
        nursery.cancel_scope.cancel()
    return taken / count


async def idle_reader(count: int) -> float:
    async with trio.open_nursery() as nursery:
        before = _allocated()
        senders = await _start_readers(nursery, count)
        taken = _allocated() - before
        nursery.cancel_scope.cancel()
    return taken / len(senders)


async def _start_readers(
    nursery: trio.Nursery, count: int
) -> list[trio.MemorySendChannel[Countdown]]:
    async def read(receiver: trio.MemoryReceiveChannel[Countdown]) -> None:
        async for countdown in receiver:
            countdown.one()

    countdown, senders = Countdown(count), []
    for _ in range(count):
        sender, receiver = trio.open_memory_channel[Countdown](BOUND)
        nursery.start_soon(read, receiver)
        sender.send_nowait(countdown)
        senders.append(sender)
    await countdown.done.wait()
    return senders


# Both.


async def _in_bursts(hand_over: Callable[[Note], object], count: int, burst: int) -> float:
    last = trio.Event()
    hand_over(Note(last))
    await last.wait()
    await trio.testing.wait_all_tasks_blocked()
    began = time.process_time()
    for _ in range(count // burst):
        for _ in range(burst - 1):
            hand_over(NOTE)
        last = trio.Event()
        hand_over(Note(last))
        await last.wait()
    return (time.process_time() - began) / count


def _allocated() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


@dataclass(frozen=True, slots=True)
class Row:
    """One thing of ours, and what it is measured against."""

    name: str
    ours: Measure
    bare: dict[str, Measure]
    count: int
    unit: str = "µs"


def rows() -> list[Row]:
    def bursts(name: str, ours: Callable[..., Awaitable[float]], burst: int) -> Row:
        bare: dict[str, Measure] = {
            "send_nowait + receive": partial(send_nowait, burst=burst),
            "await send + receive": partial(send, burst=burst),
            "send_nowait, greedy reader": partial(send_nowait, burst=burst, read=look_greedily),
        }
        return Row(f"{name}, bursts of {burst}", partial(ours, burst=burst), bare, 20_480)

    bare_tasks: dict[str, Measure] = {
        "start_soon, runs and ends": start_task,
        "task + channel, one receive": start_reader,
    }
    bare_asks: dict[str, Measure] = {
        "there and back, two channels": there_and_back,
        "the same within fail_after": partial(there_and_back, within=10),
    }
    return [
        *(bursts("tell", tell, burst) for burst in BURSTS),
        *(bursts("gateway's command + answer", deliver, burst) for burst in (64, 1)),
        Row("ask", ask, bare_asks, 10_000),
        Row("spawn", spawn, bare_tasks, 5_000),
        Row("activation", activate, bare_tasks, 5_000),
        Row("activation + passivation", come_and_go, bare_tasks, 5_000),
        Row("idle actor", idle_actor, {"task waiting in receive": idle_reader}, 20_000, "bytes"),
    ]


async def measure(row: Row, count: int) -> list[dict[str, Any]]:
    """One entry per thing compared with."""
    in_bytes = row.unit == "bytes"
    # Bytes are the same every time, and tracing them is slow.
    rounds = 1 if in_bytes else ROUNDS
    measures = [row.ours, *row.bare.values()]
    taken: list[list[float]] = [[] for _ in measures]
    for _ in range(rounds):
        for measured, figures in zip(measures, taken, strict=True):
            if in_bytes:
                tracemalloc.start()
            gc.collect()
            figures.append(await measured(count) * (1 if in_bytes else 1e6))
            tracemalloc.stop()
    mine = taken[0]
    return [
        {
            "what": row.name,
            "against": name,
            "unit": row.unit,
            "ours": statistics.median(mine),
            "bare": statistics.median(theirs),
            "ratio": statistics.median(a / b for a, b in zip(mine, theirs, strict=True)),
            "ratios": [a / b for a, b in zip(mine, theirs, strict=True)],
        }
        for name, theirs in zip(row.bare, taken[1:], strict=True)
    ]


def show(entry: dict[str, Any]) -> None:
    digits = 0 if entry["unit"] == "bytes" else 2
    rate = "" if entry["unit"] == "bytes" else f"{1e6 / entry['ours']:,.0f}/s"
    print(
        f"{entry['what']:<41}{entry['ours']:>9,.{digits}f} {entry['unit']:<6}{rate:>10}"
        f"   {entry['against']:<30}{entry['bare']:>9,.{digits}f}"
        f"{entry['ratio']:>8.2f}  ({min(entry['ratios']):.2f} to {max(entry['ratios']):.2f})",
        flush=True,
    )


async def main(options: argparse.Namespace) -> None:
    print(f"{'ours':<66}   {'bare trio':<39}{'ratio':>8}  (of single rounds)")
    entries = []
    for row in rows():
        for entry in await measure(row, row.count // 4 if options.quick else row.count):
            entries.append(entry)
            show(entry)
    if options.json is not None:
        options.json.write_text(json.dumps(entries, indent=1) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a quarter of the work per round")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every figure here")
    trio.run(main, parser.parse_args())
