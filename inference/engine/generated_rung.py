"""The top rung of the ladder of wording: the chat model."""

from typing import Protocol

import trio

from core.errors import Overloaded
from core.headroom import Headroom, Work
from inference.engine.chat_model import ChatModel
from inference.engine.request import Prompt, Request
from inference.engine.scheduler import Expired
from inference.engine.service import Engine
from inference.engine.vocabulary import Speech
from inference.wording.rung import Patience, Send, TooLate, Written
from protocol.wording import Plan, Tier


class Composer(Protocol):
    """Makes a model's prompts of plans, in the form that its folder names."""

    def can_word(self, plan: Plan, model: ChatModel) -> bool:
        """Whether this model was made for the plan's language and act. At once, in the trio thread."""

    def compose(self, plan: Plan, model: ChatModel) -> Prompt:
        """The prompt, with what holds the reply to the plan. In the engine's thread, so it computes and
        does nothing else; what it raises fails this reply."""


class _Words:
    """One reply's way from plan to prompt, and from tokens to text."""

    def __init__(self, composer: Composer, plan: Plan, send: Send) -> None:
        self._composer, self._plan, self._send = composer, plan, send
        self._speech: Speech | None = None
        self.is_personal = False

    def prepare(self, model: ChatModel) -> Prompt:
        """In the engine's thread, before any token."""
        self._speech = Speech(model.tokenizer)
        prompt = self._composer.compose(self._plan, model)
        self.is_personal = prompt.is_personal
        return prompt

    def take(self, token: int) -> None:
        if self._speech is not None and (text := self._speech.take(token)):
            self._send(text)


class GeneratedRung:
    """Words plans by whichever model is current when their turn comes.

    Borrows: the engine, and the headroom: without any, the next rung words. Its deadlines are the current
    model's (`caravan.json`).
    """

    name: str = "chat_model"
    tier: Tier = "generated"

    def __init__(
        self, engine: Engine[ChatModel], composer: Composer, headroom: Headroom | None = None
    ) -> None:
        self._engine = engine
        self._composer = composer
        self._headroom = headroom or Headroom()

    @property
    def patience(self) -> Patience:
        manifest = self._engine.model.folder.manifest
        return Patience(
            begin_within=manifest.prefill_within_ms / 1_000,
            first_within=manifest.first_within_ms / 1_000,
        )

    def can_word(self, plan: Plan) -> bool:
        return self._composer.can_word(plan, self._engine.model)

    async def write(self, plan: Plan, *, by: float, send: Send, room_id: str) -> Written:
        if not self._headroom.take(Work.WORDING):
            raise Overloaded
        words = _Words(self._composer, plan, send)
        within = self._engine.model.folder.manifest.reply_within_ms / 1_000
        request = Request(
            room_id=room_id,
            prepare=words.prepare,
            prefill_by=by,
            reply_by=trio.current_time() + within,
        )
        try:
            reply = await self._engine.reply(request, words.take)
        except Expired as late:
            raise TooLate from late
        return Written(
            model=reply.model.name,
            version=reply.model.version,
            tokens=len(reply.tokens),
            is_personal=words.is_personal,
        )
