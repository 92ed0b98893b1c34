"""`main.py serve` with a probe in its loop, for this benchmark alone.

Orders, a line of JSON each, answered by a line: `{"loop": true}` (what `benchmarks.harm_server.Probe`
counted since the last time); `{"active": true}` (how many actors of each kind are); `{"collect": true}`
(milliseconds of processor time of a full collection, and the objects it walks over); `{"verify": token, "times": n}` (seconds of processor time that
n checks of an access token take); `{"objects": true}` (how many objects and bytes there are of each type);
`{"profile": true}`, then
`{"profile": false}` (where the loop was).
"""

import gc
import json
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import FrameType
from typing import Any, Final

import trio

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.harm_server import Probe
from commands import wiring
from commands.command_line import main
from commands.wiring import Server

COLLECTIONS: Final = 3
SAMPLE_EVERY: Final = 0.005
SHOWN: Final = 150
REPOSITORY: Final = str(Path(__file__).parents[2]) + "/"


class Sampler:
    """Where the loop's thread is, each five milliseconds of the process's processor time.

    By a signal, which Python hears between two steps of its own: a thread that looks would be let in
    where the loop waits for the kernel, and see little else.
    """

    def __init__(self) -> None:
        self._own: Counter[str] = Counter()
        self._within: Counter[str] = Counter()
        signal.signal(signal.SIGPROF, self._look)
        signal.setitimer(signal.ITIMER_PROF, SAMPLE_EVERY, SAMPLE_EVERY)

    def end(self) -> dict[str, Any]:
        """Samples, and of them those of each function itself and those with it on the stack."""
        signal.setitimer(signal.ITIMER_PROF, 0)
        return {
            "samples": sum(self._own.values()),
            "own": dict(self._own.most_common(SHOWN)),
            "within": dict(self._within.most_common(SHOWN)),
        }

    def _look(self, _: int, frame: FrameType | None) -> None:
        if frame is not None:
            self._own[_place(frame)] += 1
            self._within.update({_place(one) for one in _stack(frame)})


def _stack(frame: FrameType | None) -> list[FrameType]:
    found = []
    while frame is not None:
        found.append(frame)
        frame = frame.f_back
    return found


def _place(frame: FrameType) -> str:
    code = frame.f_code
    return f"{_short(code.co_filename)}:{code.co_qualname}"


def _short(path: str) -> str:
    return path.removeprefix(REPOSITORY).rpartition("site-packages/")[2]


def objects() -> dict[str, tuple[int, int]]:
    """Number and bytes by type: what the collector knows, and what those refer to."""
    seen: set[int] = set()
    found: dict[str, list[int]] = {}
    known = gc.get_objects()
    own = {id(known), id(seen), id(found)}
    for thing in known:
        for one in (thing, *gc.get_referents(thing)):
            if id(one) in seen or id(one) in own:
                continue
            seen.add(id(one))
            entry = found.setdefault(f"{type(one).__module__}.{type(one).__qualname__}", [0, 0])
            entry[0] += 1
            entry[1] += sys.getsizeof(one)
    return {name: (number, size) for name, (number, size) in found.items()}


class Answers:
    """What the server says to each order."""

    def __init__(self, probe: Probe) -> None:
        self._probe = probe
        self._sampler: Sampler | None = None
        self.server: Server | None = None

    def to(self, order: dict[str, Any]) -> Any:
        assert self.server is not None
        if "collect" in order:
            return self._collect()
        if "verify" in order:
            return self._verify(self.server, order["verify"], order["times"])
        if "objects" in order:
            return objects()
        if "profile" in order:
            return self._profile(order["profile"])
        if "active" in order:
            return Counter(one.address.kind for one in self.server.actors.system._registry)
        return self._probe.take()

    def _collect(self) -> dict[str, float]:
        gc.collect()  # what is garbage by now is another figure
        began = time.thread_time()
        for _ in range(COLLECTIONS):
            gc.collect()
        took = (time.thread_time() - began) / COLLECTIONS
        return {"ms": took * 1e3, "objects": len(gc.get_objects())}

    def _verify(self, server: Server, token: str, times: int) -> dict[str, float]:
        credentials = server.storage.credentials
        began = time.thread_time()
        for _ in range(times):
            credentials.verify(token)
        return {"cpu": time.thread_time() - began}

    def _profile(self, is_begun: bool) -> dict[str, Any]:
        sampler, self._sampler = self._sampler, Sampler() if is_begun else None
        return sampler.end() if sampler is not None else {}


async def _obey(answers: Answers) -> None:
    unread = b""
    async for received in trio.lowlevel.FdStream(os.dup(sys.stdin.fileno())):
        *orders, unread = (unread + received).split(b"\n")
        for order in orders:
            print(json.dumps(answers.to(json.loads(order))), flush=True)
    os.kill(os.getpid(), signal.SIGTERM)  # who asked is gone, however it ended


@asynccontextmanager
async def _serving(*args: Any, **kwargs: Any) -> AsyncIterator[Server]:
    probe = Probe()
    answers = Answers(probe)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(probe.run)
        nursery.start_soon(_obey, answers)
        async with _real_serving(*args, **kwargs) as answers.server:
            yield answers.server
        nursery.cancel_scope.cancel()


_real_serving = wiring.serving

if __name__ == "__main__":
    wiring.serving = _serving  # type: ignore[assignment]
    sys.exit(main(["serve"]))
