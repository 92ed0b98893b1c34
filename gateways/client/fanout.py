"""Topics and their connections: the fan-out of one process."""

import time
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from typing import Final

import structlog

from core.ports.fanout import Audience, Client, FrameLane
from gateways.client.audiences import Audiences
from gateways.client.channel import Channel
from gateways.client.connection import Connection
from gateways.client.frames import encode_binary
from gateways.client.tick import Tick
from gateways.client.topic import Topic
from protocol.close_codes import CloseCode
from protocol.limits import MAX_ONLINE_SHOWN

ROOM: Final = "room:"

_log = structlog.get_logger()


class TopicFanout:
    """`core.ports.fanout.Fanout` over this process's connections.

    A frame gets its WebSocket header once, leaves at the end of the tick joined with the topic's
    others, and goes straight to the sockets. Large topics are sent in steps, between which the
    loop runs; joiners and leavers in between see exactly their share.

    Owns: the topics. Borrows: the connections, which leave by themselves when they close.
    `on_audience_change` is told the topic when the users online under a `room:` may have changed.
    `clock`: seconds, by which a flush knows that it took long enough.
    """

    def __init__(
        self,
        on_audience_change: Callable[[str], None] = lambda topic: None,
        *,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._on_audience_change = on_audience_change
        self._topics: dict[str, Topic] = {}
        self._coming: dict[str, dict[Connection, None]] = {}
        """Those for whom a place is kept."""
        self._unaware: dict[str, dict[Connection, None]] = {}
        """Members who do not know who is online."""
        self._published = 0
        self._deliveries = 0
        self.tick = Tick(self._left, clock=clock)
        self.audiences = Audiences(self._changed)
        self.on_ended: Callable[[Connection], None] = lambda connection: None
        """Told once of every connection that began to close, after it left its topics."""

    def subscribe(self, topic: str, client: Client, *, knows_audience: bool = True) -> None:
        connection = _connection(client)
        if not connection.is_open:
            return
        found = self._topics.get(topic)
        if found is None:
            found = self._topics[topic] = Topic(topic)
        if connection in found.members:
            return
        self.release(topic, connection)
        found.add(connection)
        connection.entered(found, is_room=topic.startswith(ROOM))
        if not knows_audience:
            self._unaware.setdefault(topic, {})[connection] = None
        self._changed(topic)

    def take_unaware(self, topic: str) -> Sequence[Client]:
        return list(self._unaware.pop(topic, ()))

    def unsubscribe(self, topic: str, client: Client) -> None:
        found = self._topics.get(topic)
        if found is not None and self._part(found, _connection(client)):
            self._changed(topic)

    def unsubscribe_user(self, topic: str, user_id: str) -> None:
        found = self._topics.get(topic)
        if found is None:
            return
        leaving = [c for c in found.members if c.user_id == user_id]
        for connection in leaving:
            self._part(found, connection)
        if leaving:
            self._changed(topic)

    def is_subscribed(self, topic: str, client: Client) -> bool:
        found = self._topics.get(topic)
        return found is not None and client in found.members

    def reserve(self, topic: str, client: Client) -> None:
        connection = _connection(client)
        if connection.is_open and not self.is_subscribed(topic, connection):
            if connection.kept_places is None:
                connection.kept_places = set()
            connection.kept_places.add(topic)
            self._coming.setdefault(topic, {})[connection] = None

    def release(self, topic: str, client: Client) -> None:
        connection = _connection(client)
        if connection.kept_places is not None and topic in connection.kept_places:
            connection.kept_places.discard(topic)
            connection.kept_places = connection.kept_places or None
            del self._coming[topic][connection]
            if not self._coming[topic]:
                del self._coming[topic]

    def has_place(self, topic: str, client: Client) -> bool:
        kept = _connection(client).kept_places
        return (kept is not None and topic in kept) or self.is_subscribed(topic, client)

    def publish_nowait(
        self,
        topic: str,
        frame: bytes,
        lane: FrameLane = FrameLane.DURABLE,
        *,
        coming: Container[str] = (),
    ) -> None:
        if coming:
            for connection in self._coming.get(topic, ()):
                if connection.user_id in coming:
                    connection.send_nowait(frame, lane)
        found = self._topics.get(topic)
        if found is None:
            return
        self._published += 1
        self._deliveries += len(found.members)
        found.publish(encode_binary(frame), lane)
        self.tick.touch(found)

    def close_topic(self, topic: str, code: CloseCode, *, spare: Client | None = None) -> int:
        found = self._topics.get(topic)
        if found is None:
            return 0
        closing = [c for c in found.members if c is not spare and c.is_open]
        for connection in closing:
            connection.close_nowait(code)
        return len(closing)

    def audience(self, topic: str) -> Audience:
        users = set(self._online(topic))
        few = len(users) <= MAX_ONLINE_SHOWN
        return Audience(len(users), tuple(sorted(users)) if few else None)

    def set_away(self, connection: Connection, is_away: bool) -> None:
        """The connection counts as online, or no longer, in every room it is in."""
        if connection.is_away != is_away:
            connection.is_away = is_away
            self.audiences.changed(_rooms(connection))

    def statistics(self) -> Mapping[str, int | float]:
        return {
            "topics": len(self._topics),
            "subscriptions": sum(len(topic.members) for topic in self._topics.values()),
            "published": self._published,
            "deliveries": self._deliveries,
            "unsettled": self.tick.unsettled,
            "untold_audiences": self.audiences.behind,
        }

    def _online(self, topic: str) -> Iterator[str]:
        found = self._topics.get(topic)
        for connection in found.members if found is not None else ():
            if connection.is_open and not connection.is_away and connection.user_id is not None:
                yield connection.user_id

    def _part(self, topic: Topic, connection: Connection) -> bool:
        """Whether it was a member."""
        if connection not in topic.members:
            return False
        topic.discard(connection)
        unaware = self._unaware.get(topic.name)
        if unaware is not None:
            unaware.pop(connection, None)
        connection.departed(topic, is_room=topic.name.startswith(ROOM))
        if not topic.members:
            del self._topics[topic.name]
            self._unaware.pop(topic.name, None)
        return True

    def _left(self, channel: Channel) -> None:
        connection = _connection(channel)
        for name in tuple(connection.kept_places or ()):
            self.release(name, connection)
        rooms = _rooms(connection)
        for topic in tuple(connection.topics):
            self._part(topic, connection)
        self.audiences.changed(rooms)
        try:
            self.on_ended(connection)
        except Exception:
            _log.exception("client.on_ended_failed", connection=connection.id)

    def _changed(self, topic: str) -> None:
        if topic.startswith(ROOM):
            try:
                self._on_audience_change(topic)
            except Exception:
                _log.exception("client.on_audience_change_failed", topic=topic)


def _rooms(connection: Connection) -> list[str]:
    return [topic.name for topic in connection.topics if topic.name.startswith(ROOM)]


def _connection(client: Client | Channel) -> Connection:
    if not isinstance(client, Connection):
        raise TypeError(f"not a connection of this gateway: {type(client).__name__}")
    return client
