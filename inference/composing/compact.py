"""The compact form: a plan as control tokens, for models that were made for it."""

from typing import Final

from inference.composing.lexicons import compact_lexicon, special_numbers
from inference.engine.chat_model import ChatModel
from inference.engine.folder import Folder
from inference.engine.request import Prompt
from inference.engine.sampler import Sampling
from inference.engine.servable import UnservableError
from inference.wording.compact import MAX_PROMPT, MAX_REPLY, compact_prompt
from inference.wording.completeness import Completeness
from protocol.wording import Act, Plan

WORDS: Final = "words.txt"
"""In a folder: all words of its corpus, one a line. The model then says no others: no name, and none that
its pieces would make up."""
MAX_WORDS: Final = 100_000

CALMLY: Final[dict[Act, tuple[float, float]]] = {
    "smalltalk": (0.2, 0.6),
    "welcome_thanks": (0.25, 0.75),
    "sorry": (0.25, 0.75),
}
"""Acts in which no fact holds a reply together: at most this temperature, and this top-p. Of 60 thanks and 60 apologies
eight made no sense as the manifest says to draw, and two drawn like this, 37 and 39 of them different."""

EVERY_OTHER: Final = frozenset[Act](("smalltalk",))
"""Acts of which half are worded here, and half by people: drawn so that it makes sense, a foodie's small talk is always
the same, whatever was asked. It is one prompt in forty of the load test."""


def listed_words(folder: Folder) -> list[str] | None:
    """None: the folder lists none. Raises `UnservableError` when the list is unreadable or too long."""
    if WORDS not in folder.manifest.files:
        return None
    try:
        words = (folder.path / WORDS).read_text("utf-8").split()
    except ValueError as error:
        raise UnservableError(f"{WORDS}: {error}") from error
    if len(words) > MAX_WORDS:
        raise UnservableError(f"{WORDS} has {len(words)} words, and may have {MAX_WORDS}")
    return words


class CompactComposer:
    """Composes for one model. A prompt is read in one run, so that no part of it is worth keeping.

    Raises `UnservableError` when the model has not the tokens or the room.
    """

    def __init__(self, model: ChatModel) -> None:
        manifest = model.folder.manifest
        if model.positions < MAX_PROMPT + MAX_REPLY:
            raise UnservableError(
                f"{model.positions} positions, where the compact form takes {MAX_PROMPT + MAX_REPLY}"
            )
        words = listed_words(model.folder)
        self._lexicon = compact_lexicon(model.tokenizer, model.vocabulary, model.ends, words)
        self._numbers = special_numbers(model.tokenizer)
        self._temperature, self._top_p = manifest.temperature, manifest.top_p

    def can_word(self, plan: Plan) -> bool:
        """In English, what the corpus is written in, every act; some not always."""
        return plan.language == "en" and (plan.act not in EVERY_OTHER or plan.seed % 2 == 0)

    def compose(self, plan: Plan) -> Prompt:
        return Prompt(
            tokens=[self._numbers[special] for special in compact_prompt(plan)],
            sampling=self._sampling(plan),
            max_tokens=MAX_REPLY,
            plan=plan,
            constraint=Completeness(self._lexicon, MAX_REPLY),
        )

    def _sampling(self, plan: Plan) -> Sampling:
        usual = self._temperature, self._top_p
        temperature, top_p = map(min, usual, CALMLY.get(plan.act, usual))
        return Sampling(temperature=temperature, top_p=top_p, seed=plan.seed)
