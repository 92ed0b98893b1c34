"""Opening, resuming, refreshing, searching."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
import trio
from actors_world import (
    EPOCH,
    ROOM_ID,
    TENANT,
    FakeClient,
    World,
    key,
    principal,
    user_id,
)
from trio.testing import MockClock, wait_all_tasks_blocked

from actors.session.actor import spec
from actors.session.keeper import TOUCH_EVERY, Keeper
from actors.session.machine import InboxPlan, plan_inbox
from actors.session.ports import SessionPorts
from actors.session.reception import MAX_REST, Reception
from actors.session.searches import AT_ONCE as SEARCHES
from core.errors import Rejected, TokenRevoked, Unavailable
from core.identity import Principal
from core.ports.fanout import FrameLane
from protocol.chat import DeleteMessage, PostMessage, SearchMessages
from protocol.close_codes import CloseCode
from protocol.codec import encode
from protocol.frames import Ping
from protocol.room import JoinRoom, LeaveRoom, RemoveFromRoom
from protocol.session import (
    SESSION,
    AuthRefreshed,
    ClientInfo,
    Hello,
    Position,
    RefreshAuth,
    Resume,
)
from storage.memory.search import MemorySearch
from storage.memory.sessions import MemorySessions


class FakeCredentials:
    """Tokens `user:N`, and `ticket:N`, which works once."""

    def __init__(self) -> None:
        self.spent: set[str] = set()
        self.ended: set[str] = set()

    async def authenticate(self, token: str) -> Principal:
        await trio.lowlevel.checkpoint()
        kind, _, number = token.partition(":")
        if token in self.spent:
            raise TokenRevoked
        if kind == "ticket":
            self.spent.add(token)
        if kind == "again":
            return replace(principal(int(number)), login_id="new-login")
        return principal(int(number))

    async def demand_standing(self, principal: Principal) -> None:
        await trio.lowlevel.checkpoint()
        if principal.login_id in self.ended:
            raise TokenRevoked


class Desk:
    """A world with sessions in it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.sessions = MemorySessions(world.inboxes)
        self.keeper = Keeper(self.sessions, world.clock)
        self.search = MemorySearch(world.rooms)
        self.credentials = FakeCredentials()
        ports = SessionPorts(
            credentials=self.credentials,  # type: ignore[arg-type]
            sessions=self.sessions,
            fanout=world.fanout,
            search=self.search,
            rooms=world.rooms,
            personas=world.personas,
            runs=world.runs,
            log=world.log,
            leases=world.leases,
            clock=world.clock,
            ids=world.ids,
        )
        self.reception = Reception()
        world.system.register(spec(ports, self.keeper, self.reception))

    def fresh_client(self, number: int) -> FakeClient:
        client = self.world.client(number)
        client.principal = None
        return client

    async def hello(
        self, client: FakeClient, token: str | None = None, resume: Resume | None = None
    ) -> dict[str, Any]:
        await self.say_hello(client, token, resume)
        welcome: dict[str, Any] = client.welcome
        return welcome

    async def say_hello(
        self, client: FakeClient, token: str | None = None, resume: Resume | None = None
    ) -> None:
        hello = Hello(
            token=token or f"user:{client.number}",
            client=ClientInfo(name="test", version="1"),
            resume=resume,
        )
        session_id = self.world.ids.uuid7() if resume is None else resume.session_id
        session = self.world.system.ref(SESSION.at(session_id))
        await session.ask(hello, client=client, timeout=600)

    async def ask(self, client: FakeClient, message: Any) -> Any:
        ref = self.world.system.ref(SESSION.at(client.session_id))
        return await ref.ask(message, principal=client.principal, client=client)

    async def post(self, client: FakeClient, number: int, content: str = "hello") -> Any:
        command = PostMessage(room_id=ROOM_ID, content=content, client_id=key(number))
        return await self.world.ask(client, command)


@asynccontextmanager
async def desk() -> AsyncIterator[Desk]:
    world = World()
    made = Desk(world)
    async with world.running():
        await world.make_room(2)
        yield made


def resume(client: FakeClient, seq: int, *rooms: str, inbox: int | None = None) -> Resume:
    position = Position(epoch=EPOCH, seq=seq)
    return Resume(
        session_id=client.session_id or "unknown",
        inbox=inbox,
        rooms=dict.fromkeys(rooms or (ROOM_ID,), position),
    )


async def test_a_new_client_is_welcomed(autojump_clock: MockClock) -> None:
    async with desk() as made:
        ada = made.fresh_client(1)
        welcome = await made.hello(ada)
        assert (welcome["resumed"], welcome["rooms"], welcome["inbox"]) == (False, {}, 0)
        assert welcome["user"]["id"] == user_id(1)
        assert welcome["limits"]["maxFrameBytes"] == 65_536
        for topic in ("login:login-1", f"user:{user_id(1)}"):
            assert made.world.fanout.is_subscribed(topic, ada)


async def test_a_returning_client_gets_what_it_missed_and_replaces_its_older_socket(
    autojump_clock: MockClock,
) -> None:
    async with desk() as made:
        old, ben = made.fresh_client(1), made.world.client(2)
        await made.hello(old)
        await made.world.ask(old, JoinRoom(room_id=ROOM_ID))
        await made.world.ask(ben, JoinRoom(room_id=ROOM_ID))
        new = made.fresh_client(1)
        await made.post(ben, 1)
        welcome = await made.hello(new, resume=resume(old, 2))
        assert welcome["resumed"]
        assert welcome["rooms"] == {ROOM_ID: {"epoch": EPOCH, "head": 3, "verdict": "complete"}}
        await made.post(ben, 2)
        assert new.seqs == [3, 4]
        assert new.seen.index(welcome) == 0
        assert old.closed_with is CloseCode.REPLACED
        assert new.is_open


async def test_a_session_has_an_actor_only_while_there_is_something_to_do(
    autojump_clock: MockClock,
) -> None:
    async with desk() as made:
        ada = made.fresh_client(1)
        await made.hello(ada)
        address = SESSION.at(ada.session_id)
        await wait_all_tasks_blocked()
        assert not made.world.system.is_active(address)
        await made.ask(ada, RefreshAuth(token="user:1"))
        assert ada.is_open


async def test_rooms_that_cannot_go_on_are_reset_or_gone(autojump_clock: MockClock) -> None:
    async with desk() as made:
        ada, ben = made.world.client(1), made.fresh_client(2)
        await made.hello(ben)
        await made.world.ask(ben, JoinRoom(room_id=ROOM_ID))
        welcome = await made.hello(
            made.fresh_client(2), resume=resume(ben, 99, ROOM_ID, "no-such-room")
        )
        assert welcome["rooms"][ROOM_ID]["verdict"] == "reset"
        assert welcome["rooms"]["no-such-room"] == {"epoch": "", "head": 0, "verdict": "gone"}
        await made.world.ask(ada, RemoveFromRoom(room_id=ROOM_ID, user_id=user_id(2)))
        welcome = await made.hello(made.fresh_client(2), resume=resume(ben, 2))
        assert welcome["rooms"][ROOM_ID]["verdict"] == "gone"


async def test_rooms_that_a_resume_brings_in_count_from_the_welcome_on(
    autojump_clock: MockClock,
) -> None:
    another = "0190a000-0000-7000-8000-000000000777"
    async with desk() as made:
        await made.world.make_room(room_id=another)
        ada, back = made.fresh_client(1), made.fresh_client(1)
        await made.hello(ada)
        back.topics = {f"room:{number}" for number in range(199)}
        gate = trio.Event()
        back.drained = gate.wait
        async with trio.open_nursery() as nursery:
            nursery.start_soon(made.hello, back, None, resume(ada, 1))
            await wait_all_tasks_blocked()
            assert back.welcome["rooms"][ROOM_ID]["verdict"] == "complete"
            assert not made.world.fanout.is_subscribed(f"room:{ROOM_ID}", back)
            with pytest.raises(Rejected, match="conflict"):
                await made.world.ask(back, JoinRoom(room_id=another), room_id=another)
            # The room that is on its way has its place.
            await made.world.ask(back, JoinRoom(room_id=ROOM_ID))
            assert back.room_count == 200
            gate.set()
        assert back.room_count == 200
        assert back.is_open


@pytest.mark.parametrize("joins_first", [False, True], ids=["on its way", "in by itself"])
@pytest.mark.parametrize("leaves", [True, False], ids=["leaves", "is removed"])
async def test_who_leaves_a_room_that_a_resume_has_yet_to_bring_in_sees_that_as_its_last(
    leaves: bool, joins_first: bool, autojump_clock: MockClock
) -> None:
    async with desk() as made:
        ada, ben = made.world.client(1), made.fresh_client(2)
        await made.hello(ben)
        await made.world.ask(ben, JoinRoom(room_id=ROOM_ID))
        await made.post(ada, 1)
        back, gate = made.fresh_client(2), trio.Event()
        back.drained = gate.wait
        async with trio.open_nursery() as nursery:
            nursery.start_soon(made.hello, back, None, resume(ben, 2))
            await wait_all_tasks_blocked()
            assert back.welcome["rooms"][ROOM_ID]["verdict"] == "complete"
            if joins_first:
                await made.world.ask(back, JoinRoom(room_id=ROOM_ID))
            if leaves:
                await made.world.ask(back, LeaveRoom(room_id=ROOM_ID))
            else:
                gone = RemoveFromRoom(room_id=ROOM_ID, user_id=user_id(2))
                await made.world.ask(ada, gone)
            await made.post(ada, 2)
            gate.set()
        assert back.seqs == ([4] if joins_first else [3, 4])
        assert back.is_open
        assert back.room_count == 0


async def test_an_unknown_session_becomes_a_fresh_one_and_a_ticket_is_spent_once(
    autojump_clock: MockClock,
) -> None:
    async with desk() as made:
        ada = made.fresh_client(1)
        welcome = await made.hello(ada, "ticket:1", resume(ada, 1))
        assert not welcome["resumed"]
        assert welcome["sessionId"] != "unknown"
        assert welcome["rooms"][ROOM_ID]["verdict"] == "complete"
        with pytest.raises(TokenRevoked):
            await made.hello(made.fresh_client(1), "ticket:1")


async def test_another_users_session_counts_as_unknown(autojump_clock: MockClock) -> None:
    async with desk() as made:
        ada, spy = made.fresh_client(1), made.fresh_client(3)
        await made.hello(ada)
        welcome = await made.hello(spy, resume=resume(ada, 1))
        assert not welcome["resumed"]
        assert welcome["rooms"][ROOM_ID]["verdict"] == "gone"
        assert ada.is_open


async def test_when_a_room_cannot_say_the_hello_is_unavailable(autojump_clock: MockClock) -> None:
    async with desk() as made:
        ada = made.fresh_client(1)
        await made.hello(ada)
        made.world.leases.lose()
        with pytest.raises(Unavailable):
            await made.hello(made.fresh_client(1), resume=resume(ada, 1))


async def test_a_client_whose_replay_cannot_begin_is_closed_not_left_deaf(
    autojump_clock: MockClock,
) -> None:
    async with desk() as made:
        ada = made.fresh_client(1)
        await made.hello(ada)
        back = made.fresh_client(1)
        whole = made.world.inboxes.read

        async def away(*args: Any, **kwargs: Any) -> Any:
            raise Unavailable

        made.world.inboxes.read = away  # type: ignore[method-assign]
        await made.hello(back, resume=resume(ada, 1))
        assert back.closed_with is CloseCode.RESTARTING
        made.world.inboxes.read = whole  # type: ignore[method-assign]


async def test_a_server_that_waits_to_take_over_welcomes_nobody(autojump_clock: MockClock) -> None:
    """What the one that serves puts in their inboxes is told to its own connections. Who is welcomed, and
    closed then, comes back at once."""
    async with desk() as made:
        made.world.leases.lose()
        with pytest.raises(Unavailable):
            await made.hello(made.fresh_client(1))


async def test_whoever_was_welcomed_as_the_server_was_replaced_is_closed_not_left_deaf(
    autojump_clock: MockClock,
) -> None:
    async with desk() as made:
        late = made.fresh_client(1)
        whole = late.welcomed

        def welcomed(*args: Any) -> None:
            made.world.leases.lose()
            whole(*args)

        late.welcomed = welcomed  # type: ignore[method-assign]
        await made.hello(late)
        assert late.closed_with is CloseCode.RESTARTING


async def test_a_login_that_ends_during_a_hello_takes_the_connection_with_it(
    autojump_clock: MockClock,
) -> None:
    async with desk() as made:
        ada, other = made.fresh_client(1), made.fresh_client(1)
        await made.hello(ada)
        whole = made.world.leases.fence

        def revoked_meanwhile(room_id: str) -> int:
            """The rooms are being asked."""
            made.world.fanout.close_topic("login:login-1", CloseCode.TOKEN_REVOKED)
            return whole(room_id)

        made.world.leases.fence = revoked_meanwhile  # type: ignore[method-assign]
        await made.say_hello(other, resume=resume(ada, 1))
        assert other.closed_with is CloseCode.TOKEN_REVOKED
        assert other.welcome is None


async def test_a_takeover_that_is_refused_leaves_the_older_socket_alone(
    autojump_clock: MockClock,
) -> None:
    async with desk() as made:
        old = made.fresh_client(1)
        await made.hello(old)
        made.world.leases.lose()
        with pytest.raises(Unavailable):
            await made.hello(made.fresh_client(1), resume=resume(old, 1))
        assert old.is_open


async def test_the_older_socket_is_closed_before_the_new_one_is_welcomed(
    autojump_clock: MockClock,
) -> None:
    async with desk() as made:
        old, new = made.fresh_client(1), made.fresh_client(1)
        await made.hello(old)
        whole, closed_by_then = new.welcomed, []

        def welcomed(*args: Any) -> None:
            closed_by_then.append(old.closed_with)
            whole(*args)

        new.welcomed = welcomed  # type: ignore[method-assign]
        await made.hello(new, resume=resume(old, 1))
        assert closed_by_then == [CloseCode.REPLACED]


async def test_a_connection_that_closes_during_its_hello_takes_no_session_over_and_leaves_nothing(
    autojump_clock: MockClock,
) -> None:
    async with desk() as made:
        old, gone = made.fresh_client(1), made.fresh_client(1)
        await made.hello(old)
        whole = made.world.leases.fence

        def closes(room_id: str) -> int:
            gone.is_open = False
            return whole(room_id)

        made.world.leases.fence = closes  # type: ignore[method-assign]
        await made.say_hello(gone, resume=resume(old, 1))
        assert gone.welcome is None
        assert old.is_open
        assert gone.topics <= {"login:login-1"}  # which the fan-out clears by itself
        assert made.keeper.statistics()["sessions"] == 1


async def test_connections_of_one_user_are_opened_one_by_one_and_of_two_users_together(
    autojump_clock: MockClock,
) -> None:
    async with desk() as made:
        whole, opening, most = made.sessions.open, [], []

        async def slow(opener: Principal, **what: Any) -> Any:
            opening.append(opener.user_id)
            most.append(max(map(opening.count, opening)))
            await trio.sleep(1)
            opening.remove(opener.user_id)
            return await whole(opener, **what)

        made.sessions.open = slow  # type: ignore[method-assign]
        clients = [made.fresh_client(number) for number in (1, 1, 1, 2)]
        begun_at = trio.current_time()
        async with trio.open_nursery() as nursery:
            for client in clients:
                nursery.start_soon(made.say_hello, client)
        assert max(most) == 1
        assert 3 <= trio.current_time() - begun_at < 3.5
        assert all(client.welcome for client in clients)


async def test_who_closes_before_his_turn_is_not_opened(autojump_clock: MockClock) -> None:
    async with desk() as made, trio.open_nursery() as nursery:
        gone, here = made.fresh_client(1), made.fresh_client(1)
        async with made.reception.turn(user_id(1)):
            nursery.start_soon(made.say_hello, gone)
            await wait_all_tasks_blocked()
            nursery.start_soon(made.say_hello, here)
            await wait_all_tasks_blocked()
            gone.is_open = False
        await wait_all_tasks_blocked()
        assert (gone.welcome, gone.topics) == (None, set())
        assert here.welcome


async def test_who_does_harm_again_and_again_is_welcomed_later_and_nobody_else(
    autojump_clock: MockClock,
) -> None:
    async with desk() as made:
        for _ in range(20):
            made.reception.ended(user_id(1), CloseCode.FRAME_TOO_LARGE)
        begun_at = trio.current_time()
        await made.hello(made.fresh_client(2))
        assert trio.current_time() == begun_at
        await made.hello(made.fresh_client(1))
        assert trio.current_time() - begun_at == pytest.approx(MAX_REST)


class Socket(FakeClient):
    """Takes 256 KiB a second; `most`: the most that was ever unsent."""

    unsent = most = looked_at = 0.0

    @property
    def takes_more(self) -> bool:
        self._drain()
        return self.unsent <= 65_536

    def send_nowait(self, frame: bytes, lane: FrameLane = FrameLane.DURABLE) -> None:
        self._drain()
        self.unsent += len(frame)
        self.most = max(self.most, self.unsent)
        super().send_nowait(frame, lane)

    async def wait_drained(self) -> None:
        self._drain()
        while not self.takes_more:
            await trio.sleep(0.1)

    def _drain(self) -> None:
        now = trio.current_time()
        self.unsent = max(0.0, self.unsent - 262_144 * (now - self.looked_at))
        self.looked_at = now


async def many_busy_rooms(made: Desk, ada: FakeClient, messages: int = 30) -> list[str]:
    """Forty, each with so many times 8 KB to send to who comes back."""
    rooms = [f"0190a000-0000-7000-8000-{number:012x}" for number in range(100, 140)]
    for room_id in rooms:
        await made.world.make_room(room_id=room_id)
        for number in range(messages):
            command = PostMessage(room_id=room_id, content="x" * 8_000, client_id=key(number))
            await made.world.ask(ada, command, room_id=room_id)
    return rooms


async def test_a_return_to_many_busy_rooms_goes_at_the_speed_of_the_socket(
    autojump_clock: MockClock,
) -> None:
    """Four mebibytes unsent are the end of a connection, also of one that replays."""
    async with desk() as made:
        ada = made.fresh_client(1)
        await made.hello(ada)
        rooms = await many_busy_rooms(made, ada)
        back = Socket(id=999, number=1)
        hello = trio.current_time()
        await made.say_hello(back, resume=resume(ada, 1, *rooms))
        assert back.is_open
        assert trio.current_time() - hello > 10
        assert len(back.of_type("chat.message")) == 40 * 30
        assert back.most < 3 * 1_048_576


@pytest.mark.parametrize("messages", [30, 60], ids=["from memory", "from the log"])
async def test_joins_of_many_busy_rooms_at_once_go_at_the_speed_of_the_socket_too(
    messages: int, autojump_clock: MockClock
) -> None:
    async with desk() as made:
        ada = made.fresh_client(1)
        await made.hello(ada)
        rooms = await many_busy_rooms(made, ada, messages)
        back = Socket(id=999, number=1, principal=principal(1))
        for room_id in rooms:
            after = Position(epoch=EPOCH, seq=1)
            made.world.send(back, JoinRoom(room_id=room_id, after=after), room_id=room_id)
        await trio.sleep(120)
        assert len(back.of_type("chat.message")) == 40 * messages
        assert back.most < 3 * 1_048_576
        assert back.room_count == 40


def test_an_inbox_too_far_behind_is_read_anew() -> None:
    seen = Resume(session_id="s", inbox=5)
    assert plan_inbox(None, head=9, first=9) == InboxPlan(9, False)
    assert plan_inbox(Resume(session_id="s"), head=9, first=9) == InboxPlan(9, False)
    assert plan_inbox(seen, head=1_005, first=1) == InboxPlan(5, False)
    assert plan_inbox(seen, head=1_006, first=1) == InboxPlan(1_006, True)
    assert plan_inbox(seen, head=4, first=1) == InboxPlan(4, True)


def test_an_inbox_of_which_not_all_that_was_missed_is_kept_is_read_anew() -> None:
    seen = Resume(session_id="s", inbox=5)
    assert plan_inbox(seen, head=9, first=6) == InboxPlan(5, False)
    assert plan_inbox(seen, head=9, first=7) == InboxPlan(9, True)
    assert plan_inbox(seen, head=9, first=10) == InboxPlan(9, True)
    # Nothing was missed: nothing of it can be gone.
    assert plan_inbox(seen, head=5, first=6) == InboxPlan(5, False)


async def test_who_comes_back_to_an_inbox_whose_next_event_is_no_longer_kept_is_told_so(
    autojump_clock: MockClock,
) -> None:
    async with desk() as made:
        for source in "abc":
            await made.world.inboxes.append(
                1,
                user_id(1),
                source=source,
                kind="k",
                at=1,
                fence=made.world.leases.fence(user_id(1)),
                body=lambda seq: encode(Ping(t=seq)),
            )
        made.world.inboxes.forget(1, user_id(1), below=3)
        for seen, is_reset, told in ((1, True, []), (2, False, [3]), (3, False, [])):
            back = made.fresh_client(1)
            welcome = await made.hello(back, resume=Resume(session_id="unknown", inbox=seen))
            assert (welcome.get("inboxReset", False), welcome["inbox"]) == (is_reset, 3)
            await trio.sleep(1)
            assert [frame["t"] for frame in back.of_type("ping")] == told


async def test_credentials_are_renewed_in_place_for_the_same_user_only(
    autojump_clock: MockClock,
) -> None:
    async with desk() as made:
        ada = made.fresh_client(1)
        await made.hello(ada)
        assert isinstance(await made.ask(ada, RefreshAuth(token="user:1")), AuthRefreshed)
        await made.ask(ada, RefreshAuth(token="again:1"))
        assert ada.principal is not None
        assert ada.principal.login_id == "new-login"
        assert "login:new-login" in ada.topics
        assert "login:login-1" not in ada.topics
        with pytest.raises(Rejected, match="forbidden"):
            await made.ask(ada, RefreshAuth(token="user:2"))


async def test_a_login_that_ends_while_it_renews_a_connection_does_not_get_it(
    autojump_clock: MockClock,
) -> None:
    """Its sockets are closed as it ends: this one must be among them, or stay with what it had."""
    async with desk() as made:
        ada = made.fresh_client(1)
        await made.hello(ada)
        whole = made.credentials.authenticate

        async def ended_meanwhile(token: str) -> Principal:
            new = await whole(token)
            made.credentials.ended.add(new.login_id)
            made.world.fanout.close_topic(f"login:{new.login_id}", CloseCode.TOKEN_REVOKED)
            return new

        made.credentials.authenticate = ended_meanwhile  # type: ignore[method-assign]
        with pytest.raises(TokenRevoked):
            await made.ask(ada, RefreshAuth(token="again:1"))
        assert ada.is_open
        assert ada.principal is not None
        assert ada.principal.login_id == "login-1"
        assert [topic for topic in ada.topics if topic.startswith("login:")] == ["login:login-1"]


async def test_search_shows_members_what_stands_and_strangers_nothing(
    autojump_clock: MockClock,
) -> None:
    async with desk() as made:
        ada, cyd = made.fresh_client(1), made.fresh_client(3)
        await made.hello(ada)
        await made.hello(cyd)
        told = [await made.post(ada, number, "pasteis de nata") for number in range(4)]
        gone = DeleteMessage(room_id=ROOM_ID, message_id=told[0].message_id)
        await made.world.ask(ada, gone)
        found = await made.ask(ada, SearchMessages(query="nata", room_id=ROOM_ID, limit=2))
        assert [view.seq for view in found.messages] == [told[3].seq, told[2].seq]
        assert found.has_more
        assert (await made.ask(cyd, SearchMessages(query="nata"))).messages == []
        with pytest.raises(Rejected, match="not_found"):
            await made.ask(cyd, SearchMessages(query="nata", room_id=ROOM_ID))


async def test_a_page_of_finds_fits_one_frame(autojump_clock: MockClock) -> None:
    async with desk() as made:
        ada = made.fresh_client(1)
        await made.hello(ada)
        for number in range(40):
            await made.post(ada, number, "nata " + "x" * 8_000)
        found = await made.ask(ada, SearchMessages(query="nata", limit=40))
        assert 20 < len(found.messages) < 40
        assert found.has_more
        whole = made.world.log.message

        async def away(*args: Any) -> Any:
            raise Unavailable

        made.world.log.message = away  # type: ignore[method-assign]
        with pytest.raises(Unavailable):
            await made.ask(ada, SearchMessages(query="nata"))
        made.world.log.message = whole  # type: ignore[method-assign]


async def test_searches_take_turns_each_user_one_and_few_in_all(autojump_clock: MockClock) -> None:
    """The database has ten connections, which others need too."""
    async with desk() as made:
        people = [made.fresh_client(number) for number in (1, 1, 1, 2, 2, 3, 4)]
        for client in people:
            await made.hello(client)
        for number in range(20):
            await made.post(people[0], number, "pasteis de nata")
        find, message = made.search.find, made.world.log.message
        at_once, finding, reading, most_reads, order = list[list[str]](), list[str](), 0, 0, []

        async def slowly(tenant_id: int, user: str, **fields: Any) -> Any:
            finding.append(user)
            at_once.append(sorted(finding))
            await trio.sleep(1)
            finding.remove(user)
            order.append(user)
            return await find(tenant_id, user, **fields)

        async def read(*args: Any) -> Any:
            nonlocal reading, most_reads
            reading += 1
            most_reads = max(most_reads, reading)
            await trio.sleep(0.1)
            reading -= 1
            return await message(*args)

        made.search.find = slowly  # type: ignore[method-assign]
        made.world.log.message = read  # type: ignore[method-assign]
        async with trio.open_nursery() as nursery:
            for client in people:
                nursery.start_soon(made.ask, client, SearchMessages(query="nata"))
                await wait_all_tasks_blocked()
        assert max(map(len, at_once)) == SEARCHES
        assert all(len(set(users)) == len(users) for users in at_once)
        assert 1 < most_reads <= 4
        # Who comes after a user's many waits for one of them.
        assert sorted(order[:4]) == [user_id(number) for number in (1, 2, 3, 4)]


@pytest.mark.parametrize("is_known", [True, False], ids=["closed", "half open"])
async def test_who_is_gone_with_searches_behind_him_is_welcomed_back_before_they_are_made(
    is_known: bool, autojump_clock: MockClock
) -> None:
    async with desk() as made:
        ada, find, made_for = made.fresh_client(1), made.search.find, list[str]()
        await made.hello(ada)

        async def slowly(tenant_id: int, user: str, **fields: Any) -> Any:
            made_for.append(fields["query"])
            await trio.sleep(2)
            return await find(tenant_id, user, **fields)

        made.search.find = slowly  # type: ignore[method-assign]
        back = made.fresh_client(1)
        async with trio.open_nursery() as nursery:
            for number in range(20):
                nursery.start_soon(made.ask, ada, SearchMessages(query=str(number)))
                await wait_all_tasks_blocked()
            if is_known:
                ada.close_nowait(CloseCode.GOING_AWAY)
            nursery.start_soon(made.hello, back, None, resume(ada, 1))
            await trio.sleep(3)
            assert back.welcome is not None
        assert made_for == ["0"]


async def test_a_session_outlives_a_long_connection_and_then_half_an_hour(
    autojump_clock: MockClock,
) -> None:
    async with desk() as made, trio.open_nursery() as nursery:
        nursery.start_soon(made.keeper.run)
        ada = made.fresh_client(1)
        await made.hello(ada)
        await trio.sleep(7_200)
        ada.is_open = False
        made.keeper.leave(ada.session_id)
        await trio.sleep(1_790)
        back = made.fresh_client(1)
        assert (await made.hello(back, resume=resume(ada, 1)))["resumed"]
        back.is_open = False
        await trio.sleep(2 * TOUCH_EVERY + 1_801)
        late = made.fresh_client(1)
        assert not (await made.hello(late, resume=resume(back, 1)))["resumed"]
        assert made.keeper.statistics()["sessions"] == 1
        nursery.cancel_scope.cancel()


async def test_an_old_sockets_end_does_not_forget_the_new_one(autojump_clock: MockClock) -> None:
    async with desk() as made:
        ada = made.fresh_client(1)
        await made.hello(ada)
        await made.hello(made.fresh_client(1), resume=resume(ada, 1))
        made.keeper.leave(ada.session_id)
        assert made.keeper.statistics()["sessions"] == 1


async def test_only_a_connection_says_hello(autojump_clock: MockClock) -> None:
    async with desk() as made:
        hello = Hello(token="user:1", client=ClientInfo(name="test", version="1"))
        with pytest.raises(Rejected, match="bad_request"):
            await made.world.system.ref(SESSION.at("s")).ask(hello)
        record = await made.world.rooms.load(TENANT, ROOM_ID)
        assert record is not None
