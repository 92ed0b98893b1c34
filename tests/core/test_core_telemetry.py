"""Logs are lines of JSON, carry their ids, tell no secret, and never end the server."""

import io
import logging
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
import structlog
import trio

from core.telemetry import REDACTED, bind_request, clear_request, conceal, configure_logging


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    handlers = logging.getLogger().handlers
    stream = io.StringIO()
    configure_logging("info", stream)
    yield stream
    clear_request()
    structlog.reset_defaults()
    logging.getLogger().handlers = handlers


def logged(lines: io.StringIO) -> list[dict[str, Any]]:
    return [msgspec.json.decode(line) for line in lines.getvalue().splitlines()]


def test_a_line_says_what_when_where_and_how_bad(lines: io.StringIO) -> None:
    structlog.get_logger("caravan.test").info("a thing happened", count=3)
    (line,) = logged(lines)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "a thing happened",
        "level": "info",
        "logger": "caravan.test",
        "count": 3,
    }


def test_what_is_below_the_level_is_not_said(lines: io.StringIO) -> None:
    structlog.get_logger().debug("too small")
    assert logged(lines) == []


def test_a_secret_is_known_by_its_name_at_any_depth(lines: io.StringIO) -> None:
    structlog.get_logger().info(
        "x", Refresh_Token="s", inner=[{"access-token": "s", "kept": "k"}], content="s", otp=123456
    )
    (line,) = logged(lines)
    assert line["Refresh_Token"] == line["content"] == line["otp"] == REDACTED
    assert line["inner"] == [{"access-token": REDACTED, "kept": "k"}]


def test_a_concealed_value_is_in_no_line_whoever_writes_it(lines: io.StringIO) -> None:
    conceal("hunter22", None, "")
    try:
        raise ValueError("wrong: hunter22")
    except ValueError:
        structlog.get_logger().exception("failed with hunter22", path=["/x?hunter22"])
        logging.getLogger("library").exception("hunter22 %s", "hunter22")
    assert "hunter22" not in lines.getvalue()
    assert [line["level"] for line in logged(lines)] == ["error", "error"]
    assert "ValueError" in logged(lines)[1]["exception"]


async def test_ids_and_secrets_belong_to_their_task(lines: io.StringIO) -> None:
    async def serve(request_id: str) -> None:
        bind_request(request_id)
        conceal(f"secret of {request_id}")
        await trio.lowlevel.checkpoint()
        structlog.get_logger().info("served", of=request_id, other="secret of a")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve, "a")
        nursery.start_soon(serve, "b")
    by_id = {line["request_id"]: line for line in logged(lines)}
    assert {request_id: line["of"] for request_id, line in by_id.items()} == {"a": "a", "b": "b"}
    assert (by_id["a"]["other"], by_id["b"]["other"]) == (REDACTED, "secret of a")


def test_a_broken_stream_loses_lines_and_nothing_more() -> None:
    class Full(io.StringIO):
        def write(self, _text: str) -> int:
            raise OSError(28, "No space left on device")

    handlers = logging.getLogger().handlers
    configure_logging("info", Full())
    try:
        structlog.get_logger().error("nobody will read this")
        logging.getLogger("library").error("nor this")
    finally:
        structlog.reset_defaults()
        logging.getLogger().handlers = handlers
