"""A run, from the parent's side: make the world, give each worker its part, play rounds, judge."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, astuple, dataclass
from typing import Final

import trio

from loadtest.accounts import Account, Api
from loadtest.client import Session
from loadtest.connection import Dial, dial_url
from loadtest.evidence import Evidence, Findings, judge
from loadtest.link import Link, LinkBrokenError, Word
from loadtest.measured import SERVER_CLOSED, Measured, together
from loadtest.scenario import Load, Scenario
from loadtest.server_load import closed_as_slow
from loadtest.virtual_users import (
    MAX_ACCOUNTS,
    Seat,
    WorldFailedError,
    make_accounts,
    make_rooms,
    seats,
)
from loadtest.wire import Frame

ROOMS_WITHIN: Final = 60.0
FIRST_SEND_AFTER: Final = 0.5
MANY_MEMBERS: Final = 100
"""In rooms of more members everybody becomes a member before anybody listens: each joining is an
event to all who do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What one round found. `rate` messages per second; `begun` on the run's clock."""

    name: str
    rate: float
    measured: Measured
    findings: Findings
    begun: float


class Run:
    """One scenario against one server.

    Owns: accounts, rooms, rounds. Borrows: the API and the workers' lines. `phase` says what it is
    doing. `limits`: the objectives by name, for a scenario that waits for one.
    """

    def __init__(
        self,
        scenario: Scenario,
        load: Load,
        api: Api,
        links: Sequence[Link],
        *,
        limits: dict[str, float] | None = None,
        now: Callable[[], float] = time.perf_counter,
        dial: Dial | None = None,
        accounts: list[Account] | None = None,
    ) -> None:
        self.scenario, self.load = scenario, load
        self.phase = "registering accounts"
        self.rounds: list[Round] = []
        self.was_interrupted = False
        self.processes = len(links)
        self._api, self._links, self._now, self._dial = api, list(links), now, dial
        self._limits = limits or {}
        self._accounts = accounts
        self._told: list[Word] = [{} for _ in links]

    async def set_up(self) -> None:
        """Until everybody is in his room.

        Raises `WorldFailedError`, `ApiError`, `UnreachableError`.
        """
        users = self.load.users
        if self._accounts is None:
            self._accounts = await make_accounts(self._api, min(users, MAX_ACCOUNTS))
        plan = seats(users, self.load.rooms, len(self._accounts))
        ws = str((await self._api.info())["ws"])
        self.phase = "making rooms"
        rooms = await self._rooms(self._accounts, plan, ws)
        self.phase = "connecting"
        for number, link in enumerate(self._links):
            await link.send(self._part(number, self._accounts, plan, rooms, ws))
        await self._everyone("accepted")
        await self._order({"say": "join"})
        await self._everyone("joined")

    async def play(self, name: str, rate: float, seconds: float) -> Round:
        """One round. Its figures are kept in `rounds` too."""
        self.phase = f"offering {rate:g}/s" if name == "load" else f"{name}: offering {rate:g}/s"
        self._told = [{} for _ in self._links]
        closed_before = await closed_as_slow(self._api)
        begun = self._now() + FIRST_SEND_AFTER
        await self._order(
            {"say": "begin", "round": name, "rate": rate, "seconds": seconds, "at": begun}
        )
        answered = await self._everyone("answered")
        heads: dict[str, int] = {}
        disturbed = [client_id for word in answered for client_id in word["disturbed"]]
        for word in answered:
            for room_id, seq in word["heads"].items():
                heads[room_id] = max(seq, heads.get(room_id, 0))
        self.phase = "waiting for the last"
        await self._order({"say": "expect", "heads": heads, "disturbed": disturbed})
        done = await self._everyone("done")
        evidence = [Evidence.of_wire(word["evidence"]) for word in done]
        measured = together(seconds, (word["measured"] for word in done))
        closed = await closed_as_slow(self._api)
        if closed is not None and closed_before is not None:
            measured.count(SERVER_CLOSED, closed - closed_before)
        ended = max(word["ended"] for word in done)
        findings = judge(evidence, ended, self.scenario.answered_within)
        self.rounds.append(
            Round(name=name, rate=rate, measured=measured, findings=findings, begun=begun)
        )
        return self.rounds[-1]

    async def play_all(self) -> None:
        """Every round of the scenario, at the rate of the load."""
        for name in self.scenario.rounds:
            if not self.was_interrupted:
                await self.play(name, self.load.rate, self.scenario.seconds_of_round(self.load))

    async def end(self) -> None:
        """Send everybody home."""
        self.phase = "done"
        await self._order({"say": "end"})

    async def interrupt(self) -> None:
        """Offer nothing more; what was offered is judged."""
        self.was_interrupted = True
        await self._order({"say": "stop"})

    @property
    def is_offering(self) -> bool:
        return "offering" in self.phase or self.phase == "waiting for the last"

    def progress(self) -> str:
        """One line on where it stands. The p99 is that of the worst worker."""
        told = [word for word in self._told if word]
        if not told:
            return self.phase
        if settling := [word for word in told if word["say"] == "settling"]:
            return str(settling[0]["about"])
        if told[0]["say"] == "seated":
            seated = sum(word["users"] for word in told)
            return f"{self.phase}: {seated} of {self.load.users} users are in their rooms"
        answered, delivered = (sum(w[key] for w in told) for key in ("answered", "delivered"))
        p99, lag = (max(w[key] for w in told) for key in ("p99_ms", "lag_ms"))
        return (
            f"{self.phase}: {answered} answered, {delivered} delivered, p99 {p99:.1f} ms, "
            f"harness lag p99 {lag:.1f} ms"
        )

    def _part(
        self, number: int, accounts: list[Account], plan: list[Seat], rooms: list[str], ws: str
    ) -> Word:
        ours = {seat.account for seat in plan if seat.account % self.processes == number}
        return {
            "scenario": self.scenario.name,
            "load": asdict(self.load),
            "limits": self._limits,
            "number": number,
            "processes": self.processes,
            "http": self._api.url,
            "ws": ws,
            "rooms": rooms,
            "seats": [astuple(seat) for seat in plan],
            "grants": {account: accounts[account].grant for account in ours},
            "accept_first": len(accounts) > MANY_MEMBERS,
        }

    async def _rooms(self, accounts: list[Account], plan: list[Seat], ws: str) -> list[str]:
        organiser = Session(
            dial=self._dial or dial_url(ws), credentials=accounts[0], on_event=_ignore
        )
        rooms: list[str] = []
        with trio.move_on_after(ROOMS_WITHIN):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_only_stopped, organiser)
                await organiser.wait_connected()
                rooms = await make_rooms(organiser, accounts, plan)
                nursery.cancel_scope.cancel()
        if not rooms:
            raise WorldFailedError("The rooms could not be made in a minute.")
        return rooms

    async def _order(self, word: Word) -> None:
        for link in self._links:
            await link.send(word)

    async def _everyone(self, what: str) -> list[Word]:
        """The word `what` of every worker."""
        words: list[Word] = [{} for _ in self._links]

        async def listen(number: int, link: Link) -> None:
            while True:
                try:
                    word = await link.receive()
                except LinkBrokenError:
                    raise WorldFailedError("A process of the load test has died.") from None
                if word["say"] == what:
                    words[number] = word
                    return
                if word["say"] == "failed":
                    raise WorldFailedError(word["sentence"])
                self._told[number] = word

        async with trio.open_nursery() as nursery:
            for number, link in enumerate(self._links):
                nursery.start_soon(listen, number, link)
        return words


async def _only_stopped(session: Session) -> None:
    """Keep it connected; the server's last word is why there is no run."""
    why = await session.run()
    raise WorldFailedError(f"The server does not let the first account connect: {why}")


def _ignore(event: Frame) -> None:
    """The organiser only makes rooms."""
