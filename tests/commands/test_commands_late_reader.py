"""Who asks while the server starts is read by what there is, before a prompt counts as unread."""

import trio
from trio.testing import MockClock

from actors.persona.listener import READ_WITHIN
from commands.wire_personas import FOR_PLACES, LateReader
from inference.reader import LATE_AFTER, ModelReader
from inference.understanding.gazetteer import Gazetteer
from protocol.understanding import Setting

SETTING = Setting(addressed=True)


async def test_without_models_rules_read_in_time(autojump_clock: MockClock) -> None:
    reader = LateReader()
    read = await reader.read("flights to lisbon", SETTING)
    assert read.reader == "rules"
    # (Virtual time does not wait for threads: the reader thinks that its own is late.)
    assert FOR_PLACES <= trio.current_time() <= FOR_PLACES + LATE_AFTER < READ_WITHIN
    assert reader.asked.is_set()


async def test_who_waits_for_places_waits_no_longer_than_they_take(
    autojump_clock: MockClock,
) -> None:
    reader, loaded = LateReader(), ModelReader((), Gazetteer(()))

    async def load() -> None:
        await trio.sleep(0.3)
        reader.begin(ModelReader((), Gazetteer(())))
        await trio.sleep(0.3)
        reader.know_places(loaded)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(load)
        await reader.read("flights to lisbon", SETTING)
        assert trio.current_time() < 0.8
    assert loaded.statistics()["read"] == 1
    before = trio.current_time()
    await reader.read("flights to lisbon", SETTING)
    assert trio.current_time() - before < 0.1
