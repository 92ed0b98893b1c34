"""A process that owns an embedded server, for tests that kill it: prints its DSN, then sleeps."""

import sys
from pathlib import Path

import trio

from storage.postgres.embedded import Embedded


async def main(data_dir: Path) -> None:
    async with trio.open_nursery() as nursery:
        server = Embedded(data_dir, settings={"fsync": "off"})
        dsn = await nursery.start(server.run)
        print(server.postmaster_pid, dsn, flush=True)
        await trio.sleep_forever()


if __name__ == "__main__":
    trio.run(main, Path(sys.argv[1]))
