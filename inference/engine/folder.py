"""A model folder: read, checked whole, and refused with the reason when it cannot be served.

The format is onnxruntime-genai's (`genai_config.json`, `model.onnx` with or without data beside it,
`tokenizer.json`), so that what its builder exports can be dropped in; `caravan.json` beside it says what
is ours: version, prompt form, deadlines, sha256 of every file, golden prompts.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from inference.engine.graph_file import Graph, NotAGraphError, read_graph
from inference.engine.servable import Layout, UnservableError, check_graph, check_window

OURS = "caravan.json"
THEIRS = "genai_config.json"
TOKENIZER = "tokenizer.json"

Form = Literal["compact", "chat"]
Milliseconds = Annotated[int, Meta(ge=1, le=600_000)]
Name = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f-\x9f]+\Z")]
"""For a row and a terminal: on one line, without control characters."""


class Golden(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A prompt that a good copy of the model answers greedily with `reply`, as far as that goes. The
    exporter ends a reply where two tokens are so close that another processor's rounding decides."""

    prompt: Annotated[tuple[int, ...], Meta(min_length=1, max_length=4_096)]
    reply: Annotated[tuple[int, ...], Meta(max_length=48)] = ()


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`caravan.json`. `positions`: prompt and reply together, per slot of the cache. `prefill_within_ms`,
    `first_within_ms`: after the prompting frame was read; `reply_within_ms`: after prefill began."""

    format: Literal[1] = 1
    name: Name
    version: Name
    form: Form
    positions: Annotated[int, Meta(ge=16, le=32_768)]
    files: Annotated[dict[str, str], Meta(max_length=64)]
    golden: Annotated[tuple[Golden, ...], Meta(max_length=16)]
    golden_within_ms: Milliseconds = 10_000
    prefill_within_ms: Milliseconds = 120
    first_within_ms: Milliseconds = 150
    reply_within_ms: Milliseconds = 5_000
    temperature: Annotated[float, Meta(ge=0.0, le=2.0)] = 0.7
    top_p: Annotated[float, Meta(gt=0.0, le=1.0)] = 1.0
    notes: dict[str, str] = {}
    """What the maker wants to be known: when, from what, which gates it passed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    path: Path
    manifest: Manifest
    layout: Layout

    @property
    def tokenizer(self) -> Path:
        return self.path / TOKENIZER


def read_folder(path: Path) -> Folder:
    """Everything but the sessions. Reads every byte of the model: call it in a thread.

    Raises `UnservableError` with the reason, in words for an operator.
    """
    manifest = _manifest(path)
    _check_files(path, manifest)
    config = _json(path / THEIRS)
    model = _mapping(config, "model", THEIRS)
    for part in ("encoder", "vision", "speech", "embedding"):
        if part in model:
            raise UnservableError(f"the model has a part '{part}': only a lone decoder is served")
    decoder = _mapping(model, "decoder", THEIRS)
    if "pipeline" in decoder:
        raise UnservableError("the decoder is split into a pipeline of graphs: one is served")
    check_window(decoder.get("sliding_window"), manifest.positions)
    if (context := _integer(model, "context_length")) < manifest.positions:
        raise UnservableError(
            f"{OURS} asks for {manifest.positions} positions, the model has {context}"
        )
    graph = _graph(path / _string(decoder, "filename"), manifest)
    layout = _layout(path, model, decoder, graph)
    check_graph(graph, layout, manifest.positions)
    return Folder(path=path, manifest=manifest, layout=layout)


def _manifest(path: Path) -> Manifest:
    for name in (OURS, THEIRS, TOKENIZER):
        if not (path / name).is_file():
            raise UnservableError(f"{name} is missing")
    try:
        return msgspec.json.decode((path / OURS).read_bytes(), type=Manifest)
    except msgspec.DecodeError as error:  # of its values too
        raise UnservableError(f"{OURS}: {error}") from error


def _check_files(path: Path, manifest: Manifest) -> None:
    for name in (THEIRS, TOKENIZER):
        if name not in manifest.files:
            raise UnservableError(f"{OURS} has no sha256 of {name}")
    for name, expected in manifest.files.items():
        if Path(name).name != name:
            raise UnservableError(f"{OURS} names a file outside the folder: {name}")
        if not (path / name).is_file():
            raise UnservableError(f"{name} is missing")
        with (path / name).open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != expected:
                raise UnservableError(f"the sha256 of {name} is not the one in {OURS}")


def _graph(path: Path, manifest: Manifest) -> Graph:
    if path.name not in manifest.files:
        raise UnservableError(f"{OURS} has no sha256 of {path.name}")
    try:
        graph = read_graph(path)
    except NotAGraphError as error:
        raise UnservableError(f"{path.name}: {error}") from error
    for name in sorted(graph.files):
        # Whatever onnxruntime is going to read was checked.
        if name not in manifest.files:
            raise UnservableError(f"{OURS} has no sha256 of {name}")
    return graph


def _layout(
    path: Path, model: Mapping[str, Any], decoder: Mapping[str, Any], graph: Graph
) -> Layout:
    inputs = _mapping(decoder, "inputs", THEIRS)
    outputs = _mapping(decoder, "outputs", THEIRS)
    layers = _integer(decoder, "num_hidden_layers")
    logits = _string(outputs, "logits")
    sizes = graph.outputs[logits].sizes if logits in graph.outputs else ()
    positions = inputs.get("position_ids")
    vocabulary = _integer(model, "vocab_size")
    return Layout(
        model=path / _string(decoder, "filename"),
        layers=layers,
        kv_heads=_integer(decoder, "num_key_value_heads"),
        head_size=_integer(decoder, "head_size"),
        vocabulary=vocabulary,
        ends=_ends(model.get("eos_token_id"), vocabulary),
        ids=_string(inputs, "input_ids"),
        mask=_string(inputs, "attention_mask"),
        position_ids=positions if positions in graph.inputs else None,
        logits=logits,
        is_pruned=len(sizes) == 3 and sizes[1] == 1,
        past=_per_layer(inputs, "past", layers),
        present=_per_layer(outputs, "present", layers),
    )


def _ends(ids: Any, vocabulary: int) -> frozenset[int]:
    ends = frozenset(ids if isinstance(ids, list) else [ids])
    if not ends or not all(isinstance(end, int) for end in ends):
        raise UnservableError(f"{THEIRS} has no 'eos_token_id'")
    for end in sorted(ends):
        if not 0 <= end < vocabulary:
            raise UnservableError(f"'eos_token_id' {end} is none of its {vocabulary} tokens")
    return ends


def _per_layer(ports: Mapping[str, Any], time: str, layers: int) -> tuple[str, ...]:
    key, value = _string(ports, f"{time}_key_names"), _string(ports, f"{time}_value_names")
    try:
        return tuple(name % layer for layer in range(layers) for name in (key, value))
    except TypeError as error:
        raise UnservableError(f"{THEIRS}: no place for the layer in '{key}', '{value}'") from error


def _json(path: Path) -> Mapping[str, Any]:
    try:
        read = json.loads(path.read_bytes())
    except ValueError as error:
        raise UnservableError(f"{path.name} is no JSON") from error
    if not isinstance(read, dict):
        raise UnservableError(f"{path.name} is no JSON object")
    return read


def _mapping(parent: Mapping[str, Any], key: str, file: str) -> Mapping[str, Any]:
    value = parent.get(key)
    if not isinstance(value, dict):
        raise UnservableError(f"{file} has no section '{key}'")
    return value


def _integer(parent: Mapping[str, Any], key: str) -> int:
    value = parent.get(key)
    if not isinstance(value, int) or value < 1:
        raise UnservableError(f"{THEIRS} has no '{key}'")
    return value


def _string(parent: Mapping[str, Any], key: str) -> str:
    value = parent.get(key)
    if not isinstance(value, str):
        raise UnservableError(f"{THEIRS} has no '{key}'")
    return value
