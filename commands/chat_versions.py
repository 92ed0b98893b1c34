"""Chat models that operators put beside the server: rows that can be promoted and rolled back."""

from collections.abc import Awaitable, Callable
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec
import structlog
import trio

from core.ports.clock import Clock
from core.ports.models import Model, Models
from inference.engine.folder import OURS, Manifest
from inference.engine.servable import UnservableError
from inference.upkeep.looking import Looking

FOLDER: Final = "chat-models"
"""Below the data directory: one folder for each."""

MOST_FOLDERS: Final = 20
MOST_MANIFEST: Final = 65_536
ELSEWHERE: Final = "its folder is not on this node"
NOT_SERVED: Final = "it cannot be served here: {why}"

_log = structlog.get_logger()


class ChatVersions:
    """Owns: which folder is which version. Borrows: the rows; `use`, which words by a folder's model, or by
    what was configured (None). A version that cannot be used changes nothing here but `troubles`."""

    def __init__(
        self,
        models: Models,
        use: Callable[[Path | None], Awaitable[None]],
        *,
        data_dir: Path,
        clock: Clock,
        tenant_id: int,
    ) -> None:
        self._models, self._use, self._clock = models, use, clock
        self._data_dir, self._tenant_id = data_dir, tenant_id
        self._in_use = ""
        self.looking = Looking(self.look)
        self.troubles: dict[str, str] = {}

    async def look(self) -> None:
        """Make candidates of new folders, and use what is active now. Raises `Unavailable`."""
        found: dict[str, FoundModel] = {}
        unread = ""
        try:
            found = await trio.to_thread.run_sync(_folders, self._data_dir / FOLDER)
        except OSError as error:
            unread = f"{FOLDER}: {error.strerror}"
        for model in found.values():
            at = self._clock.now_ms()
            row = Model(
                kind="chat", version=model.version, digest=model.digest, why=model.why, made_at=at
            )
            await self._models.add(self._tenant_id, row)
        active = await self._models.active(self._tenant_id, "chat")
        digest = "" if active is None else active.digest
        if digest != self._in_use and await self._used(digest, found):
            self._in_use = digest
        if unread:
            self._trouble(unread)
        elif digest == self._in_use:
            self.troubles.pop("chat", None)

    async def _used(self, digest: str, found: "dict[str, FoundModel]") -> bool:
        """Whether it is used by now. What is not here may come; what cannot be served is tried again as
        well, for its files may still be on their way."""
        if digest and digest not in found:
            self.troubles["chat"] = ELSEWHERE
            return False
        try:
            await self._use(found[digest].path if digest else None)
        except UnservableError as refusal:
            self._trouble(str(refusal))
            return False
        except Exception as error:  # a folder is somebody else's: no fault in it ends a server
            self._trouble(type(error).__name__)
            return False
        self.troubles.pop("chat", None)
        return True

    def _trouble(self, why: str) -> None:
        said = NOT_SERVED.format(why=why)
        if self.troubles.get("chat") != said:
            _log.warning("models.damaged", kind="chat", reason=why)
        self.troubles["chat"] = said


class FoundModel(msgspec.Struct, frozen=True):
    """A folder here. `digest`: of its manifest, which has those of all its files."""

    path: Path
    version: str
    digest: str
    why: str


def _folders(place: Path) -> dict[str, FoundModel]:
    """By digest; those without a manifest that can be read are none. Raises `OSError`."""
    if not place.is_dir():
        return {}
    found = [_found(path) for path in sorted(place.iterdir())[:MOST_FOLDERS]]
    return {one.digest: one for one in found if one is not None}


def _found(path: Path) -> FoundModel | None:
    try:
        with (path / OURS).open("rb") as file:
            said = file.read(MOST_MANIFEST)
        manifest = msgspec.json.decode(said, type=Manifest)
    except (OSError, msgspec.DecodeError):
        return None
    digest = sha256(said).hexdigest()
    version = f"{manifest.name}-{manifest.version}-{digest[:8]}"
    name = path.name.encode(errors="replace").decode()
    return FoundModel(path, version, digest, f"found in {FOLDER}/{name}")
