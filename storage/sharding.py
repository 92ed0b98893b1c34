"""Which of the 1,024 shards a room belongs to. Stored ownership depends on it: it never changes."""

from typing import Final
from zlib import crc32

SHARDS: Final = 1024


def shard_of(room_id: str) -> int:
    """A room's shard, 0 to 1,023; the same on every node and machine."""
    return crc32(room_id.encode(errors="surrogatepass")) % SHARDS
