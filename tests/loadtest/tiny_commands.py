"""What the tiny server does with each command."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tiny_world import Frame, Problem, Room, new_id, now_ms

if TYPE_CHECKING:
    from tiny_server import Peer, TinyServer


def due(count: int, every: int) -> bool:
    return every > 0 and count % every == 0


class Commands:
    """One method per command; effects that follow the answer wait in `_afterwards`."""

    def __init__(self, server: TinyServer) -> None:
        self._server = server
        self._world = server.world
        self._afterwards: list[Callable[[], None]] = []
        self._stored = 0
        self._by_name = {
            "room.create": self._create,
            "room.join": self._join,
            "room.leave": self._leave,
            "room.invite": self._invite,
            "chat.message": self._post,
            "chat.edit": self._edit,
            "chat.delete": self._delete,
            "chat.react": self._react,
            "chat.pin": self._pin,
            "chat.history": self._history,
            "chat.search": self._search,
            "typing.indicator": self._typing,
            "chat.read": lambda peer, frame: {},
            "presence.set": lambda peer, frame: {},
            "auth.refresh": lambda peer, frame: {},
        }

    def carry_out(self, peer: Peer, frame: Frame) -> Frame:
        handler = self._by_name.get(frame["type"])
        if handler is None:
            raise Problem("unavailable", temporary=False)
        return handler(peer, frame)

    def take_afterwards(self) -> list[Callable[[], None]]:
        taken, self._afterwards = self._afterwards, []
        return taken

    def _publish(self, event: Frame) -> None:
        self._afterwards.append(lambda: self._server.publish(event))

    def _create(self, peer: Peer, frame: Frame) -> Frame:
        key = (peer.user.id, frame["clientId"])
        room = self._world.created.get(key)
        if room is None:
            room = self._world.created[key] = Room(frame.get("title") or "")
            room.owner = peer.user.id
            room.members[peer.user.id] = "joined"
            room.append("room.changed", by=peer.user.id, change="created")
            self._world.rooms[room.id] = room
            self._invite(peer, {"roomId": room.id, "userIds": frame.get("members") or []})
            room.personas += [self._world.personas[one] for one in frame.get("personas") or []]
        peer.joined.add(room.id)
        return {"room": self._world.view(room)}

    def _join(self, peer: Peer, frame: Frame) -> Frame:
        room = self._world.room_of(peer.user, frame["roomId"])
        if room.members[peer.user.id] == "invited":
            room.members[peer.user.id] = "joined"
            self._server.publish(room.append("room.changed", by=peer.user.id, change="joined"))
        after = frame.get("after")
        answer = {"room": self._world.view(room), "online": {"count": 1}}
        peer.joined.add(room.id)
        if after is not None:
            complete = after["epoch"] == room.epoch
            answer["verdict"] = "complete" if complete else "reset"
            if complete:
                self._afterwards.append(lambda: self._server.replay(peer, room.id, after["seq"]))
        return answer

    def _leave(self, peer: Peer, frame: Frame) -> Frame:
        room = self._world.room_of(peer.user, frame["roomId"])
        event = room.append("room.changed", by=peer.user.id, change="left")
        self._publish(event)
        del room.members[peer.user.id]
        peer.joined.discard(room.id)
        return {"seq": event["seq"]}

    def _invite(self, peer: Peer, frame: Frame) -> Frame:
        room = self._world.room_of(peer.user, frame["roomId"])
        event, notices = self._world.invite(room, peer.user, frame["userIds"])
        if event is not None:
            self._publish(event)
        for notice in notices:
            to = notice.pop("to")
            self._afterwards.append(lambda to=to, notice=notice: self._server.tell_user(to, notice))
        return {"seq": event["seq"] if event else len(room.log)}

    def _post(self, peer: Peer, frame: Frame) -> Frame:
        room = self._world.room_of(peer.user, frame["roomId"])
        key = (peer.user.id, frame["clientId"])
        if key in room.answered:
            return room.answered[key]
        if not frame["content"].strip():
            raise Problem("bad_request", "Say something.")
        self._stored += 1
        if due(self._stored, self._server.faults.ack_unstored_every):
            return {"seq": len(room.log) + 1, "messageId": new_id(), "sentAt": now_ms()}
        if due(self._stored, self._server.faults.refuse_every):
            raise Problem("overloaded")
        event = self._store(room, peer, frame)
        if due(self._stored, self._server.faults.store_twice_every):
            self._store(room, peer, frame)
        if due(self._stored, self._server.faults.refuse_stored_every):
            raise Problem("overloaded")
        answer = {key: event[key] for key in ("seq", "messageId", "sentAt")}
        room.answered[key] = answer
        self._afterwards.append(lambda: self._server.personas.hear(peer, room, event))
        return answer

    def _store(self, room: Room, peer: Peer, frame: Frame) -> Frame:
        event = room.append(
            "chat.message",
            messageId=new_id(),
            sender={"id": peer.user.id, "kind": "user", "name": peer.user.name},
            content=frame["content"],
            clientId=frame["clientId"],
        )
        self._publish(event)
        return event

    def _change(self, peer: Peer, frame: Frame, kind: str, **fields: object) -> Frame:
        room = self._world.room_of(peer.user, frame["roomId"])
        message_id = frame["messageId"]
        if all(view["messageId"] != message_id for view in room.messages()):
            raise Problem("not_found", "There is no such message.")
        event = room.append(kind, messageId=message_id, by=peer.user.id, **fields)
        self._publish(event)
        return {"seq": event["seq"]}

    def _edit(self, peer: Peer, frame: Frame) -> Frame:
        return self._change(peer, frame, "chat.edited", content=frame["content"])

    def _delete(self, peer: Peer, frame: Frame) -> Frame:
        return self._change(peer, frame, "chat.deleted")

    def _react(self, peer: Peer, frame: Frame) -> Frame:
        emoji, active = frame["emoji"], frame["active"]
        answer = self._change(peer, frame, "chat.reacted", emoji=emoji, active=active)
        room = self._world.rooms[frame["roomId"]]
        who = room.reactions.setdefault((frame["messageId"], emoji), set())
        (who.add if active else who.discard)(peer.user.id)
        return answer

    def _pin(self, peer: Peer, frame: Frame) -> Frame:
        answer = self._change(peer, frame, "chat.pinned", active=frame["active"])
        pinned = self._world.rooms[frame["roomId"]].pinned
        (pinned.add if frame["active"] else pinned.discard)(frame["messageId"])
        return answer

    def _history(self, peer: Peer, frame: Frame) -> Frame:
        room = self._world.room_of(peer.user, frame["roomId"])
        before = frame.get("before") or len(room.log) + 1
        messages = [m for m in room.messages() if m["seq"] < before]
        limit = frame.get("limit", 50)
        return {"messages": messages[-limit:], "hasMore": len(messages) > limit}

    def _search(self, peer: Peer, frame: Frame) -> Frame:
        found = [
            message
            for room in self._world.rooms.values()
            if peer.user.id in room.members and frame.get("roomId") in (None, room.id)
            for message in room.messages()
            if frame["query"].lower() in message["content"].lower()
        ]
        return {"messages": found[::-1], "hasMore": False}

    def _typing(self, peer: Peer, frame: Frame) -> Frame:
        room = self._world.room_of(peer.user, frame["roomId"])
        event = {
            "type": "typing.indicator",
            "roomId": room.id,
            "userId": peer.user.id,
            "active": frame["active"],
        }
        for other in self._server.peers:
            if other is not peer and room.id in other.joined:
                other.send(event)
        return {}
