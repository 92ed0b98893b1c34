"""What one's personas did: each answer, who worded it, how long it took, what it cost."""

from typing import Final

from core.identity import Permission
from core.ports.personas import Run, SegmentRecord
from gateways.http.personas import ONE, own
from gateways.http.rooms import Page
from gateways.http.routes import Call, Reply, Route, View, json_reply


class SegmentItem(View, frozen=True):
    """One part of an answer and who worded it. Times in ms after the prompt was read."""

    act: str
    tier: str
    model: str
    version: str
    tokens: int
    first_ms: int | None
    ended_ms: int

    @classmethod
    def of(cls, segment: SegmentRecord) -> "SegmentItem":
        return cls(**{name: getattr(segment, name) for name in cls.__struct_fields__})


class RunItem(View, frozen=True):
    """One answer, without what was said. `cost`: units."""

    id: str
    room_id: str
    message_id: str
    started_at: int
    ended_at: int | None
    outcome: str
    segments: list[SegmentItem]
    cost: int


class RunItems(View, frozen=True):
    """Newest first. `next_cursor` None: this was all."""

    items: list[RunItem]
    next_cursor: str | None


async def list_runs(call: Call) -> Reply:
    """What one's persona did, newest first."""
    persona, page = await own(call), call.query
    found = await call.ports.runs.of_persona(
        call.of().tenant_id, persona.id, before=page.cursor, limit=page.limit + 1
    )
    items = [_run(run) for run in found[: page.limit]]
    more = items[-1].id if len(found) > page.limit else None
    return json_reply(RunItems(items=items, next_cursor=more))


def _run(run: Run) -> RunItem:
    return RunItem(
        id=run.id,
        room_id=run.room_id,
        message_id=run.message_id,
        started_at=run.started_at,
        ended_at=run.ended_at,
        outcome=run.outcome,
        segments=[SegmentItem.of(segment) for segment in run.segments],
        cost=run.cost,
    )


ROUTES: Final = (
    Route(
        method="GET",
        path=f"{ONE}/runs",
        name="listRuns",
        summary="What a persona did, newest first, without what was said",
        handle=list_runs,
        access=Permission.MANAGE_PERSONAS,
        query=Page,
        answer=RunItems,
        errors=("not_found",),
    ),
)
