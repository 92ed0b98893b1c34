"""Who asks the personas: accounts of their own, each with a persona and a room for the two of them."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any, Final

import trio

from loadtest.accounts import Account, Api, ApiError, UnreachableError
from loadtest.client import Session
from loadtest.persona_answers import Answers
from loadtest.persona_prompts import Prompts
from loadtest.virtual_users import WorldFailedError, make_accounts
from loadtest.wire import Frame

if TYPE_CHECKING:
    from loadtest.play import Play

SECONDS_EACH: Final = 3.0
"""Between two prompts of one asker: a user has 20 runs a minute."""

SITTING_DOWN_AT_ONCE: Final = 4
READY_WITHIN: Final = 90.0
LOOKED_EVERY: Final = 0.5
GREETED_WITHIN: Final = 15.0
STYLES: Final = (
    "explorer",
    "adventure",
    "luxury",
    "local",
    "foodie",
    "culture",
    "budget",
    "family",
)
_FIRST: Final = """
Qua Xol Vyr Zub Jix Mup Wok Fyz Kur Thu Glo Bry Dax Nep Pyx Hul Ovi Uxa Yel Raz Elk Imp Cwy Snu Flo Gwa
Tro Syl Aru Lux"""
_LAST: Final = "zelko vrixa ptuno dwemi gnalu kzori fthea blumo skyfa tvesi"
NAMES: Final = tuple(first + last for last, first in product(_LAST.split(), _FIRST.split()))
"""Personas': no place is called so, and no word is."""

MAX_ASKERS: Final = len(NAMES)


def askers_for(rate: float) -> int:
    """How many accounts ask `rate` prompts per second without a limit in their way. Odd: so each of
    them asks by turns what needs a search and what does not."""
    return int(rate * SECONDS_EACH) // 2 * 2 + 3


@dataclass(slots=True, eq=False)
class Asker:
    """`name`: his persona's."""

    name: str
    room_id: str
    session: Session


@dataclass(slots=True, eq=False)
class Askers:
    """All of them, and what they ask. `answers`: of the round that is played, in seconds since
    `begun`."""

    prompts: Prompts
    seats: list[Asker] = field(default_factory=list)
    answers: Answers = field(default_factory=Answers)
    begun: float = 0.0
    ended: trio.Event = field(default_factory=trio.Event)

    def hear(self, frame: Frame, received_at: float) -> None:
        """What any of their sockets receives."""
        self.answers.hear(frame, received_at - self.begun)
        if frame["type"] == "run.ended":
            self.ended.set()
            self.ended = trio.Event()

    async def sit_down(self, play: "Play", count: int) -> None:
        """Register, make personas and rooms, wait for what personas look things up in, greet."""
        await play.tell(f"registering {count} accounts that ask personas")
        accounts = await make_accounts(play.api, count)
        await play.tell("waiting for the catalogue and the suppliers")
        await _ready(play.api, accounts[0])
        await play.tell(f"making {count} personas")
        turn = trio.CapacityLimiter(SITTING_DOWN_AT_ONCE)
        async with trio.open_nursery() as nursery:
            for number, account in enumerate(accounts):
                nursery.start_soon(self._sit_down, play, account, number, turn)
        await play.tell("greeting them")
        # Models are loaded and actors activated by who comes first; a load test is not about that.
        if await self._greet(self.seats[0], turn):
            async with trio.open_nursery() as nursery:
                for asker in self.seats[1:]:
                    nursery.start_soon(self._greet, asker, turn)

    async def _sit_down(
        self, play: "Play", account: Account, number: int, turn: trio.CapacityLimiter
    ) -> None:
        async with turn:
            body = {"name": NAMES[number], "style": STYLES[number % len(STYLES)]}
            made = await play.api.call("POST", "/personas", body=body, token=await account.token())
            session = await play.admit(account, self.hear)
            answer = await session.ask(
                "room.create",
                kind="group",
                title=f"asks {NAMES[number]}",
                clientId=session.new_id(),
                personas=[made["persona"]["id"]],
            )
            self.seats.append(Asker(NAMES[number], str(answer["room"]["id"]), session))

    async def _greet(self, asker: Asker, turn: trio.CapacityLimiter) -> bool:
        """Whether he was answered."""
        answers = self.answers
        async with turn:
            with trio.move_on_after(GREETED_WITHIN):
                greeting = answers.ask(trio.current_time(), needs_search=False)
                text = f"@{asker.name} hello"
                answers.told(greeting, await asker.session.send(asker.room_id, text))
                while greeting.message_id not in answers.ended():
                    await self.ended.wait()
                return True
        return False


async def _ready(api: Api, account: Account) -> None:
    """Until there are places, and every supplier answers with offers. Raises `WorldFailedError`."""
    start = datetime.now(UTC).date() + timedelta(days=30)
    days = {"start": start.isoformat(), "end": (start + timedelta(days=3)).isoformat()}
    searches = [
        ("/places", {"q": "Lisbon"}),
        ("/offers", {"kind": "hotel", "place": "LIS", **days}),
        ("/offers", {"kind": "flight", "from": "LON", "to": "LIS", **days}),
    ]
    lacking = ""
    with trio.move_on_after(READY_WITHIN):
        for path, query in searches:
            ask = partial(api.call, "GET", path, query=query)
            while lacking := _lack(await _answer(ask, account)):  # noqa: ASYNC110
                await trio.sleep(LOOKED_EVERY)
        return
    raise WorldFailedError(
        f"The server cannot be asked for trips within {READY_WITHIN:.0f} s: {lacking}. It needs its "
        "catalogue and suppliers, in the sandbox or live."
    )


async def _answer(ask: Any, account: Account) -> Frame:
    try:
        answer: Frame = await ask(token=await account.token())
    except ApiError as error:
        if error.is_temporary:
            return {"items": [], "why": error.message}
        raise
    except UnreachableError:
        # Who waits for a catalogue that is only being filled may be hung up on.
        return {"items": [], "why": "there was no answer"}
    return answer


def _lack(answer: Frame) -> str:
    """What is not there yet; empty when all is."""
    silent = [one["name"] for one in answer.get("suppliers", ()) if one["state"] != "answered"]
    if silent:
        return f"{', '.join(silent)} did not answer"
    return "" if answer["items"] else str(answer.get("why", "nothing was found"))
