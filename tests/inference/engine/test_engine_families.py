"""Folders of the real builder: what the engine says of them is what `transformers` says, token for token.

The models are tiny and random; `expected.json` beside each was written with `transformers` (for int4 with
onnxruntime-genai) by `python -m inference.training.export families`. With the training group installed it
is all made anew and compared.
"""

import hashlib
import importlib.util
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from engine_stage import MODELS
from fake_model import request

from inference.engine.chat_model import load_model
from inference.engine.folder import read_folder
from inference.engine.request import Reply, Request
from inference.engine.scheduler import Scheduler
from inference.engine.servable import UnservableError

NAMES = ["llama", "qwen", "qwen3", "qwen-int4", "phi", "phi-long"]
NEEDED = ["torch", "transformers", "onnxruntime_genai", "onnx"]


def said_together(
    path: Path, prompts: Sequence[list[int]], lengths: Sequence[int]
) -> list[list[int]]:
    """Greedy replies of those lengths, all prompts in one batch of three slots."""
    scheduler = Scheduler(load_model(path, slots=3), clock=lambda: 0.0)
    asked = [
        request(*prompt, room=f"{number}", max_tokens=max(1, length), within=99)
        for number, (prompt, length) in enumerate(zip(prompts, lengths, strict=True))
    ]
    for one in asked:
        scheduler.submit(one)
    outcomes: dict[Request, Reply] = {}
    while scheduler.has_work:
        for step in scheduler.turn():
            if step.outcome is not None:
                assert isinstance(step.outcome, Reply), step.outcome
                outcomes[step.request] = step.outcome
    return [
        [*outcomes[one].tokens, *([1] if outcomes[one].ended == "end" else [])][:length]
        for one, length in zip(asked, lengths, strict=True)
    ]


def check(path: Path) -> None:
    expected = json.loads((path / "expected.json").read_bytes())
    lengths = [len(reply) for reply in expected["replies"]]
    assert sum(lengths) > 60, "too little is compared"
    assert said_together(path, expected["prompts"], lengths) == expected["replies"]


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_of_the_builder_says_what_its_maker_says(name: str) -> None:
    check(MODELS / name)


@pytest.mark.parametrize("name", NAMES)
def test_its_data_lies_in_a_file_beside_it_and_is_checked(name: str, tmp_path: Path) -> None:
    folder = read_folder(MODELS / name)
    assert "model.onnx.data" in folder.manifest.files
    assert sum(file.stat().st_size for file in (MODELS / name).iterdir()) < 300_000
    for file in (MODELS / name).iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    with (tmp_path / "model.onnx.data").open("r+b") as data:
        data.seek(5_000)
        data.write(b"\x00\x01\x02\x03")
    with pytest.raises(UnservableError, match=r"sha256 of model\.onnx\.data"):
        read_folder(tmp_path)
    manifest = json.loads((tmp_path / "caravan.json").read_bytes())
    del manifest["files"]["model.onnx.data"]
    (tmp_path / "caravan.json").write_text(json.dumps(manifest))
    with pytest.raises(UnservableError, match=r"no sha256 of model\.onnx\.data"):
        read_folder(tmp_path)


def test_both_shapes_of_the_head_are_among_them() -> None:
    assert {read_folder(MODELS / name).layout.is_pruned for name in NAMES} == {True, False}


def test_angles_that_change_are_served_as_far_as_they_do_not(tmp_path: Path) -> None:
    for file in (MODELS / "phi-long").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    manifest = json.loads((tmp_path / "caravan.json").read_bytes())
    assert manifest["positions"] == 128
    manifest["positions"] = 129
    (tmp_path / "caravan.json").write_text(json.dumps(manifest))
    with pytest.raises(UnservableError, match="change after 128 positions"):
        load_model(tmp_path)


def test_a_phi_with_a_window_is_refused_below_it_and_served_within(tmp_path: Path) -> None:
    """As Phi-3-mini's own configuration has one."""
    for file in (MODELS / "phi").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    config = json.loads((tmp_path / "genai_config.json").read_bytes())
    for window, is_served in ((64, False), (192, True)):
        config["model"]["decoder"]["sliding_window"] = {
            "window_size": window,
            "slide_key_value_cache": False,
            "slide_inputs": False,
            "layers": [],
        }
        content = json.dumps(config).encode()
        (tmp_path / "genai_config.json").write_bytes(content)
        manifest = json.loads((tmp_path / "caravan.json").read_bytes())
        manifest["files"]["genai_config.json"] = hashlib.sha256(content).hexdigest()
        (tmp_path / "caravan.json").write_text(json.dumps(manifest))
        if is_served:
            check(tmp_path)
        else:
            with pytest.raises(UnservableError, match="window of 64"):
                load_model(tmp_path)


def sealed_by_hand(folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "inference.training.export", "seal", str(folder)]
    command += ["--name", "mine", "--version", "7", "--form", "chat", "--positions", "128"]
    return subprocess.run(
        [*command, *more], cwd=MODELS.parents[3], capture_output=True, text=True, check=False
    )


def test_an_exported_folder_is_sealed_from_the_command_line(tmp_path: Path) -> None:
    for file in (MODELS / "llama").iterdir():
        if file.name != "caravan.json":
            (tmp_path / file.name).write_bytes(file.read_bytes())
    ran = sealed_by_hand(tmp_path, "--first-within-ms", "2000")
    assert ran.returncode == 0, ran.stderr
    model = load_model(tmp_path)
    assert (model.name, model.version, model.positions) == ("mine", "7", 128)
    assert model.folder.manifest.first_within_ms == 2_000
    assert len(model.folder.manifest.golden) == 2
    check(tmp_path)

    refused = sealed_by_hand(tmp_path, "--positions", "1024")
    assert refused.returncode == 1
    assert "asks for 1024 positions, the model has 256" in refused.stderr
    assert not (tmp_path / "caravan.json").exists()


@pytest.mark.parametrize("name", ["llama", "qwen", "phi"])
def test_a_folder_built_now_says_what_its_maker_says(name: str, tmp_path: Path) -> None:
    missing = [module for module in NEEDED if importlib.util.find_spec(module) is None]
    if missing:
        pytest.skip(f"needs the training group: {', '.join(missing)} missing")
    from inference.training.export.genai import write_family

    write_family(name, tmp_path / name, seed=11)
    check(tmp_path / name)
