"""The house stands as its plan says: charters, one way in, names that are ours alone."""

import ast
import importlib.metadata
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = [
    "actors",
    "commands",
    "core",
    "gateways",
    "inference",
    "loadtest",
    "protocol",
    "storage",
]


def modules() -> list[Path]:
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def test_every_package_states_its_charter_and_nothing_else() -> None:
    for path in modules():
        if path.name == "__init__.py":
            tree = ast.parse(path.read_text())
            assert ast.get_docstring(tree), f"{path} has no charter"
            assert len(tree.body) == 1, f"{path} holds code"


def test_every_module_says_what_it_is_for() -> None:
    for path in modules():
        assert ast.get_docstring(ast.parse(path.read_text())), f"{path} has no docstring"


def test_nobody_imports_main_and_only_main_imports_commands() -> None:
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text())):
            names = (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
            for name in names:
                assert name.split(".")[0] != "main", path
                inside = path.is_relative_to(ROOT / "commands")
                assert inside or name.split(".")[0] != "commands", path


def test_only_commands_read_the_environment() -> None:
    for path in modules():
        if not path.is_relative_to(ROOT / "commands"):
            text = path.read_text()
            # The load test and what makes models are programs of their own.
            is_apart = path.parts[-2] == "loadtest" or "training" in path.parts
            assert "os.environ" not in text or is_apart, path
            assert "os.getenv" not in text, path


def test_only_the_bridge_says_asyncio() -> None:
    bridge = ROOT / "storage" / "asyncio_bridge.py"
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import | ast.ImportFrom) and path != bridge:
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                module = node.module if isinstance(node, ast.ImportFrom) else None
                for name in [*names, module or ""]:
                    assert name.split(".")[0] not in {"asyncio", "uvloop", "anyio"}, path


PAGES = [
    "README.md",
    "docs/spec-map.md",
    "docs/runbook.md",
    *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs/adr").glob("*.md")),
]


@pytest.mark.parametrize("page", PAGES)
def test_every_path_that_a_page_names_exists(page: str) -> None:
    text = (ROOT / page).read_text()
    links = re.findall(r"\]\(([^)#:]+)\)", text)
    missing = [link for link in links if not ((ROOT / page).parent / link).exists()]
    folders = {path.name for path in ROOT.iterdir() if path.is_dir()} - {"web", "deploy"}
    named = re.findall(r"`([A-Za-z0-9_./-]+/[A-Za-z0-9_./-]*)`", text)
    ours = [name for name in named if name.split("/")[0] in folders]
    missing += [name for name in ours if not (ROOT / name).exists()]
    assert missing == []


@pytest.mark.parametrize("package", PACKAGES)
def test_no_other_distribution_owns_our_names(package: str) -> None:
    owners = importlib.metadata.packages_distributions().get(package, [])
    assert owners == [], f"{package} is also installed by {owners}"
