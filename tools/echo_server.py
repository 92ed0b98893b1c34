"""The gateway as an echo server, for the RFC 6455 suite (tools/autobahn.sh). Never in service.

    .venv/bin/python -m tools.echo_server [--port 9001]

Prints its address when it listens; Ctrl-C ends it.
"""

import argparse

import trio

from core.clock import SystemClock
from gateways.client.admission import Admission, Bounds
from gateways.client.conformance import ECHO_POLICY, Echo
from gateways.client.fanout import TopicFanout
from gateways.client.server import ClientServer
from protocol.limits import CONNECT_PATH


async def serve(port: int) -> None:
    """Until cancelled, on loopback. Port 0 picks a free one."""
    server = ClientServer(
        handler=Echo(),
        fanout=TopicFanout(),
        admission=Admission(Bounds()),
        clock=SystemClock(),
        host="127.0.0.1",
        port=port,
        policy=ECHO_POLICY,
    )
    async with trio.open_nursery() as nursery:
        bound = await nursery.start(server.run)
        print(f"ws://127.0.0.1:{bound}{CONNECT_PATH}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--port", type=int, default=9001, help="0: any free one (9001)")
    try:
        trio.run(serve, parser.parse_args().port)
    except* KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
