"""A folder is loaded whole or refused with the reason."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from engine_stage import TINY

from inference.engine.chat_model import ChatModel, load_model
from inference.engine.folder import read_folder
from inference.engine.servable import UnservableError

Changed = Callable[..., Path]


@pytest.fixture
def changed(tmp_path: Path) -> Changed:
    """A copy of the tiny folder with changes, its sums right again unless told otherwise."""

    def make(
        *,
        config: dict[str, Any] | None = None,
        decoder: dict[str, Any] | None = None,
        ours: dict[str, Any] | None = None,
        graph: Callable[[bytes], bytes] | None = None,
    ) -> Path:
        path = tmp_path / "model"
        shutil.copytree(TINY, path, dirs_exist_ok=True)
        theirs = json.loads((path / "genai_config.json").read_bytes())
        theirs["model"] |= config or {}
        theirs["model"]["decoder"] |= decoder or {}
        (path / "genai_config.json").write_text(json.dumps(theirs))
        if graph is not None:
            (path / "model.onnx").write_bytes(graph((path / "model.onnx").read_bytes()))
        manifest = json.loads((path / "caravan.json").read_bytes())
        for name in manifest["files"]:
            manifest["files"][name] = hashlib.sha256((path / name).read_bytes()).hexdigest()
        (path / "caravan.json").write_text(json.dumps(manifest | (ours or {})))
        return path

    return make


def replaced(path: Path, name: str, content: bytes) -> Path:
    """The folder with another file of that name, and its sum."""
    (path / name).write_bytes(content)
    manifest = json.loads((path / "caravan.json").read_bytes())
    manifest["files"][name] = hashlib.sha256(content).hexdigest()
    (path / "caravan.json").write_text(json.dumps(manifest))
    return path


def refused(path: Path) -> str:
    with pytest.raises(UnservableError) as caught:
        load_model(path)
    return str(caught.value)


def element_of(name: str, element: int) -> Callable[[bytes], bytes]:
    """Another element type for the graph's input or output of that name."""

    def change(graph: bytes) -> bytes:
        at = graph.rindex(name.encode())  # ports stand after nodes and tensors
        at = graph.index(b"\x08\x01", at)
        return graph[: at + 1] + bytes([element]) + graph[at + 2 :]

    return change


def test_the_tiny_model_is_served() -> None:
    model = load_model(TINY)
    assert (model.name, model.version, model.positions) == ("random-2x64", "1", 256)
    assert model.ends == {1}
    assert model.folder.manifest.prefill_within_ms == 120


def test_deadlines_that_a_folder_does_not_name_are_120_and_150_ms(changed: Changed) -> None:
    path = changed()
    manifest = json.loads((path / "caravan.json").read_bytes())
    named = manifest.pop("prefill_within_ms"), manifest.pop("first_within_ms")
    (path / "caravan.json").write_text(json.dumps(manifest))
    found = read_folder(path).manifest
    assert (found.prefill_within_ms, found.first_within_ms) == named == (120, 150)


@pytest.mark.parametrize(
    "name", ["caravan.json", "genai_config.json", "tokenizer.json", "model.onnx"]
)
def test_a_missing_file(changed: Changed, name: str) -> None:
    path = changed()
    (path / name).unlink()
    assert refused(path) == f"{name} is missing"


@pytest.mark.parametrize("name", ["genai_config.json", "tokenizer.json", "model.onnx"])
def test_a_file_with_one_other_byte(changed: Changed, name: str) -> None:
    path = changed()
    read = bytearray((path / name).read_bytes())
    read[len(read) // 2] ^= 1
    (path / name).write_bytes(read)
    assert refused(path) == f"the sha256 of {name} is not the one in caravan.json"


@pytest.mark.parametrize("name", ["genai_config.json", "tokenizer.json", "model.onnx"])
def test_a_file_without_a_sum(changed: Changed, name: str) -> None:
    files = json.loads((TINY / "caravan.json").read_bytes())["files"]
    path = changed(ours={"files": {other: files[other] for other in files if other != name}})
    assert "sha256 of" in refused(path)


def test_a_file_outside_the_folder(changed: Changed) -> None:
    path = changed()
    manifest = json.loads((path / "caravan.json").read_bytes())
    manifest["files"]["../model/model.onnx"] = manifest["files"]["model.onnx"]
    (path / "caravan.json").write_text(json.dumps(manifest))
    assert "outside the folder" in refused(path)


@pytest.mark.parametrize(
    ("ours", "reason"),
    [
        ({"form": "verse"}, "Invalid enum value"),
        ({"format": 2}, "Invalid enum value"),
        ({"deadline": 3}, "unknown field"),
        ({"positions": 4}, ">= 16"),
        ({"positions": 300}, "asks for 300 positions, the model has 256"),
        ({"golden": []}, "no golden prompt"),
        ({"golden": [{"prompt": [5], "reply": [5, 5, 5]}]}, "answered otherwise"),
        ({"golden": [{"prompt": [5000], "reply": []}]}, "golden prompt 1 fails"),
        ({"golden": [{"prompt": [5] * 257, "reply": []}]}, "longer than the cache"),
        ({"golden_within_ms": 1}, "took"),
    ],
)
def test_a_manifest_that_does_not_hold(changed: Changed, ours: Any, reason: str) -> None:
    assert reason in refused(changed(ours=ours))


def test_a_golden_prompt_whose_numbers_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Though the token that is drawn is the right one."""
    nothing = np.full(3, np.nan, np.float32)
    monkeypatch.setattr(ChatModel, "logits", lambda self, row: nothing)
    assert refused(TINY) == "a golden prompt gives numbers that are none"


def test_a_manifest_that_is_no_json(changed: Changed) -> None:
    path = changed()
    (path / "caravan.json").write_text("{")
    assert refused(path).startswith("caravan.json: ")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"[]", "genai_config.json is no JSON object"),
        (b"{", "genai_config.json is no JSON"),
        (b"{}", "genai_config.json has no section 'model'"),
        (b'{"model": {}}', "genai_config.json has no section 'decoder'"),
    ],
)
def test_a_configuration_that_is_none(changed: Changed, content: bytes, reason: str) -> None:
    assert refused(replaced(changed(), "genai_config.json", content)) == reason


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"encoder": {"filename": "encoder.onnx"}}, "a part 'encoder'"),
        ({"vision": {}}, "a part 'vision'"),
        ({"context_length": None}, "no 'context_length'"),
        ({"eos_token_id": None}, "no 'eos_token_id'"),
        ({"eos_token_id": [1, 320]}, "'eos_token_id' 320 is none of its 320 tokens"),
        ({"eos_token_id": -1}, "'eos_token_id' -1 is none of its 320 tokens"),
        ({"vocab_size": 400}, "320"),
    ],
)
def test_a_model_of_more_than_a_decoder(changed: Changed, config: Any, reason: str) -> None:
    assert reason in refused(changed(config=config))


@pytest.mark.parametrize(
    ("decoder", "reason"),
    [
        ({"pipeline": [{}]}, "split into a pipeline"),
        ({"sliding_window": {"window_size": 128}}, "slides over a window of 128"),
        ({"sliding_window": 64}, "slides over a window of 64"),
        (
            {"sliding_window": {"window_size": 4096, "slide_key_value_cache": True}},
            "slides over a window",
        ),
        ({"num_key_value_heads": 4}, "not as genai_config.json says"),
        ({"head_size": 32}, "not as genai_config.json says"),
        ({"num_hidden_layers": 1}, "asks for 'past_key_values.1.key'"),
        ({"num_hidden_layers": 3}, "no input 'past_key_values.2.key'"),
        ({"filename": "other.onnx"}, "no sha256 of other.onnx"),
        ({"inputs": {}}, "no 'input_ids'"),
    ],
)
def test_a_decoder_that_is_not_served(changed: Changed, decoder: Any, reason: str) -> None:
    assert reason in refused(changed(decoder=decoder))


def test_a_window_that_is_never_left_limits_nothing(changed: Changed) -> None:
    load_model(changed(decoder={"sliding_window": {"window_size": 256, "layers": []}}))


@pytest.mark.parametrize(
    ("graph", "reason"),
    [
        (element_of("past_key_values.1.key", 10), "is float16: float32 is served"),
        (element_of("logits", 16), "is bfloat16: float32 is served"),
        (element_of("present.0.value", 10), "is float16"),
        (
            lambda graph: graph.replace(b"GroupQueryAttention", b"MultiHeadAttention_", 4),
            "is read by MultiHeadAttention_: GroupQueryAttention is served",
        ),
        (
            # (-1 and 64 take as many bytes, when 64 is written as nobody does)
            lambda graph: graph.replace(
                b"local_window_size\x18" + b"\xff" * 9 + b"\x01",
                b"local_window_size\x18\xc0" + b"\x80" * 8 + b"\x00",
            ),
            "slides over a window of 64",
        ),
        (lambda graph: graph.replace(b"attention_mask", b"attention_musk"), "'attention_musk'"),
        (lambda graph: graph[: len(graph) // 2], "or a part of one"),
        (lambda graph: b"", "empty"),
        (lambda graph: b"no graph at all", "no ONNX model"),
    ],
)
def test_a_graph_that_is_not_served(
    changed: Changed, graph: Callable[[bytes], bytes], reason: str
) -> None:
    assert reason in refused(changed(graph=graph))


def test_a_graph_that_onnxruntime_refuses(changed: Changed) -> None:
    path = changed(graph=lambda graph: graph.replace(b"MatMulNBits", b"MatMulMbits"))
    assert refused(path).startswith("it cannot be loaded: ")


def test_a_tokenizer_that_is_none(changed: Changed) -> None:
    path = replaced(changed(), "tokenizer.json", b"{}")
    assert refused(path).startswith("it cannot be loaded: ")


def test_what_is_read_is_what_is_fed() -> None:
    layout = read_folder(TINY).layout
    assert layout.past[:3] == (
        "past_key_values.0.key",
        "past_key_values.0.value",
        "past_key_values.1.key",
    )
    assert (layout.kv_heads, layout.head_size, layout.vocabulary) == (2, 16, 320)
    assert layout.is_pruned
    assert layout.position_ids is None
