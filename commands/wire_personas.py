"""Personas: their actors, with the models that understand and word, and what they look things up in."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final

import structlog
import trio

from actors.persona.actor import PersonaKind
from actors.persona.line import Trend
from actors.persona.ports import PersonaPorts
from commands.beside_the_loop import in_slices
from commands.garbage import loading_for_good
from commands.late_recommender import LateRecommender
from commands.wire_chat_model import ServedChatModel
from commands.wire_storage import Storage
from core.errors import Unavailable
from core.headroom import Headroom
from core.identity import DEFAULT_TENANT
from core.ports.clock import BusinessClock, Clock, Ids
from core.ports.inference import Worded
from core.ports.offers import Quotes
from core.ports.travel_search import TravelSearch
from inference.encoder.encoder import EncoderMissing
from inference.encoder.intents import EncoderHeads, load_heads
from inference.places.meanings import LatePlaceMeanings, load_place_meanings
from inference.reader import IntentModel, ModelReader
from inference.recommender.ranker import TowerRanker
from inference.recommender.tower import Tower, TowerDamaged, load_tower
from inference.recommender.trend import trend_of
from inference.sentiment.head import load_mood_head
from inference.sentiment.room_moods import RoomMoods
from inference.small_models import SmallModels
from inference.understanding.filter import may_be_prompt
from inference.understanding.gazetteer import Gazetteer
from inference.understanding.ngrams import ModelDamaged, load_ngrams
from inference.wording.retrieved_rung import RetrievedRung
from inference.wording.rung import Rung
from inference.wording.template_rung import TemplateRung
from inference.wording.templates import Templates
from inference.wording.writer import Ladder
from protocol.travel import Iata, Place, Query
from protocol.understanding import Setting, Understanding
from protocol.wording import Plan
from storage.catalogue_file import PLACES, entries
from storage.rate_limits import ProcessRateLimits

PLACES_AFTER: Final = 30.0
"""Seconds after the start in which nobody may have asked for places by name yet: a start has enough to
do."""

FOR_PLACES: Final = 1.5
"""Seconds that a reading waits for them, where somebody asks earlier."""

_log = structlog.get_logger()


class Personas:
    """Owns: the models, the kind of actor; it runs the small ones. Borrows: storage, the search over suppliers, the
    chat model, which is run elsewhere, the small models' thread. `models_dir`: what `make models` made, if it was called."""

    def __init__(
        self,
        storage: Storage,
        *,
        travel: TravelSearch,
        clock: Clock,
        business: BusinessClock,
        ids: Ids,
        is_limited: bool,
        models_dir: Path,
        chat_model: ServedChatModel,
        small_models: SmallModels,
        headroom: Headroom,
    ) -> None:
        self._headroom = headroom
        self._models_dir, self._reads = models_dir, "none yet"
        self._chat_model = chat_model
        self._reader, self._writer = LateReader(), LateWriter()
        self.recommender = LateRecommender()
        self.small_models = small_models
        self.meanings = LatePlaceMeanings(self.small_models.turn)
        self._moods = RoomMoods(self.small_models)
        self.kind = PersonaKind(
            PersonaPorts(
                tenant_id=DEFAULT_TENANT,
                personas=storage.personas,
                runs=storage.runs,
                feedbacks=storage.feedbacks,
                memories=storage.memories,
                users=storage.users,
                reader=self._reader,
                writer=self._writer,
                recommender=self.recommender,
                travel=travel,
                offers=storage.offers,
                catalogue=storage.catalogue,
                meanings=self.meanings,
                moods=self._moods,
                trends=LoggedTrends(storage.offers),
                rate_limits=ProcessRateLimits(clock) if is_limited else None,
                clock=clock,
                business=business,
                ids=ids,
                headroom=headroom,
            )
        )

    async def run(self) -> None:
        """Load what understands and words; places by name a little later, or when somebody speaks."""
        with loading_for_good():
            models = await trio.to_thread.run_sync(_models, self._models_dir)
            templates = await trio.to_thread.run_sync(Templates.load)
        self._reads = models[0].name if models else "rules"
        self._writer.begin(Ladder(rungs(self._chat_model.rung, templates)))
        self._reader.begin(self._reader_with(models, Gazetteer(())))
        tower = await trio.to_thread.run_sync(_tower)
        self.recommender.begin(
            None if tower is None else TowerRanker(tower, worker=self.small_models.turn)
        )
        await trio.to_thread.run_sync(self._begin_others, models)
        with trio.move_on_after(PLACES_AFTER):
            await self._reader.asked.wait()
        with loading_for_good():
            gazetteer, by_code = await trio.to_thread.run_sync(_places)
        self.recommender.know_places(by_code)
        self._reader.know_places(self._reader_with(models, gazetteer))
        await self.small_models.run()

    def _reader_with(self, models: Sequence[IntentModel], gazetteer: Gazetteer) -> ModelReader:
        turn = self.small_models.turn
        return ModelReader(models, gazetteer, worker=turn, headroom=self._headroom)

    def _begin_others(self, models: Sequence[IntentModel]) -> None:
        """What else the encoder is asked; without it, or where that cannot be used, nothing is."""
        encoder = next((model.encoder for model in models if isinstance(model, EncoderHeads)), None)
        if encoder is None:
            return
        try:
            self.meanings.begin(load_place_meanings(encoder))
            self._moods.begin(load_mood_head(encoder))
        except ModelDamaged as damage:
            _log.warning("understanding.no_model", reason=str(damage))

    def mood_agreed(self, user_id: str, agrees: bool) -> None:
        """What a profile says from now on of counting this person's moods."""
        self._moods.agreed_nowait(user_id, agrees=agrees)

    def models(self) -> Mapping[str, str]:
        """Which model understands, and which words; by which tower and prior is ranked."""
        words = {"understanding": self._reads, "wording": self._chat_model.words}
        return words | dict(self.recommender.models())

    def statistics(self) -> Mapping[str, Mapping[str, int | float]]:
        return {
            "personas": self.kind.statistics(),
            "understanding": self._reader.statistics(),
            "places_by_meaning": self.meanings.statistics(),
            "background": self.small_models.statistics(),
            "satisfaction": self._moods.statistics(),
            "wording": self._writer.statistics(),
            "chat_model": self._chat_model.statistics(),
            "recommender": self.recommender.statistics(),
        }


class LateReader:
    """The `Reader` port from the first moment on: who asks while models and places by name are loaded
    waits a little for them, and is read by what there is then. `asked` is set once somebody asks."""

    def __init__(self) -> None:
        self._reader = ModelReader((), Gazetteer(()))
        self._begun, self._knows_places = trio.Event(), trio.Event()
        self.asked = trio.Event()

    def begin(self, reader: ModelReader) -> None:
        self._reader = reader
        self._begun.set()

    def know_places(self, reader: ModelReader) -> None:
        self._reader = reader
        self._knows_places.set()

    def may_be_prompt(self, text: str) -> bool:
        return may_be_prompt(text)

    async def read(self, text: str, setting: Setting) -> Understanding:
        self.asked.set()
        if not self._knows_places.is_set():
            with trio.move_on_after(FOR_PLACES):
                await self._begun.wait()
                await self._knows_places.wait()
        return await self._reader.read(text, setting)

    def statistics(self) -> Mapping[str, int]:
        return self._reader.statistics()


class LateWriter:
    """The `Writer` port from the first moment on."""

    def __init__(self) -> None:
        self._ladder: Ladder | None = None
        self._begun = trio.Event()

    def begin(self, ladder: Ladder) -> None:
        self._ladder = ladder
        self._begun.set()

    async def write(
        self, plan: Plan, *, read_at: float, send: Callable[[str], None], room_id: str
    ) -> Worded:
        await self._begun.wait()
        if self._ladder is None:
            raise Unavailable
        return await self._ladder.write(plan, read_at=read_at, send=send, room_id=room_id)

    def statistics(self) -> Mapping[str, int | float]:
        return {} if self._ladder is None else self._ladder.statistics()


class LoggedTrends:
    """The `PriceTrends` port over what was quoted. Borrows: the quotes."""

    def __init__(self, quotes: Quotes) -> None:
        self._quotes = quotes

    async def trend(self, tenant_id: int, query: Query) -> Trend | None:
        found = trend_of(await self._quotes.daily_lows(tenant_id, query))
        return None if found is None else Trend(change=found.change, days=found.days)


def rungs(chat_model: Rung, templates: Templates) -> list[Rung]:
    """Who words, from the top: what a card's author wrote for this very moment, the model, what in the card is merely
    alike, and templates."""
    card, passages = RetrievedRung(is_first=True), RetrievedRung()
    return [card, chat_model, passages, TemplateRung(templates)]


def _models(folder: Path) -> list[IntentModel]:
    """Best first; without any, rules read alone, and say so. `folder`: what `make models` made."""
    found: list[IntentModel] = []
    loaders: tuple[Callable[[], IntentModel], ...] = (partial(load_heads, folder), load_ngrams)
    for load in loaders:
        try:
            found.append(load())
        except EncoderMissing as missing:
            _log.info("understanding.no_encoder", reason=str(missing))
        except ModelDamaged as damage:
            _log.warning("understanding.no_model", reason=str(damage))
    return found


def _tower() -> Tower | None:
    """None: there is none that can be used, and operators see why."""
    try:
        return load_tower()
    except TowerDamaged as damage:
        _log.warning("recommender.no_tower", reason=str(damage))
        return None


def _places() -> tuple[Gazetteer, Mapping[Iata, Place]]:
    """All of them, and destinations by the code of their city. Two seconds, in a thread."""
    found = list(in_slices(entries(PLACES.read_bytes())))
    destinations = [entry.place for entry in found if entry.place.kind == "destination"]
    return Gazetteer(found, slices=in_slices), {
        place.iata: place for place in destinations if place.iata
    }
