"""The compact form: a plan as control tokens, for models that were made for it."""

from inference.composing.lexicons import compact_lexicon, special_numbers
from inference.engine.chat_model import ChatModel
from inference.engine.request import Prompt
from inference.engine.sampler import Sampling
from inference.engine.servable import UnservableError
from inference.wording.compact import MAX_PROMPT, MAX_REPLY, compact_prompt
from inference.wording.completeness import Completeness
from protocol.wording import Plan


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
        self._lexicon = compact_lexicon(model.tokenizer, model.vocabulary, model.ends)
        self._numbers = special_numbers(model.tokenizer)
        self._temperature, self._top_p = manifest.temperature, manifest.top_p

    def can_word(self, plan: Plan) -> bool:
        """Every act, in English: what the corpus is written in."""
        return plan.language == "en"

    def compose(self, plan: Plan) -> Prompt:
        return Prompt(
            tokens=[self._numbers[special] for special in compact_prompt(plan)],
            sampling=Sampling(temperature=self._temperature, top_p=self._top_p, seed=plan.seed),
            max_tokens=MAX_REPLY,
            plan=plan,
            constraint=Completeness(self._lexicon, MAX_REPLY),
        )
