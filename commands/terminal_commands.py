"""What `/words` do in a terminal conversation."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final

import trio

from commands import terminal_bookings, terminal_personas, terminal_plans
from commands.terminal_talk import HISTORY_SHOWN, Talk, matching_rooms
from commands.terminal_travel import TypedWrong, flights_of, is_code, offer_lines, rooms_of
from commands.terminal_words import HELP, clean, message_line, room_line, whole
from loadtest.accounts import ApiError, LoginRefusedError, UnreachableError
from loadtest.client import Refused, SessionStopped

MAX_HISTORY_ASKED: Final = 200
Handler = Callable[[str], Awaitable[None]]


class UsageError(Exception):
    """A command was typed in a way that makes no sense; the text says how to type it."""


class Commands:
    """Borrows: the talk. A failing command says why and changes nothing."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self._by_name: dict[str, Handler] = {
            "help": self._help,
            "invite": self._invite,
            "rooms": self._rooms,
            "join": self._join,
            "leave": self._leave,
            "who": self._who,
            "history": self._history,
            "search": self._search,
            "react": self._react,
            "edit": self._edit,
            "delete": self._delete,
            "pin": self._pin,
            "flights": self._flights,
            "hotels": self._hotels,
            **{
                command.__name__: partial(command, talk)
                for command in (
                    *(terminal_personas.personas, terminal_personas.persona),
                    *(terminal_personas.like, terminal_personas.dislike),
                    *(terminal_personas.reprice, terminal_personas.stop),
                    *(terminal_bookings.quote, terminal_bookings.book),
                    *(terminal_bookings.traveller, terminal_bookings.booking),
                    *(terminal_bookings.approve, terminal_bookings.decline),
                    *(terminal_bookings.choose, terminal_bookings.cancel),
                    *(terminal_plans.plan, terminal_plans.poll, terminal_plans.vote),
                    *(terminal_plans.expense, terminal_plans.settle),
                )
            },
        }

    async def carry_out(self, line: str) -> None:
        """One line that began with a slash."""
        name, _, rest = line[1:].partition(" ")
        handler = self._by_name.get(name.lower())
        screen = self._talk.screen
        if handler is None:
            screen.show(f"/{clean(name)} is no command; /help lists them.", "error")
            return
        try:
            await handler(rest.strip())
        except trio.TooSlowError:
            screen.show("The server did not answer; perhaps it is not reachable.", "error")
        except (
            UsageError,
            TypedWrong,
            Refused,
            ApiError,
            UnreachableError,
            LoginRefusedError,
            SessionStopped,
        ) as problem:
            screen.show(clean(str(problem)), "error")

    async def _help(self, rest: str) -> None:
        self._talk.screen.show(HELP)

    async def _invite(self, rest: str) -> None:
        handles = rest.replace(",", " ").split()
        if not handles:
            raise UsageError("/invite HANDLE [HANDLE …]")
        await invite(self._talk, handles)

    async def _rooms(self, rest: str) -> None:
        token = await self._talk.account.token()
        for room in await self._talk.account.api.rooms(token):
            self._talk.screen.show(room_line(room))

    async def _join(self, rest: str) -> None:
        if rest:
            token = await self._talk.account.token()
            found = matching_rooms(await self._talk.account.api.rooms(token), rest)
            if not found:
                raise UsageError(f"None of your rooms is called “{rest}”.")
            await self._talk.enter(found[0]["id"])
        elif self._talk.invitations:
            await self._talk.enter(self._talk.invitations[-1]["id"])
        else:
            raise UsageError("No open invitation. /join ROOM goes to one of your rooms.")

    async def _leave(self, rest: str) -> None:
        room = self._talk.room
        await self._talk.session.ask("room.leave", roomId=room["id"])
        self._talk.screen.show(f"You left “{clean(room['title'])}”. /join another, or /quit.")

    async def _who(self, rest: str) -> None:
        answer = await self._talk.session.join(self._talk.room["id"])
        room, online = answer["room"], set(answer.get("online", {}).get("userIds") or ())
        self._talk.learn_members(room)
        for member in room["members"]:
            marks = [member["state"] if member["state"] == "invited" else member["role"]]
            marks += ["online"] if member["id"] in online else []
            self._talk.screen.show(f"    {clean(member['name'])} ({', '.join(marks)})")
        if (more := room["memberCount"] - len(room["members"])) > 0:
            self._talk.screen.show(f"    … and {more} more")

    async def _history(self, rest: str) -> None:
        count = whole(rest) or HISTORY_SHOWN
        first = self._talk.oldest_shown or self._talk.room["head"] + 1
        if not await self._talk.show_history(first, min(count, MAX_HISTORY_ASKED)):
            self._talk.screen.show("Nothing earlier.", "dim")

    async def _search(self, rest: str) -> None:
        if not rest:
            raise UsageError("/search WORDS")
        session, room_id = self._talk.session, self._talk.room["id"]
        found = await session.ask("chat.search", query=rest, roomId=room_id)
        for message in reversed(found["messages"]):
            self._talk.screen.show(message_line(message))
        self._talk.screen.show(f"{len(found['messages'])} found.", "dim")

    async def _react(self, rest: str) -> None:
        number, _, emoji = rest.partition(" ")
        if not emoji.strip():
            raise UsageError("/react N EMOJI, for example /react last ❤️")
        await self._change("chat.react", number, emoji=emoji.strip(), active=True)

    async def _edit(self, rest: str) -> None:
        number, _, content = rest.partition(" ")
        if not content.strip():
            raise UsageError("/edit N TEXT")
        await self._change("chat.edit", number, mine=True, content=content.strip())

    async def _delete(self, rest: str) -> None:
        await self._change("chat.delete", rest, mine=True)

    async def _pin(self, rest: str) -> None:
        await self._change("chat.pin", rest, active=True)

    async def _flights(self, rest: str) -> None:
        asked = flights_of(rest)
        origin = await self._code(asked.origin) if asked.origin else await self._home()
        await self._show_offers(
            {
                "kind": "flight",
                "from": origin,
                "to": await self._code(asked.destination),
                "start": asked.depart_on,
                "end": asked.return_on or "",
                "adults": str(asked.adults),
            }
        )

    async def _hotels(self, rest: str) -> None:
        asked = rooms_of(rest)
        await self._show_offers(
            {
                "kind": "hotel",
                "place": await self._code(asked.place),
                "start": asked.check_in,
                "end": asked.check_out,
                "adults": str(asked.adults),
                "rooms": str(asked.rooms),
            }
        )

    async def _show_offers(self, query: dict[str, str]) -> None:
        self._talk.screen.show("Searching …", "dim")
        found = await self._get("/offers", query)
        self._talk.bookings.offers_shown(found["items"], adults=int(query["adults"]))
        for line in offer_lines(found):
            self._talk.screen.show(line)

    async def _code(self, place: str) -> str:
        """The IATA code of a place that was typed as one, or by name."""
        if is_code(place):
            return place
        found = (await self._get("/places", {"q": place, "limit": "5"}))["items"]
        codes = [str(card["iata"]) for card in found if card.get("iata")]
        if not codes:
            raise UsageError(f"No place with an airport is called “{place}”.")
        return codes[0]

    async def _home(self) -> str:
        me = await self._get("/users/me", {})
        home = me["preferences"].get("homeAirport")
        if not home:
            raise UsageError("Where from? Your profile has no home airport: /flights FROM TO DATE")
        return str(home)

    async def _get(self, path: str, query: dict[str, str]) -> Any:
        token = await self._talk.account.token()
        return await self._talk.account.api.call("GET", path, token=token, query=query)

    async def _change(self, kind: str, number: str, *, mine: bool = False, **more: Any) -> None:
        message_id = self._talk.numbers.find(number, mine=mine)
        if message_id is None:
            raise UsageError(f"No message “{number}” here. N is the number before a message.")
        room_id = self._talk.room["id"]
        await self._talk.session.ask(kind, roomId=room_id, messageId=message_id, **more)


async def invite(talk: Talk, handles: list[str]) -> None:
    """Invite people by handle. Raises `UsageError` for a handle that nobody has."""
    users = []
    for handle in handles:
        user = await talk.account.api.user_by_handle(await talk.account.token(), handle)
        if user is None:
            raise UsageError(f"Nobody here is called {handle}. They must register first.")
        talk.names.learn(user["id"], user["name"])
        users.append(user["id"])
    await talk.session.ask("room.invite", roomId=talk.room["id"], userIds=users)
