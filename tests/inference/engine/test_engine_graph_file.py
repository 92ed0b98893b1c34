"""The reader of ONNX files: whatever the bytes, a graph or a sentence."""

import contextlib
import tempfile
from pathlib import Path

from engine_stage import TINY
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.engine.graph_file import NotAGraphError, read_graph

WHOLE = (TINY / "model.onnx").read_bytes()


def read(content: bytes) -> None:
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        with contextlib.suppress(NotAGraphError):
            read_graph(Path(file.name))


def test_a_graph_is_read() -> None:
    graph = read_graph(TINY / "model.onnx")
    assert [node.op for node in graph.nodes].count("GroupQueryAttention") == 2
    assert graph.inputs["input_ids"].sizes == (None, None)
    assert graph.outputs["logits"].sizes == (None, 1, 320)
    assert graph.tensor_sizes["cos_cache"] == (256, 8)
    assert graph.integers["one"] == 1
    assert graph.files == set()


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes(content: bytes) -> None:
    read(content)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 20_000), st.integers(0, 255), st.integers(0, len(WHOLE)))
def test_a_damaged_graph(at: int, byte: int, end: int) -> None:
    # Nodes stand in front; the tensors behind them are passed over.
    read((WHOLE[:at] + bytes([byte]) + WHOLE[at + 1 :])[:end])
    read(WHOLE[:at] + bytes([byte]) + WHOLE[at + 1 :])
