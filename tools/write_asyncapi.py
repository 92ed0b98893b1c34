"""Write docs/asyncapi.json and the generated part of docs/protocol.md.

`python tools/write_asyncapi.py` writes them; with `--check` it writes nothing and ends with 1 when
a file is not what the structs and the golden vectors say.
"""

import json
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from asyncapi_document import document  # noqa: E402
from asyncapi_page import with_maps  # noqa: E402

DOCUMENT: Final = ROOT / "docs" / "asyncapi.json"
PAGE: Final = ROOT / "docs" / "protocol.md"


def files() -> dict[Path, str]:
    """Each file and the text that it should have."""
    written = json.dumps(document(), ensure_ascii=False, indent=1) + "\n"
    return {DOCUMENT: written, PAGE: with_maps(PAGE.read_text(encoding="utf-8"))}


def stale() -> list[Path]:
    """The files whose text is another."""
    return [
        path
        for path, text in files().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]


def main(arguments: list[str]) -> int:
    if arguments == ["--check"]:
        for path in (late := stale()):
            print(
                f"{path.relative_to(ROOT)} is stale: python tools/write_asyncapi.py",
                file=sys.stderr,
            )
        return 1 if late else 0
    for path, text in files().items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
