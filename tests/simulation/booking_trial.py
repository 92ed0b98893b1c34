"""A booking's whole world in one thread: people, suppliers, a payment provider, a journal, and time.

Plays one scenario. What the actor would do is done here without an event loop: a step is stored whole
(encoded, and read again after a crash, which loses what was only remembered), then its intents are
performed and the wanted looks made, on a clock that leaps to whatever comes next.
"""

import heapq
from collections.abc import Callable

from booking_crowd import Crowd
from booking_faults import Scenario
from booking_journal import Crash, TooLong
from booking_performing import Performing
from booking_stage import Watch
from booking_stories import DAY

from actors.booking import machine
from actors.booking.calls import (
    Look,
)
from actors.booking.steps import (
    CallEnded,
    Wake,
)
from protocol.suppliers import Unknown


class World(Performing, Crowd):
    """One play of a scenario, from its opening to its end."""

    def __init__(
        self, scenario: Scenario, watch: Watch | None = None, *, keeps_log: bool = False
    ) -> None:
        super().__init__(scenario, watch, keeps_log=keeps_log)
        try:
            self.saga = self._open()
        except Crash:
            self.saga = self._open()

    def play(self) -> None:
        """To the end, and then for days more until nothing is due any more."""
        try:
            self.settle()
            for leap in (4 * DAY, 10 * DAY):
                self.note(f"leap of {leap // DAY} days")
                self.now += leap
                self.survive(lambda: self.feed(Wake()))
                self.settle()
        except TooLong:
            self.problem("it never comes to rest")

    def settle(self) -> None:
        """Until nothing is due."""
        while self.survive(self.turn):
            pass

    def turn(self) -> bool:
        """One thing. False: there is nothing to do any more."""
        looks = [look for look in self.wanted() if self.idle.get(look, 0) <= self.now]
        if self.chance is not None:
            return self._any_of(looks)
        if self.queue:
            self.perform(self.queue.pop(0))
        elif looks:
            self.look(looks[0])
        else:
            return self.act() or self.operate() or self.advance()
        return True

    def _any_of(self, looks: list[Look]) -> bool:
        """One thing that may be next. Time leaps only while no call waits to leave: each does within
        seconds of its intent."""
        assert self.chance is not None
        things = ["call"] * bool(self.queue) + ["look"] * bool(looks) + ["act"]
        thing = self.chance.choice(things)
        if thing == "act" and self.act():
            return True
        if self.queue and thing != "look":
            self.perform(self.queue.pop(self.chance.randrange(len(self.queue))))
        elif looks and (self.queue or self.chance.random() < 0.7):
            self.look(self.chance.choice(looks))
        elif self.queue:
            self.perform(self.queue.pop(0))
        else:
            return self.operate() or self.advance() or bool(looks)
        return True

    def wanted(self) -> list[Look]:
        """Looks that are not under way."""
        looks = machine.looks_wanted(self.saga, self.now)
        return [look for look in looks if look not in self.looking]

    def survive(self, work: Callable[[], bool | None]) -> bool:
        """Do it; when the process crashes, start anew."""
        try:
            return work() is not False
        except Crash:
            self.note("CRASH")
        while True:
            try:
                self.restart()
            except Crash:
                self.note("CRASH")
            else:
                return True

    def restart(self) -> None:
        """Somebody owns the booking anew, and remembers what is stored. Intents without a result ended
        `Unknown`."""
        self.life += 1
        self.journal.fence += 1
        self.queue.clear()
        self.in_flight.clear()
        self.looking.clear()
        self.idle.clear()
        self.now += 5_000
        remembered, self.saga = self.stored, self.journal.load()
        if self.saga != remembered:
            self.problem("what is stored is not what was decided")
        unfinished = sorted(self.journal.intents.keys() - self.journal.ended.keys())
        if unfinished != sorted(pending.seq for pending in self.saga.pending):
            self.problem("the snapshot and the rows of intents do not agree on what is open")
        for seq in unfinished:
            self.feed(CallEnded(seq=seq, outcome=Unknown(detail="restart")))
        self.feed(Wake())

    def advance(self) -> bool:
        """To whatever comes next."""
        due = [actor.ready_at for actor in self.people.values() if actor.ready_at is not None]
        wake_at = machine.wake_at(self.saga)
        if self._due:
            due.append(self._due[0][0])
        if wake_at is not None:
            due.append(wake_at)
        if self.desk_at is not None:
            due.append(self.desk_at)
        due += [self.idle[look] for look in self.wanted() if self.idle.get(look, 0) > self.now]
        if not due:
            return False
        self.now = max(self.now, min(due))
        if self._due and self._due[0][0] <= self.now:
            heapq.heappop(self._due)[2]()
        elif wake_at is not None and wake_at <= self.now:
            if self.reach("wake", "timer") == "crash_before":
                raise Crash
            self.feed(Wake())
        return True
