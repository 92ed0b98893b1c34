"""What both stores of models keep to: their refusals, and when a run may begin (pure)."""

from collections.abc import Sequence

from core.errors import Rejected
from core.ports.models import (
    AGAIN_AFTER,
    GONE_AFTER,
    MOST_BYTES,
    MOST_TRIES,
    Model,
    ModelRun,
)

GONE = "its process was gone"
REPLACED = "another was promoted"


def check(model: Model, body: bytes) -> None:
    """Raises `ValueError` for what may not be added."""
    if model.state not in {"candidate", "refused"}:
        raise ValueError(f"a new model is a candidate or refused, not {model.state}")
    if len(body) > MOST_BYTES:
        raise ValueError(f"a model of {len(body)} bytes is too large for its row")


def may_begin(runs: Sequence[ModelRun], *, due_at: int, at: int) -> bool:
    """Whether a run due then may begin, beside these `runs` of its job."""
    if any(run.ended_at is None for run in runs):
        return False
    tries = [run for run in runs if run.due_at == due_at]
    if len(tries) >= MOST_TRIES or any(run.outcome != "failed" for run in tries):
        return False
    return all(at - (run.ended_at or 0) >= AGAIN_AFTER * 1_000 for run in tries)


def is_gone(run: ModelRun, at: int) -> bool:
    """Whether a run that has not ended counts as failed."""
    return run.ended_at is None and at - run.seen_at >= GONE_AFTER * 1_000


def unknown() -> Rejected:
    return Rejected("not_found", "There is no such model.")


def refused() -> Rejected:
    return Rejected("conflict", "This model was refused.")


def nothing_active() -> Rejected:
    return Rejected("conflict", "The model that came with the release is in use already.")
