"""For whoever watches the server: alive, ready, and its numbers."""

import re
from collections.abc import Mapping
from typing import Final

import structlog
import trio

from gateways.http.ports import HttpPorts, Statistics
from gateways.http.routes import Call, Reply, Route, View, json_reply

READY_WITHIN: Final = 2.0

log = structlog.get_logger("caravan.http")


class Alive(View, frozen=True):
    """The process runs."""

    alive: bool


class Readiness(View, frozen=True):
    """Whether the server can serve, and what it needs for that. 503 when it cannot. `models`: which one
    understands messages ("encoder", "ngrams", "rules"), which words answers; none keeps from serving."""

    ready: bool
    checks: dict[str, bool]
    models: dict[str, str]


async def read_health(call: Call) -> Reply:
    """Whether the process runs."""
    return json_reply(Alive(alive=True))


async def read_readiness(call: Call) -> Reply:
    """Whether the server can serve: 200 or 503."""
    checks = await _checks(call.ports)
    ready = all(checks.values())
    answer = Readiness(ready=ready, checks=dict(checks), models=dict(call.ports.models()))
    return json_reply(answer, 200 if ready else 503)


async def read_metrics(call: Call) -> Reply:
    """Every part's numbers, as Prometheus reads them."""
    text = exposition(call.ports.statistics())
    return Reply(status=200, body=text.encode(), media_type=METRICS_TYPE)


async def _checks(ports: HttpPorts) -> Mapping[str, bool]:
    try:
        with trio.fail_after(READY_WITHIN):
            return await ports.readiness()
    except trio.TooSlowError:
        return {"answers_in_time": False}
    except Exception as error:
        log.warning("readiness not known", error=type(error).__name__)
        return {"known": False}


def exposition(statistics: Statistics) -> str:
    """Group and name joined by `_`, one number a line (Prometheus text format 0.0.4)."""
    return "".join(
        f"{_NO_NAME.sub('_', f'{group}_{name}')} {_number(value)}\n"
        for group, numbers in sorted(statistics.items())
        for name, value in sorted(numbers.items())
    )


def _number(value: float) -> str:
    return repr(value) if isinstance(value, float) else str(int(value))


_NO_NAME: Final = re.compile(r"[^a-zA-Z0-9_:]")
METRICS_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

ROUTES: Final = (
    Route(
        method="GET",
        path="/healthz",
        name="readHealth",
        summary="Whether the process runs",
        handle=read_health,
        access="public",
        answer=Alive,
        is_limited=False,
    ),
    Route(
        method="GET",
        path="/readyz",
        name="readReadiness",
        summary="Whether the server can serve; 503 when not",
        handle=read_readiness,
        access="public",
        answer=Readiness,
        is_limited=False,
    ),
    Route(
        method="GET",
        path="/metrics",
        name="readMetrics",
        summary="Every part's numbers; from this machine or for operators",
        handle=read_metrics,
        access="operator",
        is_limited=False,
        media_type=METRICS_TYPE,
    ),
)
