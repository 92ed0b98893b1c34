"""From an accepted socket to a connection: who has not asked yet is an object of the hub, not a task."""

import contextlib
from collections import deque
from collections.abc import Callable, Collection
from enum import Enum, auto
from typing import Final

import structlog
import trio

from core.callers import LOOPBACK, UNKNOWN, Proxies, caller_of, is_among
from core.pacing import DutyCycle, Pace
from gateways.client import handshake
from gateways.client.admission import Admission
from gateways.client.deadlines import NEVER, Deadlines
from gateways.client.hub import READ, Hub
from gateways.client.policy import Policy
from gateways.client.wire import Wire

_log = structlog.get_logger()

UPGRADE: Final = Pace(fastest=0.001, slowest=0.005, all_within=0.25)
"""Between two upgrades, which take a quarter of a millisecond each, and then a hello: a storm goes as fast as its
share of the loop lets it, eighty who have nothing to say leave the loop to others."""


class Step(Enum):
    """A newcomer's life."""

    ASKING = auto()  # the head of its request is not whole yet
    ASKED = auto()  # it is, and waits for its turn; nothing more is read
    REFUSED = auto()  # a close before it has read the refusal would take that with it
    LEFT = auto()  # closed, or a connection


class Newcomer:
    """A client that is connected and not upgraded. Owns: its wire, until that is a connection's.

    `address`: of whom it is counted as; `is_counted`: whether it is. `deadline`: when it is to leave (trio
    time).
    """

    __slots__ = (
        "_arrivals",
        "address",
        "deadline",
        "due_at",
        "head",
        "is_counted",
        "peer",
        "step",
        "wire",
    )

    def __init__(
        self, arrivals: "Arrivals", wire: Wire, peer: str, address: str, *, is_counted: bool
    ) -> None:
        self._arrivals = arrivals
        self.wire = wire
        self.peer = peer
        self.address = address
        self.is_counted = is_counted
        self.step = Step.ASKING
        self.head = bytearray()
        self.deadline = self.due_at = NEVER

    def ready(self, events: int, buffer: bytearray, now: float) -> None:
        """The socket is readable."""
        try:
            received = self.wire.receive_into(buffer)
        except BlockingIOError:
            return
        except OSError:
            received = 0
        if not received:
            self._arrivals.leave(self)
        elif self.step is Step.ASKING:
            self.head += memoryview(buffer)[:received]
            self._arrivals.heard(self)

    def enforce(self, now: float) -> float:
        """Leave when it is time; when to look again."""
        if now < self.deadline:
            return self.deadline
        self._arrivals.leave(self)
        return NEVER

    def crashed(self) -> None:
        """Something of ours failed."""
        self._arrivals.leave(self)


class Arrivals:
    """Everybody between accept and upgrade: bounded, each with a deadline.

    Owns: the newcomers. Borrows: the hub. `take_in` gets each wire that is upgraded, its caller's
    address and what came behind the head. `origins` is read at every upgrade. At `pace` they
    are upgraded, and sent away when it is time.
    """

    def __init__(
        self,
        *,
        hub: Hub,
        admission: Admission,
        policy: Policy,
        origins: Collection[str],
        take_in: Callable[[Wire, str, bytes], None],
        pace: DutyCycle,
        proxies: Proxies = LOOPBACK,
    ) -> None:
        self._hub = hub
        self._admission = admission
        self._policy = policy
        self._origins = origins
        self._take_in = take_in
        self._pace = pace
        self._proxies = proxies
        self._deadlines = Deadlines(pace)
        self._newcomers: set[Newcomer] = set()
        self._has_left = trio.Event()
        self._asked: deque[Newcomer] = deque()
        self._has_asked = trio.Event()

    def __len__(self) -> int:
        return len(self._newcomers)

    async def run(self) -> None:
        """Until cancelled; then who is still here is dropped."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._deadlines.run)
                nursery.start_soon(self._answer_in_turn)
        finally:
            for newcomer in self._newcomers:
                newcomer.wire.close()

    @property
    def is_full(self) -> bool:
        """Whether nobody may enter now."""
        return len(self._newcomers) >= self._policy.max_handshakes

    async def place(self) -> None:
        """Wait until somebody may enter."""
        while self.is_full:
            if self._has_left.is_set():  # else another listener waits for it already
                self._has_left = trio.Event()
            await self._has_left.wait()

    def enter(self, wire: Wire, peer: str) -> None:
        """A newcomer, from here on; refused at once when too many come from there. A proxy is to say first
        for whom it comes."""
        address = UNKNOWN if is_among(peer, self._proxies) else peer
        is_counted = self._admission.enter_address(address)
        newcomer = Newcomer(self, wire, peer, address, is_counted=is_counted)
        self._newcomers.add(newcomer)
        try:
            self._hub.watch(newcomer, READ)
        except OSError as error:
            _log.warning("client.watch_failed", error=str(error))
            self.leave(newcomer)
            return
        if is_counted:
            self._leaves_at(newcomer, trio.current_time() + self._policy.handshake_within)
        else:
            self._refuse(newcomer, handshake.OVERLOADED)

    def heard(self, newcomer: Newcomer) -> None:
        """More of its request came in. Raises nothing."""
        if handshake.end_of(newcomer.head) >= 0:
            newcomer.step = Step.ASKED
            self._hub.watch(newcomer, 0)
            self._asked.append(newcomer)
            self._has_asked.set()

    def leave(self, newcomer: Newcomer) -> None:
        """It went, or has to."""
        if newcomer.step is not Step.LEFT:
            self._has_gone(newcomer)
            newcomer.wire.close()
            if newcomer.is_counted:
                self._admission.leave_address(newcomer.address)

    async def _answer_in_turn(self) -> None:
        while True:
            while not self._asked:
                self._has_asked = trio.Event()
                await self._has_asked.wait()
            await self._pace.take(self._answer_next, rest=UPGRADE.every(len(self._asked)))

    def _answer_next(self) -> None:
        newcomer = self._asked.popleft()
        if newcomer.step is Step.ASKED:
            self._answer(newcomer)

    def _answer(self, newcomer: Newcomer) -> None:
        """Raises nothing."""
        end = handshake.end_of(newcomer.head)
        try:
            if end > handshake.MAX_HEAD_BYTES:
                self._refuse(newcomer, handshake.TOO_LARGE)
            else:
                self._upgrade(newcomer, bytes(newcomer.head[:end]), bytes(newcomer.head[end:]))
        except Exception as error:
            _log.debug("client.handshake_failed", error=type(error).__name__)
            self.leave(newcomer)

    def _upgrade(self, newcomer: Newcomer, head: bytes, leftover: bytes) -> None:
        answer, is_accepted, forwarded = handshake.answer(
            head, origins=self._origins, needs_subprotocol=not self._policy.is_conformance
        )
        if not is_accepted:
            self._refuse(newcomer, answer)
            return
        caller = caller_of(newcomer.peer, forwarded, self._proxies)
        if caller != newcomer.address:
            if not self._admission.move(newcomer.address, caller):
                self._refuse(newcomer, handshake.OVERLOADED)
                return
            newcomer.address = caller
        # The first bytes on a new connection: the kernel takes them whole, or it is broken.
        if newcomer.wire.send(answer) != len(answer):
            raise OSError("no room for the answer to an upgrade")
        self._has_gone(newcomer)
        self._take_in(newcomer.wire, newcomer.address, leftover)

    def _refuse(self, newcomer: Newcomer, answer: bytes) -> None:
        """Say so, that nothing follows, and wait until it hangs up."""
        newcomer.step = Step.REFUSED
        self._hub.watch(newcomer, READ)
        with contextlib.suppress(OSError):
            newcomer.wire.send(answer)
        newcomer.wire.finish()
        self._leaves_at(newcomer, trio.current_time() + self._policy.timing.linger)

    def _leaves_at(self, newcomer: Newcomer, deadline: float) -> None:
        newcomer.deadline = deadline
        self._deadlines.schedule(newcomer, deadline)

    def _has_gone(self, newcomer: Newcomer) -> None:
        newcomer.step = Step.LEFT
        self._hub.watch(newcomer, 0)
        self._newcomers.discard(newcomer)
        self._has_left.set()
