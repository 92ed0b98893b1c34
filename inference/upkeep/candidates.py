"""What becomes of a model that a run has made: a row, whatever it is; in use, when nothing is said against it."""

from collections.abc import Mapping
from dataclasses import dataclass

from core.ports.models import Model, ModelKind, Models
from inference.upkeep.jobs import Result

NOTHING_NEW = "nothing new was learned: this one is there already"


async def is_there(models: Models, tenant_id: int, kind: ModelKind, digest: str) -> bool:
    """Whether a version is this one, whatever became of it."""
    return any(row.digest == digest for row in await models.versions(tenant_id, kind))


@dataclass(frozen=True, slots=True)
class Stood:
    """`is_active`: it is in use now."""

    result: Result
    is_active: bool = False


async def offer(
    models: Models,
    tenant_id: int,
    model: Model,
    body: bytes,
    *,
    objection: str,
    why: str,
    figures: Mapping[str, float],
) -> Stood:
    """Add it, and refuse it for the `objection`, or have it promoted; `why`: nothing was objected. `figures`:
    of the run; the model has its own. Raises `Unavailable`."""
    at, kind, version = model.made_at, model.kind, model.version
    await models.add(tenant_id, model, body)
    if objection:
        await models.refuse(
            tenant_id, kind, version, at=at, why=objection, figures=dict(model.figures)
        )
        return Stood(Result(why=f"{version} refused: {objection}", figures=figures))
    stands = await models.promote(
        tenant_id, kind, version, at=at, by="run", figures=dict(model.figures)
    )
    result = Result(why=f"{version} {stands.state}: {why}", figures=figures)
    return Stood(result, is_active=stands.state == "active")
