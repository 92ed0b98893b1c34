"""The exchange under the SDK: what was sent, how long it may take, how much may come."""

import http.client
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.request import Request

import pytest
from amadeus_samples import VND, answer

from gateways.partners.amadeus_transport import MaybeSent, NotSent, Transport

Behave = Callable[[socket.socket], None]


@contextmanager
def server(behave: Behave) -> Iterator[str]:
    """One connection, whose whole request is read before `behave` has the socket."""

    def serve() -> None:
        with listener, listener.accept()[0] as connection:
            connection.settimeout(5)
            heard = b""
            while b"\r\n\r\n" not in heard:
                heard += connection.recv(65_536)
            behave(connection)

    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        thread.join()


def say(data: bytes) -> Behave:
    return lambda connection: connection.sendall(data)


def post(url: str) -> Request:
    return Request(f"{url}/v1/x?", data=b"{}", method="POST")


def test_a_refused_connection_is_certainly_not_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with pytest.raises(NotSent) as failed:
        Transport(within=5)(post(url))
    assert isinstance(failed.value.reason, ConnectionRefusedError)


def test_a_name_that_nobody_has_is_certainly_not_sent() -> None:
    with pytest.raises(NotSent) as failed:
        Transport(within=5)(post("http://nobody.invalid"))
    assert isinstance(failed.value.reason, socket.gaierror)


def test_a_failed_handshake_is_certainly_not_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def hang_up() -> None:
            listener.accept()[0].close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        with pytest.raises(NotSent):
            Transport(within=5)(post(f"https://127.0.0.1:{listener.getsockname()[1]}"))
        thread.join()


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")


@pytest.mark.parametrize(
    "behave",
    [
        reset,
        lambda connection: None,
        say(answer(b"x" * 100)[:-1]),
        say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"),
        say(b"no HTTP at all\r\n\r\n"),
    ],
    ids=["reset", "closed", "truncated", "broken chunk", "nonsense"],
)
def test_without_a_whole_answer_a_request_may_have_been_carried_out(behave: Behave) -> None:
    with server(behave) as url, pytest.raises(MaybeSent) as failed:
        Transport(within=5)(post(url))
    assert isinstance(failed.value.reason, OSError | http.client.HTTPException)


def test_a_silent_server_is_given_up_in_time_and_may_have_done_it() -> None:
    released = threading.Event()
    with server(lambda connection: released.wait(5) and None) as url:
        with pytest.raises(MaybeSent) as failed:
            Transport(within=0.1)(post(url))
        released.set()
    assert isinstance(failed.value.reason, TimeoutError)


def test_bytes_that_trickle_do_not_prolong_the_time() -> None:
    def trickle(connection: socket.socket) -> None:
        try:
            for byte in answer(b"x" * 1_000):
                connection.sendall(bytes([byte]))
                time.sleep(0.02)
        except OSError:
            pass  # it hung up on us, as it should

    begun = time.monotonic()
    with server(trickle) as url, pytest.raises(MaybeSent) as failed:
        Transport(within=0.2)(post(url))
    assert isinstance(failed.value.reason, TimeoutError)
    assert time.monotonic() - begun < 5


def test_an_answer_without_end_is_not_read_to_its_end() -> None:
    with (
        server(say(answer(b"x" * 2_000))) as url,
        pytest.raises(MaybeSent, match="more than 1000 bytes"),
    ):
        Transport(within=5, max_body=1_000)(post(url))


def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    moved = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
    with server(say(moved)) as url:
        assert Transport(within=5)(post(url)).status == 302


def test_no_proxy_is_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with server(say(answer(b"{}"))) as url:
        assert Transport(within=5)(post(url)).read() == b"{}"


@pytest.mark.parametrize(
    ("said", "seen"),
    [
        (VND, VND),
        ("application/json; charset=utf-8", "application/json"),
        ('Application/JSON;charset="UTF-8"', "application/json"),
        ("application/json; charset=latin-1", "application/json; charset=latin-1"),
        ("text/html; charset=utf-8", "text/html; charset=utf-8"),
    ],
)
def test_json_is_json_with_its_charset_said_too(said: str, seen: str) -> None:
    with server(say(answer(b"{}", content_type=said))) as url:
        assert Transport(within=5)(post(url)).info()["content-type"] == seen
