"""The boundary of what a persona may use, over every mixture of persons, rooms and permissions.

Three people and three rooms; what is remembered is about one of them or nobody, was said in a room
or in private, and came from a message or not. `promised` states the boundary anew, from the words of
the port, and `leaks` names what a store gave out against it. Two stores that leak are caught.
"""

import itertools
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from persona_worlds import TENANT, World, world_on

from core.ports.personas import Memories, MemoryItem

PEOPLE, ROOMS, MESSAGES = range(3), range(3), range(4)


@dataclass(frozen=True)
class Learn:
    about: int | None
    room: int | None
    message: int | None
    in_groups: bool
    slot: str


@dataclass(frozen=True)
class Forget:
    message: int


@dataclass(frozen=True)
class Allow:
    """The subject (or, about nobody, the owner) changes what may be said where others read."""

    item: int
    in_groups: bool


LEARN = st.builds(
    Learn,
    about=st.sampled_from([None, *PEOPLE]),
    room=st.sampled_from([None, *ROOMS]),
    message=st.sampled_from([None, *MESSAGES]),
    in_groups=st.booleans(),
    slot=st.sampled_from(["", "", "budget", "home"]),
)
Steps = list[Learn | Forget | Allow]
STEPS = st.lists(
    st.one_of(
        LEARN,
        LEARN,
        LEARN,
        st.builds(Forget, message=st.sampled_from(MESSAGES)),
        st.builds(Allow, item=st.integers(0, 20), in_groups=st.booleans()),
    ),
    max_size=25,
)


@pytest.fixture
async def world(server: Any) -> AsyncIterator[World]:
    async with world_on(server) as world:
        yield world


class Cast:
    """One persona of its own for one run of steps, and what should be remembered by now."""

    def __init__(self, world: World, memories: Memories) -> None:
        self.world, self.memories = world, memories
        self.people = [world.ids.uuid7() for _ in PEOPLE]
        self.rooms = [world.ids.uuid7() for _ in ROOMS]
        self.messages = [world.ids.uuid7() for _ in MESSAGES]
        self.kept: list[MemoryItem] = []
        self.persona_id = ""

    async def play(self, steps: Sequence[Learn | Forget | Allow]) -> None:
        self.persona_id = (await self.world.persona(self.people[0])).id
        for step in steps:
            self.world.clock.advance(1)
            match step:
                case Learn():
                    await self._learn(step)
                case Forget(message=message):
                    await self.forget(self.messages[message])
                case Allow(item=place, in_groups=in_groups):
                    await self._allow(place, in_groups)

    async def _learn(self, step: Learn) -> None:
        item = self.world.memory(
            self.persona_id,
            about=None if step.about is None else self.people[step.about],
            room_id=None if step.room is None else self.rooms[step.room],
            source_message=None if step.message is None else self.messages[step.message],
            in_groups=step.in_groups,
            slot=step.slot,
        )
        await self.memories.add(TENANT, item)
        same = [old for old in self.kept if item.slot and _slot(old) == _slot(item)]
        self.kept = [*(old for old in self.kept if old not in same), item]

    async def forget(self, message_id: str) -> None:
        gone = [item for item in self.kept if item.source_message == message_id]
        assert await self.memories.forget_message(TENANT, message_id) == len(gone)
        self.kept = [item for item in self.kept if item not in gone]

    async def _allow(self, place: int, in_groups: bool) -> None:
        if not self.kept:
            return
        item = self.kept[place % len(self.kept)]
        who = item.about or self.people[0]
        await self.memories.change(TENANT, item.id, who, text=None, in_groups=in_groups)
        self.kept[self.kept.index(item)] = replace(item, in_groups=in_groups)

    async def usable(self, user: str, room: str, *, is_group: bool) -> Sequence[MemoryItem]:
        return await self.memories.usable(
            TENANT, self.persona_id, user_id=user, room_id=room, is_group=is_group
        )


def _slot(item: MemoryItem) -> tuple[str | None, str | None, str]:
    return item.about, item.room_id, item.slot


def leaks(found: Sequence[MemoryItem], user: str, room: str, *, is_group: bool) -> list[MemoryItem]:
    """What must not have come back. In a group: what is neither a memory of that very room nor marked;
    and never what another person said elsewhere."""
    return [
        item
        for item in found
        if item.room_id != room
        and (item.about not in (None, user) or (is_group and not item.in_groups))
    ]


def promised(cast: Cast, user: str, room: str, *, is_group: bool) -> set[str]:
    of_the_room = {item.id for item in cast.kept if item.room_id == room}
    of_user = {item.id for item in cast.kept if item.about == user}
    of_nobody = {item.id for item in cast.kept if item.about is None}
    marked = {item.id for item in cast.kept if item.in_groups}
    roomless = {item.id for item in cast.kept if item.room_id is None}
    in_group = of_the_room | (marked & (of_user | of_nobody))
    return in_group if is_group else in_group | of_user | (of_nobody & roomless)


# Each example is several runs in a world of its own, because pytest-trio ends a fixture with the first
# example, and a database costs as much as twenty runs.
RUNS = st.lists(STEPS, min_size=1, max_size=6)
SOME = settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@given(runs=RUNS)
@SOME
def test_nothing_crosses_the_boundary_and_nothing_is_lost(server: Any, runs: list[Steps]) -> None:
    async def main() -> None:
        async with world_on(server) as world:
            for steps in runs:
                await keeps_the_boundary(world, steps)

    trio.run(main)


async def keeps_the_boundary(world: World, steps: Steps) -> None:
    cast = Cast(world, world.memories)
    await cast.play(steps)
    for user, is_group in itertools.product(cast.people, (True, False)):
        for room in (*cast.rooms, world.ids.uuid7()):
            found = await cast.usable(user, room, is_group=is_group)
            assert leaks(found, user, room, is_group=is_group) == []
            assert {item.id for item in found} == promised(cast, user, room, is_group=is_group)
            assert [item for item in found if item not in cast.kept] == []


@given(runs=RUNS)
@SOME
def test_of_a_message_that_is_forgotten_nothing_is_left(server: Any, runs: list[Steps]) -> None:
    async def main() -> None:
        async with world_on(server) as world:
            for steps in runs:
                await forgets(world, steps)

    trio.run(main)


async def forgets(world: World, steps: Steps) -> None:
    cast = Cast(world, world.memories)
    await cast.play(steps)
    for message in cast.messages:
        await cast.forget(message)
        assert await world.memories.forget_message(TENANT, message) == 0
        seen: list[MemoryItem] = []
        for user in cast.people:
            seen += await world.memories.of_person(TENANT, cast.persona_id, user)
            for room, is_group in itertools.product(cast.rooms, (True, False)):
                seen += await cast.usable(user, room, is_group=is_group)
        assert [item for item in seen if item.source_message == message] == []


class Forgetful:
    """A store that forgot the question whether others read."""

    def __init__(self, memories: Memories) -> None:
        self._memories = memories

    def __getattr__(self, name: str) -> Any:
        return getattr(self._memories, name)

    async def usable(self, *names: Any, is_group: bool, **more: Any) -> Sequence[MemoryItem]:
        return await self._memories.usable(*names, is_group=False, **more)


class Gossip(Forgetful):
    """A store to which all rooms are one."""

    async def usable(
        self, *names: Any, room_id: str, is_group: bool, **more: Any
    ) -> Sequence[MemoryItem]:
        tenant_id, persona_id = names
        found = list(
            await self._memories.usable(*names, room_id=room_id, is_group=is_group, **more)
        )
        known = await self._memories.of_person(tenant_id, persona_id, more["user_id"])
        return [*found, *(item for item in known if item.room_id and item not in found)]


@pytest.mark.parametrize("leaky", [Forgetful, Gossip])
async def test_a_store_that_leaks_is_caught(world: World, leaky: Any) -> None:
    cast = Cast(world, leaky(world.memories))
    await cast.play(
        [
            Learn(about=1, room=None, message=None, in_groups=False, slot=""),
            Learn(about=1, room=2, message=None, in_groups=False, slot=""),
        ]
    )
    user, room = cast.people[1], cast.rooms[0]
    found = await cast.usable(user, room, is_group=True)
    assert leaks(found, user, room, is_group=True) != []
    honest = Cast(world, world.memories)
    honest.persona_id = cast.persona_id
    assert leaks(await honest.usable(user, room, is_group=True), user, room, is_group=True) == []
