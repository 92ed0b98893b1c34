"""A model folder's own chat template (`tokenizer_config.json`, `chat_template`), rendered as transformers
does: by jinja2, here in its sandbox, for a folder is somebody else's."""

import json
from datetime import UTC, datetime
from typing import Any, Final, NoReturn

from jinja2.exceptions import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from inference.engine.folder import Folder
from inference.engine.servable import UnservableError

CONFIG: Final = "tokenizer_config.json"
TEMPLATE: Final = "chat_template.jinja"
"""Where newer exports have it."""
MAX_TEMPLATE: Final = 256 * 1024


class ChatTemplate:
    """What a system message and a user's become. Raises `UnservableError` when the folder has none, or one
    that cannot be rendered."""

    def __init__(self, folder: Folder) -> None:
        config = _config(folder)
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
        )
        environment.filters["tojson"] = _tojson
        environment.globals["raise_exception"] = _raise
        environment.globals["strftime_now"] = _strftime_now
        self._names = {name: _token(config, name) for name in ("bos_token", "eos_token")}
        self._has_system = True
        try:
            self._template = environment.from_string(_source(folder, config))
        except TemplateError as error:
            raise UnservableError(f"its chat template cannot be read: {error}") from error
        self._check()

    def render(self, system: str, user: str) -> str:
        """Up to where the model begins to speak."""
        messages = [{"role": "system", "content": system}, {"role": "user", "content": user}]
        if not self._has_system:
            messages = [{"role": "user", "content": f"{system}\n\n{user}"}]
        return self._template.render(
            messages=messages,
            add_generation_prompt=True,
            enable_thinking=False,
            **self._names,
        )

    def _check(self) -> None:
        """Some templates know no system message; all must say what they were given, in order."""
        for self._has_system in (True, False):
            try:
                text = self.render("<system>", "<user>")
            except Exception as error:  # whatever somebody else's template may do
                reason = f"{type(error).__name__}: {error}"
                continue
            if -1 < text.find("<system>") < text.find("<user>"):
                return
            reason = "it leaves out what it was given"
        raise UnservableError(f"its chat template cannot be used: {reason}")


def _config(folder: Folder) -> dict[str, Any]:
    if CONFIG not in folder.manifest.files:
        raise UnservableError(f"the chat form needs {CONFIG}, with its sha256 in caravan.json")
    try:
        config = json.loads((folder.path / CONFIG).read_text("utf-8"))
    except ValueError as error:
        raise UnservableError(f"{CONFIG}: {error}") from error
    if not isinstance(config, dict):
        raise UnservableError(f"{CONFIG} is no object")
    return config


def _source(folder: Folder, config: dict[str, Any]) -> str:
    found = config.get("chat_template")
    if isinstance(found, list):
        found = next(
            (
                one.get("template")
                for one in found
                if isinstance(one, dict) and one.get("name") == "default"
            ),
            None,
        )
    if found is None and TEMPLATE in folder.manifest.files:
        found = (folder.path / TEMPLATE).read_text("utf-8")
    if not isinstance(found, str) or not 0 < len(found) <= MAX_TEMPLATE:
        raise UnservableError(f"the chat form needs 'chat_template' in {CONFIG}")
    return found


def _token(config: dict[str, Any], name: str) -> str:
    token = config.get(name)
    if isinstance(token, dict):
        token = token.get("content")
    return token if isinstance(token, str) else ""


def _tojson(value: Any, **options: Any) -> str:
    return json.dumps(value, ensure_ascii=False, **options)


def _raise(message: str) -> NoReturn:
    raise TemplateError(message)


def _strftime_now(form: str) -> str:
    return datetime.now(UTC).strftime(form)
