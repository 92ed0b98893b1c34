"""What an ONNX file consists of, read from its protobuf without the `onnx` package.

onnxruntime shows a graph's inputs and outputs, not its nodes; whether a graph can be served is in the
nodes. Field numbers are those of onnx.proto3 (IR 10); unknown fields are passed over. Tensors' contents
are skipped unread but for small integers.
"""

import mmap
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

FLOAT, INT64 = 1, 7
"""onnx.TensorProto.DataType of what the engine serves."""

ELEMENT_NAMES = {
    1: "float32",
    2: "uint8",
    3: "int8",
    6: "int32",
    7: "int64",
    10: "float16",
    16: "bfloat16",
}

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_EXTERNAL = 1


class NotAGraphError(ValueError):
    """The file is no ONNX model."""


@dataclass(slots=True)
class Node:
    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    integers: dict[str, int]
    """Integer attributes; one that is 0 may be absent."""


@dataclass(slots=True)
class Port:
    """An input or output of the graph. `sizes`: a symbolic dimension is None."""

    element: int
    sizes: tuple[int | None, ...]


@dataclass(slots=True)
class Graph:
    inputs: dict[str, Port] = field(default_factory=dict)
    outputs: dict[str, Port] = field(default_factory=dict)
    nodes: list[Node] = field(default_factory=list)
    """Those of subgraphs (the branches of an `If`) too."""
    tensor_sizes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """Of initializers and constants."""
    integers: dict[str, int] = field(default_factory=dict)
    """Initializers and constants that are one int64."""
    files: set[str] = field(default_factory=set)
    """Files beside the model that hold its tensors."""


def read_graph(path: Path) -> Graph:
    """The graph in `path`. Raises `NotAGraphError`, and `OSError` when the file cannot be read."""
    with path.open("rb") as file:
        if path.stat().st_size == 0:
            raise NotAGraphError("the file is empty")
        # Closed by the collector: an error on its way up still holds slices of it.
        view = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    graph = Graph()
    try:
        for number, value in _fields(view):
            if number == 7 and isinstance(value, memoryview):
                _read_graph(value, graph, is_outermost=True)
    except (IndexError, UnicodeDecodeError, struct.error, TypeError) as error:
        raise NotAGraphError("the file is no ONNX model, or a part of one") from error
    if not graph.nodes:
        raise NotAGraphError("the file holds no graph")
    return graph


def _fields(view: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """(field number, integer or bytes) in their order."""
    at = 0
    while at < len(view):
        key, at = _varint(view, at)
        kind = key & 7
        if kind == _VARINT:
            value, at = _varint(view, at)
            yield key >> 3, value
        elif kind == _BYTES:
            size, at = _varint(view, at)
            if at + size > len(view):
                raise IndexError("a field reaches past the end")
            yield key >> 3, view[at : at + size]
            at += size
        elif kind in (_FIXED32, _FIXED64):
            size = 4 if kind == _FIXED32 else 8
            yield key >> 3, view[at : at + size]
            at += size
        else:
            raise IndexError(f"wire type {kind}")


def _varint(view: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = view[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise IndexError("a number without an end")


def _signed(value: int) -> int:
    return value - (1 << 64) if value >= 1 << 63 else value


def _text(value: int | memoryview) -> str:
    if isinstance(value, int):
        raise TypeError("an integer where a text belongs: no ONNX model")
    return str(value, "utf-8")


def _read_graph(view: memoryview, graph: Graph, *, is_outermost: bool) -> None:
    for number, value in _fields(view):
        if not isinstance(value, memoryview):
            continue
        if number == 1:
            _read_node(value, graph)
        elif number == 5:
            _read_tensor(value, graph)
        elif number in (11, 12) and is_outermost:
            name, port = _read_port(value)
            (graph.inputs if number == 11 else graph.outputs)[name] = port


def _read_node(view: memoryview, graph: Graph) -> None:
    inputs, outputs, integers, op = [], [], {}, ""
    tensors = []
    for number, value in _fields(view):
        if number == 1:
            inputs.append(_text(value))
        elif number == 2:
            outputs.append(_text(value))
        elif number == 4:
            op = _text(value)
        elif number == 5 and isinstance(value, memoryview):
            name, integer, tensor = _read_attribute(value, graph)
            if integer is not None:
                integers[name] = integer
            if tensor is not None:
                tensors.append(tensor)
    if op == "Constant" and tensors and outputs:
        _read_tensor(tensors[0], graph, name=outputs[0])
    graph.nodes.append(Node(op, tuple(inputs), tuple(outputs), integers))


def _read_attribute(view: memoryview, graph: Graph) -> tuple[str, int | None, memoryview | None]:
    name, integer, tensor = "", None, None
    for number, value in _fields(view):
        if number == 1:
            name = _text(value)
        elif number == 3 and isinstance(value, int):
            integer = _signed(value)
        elif number == 5 and isinstance(value, memoryview):
            tensor = value
        elif number == 6 and isinstance(value, memoryview):
            _read_graph(value, graph, is_outermost=False)
    return name, integer, tensor


def _read_tensor(view: memoryview, graph: Graph, name: str = "") -> None:
    sizes: list[int] = []
    element, integer = 0, None
    is_external, entries = False, []
    for number, value in _fields(view):
        if number == 1:
            sizes += [value] if isinstance(value, int) else _packed(value)
        elif number == 2 and isinstance(value, int):
            element = value
        elif number == 7:
            packed = [value] if isinstance(value, int) else _packed(value)
            integer = _signed(packed[0]) if len(packed) == 1 else None
        elif number == 8:
            name = name or _text(value)
        elif number == 9 and element == INT64 and isinstance(value, memoryview) and len(value) == 8:
            integer = struct.unpack("<q", value)[0]
        elif number == 13 and isinstance(value, memoryview):
            entries.append(value)
        elif number == 14:
            is_external = value == _EXTERNAL
    graph.tensor_sizes[name] = tuple(sizes)
    if integer is not None and element == INT64:
        graph.integers[name] = integer
    if is_external:
        for entry in entries:
            pair = {number: _text(value) for number, value in _fields(entry)}
            if pair.get(1) == "location":
                graph.files.add(pair.get(2, ""))


def _packed(view: memoryview) -> list[int]:
    at, values = 0, []
    while at < len(view):
        value, at = _varint(view, at)
        values.append(value)
    return values


def _read_port(view: memoryview) -> tuple[str, Port]:
    name, element = "", 0
    sizes: list[int | None] = []
    for number, value in _fields(view):
        if number == 1:
            name = _text(value)
        elif number == 2 and isinstance(value, memoryview):
            for kind, tensor in _fields(value):
                if kind != 1 or not isinstance(tensor, memoryview):
                    continue  # a sequence or a map: its element stays 0, which nothing serves
                for part, content in _fields(tensor):
                    if part == 1 and isinstance(content, int):
                        element = content
                    elif part == 2 and isinstance(content, memoryview):
                        sizes = [_read_size(size) for _, size in _fields(content)]
    return name, Port(element, tuple(sizes))


def _read_size(view: int | memoryview) -> int | None:
    if isinstance(view, memoryview):
        for number, value in _fields(view):
            if number == 1 and isinstance(value, int):
                return value
    return None
