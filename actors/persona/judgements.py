"""What people think of answers: stored, learned from at once, and heeded in the very next answer."""

from collections.abc import Sequence
from typing import Final, Literal

import trio

from actors.persona.dialogue import Item
from actors.persona.hints import hints
from actors.persona.learner import Learner
from actors.persona.place_book import PlaceBook
from actors.persona.reasons import reason_against
from actors.persona.sitting import Sitting
from core.errors import Rejected
from core.ports.personas import Feedback, Run, Shown
from protocol.persona import Opened, Rated

ENDED_WITHIN: Final = 2.0


class Judgements:
    """Borrows: the sitting and its ports, and who learns tastes."""

    def __init__(self, sitting: Sitting, learner: Learner, book: PlaceBook) -> None:
        self._sitting, self._learner, self._book = sitting, learner, book
        self._ports = sitting.ports

    async def rated(self, user_id: str, rated: Rated) -> None:
        """Sets a state, however often. Raises `Rejected`: `not_found` for what no persona wrote or
        showed here, and `Unavailable`."""
        run, shown = await self._run(rated.message_id)
        one = _found(shown, rated.offer_id)
        if one is None and rated.offer_id is not None:
            raise _unknown("offerId", "There is no such offer.")
        await self._store(user_id, run, one, "rating", value=rated.value, reason=rated.reason)
        if one is not None:
            await self._heed(user_id, run, shown, one, rated)

    async def opened(self, user_id: str, opened: Opened) -> None:
        """Somebody looked at a card: a little in its favour. Raises as `rated` does."""
        run, shown = await self._run(opened.message_id)
        one = _found(shown, opened.card_id)
        if one is None:
            raise _unknown("cardId", "There is no such card in this message.")
        await self._store(user_id, run, one, "opened", value=1)

    async def _run(self, message_id: str) -> tuple[Run, Sequence[Shown]]:
        run = await self._ports.runs.of_message(self._ports.tenant_id, message_id)
        if run is None or run.room_id != self._sitting.room_id:
            raise Rejected("not_found", "There is no such message here.")
        ending = self._sitting.running.get(run.id)
        if ending is not None:
            # The message is there for all to see a moment before what it showed is stored.
            with trio.move_on_after(ENDED_WITHIN):
                await ending.over.wait()
        return run, await self._ports.runs.shown(self._ports.tenant_id, run.id)

    async def _store(
        self,
        user_id: str,
        run: Run,
        one: Shown | None,
        kind: Literal["rating", "opened"],
        *,
        value: Literal[-1, 0, 1],
        reason: str | None = None,
    ) -> None:
        """The row first: what is learned can be learned again from it."""
        feedback = Feedback(
            user_id=user_id,
            persona_id=run.persona_id,
            message_id=run.message_id,
            item_id=None if one is None else one.item_id,
            value=value,
            reason=reason,
            kind=kind,
            at=self._ports.clock.now_ms(),
            features=() if one is None else one.features,
            tower="" if one is None else one.tower,
        )
        await self._ports.feedbacks.set(self._ports.tenant_id, feedback)
        if one is not None:
            self._sitting.minds.note(feedback)
            await self._learner.relearn(run.persona_id, user_id)

    async def _heed(
        self, user_id: str, run: Run, shown: Sequence[Shown], one: Shown, rated: Rated
    ) -> None:
        """What was turned down is out of this room's talk with that persona; who turned it down hears
        why the next ones are others."""
        item = await self._item(one.item_id)
        if item is None:
            return
        minds, persona_id = self._sitting.minds, run.persona_id
        minds.put(persona_id, user_id, minds.get(persona_id, user_id))
        if rated.value >= 0:
            minds.take_back(persona_id, item)
            return
        others = [await self._item(other.item_id) for other in shown if other is not one]
        said = hints(rated.reason or "").twists
        because = reason_against(item, [other for other in others if other is not None], said)
        minds.turn_down(persona_id, item)
        own = minds.get(persona_id, user_id).learning(because, rated.message_id)
        minds.put(persona_id, user_id, own)

    async def _item(self, item_id: str) -> Item | None:
        """Of those shown lately, else from where it is stored."""
        item = self._sitting.minds.shown(item_id)
        if item is None:
            item = await self._ports.offers.get(self._ports.tenant_id, item_id)
        return item or await self._book.place(item_id)


def _found(shown: Sequence[Shown], item_id: str | None) -> Shown | None:
    return next((one for one in shown if item_id in (one.item_id, one.card_id)), None)


def _unknown(field: str, sentence: str) -> Rejected:
    return Rejected("not_found", sentence, fields=[(field, sentence)])
