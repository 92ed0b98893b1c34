"""Which graphs the engine can serve: one decoder of GroupQueryAttention over a float32 cache, no window.

On CPUs that operator takes every row's own length from the mask, and lets past and present be one buffer:
the slot cache rests on both. What is refused here would run and answer nonsense, or not run at all.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inference.engine.graph_file import ELEMENT_NAMES, FLOAT, INT64, Graph, Node, Port

ATTENTION = "GroupQueryAttention"


class UnservableError(ValueError):
    """The folder cannot be served. Its words are the reason, for an operator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How a graph is fed: its sizes and the names of its ports."""

    model: Path
    layers: int
    kv_heads: int
    head_size: int
    vocabulary: int
    ends: frozenset[int]
    ids: str
    mask: str
    position_ids: str | None
    logits: str
    is_pruned: bool
    """The logits are those of the last position alone, [rows, 1, vocabulary]."""
    past: tuple[str, ...]
    """Layer by layer, key before value."""
    present: tuple[str, ...]


def check_window(window: Any, positions: int) -> None:
    """`sliding_window` of genai_config.json. One that is never left limits nothing and is let pass."""
    if window is None:
        return
    size = window.get("window_size") if isinstance(window, dict) else window
    slides = isinstance(window, dict) and (
        window.get("slide_key_value_cache") or window.get("slide_inputs")
    )
    if slides or not isinstance(size, int) or 0 < size < positions:
        raise UnservableError(
            f"its attention slides over a window of {size}: the cache of {positions} positions does not"
        )


def check_graph(graph: Graph, layout: Layout, positions: int) -> None:
    """Raises `UnservableError` with the first reason."""
    _check_ports(graph, layout)
    _check_attention(graph, layout, positions)
    _check_branches(graph, positions)


def _check_ports(graph: Graph, layout: Layout) -> None:
    fed = {layout.ids, layout.mask, *layout.past}
    if layout.position_ids is not None:
        fed.add(layout.position_ids)
    for name in graph.inputs:
        if name not in fed:
            raise UnservableError(f"the graph asks for '{name}', which the engine does not know")
    for name in sorted(fed - graph.inputs.keys()):
        raise UnservableError(f"the graph has no input '{name}'")
    for name in sorted(fed - set(layout.past)):
        _check_element(name, graph.inputs[name], INT64, "input")
    for name in layout.past:
        port = graph.inputs[name]
        _check_element(name, port, FLOAT, "cache")
        expected = (None, layout.kv_heads, None, layout.head_size)
        if len(port.sizes) != 4 or any(
            size is not None and wanted is not None and size != wanted
            for size, wanted in zip(port.sizes, expected, strict=True)
        ):
            raise UnservableError(f"'{name}' is shaped {port.sizes}, not as genai_config.json says")
    for name in (layout.logits, *layout.present):
        if name not in graph.outputs:
            raise UnservableError(f"the graph has no output '{name}'")
        _check_element(name, graph.outputs[name], FLOAT, "output")
    width = graph.outputs[layout.logits].sizes[-1:]
    if width not in ((None,), (layout.vocabulary,)):
        raise UnservableError(f"the logits are {width} wide, the vocabulary {layout.vocabulary}")


def _check_element(name: str, port: Port, wanted: int, what: str) -> None:
    if port.element != wanted:
        is_, must = (ELEMENT_NAMES.get(kind, str(kind)) for kind in (port.element, wanted))
        raise UnservableError(f"the {what} '{name}' is {is_}: {must} is served (export for cpu)")


def _check_attention(graph: Graph, layout: Layout, positions: int) -> None:
    reads = {name: node for node in graph.nodes for name in node.inputs}
    for name in layout.past:
        node = reads.get(name)
        if node is None or node.op != ATTENTION:
            raise UnservableError(
                f"'{name}' is read by {node.op if node else 'nothing'}: {ATTENTION} is served"
            )
        _check_one(graph, node, positions)
    extra = sum(node.op == ATTENTION for node in graph.nodes) - layout.layers
    if extra:
        raise UnservableError(f"{extra} attention(s) beside the {layout.layers} layers' own")


def _check_one(graph: Graph, node: Node, positions: int) -> None:
    if 0 < node.integers.get("local_window_size", -1) < positions:
        window = node.integers["local_window_size"]
        raise UnservableError(
            f"its attention slides over a window of {window}: the cache of {positions} positions does not"
        )
    for name in node.inputs[7:9]:  # the tables of rotary angles
        rows = graph.tensor_sizes.get(name, ())
        if rows and rows[0] < positions:
            raise UnservableError(f"its rotary angles end at {rows[0]} of {positions} positions")


def _check_branches(graph: Graph, positions: int) -> None:
    """LongRoPE chooses its angles by the mask's width, which is constant here: on one side of its
    border the choice is the same for all lengths, and right."""
    conditions = {node.outputs[0]: node for node in graph.nodes if node.outputs}
    for node in graph.nodes:
        if node.op in ("Loop", "Scan"):
            raise UnservableError(f"the graph has a {node.op}")
        if node.op == "If":
            condition = conditions.get(node.inputs[0])
            border = (
                graph.integers.get(condition.inputs[1])
                if condition is not None and condition.op == "Greater"
                else None
            )
            if border is None:
                raise UnservableError("the graph branches, by what is not understood")
            if positions > border:
                raise UnservableError(
                    f"its rotary angles change after {border} positions: ask for at most as many"
                )
