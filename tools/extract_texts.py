"""Collect every sentence that people may read, for the catalogues in core/locales.

`python tools/extract_texts.py` writes core/locales/caravan.pot anew, brings the language files to
the same keys, and prints what is left to translate.
"""

import ast
import re
import sys
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import Final

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po

ROOT: Final = Path(__file__).parents[1]
LOCALES: Final = ROOT / "core" / "locales"
PACKAGES: Final = ("protocol", "core", "actors", "gateways", "storage", "inference")
TEXT_AT: Final[Mapping[str, int]] = {
    "Rejected": 1,
    "Refused": 1,
    "FieldProblem": 1,
    "Unavailable": 0,
    "Overloaded": 0,
    "sentence": 0,
}
"""The callables that take a sentence, and at which place."""

NOT_OURS: Final = (
    ROOT / "gateways" / "sandbox",
    ROOT / "inference" / "training",
    ROOT / "inference" / "composing" / "instructions.py",
    *(ROOT / "actors" / "persona").glob("phrases_*.py"),
)
"""Speak in English: as foreign companies do, to programs; to who makes models; to a model. Or are written
in each of a persona's languages."""

_SENTENCE: Final = re.compile(r"[A-Z]\S* [^\n]*[.!?]\Z")


def texts_of_tree() -> dict[str, list[str]]:
    """Sentence → the files that say it, both in order. An f-string where a sentence belongs cannot
    be translated: it ends the program."""
    found: dict[str, list[str]] = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            if any(path.is_relative_to(place) for place in NOT_OURS):
                continue
            for text in _texts(ast.parse(path.read_text(encoding="utf-8"))):
                places = found.setdefault(text, [])
                place = str(path.relative_to(ROOT))
                if place not in places:
                    places.append(place)
    return found


def _texts(tree: ast.Module) -> Iterator[str]:
    """What the known callables are given, and every literal that looks like a sentence: many are
    told through a variable, a table or a return value."""
    silent = set(_not_for_people(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _last_name(node.func) in TEXT_AT:
            yield from _literals(_argument(node, TEXT_AT[_last_name(node.func)], "text"))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from [node.value] if node not in silent and _SENTENCE.match(node.value) else []


def _not_for_people(tree: ast.Module) -> Iterator[ast.AST]:
    """Docstrings, parts of f-strings, and what programmers' errors say."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr | ast.JoinedStr):
            yield from node.values if isinstance(node, ast.JoinedStr) else [node.value]
        elif isinstance(node, ast.Call) and _last_name(node.func).endswith(("Error", "Exit")):
            yield from ast.walk(node)


def _argument(call: ast.Call, place: int, name: str) -> ast.expr | None:
    if len(call.args) > place:
        return call.args[place]
    return next((keyword.value for keyword in call.keywords if keyword.arg == name), None)


def _literals(node: ast.expr | None) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from _literals(node.body)
        yield from _literals(node.orelse)
    elif isinstance(node, ast.JoinedStr):
        raise SystemExit(f"line {node.lineno}: cannot be translated: {ast.unparse(node)}")


def _last_name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _written(language: str | None, found: Mapping[str, object], known: Mapping[str, str]) -> bytes:
    """A catalogue without dates and line numbers, so that it changes only when texts do."""
    catalog = Catalog(locale=language)
    for text in found:
        catalog.add(text, known.get(text, ""))
    body = BytesIO()
    write_po(body, catalog, width=100, omit_header=True, sort_output=True)
    head = f'msgid ""\nmsgstr ""\n"Language: {language or ""}\\n"\n'
    head += '"Content-Type: text/plain; charset=utf-8\\n"\n"Content-Transfer-Encoding: 8bit\\n"\n\n'
    return head.encode() + body.getvalue()


def _read(file: Path) -> dict[str, str]:
    if not file.exists():
        return {}
    with file.open("rb") as stream:
        return {
            str(each.id): str(each.string) for each in read_po(stream) if each.id and each.string
        }


def main() -> int:
    """Write the template and the languages; 1 when something is left to translate."""
    found = texts_of_tree()
    (LOCALES / "caravan.pot").write_bytes(_written(None, found, {}))
    missing = 0
    for folder in sorted(path for path in LOCALES.iterdir() if path.is_dir()):
        file = folder / "caravan.po"
        known = _read(file)
        file.write_bytes(_written(folder.name, found, known))
        for text in found:
            if text not in known:
                missing += 1
                print(f"{folder.name}: {text}")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
