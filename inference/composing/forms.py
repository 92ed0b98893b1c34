"""The composer of the server: each loaded model has its form, made when it is loaded."""

from pathlib import Path
from typing import Protocol
from weakref import WeakKeyDictionary

from inference.composing.chat import ChatComposer
from inference.composing.compact import CompactComposer
from inference.engine.chat_model import ChatModel, load_model
from inference.engine.request import Prompt
from inference.engine.servable import UnservableError
from protocol.wording import Plan


class Form(Protocol):
    """How one model is asked."""

    def can_word(self, plan: Plan) -> bool: ...

    def compose(self, plan: Plan) -> Prompt: ...


def form_of(model: ChatModel) -> Form:
    """In the form that the model's folder names. Up to seconds of work: call it in a thread. Raises
    `UnservableError` with the reason."""
    match model.folder.manifest.form:
        case "compact":
            return CompactComposer(model)
        case "chat":
            return ChatComposer(model)


class FormComposer:
    """The `Composer` of `GeneratedRung`. Models come to it by `load`, the engine's loader."""

    def __init__(self) -> None:
        self._forms: WeakKeyDictionary[ChatModel, Form] = WeakKeyDictionary()

    def load(self, path: Path) -> ChatModel:
        """A model that was proved, and of whose form everything was. In a thread; raises
        `UnservableError`."""
        model = load_model(path)
        self._forms[model] = form_of(model)
        return model

    def can_word(self, plan: Plan, model: ChatModel) -> bool:
        form = self._forms.get(model)
        return form is not None and form.can_word(plan)

    def compose(self, plan: Plan, model: ChatModel) -> Prompt:
        form = self._forms.get(model)
        if form is None:
            raise UnservableError("the model was not loaded by this composer")
        return form.compose(plan)
