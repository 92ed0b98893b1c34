"""The page about the model: its figures, how it was trained, and a blind table beside the templates."""

import random
import re
from collections.abc import Mapping, Sequence
from typing import Final

from inference.engine.chat_model import ChatModel
from inference.training.chat.judging import MEANINGS, table, verdicts
from inference.wording.templates import Templates
from protocol.wording import Plan

_SLOT: Final = re.compile(r"\{([^{}]*)\}")


def page(
    model: ChatModel,
    figures: Mapping[str, float],
    said: Sequence[tuple[Plan, str]],
    templates: Templates,
    *,
    seed: int,
) -> str:
    """Markdown."""
    manifest = model.folder.manifest
    size = sum(file.stat().st_size for file in model.folder.path.iterdir()) / 1e6
    notes = "\n".join(f"| {name} | {value} |" for name, value in manifest.notes.items())
    rows, key = blind(said, templates, seed)
    return f"""# The chat model

Written by `python -m inference.training.chat gate --pairs docs/chat-model.md`; do not edit it.

`{manifest.name}` {manifest.version}: {size:.1f} MB, form `{manifest.form}`, temperature
{manifest.temperature}. It words acts in English, with placeholders that the server fills; `make train` makes
another one like it (`inference/training/chat/`), and `gate` judges it.

## How it was trained

| | |
| --- | --- |
{notes}

## What the gate says

```
{table(figures)}
```

{_verdict(figures)}

Plans are of all voices and acts, and held out: their control tokens are in no training prompt.

## Fifty pairs

One column of a row is the model, the other the templates, for the same plan; which is which changes by the
row and stands below the table. Placeholders are as they are written.

| | voice, act | A | B |
| --- | --- | --- | --- |
{rows}

<details><summary>Which is the model</summary>

{key}

</details>
"""


def _verdict(figures: Mapping[str, float]) -> str:
    wrong = verdicts(figures)
    if not wrong:
        return "Every limit is kept."
    told = ", ".join(f"`{name}` ({MEANINGS[name]})" for name in wrong)
    return f"Not kept: {told}. The server masks what its plans have not, whatever a model prefers."


def blind(said: Sequence[tuple[Plan, str]], templates: Templates, seed: int) -> tuple[str, str]:
    """Rows of a table, and the key."""
    dice = random.Random(seed)  # noqa: S311 - a shuffle, no secret
    rows, key = [], []
    for number, (plan, text) in enumerate(said, 1):
        columns = [_cell(text), _cell(templates.write(plan))]
        is_first = dice.random() < 0.5
        first, second = columns if is_first else columns[::-1]
        rows.append(f"| {number} | {plan.voice}, {plan.act} | {first} | {second} |")
        key.append(f"{number} {'A' if is_first else 'B'}")
    return "\n".join(rows), ", ".join(key)


def _cell(text: str) -> str:
    return _SLOT.sub(r"`\1`", text).replace("|", "\\|")
