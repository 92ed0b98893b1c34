"""Which models there are, which of them is in use, and what became of the runs that make them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol

ModelKind = Literal["prior", "tower", "chat", "fraud"]
"""What most like; what makes numbers of items; what words answers; what bookings usually look like."""

ModelState = Literal["candidate", "shadow", "active", "previous", "refused"]
"""Made; compared well, and waiting for an operator; in use; was in use; not to be used."""

Job = Literal["daily", "weekly", "hourly"]
Outcome = Literal["open", "done", "skipped", "failed"]
By = Literal["run", "operator"]

MOST_VERSIONS: Final = 20
"""Rows of a kind that are kept: when one more comes the oldest goes that is not in use, and one that was
taken back only after all others."""

MOST_RUNS: Final = 200
"""Of a job, the newest."""

MOST_BYTES: Final = 1_048_576
"""Of a model that is kept in its row."""

GONE_AFTER: Final = 120.0
"""Seconds without a sign of life after which a run counts as failed."""

AGAIN_AFTER: Final = 600.0
"""Seconds between a failed run and the next of the same time."""

MOST_TRIES: Final = 3
"""Runs of one job for one time."""

TAKEN_BACK: Final = "taken back by an operator"
"""The reason of what waits after `roll_back`."""

WAITS: Final = "waits for an operator, who took another back"
"""The reason of what a run would have promoted since."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One version. `digest`: sha256 of what it is, in hex. `why`: in words for operators. `made_at`,
    `changed_at` (of the state) and `promoted_at`: ms since the epoch."""

    kind: ModelKind
    version: str
    digest: str
    state: ModelState = "candidate"
    why: str = ""
    figures: Mapping[str, float] = field(default_factory=dict)
    made_at: int = 0
    changed_at: int = 0
    promoted_at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRun:
    """One run of a job. `number`: 1, 2, … of this job. `due_at`: the time that it was due; `node`: who
    does it; `seen_at`: its last sign of life."""

    job: Job
    number: int
    node: str
    due_at: int
    started_at: int
    seen_at: int
    ended_at: int | None = None
    outcome: Outcome = "open"
    why: str = ""
    figures: Mapping[str, float] = field(default_factory=dict)


class Models(Protocol):
    """The models of a tenant, shared by all nodes. At most one of a kind is active; none: what came with
    the release is in use. Each method happens whole or not at all, and of calls at the same moment one
    is first."""

    async def add(self, tenant_id: int, model: Model, body: bytes = b"") -> None:
        """A candidate, or one that is refused at once. One that is there stays as it is. Raises
        `ValueError` for another state, or more than `MOST_BYTES`."""

    async def refuse(
        self,
        tenant_id: int,
        kind: ModelKind,
        version: str,
        *,
        at: int,
        why: str,
        figures: Mapping[str, float],
    ) -> None:
        """It was compared and is worse, or it cannot be used. An active one stays as it is."""

    async def promote(
        self,
        tenant_id: int,
        kind: ModelKind,
        version: str,
        *,
        at: int,
        by: By,
        figures: Mapping[str, float] | None = None,
    ) -> Model:
        """It is in use from now on, the one before it is `previous`, and what waited is refused. By a
        run, while something waits that an operator took back: it waits too (`shadow`, `WAITS`), and one that
        waited like it is refused. The model as it
        stands then; one that is active already stays as it is. Raises `Rejected("not_found")`, and
        `conflict` for one that was refused."""

    async def roll_back(self, tenant_id: int, kind: ModelKind, *, at: int) -> Model | None:
        """The one in use waits (`shadow`, `TAKEN_BACK`), and the one that was promoted last before it is
        active; None: there is none, and what came with the release is in use. Raises
        `Rejected("conflict")` when nothing is active."""

    async def active(self, tenant_id: int, kind: ModelKind) -> Model | None: ...

    async def versions(self, tenant_id: int, kind: ModelKind) -> Sequence[Model]:
        """The newest first."""

    async def body(self, tenant_id: int, kind: ModelKind, version: str) -> bytes | None:
        """What was added with it; None: there is no such version."""

    async def begin(
        self, tenant_id: int, job: Job, *, node: str, due_at: int, at: int
    ) -> ModelRun | None:
        """Take the run that was due at `due_at`; None: another process does it or has done it, or it
        failed `MOST_TRIES` times or a moment ago. Runs whose process is gone are failed first."""

    async def beat(self, tenant_id: int, run: ModelRun, *, at: int) -> bool:
        """A sign of life. False: it counts as failed by now, and whoever does it must stop."""

    async def end(
        self,
        tenant_id: int,
        run: ModelRun,
        *,
        at: int,
        outcome: Outcome,
        why: str = "",
        figures: Mapping[str, float] | None = None,
    ) -> bool:
        """What became of it. False: it had ended already, and nothing changed."""

    async def runs(self, tenant_id: int, job: Job, *, limit: int) -> Sequence[ModelRun]:
        """The newest first."""
