"""The line between the parent and one worker: MessagePack maps, in order, both ways."""

from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

import msgpack
import trio

Word = dict[str, Any]
MAX_WORD_BYTES: Final = 1 << 30


class LinkBrokenError(Exception):
    """The other side is gone."""


class Link(Protocol):
    """Sends whole words, from one task at a time or several; receives in one task."""

    async def send(self, word: Word) -> None: ...

    async def receive(self) -> Word:
        """Raises `LinkBrokenError` at the end."""


class StreamLink:
    """Over two byte streams. Owns both."""

    def __init__(
        self,
        receive_some: Callable[[], Awaitable[bytes | bytearray]],
        send_all: Callable[[bytes], Awaitable[None]],
    ) -> None:
        self._receive_some, self._send_all = receive_some, send_all
        self._unpacker = msgpack.Unpacker(
            max_buffer_size=MAX_WORD_BYTES, strict_map_key=False, use_list=True
        )
        self._turn = trio.Lock()

    async def send(self, word: Word) -> None:
        data = msgpack.packb(word)
        async with self._turn:
            try:
                await self._send_all(data)
            except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
                raise LinkBrokenError from error

    async def receive(self) -> Word:
        while True:
            for word in self._unpacker:
                whole: Word = word
                return whole
            try:
                data = await self._receive_some()
            except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
                raise LinkBrokenError from error
            if not data:
                raise LinkBrokenError
            self._unpacker.feed(data)


class MemoryLink:
    """Within one process: workers as tasks. Words pass through MessagePack all the same."""

    def __init__(
        self, send: trio.MemorySendChannel[bytes], receive: trio.MemoryReceiveChannel[bytes]
    ) -> None:
        self._send, self._receive = send, receive

    async def send(self, word: Word) -> None:
        try:
            await self._send.send(msgpack.packb(word))
        except trio.BrokenResourceError as error:
            raise LinkBrokenError from error

    async def receive(self) -> Word:
        try:
            word: Word = msgpack.unpackb(await self._receive.receive(), strict_map_key=False)
        except trio.EndOfChannel as error:
            raise LinkBrokenError from error
        return word


def memory_links() -> tuple[MemoryLink, MemoryLink]:
    """Two ends of one line."""
    there_send, there_receive = trio.open_memory_channel[bytes](1_000)
    back_send, back_receive = trio.open_memory_channel[bytes](1_000)
    return MemoryLink(there_send, back_receive), MemoryLink(back_send, there_receive)
