"""Which models are in use on this node: those that the rows say, looked at every minute."""

from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Final

import structlog
import trio

from core.ports.models import Model, Models
from inference.recommender.ranker import Population
from inference.recommender.tower import ARTEFACT, Tower, TowerDamaged, packed
from inference.recommender.tower import unpacked as tower_of
from inference.upkeep.looking import Looking
from inference.upkeep.prior import PriorDamaged
from inference.upkeep.prior import unpacked as population_of

DAMAGED: Final = "it cannot be used here: {why}"
OF_ANOTHER: Final = "it belongs to tower {version}, and counts when that is in use"

Exchange = Callable[[Tower | None, Population | None], Awaitable[str]]
"""Use these from now on; None: what came with the release. The version of the tower that is used."""

_log = structlog.get_logger("inference.upkeep")


class ModelKeeper:
    """Owns: the tower's body in use. Borrows: the rows. A row that cannot be used changes nothing here but
    `troubles`: what came with the release is used instead."""

    def __init__(self, models: Models, exchange: Exchange, *, tenant_id: int) -> None:
        self._models, self._exchange, self._tenant_id = models, exchange, tenant_id
        self._in_use: tuple[str, str] | None = None
        self._body: bytes | None = None
        self.looking = Looking(self.look)
        self.troubles: dict[str, str] = {}

    async def look(self) -> None:
        """Use what is active now. Raises `Unavailable`."""
        tower = await self._models.active(self._tenant_id, "tower")
        prior = await self._models.active(self._tenant_id, "prior")
        wanted = _digest(tower), _digest(prior)
        if wanted == self._in_use:
            return
        troubles: dict[str, str] = {}
        loaded, body = await self._tower(tower, troubles)
        population = await self._population(prior, troubles)
        version = await self._exchange(loaded, population)
        if population is not None and population.tower != version:
            troubles["prior"] = OF_ANOTHER.format(version=population.tower)
        self._in_use, self._body, self.troubles = wanted, body, troubles

    async def body_in_use(self) -> bytes:
        """The tower, packed. Raises `TowerDamaged`."""
        if self._body is not None:
            return self._body
        return await trio.to_thread.run_sync(packed, ARTEFACT)

    async def _tower(
        self, row: Model | None, troubles: dict[str, str]
    ) -> tuple[Tower | None, bytes | None]:
        if row is None:
            return None, None
        body = await self._models.body(self._tenant_id, "tower", row.version) or b""
        try:
            return await trio.to_thread.run_sync(_proved, body, row.digest), body
        except TowerDamaged as damage:
            _note(troubles, row, str(damage))
            return None, None

    async def _population(self, row: Model | None, troubles: dict[str, str]) -> Population | None:
        if row is None:
            return None
        body = await self._models.body(self._tenant_id, "prior", row.version) or b""
        try:
            return population_of(body, version=row.version, digest=row.digest)
        except PriorDamaged as damage:
            _note(troubles, row, str(damage))
            return None


def _note(troubles: dict[str, str], row: Model, why: str) -> None:
    troubles[row.kind] = DAMAGED.format(why=why)
    _log.warning("models.damaged", kind=row.kind, version=row.version, reason=why)


def _proved(body: bytes, digest: str) -> Tower:
    if sha256(body).hexdigest() != digest:
        raise TowerDamaged("this tower is not the one that its row speaks of")
    return tower_of(body)


def _digest(row: Model | None) -> str:
    return "" if row is None else row.digest
