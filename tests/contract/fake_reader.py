"""A reader without a model: it understands what it was told to."""

from collections.abc import Mapping

import trio

from protocol.understanding import Setting, Slots, Understanding

LOST = Understanding(
    language="en",
    intent="human_chatter",
    confidence=0.9,
    addressed=0.0,
    slots=Slots(),
    reader="rules",
)


class ScriptedReader:
    """The `Reader` port. `readings`: by text; what is not among them is talk between people. `settings`:
    those it was asked with, in order. `takes`: seconds for each."""

    def __init__(self, readings: Mapping[str, Understanding] | None = None) -> None:
        self.readings = dict(readings or {})
        self.settings: list[Setting] = []
        self.texts: list[str] = []
        self.takes = 0.003

    def may_be_prompt(self, text: str) -> bool:
        return not text.startswith("haha")

    async def read(self, text: str, setting: Setting) -> Understanding:
        self.texts.append(text)
        self.settings.append(setting)
        await trio.sleep(self.takes)
        return self.readings.get(text, LOST)
