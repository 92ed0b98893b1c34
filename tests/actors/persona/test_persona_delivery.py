"""Text on its way to the room."""

import trio
from trio.testing import MockClock

from actors.persona.delivery import FRAME_EVERY, Delivery
from core.errors import Overloaded
from protocol.chat import AiOrigin
from protocol.limits import MAX_CONTENT_BYTES
from protocol.persona import StreamRun

AUTHOR = AiOrigin(model="m", version="1", persona_id="p", tier="template")


class Room:
    def __init__(self) -> None:
        self.told: list[tuple[float, int, str]] = []
        self.refuse = 0

    def __call__(self, delta: StreamRun) -> None:
        if self.refuse:
            self.refuse -= 1
            raise Overloaded
        self.told.append((trio.current_time(), delta.offset, delta.text))


def delivery(room: Room) -> Delivery:
    begun = Delivery("run", room, lambda: AUTHOR)
    begun.begin()
    return begun


async def test_what_is_worded_before_the_room_knows_of_it_goes_in_one_piece_then(
    autojump_clock: MockClock,
) -> None:
    room = Room()
    one = Delivery("run", room, lambda: AUTHOR)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(one.run)
        for piece in ("a", "b"):
            one.add(piece)
            await trio.sleep(1)
        assert room.told == []
        one.begin()
        assert room.told == [(trio.current_time(), 0, "ab")]
        one.add("c")
        await trio.sleep(1)
        nursery.cancel_scope.cancel()
    assert [text for _, _, text in room.told] == ["ab", "c"]


async def test_the_first_piece_waits_for_nobody_and_for_no_other(
    autojump_clock: MockClock,
) -> None:
    room = Room()
    one = delivery(room)
    one.add("first")
    one.add(" second")
    assert [text for _, _, text in room.told] == ["first"]


async def test_later_pieces_share_frames_and_offsets_count_bytes(
    autojump_clock: MockClock,
) -> None:
    room = Room()
    one = delivery(room)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(one.run)
        for piece in ("é", "b", "c"):
            one.add(piece)
            await trio.sleep(0.01)
        await trio.sleep(1)
        one.add("d")
        await trio.sleep(1)
        nursery.cancel_scope.cancel()
    assert [(offset, text) for _, offset, text in room.told] == [(0, "é"), (2, "bc"), (4, "d")]
    assert room.told[1][0] - room.told[0][0] >= FRAME_EVERY


async def test_what_a_full_room_refused_goes_with_the_next_frame(
    autojump_clock: MockClock,
) -> None:
    room = Room()
    room.refuse = 2
    one = delivery(room)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(one.run)
        one.add("first")
        one.add(" second")
        await trio.sleep(1)
        nursery.cancel_scope.cancel()
    assert [(offset, text) for _, offset, text in room.told] == [(0, "first second")]


async def test_after_it_was_closed_nothing_is_told(autojump_clock: MockClock) -> None:
    room = Room()
    one = delivery(room)
    one.add("first")
    one.add(" second")
    one.close(is_flushed=False)
    one.add(" third")
    one.close(is_flushed=True)
    assert [text for _, _, text in room.told] == ["first"]
    flushed = delivery(room)
    flushed.add("a")
    flushed.add("b")
    flushed.close(is_flushed=True)
    assert [text for _, _, text in room.told[1:]] == ["a", "b"]


async def test_no_message_grows_beyond_what_one_may_hold(autojump_clock: MockClock) -> None:
    room = Room()
    one = delivery(room)
    one.add("x" * (MAX_CONTENT_BYTES - 1))
    one.add("é")
    one.add("y")
    one.close(is_flushed=True)
    assert one.is_full
    assert len(one.text.encode()) == MAX_CONTENT_BYTES - 1
