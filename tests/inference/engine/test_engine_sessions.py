"""Sessions are made in one place, and nothing is reported home."""

import ast
import subprocess
import sys
from pathlib import Path

from engine_stage import TINY

ROOT = Path(__file__).parents[3]

LOADS_AND_LISTS = """
import os, sys
from pathlib import Path
from inference.engine.chat_model import load_model
load_model(Path(sys.argv[1]))
print([str(path) for path in Path(os.environ["HOME"]).rglob("*")])
"""


def test_onnxruntime_is_imported_in_one_place() -> None:
    importing = []
    for path in (ROOT / "inference").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
            if any(name.split(".")[0] == "onnxruntime" for name in names):
                importing.append(str(path.relative_to(ROOT)))
    assert importing == ["inference/onnx.py"]


def test_loading_a_model_leaves_nothing_at_home(tmp_path: Path) -> None:
    """With its defaults, onnxruntime opens a database of what it will report below ~/.cache."""
    ran = subprocess.run(
        [sys.executable, "-c", LOADS_AND_LISTS, str(TINY)],
        cwd=ROOT,
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.stdout.strip() == "[]", ran.stderr
