"""`main.py serve` with a server whose drain nobody can cancel. Argument: the data directory."""

import argparse
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio


class Stuck:
    dsn = http_url = ws_url = ""

    async def drain(self) -> None:
        with trio.CancelScope(shield=True):
            await trio.sleep_forever()


@asynccontextmanager
async def serving(*_: object, **__: object) -> AsyncIterator[Stuck]:
    yield Stuck()


def main() -> int:
    from commands import serve

    vars(serve)["serving"] = serving
    vars(serve)["ECHO_WITHIN"] = 0.0
    os.environ["CARAVAN_DATA_DIR"] = sys.argv[1]
    return serve.run(argparse.Namespace(demo=False))


if __name__ == "__main__":
    sys.exit(main())
