"""The chat model on the ladder: its words filled and judged, and the templates when it is late or fails."""

import numpy as np
import pytest
import trio
from engine_stage import TINY
from no_headroom import NoHeadroom
from tokenizers import Tokenizer

from core.errors import Overloaded
from core.headroom import Work
from inference.engine.chat_model import ChatModel, load_model
from inference.engine.generated_rung import GeneratedRung
from inference.engine.request import Prompt
from inference.engine.sampler import FORBIDDEN, Mask
from inference.engine.service import Engine
from inference.engine.vocabulary import Speech
from inference.wording.rung import TooLate
from inference.wording.template_rung import TemplateRung
from inference.wording.templates import Templates
from inference.wording.writer import Ladder
from protocol.wording import Plan

TOKENIZER = Tokenizer.from_file(str(TINY / "tokenizer.json"))
PLAN = Plan(
    act="show_hotels",
    voice="local",
    language="en",
    facts={"offer.1.name": "Casa Müller", "offer.1.price": "€240 for 2 nights"},
)
WORDS = "Look – I like {offer.1.name}: {offer.1.price}."


class Spelling:
    """Lets the model say one text, and then end."""

    def __init__(self, model: ChatModel, text: str) -> None:
        self._left = [*model.tokenizer.encode(text).ids, *model.ends]
        self._vocabulary = model.vocabulary

    def start(self, plan: Plan) -> Mask:
        mask = np.full(self._vocabulary, FORBIDDEN, np.float32)
        mask[self._left.pop(0)] = 0
        return mask

    def advance(self, token: int) -> Mask:
        return self.start(PLAN)


class Composing:
    """Of any plan the same prompt; `says` is what the model is made to say."""

    def __init__(self, says: str = WORDS) -> None:
        self.says = says

    def can_word(self, plan: Plan, model: ChatModel) -> bool:
        return plan.language == "en"

    def compose(self, plan: Plan, model: ChatModel) -> Prompt:
        if self.says == "raise":
            raise RuntimeError("no prompt of this")
        constraint = Spelling(model, self.says)
        return Prompt(tokens=[0, 5, 6], plan=plan, constraint=constraint)


@pytest.fixture
async def engine(nursery: trio.Nursery) -> Engine[ChatModel]:
    engine = Engine(load_model(TINY), load=load_model)
    await nursery.start(engine.run)
    return engine


async def written(engine: Engine[ChatModel], composing: Composing) -> tuple[str, list[str]]:
    ladder = Ladder([GeneratedRung(engine, composing)])
    pieces: list[str] = []
    worded = await ladder.write(
        PLAN, read_at=trio.current_time() + 60, send=pieces.append, room_id="r"
    )
    assert (worded.tier, worded.version) == ("generated", "1")
    assert worded.model == "random-2x64"
    assert worded.tokens == len(TOKENIZER.encode(composing.says).ids)
    return "".join(pieces), pieces


async def test_what_the_model_says_is_filled_and_comes_in_pieces(
    engine: Engine[ChatModel],
) -> None:
    text, pieces = await written(engine, Composing())
    assert text == "Look – I like Casa Müller: €240 for 2 nights."
    assert len(pieces) > 5


async def test_a_request_that_is_late_is_too_late(engine: Engine[ChatModel]) -> None:
    rung = GeneratedRung(engine, Composing())
    with pytest.raises(Overloaded):
        await rung.write(PLAN, by=trio.current_time() - 1, send=print, room_id="r")
    engine._scheduler.submit = lambda request: None  # type: ignore[method-assign]  # its turn never comes
    engine._scheduler.expire = lambda request: True  # type: ignore[method-assign]
    with pytest.raises(TooLate):
        await rung.write(PLAN, by=trio.current_time(), send=print, room_id="r")


async def test_without_headroom_the_next_rung_words_and_nothing_is_wrong_with_the_model(
    engine: Engine[ChatModel],
) -> None:
    rung = GeneratedRung(engine, Composing(), NoHeadroom(Work.WORDING))
    ladder = Ladder([rung, TemplateRung(Templates.load())])
    worded = await ladder.write(
        PLAN, read_at=trio.current_time(), send=lambda text: None, room_id="r"
    )
    assert worded.tier == "template"
    numbers = ladder.statistics()
    assert (numbers["chat_model_refused"], numbers["chat_model_breaker"]) == (1, 0)
    assert engine.statistics()["served"] == 0


@pytest.mark.parametrize(
    "says",
    ["Only 5 rooms left at {offer.1.name}: {offer.1.price}.", "raise", "Take {offer.1.price}."],
)
async def test_what_may_not_be_said_is_an_error_of_the_rung(
    engine: Engine[ChatModel], says: str
) -> None:
    ladder = Ladder([GeneratedRung(engine, Composing(says))])
    pieces: list[str] = []
    with pytest.raises(Exception, match=r"unavailable|model_failed"):
        await ladder.write(PLAN, read_at=trio.current_time() + 60, send=pieces.append, room_id="r")
    assert "5" not in "".join(pieces)
    assert ladder.statistics()["chat_model_errors"] == 1


async def test_its_patience_is_the_model_s(engine: Engine[ChatModel]) -> None:
    patience = GeneratedRung(engine, Composing()).patience
    assert (patience.begin_within, patience.first_within) == (0.120, 0.150)


def test_speech_is_the_text_whole_characters_at_a_time() -> None:
    speech = Speech(TOKENIZER)
    ids = TOKENIZER.encode("Grüße – 東京 {offer.1.name}!").ids
    pieces = [speech.take(token) for token in ids]
    assert "".join(pieces) == "Grüße – 東京 {offer.1.name}!"
    assert not any("\ufffd" in piece for piece in pieces)
