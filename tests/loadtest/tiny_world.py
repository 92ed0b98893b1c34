"""The state of the tiny server: users, rooms, sessions, in memory."""

import itertools
import time
from dataclasses import dataclass, field
from typing import Any

from loadtest.uuid7 import Uuid7

Frame = dict[str, Any]
new_id = Uuid7()


class Problem(Exception):
    """An `error` answer."""

    def __init__(self, code: str, message: str = "", **fields: Any) -> None:
        super().__init__(code)
        temporary = code in ("rate_limited", "overloaded", "unavailable")
        self.frame = {"code": code, "message": message or code, "temporary": temporary, **fields}


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass
class User:
    handle: str
    name: str
    password: str = "caravan-demo"
    id: str = field(default_factory=new_id)
    inbox: list[Frame] = field(default_factory=list)

    def view(self) -> Frame:
        return {
            "id": self.id,
            "handle": self.handle,
            "name": self.name,
            "role": "user",
            "locale": "en",
        }


@dataclass
class Room:
    title: str
    id: str = field(default_factory=new_id)
    epoch: str = "e1"
    log: list[Frame] = field(default_factory=list)
    members: dict[str, str] = field(default_factory=dict)
    owner: str = ""
    answered: dict[tuple[str, str], Frame] = field(default_factory=dict)
    reactions: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    pinned: set[str] = field(default_factory=set)
    personas: list[Frame] = field(default_factory=list)

    def append(self, kind: str, **fields: Any) -> Frame:
        event = {
            "type": kind,
            "roomId": self.id,
            "epoch": self.epoch,
            "seq": len(self.log) + 1,
            "sentAt": now_ms(),
            **fields,
        }
        self.log.append(event)
        return event

    def messages(self) -> list[Frame]:
        """In their present state."""
        views = {e["messageId"]: dict(e) for e in self.log if e["type"] == "chat.message"}
        for event in self.log:
            if event["type"] == "chat.edited":
                views[event["messageId"]].update(content=event["content"], edited=event["sentAt"])
            elif event["type"] == "chat.deleted":
                views[event["messageId"]].update(content="", deleted=True)
        for (message_id, emoji), who in self.reactions.items():
            reaction = {"emoji": emoji, "count": len(who), "mine": False}
            views[message_id].setdefault("reactions", []).append(reaction)
        for message_id in self.pinned:
            views[message_id]["pinned"] = True
        return sorted(views.values(), key=lambda view: view["seq"])


class World:
    """Everything the tiny server knows."""

    def __init__(self) -> None:
        self.users: dict[str, User] = {}
        self.rooms: dict[str, Room] = {}
        self.sessions: dict[str, str] = {}
        self.tokens: dict[str, str] = {}
        self.refresh_tokens: dict[str, str] = {}
        self.personas: dict[str, Frame] = {}
        self.created: dict[tuple[str, str], Room] = {}
        self._numbers = itertools.count(1)
        self.token_lives_for = 900

    def add_user(self, handle: str, password: str = "caravan-demo", name: str = "") -> User:
        user = User(handle, name or handle.title(), password)
        self.users[user.id] = user
        return user

    def by_handle(self, handle: str) -> User | None:
        return next((u for u in self.users.values() if u.handle == handle), None)

    def grant(self, user: User) -> Frame:
        number = next(self._numbers)
        access, refresh = f"access-{number}", f"refresh-{number}"
        self.tokens[access] = user.id
        self.refresh_tokens[refresh] = user.id
        return {
            "user": user.view(),
            "accessToken": access,
            "refreshToken": refresh,
            "expiresIn": self.token_lives_for,
        }

    def room_of(self, user: User, room_id: object) -> Room:
        room = self.rooms.get(str(room_id))
        if room is None or user.id not in room.members:
            raise Problem("not_found", "There is no such room.")
        return room

    def view(self, room: Room) -> Frame:
        members = [
            {
                "id": member,
                "name": self.users[member].name,
                "role": "owner" if member == room.owner else "member",
                "state": state,
            }
            for member, state in room.members.items()
        ]
        return {
            "id": room.id,
            "kind": "group",
            "title": room.title,
            "settings": {"receipts": True, "speaking": "auto", "retentionDays": None},
            "members": members,
            "memberCount": len(members),
            "personas": room.personas,
            "epoch": room.epoch,
            "head": len(room.log),
            "first": 1,
            "read": 0,
            "createdAt": 0,
        }

    def invite(self, room: Room, by: User, user_ids: list[str]) -> tuple[Frame | None, list[Frame]]:
        """The room's event, if any, and each newcomer's own: `(userId is in the event)`."""
        fresh = [u for u in user_ids if u in self.users and u not in room.members]
        if not fresh:
            return None, []
        for user_id in fresh:
            room.members[user_id] = "invited"
        event = room.append("room.changed", by=by.id, change="invited", userIds=fresh)
        notices = []
        for user_id in fresh:
            inbox = self.users[user_id].inbox
            notice = {"type": "room.invited", "room": self.view(room), "inbox": len(inbox) + 1}
            inbox.append(notice)
            notices.append({"to": user_id, **notice})
        return event, notices
