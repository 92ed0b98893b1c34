"""The operators' page of models as tables."""

import io
from typing import Any

from rich.console import Console

from commands.models import WIDTH, show
from gateways.http.models import ModelPage, ModelVersion, RunView


def shown(**fields: Any) -> str:
    empty: dict[str, Any] = {
        "in_use": {},
        "troubles": {},
        "wording": {},
        "versions": [],
        "runs": [],
    }
    out = io.StringIO()
    show(ModelPage(**empty | fields), Console(file=out, width=WIDTH, color_system=None))
    return out.getvalue()


VERSION = ModelVersion(
    kind="prior",
    version="20260920-1a2b3c4d",
    digest="abcdef" * 10,
    state="shadow",
    why="[red]taken back[/red] by an operator",
    figures={"loss": 0.6123, "tags.coast.liked": 0.5},
    made_at=0,
    changed_at=1_789_873_200_000,
    promoted_at=None,
)
RUN = RunView(
    job="daily",
    number=7,
    node="node-1",
    due_at=1_789_873_200_000,
    started_at=0,
    seen_at=0,
    ended_at=2_500,
    outcome="skipped",
    why="3 people share",
    figures={"shown": 9.0, "kind.place.shown": 4.0},
)


def test_the_page_says_what_is_in_use_what_there_is_and_what_was_done() -> None:
    text = shown(
        in_use={"understanding": "encoder", "wording": "templates (chat model refused: no)"},
        troubles={"tower": "it cannot be used here"},
        wording={"generated": 7.0, "stale": 0.0},
        versions=[VERSION],
        runs=[RUN],
    )
    for words in (
        "templates (chat model refused: no)",
        "it cannot be used here",
        "20260920-1a2b3c4d",
        "shadow",
        "2026-09-20 03:00",
        "loss 0.6123",
        "daily 7",
        "skipped",
        "2.5 s",
        "3 people share",
        "shown 9",
    ):
        assert words in text, words
    # What nobody counted, and what is only of interest in the page itself.
    for words in ("stale", "tags.coast", "kind.place"):
        assert words not in text, words


def test_words_of_rows_are_no_markup() -> None:
    assert "[red]taken back[/red]" in shown(versions=[VERSION])


def test_without_a_server_there_are_the_rows_alone() -> None:
    text = shown(runs=[RUN])
    assert "In use here" not in text
    assert "Last runs" in text
