"""Bare trio doing the same: the floor with which `benchmarks.runtime` compares."""

import math
import time
from collections.abc import Awaitable, Callable
from contextlib import nullcontext, suppress

import trio
import trio.testing

from benchmarks.runtime_counting import BOUND, DONE, NOTE, Countdown, Note, allocated, in_bursts
from protocol.frames import Done


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
        return await in_bursts(sender.send_nowait, count, burst)


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
        before = allocated()
        senders = await _start_readers(nursery, count)
        taken = allocated() - before
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
