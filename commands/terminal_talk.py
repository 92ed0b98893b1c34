"""A conversation in a terminal: what arrives is shown, what is typed is sent."""

from typing import Any, Final

import trio

from commands.terminal_answers import Answers
from commands.terminal_booking_state import Bookings, people_in
from commands.terminal_people import Names, Numbers
from commands.terminal_plan_words import Titles, poll_card_lines
from commands.terminal_screen import Screen
from commands.terminal_words import change_line, clean, day, message_line
from loadtest.accounts import Account
from loadtest.client import Refused, Session, SessionStopped
from loadtest.wire import Frame, is_durable

HISTORY_SHOWN: Final = 20
MAX_UNSENT: Final = 200
TRY_AGAIN_AFTER: Final = 1.0
MAX_TRIES: Final = 10
TYPING_EVERY: Final = 5.0
TYPING_SHOWN_EVERY: Final = 20.0
LOOK_AT_DRAFT_EVERY: Final = 1.0
RUNS: Final = ("run.started", "chat.delta", "run.ended")


class Talk:
    """One room on one screen.

    Owns: what was shown and what waits to be sent (bounded). Borrows: session, account, screen.
    `events()`, `outbox()` and `signals()` run side by side until the caller cancels them.
    """

    def __init__(self, session: Session, account: Account, screen: Screen) -> None:
        self.session = session
        self.account = account
        self.screen = screen
        self.room: Frame = {}
        self.names = Names(account)
        self.numbers = Numbers()
        self.answers = Answers()
        self.bookings = Bookings()
        self.titles = Titles()
        self.invitations: list[Frame] = []
        self.was_made_here = False
        self.oldest_shown = 0
        self._day = ""
        self._read = 0
        self._lost = False
        self._typing_shown: dict[str, float] = {}
        self._queue, self._unsent = trio.open_memory_channel[tuple[str, str]](MAX_UNSENT)
        self._sending = 0
        self.all_sent = trio.Event()
        self.all_sent.set()

    # Rooms

    async def enter(self, room_id: str) -> None:
        """Join a room, show its last messages; what follows comes as events."""
        answer = await self.session.join(room_id)
        previous, self.room = self.room, answer["room"]
        self._read = self.room["head"]
        if previous and previous["id"] != room_id:
            self.session.positions.left(previous["id"])
        self.numbers, self._day = Numbers(), ""
        self.invitations = [room for room in self.invitations if room["id"] != room_id]
        self.learn_members(self.room)
        await self.show_history(self.room["head"] + 1)
        online = answer.get("online", {}).get("count", 1)
        title, count = clean(self.room["title"]) or "untitled", self.room["memberCount"]
        members = "1 member" if count == 1 else f"{count} members"
        self.screen.show(f"— {title}: {members}, {online} online —", "dim")

    async def show_history(self, before: int, limit: int = HISTORY_SHOWN) -> int:
        """Show the last `limit` messages before a seq; returns how many there were."""
        page = await self.session.ask(
            "chat.history", roomId=self.room["id"], before=before, limit=limit
        )
        for message in page["messages"]:
            self.show_message(message)
        if page["messages"]:
            self.oldest_shown = page["messages"][0]["seq"]
        return len(page["messages"])

    def learn_members(self, room: Frame) -> None:
        for member in (*room["members"], *room.get("personas", ())):
            self.names.learn(member["id"], member["name"])

    def show_message(self, message: Frame) -> None:
        if (today := day(message["sentAt"])) != self._day:
            self._day = today
            self.screen.show(f"— {today} —", "dim")
        sender = message["sender"]
        self.names.learn(sender["id"], sender["name"])
        self.numbers.shown(message, is_mine=sender["id"] == self.session.user.get("id"))
        self._typing_shown.pop(sender["id"], None)
        for line in self._message_lines(message):
            self.screen.show(line)

    def _message_lines(self, message: Frame) -> list[str]:
        kind = None if message.get("deleted") else message["sender"]["kind"]
        if kind == "persona":
            if cards := message.get("cards"):
                self.bookings.offers_shown(cards)
            return self.answers.message_lines(message)
        if kind == "system":
            told = self.bookings.notice_lines(message, str(self.session.user.get("id")))
            return [*told, *poll_card_lines(message.get("cards") or ())]
        return [message_line(message)]

    # What arrives

    async def events(self) -> None:
        """Show what arrives, for ever."""
        async for event in self.session.events:
            try:
                await self._show(event)
            except (Refused, trio.TooSlowError) as problem:
                self.screen.show(f"The server did not answer: {clean(str(problem))}", "error")

    async def _show(self, event: Frame) -> None:
        if event["type"].startswith("local."):
            await self._show_notice(event)
        elif event["type"] == "room.invited":
            await self._invited(event["room"])
        elif event["type"] == "booking.update":
            await self._show_booking(event)
        elif event.get("roomId") != self.room.get("id"):
            return
        elif event["type"] == "chat.message":
            self._read = event["seq"]
            self.show_message(event)
        elif event["type"] == "plan.changed":
            await self._show_plan(event)
        elif event["type"] in RUNS:
            self._show_run(event)
        elif is_durable(event):
            self._read = event["seq"]
            await self.names.look_up(event.get("by", ""), *event.get("userIds", ()))
            line = change_line(event, self.names, self.numbers)
            if event.get("persona"):
                self.names.learn(event["persona"]["id"], event["persona"]["name"])
            if event.get("title"):
                self.room["title"] = event["title"]
            self.screen.show(f"    {line}", "dim")
        elif event["type"] == "typing.indicator" and event["active"]:
            await self._show_typing(event["userId"])

    async def _show_booking(self, event: Frame) -> None:
        await self.names.look_up(*people_in(event))
        me, room_id = str(self.session.user.get("id")), str(self.room.get("id"))
        for line in self.bookings.update_lines(event, self.names, me, room_id):
            self.screen.show(line)

    async def _show_plan(self, event: Frame) -> None:
        by = event["by"]
        if by != self.session.user.get("id"):
            await self.names.look_up(*(() if by == "system" else (by,)))
        who = clean(self.names.get(by, "Somebody"))
        for line in self.titles.told(event, who):
            self.screen.show(line, "dim")

    def _show_run(self, event: Frame) -> None:
        match event["type"]:
            case "run.started":
                name = self.names.get(event["personaId"], "A persona")
                lines = self.answers.started(event, name)
            case "chat.delta":
                lines = self.answers.grew(event)
            case _:
                lines = self.answers.ended(event)
        for line in lines:
            self.screen.show(line)

    async def _show_notice(self, event: Frame) -> None:
        match event["type"]:
            case "local.disconnected" if not self._lost:
                self._lost = True
                text = f"— connection lost ({clean(event['reason'])}); connecting again … —"
                self.screen.show(text, "dim")
            case "local.connected" if self._lost:
                self._lost = False
                self.screen.show("— connected again —", "dim")
            case "local.waiting":
                text = f"— {clean(event['reason'])}: press Enter to connect again here —"
                self.screen.show(text, "error")
                self._lost = True
            case "local.room_reset" if event["room"]["id"] == self.room.get("id"):
                self.screen.show("— this room's history is read anew —", "dim")
                await self.show_history(event["room"]["head"] + 1)
            case "local.room_gone" if event["roomId"] == self.room.get("id"):
                self.screen.show("— you are no longer in this room; /join another —", "error")
            case "local.inbox_reset":
                self.screen.show("— you may have new invitations: /rooms —", "dim")

    async def _show_typing(self, user_id: str) -> None:
        now = trio.current_time()
        if now - self._typing_shown.get(user_id, -TYPING_SHOWN_EVERY) >= TYPING_SHOWN_EVERY:
            self._typing_shown[user_id] = now
            await self.names.look_up(user_id)
            self.screen.show(f"    {clean(self.names.get(user_id, 'somebody'))} is typing …", "dim")

    async def _invited(self, room: Frame) -> None:
        self.learn_members(room)
        title = clean(room["title"])
        same_title = room["title"].casefold() == self.room.get("title", "").casefold()
        if same_title and self.was_made_here and await self._is_alone():
            # Two newcomers typed the same title, and each made a room: meet in the inviter's.
            alone, self.was_made_here = self.room["id"], False
            self.screen.show(f"— you are invited to “{title}”: going there —", "dim")
            await self.enter(room["id"])
            await self.session.ask("room.leave", roomId=alone)
            return
        self.invitations = [*self.invitations[-9:], room]
        self.screen.show(f"— you are invited to “{title}”: /join enters it —", "bold")

    async def _is_alone(self) -> bool:
        answer = await self.session.ask("chat.history", roomId=self.room["id"], limit=1)
        room = (await self.session.join(self.room["id"]))["room"]
        return room["memberCount"] == 1 and not answer["messages"]

    # What is typed

    def say(self, text: str) -> None:
        """Queue a message for this room. It is kept until the server has it."""
        try:
            self._queue.send_nowait((self.room["id"], text))
        except trio.WouldBlock:
            self.screen.show(
                f"{MAX_UNSENT} messages wait already; not kept: {clean(text)}", "error"
            )
            return
        self._sending += 1
        self.all_sent = trio.Event() if self.all_sent.is_set() else self.all_sent
        self.session.act()
        if not self.session.is_connected:
            self.screen.show(f"(kept until connected) {clean(text)}", "dim")

    async def outbox(self) -> None:
        """Send what was said, in order, each until it is answered."""
        async for room_id, text in self._unsent:
            try:
                await self._send(room_id, text)
            except Refused as refusal:
                self.screen.show(f"Not sent ({clean(refusal.message)}): {clean(text)}", "error")
            except SessionStopped:
                self.screen.show(f"Not sent: {clean(text)}", "error")
            self._sending -= 1
            if not self._sending:
                self.all_sent.set()

    async def _send(self, room_id: str, text: str) -> None:
        client_id = self.session.new_id()
        for attempt in range(1, MAX_TRIES + 1):
            try:
                await self.session.send(room_id, text, client_id=client_id)
            except Refused as refusal:
                if not refusal.is_temporary or attempt == MAX_TRIES:
                    raise
                await trio.sleep(max(refusal.retry_after, TRY_AGAIN_AFTER))
            else:
                return

    async def signals(self) -> None:
        """Tell the server once a second what was read, and the others that a line is typed."""
        seen, told_at, told_read = "", -TYPING_EVERY, ("", 0)
        while True:
            await trio.sleep(LOOK_AT_DRAFT_EVERY)
            room_id, draft = self.room["id"], self.screen.draft()
            is_text = bool(draft.strip()) and not draft.startswith("/")
            if is_text and draft != seen and trio.current_time() - told_at >= TYPING_EVERY:
                told_at = trio.current_time()
                self.session.tell_nowait("typing.indicator", roomId=room_id, active=True)
            seen = draft
            if self.session.is_connected and (room_id, self._read) != told_read:
                told_read = (room_id, self._read)
                self.session.tell_nowait("chat.read", roomId=room_id, seq=self._read)


def matching_rooms(rooms: list[Frame], wanted: str) -> list[Frame]:
    """My rooms by id, else by title whatever its case; the one with the latest word first."""
    by_id = [room for room in rooms if room["id"] == wanted]
    by_title = [room for room in rooms if room["title"].casefold() == wanted.casefold()]
    return by_id or sorted(by_title, key=_latest, reverse=True)


def _latest(room: Frame) -> Any:
    last = room.get("last") or {}
    return last.get("sentAt", room["createdAt"])
