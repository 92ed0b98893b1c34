"""Virtual users: sessions of at most twenty accounts, spread over rooms."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import trio

from loadtest.accounts import Account, Api, ApiError
from loadtest.client import Session
from loadtest.uuid7 import Uuid7
from loadtest.wire import Frame

MAX_ACCOUNTS: Final = 20
PASSWORD: Final = "caravan-loadtest-only"  # noqa: S105  # of throw-away accounts
CONNECTING_AT_ONCE: Final = 20
INVITED_AT_ONCE: Final = 100


class WorldFailedError(Exception):
    """The accounts or rooms of a run could not be made."""


@dataclass(frozen=True, slots=True)
class Seat:
    """Virtual user `number` is a session of account `account`, the `place`-th in room `room`."""

    number: int
    account: int
    room: int
    place: int = 0


def seats(users: int, rooms: int, accounts: int = MAX_ACCOUNTS) -> list[Seat]:
    """User n sits in room n mod `rooms`, so each room has users / rooms of them; the k-th of a
    room belongs to account (k + room) mod accounts: a room mixes as many accounts as it can.
    """
    accounts = min(users, accounts)
    return [
        Seat(n, (n // rooms + n % rooms) % accounts, n % rooms, n // rooms) for n in range(users)
    ]


async def make_accounts(api: Api, count: int) -> list[Account]:
    """Register throw-away accounts. Hashing is slow on purpose: hence few, and one by one."""
    new_id = Uuid7()
    accounts = []
    for number in range(count):
        handle = f"load-{new_id()[-12:]}"
        account = Account(api, handle)
        try:
            await account.register(
                email=f"{handle}@example.test", name=f"Load {number}", password=PASSWORD
            )
        except ApiError as error:
            raise WorldFailedError(_why_not(error)) from None
        accounts.append(account)
    return accounts


async def make_rooms(owner: Session, accounts: list[Account], plan: list[Seat]) -> list[str]:
    """The rooms of a plan, each with its accounts invited. Owned by `owner`'s account."""
    made = []
    members: dict[int, set[str]] = defaultdict(set)
    for seat in plan:
        members[seat.room].add(accounts[seat.account].user["id"])
    for room, people in sorted(members.items()):
        invited = sorted(people - {owner.user["id"]})
        answer = await owner.ask(
            "room.create",
            kind="group",
            title=f"load {room}",
            clientId=owner.new_id(),
            members=invited[:INVITED_AT_ONCE],
        )
        room_id = str(answer["room"]["id"])
        for first in range(INVITED_AT_ONCE, len(invited), INVITED_AT_ONCE):
            more = invited[first : first + INVITED_AT_ONCE]
            await owner.ask("room.invite", roomId=room_id, userIds=more)
        made.append(room_id)
    return made


async def join_all(sessions: list[Session], plan: list[Seat], rooms: list[str]) -> list[Frame]:
    """Everybody joins the room of his seat, a few at a time. Each room as its joiner saw it."""
    joined: list[Frame] = [{} for _ in plan]
    turn = trio.CapacityLimiter(CONNECTING_AT_ONCE)

    async def join(seat: Seat) -> None:
        async with turn:
            await sessions[seat.number].wait_connected()
            answer = await sessions[seat.number].join(rooms[seat.room], within=30)
            joined[seat.number] = answer["room"]

    async with trio.open_nursery() as nursery:
        for seat in plan:
            nursery.start_soon(join, seat)
    return joined


def in_turns(plan: list[Seat]) -> Iterator[Seat]:
    """Who speaks next, for ever: everybody in turn, so neighbours in time are in other rooms."""
    while True:
        yield from plan


def _why_not(error: ApiError) -> str:
    if error.status == 429:
        wait = f" for {error.retry_after:.0f} s" if error.retry_after else ""
        return (
            f"The server limits registrations{wait}. Start it with CARAVAN_RATE_LIMITS=off "
            "(on loopback only), or let the load test start one: leave out --url."
        )
    return f"The server refused to register an account: {error.message}"
