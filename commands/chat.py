"""`main.py chat`: talk in a room from a terminal."""

import argparse
import signal
import sys
from collections.abc import AsyncIterator
from typing import Final

import trio

from commands.seed import DEFAULT_URL
from commands.terminal_commands import Commands, UsageError, invite
from commands.terminal_login import TokenFileError, log_in
from commands.terminal_screen import Screen, restored_terminal, screen_for
from commands.terminal_talk import Talk, matching_rooms
from commands.terminal_words import clean
from loadtest.accounts import Api, ApiError, LoginRefusedError, UnreachableError
from loadtest.causes import first_cause
from loadtest.client import Refused, Session, SessionStopped
from loadtest.connection import dial_url
from protocol.limits import MAX_TITLE_BYTES

CONNECTED_WITHIN: Final = 30.0
SENT_WITHIN: Final = 15.0
EPILOG: Final = """
The password is CARAVAN_PASSWORD; without it, on a server of this machine, the demo's (caravan-demo),
else you are asked. On a server of this machine an unknown handle is registered. A token is kept for the
next time under $XDG_STATE_HOME/caravan (~/.local/state/caravan). A room is one of yours, invitations
included, by title or id; when there is none of that title, it is made. Rooms are private: to meet
somebody in a new room, invite them (--with, or /invite). /help inside lists what else can be done.
"""


class ChatFailedError(Exception):
    """The conversation could not begin or go on; the text says why."""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--user", required=True, metavar="HANDLE", help="who you are")
    parser.add_argument("--room", required=True, metavar="ROOM", help="a title, or a room's id")
    parser.add_argument(
        "--with",
        dest="invited",
        nargs="+",
        default=[],
        metavar="HANDLE",
        help="invite these people at the start",
    )
    parser.add_argument(
        "--name", help="your name, when you are registered by this (default: handle)"
    )
    parser.add_argument("--url", default=DEFAULT_URL, help=f"the server ({DEFAULT_URL})")
    parser.add_argument("--plain", action="store_true", help="lines in and out, no line editing")
    parser.epilog = EPILOG


def run(args: argparse.Namespace) -> int:
    try:
        with restored_terminal():
            trio.run(_chat_until_interrupted, args, screen_for(args.plain))
    except BaseException as error:
        match first_cause(error):
            case KeyboardInterrupt():
                return 0
            case UnreachableError():
                print(
                    f"No Caravan server answers at {args.url}. Start one with `make run`.",
                    file=sys.stderr,
                )
            case trio.TooSlowError():
                print(f"The server at {args.url} does not answer in time.", file=sys.stderr)
            case (
                ChatFailedError()
                | UsageError()
                | ApiError()
                | LoginRefusedError()
                | Refused()
                | SessionStopped()
                | TokenFileError()
            ) as cause:
                print(clean(str(cause)), file=sys.stderr)
            case _:
                raise
        return 1
    return 0


async def _chat_until_interrupted(args: argparse.Namespace, screen: Screen) -> None:
    """Ctrl-C cancels, between two steps of the tasks and not amid the start of one."""
    with trio.open_signal_receiver(signal.SIGINT) as interrupts:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_cancel_at_a_signal, interrupts, nursery.cancel_scope)
            await _chat(args, screen)
            nursery.cancel_scope.cancel()


async def _cancel_at_a_signal(signals: AsyncIterator[int], scope: trio.CancelScope) -> None:
    async for _ in signals:
        scope.cancel()


async def _chat(args: argparse.Namespace, screen: Screen) -> None:
    """The whole conversation, from the login to `/quit`."""
    async with Api(args.url) as api:
        account = await log_in(
            api, args.user, name=args.name, say=lambda text: screen.show(text, "dim")
        )
        ws = str((await api.info())["ws"])
        session = Session(dial=dial_url(ws), credentials=account, name="caravan-terminal")
        talk = Talk(session, account, screen)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_run, session)
            await _connected(session)
            await _begin(talk, args.room, args.invited)
            nursery.start_soon(talk.outbox)
            nursery.start_soon(talk.signals)
            nursery.start_soon(talk.events)
            await _converse(talk)
            nursery.cancel_scope.cancel()


async def _connected(session: Session) -> None:
    with trio.move_on_after(CONNECTED_WITHIN):
        await session.wait_connected()
        return
    raise ChatFailedError("The server's socket does not answer, though its HTTP API does.")


async def _begin(talk: Talk, wanted: str, invited: list[str]) -> None:
    """Go to the room, made if absent, and invite."""
    mine = await talk.account.api.rooms(await talk.account.token())
    found = matching_rooms(mine, wanted)
    if found:
        room_id = str(found[0]["id"])
        if len(found) > 1:
            talk.screen.show(f"{len(found)} of your rooms are called so; this is {room_id}.", "dim")
    else:
        room_id = await _made(talk, wanted)
    await talk.enter(room_id)
    if invited:
        await invite(talk, invited)
    elif talk.was_made_here:
        talk.screen.show("— a new room, and you are alone in it: /invite HANDLE —", "dim")


async def _made(talk: Talk, title: str) -> str:
    if len(title.encode()) > MAX_TITLE_BYTES:
        raise ChatFailedError(f"A room's title has at most {MAX_TITLE_BYTES} bytes.")
    answer = await talk.session.ask(
        "room.create", kind="group", title=title, clientId=talk.session.new_id(), history="all"
    )
    talk.was_made_here = True
    return str(answer["room"]["id"])


async def _converse(talk: Talk) -> None:
    """Lines until the end of input or `/quit`; what was said before is sent first."""
    commands = Commands(talk)
    while (line := await talk.screen.read_line()) is not None:
        talk.session.act()
        if line.strip().lower() in ("/quit", "/exit"):
            break
        if line.startswith("/"):
            await commands.carry_out(line)
        elif line.strip():
            talk.say(line)
    with trio.move_on_after(SENT_WITHIN):
        await talk.all_sent.wait()
        return
    raise ChatFailedError("The server did not confirm your last lines; they may be lost.")


async def _run(session: Session) -> None:
    raise ChatFailedError(f"The server ended the session: {await session.run()}")
