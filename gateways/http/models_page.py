"""The operators' page of models, as a browser shows it: plain HTML, no script, nothing fetched, nothing to press.

A browser has no token here: the page is for this machine, as `/metrics` is (from elsewhere through an SSH tunnel). So
it can change nothing, and tells the commands that do.
"""

import shlex
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from html import escape
from typing import Final

from core.ports.models import ModelKind
from gateways.http.models import KINDS, ModelPage, ModelVersion, RunView, page_of
from gateways.http.ports import Statistics
from gateways.http.routes import API, Call, Reply, Route

HTML: Final = "text/html; charset=utf-8"
STYLE: Final = (
    "body{font:15px/1.5 sans-serif;margin:2em auto;max-width:70em;padding:0 1em}"
    "table{border-collapse:collapse;margin:.5em 0}"
    "th,td{border:1px solid #bbb;padding:.2em .6em;text-align:left;vertical-align:top}"
    "td{overflow-wrap:anywhere}code{background:#eee}.active{font-weight:bold}"
)
_HASH: Final = b64encode(sha256(STYLE.encode()).digest()).decode()
POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
COMMAND: Final = ".venv/bin/python main.py models"

COUNTERS: Final = ("wording", "chat_model", "understanding", "background", "recommender")
"""Groups of the statistics that tell how models do here."""

_BREAKERS: Final = ("closed", "half open: one is tried", "open: not asked at present")

WHAT: Final[Mapping[ModelKind, str]] = {
    "prior": "what most people like",
    "tower": "what makes numbers of places and offers",
    "chat": "what words answers",
    "fraud": "what bookings usually look like",
}


async def show_models(call: Call) -> Reply:
    """As `readModels`, and the counters beside it."""
    ports = call.ports
    body = html_of(await page_of(ports), ports.statistics())
    headers = {"Content-Security-Policy": POLICY}
    return Reply(status=200, body=body.encode(), headers=headers, media_type=HTML)


def html_of(page: ModelPage, statistics: Statistics) -> str:
    """The document. All that is not ours is escaped, one place for all (`_cell`)."""
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width"><meta name="robots" content="noindex">',
        f"<title>Models</title><style>{STYLE}</style></head><body><h1>Models</h1>",
        f"<p>Of the node that answers, in UTC. As JSON: <code>{API}/admin/models</code>.</p>",
        _table("In use here", ("what", "which"), page.in_use.items()),
        _table("Cannot be used here", ("kind", "why"), page.troubles.items()),
        *(_kind(kind, [one for one in page.versions if one.kind == kind]) for kind in KINDS),
        _table(
            "Last runs",
            ("job", "due", "outcome", "took", "node", "why", "figures"),
            map(_of_run, page.runs),
        ),
        *(_counters(group, statistics.get(group, {})) for group in COUNTERS),
        "</body></html>",
    ]
    return "\n".join(part for part in parts if part)


def _kind(kind: ModelKind, versions: list[ModelVersion]) -> str:
    """What is in use of it, the others, and how that is changed."""
    active = next((one.version for one in versions if one.state == "active"), None)
    said = "What came with the release is in use." if active is None else f"In use: {active}."
    waiting = [one for one in versions if one.state in ("shadow", "candidate", "previous")]
    commands = [f"{COMMAND} promote {kind} {shlex.quote(one.version)}" for one in waiting]
    if active is not None:
        commands.append(f"{COMMAND} rollback {kind}")
    return "".join(
        (
            f"<h2>{kind}: {escape(WHAT[kind])}</h2><p>{escape(said)}</p>",
            _table(
                "",
                ("version", "state", "since", "made", "put in use", "why", "figures", "sha256"),
                map(_of_version, versions),
                marks=lambda row: "active" in row[1:2],
            ),
            "".join(f"<p><code>{escape(command)}</code></p>" for command in commands),
        )
    )


def _of_version(one: ModelVersion) -> tuple[str, ...]:
    promoted = "" if one.promoted_at is None else _time(one.promoted_at)
    times = _time(one.changed_at), _time(one.made_at), promoted
    return (one.version, one.state, *times, one.why, _figures(one.figures), one.digest[:12])


def _of_run(one: RunView) -> tuple[str, ...]:
    took = "" if one.ended_at is None else f"{(one.ended_at - one.started_at) / 1_000:.1f} s"
    job = f"{one.job} {one.number}"
    return (job, _time(one.due_at), one.outcome, took, one.node, one.why, _figures(one.figures))


def _counters(group: str, numbers: Mapping[str, int | float]) -> str:
    rows = ((name, _count(name, value)) for name, value in numbers.items())
    return _table(f"Since the start: {group}", ("what", "how many"), rows)


def _count(name: str, value: float) -> str:
    is_known = name.endswith("breaker") and value in range(len(_BREAKERS))
    return _BREAKERS[int(value)] if is_known else f"{value:g}"


def _figures(figures: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in figures.items())


def _time(at: int) -> str:
    return datetime.fromtimestamp(at / 1_000, UTC).strftime("%Y-%m-%d %H:%M")


def _table(
    title: str,
    columns: tuple[str, ...],
    rows: Iterable[tuple[str, ...]],
    *,
    marks: Callable[[tuple[str, ...]], bool] = lambda _: False,
) -> str:
    """Empty where there is no row. `marks`: which rows stand out."""
    lines = [
        f"<tr{' class=active' if marks(row) else ''}>{''.join(map(_cell, row))}</tr>"
        for row in rows
    ]
    if not lines:
        return ""
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in columns)
    above = f"<h2>{escape(title)}</h2>" if title else ""
    return f"{above}<table><tr>{head}</tr>{''.join(lines)}</table>"


def _cell(text: str) -> str:
    return f"<td>{escape(text)}</td>"


ROUTES: Final = (
    Route(
        method="GET",
        path="/admin/models",
        name="showModels",
        summary="The operators' page of models for a browser; from this machine or for operators",
        handle=show_models,
        access="operator",
        media_type=HTML,
    ),
)
