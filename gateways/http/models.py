"""For operators: which models there are, which are in use and why, and what became of the runs."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Final

from msgspec import Meta

from core.errors import Rejected
from core.identity import Permission
from core.ports.models import Job, Model, ModelKind, ModelRun, Models, ModelState, Outcome
from gateways.http.ports import HttpPorts
from gateways.http.routes import API, Body, Call, Reply, Route, View, json_reply

RUNS_SHOWN: Final = 10
KINDS: Final[tuple[ModelKind, ...]] = ("prior", "tower", "chat", "fraud")
JOBS: Final[tuple[Job, ...]] = ("daily", "weekly", "hourly")


class ModelVersion(View, frozen=True):
    """One version. `state`: `candidate` (made), `shadow` (compared well, and waits for an operator),
    `active`, `previous`, `refused`. `figures`: `loss` on what was held out, beside `in_use`, and others.
    Times: ms since the epoch."""

    kind: ModelKind
    version: str
    digest: str
    state: ModelState
    why: str
    figures: dict[str, float]
    made_at: int
    changed_at: int
    promoted_at: int | None

    @classmethod
    def of(cls, model: Model) -> "ModelVersion":
        return cls(**asdict(model) | {"figures": dict(model.figures)})


class RunView(View, frozen=True):
    """One run of a job. `outcome`: `open`, `done`, `skipped`, `failed`. `figures`: what was read and
    measured."""

    job: Job
    number: int
    node: str
    due_at: int
    started_at: int
    seen_at: int
    ended_at: int | None
    outcome: Outcome
    why: str
    figures: dict[str, float]

    @classmethod
    def of(cls, run: ModelRun) -> "RunView":
        return cls(**asdict(run) | {"figures": dict(run.figures)})


class ModelPage(View, frozen=True):
    """`in_use` on the node that answers: what understands, what words, by which tower and prior is ranked,
    what screens bookings.
    `troubles`: rows that this node cannot use, by kind; what came with the release is used instead.
    `wording`: segments by the tier that worded them, and each rung's counts, since the node's start. Of
    a kind without an active version what came with the release is in use."""

    in_use: dict[str, str]
    troubles: dict[str, str]
    wording: dict[str, float]
    versions: list[ModelVersion]
    runs: list[RunView]


class Promote(Body, frozen=True):
    """Which version."""

    version: Annotated[str, Meta(min_length=1, max_length=200)]


class InUse(View, frozen=True):
    """The version that is active now; null: what came with the release is in use."""

    active: ModelVersion | None


async def read_models(call: Call) -> Reply:
    """All of it, on one page."""
    return json_reply(await page_of(call.ports))


async def page_of(ports: HttpPorts) -> ModelPage:
    """What is in use here, and all rows."""
    return ModelPage(
        in_use=dict(ports.models()),
        troubles=dict(ports.model_troubles()),
        wording=_numbers(ports.statistics().get("wording", {})),
        versions=await versions_of(ports.model_rows, ports.tenant_id),
        runs=await runs_of(ports.model_rows, ports.tenant_id),
    )


async def versions_of(rows: Models, tenant_id: int) -> list[ModelVersion]:
    """Kind by kind, the newest first."""
    return [
        ModelVersion.of(model) for kind in KINDS for model in await rows.versions(tenant_id, kind)
    ]


async def runs_of(rows: Models, tenant_id: int) -> list[RunView]:
    """Job by job, the newest first."""
    return [
        RunView.of(run) for job in JOBS for run in await rows.runs(tenant_id, job, limit=RUNS_SHOWN)
    ]


async def promote_model(call: Call) -> Reply:
    """Use a version from now on; other nodes do within a minute."""
    ports, kind = call.ports, _kind(call)
    active = await ports.model_rows.promote(
        ports.tenant_id, kind, call.body.version, at=ports.clock.now_ms(), by="operator"
    )
    return json_reply(InUse(active=ModelVersion.of(active)))


async def roll_back_model(call: Call) -> Reply:
    """Use what was used before; what was in use waits, and no run promotes anything until an operator does."""
    ports, kind = call.ports, _kind(call)
    active = await ports.model_rows.roll_back(ports.tenant_id, kind, at=ports.clock.now_ms())
    return json_reply(InUse(active=None if active is None else ModelVersion.of(active)))


def _kind(call: Call) -> ModelKind:
    for kind in KINDS:
        if call.path["kind"] == kind:
            return kind
    raise Rejected("not_found", "There is no such model.")


def _numbers(found: Mapping[str, int | float]) -> dict[str, float]:
    return {name: float(value) for name, value in found.items()}


ROUTES: Final = (
    Route(
        method="GET",
        path=f"{API}/admin/models",
        name="readModels",
        summary="Which models there are, which are in use, and the last runs; from this machine or for operators",
        handle=read_models,
        access="operator",
        answer=ModelPage,
    ),
    Route(
        method="POST",
        path=f"{API}/admin/models/{{kind}}/promote",
        name="promoteModel",
        summary="Use a version of a model from now on",
        handle=promote_model,
        access=Permission.CONFIGURE_SYSTEM,
        body=Promote,
        answer=InUse,
        errors=("not_found", "conflict"),
    ),
    Route(
        method="POST",
        path=f"{API}/admin/models/{{kind}}/rollback",
        name="rollBackModel",
        summary="Use the version of a model that was used before",
        handle=roll_back_model,
        access=Permission.CONFIGURE_SYSTEM,
        answer=InUse,
        errors=("not_found", "conflict"),
        keeps_answer=True,
    ),
)
