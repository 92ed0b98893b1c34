"""The chat model: loaded beside a server that answers already, and kept alive by itself."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import structlog
import trio

from commands.children import endless
from commands.garbage import loading_for_good
from core.config import DEFAULT_CHAT_MODEL
from core.headroom import Headroom
from core.ports.clock import Chance
from core.restart_policy import RestartIntensity
from core.supervisor import Supervisor
from inference.composing.forms import FormComposer
from inference.engine.chat_model import ChatModel
from inference.engine.generated_rung import GeneratedRung
from inference.engine.servable import UnservableError
from inference.engine.service import Engine
from inference.wording.rung import Patience, Send, TooLate, Written
from protocol.wording import Plan, Tier

PATIENT: Final = RestartIntensity(
    intensity=10_000, period=600.0, backoff_first=0.5, backoff_most=30.0
)
"""Templates answer meanwhile: whatever becomes of the model, the server goes on."""

_log = structlog.get_logger()


class LateGeneratedRung:
    """The chat model's rung from the first moment on: it words nothing until the model is there."""

    name: str = GeneratedRung.name
    tier: Tier = GeneratedRung.tier

    def __init__(self) -> None:
        self._rung: GeneratedRung | None = None

    def begin(self, rung: GeneratedRung | None) -> None:
        """None: it words nothing again."""
        self._rung = rung

    @property
    def patience(self) -> Patience:
        return Patience() if self._rung is None else self._rung.patience

    def can_word(self, plan: Plan) -> bool:
        return self._rung is not None and self._rung.can_word(plan)

    async def write(self, plan: Plan, *, by: float, send: Send, room_id: str) -> Written:
        if self._rung is None:
            raise TooLate
        return await self._rung.write(plan, by=by, send=send, room_id=room_id)


class ServedChatModel:
    """Owns: the engine and its model. `folder` None: there is none; the default one may be absent."""

    def __init__(
        self,
        folder: Path | None,
        *,
        chance: Chance,
        headroom: Headroom | None = None,
        intensity: RestartIntensity = PATIENT,
    ) -> None:
        self._folder, self._headroom = folder, headroom
        self._chance, self._intensity = chance, intensity
        self._composer = FormComposer()
        self._supervisor: Supervisor | None = None
        self._engine: Engine[ChatModel] | None = None
        self._instead = ""
        self._changing, self._has_engine = trio.Lock(), trio.Event()
        self._is_resting = False
        self.rung = LateGeneratedRung()

    @property
    def reads_cards(self) -> bool:
        """Whether what words answers now is told who a persona is."""
        engine = None if self._is_resting else self._engine
        return engine is not None and engine.model.folder.manifest.form == "chat"

    @property
    def words(self) -> str:
        """Who words answers now, for operators."""
        if self._engine is not None and not self._is_resting:
            model = self._engine.model
            return f"{model.name} {model.version}"
        return f"templates ({self._instead})" if self._instead else "templates"

    async def run(self) -> None:
        """Load it in a thread, then serve until cancelled. A folder that cannot be served is logged and
        shown, and that is all."""
        async with self._changing:
            if self._engine is None and (engine := await self._loaded(self._configured)):
                self._begin(engine)
        await self._has_engine.wait()
        if self._engine is None:
            raise RuntimeError("there is an engine by now")
        self._supervisor = Supervisor(
            "chat_model",
            [endless("engine", self._engine.run)],
            chance=self._chance,
            intensity=self._intensity,
        )
        await self._supervisor.run()

    async def use(self, folder: Path | None) -> None:
        """Word by the model of this folder from now on, once it is loaded and proved beside the one at
        work. Raises `UnservableError`: nothing has changed. None: by what was configured; where that cannot
        be served by templates, for whoever asks does not want the one at work."""
        async with self._changing:
            wanted = folder or self._configured
            if wanted is None:
                self._rest("")
                return
            try:
                await self._change(wanted)
            except Exception as error:  # a folder is somebody else's
                if folder is not None or self._engine is None:
                    raise
                self._rest(_noted(wanted, error))

    async def _change(self, folder: Path) -> None:
        if self._engine is not None:
            await self._engine.swap(folder)
            self._begin(self._engine)
        elif engine := await self._loaded(folder):
            self._begin(engine)
        else:
            raise UnservableError(self._instead)

    def _rest(self, instead: str) -> None:
        self.rung.begin(None)
        self._is_resting, self._instead = True, instead

    def _begin(self, engine: Engine[ChatModel]) -> None:
        self._engine, self._is_resting = engine, False
        self.rung.begin(GeneratedRung(engine, self._composer, self._headroom))
        self._has_engine.set()

    @property
    def _configured(self) -> Path | None:
        """The default one only where it is there."""
        folder = self._folder
        if folder is None or (folder == DEFAULT_CHAT_MODEL and not folder.is_dir()):
            return None
        return folder

    async def _loaded(self, folder: Path | None) -> Engine[ChatModel] | None:
        if folder is None:
            return None
        self._instead = "the chat model is being loaded"
        try:
            with loading_for_good():
                model = await trio.to_thread.run_sync(
                    self._composer.load, folder, abandon_on_cancel=True
                )
        except Exception as error:  # a folder is somebody else's: no fault in it ends a server
            self._instead = _noted(folder, error)
            return None
        _log.info("wording.chat_model", model=model.name, version=model.version)
        return Engine(model, load=self._composer.load)

    def statistics(self) -> Mapping[str, int | float]:
        """`loaded`, `engine_restarts`, and the engine's own."""
        engine, supervisor = self._engine, self._supervisor
        return {
            "loaded": int(engine is not None),
            "engine_restarts": supervisor.statistics()["restarts"] if supervisor else 0,
            **(engine.statistics() if engine else {}),
        }


def _noted(folder: Path, error: Exception) -> str:
    """Why templates word instead, for operators; it is logged as well."""
    if not isinstance(error, UnservableError):
        _log.error("wording.chat_model_refused", folder=str(folder), exc_info=error)
        return f"chat model refused: {type(error).__name__}"
    _log.warning("wording.chat_model_refused", folder=str(folder), reason=str(error))
    return f"chat model refused: {error}"
