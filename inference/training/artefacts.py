"""How what was learned is stored: arrays in one file, and beside it a manifest that says which."""

import json
from collections.abc import Mapping
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import numpy as np

MANIFEST: Final = "manifest.json"


def packed(arrays: Mapping[str, Any]) -> bytes:
    """By their names, compressed."""
    into = BytesIO()
    np.savez_compressed(into, **arrays)
    return into.getvalue()


def identity(body: bytes) -> dict[str, str]:
    """What a manifest says of its file."""
    digest = sha256(body).hexdigest()
    return {"sha256": digest, "version": digest[:12]}


def save(folder: Path, file: str, body: bytes, manifest: Mapping[str, Any]) -> None:
    """Both, in place of what was there."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / file).write_bytes(body)
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", "utf-8")
