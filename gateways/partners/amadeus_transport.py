"""One HTTP exchange for the official SDK, which would else use `urllib.request.urlopen`.

That one waits for ever, takes proxies from the environment, follows redirects with a POST turned into a
GET, and does not tell whether a request that failed had been sent. The SDK takes errors for its own
when they are `URLError`s: so are ours.
"""

import http.client
import io
import socket
import ssl
import time
from email.message import Message
from functools import cache
from typing import Any, Final
from urllib.error import URLError
from urllib.request import Request

MAX_BODY_BYTES: Final = 8 << 20
SDK_READS: Final = 16_384
"""Bytes of a success that the SDK is let parse: what it needs to know itself, tokens, is small. We read
offers ourselves, and faster; its parser would hold all threads up for milliseconds, for nothing."""

_JSON: Final = frozenset({"application/json", "application/vnd.amadeus+json"})
_CHARSETS: Final = frozenset({"", "utf-8", "utf8", "us-ascii"})


class NotSent(URLError):
    """No byte of the request has left us: certainly nothing was done."""


class MaybeSent(URLError):
    """The request was on its way, and no whole answer came: it may have been carried out."""


class Answer:
    """What the SDK reads of a response; `body` is all of it."""

    def __init__(self, status: int, headers: Message, body: bytes) -> None:
        self.status = self.code = status
        self._headers, self.body = headers, body

    def read(self) -> bytes:
        is_large = 200 <= self.status < 300 and len(self.body) > SDK_READS
        return b"{}" if is_large else self.body

    def info(self) -> Message:
        return self._headers

    def getheaders(self) -> list[tuple[str, str]]:
        return self._headers.items()


class Transport:
    """Callable as the SDK's `http` option wants it, from any thread.

    An exchange takes at most `within` seconds, however slowly its bytes trickle (but for the look-up of
    the name, which only the system can end), and at most `max_body` bytes of an answer are read. A
    connection that takes longer than `connect_within` to be made is given up: `NotSent`.
    """

    def __init__(
        self,
        *,
        within: float,
        connect_within: float | None = None,
        max_body: int = MAX_BODY_BYTES,
    ) -> None:
        self._within, self._max_body = within, max_body
        self._connect_within = min(within, connect_within or within)

    def __call__(self, request: Request) -> Answer:
        """Raises `NotSent` or `MaybeSent`."""
        until = time.monotonic() + self._within
        connection = self._connection(request)
        try:
            connection.connect()
        except OSError as error:
            connection.close()
            raise NotSent(error) from error
        with connection.sock as sock:
            # The library lets go of the socket before the body is read: its own close must do nothing.
            connection.sock = _Hurried(sock, until)
            try:
                return self._exchange(connection, request)
            except (OSError, http.client.HTTPException) as error:
                raise MaybeSent(_reason(error)) from error

    def _connection(self, request: Request) -> http.client.HTTPConnection:
        if request.type == "https":
            return http.client.HTTPSConnection(
                request.host, timeout=self._connect_within, context=_tls()
            )
        return http.client.HTTPConnection(request.host, timeout=self._connect_within)

    def _exchange(self, connection: http.client.HTTPConnection, request: Request) -> Answer:
        headers = {**dict(request.header_items()), "Connection": "close"}
        body = request.data if isinstance(request.data, bytes) else None
        connection.request(request.get_method(), request.selector, body=body, headers=headers)
        response = connection.getresponse()
        read = response.read(self._max_body + 1)
        if len(read) > self._max_body:
            raise http.client.HTTPException(f"an answer of more than {self._max_body} bytes")
        if response.length:
            raise http.client.IncompleteRead(read, response.length)
        return Answer(response.status, _plain(response.headers), read)


class _Hurried(io.RawIOBase):
    """A socket that has until a moment, and not until a time after the last byte."""

    def __init__(self, sock: socket.socket, until: float) -> None:
        self._sock, self._until = sock, until

    def sendall(self, data: bytes) -> None:
        self._hurry()
        self._sock.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        self._hurry()
        return self._sock.recv_into(buffer)

    def close(self) -> None:
        """The socket is closed by whoever opened it."""

    def _hurry(self) -> None:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer took too long")
        self._sock.settimeout(left)


@cache
def _tls() -> ssl.SSLContext:
    """Once, and only for who speaks TLS: it reads all the certificates that this machine trusts."""
    return ssl.create_default_context()


def _plain(headers: Message) -> Message:
    """The SDK reads JSON only where the type stands bare: it takes `; charset=utf-8` for no JSON."""
    kind, _, rest = (headers.get("Content-Type") or "").partition(";")
    charset = rest.partition("charset=")[2].strip(' "').lower()
    if kind.strip().lower() in _JSON and charset in _CHARSETS:
        del headers["Content-Type"]
        headers["Content-Type"] = kind.strip().lower()
    return headers


def _reason(error: Exception) -> Exception:
    """Without the part of the answer that an `IncompleteRead` carries."""
    if isinstance(error, http.client.IncompleteRead):
        return http.client.HTTPException(f"an answer that breaks off {error.expected} bytes early")
    return error
