"""What every reader promises: the one that is served, and what stands in for it in tests."""

from collections.abc import Callable

import pytest
import trio
from fake_reader import ScriptedReader

from core.ports.inference import Reader
from inference.reader import ModelReader
from inference.understanding.gazetteer import Gazetteer
from inference.understanding.ngrams import load_ngrams
from protocol.understanding import INTENTS, Setting, Understanding

MakeReader = Callable[[], Reader]

READERS: dict[str, MakeReader] = {
    "n-grams": lambda: ModelReader([load_ngrams()], Gazetteer([])),
    "rules": lambda: ModelReader([], Gazetteer([])),
    "scripted": ScriptedReader,
}
"""By name; whoever makes another adds it."""

ODD = (
    "",
    " ",
    "\x00",
    "😂",
    "a" * 10_000,
    "¿?",
    "{}",
    "٢ أيام",
    "\ud800".encode("utf-8", "ignore").decode(),
)


@pytest.fixture(params=sorted(READERS))
def reader(request: pytest.FixtureRequest) -> Reader:
    return READERS[request.param]()


@pytest.mark.parametrize("text", ODD)
async def test_it_never_refuses(reader: Reader, text: str) -> None:
    read = await reader.read(text, Setting(people=2))
    assert isinstance(read, Understanding)
    assert read.intent in INTENTS
    assert 0.0 <= read.confidence <= 1.0
    assert 0.0 <= read.addressed <= 1.0


async def test_the_same_message_in_the_same_setting_means_the_same(reader: Reader) -> None:
    setting = Setting(people=3, addressed=True)
    one = await reader.read("where should we go in may", setting)
    assert await reader.read("where should we go in may", setting) == one


def test_a_wish_may_be_a_prompt_and_laughter_may_not(reader: Reader) -> None:
    assert reader.may_be_prompt("flights to lisbon?")
    assert reader.may_be_prompt("ok")
    assert not reader.may_be_prompt("hahaha")


async def test_many_read_at_once_and_none_waits_for_ever(reader: Reader) -> None:
    read: list[Understanding] = []

    async def one(number: int) -> None:
        read.append(await reader.read(f"hotel for {number} nights", Setting()))

    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            for number in range(20):
                nursery.start_soon(one, number)
    assert len(read) == 20


async def test_who_is_cancelled_gets_nothing_and_the_next_is_served(reader: Reader) -> None:
    with trio.move_on_after(0) as scope:
        await reader.read("hotel in rome", Setting())
    assert scope.cancelled_caught
    with trio.fail_after(10):
        assert isinstance(await reader.read("hotel in rome", Setting()), Understanding)
