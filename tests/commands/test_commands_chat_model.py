"""The chat model beside a server: late, refused, crashed; templates answer all the while."""

import threading
from pathlib import Path

import pytest
import trio
from own_models import write_chat, write_compact
from structlog.testing import capture_logs

from commands.wire_chat_model import LateGeneratedRung, ServedChatModel
from commands.wire_personas import rungs
from core.chance import SystemChance
from core.config import DEFAULT_CHAT_MODEL
from core.restart_policy import RestartIntensity
from inference.composing.forms import FormComposer
from inference.engine.chat_model import ChatModel
from inference.engine.service import ThreadDrive
from inference.wording.template_rung import TemplateRung
from inference.wording.templates import Templates
from inference.wording.writer import Ladder
from protocol.wording import Plan

TEMPLATES = TemplateRung(Templates.load())
QUICK = RestartIntensity(intensity=1_000, period=60.0, backoff_first=0.01, backoff_most=0.02)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_compact(tmp_path_factory.mktemp("models") / "chat")


def served(folder: Path | None) -> tuple[ServedChatModel, Ladder]:
    model = ServedChatModel(folder, chance=SystemChance(), intensity=QUICK)
    return model, Ladder([model.rung, TEMPLATES])


async def author(ladder: Ladder, language: str = "en") -> tuple[str, str]:
    """Tier and model of one answer, which comes whatever happens."""
    pieces: list[str] = []
    worded = await ladder.write(
        Plan(act="greet", voice="local", language=language, facts={"user": "Ana"}),  # type: ignore[arg-type]
        read_at=trio.current_time(),
        send=pieces.append,
        room_id="r",
    )
    assert "".join(pieces).strip()
    return worded.tier, worded.model


async def until_generated(ladder: Ladder) -> None:
    with trio.fail_after(20):
        while (await author(ladder))[0] != "generated":
            await trio.sleep(0.01)


async def test_templates_answer_until_the_model_is_there(
    nursery: trio.Nursery, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_load = threading.Event()
    load = FormComposer.load

    def slowly(self: FormComposer, path: Path) -> ChatModel:
        may_load.wait(20)
        return load(self, path)

    monkeypatch.setattr(FormComposer, "load", slowly)
    model, ladder = served(folder)
    nursery.start_soon(model.run)
    await trio.testing.wait_all_tasks_blocked()
    assert await author(ladder) == ("template", "templates")
    assert "being loaded" in model.words
    may_load.set()
    await until_generated(ladder)
    assert await author(ladder) == ("generated", "tiny-compact")
    assert await author(ladder, "de") == ("template", "templates")
    assert model.words == "tiny-compact 1"
    statistics = model.statistics()
    assert (statistics["loaded"], statistics["engine_restarts"]) == (1, 0)
    assert statistics["served"] == ladder.statistics()["chat_model_written"] == 2
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize("folder", [None, DEFAULT_CHAT_MODEL])
async def test_without_a_model_templates_answer(
    nursery: trio.Nursery, folder: Path | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "is_dir", lambda self: False)
    model, ladder = served(folder)
    nursery.start_soon(model.run)
    await trio.testing.wait_all_tasks_blocked()
    assert await author(ladder) == ("template", "templates")
    assert model.words == "templates"
    assert model.statistics() == {"loaded": 0, "engine_restarts": 0}
    assert ladder.statistics()["generated"] == 0
    nursery.cancel_scope.cancel()


def test_the_model_stands_below_what_a_card_has_for_the_moment_and_above_all_else() -> None:
    ladder = rungs(LateGeneratedRung(), Templates.load())
    assert [(rung.name, rung.tier) for rung in ladder] == [
        ("card", "retrieved"),
        ("chat_model", "generated"),
        ("passages", "retrieved"),
        ("templates", "template"),
    ]


async def test_a_model_that_is_given_up_words_nothing_until_one_is_used_again(
    nursery: trio.Nursery, folder: Path
) -> None:
    model, ladder = served(None)
    nursery.start_soon(model.run)
    for _ in range(2):
        await model.use(folder)
        await until_generated(ladder)
        await model.use(None)
        assert await author(ladder) == ("template", "templates")
    nursery.cancel_scope.cancel()


async def test_a_folder_that_cannot_be_served_is_named_once_with_the_reason(
    nursery: trio.Nursery, tmp_path: Path
) -> None:
    model, ladder = served(tmp_path)
    with capture_logs() as logs, trio.fail_after(20):
        nursery.start_soon(model.run)
        while "refused" not in model.words:
            await trio.sleep(0.01)
        for _ in range(3):
            assert await author(ladder) == ("template", "templates")
    assert model.words == "templates (chat model refused: caravan.json is missing)"
    assert [(line["event"], line["reason"]) for line in logs] == [
        ("wording.chat_model_refused", "caravan.json is missing")
    ]
    nursery.cancel_scope.cancel()


async def test_whatever_is_wrong_with_a_folder_the_server_goes_on(
    nursery: trio.Nursery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: FormComposer, path: Path) -> ChatModel:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(FormComposer, "load", broken)
    model, ladder = served(tmp_path)
    with trio.fail_after(20):
        nursery.start_soon(model.run)
        while "refused" not in model.words:
            await trio.sleep(0.01)
    assert model.words == "templates (chat model refused: PermissionError)"
    assert await author(ladder) == ("template", "templates")
    nursery.cancel_scope.cancel()


async def test_an_engine_that_crashes_comes_back_while_templates_answer(
    nursery: trio.Nursery, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, ladder = served(folder)
    nursery.start_soon(model.run)
    await until_generated(ladder)
    turns = ThreadDrive._turns
    monkeypatch.setattr(ThreadDrive, "_turns", lambda *_: None)  # its thread ends, again and again
    assert model._engine is not None
    drive = model._engine._drive
    assert isinstance(drive, ThreadDrive)
    drive._is_over = True  # and so does the one that runs
    drive.wake()
    with trio.fail_after(20):
        while model.statistics()["engine_restarts"] < 3:
            tier, _ = await author(ladder)
            await trio.sleep(0.005)
    assert tier == "template"
    monkeypatch.setattr(ThreadDrive, "_turns", turns)
    await until_generated(ladder)
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize("form", ["compact", "chat"])
async def test_only_a_model_with_the_chat_prompt_reads_cards(
    nursery: trio.Nursery, folder: Path, tmp_path: Path, form: str
) -> None:
    model, _ = served(folder if form == "compact" else write_chat(tmp_path / "chat"))
    assert not model.reads_cards
    nursery.start_soon(model.run)
    with trio.fail_after(20):
        while model.words.startswith("templates"):
            await trio.sleep(0.01)
    assert model.reads_cards == (form == "chat")
