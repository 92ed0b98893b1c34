"""The answer to an upgrade: RFC 6455 §4.2, and what Caravan asks beyond it."""

import pytest
from client_gateway_world import upgrade_head
from hypothesis import given
from hypothesis import strategies as st

from gateways.client.handshake import (
    FOREIGN_ORIGIN,
    MAX_HEAD_BYTES,
    NO_SUBPROTOCOL,
    NO_UPGRADE,
    OTHER_PATH,
    QUERY,
    answer,
    end_of,
)

ORIGINS = frozenset({"https://caravan.example"})


def status_of(head: bytes, **more: bool) -> int:
    sent, is_accepted, _ = answer(head, origins=ORIGINS, **more)
    status = int(sent.split()[1])
    assert is_accepted == (status == 101)
    head, _, why = sent.lower().partition(b"\r\n\r\n")
    assert f"content-length: {len(why)}" in head.decode().split("\r\n") or (status, why) == (
        101,
        b"",
    )
    return status


def test_the_key_of_the_rfc_has_the_answer_of_the_rfc() -> None:
    lines = upgrade_head().split(b"\r\n")
    lines = [line for line in lines if not line.startswith(b"Sec-WebSocket-Key")]
    lines.insert(1, b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
    sent, _, _ = answer(b"\r\n".join(lines), origins=ORIGINS)
    assert b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in sent


@pytest.mark.parametrize(
    ("old", "new", "status"),
    [
        ("", "", 101),
        ("Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 8", 426),
        ("Sec-WebSocket-Version: 13", "X: y", 400),
        ("Upgrade: websocket", "Upgrade: h2c", 400),
        ("Upgrade: websocket", "upgrade: WebSocket", 101),
        ("Connection: Upgrade", "Connection: keep-alive, upgrade", 101),
        ("Connection: Upgrade", "Connection: close", 400),
        ("Sec-WebSocket-Key:", "Sec-WebSocket-Kez:", 400),
        ("Host: 127.0.0.1", "Host: \xff", 400),
        ("Host: 127.0.0.1", "Hose: 127.0.0.1", 400),
        ("GET", "POST", 400),
        ("GET", "GET GET", 400),
        ("/v1/connect", "http://127.0.0.1/v1/connect", 404),
        ("Host: 127.0.0.1", "Host: 127.0.0.1\r\nOrigin: https://Caravan.example/", 101),
        ("Host: 127.0.0.1", "Host: 127.0.0.1\r\nOrigin: https://caravan.example.evil", 403),
    ],
)
def test_a_request_is_accepted_whole_or_refused(old: str, new: str, status: int) -> None:
    assert status_of(upgrade_head().replace(old.encode(), new.encode("latin-1"))) == status


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("/v1/connect", "/v2/connect", OTHER_PATH),
        ("/v1/connect", "/v1/connect?token=t", QUERY),
        ("caravan.v1.msgpack", "caravan.v2.msgpack", NO_SUBPROTOCOL),
        ("Host: 127.0.0.1", "Host: 127.0.0.1\r\nOrigin: https://evil.example", FOREIGN_ORIGIN),
        ("GET", "POST", NO_UPGRADE),
        ("Connection: Upgrade", "Connection: close", NO_UPGRADE),
    ],
)
def test_a_refused_upgrade_says_why(old: str, new: str, why: bytes) -> None:
    head = upgrade_head().replace(old.encode(), new.encode())
    sent, is_accepted, _ = answer(head, origins=ORIGINS)
    assert (is_accepted, sent.partition(b"\r\n\r\n")[2]) == (False, why)


def test_for_whom_it_came_is_told_in_the_order_of_the_lines() -> None:
    said = b"X-Forwarded-For: 192.0.2.1\r\nA: b\r\nx-forwarded-for:\t192.0.2.2, 192.0.2.3 \r\nHost"
    _, _, forwarded = answer(upgrade_head().replace(b"Host", said), origins=ORIGINS)
    assert forwarded == ["192.0.2.1", "192.0.2.2, 192.0.2.3"]
    assert answer(upgrade_head(), origins=ORIGINS)[2] == []


@given(st.binary(max_size=300), st.integers(0, 300), st.integers(0, 300))
def test_no_bytes_whatever_make_it_fail(noise: bytes, start: int, length: int) -> None:
    head = upgrade_head()[:-4]
    status_of(head[:start] + noise + head[start + length :] + b"\r\n\r\n")
    status_of(noise + b"\r\n\r\n")


def test_a_head_ends_at_its_empty_line_or_is_too_long() -> None:
    head = upgrade_head()
    for size in range(len(head)):
        assert end_of(bytearray(head[:size])) == -1
    assert end_of(bytearray(head + b"more")) == len(head)
    assert end_of(bytearray(MAX_HEAD_BYTES)) > MAX_HEAD_BYTES
