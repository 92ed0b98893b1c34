"""The echo server that the RFC 6455 suite (`tools/autobahn.sh`) is run against. Never in service.

Everything but the meaning of a message is the real gateway.
"""

from typing import Final

from core.identity import Principal
from core.ports.fanout import FrameLane
from gateways.client.connection import Connection
from gateways.client.errors import farewell_frame
from gateways.client.frames import encode_binary, encode_text
from gateways.client.policy import Policy
from protocol import codec
from protocol.close_codes import CloseCode
from protocol.frames import Ping

ECHO_POLICY: Final = Policy(is_conformance=True)
"""For `ClientServer(handler=Echo(), policy=ECHO_POLICY, …)`."""


class Echo:
    """`connection.Handler`: what comes goes back."""

    def received(self, connection: Connection, message: bytes) -> None:
        connection.put_nowait(encode_binary(message), FrameLane.CONTROL)

    def received_text(self, connection: Connection, text: str) -> None:
        connection.put_nowait(encode_text(text), FrameLane.CONTROL)

    def farewell(self, connection: Connection, code: CloseCode) -> bytes:
        return farewell_frame(code, locale=connection.locale)

    def ping(self) -> bytes:
        return codec.encode(Ping(t=0))

    def admit(self, connection: Connection, principal: Principal) -> bool:
        return True
