"""core/ports/inference.Reader: rules for what is said, a small model for what is meant, the dialogue as prior.

The encoder reads where it is there and good enough for the language, else the n-grams do, else rules alone.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

import msgspec
import trio

from core.headroom import Headroom, Work
from inference.understanding.cues import NAMES
from inference.understanding.dialogue import (
    as_put,
    bare_wish,
    in_plain_words,
    in_setting,
    plain_answer,
)
from inference.understanding.filter import may_be_prompt
from inference.understanding.folding import WORD, blanked, fold, words_of
from inference.understanding.gazetteer import Gazetteer
from inference.understanding.intents import IntentModel, Mark, Scores
from inference.understanding.language import is_foreign_script, is_in, language_of, tells
from inference.understanding.neighbours import is_of_neighbour
from inference.understanding.signs import without_persona
from inference.understanding.slots import Recognised, beginning, recognised
from inference.understanding.whom import Put, surely_put
from inference.understanding.word_lists import COMMON
from protocol.understanding import INTENTS, Intent, Language, Setting, Slots, Understanding

__all__ = ["IntentModel", "Mark", "ModelReader", "Scores"]

SILENT: Final = frozenset[Intent]({"human_chatter", "greet", "thanks", "smalltalk", "out_of_scope"})
"""What these say of places and days nobody will act upon."""

LATE_AFTER: Final = 0.08
"""Seconds that a message waits for the models' thread: an answer begins within 0.15, however it was read."""

AT_ONCE: Final = 300
"""Letters that are read without a thread, in two milliseconds: more than people write to a persona."""

MAX_NAME: Final = 2
"""Words of a lone name."""

SURELY_OTHERS: Final = 0.0025
"""How likely, at most, a message is for a persona whose asker is surely talking to people: log odds of -6. On two folds
of the hands that were left out, 8 of 11 that were chatter and looked like an answer were below, and 2 of 109 answers."""

LEAST_READ: Final = 0.4
"""Confidence below which what has no words of a language's own is in another one."""

OFF: Final = frozenset[Language]()
"""Languages in which less than 0.65 of intents are right, as the gate finds out: personas say in them that they do not
speak them well. None of the four."""

UNREAD: Final = 0.2
"""Confidence of an intent that rules alone guessed."""


class ModelReader:
    """Reads in one worker thread: models have no lock of their own. What that one has no time for, or what there is
    no headroom for, is read at once by what costs half a millisecond: the n-grams, which only look into their
    tables, and rules.

    `models`: best first; each reads the languages that it is good enough for. `off`: languages in which
    no model is good enough to act upon; they are read all the same, and `is_supported` says so. `worker`: of
    whoever else runs these models.
    """

    def __init__(
        self,
        models: Sequence[IntentModel],
        gazetteer: Gazetteer,
        *,
        off: frozenset[Language] = OFF,
        worker: trio.CapacityLimiter | None = None,
        headroom: Headroom | None = None,
    ) -> None:
        self._models = tuple(models)
        self._headroom = headroom or Headroom()
        self._gazetteer = gazetteer
        self._off = off
        self._worker = worker or trio.CapacityLimiter(1)
        self._quick = tuple(model for model in self._models if model.name == "ngrams")
        self._read = 0
        self._failed = 0
        self._late = 0

    def may_be_prompt(self, text: str) -> bool:
        """See `core.ports.inference.Reader`."""
        return may_be_prompt(text)

    async def read(self, text: str, setting: Setting) -> Understanding:
        """See `core.ports.inference.Reader`. About 1 ms with n-grams, 5 ms with the encoder."""
        self._read += 1
        if not self._headroom.take(Work.READING):
            return self._read_at_once(text, setting)
        read = partial(self._read_by, self._models, text, setting)
        with trio.move_on_after(LATE_AFTER):
            return await trio.to_thread.run_sync(read, limiter=self._worker, abandon_on_cancel=True)
        self._late += 1
        return self._read_at_once(text, setting)

    def statistics(self) -> Mapping[str, int]:
        """Messages read, how often a model raised, and how many would have waited too long for the best
        of them (`late`)."""
        return {"read": self._read, "failed": self._failed, "late": self._late}

    def read_sync(self, text: str, setting: Setting) -> Understanding:
        """What `read` does in its thread, in that of whoever calls it."""
        self._read += 1
        return self._read_by(self._models, text, setting)

    def _read_at_once(self, text: str, setting: Setting) -> Understanding:
        return self._read_by(self._quick, beginning(text, AT_ONCE), setting)

    def _read_by(self, models: Sequence[IntentModel], text: str, setting: Setting) -> Understanding:
        text = beginning(text)
        reading = self._read_as_ours(models, text, setting)
        if is_of_neighbour(text):
            return msgspec.structs.replace(reading, language="en", is_supported=False)
        is_guess = reading.confidence < LEAST_READ and reading.slots == Slots()
        if is_foreign_script(text) or (is_guess and not is_in(text, reading.language)):
            return msgspec.structs.replace(reading, is_supported=False)
        if setting.is_in_talk and not self._tells(text, setting, reading.language):
            return msgspec.structs.replace(reading, language=setting.language)
        return reading

    def _tells(self, text: str, setting: Setting, language: Language) -> bool:
        """Whether a talk goes on in this language: that of a lone word, or of a name, is not what somebody speaks."""
        if language == setting.language:
            return True
        said_to = without_persona(text, setting)
        said = recognised(said_to, setting, language=language, gazetteer=self._gazetteer)
        for mention in said.mentions:
            said_to = blanked(said_to, mention.start, mention.end)
        for word in WORD.finditer(said_to):
            if fold(word[0]) in NAMES:
                said_to = blanked(said_to, word.start(), word.end())
        return tells(said_to, language, against=setting.language)

    def _read_as_ours(
        self, models: Sequence[IntentModel], text: str, setting: Setting
    ) -> Understanding:
        said_to = without_persona(text, setting)
        language = language_of(said_to, default=setting.language)
        said = self._recognised(said_to, setting, language)
        if language != "en" and said.mentions:
            language = language_of(_without_names(said_to, said), default=setting.language)
        put = surely_put(text, setting, said.marks)
        reading = self._by_models(models, text, setting, said, language, put=put)
        answer = plain_answer(text, setting, said.slots, said.marks)
        if not setting.addressed and reading.addressed < SURELY_OTHERS:
            answer = None
        wish = bare_wish(reading.intent, text, setting, said.slots, said.marks)
        plain = as_put(reading.intent, put) or in_plain_words(reading.intent, text, setting)
        if answer is None and wish is None and plain is None:
            return reading
        intent, confidence = answer or wish or plain or (reading.intent, reading.confidence)
        if intent == reading.intent:
            confidence = max(confidence, reading.confidence)
        return Understanding(
            language=language,
            intent=intent,
            confidence=confidence,
            second=(reading.intent, reading.confidence)
            if reading.intent != intent
            else reading.second,
            # Who was asked and answers with just that is talking to whoever asked.
            addressed=max(reading.addressed, confidence) if answer else reading.addressed,
            slots=said.slots,
            reader=reading.reader,
            is_supported=reading.is_supported,
        )

    def _recognised(self, text: str, setting: Setting, language: Language) -> Recognised:
        """What the rules see. A name that is no word, alone, from who is alone with a persona, is a place as
        if that had been asked: in a group it may be somebody's."""
        said = recognised(text, setting, language=language, gazetteer=self._gazetteer)
        if said.marks or setting.people > 1 or setting.asked is not None:
            return said
        words = words_of(text)
        if not 1 <= len(words) <= MAX_NAME or any(word in COMMON for word in words):
            return said
        asked = msgspec.structs.replace(setting, asked="destination")
        return recognised(text, asked, language=language, gazetteer=self._gazetteer)

    def _by_models(
        self,
        models: Sequence[IntentModel],
        text: str,
        setting: Setting,
        said: Recognised,
        language: Language,
        *,
        put: Put | None,
    ) -> Understanding:
        slots, marks = said.slots, said.marks
        for model in models:
            if language not in model.languages:
                continue
            try:
                scores = in_setting(model.scores(text, setting, marks=marks), setting, put)
            except Exception:
                # A model that fails is a bug or a bad file: the next one reads, and operators see it.
                self._failed += 1
                continue
            return self._understood(scores, model, slots, language)
        addressed = 0.9 if setting.addressed or setting.people == 1 else 0.3
        return Understanding(
            language=language,
            intent=_by_rules(slots),
            confidence=UNREAD,
            addressed=addressed,
            slots=slots,
            reader="rules",
            is_supported=language not in self._off,
        )

    def _understood(
        self, scores: Scores, model: IntentModel, slots: Slots, language: Language
    ) -> Understanding:
        best, second = sorted(range(len(INTENTS)), key=lambda at: -scores.intents[at])[:2]
        intent = INTENTS[best]
        return Understanding(
            language=language,
            intent=intent,
            confidence=scores.intents[best],
            second=(INTENTS[second], scores.intents[second]),
            addressed=scores.addressed,
            slots=Slots() if intent in SILENT else slots,
            reader=model.name,
            is_supported=language not in self._off,
        )


def _without_names(text: str, said: Recognised) -> str:
    """Without the places that are written as in English: "Tenerife hotel" is not Spanish for its place."""
    for mention in said.mentions:
        if fold(text[mention.start : mention.end]) == fold(mention.place.name):
            text = blanked(text, mention.start, mention.end)
    return text


def _by_rules(slots: Slots) -> Intent:
    """Who names where from is after a flight; a place alone, or nothing, is a wish to hear of one."""
    if slots.origin and slots.destination:
        return "search_flight"
    return "ask_destination"
