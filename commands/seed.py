"""`main.py seed`: a small demo world on a running server. Run again, it adds only what is absent.

With `--tokens FILE` accounts for a load test instead: see `commands.seed_tokens`.
"""

import argparse
import os
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

import trio

from loadtest.accounts import Account, Api, ApiError, LoginRefusedError, UnreachableError
from loadtest.causes import first_cause
from loadtest.client import Refused, Session, open_session
from loadtest.connection import dial_url
from loadtest.wire import Frame

DEFAULT_URL: Final = "http://127.0.0.1:8080"
DEMO_PASSWORD: Final = "caravan-demo"  # noqa: S105  # printed on the README's first page
PEOPLE: Final = {"ada": "Ada", "bob": "Bob", "chen": "Chen", "dina": "Dina"}
SEEDED_WITHIN: Final = 60.0
DEFAULT_ACCOUNTS: Final = 1_000

Line = tuple[str, str]
ROOMS: Final[dict[str, tuple[Line, ...]]] = {
    "lisbon": (
        ("ada", "Lisbon in May, then? Flights look cheapest on the 12th."),
        ("bob", "I'm in. Four nights would be perfect."),
        ("chen", "Yes! Can we stay in Alfama, close to the viewpoints?"),
        ("dina", "Alfama sounds lovely. I'll look for something with a balcony."),
        ("ada", "Let's decide on Sunday. Put your ideas here until then."),
    ),
    "packing": (
        ("dina", "Who has an adapter? And bring shoes for hills."),
        ("bob", "I have two adapters."),
    ),
    "food": (("chen", "A list of places for pastel de nata, please."),),
}
PINNED: Final = "Let's decide on Sunday"
LOVED: Final = "Yes! Can we stay"


class SeedFailedError(Exception):
    """The demo world could not be made; the text says why."""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--url", default=DEFAULT_URL, help=f"the server ({DEFAULT_URL})")
    parser.add_argument(
        "--tokens",
        type=Path,
        metavar="FILE",
        help="no demo world: make accounts without passwords straight in the database of the server "
        "that runs from CARAVAN_DATA_DIR (or DATABASE_URL), and write their access tokens, good for "
        "15 minutes, to FILE (one JSON object a line; mode 600)",
    )
    parser.add_argument(
        "--accounts", type=int, metavar="N", help=f"with --tokens: how many ({DEFAULT_ACCOUNTS})"
    )
    parser.epilog = "The password is CARAVAN_PASSWORD, or caravan-demo."


def run(args: argparse.Namespace) -> int:
    if args.tokens is not None:
        return _run_tokens(args.tokens, args.accounts)
    if args.accounts is not None:
        print("--accounts goes with --tokens.", file=sys.stderr)
        return 2
    try:
        password = trio.run(seed_over_http, args.url)
    except SeedFailedError as error:
        print(error, file=sys.stderr)
        return 1
    shown = "the one in CARAVAN_PASSWORD" if "CARAVAN_PASSWORD" in os.environ else password
    print(f"People: {', '.join(PEOPLE)} (password: {shown}). Rooms: {', '.join(ROOMS)}.")
    print("Talk: .venv/bin/python main.py chat --user ada --room lisbon")
    return 0


def _run_tokens(file: Path, accounts: int | None) -> int:
    from commands.seed_tokens import MAX_ACCOUNTS, seed_tokens
    from commands.troubles import TROUBLES, sentence_of
    from core.telemetry import configure_logging

    count = DEFAULT_ACCOUNTS if accounts is None else accounts
    if not 1 <= count <= MAX_ACCOUNTS:
        print(f"--accounts: between 1 and {MAX_ACCOUNTS}.", file=sys.stderr)
        return 2
    configure_logging("warning")
    sentence = ""
    try:
        seed_tokens(file, count)
        print(f"{count} accounts; their tokens are in {file}, good for 15 minutes.")
    except* TROUBLES as group:
        sentence = sentence_of(group)
        print(sentence, file=sys.stderr)
    return 1 if sentence else 0


async def seed_over_http(url: str) -> str:
    """Make people, rooms and messages that are not there yet; returns the people's password.

    Raises `SeedFailedError` after a minute, or with the server's reason.
    """
    password = os.environ.get("CARAVAN_PASSWORD") or DEMO_PASSWORD
    try:
        with trio.fail_after(SEEDED_WITHIN):
            async with Api(url) as api:
                await _seed(api, password)
    except Exception as error:
        match first_cause(error):
            case UnreachableError():
                text = f"No Caravan server answers at {url}. Start one with `make run`."
            case trio.TooSlowError():
                text = "The demo world was not made within a minute."
            case (ApiError() | Refused() | LoginRefusedError()) as cause:
                text = f"The demo world could not be made: {cause}"
            case _:
                raise
        raise SeedFailedError(text) from None
    return password


async def _seed(api: Api, password: str) -> None:
    accounts = {handle: await _person(api, handle, password) for handle in PEOPLE}
    mine = await api.rooms(await accounts["ada"].token())
    present = {room["title"] for room in mine}
    missing = {title: lines for title, lines in ROOMS.items() if title not in present}
    if not missing:
        return
    ws = str((await api.info())["ws"])
    async with _connected(accounts, ws) as sessions:
        for title, lines in missing.items():
            await _room(sessions, title, lines)


async def _person(api: Api, handle: str, password: str) -> Account:
    account = Account(api, handle)
    try:
        await account.login(password)
    except LoginRefusedError:
        email = f"{handle}@example.test"
        try:
            await account.register(email=email, name=PEOPLE[handle], password=password)
        except ApiError as error:
            if error.status != 409:
                raise
            raise LoginRefusedError(f"{handle} exists and has another password.") from None
    return account


@asynccontextmanager
async def _connected(accounts: dict[str, Account], ws: str) -> AsyncIterator[dict[str, Session]]:
    async with AsyncExitStack() as stack:
        sessions = {}
        for handle, account in accounts.items():
            session = Session(
                dial=dial_url(ws), credentials=account, name="caravan-seed", on_event=_ignore
            )
            sessions[handle] = await stack.enter_async_context(open_session(session))
        for session in sessions.values():
            await session.wait_connected()
        yield sessions


async def _room(sessions: dict[str, Session], title: str, lines: tuple[Line, ...]) -> None:
    """One room with everybody in it, its messages, a reaction and a pin."""
    ada = sessions["ada"]
    friends = [session.user["id"] for session in sessions.values() if session is not ada]
    made = await ada.ask(
        "room.create",
        kind="group",
        title=title,
        clientId=ada.new_id(),
        members=friends,
        history="all",
    )
    room_id = made["room"]["id"]
    for session in sessions.values():
        await session.join(room_id)
    for handle, content in lines:
        ok = await sessions[handle].send(room_id, content, within=10)
        message_id = ok["messageId"]
        if content.startswith(LOVED):
            for fan in ("ada", "dina"):
                await sessions[fan].ask(
                    "chat.react", roomId=room_id, messageId=message_id, emoji="❤️", active=True
                )
        if content.startswith(PINNED):
            await ada.ask("chat.pin", roomId=room_id, messageId=message_id, active=True)


def _ignore(event: Frame) -> None:
    """The seed only speaks."""
