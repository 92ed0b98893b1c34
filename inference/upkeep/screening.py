"""Which model screens bookings on this node: the one that the rows say, once there are enough bookings."""

from collections.abc import Callable
from hashlib import sha256
from typing import Final

import structlog
import trio

from core.ports.fraud import Screenings
from core.ports.models import Model, Models
from inference.fraud.model import FraudModel, FraudModelDamaged, unpacked
from inference.upkeep.hourly import ENOUGH
from inference.upkeep.keeper import DAMAGED
from inference.upkeep.looking import Looking

WAITS: Final = "it waits until there were {enough} bookings"

_log = structlog.get_logger("inference.upkeep")


class FraudKeeper:
    """Owns: which model is in use. Borrows: the rows, the screenings; `use`: screen by it from now on, by rules
    alone without one. A row that cannot be used changes nothing here but `troubles`, and rules alone screen."""

    def __init__(
        self,
        models: Models,
        screenings: Screenings,
        use: Callable[[FraudModel | None], None],
        *,
        tenant_id: int,
    ) -> None:
        self._models, self._screenings, self._use = models, screenings, use
        self._tenant_id = tenant_id
        self._in_use, self._is_enough = "", False
        self.looking = Looking(self.look)
        self.troubles: dict[str, str] = {}

    async def look(self) -> None:
        """Use what is active now. Raises `Unavailable`."""
        row = await self._models.active(self._tenant_id, "fraud")
        if row is not None and not await self._is_time():
            self.troubles = {"fraud": WAITS.format(enough=ENOUGH)}
            return
        if row is None:
            self.troubles = {}
        digest = "" if row is None else row.digest
        if digest == self._in_use:
            return
        self.troubles = {}
        self._use(None if row is None else await self._loaded(row))
        self._in_use = digest

    async def _is_time(self) -> bool:
        """A model that an operator promotes too early waits; asked until there are enough."""
        if not self._is_enough:
            self._is_enough = await self._screenings.bookings(self._tenant_id) >= ENOUGH
        return self._is_enough

    async def _loaded(self, row: Model) -> FraudModel | None:
        body = await self._models.body(self._tenant_id, "fraud", row.version) or b""
        try:
            return await trio.to_thread.run_sync(_proved, body, row)
        except FraudModelDamaged as damage:
            self.troubles["fraud"] = DAMAGED.format(why=str(damage))
            _log.warning("models.damaged", kind="fraud", version=row.version, reason=str(damage))
            return None


def _proved(body: bytes, row: Model) -> FraudModel:
    if sha256(body).hexdigest() != row.digest:
        raise FraudModelDamaged("this model is not the one that its row speaks of")
    return unpacked(body, version=row.version)
