"""Chat models in folders beside the server: found, promoted, proved, rolled back."""

import os
import shutil
from pathlib import Path

import pytest
import trio
from own_models import changed, write_compact

from commands.chat_versions import ELSEWHERE, FOLDER, ChatVersions
from commands.wire_chat_model import ServedChatModel
from core.chance import SystemChance
from core.clock import SystemClock
from core.ports.models import Model
from storage.memory.models import MemoryModels


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_compact(tmp_path_factory.mktemp("models") / "chat")


class World:
    """A server with `configured` or nothing, and a data directory."""

    def __init__(self, data_dir: Path, configured: Path | None) -> None:
        self.place = data_dir / FOLDER
        self.models = MemoryModels()
        self.served = ServedChatModel(configured, chance=SystemChance())
        self.versions = ChatVersions(
            self.models,
            self.served.use,
            data_dir=data_dir,
            clock=SystemClock(),
            tenant_id=1,
        )

    def put(self, made: Path, name: str, **fields: object) -> Path:
        self.place.mkdir(exist_ok=True)
        return changed(Path(shutil.copytree(made, self.place / name)), name=name, **fields)

    async def rows(self) -> dict[str, Model]:
        await self.versions.look()
        return {
            row.version.rpartition("-")[0]: row for row in await self.models.versions(1, "chat")
        }

    async def promote(self, version: str) -> None:
        row = (await self.rows())[version]
        await self.models.promote(1, "chat", row.version, at=1, by="operator")
        await self.versions.look()


async def begun(world: World, nursery: trio.Nursery) -> None:
    """Once what was configured is loaded, if anything was."""
    nursery.start_soon(world.served.run)
    await trio.testing.wait_all_tasks_blocked()
    async with world.served._changing:
        pass


async def test_a_folder_is_a_candidate_and_changes_nothing(
    nursery: trio.Nursery, tmp_path: Path, made: Path
) -> None:
    world = World(tmp_path, made)
    assert await world.rows() == {}
    world.put(made, "other")
    (world.place / "empty").mkdir()
    (world.place / "broken").mkdir()
    (world.place / "broken" / "caravan.json").write_text("{")
    await begun(world, nursery)
    for _ in range(2):
        rows = await world.rows()
        assert [(name, row.state) for name, row in rows.items()] == [("other-1", "candidate")]
    assert rows["other-1"].why == f"found in {FOLDER}/other"
    assert world.served.words == "tiny-compact 1"
    nursery.cancel_scope.cancel()


async def test_it_is_promoted_and_rolled_back_while_the_server_runs(
    nursery: trio.Nursery, tmp_path: Path, made: Path
) -> None:
    world = World(tmp_path, made)
    world.put(made, "other")
    await begun(world, nursery)
    await world.promote("other-1")
    assert world.served.words == "other 1"
    await world.models.roll_back(1, "chat", at=2)
    await world.versions.look()
    assert world.served.words == "tiny-compact 1"
    assert world.versions.troubles == {}
    nursery.cancel_scope.cancel()


async def test_a_server_without_a_model_takes_one_and_gives_it_up(
    nursery: trio.Nursery, tmp_path: Path, made: Path
) -> None:
    world = World(tmp_path, None)
    world.put(made, "other")
    await begun(world, nursery)
    assert world.served.words == "templates"
    await world.promote("other-1")
    assert world.served.words == "other 1"
    await world.models.roll_back(1, "chat", at=2)
    await world.versions.look()
    assert world.served.words == "templates"
    await world.promote("other-1")
    assert world.served.words == "other 1"
    nursery.cancel_scope.cancel()


async def test_one_that_is_taken_back_is_gone_though_what_was_configured_cannot_be_served(
    nursery: trio.Nursery, tmp_path: Path, made: Path
) -> None:
    """Templates worded before it, and do so again."""
    configured = Path(shutil.copytree(made, tmp_path / "configured"))
    (configured / "tokenizer.json").write_text("{}")
    world = World(tmp_path, configured)
    world.put(made, "other")
    await begun(world, nursery)
    before = world.served.words
    assert before.startswith("templates (chat model refused: the sha256 of tokenizer.json")
    await world.promote("other-1")
    assert world.served.words == "other 1"
    await world.models.roll_back(1, "chat", at=2)
    await world.versions.look()
    assert (world.served.words, world.versions.troubles) == (before, {})
    await world.promote("other-1")
    assert world.served.words == "other 1"
    nursery.cancel_scope.cancel()


async def test_one_that_cannot_be_served_changes_nothing_and_says_why(
    nursery: trio.Nursery, tmp_path: Path, made: Path
) -> None:
    world = World(tmp_path, made)
    broken = world.put(made, "broken")
    (broken / "tokenizer.json").write_text("{}")
    await begun(world, nursery)
    await world.promote("broken-1")
    assert world.served.words == "tiny-compact 1"
    why = world.versions.troubles["chat"]
    assert "sha256 of tokenizer.json" in why
    # Its files were still on their way.
    shutil.copy(made / "tokenizer.json", broken / "tokenizer.json")
    await world.versions.look()
    assert (world.served.words, world.versions.troubles) == ("broken 1", {})
    nursery.cancel_scope.cancel()


async def test_one_that_could_not_be_served_is_no_trouble_once_it_was_rolled_back(
    nursery: trio.Nursery, tmp_path: Path, made: Path
) -> None:
    world = World(tmp_path, made)
    broken = world.put(made, "broken")
    (broken / "tokenizer.json").write_text("{}")
    await begun(world, nursery)
    await world.promote("broken-1")
    assert "sha256 of tokenizer.json" in world.versions.troubles["chat"]
    await world.models.roll_back(1, "chat", at=2)
    await world.versions.look()
    assert (world.served.words, world.versions.troubles) == ("tiny-compact 1", {})
    nursery.cancel_scope.cancel()


async def test_what_is_on_another_node_is_waited_for(
    nursery: trio.Nursery, tmp_path: Path, made: Path
) -> None:
    world = World(tmp_path, made)
    folder = world.put(made, "other")
    await begun(world, nursery)
    (row,) = (await world.rows()).values()
    shutil.move(folder, tmp_path / "away")
    await world.models.promote(1, "chat", row.version, at=1, by="operator")
    await world.versions.look()
    assert (world.served.words, world.versions.troubles) == ("tiny-compact 1", {"chat": ELSEWHERE})
    shutil.move(tmp_path / "away", folder)
    await world.versions.look()
    assert (world.served.words, world.versions.troubles) == ("other 1", {})
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("name", "field"), [("nul", "a\0b"), ("escape", "\x1b[2J"), ("break", "one\n")]
)
async def test_a_name_that_no_row_could_hold_or_no_terminal_show_is_refused(
    name: str, field: str, tmp_path: Path, made: Path
) -> None:
    world = World(tmp_path, None)
    world.put(made, "other")
    changed(world.put(made, name), version=field)
    assert list(await world.rows()) == ["other-1"]


async def test_a_folder_may_be_called_by_bytes_that_are_no_text(tmp_path: Path, made: Path) -> None:
    world = World(tmp_path, None)
    world.put(made, "other").rename(Path(os.fsdecode(os.fsencode(world.place) + b"/mod\xe8le")))
    rows = await world.rows()
    assert rows["other-1"].why.encode() == f"found in {FOLDER}/mod?le".encode()


async def test_a_place_that_cannot_be_read_changes_nothing_and_says_why(
    nursery: trio.Nursery, tmp_path: Path, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error here would end the server, which runs its jobs again ten times a minute and no more."""
    world = World(tmp_path, made)
    world.put(made, "other")
    await begun(world, nursery)
    await world.promote("other-1")

    def denied(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    with monkeypatch.context() as changes:
        changes.setattr(Path, "iterdir", denied)
        await world.versions.look()
        assert world.served.words == "other 1"
        assert "Permission denied" in world.versions.troubles["chat"]
        await world.models.roll_back(1, "chat", at=2)
        await world.versions.look()
        assert world.served.words == "tiny-compact 1"
    assert "Permission denied" in world.versions.troubles["chat"]
    await world.versions.look()
    assert world.versions.troubles == {}
    nursery.cancel_scope.cancel()
